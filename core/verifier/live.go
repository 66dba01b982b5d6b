package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// liveness finds, callees first, which registers are read before they are
// written: at the entry of functions, at the start of blocks and after calls.
func (w *walk) liveness() *Error {
	for i := len(w.order) - 1; i >= 0; i-- {
		fi := w.order[i]
		facts, f := &w.facts[fi], w.program.Funcs[fi]
		facts.post, facts.LoopHeads = ir.Postorder(f)
		facts.Live = ir.Liveness(f, facts.post, w.callUses)
		w.recordLive(fi)
	}
	return nil
}

// recordLive keeps what the lowering needs: registers to be zeroed at entry and after calls.
func (w *walk) recordLive(fi int32) {
	facts := &w.facts[fi]
	live := facts.Live
	fromCaller := ir.ArgRegs | ir.Bit(ir.R10)
	if fi == 0 {
		fromCaller = ir.Bit(ir.R1) | ir.Bit(ir.R2) | ir.Bit(ir.R10)
	}
	facts.ZeroEntry = live[0] &^ fromCaller
	for i, b := range w.program.Funcs[fi].Blocks {
		if !slices.ContainsFunc(b.Insns, func(in ir.Insn) bool { return in.Op.Info().Effects&ir.CallsOut != 0 }) {
			continue
		}
		out := ir.LiveOut(b, live)
		for j := len(b.Insns) - 1; j >= 0; j-- {
			in := &b.Insns[j]
			if in.Op.Info().Effects&ir.CallsOut != 0 {
				facts.Insns[int(facts.Start[i])+j].ZeroAfter = out & w.clobbers(in)
			}
			use, def := w.useDef(in)
			out = out&^def | use
		}
	}
}

// clobbers returns the registers that have no value after a call.
func (w *walk) clobbers(in *ir.Insn) ir.RegSet {
	if in.Op == ir.OpCallHelper && w.program.Helpers[in.Ref.Index].Ret == abi.RetVoid {
		return ir.CallerRegs
	}
	return ir.ArgRegs
}

// useDef is (*ir.Insn).UseDef with what is known of callees.
func (w *walk) useDef(in *ir.Insn) (use, def ir.RegSet) {
	use, def = in.UseDef()
	if in.Op.Info().Effects&ir.CallsOut != 0 {
		use = w.callUses(in)
	}
	return use, def
}

// callUses returns the registers that a call reads.
func (w *walk) callUses(in *ir.Insn) (use ir.RegSet) {
	switch in.Op {
	case ir.OpCall:
		return w.facts[in.Ref.Index].Live[0] & ir.ArgRegs
	case ir.OpCallHelper:
		return ir.Arguments(w.program.Helpers[in.Ref.Index].NumArgs())
	}
	for _, c := range w.taken {
		use |= w.facts[c].Live[0] & ir.ArgRegs
	}
	return use | ir.Bit(in.A)
}
