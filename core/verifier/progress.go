package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
)

// spoil says that inside a loop a number, or a pointer, may be moved back: turns of an
// inner loop end at a mark from which what follows was followed with another distance.
type spoil struct {
	sym      ref
	id       uint32
	up, down bool // ranks in this direction are void
}

// rankKey is what a rank is about.
type rankKey struct {
	sym ref
	id  uint32
}

// turnBack is a spoil and the mark at which it happened.
type turnBack struct {
	spoil
	at *mark
}

// isSpoiled reports whether r shows no progress at m, because of what happened inside its loop: entries of analysis.backs from the given one on.
func (a *analysis) isSpoiled(m *mark, r *rank, from int) bool {
	for i := range a.backs[from:] {
		if s := &a.backs[from+i]; s.sym == r.sym && s.id == r.id && (r.up && s.up || !r.up && s.down) && s.at != m && a.encloses(m, s.at) {
			return true
		}
	}
	return false
}

// spoil notes what p does to the progress of outer loops by ending at m. It returns
// a mark whose loop is then not known to end.
func (a *analysis) spoil(m *mark, p *path) *mark {
	if a.policy == Guard {
		return nil
	}
	c := comparison{analysis: a}
	first := len(a.backs)
	a.pairs(&m.path, p, func(at place, x, y ref) {
		if at.slot < numRegs && c.liveRegs(p.frames[at.frame], int32(at.frame) == p.depth-1)&(1<<at.slot) == 0 {
			return
		}
		if s, ok := a.moves(x, y); ok && !a.noted(m, s) {
			a.backs, m.spoils = append(a.backs, turnBack{s, m}), true
		}
	})
	if len(a.backs) == first {
		return nil
	}
	for i := first; i < len(a.backs); i++ {
		k := rankKey{a.backs[i].sym, a.backs[i].id}
		for _, o := range a.ranked[k] {
			if o == m || o.done || o.dead {
				continue
			}
			o.rank = slices.DeleteFunc(o.rank, func(r rank) bool { return a.isSpoiled(o, &r, max(first, o.backs)) })
			if len(o.rank) == 0 {
				return o
			}
		}
	}
	return nil
}

// noted reports whether s is among the newest entries for m.
func (a *analysis) noted(m *mark, s spoil) bool {
	for i := len(a.backs) - 1; i >= 0 && i >= len(a.backs)-16; i-- {
		if a.backs[i].at == m && a.backs[i].spoil == s {
			return true
		}
	}
	return false
}

// moves says what replacing x by y does to the distance from the base of x.
func (a *analysis) moves(x, y ref) (s spoil, ok bool) {
	n, m := a.at(x), a.at(y)
	same := n.kind == m.kind
	if n.kind == isScalar {
		s.sym, same = n.base, same && n.base == m.base
	} else {
		s.id, same = n.id, same && n.id == m.id
	}
	if same && n.off == m.off {
		return s, false
	}
	s.up, s.down = !same || m.off < n.off, !same || m.off > n.off
	return s, s.sym != 0 || s.id != 0
}

// encloses reports whether m is in the loop of o: a way leads from it back to the head.
func (a *analysis) encloses(o, m *mark) bool {
	d := o.path.depth
	if !a.loops[o.gi] || m.path.depth < d || m.path.root != o.path.root {
		return false
	}
	f, g := o.path.top(), m.path.frames[d-1]
	return f.fn == g.fn && f.call == g.call && (o.gi == m.gi || a.leads(g.fn, ir.BlockID(g.block), ir.BlockID(f.block)))
}

// leads reports whether a way of one block or more leads from one block of a function to another.
func (a *analysis) leads(fn int32, from, to ir.BlockID) bool {
	k := [3]int32{fn, int32(from), int32(to)}
	if known, ok := a.ways[k]; ok {
		return known
	}
	f := a.program.Funcs[fn]
	seen := make([]bool, len(f.Blocks))
	work := []ir.BlockID{from}
	found := false
	for len(work) > 0 && !found {
		b := f.Blocks[work[len(work)-1]]
		work = work[:len(work)-1]
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			found = found || s == to
			if !seen[s] {
				seen[s] = true
				work = append(work, s)
			}
		}
	}
	a.ways[k] = found
	return found
}
