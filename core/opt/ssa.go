package opt

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
)

// toSSA brings every function into SSA form. What functions read of R1 to R5 stays as it is.
func (p *program) toSSA() {
	calls := ir.NewCallArgs(p.out)
	for i := range p.out.Funcs {
		calls.OfFunc(int32(i))
	}
	for i, f := range p.out.Funcs {
		p.out.Funcs[i] = ToSSA(f, calls)
	}
}

// ToSSA is a function in SSA form: pruned, with parameters for registers that live into a block of several predecessors
// and have different values there, without moves between registers, and without critical edges. A register that is read without having a value on some way reads 0 there, as the meaning of the IR has
// it. f must be lowered, in register form; it is used up.
func ToSSA(f *ir.Func, calls *ir.CallArgs) *ir.Func {
	f = withOwnEntry(f)
	post, _ := ir.Postorder(f)
	b := &ssaBuilder{
		f: f, calls: calls, next: ir.FirstVirtual,
		live: ir.Liveness(f, post, calls.Of), preds: predecessors(f, post),
		ends: make([]values, len(f.Blocks)),
	}
	for i := len(post) - 1; i >= 0; i-- {
		b.block(f.Blocks[post[i]])
	}
	for _, x := range post {
		b.edges(f.Blocks[x])
	}
	b.dropTrivial(post)
	f.Virtual = int32(b.next - ir.FirstVirtual)
	slices.Sort(post)
	ir.Renumber(f, post)
	splitEdges(f)
	return f
}

// variables are the registers that become values: all but R10.
const variables = (ir.RegSet(1)<<14 - 1) &^ (1 << 10)

// values is the value of each register at one place, None if it has none.
type values [ir.T2 + 1]ir.Reg

// ssaBuilder is a function on its way.
type ssaBuilder struct {
	f     *ir.Func
	calls *ir.CallArgs
	next  ir.Reg
	live  []ir.RegSet
	preds [][]ir.BlockID
	ends  []values // at the end of blocks
	now   values
	insns []ir.Insn
	zero  ir.Reg   // a value that is 0, made in the entry if one is needed
	same  []ir.Reg // by virtual register: what it is the same as, None if it is itself
}

// withOwnEntry puts a block before the first one, if others lead there.
func withOwnEntry(f *ir.Func) *ir.Func {
	for _, b := range f.Blocks {
		succs, n := b.Succs()
		if slices.Contains(succs[:n], 0) {
			return shifted(f)
		}
	}
	return f
}

func shifted(f *ir.Func) *ir.Func {
	out := *f
	first := f.Blocks[0].Insns[0].Pos
	out.Blocks = []*ir.Block{{Insns: []ir.Insn{{Op: ir.OpJmp, Width: 64, Pos: first}}}}
	out.Blocks = append(out.Blocks, f.Blocks...)
	for i, b := range out.Blocks {
		b.ID = ir.BlockID(i)
		t := b.Terminator()
		_, n := b.Succs()
		if n > 0 {
			t.Then++
		}
		if n > 1 {
			t.Else++
		}
	}
	return &out
}

func (b *ssaBuilder) fresh() ir.Reg {
	b.next++
	b.same = append(b.same, ir.None)
	return b.next - 1
}

// joins is the registers for which a block has parameters.
func (b *ssaBuilder) joins(x ir.BlockID) ir.RegSet {
	if x == 0 || len(b.preds[x]) < 2 {
		return 0
	}
	return b.live[x] & variables
}

// eachReg calls f with the registers of a set, in order.
func eachReg(s ir.RegSet, f func(ir.Reg)) {
	for r := ir.R0; r <= ir.T2; r++ {
		if s.Has(r) {
			f(r)
		}
	}
}

// block rewrites the instructions of a block; its predecessor, if it is the only one, is done.
func (b *ssaBuilder) block(x *ir.Block) {
	b.insns = make([]ir.Insn, 0, len(x.Insns)+4)
	switch joins := b.joins(x.ID); {
	case x.ID == 0:
		b.now = values{ir.R10: ir.R10}
		eachReg(b.live[0]&ir.ArgRegs, func(r ir.Reg) { b.now[r] = b.move(r, x.Insns[0].Pos) })
	case len(b.preds[x.ID]) < 2:
		b.now = b.ends[b.preds[x.ID][0]]
	default:
		b.now = values{ir.R10: ir.R10}
		eachReg(joins, func(r ir.Reg) {
			b.now[r] = b.fresh()
			x.Params = append(x.Params, b.now[r])
		})
	}
	for i := range x.Insns {
		b.insn(x.Insns[i])
	}
	x.Insns = b.insns
	b.ends[x.ID] = b.now
}

// move is a new value that a register has.
func (b *ssaBuilder) move(r ir.Reg, pos ir.Pos) ir.Reg {
	v := b.fresh()
	b.insns = append(b.insns, ir.Insn{Op: ir.OpMov, Width: 64, Dst: v, B: r, Pos: pos})
	return v
}

// set moves a register's value to the register itself.
func (b *ssaBuilder) set(r ir.Reg, pos ir.Pos) {
	b.insns = append(b.insns, ir.Insn{Op: ir.OpMov, Width: 64, Dst: r, B: b.value(r), Pos: pos})
}

// value is what a register holds.
func (b *ssaBuilder) value(r ir.Reg) ir.Reg {
	switch {
	case r == ir.None || b.now[r] != ir.None:
		return b.now[r]
	case b.zero == ir.None:
		b.zero = b.fresh()
	}
	return b.zero
}

func (b *ssaBuilder) insn(in ir.Insn) {
	switch {
	case in.Op == ir.OpMov && in.Width == 64 && in.B != ir.None:
		b.now[in.Dst] = b.value(in.B)
		return
	case in.Op.Info().Has(ir.CallsOut):
		eachReg(b.calls.Of(&in), func(r ir.Reg) { b.set(r, in.Pos) })
		b.insns = append(b.insns, in)
		eachReg(ir.CallerRegs|ir.TempRegs, func(r ir.Reg) { b.now[r] = ir.None })
		b.now[ir.R0] = b.move(ir.R0, in.Pos)
		return
	case in.Op == ir.OpExit:
		b.set(ir.R0, in.Pos)
	}
	in.A, in.B, in.Base, in.Index = b.value(in.A), b.value(in.B), b.value(in.Base), b.value(in.Index)
	if in.Dst != ir.None {
		d := b.fresh()
		b.now[in.Dst], in.Dst = d, d
	}
	b.insns = append(b.insns, in)
}

// edges gives the parameters of a block's successors their values.
func (b *ssaBuilder) edges(x *ir.Block) {
	b.now = b.ends[x.ID]
	succs, n := x.Succs()
	for k, s := range succs[:n] {
		eachReg(b.joins(s), func(r ir.Reg) { x.Args[k] = append(x.Args[k], b.value(r)) })
	}
}

// find is what a value is the same as in the end.
func (b *ssaBuilder) find(r ir.Reg) ir.Reg {
	for r >= ir.FirstVirtual && b.same[r-ir.FirstVirtual] != ir.None {
		r = b.same[r-ir.FirstVirtual]
	}
	return r
}

// dropTrivial takes away parameters that have one value on all edges, until there are none, and puts that value in their places.
func (b *ssaBuilder) dropTrivial(post []ir.BlockID) {
	if b.zero != ir.None {
		entry := b.f.Blocks[0]
		entry.Insns = slices.Insert(entry.Insns, 0, ir.Insn{Op: ir.OpMov, Width: 64, Dst: b.zero, Pos: entry.Insns[0].Pos})
	}
	incoming := make([][]*[]ir.Reg, len(b.f.Blocks)) // the args of the edges to a block
	for _, x := range post {
		blk := b.f.Blocks[x]
		succs, n := blk.Succs()
		for k, s := range succs[:n] {
			incoming[s] = append(incoming[s], &blk.Args[k])
		}
	}
	for changed := true; changed; {
		changed = false
		for i := len(post) - 1; i >= 0; i-- {
			changed = b.trivialIn(b.f.Blocks[post[i]], incoming[post[i]]) || changed
		}
	}
	for _, x := range post {
		blk := b.f.Blocks[x]
		for i := range blk.Insns {
			in := &blk.Insns[i]
			in.A, in.B, in.Base, in.Index = b.find(in.A), b.find(in.B), b.find(in.Base), b.find(in.Index)
		}
		for k := range blk.Args {
			for j, r := range blk.Args[k] {
				blk.Args[k][j] = b.find(r)
			}
		}
	}
}

// trivialIn takes away the trivial parameters of one block.
func (b *ssaBuilder) trivialIn(x *ir.Block, incoming []*[]ir.Reg) (changed bool) {
	for j := len(x.Params) - 1; j >= 0; j-- {
		one, p := ir.None, x.Params[j]
		for _, args := range incoming {
			switch r := b.find((*args)[j]); {
			case r == p || r == one:
			case one == ir.None:
				one = r
			default:
				one = p // two different values
			}
		}
		if one == p || one == ir.None {
			continue
		}
		b.same[p-ir.FirstVirtual] = one
		x.Params = slices.Delete(x.Params, j, j+1)
		for _, args := range incoming {
			*args = slices.Delete(*args, j, j+1)
		}
		changed = true
	}
	return changed
}

// splitEdges puts a block on each edge from a branch to a block that others lead to as well, so that moves have a place.
func splitEdges(f *ir.Func) {
	preds := predecessors(f, inOrder(f))
	var order []*ir.Block
	next := ir.BlockID(len(f.Blocks))
	for _, b := range f.Blocks {
		order = append(order, b)
		succs, n := b.Succs()
		for k := 0; n == 2 && k < n; k++ {
			if len(preds[succs[k]]) < 2 {
				continue
			}
			t := b.Terminator()
			order = append(order, &ir.Block{ID: next, Insns: []ir.Insn{{Op: ir.OpJmp, Width: 64, Then: succs[k], Pos: t.Pos}}, Args: [2][]ir.Reg{b.Args[k]}})
			*[2]*ir.BlockID{&t.Then, &t.Else}[k], b.Args[k] = next, nil
			next++
		}
	}
	if int(next) == len(f.Blocks) {
		return
	}
	ids := make([]ir.BlockID, len(order))
	blocks := make([]*ir.Block, len(order))
	for i, b := range order {
		blocks[b.ID], ids[i] = b, b.ID
	}
	f.Blocks = blocks
	ir.Renumber(f, ids)
}

// predecessors lists, by block, those of some blocks that lead to it, one that does so twice two times.
func predecessors(f *ir.Func, blocks []ir.BlockID) [][]ir.BlockID {
	preds := make([][]ir.BlockID, len(f.Blocks))
	for _, b := range blocks {
		succs, n := f.Blocks[b].Succs()
		for _, t := range succs[:n] {
			preds[t] = append(preds[t], b)
		}
	}
	return preds
}

// inOrder are all blocks of f.
func inOrder(f *ir.Func) []ir.BlockID {
	all := make([]ir.BlockID, len(f.Blocks))
	for i := range all {
		all[i] = ir.BlockID(i)
	}
	return all
}
