package opt

import (
	"cmp"
	"slices"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// A chain of fewer different constants is as fast one by one. As many tests in a row are the leaves of a search.
const (
	minChain = 6
	maxLeaf  = 3
)

// searchChains makes binary searches of chains of branches that compare one register with constants: `if r1 == 1 goto a;
// if r1 == 5 goto b; …`. What searches there are in a function is read off before any is written.
func (p *program) searchChains() {
	for _, f := range p.out.Funcs {
		c := chains{f: f}
		c.find()
		if len(c.heads) > 0 {
			c.write()
		}
	}
}

// chains are those of one function.
type chains struct {
	f     *ir.Func
	heads map[ir.BlockID][]arm // the tests of each chain, in order, by the block where it begins
	order []ir.BlockID         // of the blocks, with those of the searches
}

// arm is the place that a value leads to, or those from low to high do.
type arm struct {
	low, high test
	to        ir.BlockID
}

// test is a comparison with a constant: the branch that made it, and the value that this has in its width.
type test struct {
	br    *ir.Insn
	value uint64
}

// link takes apart the end of a block: a branch that is a test of a chain, where it leads if the register has the value, and else.
func link(b *ir.Block) (t test, hit, next ir.BlockID, ok bool) {
	br := b.Terminator()
	if br.Op != ir.OpBr || br.A > ir.R10 {
		return t, 0, 0, false
	}
	value, ok := constant(br)
	switch br.Cond {
	case isa.EQ:
		return test{br, value}, br.Then, br.Else, ok
	case isa.NE:
		return test{br, value}, br.Else, br.Then, ok
	}
	return t, 0, 0, false
}

// find finds the chains that are long enough. A chain goes on with a block that nothing else leads to and that does nothing but to test
// the same register.
func (c *chains) find() {
	blocks := c.f.Blocks
	entries := make([]int32, len(blocks))
	entries[0]++
	for _, b := range blocks {
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			entries[s]++
		}
	}
	follows := func(br *ir.Insn, next ir.BlockID) bool {
		t, _, _, ok := link(blocks[next])
		return ok && entries[next] == 1 && len(blocks[next].Insns) == 1 && t.br.A == br.A && t.br.Width == br.Width
	}
	inside := make([]bool, len(blocks))
	for _, b := range blocks {
		if t, _, next, ok := link(b); ok && follows(t.br, next) {
			inside[next] = true
		}
	}
	for _, b := range blocks {
		t, hit, next, ok := link(b)
		if !ok || inside[b.ID] {
			continue
		}
		tests := []arm{{t, t, hit}}
		for follows(t.br, next) {
			t, hit, next, _ = link(blocks[next])
			tests = append(tests, arm{t, t, hit})
		}
		if arms := distinct(tests); len(arms) >= minChain {
			if c.heads == nil {
				c.heads = map[ir.BlockID][]arm{}
			}
			c.heads[b.ID] = append(join(arms), arm{to: next})
		}
	}
}

// distinct sorts tests by their values. Of those of one value the first decides.
func distinct(tests []arm) []arm {
	slices.SortStableFunc(tests, func(a, b arm) int { return cmp.Compare(a.low.value, b.low.value) })
	return slices.CompactFunc(tests, func(a, b arm) bool { return a.low.value == b.low.value })
}

// join makes one arm of neighbours that lead to the same place.
func join(arms []arm) []arm {
	out := arms[:1]
	for _, a := range arms[1:] {
		if last := &out[len(out)-1]; last.to == a.to && last.high.value+1 == a.low.value {
			last.high = a.high
		} else {
			out = append(out, a)
		}
	}
	return out
}

// write writes the searches, each behind the block where its chain began. What was the chain is not reached any more.
func (c *chains) write() {
	for id := range len(c.f.Blocks) {
		b := c.f.Blocks[id]
		c.order = append(c.order, b.ID)
		if arms, ok := c.heads[b.ID]; ok {
			n := len(arms) - 1
			*b.Terminator() = c.search(arms[:n], arms[n].to)
		}
	}
	ir.Renumber(c.f, c.order)
	ir.DropUnreached(c.f)
}

// search is the branch with which the search for arms begins; values of none lead to the block other.
func (c *chains) search(arms []arm, other ir.BlockID) ir.Insn {
	tests := 0
	for _, a := range arms {
		if tests++; a.low != a.high {
			tests++
		}
	}
	if tests > maxLeaf && len(arms) > 1 {
		mid := len(arms) / 2
		right := c.block(func() ir.Insn { return c.search(arms[mid:], other) })
		left := c.block(func() ir.Insn { return c.search(arms[:mid], other) })
		return arms[mid].low.branch(isa.LT, left, right)
	}
	a, rest := arms[0], func() ir.BlockID {
		if len(arms) == 1 {
			return other
		}
		return c.block(func() ir.Insn { return c.search(arms[1:], other) })
	}
	if a.low == a.high {
		return a.low.branch(isa.EQ, a.to, rest())
	}
	next := other
	upper := c.block(func() ir.Insn {
		next = rest()
		return a.high.branch(isa.LE, a.to, next)
	})
	return a.low.branch(isa.LT, next, upper)
}

// block adds a block with one branch.
func (c *chains) block(branch func() ir.Insn) ir.BlockID {
	b := &ir.Block{ID: ir.BlockID(len(c.f.Blocks))}
	c.f.Blocks = append(c.f.Blocks, b)
	c.order = append(c.order, b.ID)
	b.Insns = []ir.Insn{branch()}
	return b.ID
}

// branch is a branch that compares with the constant of the test in another way.
func (t test) branch(cond isa.Cond, then, other ir.BlockID) ir.Insn {
	in := *t.br
	in.Cond, in.Then, in.Else = cond, then, other
	return in
}
