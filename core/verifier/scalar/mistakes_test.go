package scalar

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// Mistakes that verifiers have made with numbers, each with the case that shows it
// and with what may still be concluded.

const (
	minusOne = ^uint64(0)
	minInt   = uint64(1) << 63
	high32   = uint64(1<<64 - 1<<32)
)

// refined is Refine where the condition is possible.
func refined(t *testing.T, cond isa.Cond, holds bool, width uint8, a, b Num) Num {
	t.Helper()
	n, _, ok := Refine(cond, holds, width, a, b)
	require.True(t, ok)
	return n
}

func TestMoveOfMinusOneIsNotSignExtended(t *testing.T) {
	require.Equal(t, Const(0xffffffff), Unary(ir.OpMov, 32, 4, Const(minusOne)))
	decided, known := Decide(isa.EQ, 64, Unary(ir.OpMov, 32, 4, Const(minusOne)), Const(minusOne))
	require.True(t, known)
	require.False(t, decided)
}

func TestOperationsOf32BitsCutTheResult(t *testing.T) {
	require.Equal(t, Const(0), Binary(ir.OpAdd, 32, Const(0xffffffff), Const(1)))
	require.Equal(t, Const(0), Binary(ir.OpMul, 32, Const(1<<31), Const(2)))
	require.Equal(t, Const(5), Binary(ir.OpAdd, 32, Const(1<<40|2), Const(3)), "the high half of an operand is not read")
	require.Equal(t, Bytes(4), Binary(ir.OpAdd, 32, Unknown(), Const(1)))
	sum := Binary(ir.OpAdd, 32, Between(0xfffffff0, 0xffffffff), Const(0x10))
	require.Equal(t, Between(0, 15), sum)
	around := Binary(ir.OpAdd, 32, Between(0xfffffffc, 0xffffffff), Const(2)) // passes 2^32
	require.True(t, around.Contains(0xffffffff) && around.Contains(1) && !around.Contains(1<<32))
	require.Equal(t, int32(-2), around.SMin32())
	require.Equal(t, int32(1), around.SMax32())
}

func TestSignedBoundsAfterRightShift(t *testing.T) {
	n := Binary(ir.OpRsh, 64, SBetween(-8, 7), Const(1))
	require.True(t, n.Contains(math.MaxInt64) && n.Contains(3))
	require.Equal(t, int64(0), n.SMin())
	require.Equal(t, uint64(math.MaxInt64), n.UMax())
	require.Equal(t, SBetween(-4, 3), Binary(ir.OpArsh, 64, SBetween(-8, 7), Const(1)))
	require.Equal(t, Const(0), Binary(ir.OpRsh, 64, Bytes(4), Const(32)))
}

func TestBoundsOf32BitAndOrXor(t *testing.T) {
	high := Binary(ir.OpOr, 64, Bytes(4), Const(1<<40)) // bit 40 is known, the low half is not
	for _, op := range []ir.Op{ir.OpAnd, ir.OpOr, ir.OpXor} {
		for _, x := range []uint64{1 << 40, 1<<40 | 7, 1<<40 | 0xffffffff} {
			got := Binary(op, 32, high, Const(3))
			require.True(t, got.Contains(run(op, 32, x, 3)), "%v %v", op, got)
			require.Zero(t, got.UMax()>>32)
		}
	}
	require.Equal(t, Bytes(4), Binary(ir.OpXor, 32, Unknown(), Const(minusOne)))
	require.Equal(t, Const(0), Binary(ir.OpAnd, 32, high, Const(1<<40)))
}

func TestShiftsOf32Bits(t *testing.T) {
	require.Equal(t, Const(2), Binary(ir.OpLsh, 32, Const(1), Const(33)), "the amount is taken modulo 32")
	require.Equal(t, Const(1<<33), Binary(ir.OpLsh, 64, Const(1), Const(97)), "and modulo 64")
	require.Equal(t, Const(0), Binary(ir.OpLsh, 32, Const(1<<31), Const(1)))
	require.Equal(t, Const(0xfffffffe), Binary(ir.OpArsh, 32, Const(0xfffffffc), Const(1)), "zero-extended")
	require.Equal(t, Const(0x7ffffffe), Binary(ir.OpRsh, 32, Const(minusOne-3), Const(1)))
	any := Binary(ir.OpRsh, 32, Bytes(4), Bytes(1))
	require.Equal(t, Bytes(4), any, "an amount of 32 is none")
	require.Equal(t, Between(1, 1<<31), Binary(ir.OpLsh, 32, Const(1), Unknown()))
}

func TestJump32LeavesTheHighHalf(t *testing.T) {
	n := refined(t, isa.LT, true, 32, Unknown(), Const(10))
	require.True(t, n.Contains(1<<32) && n.Contains(high32|9))
	require.Equal(t, uint32(9), n.UMax32())
	require.Equal(t, uint64(high32|9), n.UMax())

	n = refined(t, isa.EQ, true, 32, Unknown(), Const(0))
	require.True(t, n.Contains(7<<32))
	require.False(t, n.Contains(1))
	n = refined(t, isa.SLT, true, 32, Unknown(), Const(0))
	require.True(t, n.Contains(1<<31) && n.SMax() > 0, "bit 31 is no sign of 64 bits")

	require.Equal(t, Between(0, 9), refined(t, isa.LT, true, 32, Bytes(4), Const(10)), "a known high half makes it exact")
	require.Equal(t, SBetween(-5, -1), refined(t, isa.SLT, true, 32, SBetween(-5, 100), Const(0)))
	_, known := Decide(isa.LT, 32, Const(5), Binary(ir.OpOr, 64, Unknown(), Const(0)))
	require.False(t, known)
}

func TestCompare64DoesNotBoundTheLowHalf(t *testing.T) {
	n := refined(t, isa.GT, true, 64, Unknown(), Const(1<<32)) // low half: anything
	require.Zero(t, n.UMin32())
	require.Equal(t, uint32(math.MaxUint32), n.UMax32())
	n = refined(t, isa.GT, true, 64, Bytes(8), Const(5))
	require.True(t, n.Contains(1<<32), "above 5, its low half is not")
	require.Zero(t, n.UMin32())
	n = refined(t, isa.NE, true, 64, Unknown(), Const(0))
	require.True(t, n.Contains(1<<32))
	_, known := Decide(isa.EQ, 32, n, Const(0))
	require.False(t, known)
	n = refined(t, isa.SLE, true, 64, Unknown(), Const(7))
	require.Equal(t, int32(math.MaxInt32), n.SMax32())
}

func TestDivisionByZeroAndOf32Bits(t *testing.T) {
	for _, width := range []uint8{32, 64} {
		for _, op := range []ir.Op{ir.OpDiv, ir.OpSDiv} {
			require.Equal(t, Const(0), Binary(op, width, Const(7), Const(0)))
			require.True(t, Binary(op, width, Between(5, 7), Between(0, 2)).Contains(0))
		}
		for _, op := range []ir.Op{ir.OpMod, ir.OpSMod} {
			require.Equal(t, Const(7), Binary(op, width, Const(7), Const(0)))
			require.True(t, Binary(op, width, Between(5, 7), Between(0, 2)).Contains(7))
		}
	}
	require.Equal(t, Const(3), Binary(ir.OpMod, 32, Const(1<<40|3), Const(1<<33)), "x%0 of low halves, zero-extended")
	require.Equal(t, Const(0), Binary(ir.OpDiv, 32, Const(8), Const(1<<32)))
	require.Equal(t, Const(minInt), Binary(ir.OpSDiv, 64, Const(minInt), Const(minusOne)))
	require.Equal(t, Const(0), Binary(ir.OpSMod, 64, Const(minInt), Const(minusOne)))
	require.Equal(t, Const(1<<31), Binary(ir.OpSDiv, 32, Const(1<<31), Const(minusOne)))
	require.Equal(t, Between(0, 9), Binary(ir.OpMod, 64, Unknown(), Const(10)))
	require.Equal(t, SBetween(-9, 9), Binary(ir.OpSMod, 64, Unknown(), Const(10)))
	require.Equal(t, Between(10, 25), Binary(ir.OpDiv, 64, Between(100, 250), Const(10)))
}

func TestMovsxZeroExtendsTheRest(t *testing.T) {
	require.Equal(t, Const(0xffffff80), Unary(ir.OpSext, 32, 1, Const(0x80)))
	require.Equal(t, Const(minusOne-0x7f), Unary(ir.OpSext, 64, 1, Const(0x80)))
	n := Unary(ir.OpSext, 32, 1, Unknown())
	require.Zero(t, n.UMax()>>32)
	require.Equal(t, int32(-128), n.SMin32())
	require.Equal(t, int32(127), n.SMax32())
}

func TestSignExtensionOfAnUnsignedRange(t *testing.T) {
	require.Equal(t, SBytes(1), Unary(ir.OpSext, 64, 1, Between(100, 200)), "127 and -128 are neighbours only modulo 256")
	require.Equal(t, Between(100, 120), Unary(ir.OpSext, 64, 1, Between(100, 120)))
	require.Equal(t, SBetween(-56, -46), Unary(ir.OpSext, 64, 1, Between(200, 210)))
	require.Equal(t, SBetween(-4, 7), Unary(ir.OpSext, 64, 4, Unary(ir.OpMov, 32, 4, SBetween(-4, 7))))
	require.Equal(t, SBetween(-128, 127), SBytes(1))
	require.Equal(t, SBetween(math.MinInt32, math.MaxInt32), SBytes(4))
	require.Equal(t, Unknown(), SBytes(8))
	require.Equal(t, Between(0, 0xffff), Bytes(2))
}

// Sign and zero extension as old compilers write them.
func TestShiftPairs(t *testing.T) {
	n := SBetween(-4, 7)
	w := Unary(ir.OpMov, 32, 4, n)
	up := Binary(ir.OpLsh, 64, w, Const(32))
	require.Equal(t, n, Binary(ir.OpArsh, 64, up, Const(32)))
	require.Equal(t, w, Binary(ir.OpRsh, 64, up, Const(32)))
	x := refined(t, isa.LT, true, 32, Unknown(), Const(10))
	require.Equal(t, Between(0, 9), Binary(ir.OpRsh, 64, Binary(ir.OpLsh, 64, x, Const(32)), Const(32)))
}

// What programs rely on.
func TestUsualDeductions(t *testing.T) {
	u := Unknown()
	require.Equal(t, Between(0, 255), Binary(ir.OpAnd, 64, u, Const(255)))
	require.Equal(t, "[0,252] & 0xfc", Binary(ir.OpAnd, 64, u, Const(0xfc)).String())
	require.Equal(t, Between(3, 9), Binary(ir.OpAnd, 64, Between(3, 9), Const(255)))
	require.Equal(t, Between(0, 9), Binary(ir.OpAnd, 64, Bytes(2), Between(0, 9)))
	require.Equal(t, Between(1, 256), Binary(ir.OpAdd, 64, Bytes(1), Const(1)))
	require.Equal(t, SBetween(-1, 254), Binary(ir.OpSub, 64, Bytes(1), Const(1)))
	require.Equal(t, SBetween(-1, 254), Binary(ir.OpAdd, 64, Bytes(1), Const(minusOne)))
	require.Equal(t, "[0,60] & 0x3c", Binary(ir.OpLsh, 64, Between(0, 15), Const(2)).String())
	require.Equal(t, uint64(120), Binary(ir.OpMul, 64, Between(0, 10), Const(12)).UMax())
	require.Equal(t, SBetween(-7, 4), Unary(ir.OpNeg, 64, 8, SBetween(-4, 7)))
	require.Equal(t, Const(0x3412), Unary(ir.OpBswap, 64, 2, Const(0x1234)))
	require.Equal(t, Bytes(2), Unary(ir.OpBswap, 64, 2, u))
	require.Equal(t, Between(0, 0xffff), Unary(ir.OpZext, 64, 2, u))

	require.Equal(t, Between(1, 255), refined(t, isa.NE, true, 64, Bytes(1), Const(0)))
	require.Equal(t, Between(0, 254), refined(t, isa.EQ, false, 64, Bytes(1), Const(255)))
	require.Equal(t, Between(1, minusOne), refined(t, isa.EQ, false, 64, u, Const(0)))
	require.Equal(t, u, refined(t, isa.EQ, false, 64, u, Const(77)))
	require.Equal(t, Between(1, math.MaxUint32), refined(t, isa.NE, true, 32, Bytes(4), Const(0)))
	_, _, ok := Refine(isa.NE, true, 64, Const(4), Const(4))
	require.False(t, ok)

	require.Equal(t, Between(0, 9), refined(t, isa.LT, true, 64, u, Const(10)))
	require.Equal(t, SBetween(math.MinInt64, 9), refined(t, isa.SLT, true, 64, u, Const(10)))
	require.Equal(t, Between(0, 9), refined(t, isa.SLT, true, 64, refined(t, isa.SGE, true, 64, u, Const(0)), Const(10)))
	require.Equal(t, SBetween(-4, 9), refined(t, isa.SLT, true, 64, refined(t, isa.SGT, true, 64, u, Const(minusOne-4)), Const(10)))
	_, upper, ok := Refine(isa.LT, true, 64, Between(5, 20), Between(0, 30))
	require.True(t, ok)
	require.Equal(t, Between(6, 30), upper)
	_, _, ok = Refine(isa.LT, true, 64, u, Const(0))
	require.False(t, ok)

	require.Equal(t, "[0,0xfffffffffffffff7] & 0xfffffffffffffff7", refined(t, isa.SET, false, 64, u, Const(8)).String())
	require.Equal(t, "[8,255] & (0x8; 0xf7)", refined(t, isa.SET, true, 64, Bytes(1), Const(8)).String())
	require.Equal(t, Between(1, 255), refined(t, isa.SET, true, 64, Bytes(1), Const(255)))
	require.Equal(t, Const(0), refined(t, isa.SET, false, 64, Bytes(1), Const(255)))

	// A 32-bit value that was sign-extended and is not negative, as the kernel's reg_bounds_sync finds.
	s := refined(t, isa.SGE, true, 32, SBytes(4), Const(0))
	require.Equal(t, Between(0, math.MaxInt32), s)
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		n    Num
		want string
	}{
		{Const(42), "42"},
		{Const(minusOne), "-1"},
		{Const(1 << 40), "0x10000000000"},
		{Unknown(), "?"},
		{Bytes(1), "[0,255]"},
		{Bytes(4), "[0,0xffffffff]"},
		{SBetween(-4, 7), "[-4,7]"},
		{SBetween(-8, -2), "[-8,-2]"},
		{Between(1, minusOne), "[1,0xffffffffffffffff]"},
		{Binary(ir.OpAnd, 64, Unknown(), Const(0xfffc)), "[0,65532] & 0xfffc"},
		{Binary(ir.OpAnd, 64, SBetween(-4, 7), Const(minusOne&^1)), "[-4,6] & 0xfffffffffffffffe"},
		{refined(t, isa.LT, true, 32, Unknown(), Const(10)), "[0,0xffffffff00000009] & 0xffffffff0000000f low [0,9]"},
		{Between(52, 50), "!=51"},
		{Between(100, 50), "![51,99]"},
	} {
		require.Equal(t, c.want, c.n.String())
	}
}

func TestUnknownOperations(t *testing.T) {
	require.Equal(t, Unknown(), Binary(ir.OpLoad, 64, Const(1), Const(2)))
	require.Equal(t, Unknown(), Binary(ir.OpBr, 32, Const(1), Const(2)))
	require.Equal(t, Unknown(), Unary(ir.OpAdd, 64, 8, Const(1)))
	a, b, ok := Refine(isa.Cond(99), true, 64, Const(1), Const(2))
	require.True(t, ok && a == Const(1) && b == Const(2))
	_, known := Decide(isa.NoCond, 64, Const(1), Const(2))
	require.False(t, known)
}

func TestNothingIsAllocated(t *testing.T) {
	x, y := Between(0, 1000), Bytes(2)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for _, op := range binaryOps {
			Binary(op, 64, x, y)
			Binary(op, 32, x, y)
		}
		for _, cond := range conds {
			Refine(cond, true, 64, x, y)
			Decide(cond, 32, x, y)
		}
		Join(x, y)
		Meet(x, y)
		Widen(y, x, nil)
		Unary(ir.OpSext, 64, 1, x)
	}))
}
