package scalar

import "math/bits"

// ring is the arithmetic modulo 2^width. Values are kept below 2^width.
type ring struct {
	mask  uint64 // all bits, the greatest unsigned value
	sign  uint64 // the top bit, the least signed value
	width uint64 // in bits, 1 to 64
}

func newRing(width uint64) ring {
	return ring{mask: ^uint64(0) >> (64 - width), sign: 1 << (width - 1), width: width}
}

// signed is v as a signed number.
func (r *ring) signed(v uint64) int64 { return int64(v<<(64-r.width)) >> (64 - r.width) }

// arc is an interval on the circle of values: from lo upwards to lo+size, both
// ends included, modulo 2^width. The full circle has lo 0 and size mask.
type arc struct{ lo, size uint64 }

// pattern says which bits are known: those outside mask have the bits of value,
// which is 0 inside mask.
type pattern struct{ value, mask uint64 }

// word is what is known of a value of one ring. It is reduced: both ends of the
// arc match the pattern, and the pattern knows the common leading bits of the arc.
type word struct {
	pattern
	arc
}

func (r *ring) all() arc          { return arc{0, r.mask} }
func (r *ring) anyBits() pattern  { return pattern{0, r.mask} }
func (r *ring) hi(a arc) uint64   { return (a.lo + a.size) & r.mask }
func (r *ring) wraps(a arc) bool  { return a.size > r.mask-a.lo }                 // holds mask and then 0
func (r *ring) swraps(a arc) bool { return a.size > r.mask-(a.lo^r.sign)&r.mask } // holds the greatest signed value and then the least

// span is the arc from lo to hi. If that is all, its lo is 0.
func (r *ring) span(lo, hi uint64) arc {
	size := (hi - lo) & r.mask
	if size == r.mask {
		return r.all()
	}
	return arc{lo & r.mask, size}
}

// stretch is the arc from lo with a size of s+t.
func (r *ring) stretch(lo, s, t uint64) arc {
	if s >= r.mask-t {
		return r.all()
	}
	return arc{lo & r.mask, s + t}
}

func (r *ring) umin(w word) uint64 {
	if r.wraps(w.arc) {
		return w.value
	}
	return w.lo
}

func (r *ring) umax(w word) uint64 {
	if r.wraps(w.arc) {
		return w.value | w.mask
	}
	return w.lo + w.size
}

func (r *ring) smin(w word) int64 {
	if r.swraps(w.arc) {
		return r.signed(w.value | w.mask&r.sign)
	}
	return r.signed(w.lo)
}

func (r *ring) smax(w word) int64 {
	if r.swraps(w.arc) {
		return r.signed(w.value | w.mask&^r.sign)
	}
	return r.signed(w.lo + w.size)
}

// has reports whether v is on a.
func (r *ring) has(a arc, v uint64) bool { return (v-a.lo)&r.mask <= a.size }

// inside reports whether all of a is on b.
func (r *ring) inside(a, b arc) bool {
	d := (a.lo - b.lo) & r.mask
	return b.size == r.mask || d <= b.size && a.size <= b.size-d
}

// meet is the least arc that holds what is on both. ok is false if nothing is.
func (r *ring) meet(a, b arc) (m arc, ok bool) {
	if b.size == r.mask {
		return a, true
	}
	if a.size == r.mask {
		return b, true
	}
	d, e := (b.lo-a.lo)&r.mask, (a.lo-b.lo)&r.mask
	switch inA, inB := d <= a.size, e <= b.size; {
	case inA && inB && d != 0: // two pieces: of what lies between them the larger part is left out
		return smaller(a, b), true
	case inA:
		return arc{b.lo, min(a.size-d, b.size)}, true
	case inB:
		return arc{a.lo, min(b.size-e, a.size)}, true
	}
	return a, false
}

// join is the least arc that holds both.
func (r *ring) join(a, b arc) arc {
	if a.size == r.mask || b.size == r.mask {
		return r.all()
	}
	fromA := r.stretch(a.lo, (b.lo-a.lo)&r.mask, b.size)
	fromB := r.stretch(b.lo, (a.lo-b.lo)&r.mask, a.size)
	fromA.size, fromB.size = max(fromA.size, a.size), max(fromB.size, b.size)
	return smaller(fromA, fromB)
}

// smaller is the smaller arc, or the one that starts lower.
func smaller(a, b arc) arc {
	if a.size < b.size || a.size == b.size && a.lo <= b.lo {
		return a
	}
	return b
}

// not is the arc of the complements ^v.
func (r *ring) not(a arc) arc { return arc{^(a.lo + a.size) & r.mask, a.size}.normal(r) }

// neg is the arc of the negatives.
func (r *ring) neg(a arc) arc { return arc{-(a.lo + a.size) & r.mask, a.size}.normal(r) }

// normal gives the full circle its one form.
func (a arc) normal(r *ring) arc {
	if a.size == r.mask {
		a.lo = 0
	}
	return a
}

// above is the first value at or after v, going up round the circle, that matches p.
func (r *ring) above(p pattern, v uint64) uint64 {
	differs := (v ^ p.value) &^ p.mask & r.mask
	if differs == 0 {
		return v
	}
	top := uint64(1) << (bits.Len64(differs) - 1)
	below := top<<1 - 1 // the highest known bit that differs, and those below it
	if p.value&top != 0 {
		return v&p.mask&^below | p.value
	}
	// The unknown bits above count up by one: all others are set to carry.
	return ((v|^p.mask|below)+1)&p.mask | p.value
}

// below is the first value at or before v, going down round the circle, that matches p.
func (r *ring) below(p pattern, v uint64) uint64 {
	mirror := pattern{^(p.value | p.mask) & r.mask, p.mask}
	return ^r.above(mirror, ^v&r.mask) & r.mask
}

// fit cuts the ends of a that do not match p. ok is false if nothing does.
func (r *ring) fit(a arc, p pattern) (arc, bool) {
	if p.mask == r.mask {
		return a, true
	}
	a, ok := r.meet(a, arc{p.value, p.mask})
	if !ok {
		return a, false
	}
	lo := r.above(p, a.lo)
	cut := (lo - a.lo) & r.mask
	if cut > a.size {
		return a, false
	}
	return arc{lo, (r.below(p, r.hi(a)) - lo) & r.mask}, true
}

// varying are the bits that differ between values of a; those above are the same in all.
func (r *ring) varying(a arc) uint64 {
	if r.wraps(a) {
		return r.mask
	}
	return uint64(1)<<bits.Len64(a.lo^(a.lo+a.size)) - 1
}

// learn adds to p the common leading bits of a, whose ends match p.
func (r *ring) learn(p pattern, a arc) pattern {
	known := p.mask &^ r.varying(a)
	return pattern{p.value | a.lo&known, p.mask &^ known}
}

// reduce makes w a word. ok is false if nothing matches both.
func (r *ring) reduce(w word) (word, bool) {
	vary := r.varying(w.arc)
	if vary&^w.mask == 0 { // the known bits are the same in all of the arc: it is in or out as a whole
		known := w.mask &^ vary
		ok := (w.lo^w.value)&^w.mask&r.mask == 0
		w.value |= w.lo & known
		w.mask &= vary
		return w, ok
	}
	a, ok := r.fit(w.arc, w.pattern)
	if !ok {
		return w, false
	}
	return word{r.learn(w.pattern, a), a}, true
}

// agree is the pattern of what matches both. ok is false if nothing does.
func agree(p, q pattern) (pattern, bool) {
	mask := p.mask & q.mask
	return pattern{(p.value | q.value) &^ mask, mask}, (p.value^q.value)&^(p.mask|q.mask) == 0
}

// either is the pattern of what matches one of the two.
func either(p, q pattern) pattern {
	mask := p.mask | q.mask | (p.value ^ q.value)
	return pattern{p.value &^ mask, mask}
}
