package verifier

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// maxChain is how many links the chain of an Error has at most, maxDeep how far back it looks for them.
const (
	maxChain = 8
	maxDeep  = 200
)

// explain completes an Error that stands: the chain of causes, what was needed, and a fix if one is found.
func (a *analysis) explain(e *Error, opts Options) {
	if e.path != nil && !opts.Brief {
		e.Need = a.need(e)
		if len(e.Chain) == 0 {
			e.Chain = a.causes(e)
		}
		e.Fix = a.fix(e, opts)
	}
	e.path, e.in, e.blame, e.endless = nil, nil, nil, nil
}

// causes is the chain of an Error.
func (a *analysis) causes(e *Error) []Step {
	c := &chain{analysis: a, seen: map[ref]bool{}, limit: a.extentOf(e)}
	for _, r := range e.blame {
		c.follow(r, 0)
	}
	for _, r := range c.list {
		c.step(r)
	}
	c.obligations(e)
	return shorten(c.steps)
}

// shorten keeps the beginning of a chain and its end.
func shorten(list []Step) []Step {
	if len(list) <= maxChain {
		return list
	}
	return append(slices.Clone(list[:2]), list[len(list)-maxChain+2:]...)
}

// chain collects what led to a value.
type chain struct {
	*analysis
	seen  map[ref]bool
	list  []ref
	steps []Step
	limit uint64 // a number beyond this is too large
}

// follow lists the values that r was made from, oldest first, then r.
func (c *chain) follow(r ref, depth int) {
	if r == 0 || c.seen[r] || depth > maxDeep {
		return
	}
	c.seen[r] = true
	n := c.at(r)
	if _, constant := n.num.Const(); constant && n.kind == isScalar && depth > 0 && n.cause != byBranch {
		return
	}
	c.follow(n.a, depth+1)
	if n.cause != byBranch {
		c.follow(n.b, depth+1)
	}
	c.list = append(c.list, r)
}

// step adds the link for r.
func (c *chain) step(r ref) {
	n := c.at(r)
	s := Step{Slot: int(n.pos), Func: c.program.Funcs[n.fn].Name}
	if n.pos == ir.NoPos {
		if n.kind == isScalar && r != c.length {
			return
		}
		s.Text = c.beginning(r, n)
	} else {
		f := c.program.Funcs[n.fn]
		in := insnAt(f, n.pos)
		if in == nil {
			return
		}
		s.Source, s.Text = c.program.Source(n.pos), c.made1(f, in, n)
	}
	if k := len(c.steps); k > 0 && c.steps[k-1].Slot == s.Slot && c.steps[k-1].Text == s.Text {
		return
	}
	c.steps = append(c.steps, s)
}

// beginning describes what the program, function or callback begins with.
func (c *chain) beginning(r ref, n *node) string {
	switch {
	case r == c.length:
		return "R2 is the length of the memory as the program begins"
	case n.kind == isStack:
		return "R10 is the address above the frame"
	}
	return "the function begins with " + c.what(n)
}

// insnAt finds the last instruction of f that comes from slot pos and writes a register, or any.
func insnAt(f *ir.Func, pos ir.Pos) (found *ir.Insn) {
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if in := &b.Insns[i]; in.Pos == pos && (found == nil || in.Dst != ir.None) {
				found = in
			}
		}
	}
	return found
}

// made1 says what an instruction made of a value.
func (c *chain) made1(f *ir.Func, in *ir.Insn, n *node) string {
	insn := "`" + c.spelled(f, in) + "`"
	switch n.cause {
	case byLoad:
		return fmt.Sprintf("%s reads %s%s", insn, c.what(n), c.unboundedFrom(n))
	case byContext:
		return fmt.Sprintf("%s takes %s from the context%s", insn, c.what(n), c.unboundedFrom(n))
	case byCall:
		return fmt.Sprintf("%s returns %s%s", insn, c.what(n), c.unboundedFrom(n))
	case byBranch:
		return fmt.Sprintf("after the comparison %s it is %s", insn, c.what(n))
	case byLoop:
		return fmt.Sprintf("from turn to turn of the loop that begins here it may be %s%s", c.what(n), c.lost(n))
	case byMove:
		return fmt.Sprintf("%s may move the packet: pointers into it end here", insn)
	}
	return fmt.Sprintf("%s makes it %s%s", insn, c.what(n), c.lost(n))
}

// unboundedFrom notes numbers that had no bound from the first.
func (c *chain) unboundedFrom(n *node) string {
	if c.limit != 0 && n.kind == isScalar && n.num.IsUnknown() {
		return ", without a bound"
	}
	return ""
}

// lost notes the instruction where a number, or the offset of a pointer, got beyond what is
// needed though what it was made from had not.
func (c *chain) lost(n *node) string {
	if c.limit == 0 || c.small(n) {
		return ""
	}
	for _, r := range [...]ref{n.a, n.b} {
		if r != 0 && !c.small(c.at(r)) {
			return ""
		}
	}
	return "; its bound is lost here"
}

// small reports whether a number or an offset is known to be within the limit.
func (c *chain) small(n *node) bool {
	w := c.wholeOf(n)
	return w.SMin() >= 0 && w.UMax() <= c.limit
}

// what is a value in words.
func (a *analysis) what(n *node) string {
	if n.kind == isScalar {
		switch v, constant := n.num.Const(); {
		case constant:
			return decimalOf(v)
		case n.num.IsUnknown():
			return "any number"
		}
		return n.num.String()
	}
	text := a.named(n)
	if n.flags&orNull != 0 {
		text += " that may be null"
	}
	if w := a.whole(n); w.Mask != 0 {
		text += ", at " + offsetText(w)
	} else if v, _ := w.Const(); v != 0 {
		text += ", at offset " + decimalOf(v)
	}
	return text
}

func offsetText(w scalar.Num) string {
	if w.IsUnknown() {
		return "an unknown offset"
	}
	return "offset " + w.String()
}

func decimalOf(v uint64) string { return fmt.Sprint(int64(v)) }

// obligations adds what the path owes: where a reference was acquired, a lock taken.
func (c *chain) obligations(e *Error) {
	at := ir.NoPos
	switch {
	case e.Code == CodeRefLeak && len(e.path.holds) > 0:
		at = e.path.holds[0].pos
	case e.Code == CodeLock && e.path.lock != 0:
		at = e.path.lockPos
	}
	if at == ir.NoPos {
		return
	}
	for _, f := range c.program.Funcs {
		if in := insnAt(f, at); in != nil {
			c.steps = append(c.steps, Step{Slot: int(at), Func: f.Name, Source: c.program.Source(at),
				Text: "`" + c.spelled(f, in) + "` " + map[bool]string{true: "acquires it", false: "takes the lock"}[e.Code == CodeRefLeak]})
			return
		}
	}
}

// extentOf is the greatest offset, or number, that the instruction could use; 0 if that is no question of size.
func (a *analysis) extentOf(e *Error) uint64 {
	switch e.Code {
	case CodeBounds, CodeUnbounded, CodeStackBounds, CodePacket:
	case CodeSize:
		return maxSize - 1
	case CodeReturn:
		return uint64(max(a.typ.Returns.Max, 0))
	default:
		return 0
	}
	if len(e.blame) == 0 {
		return 0
	}
	n := a.at(e.blame[0])
	switch n.kind {
	case isMapValue, isData, isMem:
		return uint64(max(a.extent(n), 1))
	case isStack:
		return 0
	}
	return maxMemory
}

// need says what the instruction of an Error would have to be given.
func (a *analysis) need(e *Error) string {
	if say := needs[e.Code]; say != nil {
		n := a.at(0)
		if len(e.blame) > 0 {
			n = a.at(e.blame[0])
		}
		return say(a, e, n)
	}
	return ""
}

// needs say it by code.
var needs = map[Code]func(a *analysis, e *Error, n *node) string{
	CodeBounds:    (*analysis).needExtent,
	CodeUnbounded: (*analysis).needExtent,
	CodePacket: func(a *analysis, e *Error, n *node) string {
		if bytes := reach(e.in, n); bytes > 0 {
			return fmt.Sprintf("a comparison on the way here that shows %s + %d ≤ the end", a.named(n), bytes)
		}
		return ""
	},
	CodeNull: func(_ *analysis, _ *Error, n *node) string {
		if n.kind == isScalar {
			return ""
		}
		return "a pointer that was compared with 0 on the way here"
	},
	CodeStackBounds: func(a *analysis, e *Error, n *node) string {
		if at := a.whole(n); e.in.Op.Info().Effects&ir.UseMem == 0 && at.Mask == 0 && at.SMin() < 0 && at.SMin() >= -ir.MaxStack {
			return fmt.Sprintf("at most %d bytes: there are no more from there to the end of the frame", -at.SMin())
		}
		return fmt.Sprintf("an offset from R10 between -%d and -1", ir.MaxStack)
	},
	CodeReturn: func(a *analysis, _ *Error, _ *node) string {
		return "R0 in " + rangeText(&a.typ.Returns)
	},
	CodeRefLeak: func(a *analysis, e *Error, _ *node) string {
		return "a call that releases it, on every path from there to the end"
	},
	CodeSize: func(*analysis, *Error, *node) string {
		return fmt.Sprintf("a number between 1 and the size of the memory, and below %d", maxSize)
	},
	CodeUnset: func(_ *analysis, e *Error, _ *node) string {
		return "a value written on every path that leads here"
	},
}

// needExtent is the range of offsets that are inside.
func (a *analysis) needExtent(e *Error, n *node) string {
	size, disp := int64(0), int64(0)
	if e.in != nil && e.in.Op.Info().Effects&ir.UseMem != 0 {
		size, disp = int64(e.in.Size), int64(e.in.Disp)
	}
	extent := a.extent(n)
	if n.kind == isScalar || extent < size || size == 0 || n.kind == isStack {
		return ""
	}
	return fmt.Sprintf("an offset between %d and %d: %s has %d bytes, and %d are accessed at +%d", -disp, extent-size-disp, a.named(n), extent, size, disp)
}

// reach is how many bytes from the start that its comparisons are about an access of n needs, 0 if it is no access.
func reach(in *ir.Insn, n *node) int64 {
	if in == nil || in.Op.Info().Effects&ir.UseMem == 0 {
		return 0
	}
	return n.off + int64(in.Disp) + int64(in.Size)
}

// rangeText is a range of return values in words.
func rangeText(r *abi.Range) string {
	if r.Min == r.Max {
		return fmt.Sprintf("%d", r.Min)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

// spot is the head of a loop or a branch, and how often it was looked at.
type spot struct {
	at     spotIn
	pos    ir.Pos
	visits uint32
	what   string
	loop   ir.Pos // where the innermost loop around it begins, NoPos if there is none
}

// tooComplex is the Error of an analysis that takes too long; it names what was looked at most often.
func (a *analysis) tooComplex(p *path, in *ir.Insn, format string, args ...any) *Error {
	spots := a.spots()
	var most []string
	for _, s := range spots[:min(3, len(spots))] {
		most = append(most, a.spotText(&s))
	}
	e := a.reject(p, in, CodeTooComplex, nil, format, args...)
	if len(most) > 0 {
		e.Msg += ": " + strings.Join(most, ", ")
	}
	for _, s := range spots[:min(maxChain, len(spots))] {
		e.Chain = append(e.Chain, Step{int(s.pos), a.program.Funcs[s.at.fn].Name, a.program.Source(s.pos), a.spotText(&s)})
	}
	return e
}

// spots are the heads of loops, and the branches of which both sides were followed, that were looked at, the most often first.
func (a *analysis) spots() (list []spot) {
	for fi, f := range a.program.Funcs {
		around := loopsAround(f, &a.facts[fi])
		for _, b := range f.Blocks {
			loop := ir.NoPos
			if h := around[b.ID]; h >= 0 {
				loop = f.Blocks[h].Insns[0].Pos
			}
			for i := range b.Insns {
				gi := a.first[fi] + a.facts[fi].Start[b.ID] + int32(i)
				s := spot{spotIn{int32(fi), b.ID, i}, b.Insns[i].Pos, a.visits[gi], "loop", loop}
				switch {
				case a.visits[gi] == 0:
					continue
				case a.loops[gi] && s.pos == loop:
					s.loop = ir.NoPos
				case a.loops[gi]:
				case a.taken[gi] == sideThen|sideElse:
					s.what = "branch"
				default:
					continue
				}
				list = append(list, s)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y spot) int { return cmp.Compare(y.visits, x.visits) })
	return list
}

func (a *analysis) spotText(s *spot) string {
	text := fmt.Sprintf("the %s at insn %d", s.what, s.pos)
	if at := a.sourceAt(s.pos); at != "" {
		text += " (" + at + ")"
	}
	text += " of " + a.program.Funcs[s.at.fn].Name
	if s.loop != ir.NoPos {
		text += fmt.Sprintf(" in the loop at insn %d", s.loop)
	}
	return text + fmt.Sprintf(" %d times", s.visits)
}

// stopped is the Error of an analysis that its caller ends; nothing is tried again after it.
func (a *analysis) stopped(p *path) *Error {
	a.limit = a.steps - 1
	f := p.top()
	in := &a.program.Funcs[f.fn].Blocks[f.block].Insns[f.index]
	return a.fail(CodeStopped, a.program.Funcs[f.fn], in.Pos, "the analysis was stopped after %d instructions: nothing is decided", a.steps)
}

// stopEvery is how many steps pass between two looks at Options.Stop.
const stopEvery = 256

// halted asks the caller now and then whether to go on.
func (a *analysis) halted() bool {
	a.ticked++
	return a.stop != nil && a.ticked%stopEvery == 0 && a.stop()
}

// Unproved is an access that is checked at run time, and why it was not proved.
type Unproved struct {
	Slot   int // BPF instruction, -1 in the body of a helper
	Func   string
	Source *obj.Line // nil if unknown
	Insn   string    // in the kernel's dialect
	Code   Code
	Msg    string
}

// Unproved lists the accesses that have guards, in the order of the program; none under strict.
func (v *Verified) Unproved() []Unproved { return v.left }

// Accesses counts the instructions that access memory and that a path reaches.
func (v *Verified) Accesses() int { return v.total }

// because keeps why an access is not proved, the first time.
func (a *analysis) because(r *request, err *Error) {
	if a.why == nil {
		a.why = map[int32]*Error{}
	}
	gi := a.gi(r.p)
	if a.why[gi] == nil {
		a.why[gi] = err
		err.path, err.in, err.blame, err.endless = nil, nil, nil, nil
	}
}

// eachAccess visits the accesses of memory that a path reaches.
func (a *analysis) eachAccess(visit func(f *ir.Func, in *ir.Insn, gi int32, fact *InsnFact)) {
	for fi, f := range a.program.Funcs {
		facts := &a.facts[fi]
		for _, b := range f.Blocks {
			for i := range b.Insns {
				at := facts.Start[b.ID] + int32(i)
				if in, fact := &b.Insns[i], &facts.Insns[at]; in.Op.Info().Effects&ir.UseMem != 0 && !fact.Dead {
					visit(f, in, a.first[fi]+at, fact)
				}
			}
		}
	}
}

func (a *analysis) accesses() (n int) {
	a.eachAccess(func(*ir.Func, *ir.Insn, int32, *InsnFact) { n++ })
	return n
}

// unprovedList are the accesses that are left to guards; end is why the analysis did not get to its end, nil if it did.
func (a *analysis) unprovedList(end *Error) (list []Unproved) {
	if a.policy == Strict {
		return nil
	}
	a.eachAccess(func(f *ir.Func, in *ir.Insn, gi int32, fact *InsnFact) {
		if fact.Proved {
			return
		}
		u := Unproved{Slot: int(in.Pos), Func: f.Name, Source: a.program.Source(in.Pos), Insn: a.spelled(f, in)}
		switch why := a.why[gi]; {
		case why != nil:
			u.Code, u.Msg = why.Code, why.Msg
		case end != nil:
			u.Code, u.Msg = end.Code, "the analysis did not get through the program: "+strings.SplitN(end.Msg, ":", 2)[0]
		}
		list = append(list, u)
	})
	return list
}
