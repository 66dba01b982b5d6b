package scalar

// geometry is a width of values and what can be done with them. Production has
// one, wide; tests use small ones, where all values and all sets can be tried.
type geometry struct {
	full, half ring
	unit       uint64 // bits per byte, as Size of sign extension and byte swap counts them
	rows       *[numRows]transfer
	assume     *[numRelations]assumption
}

func (g *geometry) unknown() Num {
	return Num{Mask: g.full.mask, Size: g.full.mask, Size32: uint32(g.half.mask)}
}

// The fields of Nums are read and written one by one: copies of the whole struct just
// after a field was stored cost more than all the arithmetic.

// setUnknown makes n all values.
func (g *geometry) setUnknown(n *Num) {
	n.Value, n.Mask, n.Lo, n.Size, n.Lo32, n.Size32 = 0, g.full.mask, 0, g.full.mask, 0, uint32(g.half.mask)
}

// setConst makes n the value v.
func (g *geometry) setConst(n *Num, v uint64) {
	n.Value, n.Mask, n.Lo, n.Size, n.Lo32, n.Size32 = v, 0, v, 0, uint32(v&g.half.mask), 0
}

func (g *geometry) between(lo, hi uint64) Num {
	n := g.unknown()
	n.setFull(word{g.full.anyBits(), g.full.span(lo, hi)})
	g.must(&n)
	return n
}

func (g *geometry) contains(n *Num, v uint64) bool {
	return (v^n.Value)&^n.Mask == 0 && g.full.has(n.full(), v) && g.half.has(n.low(), v&g.half.mask)
}

func (n *Num) bits() pattern { return pattern{n.Value, n.Mask} }
func (n *Num) full() arc     { return arc{n.Lo, n.Size} }
func (n *Num) low() arc      { return arc{uint64(n.Lo32), uint64(n.Size32)} }

func (n *Num) setBits(p pattern) { n.Value, n.Mask = p.value, p.mask }
func (n *Num) setLow(a arc)      { n.Lo32, n.Size32 = uint32(a.lo), uint32(a.size) }

func (n *Num) setFull(w word) {
	n.Value, n.Mask, n.Lo, n.Size = w.value, w.mask, w.lo, w.size
}

// whole is what is known of all bits.
func (g *geometry) whole(n *Num) word { return word{n.bits(), n.full()} }

// low is what is known of the low half.
func (g *geometry) low(n *Num) word {
	return word{pattern{n.Value & g.half.mask, n.Mask & g.half.mask}, n.low()}
}

// rounds bounds the reduction. The fixpoint is nearly always reached in the
// second round; stopping early is sound, it only knows less.
const rounds = 6

// sync reduces n: bits, arc and low arc tell each other what they know, as the
// kernel's reg_bounds_sync does for its bounds. ok is false if no value is left.
//
//	low arc  gets the arc, if that is shorter than the low circle; both ends match the bits
//	bits     get the leading bits that all values of an arc share
//	arc      both ends match the bits and have a low half on the low arc
func (g *geometry) sync(n *Num) bool {
	switch {
	case n.Mask == 0:
		return g.settle(n)
	case n.Size <= g.half.mask && n.Lo <= g.half.mask-n.Size:
		return g.syncSmall(n)
	}
	return g.syncAny(n)
}

// settle makes n the constant that its bits are.
func (g *geometry) settle(n *Num) bool {
	ok := g.contains(n, n.Value)
	g.setConst(n, n.Value)
	return ok
}

// syncSmall reduces an n whose arc is from 0 to the greatest low half: nearly all that is told apart
// in programs. All is then known of the low half, and the arc is that of the low half.
func (g *geometry) syncSmall(n *Num) bool {
	if n.Value&^g.half.mask != 0 {
		return false
	}
	a, ok := g.half.meet(n.full(), n.low())
	if !ok || g.half.wraps(a) {
		return ok && g.syncAny(n)
	}
	w, ok := g.half.reduce(word{pattern{n.Value, n.Mask & g.half.mask}, a})
	if w.mask == 0 {
		g.setConst(n, w.value)
		return ok
	}
	n.setFull(w)
	n.setLow(w.arc)
	return ok
}

// syncAny reduces any n.
func (g *geometry) syncAny(n *Num) bool {
	for range rounds {
		if !g.syncLow(n) {
			return false
		}
		was := word{n.bits(), n.full()}
		if !g.syncFull(n) {
			return false
		}
		if n.Mask == 0 {
			return g.settle(n)
		}
		lowKnows := (was.mask^n.Mask)&g.half.mask == 0
		if lowKnows && (was.arc == n.full() || n.Size >= g.half.mask && uint64(n.Size32) == g.half.mask) {
			break // nothing that the other half of the round reads has changed
		}
	}
	return true
}

func (g *geometry) syncLow(n *Num) bool {
	low, ok := n.low(), true
	if n.Size < g.half.mask {
		if low, ok = g.half.meet(low, arc{n.Lo & g.half.mask, n.Size}); !ok {
			return false
		}
	}
	w, ok := g.half.reduce(word{pattern{n.Value & g.half.mask, n.Mask & g.half.mask}, low})
	n.setLow(w.arc)
	n.Value = n.Value&^g.half.mask | w.value
	n.Mask = n.Mask&^g.half.mask | w.mask
	return ok
}

func (g *geometry) syncFull(n *Num) bool {
	w, ok := g.full.reduce(g.whole(n))
	if ok && uint64(n.Size32) != g.half.mask {
		w.arc, ok = g.fitLow(w.arc, n.low())
	}
	n.setFull(w)
	return ok
}

// fitLow cuts the ends of a whose low half is not on low. ok is false if nothing is left.
func (g *geometry) fitLow(a, low arc) (arc, bool) {
	m := g.half.mask
	if before := (low.lo - a.lo) & m; before > 0 && !g.half.has(low, a.lo&m) {
		if before > a.size {
			return a, false
		}
		a.lo, a.size = (a.lo+before)&g.full.mask, a.size-before
	}
	if past := (a.lo + a.size - low.lo) & m; past > low.size {
		if past-low.size > a.size {
			return a, false
		}
		a.size -= past - low.size
	}
	return a, true
}

// must reduces an n that is known to hold a value.
func (g *geometry) must(n *Num) {
	if !g.sync(n) {
		g.setUnknown(n) // only an error of this package leads here
	}
}

// meet narrows a to what is in both.
func (g *geometry) meet(a, b *Num) bool {
	p, bitsOK := agree(a.bits(), b.bits())
	full, fullOK := g.full.meet(a.full(), b.full())
	low, lowOK := g.half.meet(a.low(), b.low())
	a.setFull(word{p, full})
	a.setLow(low)
	return bitsOK && fullOK && lowOK && g.sync(a)
}

// join widens a to hold b.
func (g *geometry) join(a, b *Num) {
	if a.equals(b) {
		return
	}
	a.setFull(word{either(a.bits(), b.bits()), g.full.join(a.full(), b.full())})
	a.setLow(g.half.join(a.low(), b.low()))
	g.must(a)
}

func (n *Num) equals(m *Num) bool {
	return n.bits() == m.bits() && n.full() == m.full() && n.low() == m.low()
}

func (g *geometry) within(a, b *Num) bool {
	if a.Mask&^b.Mask != 0 || (a.Value^b.Value)&^b.Mask != 0 {
		return false
	}
	return g.fullWithin(a, b.full()) && g.lowWithin(a, b.low())
}

// fullWithin reports whether all values of n are on a, also where its arc leaves a
// but nothing else matches there.
func (g *geometry) fullWithin(n *Num, a arc) bool {
	if g.full.inside(n.full(), a) {
		return true
	}
	outside, ok := g.full.meet(n.full(), g.full.gap(a))
	rest := *n
	rest.Lo, rest.Size = outside.lo, outside.size
	return !ok || !g.sync(&rest)
}

// lowWithin reports the same of the low halves.
func (g *geometry) lowWithin(n *Num, a arc) bool {
	if g.half.inside(n.low(), a) {
		return true
	}
	outside, ok := g.half.meet(n.low(), g.half.gap(a))
	rest := *n
	rest.setLow(outside)
	return !ok || !g.sync(&rest)
}

// gap is what a, which is not full, leaves out.
func (r *ring) gap(a arc) arc { return arc{(a.lo + a.size + 1) & r.mask, r.mask - 1 - a.size} }
