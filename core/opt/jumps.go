package opt

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
)

// threadJumps lets branches lead where they end up, past blocks that only jump on,
// as the back edges of compilers' loops do: `if r1 == r2 goto out; goto head`.
// Blocks that nothing leads to any more go.
func (p *program) threadJumps() {
	for _, f := range p.out.Funcs {
		changed := false
		for _, b := range f.Blocks {
			changed = thread(f, b.Terminator()) || changed
		}
		if changed {
			dropUnreached(f)
		}
	}
}

// maxHops bounds how far a branch is followed: jumps to jumps may form a circle.
const maxHops = 8

// thread sets the targets of the terminator t to where they end up.
func thread(f *ir.Func, t *ir.Insn) (changed bool) {
	switch t.Op {
	case ir.OpBr:
		a, b := follow(f, t.Then), follow(f, t.Else)
		changed = a != t.Then || b != t.Else
		if t.Then, t.Else = a, b; a == b {
			*t = ir.Insn{Op: ir.OpJmp, Width: 64, Then: a, Pos: t.Pos}
		}
	case ir.OpJmp:
		to := follow(f, t.Then)
		changed, t.Then = to != t.Then, to
	}
	return changed
}

// follow returns the block that a branch to b ends up in.
func follow(f *ir.Func, b ir.BlockID) ir.BlockID {
	for range maxHops {
		insns := f.Blocks[b].Insns
		if len(insns) != 1 || insns[0].Op != ir.OpJmp {
			break
		}
		b = insns[0].Then
	}
	return b
}

// dropUnreached removes the blocks that the entry does not reach and numbers the others anew.
func dropUnreached(f *ir.Func) {
	post, _ := ir.Postorder(f)
	slices.Sort(post)
	renumber(f, post)
}

// renumber leaves the blocks of order in f, in that order.
func renumber(f *ir.Func, order []ir.BlockID) {
	id := make([]ir.BlockID, len(f.Blocks))
	blocks := make([]*ir.Block, len(order))
	for i, b := range order {
		id[b], blocks[i] = ir.BlockID(i), f.Blocks[b]
		blocks[i].ID = id[b]
	}
	f.Blocks = blocks
	for _, b := range blocks {
		switch t := b.Terminator(); t.Op {
		case ir.OpBr:
			t.Then, t.Else = id[t.Then], id[t.Else]
		case ir.OpJmp:
			t.Then = id[t.Then]
		}
	}
}
