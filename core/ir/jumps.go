package ir

import "slices"

// ThreadJumps lets branches of f, which is in register form, lead where they end up, past blocks that only jump on. Blocks
// that nothing leads to any more go.
func ThreadJumps(f *Func) {
	changed := false
	for _, b := range f.Blocks {
		changed = thread(f, b.Terminator()) || changed
	}
	if changed {
		DropUnreached(f)
	}
}

// maxHops bounds how far a branch is followed: jumps to jumps may form a circle.
const maxHops = 8

// thread sets the targets of the terminator t to where they end up.
func thread(f *Func, t *Insn) (changed bool) {
	switch t.Op {
	case OpBr:
		a, b := follow(f, t.Then), follow(f, t.Else)
		changed = a != t.Then || b != t.Else
		if t.Then, t.Else = a, b; a == b {
			*t = Insn{Op: OpJmp, Width: 64, Then: a, Pos: t.Pos}
		}
	case OpJmp:
		to := follow(f, t.Then)
		changed, t.Then = to != t.Then, to
	}
	return changed
}

// follow returns the block that a branch to b ends up in.
func follow(f *Func, b BlockID) BlockID {
	for range maxHops {
		insns := f.Blocks[b].Insns
		if len(insns) != 1 || insns[0].Op != OpJmp {
			break
		}
		b = insns[0].Then
	}
	return b
}

// DropUnreached removes the blocks that the entry does not reach and numbers the others anew.
func DropUnreached(f *Func) {
	post, _ := Postorder(f)
	slices.Sort(post)
	Renumber(f, post)
}

// Renumber leaves the blocks of order in f, in that order.
func Renumber(f *Func, order []BlockID) {
	id := make([]BlockID, len(f.Blocks))
	blocks := make([]*Block, len(order))
	for i, b := range order {
		id[b], blocks[i] = BlockID(i), f.Blocks[b]
		blocks[i].ID = id[b]
	}
	f.Blocks = blocks
	for _, b := range blocks {
		switch t := b.Terminator(); t.Op {
		case OpBr:
			t.Then, t.Else = id[t.Then], id[t.Else]
		case OpJmp:
			t.Then = id[t.Then]
		}
	}
}
