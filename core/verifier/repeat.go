package verifier

// A loop that is followed turn by turn, since widening it proved too little, ends where a comparison
// comes out otherwise than in the turns before. If none can, following it leads nowhere.

// fewTurns is how many turns of a loop are followed before they are compared with one another.
const fewTurns = 32

// blame keeps what was wrong with all turns taken together. That too many were widened says nothing new.
func (h *head) blame(err *Error) {
	if h.cause == nil || err.Code != CodeEndless || err.endless != nil {
		h.cause = err
	}
}

// oneTurn follows a turn of a loop of which each counts.
func (a *analysis) oneTurn(chain []*mark, p *path, gi int32, h *head) (*path, *Error) {
	if h.turns%fewTurns == 0 && a.repeats(chain, p) {
		return nil, a.unending(p, chain[0], h)
	}
	if h.turns < manyTurns || h.turns%apart == 0 {
		a.mark(p, gi)
	}
	return p, nil
}

// apart is how many turns lie between two marks of a loop that has turned often.
const apart = 16

// unending is the Error of a loop that cannot be followed to its end: what was wrong with all turns taken together.
func (a *analysis) unending(p *path, m *mark, h *head) *Error {
	switch e := h.cause; {
	case a.policy == Guard:
	case e != nil && e.Code != CodeEndless:
		e.endless = nil
		return e
	case p.ticks == m.path.ticks:
		return a.endless(p, nil)
	}
	f := p.top()
	return a.tooComplex(p, &a.program.Funcs[f.fn].Blocks[f.block].Insns[f.index], "%d instructions were looked at, and no end is in sight", a.steps)
}

// repeats reports whether the turn that p ends, which began at the newest mark of chain, was like the
// one before in all that decided its way, and none of that comes from what turns change: then all turns
// to come take the same way.
func (a *analysis) repeats(chain []*mark, p *path) bool {
	if len(chain) < 2 {
		return false
	}
	m, o := chain[0], chain[1]
	c := changes{analysis: a, born: m.born, known: map[ref]bool{}}
	c.between(&m.path, p)
	t, u := p.trail, m.path.trail
	for ; t > m.path.trail && u > o.path.trail; t, u = a.trail[t].prev, a.trail[u].prev {
		x, y := &a.trail[t], &a.trail[u]
		if x.decided != y.decided || !c.alike(x.a, y.a) || !c.alike(x.b, y.b) {
			return false
		}
	}
	return t == m.path.trail && u == o.path.trail
}

// changes finds out what depends on values that differ from turn to turn.
type changes struct {
	*analysis
	born  ref          // the first value that was made in the turn
	known map[ref]bool // whether the value depends on them
}

// between notes which values, of those that are read later, are not where they were.
func (c *changes) between(q, p *path) {
	k := comparison{analysis: c.analysis}
	for i := int32(0); i < q.depth; i++ {
		f, g := q.frames[i], p.frames[i]
		live := k.liveRegs(g, i == p.depth-1)
		for r, v := range f.regs {
			if v != g.regs[r] && live&(1<<r) != 0 {
				c.known[v] = true
			}
		}
		for j := range f.slots {
			if s := &f.slots[j]; *s != g.at(int32(j)) && s.size != 0 {
				c.known[s.val] = true
			}
		}
	}
}

// alike reports whether what was compared in a turn was so in the one before, and will be in the next.
func (c *changes) alike(x, y ref) bool {
	n, m := c.at(x), c.at(y)
	if n.kind != m.kind || n.pos != m.pos || n.fn != m.fn {
		return false
	}
	return n.kind != isScalar || n.num == m.num && !c.reach(x)
}

// reach reports whether the number r depends on what turns change. Constants that were read may: of them nothing says what they were read from.
func (c *changes) reach(r ref) bool {
	if changed, ok := c.known[r]; ok || r < c.born {
		return changed
	}
	n := c.at(r)
	_, constant := n.num.Const()
	changed := n.cause == byLoad && constant
	for _, x := range [...]ref{n.a, n.b, n.base} {
		changed = changed || x != 0 && x != r && c.reach(x)
	}
	c.known[r] = changed
	return changed
}
