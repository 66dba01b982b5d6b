package verifier

import (
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// maxRelations bounds the relations that a path remembers; the oldest goes.
const maxRelations = 12

// relateCompared remembers what a comparison says about two numbers that both vary.
func (a *analysis) relateCompared(p *path, in *ir.Insn, x, y ref, holds bool) {
	n, m := a.at(x), a.at(y)
	if _, ok := m.num.Const(); ok {
		return
	}
	if _, ok := n.num.Const(); ok {
		return
	}
	cond := in.Cond
	if signed := cond == isa.SLT || cond == isa.SLE || cond == isa.SGT || cond == isa.SGE; signed {
		if n.num.SMin() < 0 || m.num.SMin() < 0 {
			return
		}
		cond = conditions[cond].unsigned
	}
	from := [2]ref{x, y}
	if cond == in.Cond && in.Width == 64 && a.itself(x) && a.itself(y) {
		from = [2]ref{}
	}
	if !holds {
		cond = conditions[cond].negated
	}
	switch cond {
	case isa.LT:
		a.learn(p, in.Width, from, x, y, 1)
	case isa.LE:
		a.learn(p, in.Width, from, x, y, 0)
	case isa.GT:
		a.learn(p, in.Width, from, y, x, 1)
	case isa.GE:
		a.learn(p, in.Width, from, y, x, 0)
	case isa.EQ:
		a.learn(p, in.Width, from, x, y, 0)
		a.learn(p, in.Width, from, y, x, 0)
	}
}

// learn remembers x + c ≤ y from a comparison. One of 32 bits says it of the low halves: that is enough
// if x has no other, as no number is less than its low half.
func (a *analysis) learn(p *path, width uint8, from [2]ref, x, y ref, c int64) {
	if width == 64 || a.at(x).num.UMax() <= 1<<32-1 {
		a.relate(p, x, y, c, from)
	}
}

// itself reports whether x is its base, of which comparisons may have shown more: what is known
// of one is true of the other, whatever their range.
func (a *analysis) itself(x ref) bool {
	n := a.at(x)
	return n.flags&alias == 0 && a.origin(x) == n.base
}

// relate remembers x + c ≤ y, if neither of them is a wrapped sum of its base and offset. It is known
// because of the ranges of from.
func (a *analysis) relate(p *path, x, y ref, c int64, from [2]ref) {
	n, m := a.at(x), a.at(y)
	if !a.plain(n) || !a.plain(m) {
		return
	}
	a.addRelation(p, relation{x: n.base, y: m.base, c: c + n.off - m.off, from: from})
	a.at(n.base).flags |= shared
	a.at(m.base).flags |= shared
}

// maxApart bounds offsets in relations, so that sums of some of them do not wrap.
const maxApart = 1 << 60

// plain reports whether the number is its base plus its offset without wrapping.
func (a *analysis) plain(n *node) bool {
	switch {
	case n.off == 0:
		return true
	case n.off > maxApart || n.off < -maxApart:
		return false
	}
	b := a.at(n.base).num
	if n.off > 0 {
		return b.UMax() <= 1<<62 || n.num.UMin() >= uint64(n.off) && n.num.UMax() <= 1<<62
	}
	return n.num.UMax() <= 1<<62
}

func (a *analysis) addRelation(p *path, r relation) {
	if r.x == r.y {
		return
	}
	out := make([]relation, 0, min(len(p.relations)+1, maxRelations))
	for _, k := range p.relations {
		if k.x == r.x && k.y == r.y {
			if k.c >= r.c {
				return
			}
			continue
		}
		out = append(out, k)
	}
	if len(out) >= maxRelations {
		out = append(out[:0], out[1:]...)
	}
	r.used = a.newNeed()
	p.relations = append(out, r)
}

// relateResult remembers how a result compares with its operands: x & y ≤ y, x - y ≤ x, x / c ≤ x, x % y < y, ….
func (a *analysis) relateResult(p *path, in *ir.Insn, x, y, r ref) {
	if in.Width == 32 && (a.at(x).num.UMax() > 1<<32-1 || a.at(y).num.UMax() > 1<<32-1) {
		return
	}
	n, m, k, from := a.at(x), a.at(y), a.at(r), [2]ref{x, y}
	_, yConst := m.num.Const()
	if yConst && k.num.Size <= 1<<16 && n.flags&shared == 0 {
		return // the range says it all
	}
	switch in.Op {
	case ir.OpAnd:
		a.relateVaried(p, r, x, 0, from)
		a.relateVaried(p, r, y, 0, from)
	case ir.OpSub:
		if a.less(p, m, n, 0) || n.num.UMin() >= m.num.UMax() {
			a.relateVaried(p, r, x, int64(min(m.num.UMin(), 1<<30)), from)
		}
	case ir.OpMod:
		if m.num.UMin() > 0 {
			a.relateVaried(p, r, y, 1, from)
		}
		a.relateVaried(p, r, x, 0, from)
	case ir.OpDiv, ir.OpRsh:
		a.relateVaried(p, r, x, 0, from)
	}
}

func (a *analysis) relateVaried(p *path, x, y ref, c int64, from [2]ref) {
	n, m := a.at(x), a.at(y)
	if _, ok := m.num.Const(); !ok && n.base != m.base {
		a.relate(p, x, y, c, from)
	}
}

// atMost reports whether x + c ≤ y is known, from the ranges or from a relation. What says so has been relied on.
func (a *analysis) atMost(p *path, x, y ref, c int64) bool {
	if a.apart(x, y, c) {
		a.relyOn(x, y)
		return true
	}
	n, m, known := a.at(x), a.at(y), false
	if n.base == m.base && a.plain(n) && a.plain(m) {
		a.at(n.base).flags |= linked
		known = n.off+c <= m.off
	} else {
		known = a.less(p, n, m, c)
	}
	if known && !(a.itself(x) && a.itself(y)) {
		a.relyOn(x, y)
	}
	return known
}

// apart reports whether the ranges show that x + c ≤ y.
func (a *analysis) apart(x, y ref, c int64) bool {
	top := a.at(x).num.UMax()
	return top <= 1<<62 && c <= 1<<62 && top+uint64(c) <= a.at(y).num.UMin()
}

// less reports whether n + c ≤ m is known from a relation.
func (a *analysis) less(p *path, n, m *node, c int64) bool {
	if len(p.relations) == 0 || !a.plain(n) || !a.plain(m) {
		return false
	}
	want := c + n.off - m.off
	for i := range p.relations {
		if r := &p.relations[i]; r.x == n.base && r.y == m.base && r.c >= want {
			a.useRelation(r)
			return true
		}
	}
	for i := range p.relations { // one step between
		r := &p.relations[i]
		if r.x != n.base {
			continue
		}
		for j := range p.relations {
			if s := &p.relations[j]; s.x == r.y && s.y == m.base && r.c+s.c >= want {
				a.useRelation(r)
				a.useRelation(s)
				return true
			}
		}
	}
	return false
}

// useRelation notes that a proof relied on r, and so on which values have its bases.
func (a *analysis) useRelation(r *relation) {
	if a.noteRelation(r) {
		a.relyOn(r.from[0], r.from[1])
	}
}

// noteRelation is useRelation without the values that r comes from. It reports whether the use is the first.
func (a *analysis) noteRelation(r *relation) bool {
	first := a.needs[r.used] != 1
	a.needs[r.used] = 1
	a.at(r.x).flags |= linked
	a.at(r.y).flags |= linked
	return first
}

// narrowRelated narrows what is less than x, or more, by the new range of x.
func (a *analysis) narrowRelated(p *path, in *ir.Insn, x ref) { a.narrowChain(p, in, x, relationSteps) }

// relationSteps bounds how many relations are followed from one number to the next.
const relationSteps = 3

func (a *analysis) narrowChain(p *path, in *ir.Insn, x ref, left int) {
	if len(p.relations) == 0 || left == 0 {
		return
	}
	n := *a.at(x)
	if !a.plain(&n) {
		return
	}
	for _, r := range p.relations {
		switch {
		case r.y == n.base: // base(x) + c ≤ n.base = n - off
			if top := n.num.UMax(); top <= 1<<62 {
				a.narrowBase(p, in, x, r, r.x, 0, int64(top)-n.off-r.c, left)
			}
		case r.x == n.base:
			if low := n.num.UMin(); low <= 1<<62 {
				a.narrowBase(p, in, x, r, r.y, int64(low)-n.off+r.c, maxInt64, left)
			}
		}
	}
}

const maxInt64 = 1<<63 - 1

// narrowBase narrows all numbers of a base to lo … hi, counted from the base. What relies on
// the narrowed ones relies on the relation.
func (a *analysis) narrowBase(p *path, in *ir.Insn, by ref, rel relation, base ref, lo, hi int64, left int) {
	if hi < 0 || lo > hi {
		return
	}
	why, last := uint32(0), ref(0)
	p.replace(func(r ref) ref {
		k := a.at(r)
		if k.kind != isScalar || k.base != base || !a.plain(k) {
			return r
		}
		from, to := max(lo+k.off, 0), hi
		if hi != maxInt64 {
			to = hi + k.off
		}
		if to < from || to < 0 {
			return r
		}
		bound := scalar.Between(uint64(from), uint64(to))
		if hi == maxInt64 {
			bound = scalar.Between(uint64(from), ^uint64(0))
		}
		num, ok := scalar.Meet(k.num, bound)
		if !ok || num == k.num {
			return r
		}
		if why == 0 {
			a.reasons = append(a.reasons, rel)
			why = uint32(len(a.reasons))
		}
		nr := a.narrowed(p, in, r, by, num)
		a.at(nr).id, last = why, nr
		return nr
	})
	if last != 0 {
		a.promise(p, last)
		a.narrowChain(p, in, last, left-1)
	}
}
