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
func Unary(op ir.Op, width, size uint8, a Num) Num { return wide.unary(op, width == 32, size, a) }

func (g *geometry) unary(op ir.Op, half bool, size uint8, a Num) Num {
	r := &g.full
	if half {
		r = &g.half
	}
	bits := uint64(size) * g.unit
	switch op {
	case ir.OpMov:
		return g.zext(a, r.width)
	case ir.OpNeg:
		return g.binary(ir.OpSub, half, g.constant(0), a)
	case ir.OpZext:
		return g.zext(a, bits)
	case ir.OpSext:
		return g.sext(a, bits, r)
	case ir.OpBswap:
		return g.bswap(a, size)
	}
	return g.unknown()
}

// cut is what is known of the low bits of a as a word of ring r, which has that many.
func (g *geometry) cut(a Num, r *ring) word {
	w := word{pattern{a.Value & r.mask, a.Mask & r.mask}, r.truncate(a.full(), r.mask)}
	if r.width <= g.half.width {
		if m, ok := r.meet(w.arc, r.truncate(a.low(), r.mask)); ok {
			w.arc = m
		}
	}
	w, _ = r.reduce(w)
	return w
}

func (g *geometry) zext(a Num, bits uint64) Num {
	if bits >= g.full.width {
		return a
	}
	r := newRing(max(bits, 1))
	return g.extend(&r, g.cut(a, &r))
}

// sext extends the low bits of a to ring to by copies of their top bit.
func (g *geometry) sext(a Num, bits uint64, to *ring) Num {
	if bits >= to.width {
		return g.zext(a, to.width)
	}
	r := newRing(max(bits, 1))
	w := g.cut(a, &r)
	wide := word{
		pattern{uint64(r.signed(w.value)) & to.mask, uint64(r.signed(w.mask)) & to.mask},
		to.span(uint64(r.smin(w)), uint64(r.smax(w))),
	}
	if to.width < g.full.width {
		return g.extend(to, wide)
	}
	n := g.unknown()
	n.setFull(wide)
	if r.width == g.half.width {
		n.setLow(w.arc)
	}
	return g.must(n)
}

func (g *geometry) bswap(a Num, size uint8) Num {
	n := g.unknown()
	n.setBits(pattern{g.reverse(a.Value, size), g.reverse(a.Mask, size)})
	return g.must(n)
}

// reverse is the low size bytes of v in reverse order.
func (g *geometry) reverse(v uint64, size uint8) (out uint64) {
	for range size {
		out = out<<g.unit | v&(1<<g.unit-1)
		v >>= g.unit
	}
	return out
}
