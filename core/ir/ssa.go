package ir

// Dominators is the immediate dominator of each block that the entry reaches, itself for the entry, -1 for blocks that are
// not reached. post is the blocks' postorder. (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm.)
func Dominators(f *Func, post []BlockID) []BlockID {
	number := make([]int32, len(f.Blocks))
	idom := make([]BlockID, len(f.Blocks))
	for i := range idom {
		idom[i] = -1
	}
	for i, b := range post {
		number[b] = int32(i)
	}
	idom[0] = 0
	preds := predecessors(f, post)
	for changed := true; changed; {
		changed = false
		for i := len(post) - 2; i >= 0; i-- { // reverse postorder, behind the entry
			b, to := post[i], BlockID(-1)
			for _, p := range preds.of(b) {
				switch pred := post[p]; {
				case idom[pred] < 0:
				case to < 0:
					to = pred
				default:
					to = common(idom, number, to, pred)
				}
			}
			if idom[b] != to {
				idom[b], changed = to, true
			}
		}
	}
	return idom
}

// common is the nearest block that dominates a and b.
func common(idom []BlockID, number []int32, a, b BlockID) BlockID {
	for a != b {
		for number[a] < number[b] {
			a = idom[a]
		}
		for number[b] < number[a] {
			b = idom[b]
		}
	}
	return a
}

// Tree is the dominator tree in a form that answers at once whether one block dominates another.
type Tree struct{ in, out []int32 }

// Dominance is the tree of Dominators' result.
func Dominance(idom []BlockID) *Tree {
	n := len(idom)
	t := &Tree{in: make([]int32, n), out: make([]int32, n)}
	first, next := make([]BlockID, n), make([]BlockID, n)
	for i := range first {
		first[i], next[i] = -1, -1
	}
	for b := n - 1; b > 0; b-- {
		if d := idom[b]; d >= 0 {
			next[b], first[d] = first[d], BlockID(b)
		}
	}
	clock := int32(0)
	stack := []BlockID{0}
	clock++
	t.in[0] = clock
	for len(stack) > 0 {
		b := stack[len(stack)-1]
		if c := first[b]; c >= 0 {
			first[b] = next[c]
			clock++
			t.in[c] = clock
			stack = append(stack, c)
			continue
		}
		t.out[b] = clock
		stack = stack[:len(stack)-1]
	}
	return t
}

// Reached reports whether the entry reaches b.
func (t *Tree) Reached(b BlockID) bool { return t.in[b] != 0 }

// Dominates reports whether every way to b leads through a; a block dominates itself.
func (t *Tree) Dominates(a, b BlockID) bool { return t.in[a] <= t.in[b] && t.in[b] <= t.out[a] }

// ssaRegister checks a register of an instruction in SSA form by itself.
func (c *checker) ssaRegister(i *Insn, o operand) error {
	switch {
	case o.reg >= FirstVirtual && int64(o.reg-FirstVirtual) < int64(c.f.Virtual), o.reg == R10:
		return nil
	case o.reg >= R0 && o.reg <= R5 && i.Op == OpMov && i.Width == 64 && (o.name == "dst" || i.Dst >= FirstVirtual):
		return nil
	}
	return c.fail(CheckRegister, "%s: %s is %s, which SSA form does not have here", i.Op, o.name, o.reg)
}

// ssa checks a function in SSA form: one definition of each value, which dominates its uses; edges that give each
// parameter a value; and R0 to R5 between the moves and calls that they belong to.
func (c *checker) ssa() error {
	def := make([]BlockID, c.f.Virtual) // the defining block, plus one
	for _, b := range c.f.Blocks {
		if err := c.definitions(b, def); err != nil {
			return err
		}
	}
	post, _ := Postorder(c.f)
	tree := Dominance(Dominators(c.f, post))
	seen := make([]bool, c.f.Virtual) // defined in the block at hand before the place at hand
	for _, b := range c.f.Blocks {
		if !tree.Reached(b.ID) {
			continue
		}
		if err := c.uses(b, def, seen, tree); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) definitions(b *Block, def []BlockID) error {
	c.bi, c.ii = b.ID, -1
	define := func(r Reg) error {
		switch v := r - FirstVirtual; {
		case v < 0 || int(v) >= len(def):
			return c.fail(CheckRegister, "%s is no virtual register of the function", r)
		case def[v] != 0:
			return c.fail(CheckSSA, "%s is defined twice", r)
		default:
			def[v] = b.ID + 1
			return nil
		}
	}
	for _, r := range b.Params {
		if err := define(r); err != nil {
			return err
		}
	}
	for j := range b.Insns {
		c.ii = j
		if d := b.Insns[j].Dst; d >= FirstVirtual {
			if err := define(d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) uses(b *Block, def []BlockID, seen []bool, tree *Tree) error {
	c.bi, c.ii = b.ID, -1
	var bad Reg
	use := func(r Reg) {
		if r < FirstVirtual {
			return
		}
		v := r - FirstVirtual
		if int64(v) >= int64(len(def)) || def[v] == 0 || def[v] == b.ID+1 && !seen[v] || !tree.Dominates(def[v]-1, b.ID) {
			bad = r
		}
	}
	for _, r := range b.Params {
		seen[r-FirstVirtual] = true
	}
	there := RegSet(0) // of R0 to R5, those that have a value
	if b.ID == 0 {
		there = ArgRegs
	}
	for j := range b.Insns {
		in := &b.Insns[j]
		c.ii = j
		use(in.A)
		use(in.B)
		use(in.Base)
		use(in.Index)
		if in.Op == OpMov && in.B >= R0 && in.B <= R5 && !there.Has(in.B) || in.Op == OpExit && !there.Has(R0) {
			return c.fail(CheckSSA, "%s reads a register that nothing in the block has set", in.Op)
		}
		if bad != None {
			return c.fail(CheckSSA, "%s uses %s, whose definition does not dominate this place", in.Op, bad)
		}
		switch d := in.Def(); {
		case in.Op.Info().Has(CallsOut):
			there = Bit(R0)
		case d >= FirstVirtual:
			seen[d-FirstVirtual] = true
		default:
			there |= Bit(d)
		}
	}
	succs, n := b.Succs()
	for k := range b.Args {
		if k < n && len(b.Args[k]) != len(c.f.Blocks[succs[k]].Params) || k >= n && len(b.Args[k]) != 0 {
			return c.fail(CheckParams, "an edge gives %d values, where the block behind it has other parameters", len(b.Args[k]))
		}
		for _, r := range b.Args[k] {
			if use(r); bad != None || r < FirstVirtual && r != R10 {
				return c.fail(CheckSSA, "an edge gives %s, which is not defined there", r)
			}
		}
	}
	return nil
}
