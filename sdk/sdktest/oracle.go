package sdktest

import (
	"math/big"

	"github.com/bpfc/bpfc/core/isa"
)

// edges are operands at which arithmetic changes its mind.
var edges = []uint64{
	0, 1, 2, 31, 63, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x0123456789abcdef,
}

// immEdges are edges of the 32-bit immediate.
var immEdges = []int32{0, 1, 2, -1, 7, 31, 63, 127, 128, -128, -129, 0x7fffffff, -0x80000000}

// shifts says which operations take their second operand modulo the width.
var shifts = map[isa.Arith]bool{isa.Lsh: true, isa.Rsh: true, isa.Arsh: true}

// ariths are all binary operations of RFC 9669 section 4.1.
var ariths = []isa.Arith{
	isa.Add, isa.Sub, isa.Mul, isa.Div, isa.SDiv, isa.Or, isa.And, isa.Lsh, isa.Rsh, isa.Mod, isa.SMod, isa.Xor, isa.Mov, isa.Arsh,
}

// arith is what RFC 9669 section 4.1 says that a op b is at width bits, in
// integers without bounds; a 32-bit result is zero-extended.
func arith(op isa.Arith, width uint, a, b uint64) uint64 {
	x, y := unsigned(width, a), unsigned(width, b)
	sx, sy := signed(width, a), signed(width, b)
	n := uint(y.Uint64() % uint64(width))
	r := new(big.Int)
	switch op {
	case isa.Add:
		r.Add(x, y)
	case isa.Sub:
		r.Sub(x, y)
	case isa.Mul:
		r.Mul(x, y)
	case isa.Div:
		orElse(y, r, r, func() { r.Quo(x, y) })
	case isa.SDiv:
		orElse(y, r, r, func() { r.Quo(sx, sy) })
	case isa.Mod:
		orElse(y, r, x, func() { r.Rem(x, y) })
	case isa.SMod:
		orElse(y, r, x, func() { r.Rem(sx, sy) })
	case isa.Or:
		r.Or(x, y)
	case isa.And:
		r.And(x, y)
	case isa.Xor:
		r.Xor(x, y)
	case isa.Mov:
		r.Set(y)
	case isa.Lsh:
		r.Lsh(x, n)
	case isa.Rsh:
		r.Rsh(x, n)
	case isa.Arsh:
		r.Rsh(sx, n)
	}
	return wrap(width, r)
}

// orElse sets r to byZero if y is zero, else computes it.
func orElse(y, r, byZero *big.Int, compute func()) {
	if y.Sign() == 0 {
		r.Set(byZero)
		return
	}
	compute()
}

// compare is what RFC 9669 section 4.3 says of a cond b at width bits.
func compare(c isa.Cond, width uint, a, b uint64) bool {
	x, y := unsigned(width, a), unsigned(width, b)
	u, s := x.Cmp(y), signed(width, a).Cmp(signed(width, b))
	switch c {
	case isa.EQ:
		return u == 0
	case isa.NE:
		return u != 0
	case isa.GT:
		return u > 0
	case isa.GE:
		return u >= 0
	case isa.LT:
		return u < 0
	case isa.LE:
		return u <= 0
	case isa.SGT:
		return s > 0
	case isa.SGE:
		return s >= 0
	case isa.SLT:
		return s < 0
	case isa.SLE:
		return s <= 0
	}
	return new(big.Int).And(x, y).Sign() != 0 // SET
}

// unsigned is the low width bits of v.
func unsigned(width uint, v uint64) *big.Int {
	return new(big.Int).Mod(new(big.Int).SetUint64(v), modulus(width))
}

// signed is the low width bits of v in two's complement.
func signed(width uint, v uint64) *big.Int {
	x := unsigned(width, v)
	if x.Bit(int(width)-1) == 1 {
		x.Sub(x, modulus(width))
	}
	return x
}

// wrap is v modulo 2^width.
func wrap(width uint, v *big.Int) uint64 { return new(big.Int).Mod(v, modulus(width)).Uint64() }

func modulus(width uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), width) }

// extend sign-extends the low size bytes of v to width bits.
func extend(width, size uint, v uint64) uint64 { return wrap(width, signed(size*8, v)) }

// reverse is the low size bytes of v in the opposite order, zero-extended.
func reverse(size uint, v uint64) uint64 {
	var r uint64
	for range size {
		r = r*256 + v%256
		v /= 256
	}
	return r
}
