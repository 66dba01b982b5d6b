package opt

import "github.com/bpfc/bpfc/core/ir"

// frames computes the stack that the program and the functions it calls need,
// and completes the zeroing of an exposed stack at entry.
func (p *program) frames() {
	need := make([]int32, len(p.out.Funcs))
	p.info.StackSize = uint32(p.stackNeed(0, need))
	p.info.Insns = countSlots(p.out)
	if !p.v.Exposed() {
		return
	}
	p.info.StackRegion = p.info.StackSize
	entry := p.out.Funcs[0].Blocks[0]
	for i := range entry.Insns {
		if in := &entry.Insns[i]; in.Op == ir.OpZero {
			in.Disp, in.Imm = -int32(p.info.StackSize), int64(p.info.StackSize)
			break
		}
	}
}

// stackNeed is the stack of function f and its deepest chain of callees. The call graph has no cycle.
func (p *program) stackNeed(f int32, need []int32) int32 {
	if need[f] != 0 {
		return need[f] - 1
	}
	fn := p.out.Funcs[f]
	var below int32
	for _, b := range fn.Blocks {
		for i := range b.Insns {
			if in := &b.Insns[i]; in.Op == ir.OpCall {
				below = max(below, p.stackNeed(in.Ref.Index, need))
			}
		}
	}
	need[f] = fn.Frame + below + 1
	return fn.Frame + below
}

// countSlots is the number of BPF slots of the program: one more than the last Pos.
func countSlots(p *ir.Program) int {
	last := ir.Pos(-1)
	for _, f := range p.Funcs {
		for _, b := range f.Blocks {
			last = max(last, b.Terminator().Pos)
		}
	}
	return int(last) + 1
}
