package sdktest

import (
	"testing"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/stretchr/testify/require"
)

// The oracle is compared with values worked out by hand.
func TestArith(t *testing.T) {
	const minInt64, minInt32 = 0x8000000000000000, 0x80000000
	for _, c := range []struct {
		op    isa.Arith
		width uint
		a, b  uint64
		want  uint64
	}{
		{isa.Add, 64, 0xffffffffffffffff, 2, 1},
		{isa.Add, 32, 0x1ffffffff, 2, 1},
		{isa.Sub, 64, 0, 1, 0xffffffffffffffff},
		{isa.Sub, 32, 0, 1, 0xffffffff},
		{isa.Mul, 64, 0x100000001, 0x100000001, 0x200000001},
		{isa.Div, 64, 0xffffffffffffffff, 2, 0x7fffffffffffffff},
		{isa.Div, 64, 5, 0, 0},
		{isa.Div, 32, 0x500000006, 0x100000002, 3},
		{isa.Div, 32, 5, 0x100000000, 0},
		{isa.SDiv, 64, 0xfffffffffffffff9, 2, 0xfffffffffffffffd},
		{isa.SDiv, 64, minInt64, 0xffffffffffffffff, minInt64},
		{isa.SDiv, 32, minInt32, 0xffffffff, minInt32},
		{isa.SDiv, 64, 5, 0, 0},
		{isa.Mod, 64, 5, 0, 5},
		{isa.Mod, 32, 0x700000005, 0, 5},
		{isa.SMod, 64, 0xfffffffffffffff9, 2, 0xffffffffffffffff},
		{isa.SMod, 64, minInt64, 0xffffffffffffffff, 0},
		{isa.SMod, 32, 0x1fffffff9, 2, 0xffffffff},
		{isa.SMod, 32, 0x1fffffff9, 0, 0xfffffff9},
		{isa.Lsh, 64, 1, 65, 2},
		{isa.Lsh, 32, 1, 33, 2},
		{isa.Rsh, 32, 0xf80000000, 31, 1},
		{isa.Arsh, 64, minInt64, 63, 0xffffffffffffffff},
		{isa.Arsh, 32, minInt32, 31, 0xffffffff},
		{isa.Mov, 32, 0, 0xffffffff80000000, 0x80000000},
	} {
		require.Equal(t, c.want, arith(c.op, c.width, c.a, c.b), "%#x %v%d %#x", c.a, c.op, c.width, c.b)
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		cond  isa.Cond
		width uint
		a, b  uint64
		want  bool
	}{
		{isa.GT, 64, 0xffffffffffffffff, 1, true},
		{isa.SGT, 64, 0xffffffffffffffff, 1, false},
		{isa.SLT, 32, 0x80000000, 0x7fffffff, true},
		{isa.LT, 32, 0x80000000, 0x7fffffff, false},
		{isa.EQ, 32, 0x100000001, 1, true},
		{isa.EQ, 64, 0x100000001, 1, false},
		{isa.SET, 32, 0x100000000, 0x100000000, false},
		{isa.SET, 64, 0x100000000, 0x100000000, true},
		{isa.GE, 64, 3, 3, true},
		{isa.SLE, 64, 3, 3, true},
	} {
		require.Equal(t, c.want, compare(c.cond, c.width, c.a, c.b), "%#x %v%d %#x", c.a, c.cond, c.width, c.b)
	}
}

func TestExtendAndReverse(t *testing.T) {
	require.Equal(t, uint64(0xffffffffffffff80), extend(64, 1, 0x180))
	require.Equal(t, uint64(0xffff8000), extend(32, 2, 0x18000))
	require.Equal(t, uint64(0x3412), reverse(2, 0xaa1234))
	require.Equal(t, uint64(0xefcdab8967452301), reverse(8, 0x0123456789abcdef))
}
