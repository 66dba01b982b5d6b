package verifier

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// unspilled is the frame of function fi as Linux counts it: without the slots in which compilers keep registers over
// calls that leave them alone (abi.FlagFastcall). They are the lowest of the function, in pairs around its calls,
//
//	store.u64 [r10-24], r2; store.u64 [r10-16], r1; call.helper; r1 = load.u64 [r10-16]; r2 = load.u64 [r10-24]
//
// from the call outwards upwards, and used for nothing else. A pair around a call that is not marked keeps all
// (mark_fastcall_pattern_for_call, check_fastcall_stack_contract, remove_fastcall_spills_fills in
// kernel/bpf/verifier.c, Linux 6.18; there a jump may lead into a pair, here it keeps it).
func (a *analysis) unspilled(fi int32) int32 {
	facts, f := &a.facts[fi], a.program.Funcs[fi]
	if a.touched == nil || f.Pos == ir.NoPos { // the instructions of a helper's body cannot be told apart
		return facts.Frame
	}
	c := &spillCount{analysis: a, lowest: lowestSpill(f), paired: map[ir.Pos]bool{}}
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if b.Insns[i].Op == ir.OpCallHelper {
				c.call(b.Insns, i)
			}
		}
	}
	if c.kept || c.slots == 0 {
		return facts.Frame
	}
	frame := -c.lowest - 8*c.slots
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if touched := a.touched[a.first[fi]+facts.Start[b.ID]+int32(i)]; touched>>(frame/8) != 0 && !c.paired[b.Insns[i].Pos] {
				return facts.Frame
			}
		}
	}
	return frame
}

// spillCount finds the pairs around the calls of a function.
type spillCount struct {
	*analysis
	lowest int32 // displacement of the lowest spill
	slots  int32 // how many from there on hold spills of pairs
	paired map[ir.Pos]bool
	kept   bool // a call that is not marked has a pair
}

// lowestSpill is the displacement of the lowest store of a register to a slot of f.
func lowestSpill(f *ir.Func) (lowest int32) {
	for _, b := range f.Blocks {
		for i := range b.Insns {
			if in := &b.Insns[i]; in.Op == ir.OpStore && in.Size == 8 && in.Base == ir.R10 && in.A != ir.None {
				lowest = min(lowest, in.Disp)
			}
		}
	}
	return lowest
}

// call notes the pairs around the call insns[at].
func (c *spillCount) call(insns []ir.Insn, at int) {
	h := &c.program.Helpers[insns[at].Ref.Index]
	free := ir.CallerRegs &^ ir.Arguments(h.NumArgs())
	if h.Ret != abi.RetVoid {
		free &^= ir.Bit(ir.R0)
	}
	n := int32(0)
	for i := 1; i <= at && at+i < len(insns); i++ {
		spill, fill := &insns[at-i], &insns[at+i]
		off := c.lowest + 8*n
		if spill.Op != ir.OpStore || spill.Size != 8 || spill.Base != ir.R10 || spill.Disp != off || !free.Has(spill.A) ||
			fill.Op != ir.OpLoad || fill.Size != 8 || fill.Base != ir.R10 || fill.Disp != off || fill.Dst != spill.A {
			break
		}
		free &^= ir.Bit(spill.A)
		c.paired[spill.Pos], c.paired[fill.Pos] = true, true
		n++
	}
	c.slots = max(c.slots, n)
	c.kept = c.kept || n > 0 && (h.Flags&abi.FlagFastcall == 0 || h.Intrinsic == abi.IntrinsicNone)
}
