package scalar

import "github.com/bpfc/bpfc/core/isa"

// relation is a condition without its mirror images.
type relation uint8

const (
	noRelation relation = iota
	equal
	differ
	less
	lessEqual
	sless
	slessEqual
	share    // a & b != 0
	disjoint // a & b == 0
	numRelations
)

// reading is a relation, of b and a if swapped.
type reading struct {
	relation
	swapped bool
}

// readings has for each condition what it means that it does not hold and that it holds.
var readings = [isa.SET + 1][2]reading{
	isa.EQ:  {{differ, false}, {equal, false}},
	isa.NE:  {{equal, false}, {differ, false}},
	isa.GT:  {{lessEqual, false}, {less, true}},
	isa.GE:  {{less, false}, {lessEqual, true}},
	isa.LT:  {{lessEqual, true}, {less, false}},
	isa.LE:  {{less, true}, {lessEqual, false}},
	isa.SGT: {{slessEqual, false}, {sless, true}},
	isa.SGE: {{sless, false}, {slessEqual, true}},
	isa.SLT: {{slessEqual, true}, {sless, false}},
	isa.SLE: {{sless, true}, {slessEqual, false}},
	isa.SET: {{disjoint, false}, {share, false}},
}

func read(cond isa.Cond, holds bool) reading {
	switch {
	case int(cond) >= len(readings):
		return reading{}
	case holds:
		return readings[cond][1]
	}
	return readings[cond][0]
}

// Decide evaluates a condition at width 32 (on the low halves) or 64. known is
// false if the values of a and b may give both answers.
func Decide(cond isa.Cond, width uint8, a, b Num) (taken, known bool) {
	return wide.decide(cond, width == 32, &a, &b)
}

func (g *geometry) decide(cond isa.Cond, half bool, a, b *Num) (taken, known bool) {
	if g.excludes(read(cond, true), half, a, b) {
		return false, true
	}
	return true, g.excludes(read(cond, false), half, a, b)
}

// excludes reports whether the relation holds for no values of a and b.
func (g *geometry) excludes(rd reading, half bool, a, b *Num) bool {
	if rd.swapped {
		a, b = b, a
	}
	if half {
		return g.half.excludes(rd.relation, g.low(a), g.low(b))
	}
	if g.full.excludes(rd.relation, g.whole(a), g.whole(b)) {
		return true
	}
	return rd.relation == equal && g.half.excludes(equal, g.low(a), g.low(b))
}

func (r *ring) excludes(rel relation, a, b word) bool {
	switch rel {
	case equal:
		_, bitsOK := agree(a.pattern, b.pattern)
		_, arcOK := r.meet(a.arc, b.arc)
		return !bitsOK || !arcOK
	case differ:
		return a.mask|b.mask == 0 && a.value == b.value
	case less:
		return r.umin(a) >= r.umax(b)
	case lessEqual:
		return r.umin(a) > r.umax(b)
	case sless:
		return r.smin(a) >= r.smax(b)
	case slessEqual:
		return r.smin(a) > r.smax(b)
	case share:
		return (a.value|a.mask)&(b.value|b.mask) == 0
	case disjoint:
		return a.value&b.value != 0
	}
	return false
}

// Refine assumes that the condition holds, or with holds false that it does not,
// at width 32 (on the low halves) or 64, and returns what a and b then are. ok is
// false if it cannot be so; ra and rb then mean nothing.
func Refine(cond isa.Cond, holds bool, width uint8, a, b Num) (ra, rb Num, ok bool) {
	ok = wide.refine(read(cond, holds), width == 32, &a, &b)
	return a, b, ok
}

// refine narrows a and b to where the relation can hold.
func (g *geometry) refine(rd reading, half bool, a, b *Num) (ok bool) {
	if rd.swapped {
		a, b = b, a
	}
	switch {
	case rd.relation == noRelation:
		return true
	case half:
		return g.refineLow(rd.relation, a, b)
	case rd.relation == equal:
		ok = g.meet(a, b)
		*b = *a
		return ok
	}
	x, y, ok := g.assume[rd.relation](&g.full, g.whole(a), g.whole(b))
	if ok && x != g.whole(a) {
		a.setFull(x)
		ok = g.sync(a)
	}
	if ok && y != g.whole(b) {
		b.setFull(y)
		ok = g.sync(b)
	}
	return ok
}

func (g *geometry) refineLow(rel relation, a, b *Num) (ok bool) {
	x, y, ok := g.assume[rel](&g.half, g.low(a), g.low(b))
	if ok && x != g.low(a) {
		g.putLow(a, x)
		ok = g.sync(a)
	}
	if ok && y != g.low(b) {
		g.putLow(b, y)
		ok = g.sync(b)
	}
	return ok
}

// putLow replaces what is known of the low half.
func (g *geometry) putLow(n *Num, w word) {
	n.Value = n.Value&^g.half.mask | w.value
	n.Mask = n.Mask&^g.half.mask | w.mask
	n.setLow(w.arc)
}

// assumption narrows a and b to what a relation allows. The results are not reduced.
type assumption func(r *ring, a, b word) (x, y word, ok bool)

// assumptions are the relations.
var assumptions = [numRelations]assumption{
	equal:      assumeEqual,
	differ:     assumeDiffer,
	less:       assumeLess,
	lessEqual:  assumeLessEqual,
	sless:      assumeSless,
	slessEqual: assumeSlessEqual,
	share:      assumeShare,
	disjoint:   assumeDisjoint,
}

func assumeEqual(r *ring, a, b word) (word, word, bool) {
	p, bitsOK := agree(a.pattern, b.pattern)
	m, arcOK := r.meet(a.arc, b.arc)
	return word{p, m}, word{p, m}, bitsOK && arcOK
}

func assumeDiffer(r *ring, a, b word) (word, word, bool) {
	switch {
	case a.mask|b.mask == 0:
		return a, b, a.value != b.value
	case b.mask == 0:
		a.arc = r.without(a.arc, b.value)
	case a.mask == 0:
		b.arc = r.without(b.arc, a.value)
	}
	return a, b, true
}

// without takes v off a, which has more than one value, if v is an end of it. The full circle has an end where signed
// or unsigned numbers have one: an arc from any other v would be knowledge that no bound can use.
func (r *ring) without(a arc, v uint64) arc {
	switch {
	case a.size == r.mask:
		if (v+1)&r.mask&^r.sign > 1 {
			return a
		}
		return arc{(v + 1) & r.mask, a.size - 1}
	case a.size == 0:
		return a
	case v == a.lo:
		return arc{(v + 1) & r.mask, a.size - 1}
	case v == r.hi(a):
		a.size--
	}
	return a
}

func assumeLess(r *ring, a, b word) (word, word, bool) {
	least, most := r.umin(a), r.umax(b)
	if most == 0 || least == r.mask {
		return a, b, false
	}
	return r.order(a, b, arc{0, most - 1}, arc{least + 1, r.mask - least - 1})
}

func assumeLessEqual(r *ring, a, b word) (word, word, bool) {
	least, most := r.umin(a), r.umax(b)
	return r.order(a, b, arc{0, most}, r.span(least, r.mask))
}

func assumeSless(r *ring, a, b word) (word, word, bool) {
	least, most := uint64(r.smin(a))&r.mask, uint64(r.smax(b))&r.mask
	if most == r.sign || least == r.sign-1 {
		return a, b, false
	}
	return r.order(a, b, r.span(r.sign, most-1), r.span(least+1, r.sign-1))
}

func assumeSlessEqual(r *ring, a, b word) (word, word, bool) {
	return r.order(a, b, r.span(r.sign, uint64(r.smax(b))), r.span(uint64(r.smin(a)), r.sign-1))
}

// order narrows a and b to an arc each.
func (r *ring) order(a, b word, forA, forB arc) (word, word, bool) {
	if b.size == 0 && r.inside(forA, a.arc) { // a bound for what is not known yet, the usual case
		a.arc = forA
		return a, b, r.has(forB, b.lo)
	}
	x, okA := r.meet(a.arc, forA)
	y, okB := r.meet(b.arc, forB)
	a.arc, b.arc = x, y
	return a, b, okA && okB
}

// assumeShare: if only one bit can be common, both have it. In any case neither is 0.
func assumeShare(r *ring, a, b word) (word, word, bool) {
	common := (a.value | a.mask) & (b.value | b.mask)
	if common == 0 {
		return a, b, false
	}
	if common&(common-1) == 0 {
		a.pattern = pattern{a.value | common, a.mask &^ common}
		b.pattern = pattern{b.value | common, b.mask &^ common}
		return a, b, true
	}
	a.arc, b.arc = r.without(a.arc, 0), r.without(b.arc, 0)
	return a, b, true
}

// assumeDisjoint: a bit that one has, the other has not.
func assumeDisjoint(_ *ring, a, b word) (word, word, bool) {
	a.mask, b.mask = a.mask&^b.value, b.mask&^a.value
	return a, b, a.value&b.value == 0
}
