package verifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// releases call what releases the reference, on the edges that lead to the end.
func (a *analysis) releases(e *Error) (list []remedy) {
	if len(e.path.holds) == 0 {
		return nil
	}
	h := e.path.holds[0]
	var held *node
	is := func(n *node) bool {
		if n.held == h.id && n.kind != isDynptr && n.kind != isIter && n.off == 0 {
			held = n
			return true
		}
		return false
	}
	from := ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R1, B: ir.R0} // where it has just been acquired
	if r := a.holding(e, is); r != ir.None {
		from = ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R1, B: r}
	} else if at := a.stored(e, is); at != 0 {
		from = ir.Insn{Op: ir.OpLoad, Width: 64, Size: 8, Dst: ir.R1, Base: ir.R10, Disp: at}
	}
	if held == nil {
		held = a.acquired(h)
	}
	helper := a.releaser(held)
	if helper == nil {
		return nil
	}
	call, note := a.releaseText(h, held, from, helper)
	at := here(e)
	for _, edge := range a.edgesTo(at.fn, at.block) {
		p := copied(a.program)
		if !a.releaseOn(p, at.fn, edge, from, helper) {
			continue
		}
		blocks := a.program.Funcs[at.fn].Blocks
		u := blocks[edge[0]]
		last, first := u.Insns[len(u.Insns)-1].Pos, blocks[edge[1]].Insns[0].Pos
		where := fmt.Sprintf("on the way from %s to %s", a.place(last), a.place(first))
		if x, y := a.place(last), a.place(first); x == y {
			where = "before " + x
		}
		text := fmt.Sprintf("%s add `%s;`%s", where, call, note)
		list = append(list, remedy{p, Fix{int(first), a.program.Source(first), text}})
		if len(list) == maxFixTries {
			break
		}
	}
	return list
}

// releaseText is the call of the helper that releases what was acquired.
func (a *analysis) releaseText(h hold, held *node, from ir.Insn, helper *abi.Helper) (call, note string) {
	name := "p"
	if a.inC(h.pos) {
		if v := a.line(h.pos).assigned(); v != "" {
			name = v
		} else {
			note = fmt.Sprintf(", where p is what %s acquires", a.place(h.pos))
		}
	} else if from.Op == ir.OpMov {
		name = from.B.String()
	}
	call = helper.Name + "(" + name + strings.Repeat(", 0", helper.NumArgs()-1) + ")"
	if a.inC(h.pos) {
		call = "if (" + name + ") " + call
	}
	return call, note
}

// acquired is the value that a reference came with.
func (a *analysis) acquired(h hold) *node {
	for r := ref(1); r < a.n; r++ {
		if n := a.at(r); n.held == h.id && n.id == h.id && n.kind != isDynptr && n.kind != isIter {
			return n
		}
	}
	return nil
}

// releaser is a helper that releases what n is, with no other arguments than flags; of several the
// last that the set declares, which throws away and does not pass on.
func (a *analysis) releaser(n *node) (found *abi.Helper) {
	if n == nil {
		return nil
	}
	for i := range a.set.Helpers {
		h := &a.set.Helpers[i]
		if h.Flags&abi.FlagReleases == 0 || !a.typ.MayCall(h) {
			continue
		}
		first := h.Args[0]
		fits := n.kind == isMem && first == abi.ArgRecord
		if n.kind == isStruct && n.obj >= 0 && (first == abi.ArgStruct || first == abi.ArgStructOrNull) {
			s := &a.set.Structs[n.obj]
			fits = h.Structs[0] == "" || s.Name == h.Structs[0] || slices.Contains(s.Is, h.Structs[0])
		}
		for _, k := range h.Args[1:h.NumArgs()] {
			fits = fits && k == abi.ArgAny
		}
		if fits {
			found = h
		}
	}
	return found
}

// edgesTo are the edges on ways to a block, the nearest first; block 0 has one from itself that stands for the entry.
func (a *analysis) edgesTo(fn int32, block ir.BlockID) (list [][2]ir.BlockID) {
	preds := predecessors(a.program.Funcs[fn])
	seen := map[ir.BlockID]bool{block: true}
	for work := []ir.BlockID{block}; len(work) > 0 && len(list) < maxFixTries; work = work[1:] {
		for _, u := range preds[work[0]] {
			list = append(list, [2]ir.BlockID{u, work[0]})
			if !seen[u] {
				seen[u] = true
				work = append(work, u)
			}
		}
	}
	if len(list) == 0 {
		list = append(list, [2]ir.BlockID{block, block})
	}
	return list
}

// releaseOn puts the release on an edge. What the call destroys and is still needed is saved below
// the frame meanwhile. It reports false if there is no room for it.
func (a *analysis) releaseOn(p *ir.Program, fn int32, edge [2]ir.BlockID, from ir.Insn, h *abi.Helper) bool {
	f := p.Funcs[fn]
	u, v := f.Blocks[edge[0]], f.Blocks[edge[1]]
	live := a.live[a.first[fn]+a.facts[fn].Start[v.ID]] & ir.CallerRegs
	if edge[0] == edge[1] {
		live = ir.Bit(ir.R0)
	}
	var before, after []ir.Insn
	for r, at := ir.R0, a.scratch(fn); r <= ir.R5; r++ {
		if !live.Has(r) {
			continue
		}
		if len(before) == scratchSlots || at == 0 {
			return false
		}
		before, after, at = append(before, spill(r, at)), append(after, reload(r, at)), at+8
	}
	insns := append(append(before, from), a.callOf(p, h)...)
	insns = append(insns, after...)
	if edge[0] == edge[1] {
		insert(p, spotIn{fn, v.ID, len(v.Insns) - 1}, insns...)
		return true
	}
	b := &ir.Block{ID: ir.BlockID(len(f.Blocks)), Insns: append(insns, ir.Insn{Op: ir.OpJmp, Then: v.ID})}
	for i := range b.Insns {
		b.Insns[i].Pos = v.Insns[0].Pos
	}
	f.Blocks = append(f.Blocks, b)
	end := &u.Insns[len(u.Insns)-1]
	if end.Then == v.ID {
		end.Then = b.ID
	} else {
		end.Else = b.ID
	}
	return true
}

// callOf calls a helper with zeros behind its first argument.
func (a *analysis) callOf(p *ir.Program, h *abi.Helper) (insns []ir.Insn) {
	index := slices.IndexFunc(p.Helpers, func(g abi.Helper) bool { return g.Name == h.Name })
	if index < 0 {
		index = len(p.Helpers)
		p.Helpers = append(slices.Clone(p.Helpers), *h)
	}
	for i := 1; i < h.NumArgs(); i++ {
		insns = append(insns, ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R1 + ir.Reg(i)})
	}
	return append(insns, ir.Insn{Op: ir.OpCallHelper, Width: 64, Ref: ir.Ref{Kind: ir.RefHelper, Index: int32(index)}})
}
