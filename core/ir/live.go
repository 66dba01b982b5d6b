package ir

// RegSet is a set of registers of the register form: bit i is R0+i, the temporaries behind R10.
type RegSet uint16

// Bit is the set of r alone; empty for None and virtual registers, whose shift leaves nothing.
func Bit(r Reg) RegSet { return 1 << uint32(r-R0) }

// Has reports whether r is in the set.
func (s RegSet) Has(r Reg) bool { return s&Bit(r) != 0 }

// Sets of registers by their role in calls.
const (
	ArgRegs    RegSet = 0x3e // R1 to R5
	CallerRegs RegSet = 0x3f // R0 to R5: a call leaves nothing of their old values
	TempRegs   RegSet = 0x7 << 11
)

// Arguments is the set of the first n argument registers, R1 up.
func Arguments(n int) RegSet { return 1<<(n+1) - 2 }

// UseDef returns the registers that the instruction reads, and those whose old
// value does not survive it. A call reads all of R1 to R5 and ends the temporaries.
// It relies on what Check enforces: a field that means nothing for the op is None.
func (i *Insn) UseDef() (use, def RegSet) {
	switch i.Op {
	case OpCall, OpCallHelper, OpCallReg, OpTailCall, OpTailSlot:
		return ArgRegs | Bit(i.A), CallerRegs | TempRegs
	case OpExit:
		return Bit(R0), 0
	}
	return Bit(i.A) | Bit(i.B) | Bit(i.Base) | Bit(i.Index), Bit(i.Dst)
}

// Liveness solves the backward data flow of f: the registers that each block
// reads before it writes them. post is the blocks' postorder (Postorder); calls
// says which registers a call reads, nil stands for all arguments. Blocks that
// the entry does not reach get the empty set. Time is linear in the instructions
// and edges, for every shape of loops.
func Liveness(f *Func, post []BlockID, calls func(*Insn) RegSet) []RegSet {
	type summary struct{ gen, kill RegSet }
	sums := make([]summary, len(f.Blocks))
	for i, b := range f.Blocks {
		var s summary
		for j := len(b.Insns) - 1; j >= 0; j-- {
			in := &b.Insns[j]
			use, def := in.UseDef()
			if calls != nil && def&CallerRegs == CallerRegs {
				use = calls(in)
			}
			s.gen = s.gen&^def | use
			s.kill |= def
		}
		sums[i] = s
	}
	preds := predecessors(f, post)
	live := make([]RegSet, len(f.Blocks))
	work := NewWorklist(len(post))
	work.AddAll(len(post))
	for i := work.Take(); i >= 0; i = work.Take() {
		b := post[i]
		in := sums[b].gen | LiveOut(f.Blocks[b], live)&^sums[b].kill
		if in != live[b] {
			live[b] = in
			for _, p := range preds.of(b) {
				work.Add(int(p))
			}
		}
	}
	return live
}

// edges are the predecessors of every block, by their places in an order.
type edges struct{ first, list []int32 }

func (e *edges) of(b BlockID) []int32 { return e.list[e.first[b]:e.first[b+1]] }

// predecessors collects the edges between the blocks in order.
func predecessors(f *Func, order []BlockID) *edges {
	e := &edges{first: make([]int32, len(f.Blocks)+2), list: make([]int32, 2*len(order))}
	each := func(visit func(from int, to BlockID)) {
		for i, b := range order {
			succs, n := f.Blocks[b].Succs()
			for _, s := range succs[:n] {
				visit(i, s)
			}
		}
	}
	each(func(_ int, to BlockID) { e.first[to+2]++ })
	for i := 2; i < len(e.first); i++ {
		e.first[i] += e.first[i-1]
	}
	each(func(from int, to BlockID) { // leaves first[b] where block b begins
		e.list[e.first[to+1]] = int32(from)
		e.first[to+1]++
	})
	return e
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
