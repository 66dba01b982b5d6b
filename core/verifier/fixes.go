package verifier

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// Limits of the search for a fix: programs that are tried, and instructions that
// are looked at for all of them, which is less than 0.1 s of work.
const (
	maxFixTries = 12
	maxFixSteps = 60_000
)

// remedy is a change that may be the fix: a changed copy of the program, and how to say it.
type remedy struct {
	program *ir.Program
	fix     Fix
}

// remedies propose changes by the code of an Error, the best first.
var remedies = map[Code]func(a *analysis, e *Error) []remedy{
	CodeNull:        (*analysis).nullChecks,
	CodePacket:      (*analysis).packetChecks,
	CodeBounds:      (*analysis).indexChecks,
	CodeUnbounded:   (*analysis).indexChecks,
	CodeStackBounds: (*analysis).indexChecks,
	CodeStackUnset:  (*analysis).initialisations,
	CodeRefLeak:     (*analysis).releases,
	CodeEndless:     (*analysis).loopBounds,
}

// fix is the first change with which the program is accepted, nil if there is none.
func (a *analysis) fix(e *Error, opts Options) *Fix {
	propose := remedies[e.Code]
	if propose == nil || opts.Policy != Strict {
		return nil
	}
	left := maxFixSteps
	for _, r := range propose(a, e)[:] {
		trial := Options{Policy: opts.Policy, NoLeaks: opts.NoLeaks, Stop: opts.Stop, Steps: left, Brief: true}
		_, stats, err := Analyse(r.program, a.set, trial)
		if err == nil {
			return &r.fix
		}
		if left -= stats.Processed; left <= 0 {
			return nil
		}
	}
	return nil
}

// copied is a program whose functions can be changed.
func copied(p *ir.Program) *ir.Program {
	c := *p
	c.Funcs = make([]*ir.Func, len(p.Funcs))
	for i, f := range p.Funcs {
		g := *f
		g.Blocks = make([]*ir.Block, len(f.Blocks))
		for k, b := range f.Blocks {
			d := *b
			d.Insns = slices.Clone(b.Insns)
			g.Blocks[k] = &d
		}
		c.Funcs[i] = &g
	}
	return &c
}

// spotIn is a place in a program: before instruction index of a block.
type spotIn struct {
	fn    int32
	block ir.BlockID
	index int
}

// find is the place of the instruction from slot pos in function fn that found is true for.
func find(p *ir.Program, fn int32, pos ir.Pos, is func(in *ir.Insn) bool) (at spotIn, in *ir.Insn) {
	for _, b := range p.Funcs[fn].Blocks {
		for i := range b.Insns {
			if k := &b.Insns[i]; k.Pos == pos && is(k) {
				return spotIn{fn, b.ID, i}, k
			}
		}
	}
	return at, nil
}

// insert puts instructions before a place.
func insert(p *ir.Program, at spotIn, insns ...ir.Insn) {
	b := p.Funcs[at.fn].Blocks[at.block]
	for i := range insns {
		insns[i].Pos = b.Insns[min(at.index, len(b.Insns)-1)].Pos
	}
	b.Insns = slices.Insert(b.Insns, at.index, insns...)
}

// leaveIf ends the function before a place if a comparison holds, or may_goto says so.
func (a *analysis) leaveIf(p *ir.Program, at spotIn, test ir.Insn) {
	a.splitTo(p, at, test, a.leaving(p, at))
}

// splitTo goes to a block before a place if a comparison holds, or may_goto says so.
func (a *analysis) splitTo(p *ir.Program, at spotIn, test ir.Insn, to ir.BlockID) {
	f := p.Funcs[at.fn]
	b := f.Blocks[at.block]
	rest := &ir.Block{ID: ir.BlockID(len(f.Blocks)), Insns: slices.Clone(b.Insns[at.index:])}
	f.Blocks = append(f.Blocks, rest)
	test.Pos, test.Then, test.Else = rest.Insns[0].Pos, to, rest.ID
	b.Insns = append(slices.Clone(b.Insns[:at.index]), test)
}

// leaving adds a block that returns the number that quiet says.
func (a *analysis) leaving(p *ir.Program, at spotIn) ir.BlockID {
	f := p.Funcs[at.fn]
	pos := f.Blocks[at.block].Insns[0].Pos
	b := &ir.Block{ID: ir.BlockID(len(f.Blocks)), Insns: []ir.Insn{
		{Op: ir.OpMov, Width: 64, Dst: ir.R0, Imm: a.quiet(at.fn), Pos: pos},
		{Op: ir.OpExit, Pos: pos},
	}}
	f.Blocks = append(f.Blocks, b)
	return b.ID
}

// quiet is what a function may return when it gives up: 0, if that is allowed.
func (a *analysis) quiet(fn int32) int64 {
	if r := &a.typ.Returns; fn == 0 && r.Bounded() && (r.Min > 0 || r.Max < 0) {
		return r.Min
	}
	return 0
}

// compare is `if reg cond imm`, or with other a comparison of registers.
func compare(reg ir.Reg, cond isa.Cond, imm int64, other ir.Reg) ir.Insn {
	return ir.Insn{Op: ir.OpBr, Width: 64, Cond: cond, A: reg, Imm: imm, B: other}
}

// place says where a change goes, in lines of the source if they are C.
func (a *analysis) place(pos ir.Pos) string {
	if l := a.program.Source(pos); l != nil && a.inC(pos) {
		return fmt.Sprintf("line %d", l.Line)
	}
	return fmt.Sprintf("insn %d", pos)
}

// inC reports whether the source line of an instruction is one of C.
func (a *analysis) inC(pos ir.Pos) bool {
	l := a.program.Source(pos)
	return l != nil && writtenInC(l)
}

// nullChecks return early where a pointer comes into being that may be null, or where it is used.
func (a *analysis) nullChecks(e *Error) (list []remedy) {
	if len(e.blame) == 0 {
		return nil
	}
	n := a.at(e.blame[0])
	for n.a != 0 && n.cause != byCall && n.cause != byContext {
		n = a.at(n.a)
	}
	if n.pos == ir.NoPos || n.cause != byCall && n.cause != byContext {
		return nil
	}
	p := copied(a.program)
	at, in := find(p, n.fn, n.pos, func(in *ir.Insn) bool { return in.Op.Info().Effects&(ir.CallsOut|ir.UseMem) != 0 })
	if in == nil {
		return nil
	}
	reg := in.Dst
	if in.Op.Info().Effects&ir.CallsOut != 0 {
		reg = ir.R0
	}
	at.index++
	a.leaveIf(p, at, compare(reg, isa.EQ, 0, ir.None))
	text := fmt.Sprintf("add `if (%s == 0) return %d;` after %s", reg, a.quiet(n.fn), a.place(n.pos))
	if a.inC(n.pos) {
		name := assigned(a.trimmed(n.pos))
		if name == "" {
			name = "the result"
		}
		text = fmt.Sprintf("add `if (!%s) return %d;` after line %d", name, a.quiet(n.fn), a.program.Source(n.pos).Line)
	}
	return []remedy{{p, Fix{int(n.pos), a.program.Source(n.pos), text}}}
}

// assignment is a variable that a line of C sets.
var assignment = regexp.MustCompile(`([A-Za-z_]\w*)\s*=[^=]`)

// assigned is the variable that a line of C sets, "" if it sets none.
func assigned(line string) string {
	if m := assignment.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// here is the place of the instruction of an Error.
func here(e *Error) spotIn {
	f := e.path.top()
	return spotIn{f.fn, ir.BlockID(f.block), int(f.index)}
}

// deadRegs are the registers that nothing reads from the instruction of e on.
func (a *analysis) deadRegs(e *Error) (list []ir.Reg) {
	live := a.live[a.gi(e.path)]
	for r := ir.R0; r < ir.R10; r++ {
		if live&ir.Bit(r) == 0 {
			list = append(list, r)
		}
	}
	return list
}

// packetChecks compare the pointer with the end before the access.
func (a *analysis) packetChecks(e *Error) (list []remedy) {
	n := a.at(e.blame[0])
	if e.in.Op.Info().Effects&ir.UseMem == 0 {
		return nil
	}
	bytes := int64(e.in.Disp) + int64(e.in.Size)
	dead := a.deadRegs(e)
	before := "before " + a.place(e.in.Pos)
	pos := int(e.in.Pos)
	if r := a.holding(e, func(m *node) bool { return n.kind == isMemory && m.base == a.length && a.length != 0 && m.off == 0 }); r != ir.None && n.id == idMemory {
		p := copied(a.program)
		a.leaveIf(p, here(e), compare(r, isa.LT, n.off+bytes, ir.None))
		text := fmt.Sprintf("%s add `if (len < %d) return %d;`, where len is the length of the memory, the program's second argument", before, n.off+bytes, a.quiet(here(e).fn))
		return []remedy{{p, Fix{pos, e.Source, text}}}
	}
	load, end, name := a.endOf(e, n, dead)
	dead = slices.DeleteFunc(dead, func(r ir.Reg) bool { return r == end })
	if end == ir.None || len(dead) == 0 {
		return nil
	}
	p := copied(a.program)
	t := dead[0]
	insns := append(load, ir.Insn{Op: ir.OpMov, Width: 64, Dst: t, B: e.in.Base}, ir.Insn{Op: ir.OpAdd, Width: 64, Dst: t, A: t, Imm: bytes})
	at := here(e)
	insert(p, at, insns...)
	at.index += len(insns)
	a.leaveIf(p, at, compare(t, isa.GT, 0, end))
	what := e.in.Base.String()
	if a.inC(e.in.Pos) {
		what = "(void *)" + pointed(a.trimmed(e.in.Pos))
	}
	text := fmt.Sprintf("%s add `if (%s + %d > %s) return %d;`", before, what, bytes, name, a.quiet(at.fn))
	return []remedy{{p, Fix{pos, e.Source, text}}}
}

// pointers are the variables that a line of C dereferences.
var pointers = regexp.MustCompile(`([A-Za-z_]\w*)\s*(?:->|\[)|\*\s*\(?\s*([A-Za-z_]\w*)`)

// pointed is the variable that a line of C dereferences, if it is only one.
func pointed(line string) string {
	names := map[string]bool{}
	for _, m := range pointers.FindAllStringSubmatch(line, -1) {
		names[m[1]+m[2]] = true
	}
	if len(names) != 1 {
		return "p"
	}
	for name := range names {
		return name
	}
	return "p"
}

// holding is a register of the running activation whose value is so, None if there is none.
func (a *analysis) holding(e *Error, is func(n *node) bool) ir.Reg {
	for i, r := range e.path.top().regs[:10] {
		if r != 0 && is(a.at(r)) {
			return ir.R0 + ir.Reg(i)
		}
	}
	return ir.None
}

// stored is where on the stack of the running activation a value is, 0 if nowhere.
func (a *analysis) stored(e *Error, is func(n *node) bool) int32 {
	f := e.path.top()
	for k := range f.slots[:f.used] {
		if s := &f.slots[k]; s.size == 8 && is(a.at(s.val)) {
			return int32(-8 * (k + 1))
		}
	}
	return 0
}

// endOf finds a register with the end that n is compared with, or how to load it; name is what to call it.
func (a *analysis) endOf(e *Error, n *node, dead []ir.Reg) (load []ir.Insn, end ir.Reg, name string) {
	is := func(m *node) bool { return isEnd(m.kind) && sameArea(n.kind, m.kind) }
	var field *abi.Field
	for i := range a.typ.Context.Fields {
		if f := &a.typ.Context.Fields[i]; f.Kind == abi.FieldPacketEnd {
			field, name = f, f.Name
		}
	}
	if r := a.holding(e, is); r != ir.None {
		if m := a.at(e.path.top().regs[r-ir.R0]); name == "" || a.inC(m.pos) && assigned(a.trimmed(m.pos)) != "" {
			name = r.String()
			if v := assigned(a.trimmed(m.pos)); a.inC(m.pos) && v != "" {
				name = v
			}
		}
		return nil, r, name
	}
	if len(dead) < 2 {
		return nil, ir.None, ""
	}
	t := dead[1]
	if at := a.stored(e, is); at != 0 {
		return []ir.Insn{{Op: ir.OpLoad, Width: 64, Size: 8, Dst: t, Base: ir.R10, Disp: at}}, t, name
	}
	isContext := func(m *node) bool { v, ok := a.whole(m).Const(); return m.kind == isCtx && ok && v == 0 }
	if field == nil {
		return nil, ir.None, ""
	}
	base := a.holding(e, isContext)
	if base == ir.None {
		at := a.stored(e, isContext)
		if at == 0 {
			return nil, ir.None, ""
		}
		load, base = []ir.Insn{{Op: ir.OpLoad, Width: 64, Size: 8, Dst: t, Base: ir.R10, Disp: at}}, t
	}
	return append(load, ir.Insn{Op: ir.OpLoad, Width: 64, Size: uint8(field.Size), Dst: t, Base: base, Disp: int32(field.Offset)}), t, name
}

// indexChecks compare the number that was added to a pointer with the size of what it leads to.
func (a *analysis) indexChecks(e *Error) (list []remedy) {
	if len(e.blame) == 0 || e.in.Op.Info().Effects&ir.UseMem == 0 {
		return nil
	}
	n := a.at(e.blame[0])
	top := a.extent(n)
	if n.kind == isStack {
		top = 0
	}
	for m, deep := n, 0; m.a != 0 && m.kind != isScalar && deep < maxDeep; m, deep = a.at(m.a), deep+1 {
		if m.b == 0 || a.at(m.b).kind != isScalar || m.pos == ir.NoPos {
			continue
		}
		y := a.at(m.b)
		if _, constant := y.num.Const(); constant {
			continue
		}
		most := top - int64(e.in.Size) - int64(e.in.Disp) - (n.off - y.off)
		if most < 0 {
			continue
		}
		list = append(list, a.clampIndex(e, y, most)...)
		list = append(list, a.clampAdded(e, m, y, most)...)
	}
	return list[:min(len(list), maxFixTries)]
}

// clampIndex compares an index before it is multiplied by the size of an element.
func (a *analysis) clampIndex(e *Error, y *node, most int64) []remedy {
	stride := int64(0)
	p := copied(a.program)
	at, in := find(p, y.fn, y.pos, func(in *ir.Insn) bool {
		switch {
		case in.B != ir.None || y.pos == ir.NoPos:
		case in.Op == ir.OpLsh && in.Imm >= 0 && in.Imm < 32:
			stride = 1 << in.Imm
		case in.Op == ir.OpMul && in.Imm > 0:
			stride = in.Imm
		}
		return stride != 0
	})
	if in == nil {
		return nil
	}
	a.leaveIf(p, at, compare(in.A, isa.GT, most/stride, ir.None))
	return []remedy{{p, a.indexFix(e, y.pos, at.fn, in.A, most/stride+1)}}
}

// clampAdded compares the number right before it is added.
func (a *analysis) clampAdded(e *Error, m, y *node, most int64) (list []remedy) {
	_, in := find(a.program, m.fn, m.pos, func(in *ir.Insn) bool { return in.Op == ir.OpAdd && in.B != ir.None })
	if in == nil {
		return nil
	}
	for _, r := range [...]ir.Reg{in.B, in.A} {
		p := copied(a.program)
		at, _ := find(p, m.fn, m.pos, func(in *ir.Insn) bool { return in.Op == ir.OpAdd })
		a.leaveIf(p, at, compare(r, isa.GT, most, ir.None))
		list = append(list, remedy{p, a.indexFix(e, m.pos, m.fn, r, most+1)})
	}
	return list
}

// subscript is a variable that is used as an index in C.
var subscript = regexp.MustCompile(`\[\s*([A-Za-z_]\w*)\s*\]`)

func (a *analysis) indexFix(e *Error, pos ir.Pos, fn int32, r ir.Reg, n int64) Fix {
	name := r.String()
	if a.inC(e.in.Pos) {
		name = "i"
		if m := subscript.FindStringSubmatch(a.trimmed(e.in.Pos)); m != nil {
			name = m[1]
		}
	}
	note := ""
	if name == "i" && a.inC(pos) {
		note = ", where i is the index"
	}
	return Fix{int(pos), a.program.Source(pos), fmt.Sprintf("add `if (%s >= %d) return %d;` before %s%s", name, n, a.quiet(fn), a.place(pos), note)}
}

// initialisations write zeros to the frame where the function begins.
func (a *analysis) initialisations(e *Error) []remedy {
	if len(e.blame) == 0 {
		return nil
	}
	w := a.whole(a.at(e.blame[0]))
	disp := int64(0)
	if e.in.Op.Info().Effects&ir.UseMem != 0 {
		disp = int64(e.in.Disp)
	}
	lo := max(w.SMin()+disp, -ir.MaxStack) &^ 7
	if lo >= 0 {
		return nil
	}
	n := a.at(e.blame[0])
	fn := e.path.frames[n.obj].fn
	p := copied(a.program)
	var zeros []ir.Insn
	for off := lo; off < 0; off += 8 {
		zeros = append(zeros, ir.Insn{Op: ir.OpStore, Width: 64, Size: 8, Base: ir.R10, Disp: int32(off)})
	}
	insert(p, spotIn{fn: fn}, zeros...)
	text := fmt.Sprintf("initialise the variable that is at R10%+d in function %s where it is declared: `= {0}`", w.SMin()+disp, p.Funcs[fn].Name)
	return []remedy{{p, Fix{int(e.in.Pos), e.Source, text}}}
}

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
	name := "p"
	if a.inC(h.pos) {
		if v := assigned(a.trimmed(h.pos)); v != "" {
			name = v
		}
	} else if from.Op == ir.OpMov {
		name = from.B.String()
	}
	call := helper.Name + "(" + name + strings.Repeat(", 0", helper.NumArgs()-1) + ")"
	at := here(e)
	for _, edge := range a.edgesTo(at.fn, at.block) {
		p := copied(a.program)
		if !a.releaseOn(p, at.fn, edge, from, helper) {
			continue
		}
		blocks := a.program.Funcs[at.fn].Blocks
		u := blocks[edge[0]]
		last, first := u.Insns[len(u.Insns)-1].Pos, blocks[edge[1]].Insns[0].Pos
		text := fmt.Sprintf("add `%s;` on the way from %s to %s", call, a.place(last), a.place(first))
		if x, y := a.place(last), a.place(first); x == y {
			text = fmt.Sprintf("add `%s;` at %s", call, x)
		}
		list = append(list, remedy{p, Fix{int(first), a.program.Source(first), text}})
		if len(list) == maxFixTries {
			break
		}
	}
	return list
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

// releaser is a helper that releases what n is, with no other arguments than flags.
func (a *analysis) releaser(n *node) *abi.Helper {
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
			return h
		}
	}
	return nil
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

// releaseOn puts the release on an edge. It reports false if no register is free for it.
func (a *analysis) releaseOn(p *ir.Program, fn int32, edge [2]ir.BlockID, from ir.Insn, h *abi.Helper) bool {
	f := p.Funcs[fn]
	u, v := f.Blocks[edge[0]], f.Blocks[edge[1]]
	live := a.live[a.first[fn]+a.facts[fn].Start[v.ID]]
	if edge[0] == edge[1] {
		live = ir.Bit(ir.R0)
	}
	if live&ir.ArgRegs != 0 {
		return false
	}
	keep := ir.None
	for r := ir.R6; r < ir.R10; r++ {
		if live&ir.Bit(r) == 0 && r != from.B {
			keep = r
		}
	}
	if keep == ir.None || live&ir.Bit(ir.R0) != 0 && from.B == ir.R0 {
		return false
	}
	index := slices.IndexFunc(p.Helpers, func(g abi.Helper) bool { return g.Name == h.Name })
	if index < 0 {
		index = len(p.Helpers)
		p.Helpers = append(slices.Clone(p.Helpers), *h)
	}
	insns := []ir.Insn{from}
	for i := 1; i < h.NumArgs(); i++ {
		insns = append(insns, ir.Insn{Op: ir.OpMov, Width: 64, Dst: ir.R1 + ir.Reg(i)})
	}
	insns = append(insns, ir.Insn{Op: ir.OpCallHelper, Width: 64, Ref: ir.Ref{Kind: ir.RefHelper, Index: int32(index)}})
	if live&ir.Bit(ir.R0) != 0 {
		insns = slices.Concat([]ir.Insn{{Op: ir.OpMov, Width: 64, Dst: keep, B: ir.R0}}, insns, []ir.Insn{{Op: ir.OpMov, Width: 64, Dst: ir.R0, B: keep}})
	}
	if edge[0] == edge[1] {
		insert(p, spotIn{fn, v.ID, len(v.Insns) - 1}, insns...)
		return true
	}
	insns = append(insns, ir.Insn{Op: ir.OpJmp, Then: v.ID})
	b := &ir.Block{ID: ir.BlockID(len(f.Blocks)), Insns: insns}
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

// loopBounds put a may_goto at the head of the loop: out of it, or out of the function.
func (a *analysis) loopBounds(e *Error) (list []remedy) {
	f := e.path.top()
	head := ir.BlockID(f.block)
	fn := a.program.Funcs[f.fn]
	around := loopsAround(fn, &a.facts[f.fn])
	inside := func(b ir.BlockID) bool { return around[b] == head }
	var exits []ir.BlockID
	for _, b := range fn.Blocks {
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			if inside(b.ID) && !inside(s) && !slices.Contains(exits, s) {
				exits = append(exits, s)
			}
		}
	}
	at := spotIn{f.fn, head, 0}
	for _, to := range exits[:min(len(exits), maxFixTries-1)] {
		p := copied(a.program)
		a.splitTo(p, at, ir.Insn{Op: ir.OpMayGoto}, to)
		list = append(list, remedy{p, a.loopFix(e, "break")})
	}
	p := copied(a.program)
	a.leaveIf(p, at, ir.Insn{Op: ir.OpMayGoto})
	return append(list, remedy{p, a.loopFix(e, fmt.Sprintf("return %d", a.quiet(f.fn)))})
}

func (a *analysis) loopFix(e *Error, way string) Fix {
	pos := ir.Pos(e.Slot)
	text := fmt.Sprintf("count the turns: add `if (++turns > MAX) %s;` at the beginning of the loop's body (%s), or let may_goto count them: `cond_break;`", way, a.place(pos))
	return Fix{e.Slot, e.Source, text}
}
