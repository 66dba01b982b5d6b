package scalar

import "math/bits"

func addArc(r *ring, a, b word) arc { return r.stretch(a.lo+b.lo, a.size, b.size) }
func subArc(r *ring, a, b word) arc { return r.stretch(a.lo-b.lo-b.size, a.size, b.size) }

// scale is the arc of the products with c.
func (r *ring) scale(a arc, c uint64) arc {
	if down := -c & r.mask; down < c {
		return r.neg(r.scale(a, down))
	}
	hi, size := bits.Mul64(a.size, c)
	if hi != 0 || size >= r.mask {
		return r.all()
	}
	return arc{a.lo * c & r.mask, size}
}

func mulArc(r *ring, a, b word) arc {
	switch {
	case a.mask == 0:
		return r.scale(b.arc, a.value)
	case b.mask == 0:
		return r.scale(a.arc, b.value)
	}
	if r.umax(a)|r.umax(b) < r.sign {
		return r.mulUnsigned(a, b)
	}
	return smaller(r.mulUnsigned(a, b), r.mulSigned(a, b))
}

// mulUnsigned is the arc from the least to the greatest product, which may be
// beyond the width as long as the distance between them is not.
func (r *ring) mulUnsigned(a, b word) arc {
	hi0, lo0 := bits.Mul64(r.umin(a), r.umin(b))
	hi1, lo1 := bits.Mul64(r.umax(a), r.umax(b))
	size, borrow := bits.Sub64(lo1, lo0, 0)
	if hi1-hi0-borrow != 0 || size >= r.mask {
		return r.all()
	}
	return arc{lo0 & r.mask, size}
}

func (r *ring) mulSigned(a, b word) arc {
	least, most := int64(0), int64(0)
	for i, x := range [4]int64{r.smin(a), r.smin(a), r.smax(a), r.smax(a)} {
		y := r.smin(b)
		if i%2 == 1 {
			y = r.smax(b)
		}
		p, ok := r.product(x, y)
		if !ok {
			return r.all()
		}
		if i == 0 {
			least, most = p, p
		}
		least, most = min(least, p), max(most, p)
	}
	return r.span(uint64(least), uint64(most))
}

// product is a*b. ok is false if it does not fit the ring as a signed number.
func (r *ring) product(a, b int64) (p int64, ok bool) {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo >= r.sign {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// magnitude is |v|, of the least number too.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// andArc: a mask of consecutive ones cuts the arc above and rounds its ends down below;
// otherwise the result is at most the lesser operand.
func andArc(r *ring, a, b word) arc {
	if a.mask == 0 {
		a, b = b, a
	}
	if c := b.value; b.mask == 0 && c != 0 {
		upper := uint64(1)<<bits.Len64(c) - 1
		lower := c&-c - 1
		if c == upper&^lower {
			return r.floor(r.truncate(a.arc, upper), lower, upper)
		}
	}
	return arc{0, min(r.umax(a), r.umax(b))}
}

// truncate is the arc of the values of a modulo upper+1, a power of two, on the circle of that size.
// It is full if a is longer.
func (r *ring) truncate(a arc, upper uint64) arc {
	if a.size >= upper {
		return arc{0, upper}
	}
	return arc{a.lo & upper, a.size}
}

// floor rounds a down to multiples of lower+1 on the circle of size upper+1. Where that is
// less than the ring, an arc that wraps becomes all values up to upper.
func (r *ring) floor(a arc, lower, upper uint64) arc {
	lo, rest := a.lo&^lower, a.lo&lower+a.size
	switch {
	case rest < a.size || rest > upper: // over the whole circle
		return arc{0, upper &^ lower}
	case upper == r.mask || lo+rest&^lower <= upper:
		return arc{lo, rest &^ lower}
	}
	return arc{0, upper &^ lower}
}

func orArc(r *ring, a, b word) arc { return r.not(andArc(r, r.complement(a), r.complement(b))) }

// complement is ^w.
func (r *ring) complement(w word) word {
	return word{pattern{^(w.value | w.mask) & r.mask, w.mask}, r.not(w.arc)}
}

// xorArc: a constant that touches none of the bits that vary moves the arc, one that touches all of them
// turns it round. Turning the top bit moves any arc by half a circle.
func xorArc(r *ring, a, b word) arc {
	if a.mask == 0 {
		a, b = b, a
	}
	c, vary := b.value, r.varying(a.arc)
	switch {
	case b.mask != 0:
		return r.all()
	case c&vary == 0, c == r.sign:
		return arc{a.lo ^ c, a.size}.normal(r)
	case c&vary == vary, c == r.mask&^r.sign:
		return arc{r.hi(a.arc) ^ c, a.size}.normal(r)
	}
	return r.all()
}

func divArc(r *ring, a, b word) arc {
	if r.umax(b) == 0 {
		return arc{}
	}
	hi := r.umax(a) / max(r.umin(b), 1)
	if r.umin(b) == 0 {
		return arc{0, hi}
	}
	lo := r.umin(a) / r.umax(b)
	return arc{lo, hi - lo}
}

func modArc(r *ring, a, b word) arc {
	lo, hi, most := r.umin(a), r.umax(a), r.umax(b)
	switch {
	case most == 0 || hi < r.umin(b):
		return a.arc
	case b.mask == 0 && lo/most == hi/most:
		return arc{lo % most, hi - lo}
	case r.umin(b) > 0:
		return arc{0, min(hi, most-1)}
	}
	return arc{0, hi} // x%0 = x
}

// magnitudes are the greatest and the least |v|, and whether v may be 0.
func (r *ring) magnitudes(w word) (most, least uint64, zero bool) {
	lo, hi := r.smin(w), r.smax(w)
	most = max(magnitude(lo), magnitude(hi))
	switch {
	case lo > 0:
		return most, uint64(lo), false
	case hi < 0:
		return most, magnitude(hi), false
	}
	return most, 0, r.has(w.arc, 0) && w.value == 0
}

func (r *ring) most(w word) uint64 {
	most, _, _ := r.magnitudes(w)
	return most
}

func sdivArc(r *ring, a, b word) arc {
	lo, hi := r.smin(a), r.smax(a)
	if b.mask == 0 {
		switch c := r.signed(b.value); {
		case c == 0:
			return arc{}
		case c == -1:
			return r.neg(a.arc)
		case c < 0:
			return r.span(uint64(hi/c), uint64(lo/c))
		default:
			return r.span(uint64(lo/c), uint64(hi/c))
		}
	}
	_, least, _ := r.magnitudes(b)
	most := r.most(a) / max(least, 1)
	if most >= r.sign { // MIN/-1 = MIN
		return r.all()
	}
	same := lo >= 0 && r.smin(b) >= 0 || hi <= 0 && r.smax(b) <= 0
	opposite := lo >= 0 && r.smax(b) <= 0 || hi <= 0 && r.smin(b) >= 0
	switch {
	case same:
		return arc{0, most}
	case opposite:
		return r.span(-most, 0)
	}
	return r.span(-most, most)
}

// smodArc: the remainder has the sign of a, at most its magnitude, and a lesser one than b, unless b is 0.
func smodArc(r *ring, a, b word) arc {
	most, least, zero := r.magnitudes(b)
	if most == 0 || r.most(a) < least {
		return a.arc
	}
	if zero {
		most = r.mask
	}
	lo, hi := min(r.smin(a), 0), max(r.smax(a), 0)
	down, up := min(magnitude(lo), most-1), min(uint64(hi), most-1)
	return r.span(-down, up)
}

func lshArc(r *ring, a, k word) arc {
	if k.mask == 0 {
		return r.scale(a.arc, 1<<k.value)
	}
	lo, hi, most := r.umin(a), r.umax(a), r.umax(k)
	if hi > r.mask>>most {
		return r.all()
	}
	return r.span(lo<<r.umin(k), hi<<most)
}

func rshArc(r *ring, a, k word) arc {
	lo, hi := r.umin(a)>>r.umax(k), r.umax(a)>>r.umin(k)
	return r.span(lo, hi)
}

func arshArc(r *ring, a, k word) arc {
	ends := [2]uint64{r.umin(k), r.umax(k)}
	lo, hi := r.smin(a), r.smax(a)
	return r.span(uint64(min(lo>>ends[0], lo>>ends[1])), uint64(max(hi>>ends[0], hi>>ends[1])))
}
