package opt

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
)

// frames computes the stack that the program and the functions it calls need. The entry
// of a program that lets a stack address out zeroes all of it: neither an earlier run's
// bytes nor those of a function not called yet may be read.
func (p *program) frames() {
	need := make([]int32, len(p.out.Funcs))
	size := p.stackNeed(0, need)
	p.info.StackSize, p.info.TailDepth = uint32(size), uint32(p.tailDepth(0, 0, make([]int32, len(need))))
	p.info.Insns = countSlots(p.out)
	if !p.v.Exposed() || size == 0 {
		return
	}
	p.info.StackRegion = p.info.StackSize
	entry := p.out.Funcs[0]
	zero := ir.Insn{Op: ir.OpZero, Base: ir.R10, Disp: -size, Imm: int64(size), Pos: entry.Pos}
	insns := entry.Blocks[0].Insns
	own := slices.IndexFunc(insns, func(in ir.Insn) bool { return in.Op == ir.OpZero && in.Pos == entry.Pos }) // others are of inlined functions
	if own < 0 {
		entry.Blocks[0].Insns = slices.Insert(insns, 0, zero)
		return
	}
	insns[own] = zero
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

// tailDepth is the stack above function f or a function that it calls where that makes a tail call, at most, if the frames
// above f have so many bytes. deepest is how many they had, and one more, when f was looked at before.
func (p *program) tailDepth(f, above int32, deepest []int32) (depth int32) {
	if deepest[f] > above {
		return 0
	}
	deepest[f] = above + 1
	fn := p.out.Funcs[f]
	for _, b := range fn.Blocks {
		for i := range b.Insns {
			switch in := &b.Insns[i]; in.Op {
			case ir.OpTailCall, ir.OpTailSlot:
				depth = max(depth, above)
			case ir.OpCall:
				depth = max(depth, p.tailDepth(in.Ref.Index, above+fn.Frame, deepest))
			}
		}
	}
	return depth
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
