package verifier

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// Verified is a program that may run under its policy, with the facts that the
// lowering needs. Only Verify makes one: holding one is the proof. It is immutable.
type Verified struct {
	program *ir.Program
	typ     abi.ProgType
	funcs   []FuncFacts
	exposed bool
	lost    bool
	turn    uint32
	bound   uint64
	strict  bool
	guards  int
	kept    *keeper
	left    []Unproved
	total   int
	back    []backCall
}

// Callbacks are the functions that the helper which function fi calls at pos may call, in ascending order.
func (v *Verified) Callbacks(fi int, pos ir.Pos) (funcs []int32) {
	for _, b := range v.back {
		if b.from == int32(fi) && b.pos == pos {
			funcs = append(funcs, b.to)
		}
	}
	slices.Sort(funcs)
	return funcs
}

// Guards counts the accesses and calls that are not proved.
func (v *Verified) Guards() int { return v.guards }

// Program is the verified program, as it was lifted; nil for the zero Verified.
func (v *Verified) Program() *ir.Program { return v.program }

// Type is the program's type.
func (v *Verified) Type() abi.ProgType { return v.typ }

// Turn bounds the instructions that run between two polls: what a pass through the
// program executes in which no loop turns or, if that is too long for one poll, all of it once.
func (v *Verified) Turn() uint32 { return v.turn }

// Exposed reports whether an address of the BPF stack may leave the program's
// sight: be stored, passed on, returned, or used with an offset that is not known.
func (v *Verified) Exposed() bool { return v.exposed }

// Lost reports whether an address of the BPF stack may be where the analysis does not follow it, so that bytes of the
// stack may be touched unseen: by helpers that take any number for an address, or by accesses that are not proved.
func (v *Verified) Lost() bool { return v.lost }

// Func returns the facts about function i.
func (v *Verified) Func(i int) *FuncFacts { return &v.funcs[i] }

// FuncFacts is what is known about a function.
type FuncFacts struct {
	// Frame is the stack below R10 that the function uses, in bytes, a multiple of 8.
	Frame int32
	// ZeroFrame: a byte of the frame may be read before it is written.
	ZeroFrame bool
	// ZeroEntry is the set of registers that may be read before they are written and get no value from the caller.
	ZeroEntry ir.RegSet
	// LoopHeads marks the blocks that a loop returns to; every cycle passes one.
	LoopHeads []bool
	// PollEntry: the program runs for long by calls alone, so that its functions need a poll as loops do.
	PollEntry bool
	post      []ir.BlockID // blocks in postorder
	// Live holds, by block, the registers that it or what follows reads before writing them.
	Live []ir.RegSet
	// Insns holds one fact per instruction of block b from Start[b] on.
	Insns []InsnFact
	Start []int32
	// AddressTaken: the function's value is taken, a call through a register may reach it.
	AddressTaken bool

	// below: the function may use stack below what Frame counts, through addresses that are not followed.
	below bool
}

// InsnFact is what is known about one instruction.
type InsnFact struct {
	// Proved: the memory access is inside a region that allows it.
	Proved bool
	// Aligned: the address is a multiple of the access's size.
	Aligned bool
	// Region is the region that the access most likely touches.
	Region uint16
	// Dead: no path reaches the instruction.
	Dead bool
	// Moved: the instruction loads a packet pointer from the context, whose host has the address, 8 bytes, so
	// many bytes further on; 0 if it loads what it says.
	Moved int32
	// Map is the number of the map, plus one, with which a helper is called on every path; 0 if they differ. Like is
	// that of a map which the one of every path is like: also of one that another map holds.
	Map, Like int32
	// Index is the index, 32 bits, plus one, with which a tail call is made on every path; 0 if it is not constant.
	Index int64
	// Slots are the slots of its function's frame that the instruction, or what it calls, may touch; slot i is the 8
	// bytes at R10-8*(i+1). It says nothing if the program has lost addresses (Verified.Lost).
	Slots uint64
	// Sides are the ways of a branch that are possible: 1 Then, 2 Else; 0 if nothing is known.
	Sides uint8
	// ZeroAfter is the set of R1 to R5, and of R0 if the callee returns nothing, that may be read after this call
	// before they are written.
	ZeroAfter ir.RegSet
}

// Options of a verification.
type Options struct {
	Policy Policy
	// NoLeaks adds the rules for programs of users without privileges: addresses do not leave the program, and
	// what was not written is not read (allow_ptr_leaks, allow_uninit_stack, kernel/bpf/verifier.c, Linux 6.18).
	NoLeaks bool
	// Log, if set, gets a line for every step of the analysis, and at the end how often each source line was looked at.
	Log func(line string)
	// Stop, if set, is asked every few steps; the analysis ends with CodeStopped when it returns true.
	Stop func() bool
	// Steps bounds the instructions that are looked at, if it is less than the limit of the policy; 0 is that limit.
	Steps int
	// Brief leaves out what explains an error: the chain of causes and the fix.
	Brief bool
	// Keep keeps all states, for Verified.Holds. States are compared in full then, so that none is left out as one that
	// another covers where it matters: it takes longer, and a program that is nearly too complex may be refused.
	Keep bool
}

// Verify decides about a lifted program of a type that set declares. An error is
// an *Error, without the name of the file.
func Verify(p *ir.Program, set *abi.Set, policy Policy) (*Verified, error) {
	v, _, err := Analyse(p, set, Options{Policy: policy})
	return v, err
}

// Analyse is Verify with options. The statistics are those of a program that was refused, too.
func Analyse(p *ir.Program, set *abi.Set, opts Options) (*Verified, Stats, error) {
	w := &walk{program: p}
	typ, ok := set.Type(p.Type)
	if !ok {
		return nil, Stats{}, w.fail(CodeType, nil, ir.NoPos, "program type %q is not declared by any helper set (sets: %s)", p.Type, set.Name)
	}
	w.typ = typ
	if typ.Unsupported != "" {
		return nil, Stats{}, w.fail(CodeUndecided, nil, ir.NoPos, "programs of type %s cannot be decided: %s", typ.Name, typ.Unsupported)
	}
	for _, step := range []func() *Error{w.checkUses, w.callGraph, w.callPolls, w.liveness} {
		if err := step(); err != nil {
			return nil, Stats{}, err
		}
	}
	if opts.Policy == Guard {
		w.values()
	}
	a, err := w.analyse(set, opts, false)
	if err != nil && opts.Policy == Guard && err.Code == CodeTooComplex {
		a, err = w.analyse(set, opts, true)
	}
	a.log.finish(a, err)
	stats := a.stats()
	if err != nil && !(opts.Policy == Guard && a.hopeless(err) && !w.opaque()) {
		a.explain(err, opts)
		return nil, stats, err
	}
	if err == nil {
		a.conclude()
	} else if err := w.absentCall(); err != nil {
		return nil, stats, err
	} else {
		w.lost, a.touched = true, nil
	}
	if err := a.stackLimit(); err != nil {
		return nil, stats, err
	}
	return &Verified{program: p, typ: typ, funcs: w.facts, exposed: w.exposed, lost: w.lost, turn: uint32(w.turn), bound: w.bound, strict: opts.Policy == Strict, guards: a.guards(), kept: a.keep, left: a.unprovedList(err), total: a.accesses(), back: a.backCalls}, stats, nil
}

// opaque reports whether the program has values that are proved under every policy, never guarded: a
// context, or maps.
func (w *walk) opaque() bool {
	return w.typ.Context.Kind == abi.CtxStruct || slices.ContainsFunc(w.program.Funcs, func(f *ir.Func) bool {
		return insns(f, func(in *ir.Insn) *Error {
			if in.Op == ir.OpAddr && in.Ref.Kind == ir.RefMap {
				return &Error{}
			}
			return nil
		}) != nil
	})
}

// Stats says what an analysis cost.
type Stats struct {
	Processed int // instructions looked at, each as often as paths reach it
	Peak      int // states remembered at a time
}

// walk is the state of one verification.
type walk struct {
	program *ir.Program
	typ     abi.ProgType
	facts   []FuncFacts
	calls   [][]call // by function; a call through a register may reach every function whose address is taken
	taken   []int32  // functions whose address is taken

	indirect int     // calls through registers
	turn     int     // see Verified.Turn
	bound    uint64  // see Verified.Bound
	order    []int32 // functions, callers before callees
	exposed  bool
	lost     bool
}

// fail makes an Error about the instruction at pos in f.
func (w *walk) fail(c Code, f *ir.Func, pos ir.Pos, format string, args ...any) *Error {
	e := &Error{Code: c, Verdict: Reject, Program: w.program.Name, Slot: int(pos), Msg: fmt.Sprintf(format, args...)}
	if r, ok := RuleOf(c); ok && r.Unsupported {
		e.Verdict = Unsupported
	}
	if f != nil {
		e.Func = f.Name
	}
	if pos != ir.NoPos {
		e.Source = w.program.Source(pos)
	}
	return e
}

// insns calls visit with every instruction of f.
func insns(f *ir.Func, visit func(in *ir.Insn) *Error) *Error {
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if err := visit(&b.Insns[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkUses enforces the rules about single instructions and collects functions
// whose address is taken.
func (w *walk) checkUses() *Error {
	p := w.program
	w.facts = make([]FuncFacts, len(p.Funcs))
	for fi, f := range p.Funcs {
		facts := &w.facts[fi]
		facts.Start = make([]int32, len(f.Blocks))
		n := 0
		for i, b := range f.Blocks {
			facts.Start[i] = int32(n)
			n += len(b.Insns)
		}
		facts.Insns = make([]InsnFact, n)
		if err := insns(f, func(in *ir.Insn) *Error { return w.checkInsn(f, in) }); err != nil {
			return err
		}
	}
	if n := w.indirect * len(w.taken); n > maxArms {
		return w.fail(CodeIndirect, nil, ir.NoPos, "%d calls through registers may reach %d functions each: this version follows at most %d", w.indirect, len(w.taken), maxArms)
	}
	return nil
}

// maxArms bounds the comparisons that calls through registers are lowered to,
// and with them the memory that a small input can ask for.
const maxArms = 1 << 16

func (w *walk) checkInsn(f *ir.Func, in *ir.Insn) *Error {
	if in.Dst == ir.R10 {
		return w.fail(CodeFramePointer, f, in.Pos, "R10 is the frame pointer and read-only")
	}
	switch in.Op {
	case ir.OpAddr:
		return w.checkAddr(f, in)
	case ir.OpCallReg:
		w.indirect++
	}
	return nil
}

func (w *walk) checkAddr(f *ir.Func, in *ir.Insn) *Error {
	switch i := in.Ref.Index; in.Ref.Kind {
	case ir.RefMapValue:
		m := &w.program.Maps[i]
		if m.Type != abi.MapTypeArray {
			return w.fail(CodeMapKind, f, in.Pos, "the values of map %s, which is of type %d, have no fixed addresses: only those of array maps (type %d) do", m.Name, m.Type, abi.MapTypeArray)
		}
		if in.Imm < 0 || in.Imm > int64(m.ValueSize) {
			return w.fail(CodeDataRange, f, in.Pos, "offset %d in map %s, whose values have %d bytes", in.Imm, m.Name, m.ValueSize)
		}
	case ir.RefData:
		d := &w.program.Data[i]
		if in.Imm < 0 || in.Imm > int64(len(d.Bytes)) {
			return w.fail(CodeDataRange, f, in.Pos, "offset %d in section %s, which has %d bytes", in.Imm, d.Name, len(d.Bytes))
		}
	case ir.RefFunc:
		if !w.facts[i].AddressTaken {
			w.facts[i].AddressTaken = true
			w.taken = append(w.taken, i)
		}
	}
	return nil
}

// callGraph finds what functions call, orders them and refuses recursion and deep nesting.
func (w *walk) callGraph() *Error {
	p := w.program
	w.calls = make([][]call, len(p.Funcs))
	for fi, f := range p.Funcs {
		insns(f, func(in *ir.Insn) *Error {
			switch in.Op {
			case ir.OpCall:
				w.calls[fi] = append(w.calls[fi], call{in.Ref.Index, in.Pos})
			case ir.OpCallReg:
				for _, t := range w.taken {
					w.calls[fi] = append(w.calls[fi], call{t, in.Pos})
				}
			}
			return nil
		})
	}
	var err *Error
	w.order, err = w.ordered(w.calls)
	return err
}

// ordered puts the functions in an order in which callers come before callees.
func (w *walk) ordered(calls [][]call) ([]int32, *Error) {
	n := len(w.program.Funcs)
	d := &depthFirst{walk: w, calls: calls, state: make([]uint8, n), depth: make([]int, n)}
	for fi := range n {
		if d.state[fi] == 0 {
			if err := d.visit(int32(fi), 1); err != nil {
				return nil, err
			}
		}
	}
	slices.Reverse(d.post)
	return d.post, nil
}

// call is a call of function callee by the instruction at pos.
type call struct {
	callee int32
	pos    ir.Pos
}

// depthFirst walks the call graph.
type depthFirst struct {
	*walk
	calls [][]call
	state []uint8 // 0 new, 1 active, 2 done
	depth []int   // frames from here down, itself included
	post  []int32
}

// visit walks from f, which is the frame number active.
func (d *depthFirst) visit(f int32, active int) *Error {
	fn := d.program.Funcs[f]
	d.state[f], d.depth[f] = 1, 1
	for _, c := range d.calls[f] {
		if d.state[c.callee] == 1 {
			return d.fail(CodeRecursion, fn, c.pos, "call of %s, which is active: functions must not call themselves, directly or through others", d.program.Funcs[c.callee].Name)
		}
		if active+max(d.depth[c.callee], 1) > ir.MaxFrames {
			return d.fail(CodeCallDepth, fn, c.pos, "calls nest more than %d frames deep", ir.MaxFrames)
		}
		if d.state[c.callee] == 0 {
			if err := d.visit(c.callee, active+1); err != nil {
				return err
			}
		}
		d.depth[f] = max(d.depth[f], 1+d.depth[c.callee])
	}
	d.state[f] = 2
	d.post = append(d.post, f)
	return nil
}

// maxUnpolled is how many instructions a program may run without a loop and without a poll: less than 1 ms of work.
const maxUnpolled = 1 << 20

// callPolls lets functions begin with a poll if the program may run more than maxUnpolled
// instructions though no loop turns: nested calls multiply, and eight levels of a few bytes last for ever.
func (w *walk) callPolls() *Error {
	runs := make([]int, len(w.facts)) // instructions of a function and all that it calls, at most maxUnpolled + 1
	for _, f := range slices.Backward(w.order) {
		runs[f] = min(len(w.facts[f].Insns), maxUnpolled+1)
		for _, c := range w.calls[f] {
			runs[f] = min(runs[f]+runs[c.callee], maxUnpolled+1)
		}
	}
	w.turn = runs[0]
	if runs[0] > maxUnpolled {
		w.turn = 0
		for f := range w.facts {
			w.facts[f].PollEntry = f > 0
			w.turn += len(w.facts[f].Insns)
		}
	}
	return nil
}
