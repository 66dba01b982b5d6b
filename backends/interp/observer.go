package interp

import (
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime"
)

// Observer sees a run, one instruction of the IR at a time.
type Observer interface {
	// Step is called before the instruction. s is valid during the call, and
	// changing it changes nothing. An error ends the run and becomes its error.
	Step(s *State) error
}

// State is what an instruction is about to find.
type State struct {
	Func *ir.Func
	Insn *ir.Insn
	// Regs are the registers by their number in the IR, Regs[ir.R1].
	Regs [ir.T2 + 1]uint64
	// Depth is the number of callers.
	Depth int
	// Mem is the memory of the run; the stack is its region ir.RegionStack.
	Mem *runtime.Mem

	at int // place in the code: the order of instructions within a function
}

// observation connects a run to its observer.
type observation struct {
	observer Observer
	program  *program
	state    State
}

// to is who observes, nil if nobody does.
func (o *observation) to() Observer {
	if o == nil {
		return nil
	}
	return o.observer
}

// step reports the instruction that the opStep at pc announces.
func (o *observation) step(r *registers, depth, pc int) error {
	s, site := &o.state, o.program.sites[pc]
	s.Func, s.Insn, s.Depth, s.at = site.fn, site.insn, depth, pc
	copy(s.Regs[:], r[:])
	return o.observer.Step(s)
}

// tracer turns steps of the IR into steps of BPF instructions: one when the
// instruction is left, with the registers after it. What has no Pos belongs to
// the instruction before it, as a helper's body does to its call.
type tracer struct {
	emit  func(codegen.TraceStep)
	open  bool
	step  codegen.TraceStep
	first int // place of the first IR instruction of step
	fn    *ir.Func
}

// Step implements Observer.
func (t *tracer) Step(s *State) error {
	copy(t.step.Regs[:], s.Regs[ir.R0:])
	if s.Insn.Pos != ir.NoPos && t.isNew(s) {
		t.end()
		t.open, t.first, t.fn = true, s.at, s.Func
		t.step.Slot, t.step.Func = int(s.Insn.Pos), s.Func.Name
	}
	return nil
}

// isNew reports whether another BPF instruction begins: another slot, or the same
// slot reached again by a jump back.
func (t *tracer) isNew(s *State) bool {
	return !t.open || t.step.Slot != int(s.Insn.Pos) || t.fn != s.Func || s.at <= t.first
}

// end emits the instruction that was under way.
func (t *tracer) end() {
	if t.open {
		t.emit(t.step)
	}
	t.open = false
}
