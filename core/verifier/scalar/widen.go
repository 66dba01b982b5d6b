package scalar

// Widen holds old and next, which is old after one more round of a loop. A bound
// that grew goes to the next of stops, or of the limits of 32- and 64-bit numbers,
// in the direction it grew; if there is none before the other end, the interval
// becomes full. Known bits that changed become unknown together with those above.
//
// It ends: in a chain n = Widen(n, …, stops) each end passes each stop at most once
// for each of the few steps in which known low bits are lost, then n stays as it is.
// If next is within old, the result is old. stops are read as unsigned 64-bit
// numbers and, cut to 32 bits, for the low half; a stop c is a bound itself, so a
// caller that wants x < c to hold gives c-1 as well. They need no order.
func Widen(old, next Num, stops []uint64) Num {
	wide.widen(&old, &next, stops)
	return old
}

// widen widens n, to hold next.
func (g *geometry) widen(n, next *Num, stops []uint64) {
	if g.within(next, n) {
		return
	}
	n.setFull(word{
		g.widenBits(n.bits(), next.bits()),
		g.widenArc(&g.full, n.full(), next.full(), stops),
	})
	n.setLow(g.widenArc(&g.half, n.low(), next.low(), stops))
	g.must(n)
}

// keptBits are the numbers of low bits that stay known when higher ones change: pages, cache lines, words, …
var keptBits = [...]uint64{12, 6, 4, 3, 2, 1}

// widenBits keeps low bits that both know alike. The high bits that an arc gives come back with it.
func (g *geometry) widenBits(old, next pattern) pattern {
	both := either(old, next)
	for _, k := range keptBits {
		if low := uint64(1)<<k - 1; low < g.full.mask && both.mask&low == 0 {
			return pattern{both.value & low, g.full.mask &^ low}
		}
	}
	return g.full.anyBits()
}

// widenArc moves the ends of old to stops so that next is on it.
func (g *geometry) widenArc(r *ring, old, next arc, stops []uint64) arc {
	if r.inside(next, old) {
		return old
	}
	j := r.join(old, next)
	if j.size == r.mask {
		return j
	}
	up, down := uint64(0), uint64(0) // how far the ends move
	if hi := r.hi(j); hi != r.hi(old) {
		up = g.nearest(r, stops, func(stop uint64) uint64 { return stop - hi }, r.sign-1, r.mask)
	}
	if j.lo != old.lo {
		down = g.nearest(r, stops, func(stop uint64) uint64 { return j.lo - stop }, r.sign, 0)
	}
	return r.stretch(j.lo-down, r.stretch(0, j.size, down).size, up)
}

// nearest is the least distance to a stop or a limit of signed and unsigned numbers.
func (g *geometry) nearest(r *ring, stops []uint64, distance func(stop uint64) uint64, signed, unsigned uint64) uint64 {
	best := min(distance(signed)&r.mask, distance(unsigned)&r.mask)
	if r.width > g.half.width { // the limits of low halves, zero- and sign-extended
		best = min(best, distance(signed&g.half.mask)&r.mask, distance(unsigned&g.half.mask)&r.mask)
	}
	for _, s := range stops {
		best = min(best, distance(s)&r.mask)
	}
	return best
}
