package verifier

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// Verified is a program that may run under its policy, with the facts that the
// lowering needs. Only Verify makes one: holding one is the proof. It is immutable.
type Verified struct {
	program *ir.Program
	policy  Policy
	typ     abi.ProgType
	funcs   []FuncFacts
	exposed bool
}

// Program is the verified program, as it was lifted; nil for the zero Verified.
func (v *Verified) Program() *ir.Program { return v.program }

// Policy is the policy that the program was verified under.
func (v *Verified) Policy() Policy { return v.policy }

// Type is the program's type.
func (v *Verified) Type() abi.ProgType { return v.typ }

// Exposed reports whether an address of the BPF stack may leave the program's
// sight: be stored, passed on, returned, or used with an offset that is not known.
func (v *Verified) Exposed() bool { return v.exposed }

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
	// Insns holds one fact per instruction of block b from Start[b] on.
	Insns []InsnFact
	Start []int32
	// AddressTaken: the function's value is taken, a call through a register may reach it.
	AddressTaken bool
}

// InsnFact is what is known about one instruction.
type InsnFact struct {
	// Proved: the memory access is inside a region, and aligned where it must be.
	Proved bool
	// Aligned: the address is a multiple of the access's size.
	Aligned bool
	// Region is the region that the access most likely touches.
	Region uint16
	// ZeroAfter is the set of R1 to R5 that may be read after this call and before they are written.
	ZeroAfter ir.RegSet
}

// Verify decides about a lifted program of a type that set declares. An error is
// an *Error, without the name of the file.
func Verify(p *ir.Program, set *abi.Set, policy Policy) (*Verified, error) {
	w := &walk{program: p}
	typ, ok := set.Type(p.Type)
	if !ok {
		return nil, w.fail(CodeType, nil, ir.NoPos, "program type %q is not declared by any helper set (sets: %s)", p.Type, set.Name)
	}
	w.typ = typ
	if policy == Strict {
		return nil, w.fail(CodePolicy, nil, ir.NoPos, "policy strict is not in this version: use --policy guard")
	}
	for _, step := range []func() error{w.checkUses, w.callGraph, w.liveness, w.values, w.stackLimit} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &Verified{program: p, policy: policy, typ: typ, funcs: w.facts, exposed: w.exposed}, nil
}

// walk is the state of one verification.
type walk struct {
	program *ir.Program
	typ     abi.ProgType
	facts   []FuncFacts
	callees [][]int32     // by function; a call through a register may reach every function whose address is taken
	taken   []int32       // functions whose address is taken
	order   []int32       // functions, callers before callees
	liveAt  [][]ir.RegSet // by function and block: registers read before they are written
	exposed bool
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

// insns calls visit with every instruction of f and its index in facts.
func insns(f *ir.Func, visit func(b *ir.Block, i int, in *ir.Insn) error) error {
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if err := visit(b, i, &b.Insns[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkUses enforces the rules about single instructions and collects functions
// whose address is taken.
func (w *walk) checkUses() error {
	p := w.program
	w.facts = make([]FuncFacts, len(p.Funcs))
	if w.typ.Context.Kind == abi.CtxStruct {
		return w.fail(CodeContext, nil, ir.NoPos, "type %s has a context with fields, which is not in this version", w.typ.Name)
	}
	for fi, f := range p.Funcs {
		facts := &w.facts[fi]
		facts.Start = make([]int32, len(f.Blocks))
		n := 0
		for i, b := range f.Blocks {
			facts.Start[i] = int32(n)
			n += len(b.Insns)
		}
		facts.Insns = make([]InsnFact, n)
		err := insns(f, func(_ *ir.Block, _ int, in *ir.Insn) error { return w.checkInsn(f, in) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) checkInsn(f *ir.Func, in *ir.Insn) error {
	if in.Dst == ir.R10 {
		return w.fail(CodeFramePointer, f, in.Pos, "R10 is the frame pointer and read-only")
	}
	switch in.Op {
	case ir.OpLoadAbs, ir.OpLoadInd:
		return w.fail(CodeNoPacket, f, in.Pos, "packet access in a program of type %s, which has no packet", w.typ.Name)
	case ir.OpCallHelper:
		return w.checkHelper(f, in)
	case ir.OpAddr:
		return w.checkAddr(f, in)
	}
	return nil
}

func (w *walk) checkHelper(f *ir.Func, in *ir.Insn) error {
	h := &w.program.Helpers[in.Ref.Index]
	for i, a := range h.Args {
		if !a.Scalar() {
			return w.fail(CodeHelperArgs, f, in.Pos, "argument %d of %s is a pointer, which is not in this version", i+1, h.Name)
		}
	}
	if h.Ret > abi.RetVoid {
		return w.fail(CodeHelperArgs, f, in.Pos, "%s returns a pointer, which is not in this version", h.Name)
	}
	if h.Impl == abi.ImplNone || h.Impl == abi.ImplIntrinsic {
		return w.fail(CodeHelperNone, f, in.Pos, "%s is declared but does not run in this version", h.Name)
	}
	return nil
}

// mapArray is BPF_MAP_TYPE_ARRAY of enum bpf_map_type (include/uapi/linux/bpf.h).
const mapArray = 2

func (w *walk) checkAddr(f *ir.Func, in *ir.Insn) error {
	switch i := in.Ref.Index; in.Ref.Kind {
	case ir.RefMap:
		return w.fail(CodeMapValue, f, in.Pos, "map %s is used through helpers, which are not in this version", w.program.Maps[i].Name)
	case ir.RefMapValue:
		m := &w.program.Maps[i]
		if m.Type != mapArray {
			return w.fail(CodeMapKind, f, in.Pos, "map %s is of type %d: this version has array maps (type %d) only", m.Name, m.Type, mapArray)
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

// callGraph orders the functions and refuses recursion and deep nesting.
func (w *walk) callGraph() error {
	p := w.program
	w.callees = make([][]int32, len(p.Funcs))
	for fi, f := range p.Funcs {
		_ = insns(f, func(_ *ir.Block, _ int, in *ir.Insn) error {
			switch in.Op {
			case ir.OpCall:
				w.callees[fi] = append(w.callees[fi], in.Ref.Index)
			case ir.OpCallReg:
				w.callees[fi] = append(w.callees[fi], w.taken...)
			}
			return nil
		})
	}
	d := &depthFirst{walk: w, state: make([]uint8, len(p.Funcs)), depth: make([]int, len(p.Funcs))}
	for fi := range p.Funcs {
		if err := d.visit(int32(fi)); err != nil {
			return err
		}
	}
	for i := len(d.post) - 1; i >= 0; i-- {
		w.order = append(w.order, d.post[i])
	}
	if d.depth[0] > maxFrames {
		return w.fail(CodeCallDepth, p.Funcs[0], p.Funcs[0].Pos, "calls nest %d frames deep; at most %d are allowed", d.depth[0], maxFrames)
	}
	return nil
}

// maxFrames is MAX_CALL_FRAMES of Linux 6.18, include/linux/bpf_verifier.h.
const maxFrames = 8

// depthFirst walks the call graph.
type depthFirst struct {
	*walk
	state []uint8 // 0 new, 1 active, 2 done
	depth []int   // frames from here down, itself included
	post  []int32
}

func (d *depthFirst) visit(f int32) error {
	d.state[f] = 1
	deepest := 0
	for _, c := range d.callees[f] {
		if d.state[c] == 1 {
			fn := d.program.Funcs[c]
			return d.fail(CodeRecursion, d.program.Funcs[f], fn.Pos, "function %s calls itself through %s", fn.Name, d.program.Funcs[f].Name)
		}
		if d.state[c] == 0 {
			if err := d.visit(c); err != nil {
				return err
			}
		}
		deepest = max(deepest, d.depth[c])
	}
	d.state[f], d.depth[f] = 2, deepest+1
	d.post = append(d.post, f)
	return nil
}

// maxStack is MAX_BPF_STACK of Linux 6.18, include/linux/filter.h.
const maxStack = 512

// stackLimit refuses programs whose frames need more than maxStack bytes along some chain of calls.
func (w *walk) stackLimit() error {
	need := make([]int32, len(w.facts))
	for i := len(w.order) - 1; i >= 0; i-- {
		f := w.order[i]
		var below int32
		for _, c := range w.callees[f] {
			below = max(below, need[c])
		}
		need[f] = w.facts[f].Frame + below
	}
	if need[0] > maxStack {
		f := w.program.Funcs[0]
		return w.fail(CodeStackLimit, f, f.Pos, "the program and the functions it calls need %d bytes of stack; at most %d are allowed", need[0], maxStack)
	}
	return nil
}
