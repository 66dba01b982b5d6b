package scalar

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// small is a geometry of few bits, with bytes of one bit.
func small(width uint64) *geometry {
	return &geometry{full: newRing(width), half: newRing(width / 2), unit: 1, rows: &transfers, assume: &assumptions}
}

// The operations of a geometry on values.

func (g *geometry) binaryOf(op ir.Op, half bool, a, b Num) (n Num) {
	g.binary(&n, op, half, &a, &b)
	return n
}

func (g *geometry) unaryOf(op ir.Op, half bool, size uint8, a Num) (n Num) {
	g.unary(&n, op, half, size, &a)
	return n
}

func (g *geometry) refineOf(rd reading, half bool, a, b Num) (ra, rb Num, ok bool) {
	ok = g.refine(rd, half, &a, &b)
	return a, b, ok
}

func (g *geometry) meetOf(a, b Num) (Num, bool) {
	ok := g.meet(&a, &b)
	return a, ok
}

func (g *geometry) joinOf(a, b Num) Num {
	g.join(&a, &b)
	return a
}

func (g *geometry) widenOf(old, next Num, stops []uint64) Num {
	g.widen(&old, &next, stops)
	return old
}

// binaryOps are the operations of Binary.
var binaryOps = []ir.Op{ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpSDiv, ir.OpMod, ir.OpSMod,
	ir.OpOr, ir.OpAnd, ir.OpXor, ir.OpLsh, ir.OpRsh, ir.OpArsh}

// conds are the conditions of Decide and Refine.
var conds = []isa.Cond{isa.EQ, isa.NE, isa.GT, isa.GE, isa.LT, isa.LE, isa.SGT, isa.SGE, isa.SLT, isa.SLE, isa.SET}

// condNames are for messages.
var condNames = map[isa.Cond]string{isa.EQ: "eq", isa.NE: "ne", isa.GT: "gt", isa.GE: "ge", isa.LT: "lt", isa.LE: "le",
	isa.SGT: "sgt", isa.SGE: "sge", isa.SLT: "slt", isa.SLE: "sle", isa.SET: "set"}

// toSigned is the low width bits of v as a signed number, by the definition of two's complement.
func toSigned(v uint64, width uint64) int64 {
	if width == 64 {
		return int64(v)
	}
	v %= 1 << width
	if v >= 1<<(width-1) {
		return int64(v) - 1<<width
	}
	return int64(v)
}

// run is op on numbers of width bits, as the package doc of ir says, written another way than the package under test:
// signed values are numbers, not bit patterns.
func run(op ir.Op, width, a, b uint64) uint64 {
	mask := ^uint64(0) >> (64 - width)
	a, b = a&mask, b&mask
	sa, sb, k := toSigned(a, width), toSigned(b, width), b%width
	switch op {
	case ir.OpAdd:
		a += b
	case ir.OpSub:
		a -= b
	case ir.OpMul:
		a *= b
	case ir.OpDiv, ir.OpMod:
		q, rest := uint64(0), a
		if b != 0 {
			q, rest = bits.Div64(0, a, b)
		}
		a = q
		if op == ir.OpMod {
			a = rest
		}
	case ir.OpSDiv:
		switch {
		case sb == 0:
			a = 0
		case sb == -1:
			a = -a
		default:
			a = uint64(sa / sb)
		}
	case ir.OpSMod:
		switch {
		case sb == 0:
		case sb == -1:
			a = 0
		default:
			a = uint64(sa % sb)
		}
	case ir.OpOr:
		a |= b
	case ir.OpAnd:
		a &= b
	case ir.OpXor:
		a ^= b
	case ir.OpLsh:
		for range k {
			a *= 2
		}
	case ir.OpRsh:
		a /= 1 << k
	case ir.OpArsh:
		for range k { // towards minus infinity
			sa = (sa - (sa & 1)) / 2
		}
		a = uint64(sa)
	}
	return a & mask
}

// runUnary is a unary op on a value of full bits; bytes have unit bits.
func runUnary(op ir.Op, full, width, unit uint64, size uint8, v uint64) uint64 {
	mask := func(n uint64) uint64 { return ^uint64(0) >> (64 - min(n, full)) }
	n := uint64(size) * unit
	switch op {
	case ir.OpMov:
		return v & mask(width)
	case ir.OpNeg:
		return -v & mask(width)
	case ir.OpZext:
		return v & mask(n)
	case ir.OpSext:
		if n >= width {
			return v & mask(width)
		}
		return uint64(toSigned(v, n)) & mask(width)
	}
	var out uint64
	for i := range uint64(size) {
		out |= v >> (i * unit) % (1 << unit) << ((uint64(size) - 1 - i) * unit)
	}
	return out
}

// holds is a condition on numbers of width bits.
func holds(c isa.Cond, width, a, b uint64) bool {
	mask := ^uint64(0) >> (64 - width)
	a, b = a&mask, b&mask
	sa, sb := toSigned(a, width), toSigned(b, width)
	switch c {
	case isa.EQ, isa.NE:
		return (a == b) == (c == isa.EQ)
	case isa.GT, isa.LE:
		return (a > b) == (c == isa.GT)
	case isa.LT, isa.GE:
		return (a < b) == (c == isa.LT)
	case isa.SGT, isa.SLE:
		return (sa > sb) == (c == isa.SGT)
	case isa.SLT, isa.SGE:
		return (sa < sb) == (c == isa.SLT)
	}
	return a&b != 0
}
