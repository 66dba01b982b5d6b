package verifier

import (
	"fmt"
	"slices"
	"strings"

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
	CodeSize:        (*analysis).sizeChecks,
	CodeEndless:     (*analysis).loopBounds,
	CodeTooComplex:  (*analysis).loopBounds,
}

// fix is the first change with which the program is accepted, nil if there is none.
func (a *analysis) fix(e *Error, opts Options) *Fix {
	propose := remedies[e.Code]
	if propose == nil || opts.Policy != Strict {
		return nil
	}
	left := maxFixSteps
	for _, r := range propose(a, e) {
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
	n := a.beginningOf(a.at(e.blame[0]))
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
		name := a.line(n.pos).assigned()
		if name == "" {
			name = "the result"
		}
		text = fmt.Sprintf("add `if (!%s) return %d;` after line %d", name, a.quiet(n.fn), a.program.Source(n.pos).Line)
	}
	return []remedy{{p, Fix{int(n.pos), a.program.Source(n.pos), text}}}
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
	for k := range f.slots {
		if s := &f.slots[k]; s.size == 8 && is(a.at(s.val)) {
			return int32(-8 * (k + 1))
		}
	}
	return 0
}

// scratchSlots is how many slots a fix may use.
const scratchSlots = 2

// scratch is the offset of slots below the frame of a function, 0 if there is no room for them.
func (a *analysis) scratch(fn int32) int32 {
	used := max(a.facts[fn].Frame, (a.depth[fn]+7)&^7)
	if used+8*scratchSlots > ir.MaxStack {
		return 0
	}
	return -used - 8*scratchSlots
}

func spill(r ir.Reg, at int32) ir.Insn {
	return ir.Insn{Op: ir.OpStore, Width: 64, Size: 8, Base: ir.R10, Disp: at, A: r}
}

func reload(r ir.Reg, at int32) ir.Insn {
	return ir.Insn{Op: ir.OpLoad, Width: 64, Size: 8, Dst: r, Base: ir.R10, Disp: at}
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
	what := fmt.Sprintf("the variable that is at R10%+d in function %s", w.SMin()+disp, p.Funcs[fn].Name)
	if name := a.variable(e); name != "" {
		what = "`" + name + "`"
	}
	text := fmt.Sprintf("initialise %s where it is declared: `= {0}`", what)
	return []remedy{{p, Fix{int(e.in.Pos), e.Source, text}}}
}

// variable is the variable on the stack that the instruction of an Error reads, "" if that is not clear.
func (a *analysis) variable(e *Error) string {
	l, name := a.line(e.in.Pos), ""
	if i := a.argument(e, e.blame[0]); e.in.Op == ir.OpCallHelper && i >= 0 {
		name = strings.TrimPrefix(l.argument(a.helper(e).Name, i), "&")
	} else if e.in.Op.Info().Effects&ir.UseMem != 0 {
		name, _, _ = strings.Cut(l.accessed(), "[")
	}
	if !word.MatchString(name) {
		return ""
	}
	return name
}

// loopBounds put a may_goto at the head of the loop: out of it, or out of the function.
func (a *analysis) loopBounds(e *Error) (list []remedy) {
	at, ok := a.loopOf(e)
	if !ok {
		return nil
	}
	head, fn := at.block, a.program.Funcs[at.fn]
	around := loopsAround(fn, &a.facts[at.fn])
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
	for _, to := range exits[:min(len(exits), maxFixTries-1)] {
		p := copied(a.program)
		a.splitTo(p, at, ir.Insn{Op: ir.OpMayGoto}, to)
		list = append(list, remedy{p, a.loopFix(at, "break")})
	}
	p := copied(a.program)
	a.leaveIf(p, at, ir.Insn{Op: ir.OpMayGoto})
	return append(list, remedy{p, a.loopFix(at, fmt.Sprintf("return %d", a.quiet(at.fn)))})
}

func (a *analysis) loopFix(at spotIn, way string) Fix {
	pos := a.program.Funcs[at.fn].Blocks[at.block].Insns[0].Pos
	text := fmt.Sprintf("count the turns: add `if (++turns > MAX) %s;` at the beginning of the loop's body (%s), or let may_goto count them: `cond_break;`", way, a.place(pos))
	return Fix{int(pos), a.program.Source(pos), text}
}

// loopOf is the head of the loop that an Error is about: that it is not known to end, or that most of the work went into it.
func (a *analysis) loopOf(e *Error) (at spotIn, ok bool) {
	if e.Code == CodeEndless {
		f := e.path.top()
		return spotIn{f.fn, ir.BlockID(f.block), 0}, true
	}
	for _, s := range a.spots() {
		if at = s.at; at.index == 0 && a.facts[at.fn].LoopHeads[at.block] {
			return at, true
		}
	}
	return at, false
}
