package verifier

import "github.com/bpfc/bpfc/core/ir"

// liveness finds, callees first, which registers are read before they are
// written: at the entry of functions, at the start of blocks and after calls.
func (w *walk) liveness() error {
	w.liveIn = make([]RegSet, len(w.program.Funcs))
	w.liveAt = make([][]RegSet, len(w.program.Funcs))
	for i := len(w.order) - 1; i >= 0; i-- {
		w.liveFunc(w.order[i])
	}
	return nil
}

// liveFunc solves the backward data flow of one function.
func (w *walk) liveFunc(fi int32) {
	f := w.program.Funcs[fi]
	order := postorder(f)
	type summary struct{ gen, kill RegSet }
	sums := make([]summary, len(f.Blocks))
	for i, b := range f.Blocks {
		var s summary
		for j := len(b.Insns) - 1; j >= 0; j-- {
			use, def := w.useDef(&b.Insns[j])
			s.gen = s.gen&^def | use
			s.kill |= def
		}
		sums[i] = s
	}
	live := make([]RegSet, len(f.Blocks))
	for changed := true; changed; {
		changed = false
		for _, b := range order {
			in := sums[b].gen | liveOut(f.Blocks[b], live)&^sums[b].kill
			if in != live[b] {
				live[b], changed = in, true
			}
		}
	}
	w.liveAt[fi] = live
	w.liveIn[fi] = live[0]
	w.recordLive(fi, live)
}

// liveOut is what the successors of b read.
func liveOut(b *ir.Block, live []RegSet) (out RegSet) {
	succs, n := b.Succs()
	for _, s := range succs[:n] {
		out |= live[s]
	}
	return out
}

// recordLive keeps what the lowering needs: registers to be zeroed at entry and after calls.
func (w *walk) recordLive(fi int32, live []RegSet) {
	facts := &w.facts[fi]
	fromCaller := argRegs | bit(ir.R10)
	if fi == 0 {
		fromCaller = bit(ir.R1) | bit(ir.R2) | bit(ir.R10)
	}
	facts.ZeroEntry = live[0] &^ fromCaller
	for i, b := range w.program.Funcs[fi].Blocks {
		out := liveOut(b, live)
		for j := len(b.Insns) - 1; j >= 0; j-- {
			in := &b.Insns[j]
			if in.Op.Info().Effects&ir.CallsOut != 0 {
				facts.Insns[int(facts.Start[i])+j].ZeroAfter = out & argRegs
			}
			use, def := w.useDef(in)
			out = out&^def | use
		}
	}
}

// useDef returns the registers that in reads, and those whose old value does not survive it.
func (w *walk) useDef(in *ir.Insn) (use, def RegSet) {
	e := in.Op.Info().Effects
	if e&ir.CallsOut != 0 {
		return w.callUses(in), callerRegs
	}
	if e&(ir.UseA|ir.OptA) != 0 {
		use |= regBit(in.A)
	}
	if e&(ir.UseB|ir.OptB) != 0 {
		use |= regBit(in.B)
	}
	if e&ir.UseMem != 0 {
		use |= regBit(in.Base) | regBit(in.Index)
	}
	if in.Op == ir.OpExit {
		use |= bit(ir.R0)
	}
	if e&(ir.DefDst|ir.OptDst) != 0 {
		def = regBit(in.Dst)
	}
	return use, def
}

func regBit(r ir.Reg) RegSet {
	if r < ir.R0 || r > ir.R10 {
		return 0
	}
	return bit(r)
}

// callUses returns the registers that a call reads.
func (w *walk) callUses(in *ir.Insn) (use RegSet) {
	switch in.Op {
	case ir.OpCall:
		return w.liveIn[in.Ref.Index] & argRegs
	case ir.OpCallHelper:
		return 1<<(w.program.Helpers[in.Ref.Index].NumArgs()+1) - 2
	}
	for _, c := range w.taken {
		use |= w.liveIn[c] & argRegs
	}
	return use | bit(in.A)
}

// postorder returns the blocks of f, successors before predecessors where there is
// no cycle. All blocks of a lifted function are reachable.
func postorder(f *ir.Func) []ir.BlockID {
	order, _ := depthFirstBlocks(f)
	return order
}

// depthFirstBlocks walks the blocks from the entry: their postorder, and the
// targets of retreating edges, which together cut every cycle.
func depthFirstBlocks(f *ir.Func) (post []ir.BlockID, heads []bool) {
	type frame struct {
		block ir.BlockID
		next  int
	}
	state := make([]uint8, len(f.Blocks))
	heads = make([]bool, len(f.Blocks))
	post = make([]ir.BlockID, 0, len(f.Blocks))
	stack := append(make([]frame, 0, 32), frame{})
	state[0] = 1
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		succs, n := f.Blocks[top.block].Succs()
		if top.next == n {
			state[top.block] = 2
			post = append(post, top.block)
			stack = stack[:len(stack)-1]
			continue
		}
		s := succs[top.next]
		top.next++
		switch state[s] {
		case 0:
			state[s] = 1
			stack = append(stack, frame{block: s})
		case 1:
			heads[s] = true
		}
	}
	return post, heads
}
