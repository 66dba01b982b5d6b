package ir

// RegSet is a set of registers of the register form: bit i is R0+i, the temporaries behind R10.
type RegSet uint16

// Bit is the set of r alone; empty for None and virtual registers.
func Bit(r Reg) RegSet {
	if r < R0 || r > T2 {
		return 0
	}
	return 1 << (r - R0)
}

// Has reports whether r is in the set.
func (s RegSet) Has(r Reg) bool { return s&Bit(r) != 0 }

// Sets of registers by their role in calls.
const (
	ArgRegs    RegSet = 0x3e // R1 to R5
	CallerRegs RegSet = 0x3f // R0 to R5: a call leaves nothing of their old values
	TempRegs   RegSet = 0x7 << 11
)

// UseDef returns the registers that the instruction reads, and those whose old
// value does not survive it. A call reads all of R1 to R5 and ends the temporaries.
func (i *Insn) UseDef() (use, def RegSet) {
	e := Ops[i.Op].Effects
	if e&CallsOut != 0 {
		return ArgRegs | Bit(i.A), CallerRegs | TempRegs
	}
	if e&(UseA|OptA) != 0 || i.Op == OpFault {
		use |= Bit(i.A)
	}
	if e&(UseB|OptB) != 0 {
		use |= Bit(i.B)
	}
	if e&UseMem != 0 {
		use |= Bit(i.Base) | Bit(i.Index)
	}
	if e&(DefDst|OptDst) != 0 {
		def = Bit(i.Dst)
	}
	if i.Op == OpExit {
		use |= Bit(R0)
	}
	return use, def
}

// Liveness solves the backward data flow of f: the registers that each block
// reads before it writes them. useDef is (*Insn).UseDef, or one that knows more
// about calls. Time is about linear in the instructions.
func Liveness(f *Func, useDef func(*Insn) (use, def RegSet)) []RegSet {
	type summary struct{ gen, kill RegSet }
	sums := make([]summary, len(f.Blocks))
	for i, b := range f.Blocks {
		var s summary
		for j := len(b.Insns) - 1; j >= 0; j-- {
			use, def := useDef(&b.Insns[j])
			s.gen = s.gen&^def | use
			s.kill |= def
		}
		sums[i] = s
	}
	live := make([]RegSet, len(f.Blocks))
	order, _ := Postorder(f)
	for changed := true; changed; {
		changed = false
		for _, b := range order {
			in := sums[b].gen | LiveOut(f.Blocks[b], live)&^sums[b].kill
			if in != live[b] {
				live[b], changed = in, true
			}
		}
	}
	return live
}

// LiveOut is what the successors of b read, given the registers live at the start of every block.
func LiveOut(b *Block, live []RegSet) (out RegSet) {
	succs, n := b.Succs()
	for _, s := range succs[:n] {
		out |= live[s]
	}
	return out
}

// Postorder walks the blocks that the entry reaches, depth first: their
// postorder, and the targets of retreating edges, which together cut every cycle.
func Postorder(f *Func) (post []BlockID, heads []bool) {
	type frame struct {
		block BlockID
		next  int
	}
	state := make([]uint8, len(f.Blocks)) // 0 new, 1 active, 2 done
	heads = make([]bool, len(f.Blocks))
	post = make([]BlockID, 0, len(f.Blocks))
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
