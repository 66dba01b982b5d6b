package scalar

import "github.com/bpfc/bpfc/core/ir"

// Unary is an operation of one operand. width is 32 or 64, size is in bytes.
//
//	OpMov    width 32: the low half, zero-extended; width 64: a
//	OpNeg    0-a at width
//	OpSext   the low size bytes, sign-extended to width; the bits above width are 0
//	OpZext   the low size bytes, zero-extended
//	OpBswap  the low size bytes in reverse order, zero-extended
//
// The result of any other op is Unknown.
func Unary(op ir.Op, width, size uint8, a Num) (n Num) {
	wide.unary(&n, op, width == 32, size, &a)
	return n
}

// unary sets n, which is not a, to the result.
func (g *geometry) unary(n *Num, op ir.Op, half bool, size uint8, a *Num) {
	r := &g.full
	if half {
		r = &g.half
	}
	bits := uint64(size) * g.unit
	switch op {
	case ir.OpMov:
		g.zext(n, a, r.width)
	case ir.OpNeg:
		g.binary(n, ir.OpSub, half, &Num{}, a)
	case ir.OpZext:
		g.zext(n, a, bits)
	case ir.OpSext:
		g.sext(n, a, bits, r)
	case ir.OpBswap:
		g.bswap(n, a, size)
	default:
		g.setUnknown(n)
	}
}

// cut is what is known of the low bits of a as a word of ring r, which has that many.
func (g *geometry) cut(a *Num, r *ring) word {
	w := word{pattern{a.Value & r.mask, a.Mask & r.mask}, r.truncate(a.full(), r.mask)}
	if r.width <= g.half.width {
		if m, ok := r.meet(w.arc, r.truncate(a.low(), r.mask)); ok {
			w.arc = m
		}
	}
	w, _ = r.reduce(w)
	return w
}

func (g *geometry) zext(n, a *Num, bits uint64) {
	if bits >= g.full.width {
		*n = *a
		return
	}
	r := newRing(max(bits, 1))
	g.extend(n, &r, g.cut(a, &r))
}

// sext extends the low bits of a to ring to by copies of their top bit.
func (g *geometry) sext(n, a *Num, bits uint64, to *ring) {
	if bits >= to.width {
		g.zext(n, a, to.width)
		return
	}
	r := newRing(max(bits, 1))
	w := g.cut(a, &r)
	long := word{
		pattern{uint64(r.signed(w.value)) & to.mask, uint64(r.signed(w.mask)) & to.mask},
		to.span(uint64(r.smin(w)), uint64(r.smax(w))),
	}
	if to.width < g.full.width {
		g.extend(n, to, long)
		return
	}
	n.setFull(long)
	n.setLow(g.half.all())
	if r.width == g.half.width {
		n.setLow(w.arc)
	}
	g.must(n)
}

func (g *geometry) bswap(n, a *Num, size uint8) {
	g.setUnknown(n)
	n.setBits(pattern{g.reverse(a.Value, size), g.reverse(a.Mask, size)})
	g.must(n)
}

// reverse is the low size bytes of v in reverse order.
func (g *geometry) reverse(v uint64, size uint8) (out uint64) {
	for range size {
		out = out<<g.unit | v&(1<<g.unit-1)
		v >>= g.unit
	}
	return out
}
