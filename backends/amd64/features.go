package amd64

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/codegen"
)

// The features, which are off unless they are asked for.
//
//   - ibt: endbr64 where indirect branches lead, for processes that run with indirect branch tracking (Intel SDM volume 1,
//     section 17.3): the entry of each program, which the runtime and tail calls enter, and in an object file the C entries and
//     where a fault goes. Functions are called directly, and what a call returns to needs no mark.
//   - retpoline: no branch is indirect. Tail calls, exits, and the hook of an object file go by way of a routine that returns to the
//     target: the processor predicts the return to the loop behind the call, where it waits, whatever it has learnt of
//     branches (Intel, "Retpoline: A Branch Target Injection Mitigation", 2018).
const (
	featureIBT       = "ibt"
	featureRetpoline = "retpoline"
)

var features = []string{featureIBT, featureRetpoline}

// checkFeatures refuses what the back end has not.
func checkFeatures(asked []string) error {
	for _, f := range asked {
		if !slices.Contains(features, f) {
			return &codegen.UnsupportedError{What: fmt.Sprintf("feature %q", f), Msg: fmt.Sprintf("the amd64 back end has %v", features)}
		}
	}
	return nil
}

// landing marks a place that indirect branches lead to.
func (e *emitter) landing() {
	if e.ibt {
		e.asm.Op(asm.Endbr64)
	}
}

// thunk is a routine by which indirect branches go; label is 0 until one is needed, else the label and one.
type thunk struct {
	name  string
	label asm.Label
	// target puts the address over the return address at rsp. It changes no other register and leaves rsp as it was.
	target func(*emitter)
}

// The thunks of an emitter, by number: rcx holds the target, or it is the exit of the run context, which finds all registers
// as they are.
const (
	thunkRCX = iota
	thunkExit
	numThunks
)

var thunks = [numThunks]thunk{
	thunkRCX: {name: "bpfc.retpoline", target: func(e *emitter) { e.asm.MovMR(asm.W64, asm.Mem{Base: asm.RSP}, asm.RCX) }},
	thunkExit: {name: "bpfc.exit", target: func(e *emitter) {
		body := e.unwindState()
		e.asm.PushM(runContext(codegen.RunExit))
		e.cfa(body.cfa+8, body.saved)
		e.asm.PopM(asm.Mem{Base: asm.RSP}) // rsp counts as it is when it is raised (Intel SDM volume 2, POP)
		e.cfa(body.cfa, body.saved)
	}},
}

// by is the label of a thunk.
func (e *emitter) by(n int) asm.Label {
	t := &e.thunks[n]
	if t.label == 0 {
		t.label = e.asm.NewLabel() + 1
	}
	return t.label - 1
}

// jumpRCX goes to where rcx says.
func (e *emitter) jumpRCX() {
	if e.retpoline {
		e.asm.Jmp(e.by(thunkRCX))
	} else {
		e.asm.JmpR(asm.RCX)
	}
}

// callRCX calls what rcx says.
func (e *emitter) callRCX() {
	if e.retpoline {
		e.asm.Call(e.by(thunkRCX))
	} else {
		e.asm.CallR(asm.RCX)
	}
}

// callExit leaves by the exit of the run context.
func (e *emitter) callExit() {
	if e.retpoline {
		e.asm.Call(e.by(thunkExit))
	} else {
		e.asm.CallM(runContext(codegen.RunExit))
	}
}

// jumpExit leaves on behalf of who has called the routine at hand.
func (e *emitter) jumpExit() {
	if e.retpoline {
		e.asm.Jmp(e.by(thunkExit))
	} else {
		e.asm.JmpM(runContext(codegen.RunExit))
	}
}

// retpolines emits the thunks that are needed. The artifact check knows their bytes (runtime/check).
func (e *emitter) retpolines() {
	for i := range e.thunks {
		t := &e.thunks[i]
		if t.label == 0 {
			continue
		}
		a, over, trap := &e.asm, e.asm.NewLabel(), e.asm.NewLabel()
		e.routine(t.name, -1)
		a.Bind(t.label - 1)
		a.Call(over)
		a.Bind(trap)
		a.Op(asm.Pause)
		a.Op(asm.Lfence)
		a.Jmp(trap)
		a.Bind(over)
		e.cfa(16, nil)
		t.target(e)
		a.Op(asm.Ret)
		e.end()
	}
}
