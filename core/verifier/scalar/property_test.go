package scalar

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// value draws a number, mostly near those where programs and proofs go wrong.
func value(t *rapid.T) uint64 {
	base := rapid.SampledFrom([]uint64{0, 1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32, 3 << 31, 1 << 33, 1 << 62, 1 << 63,
		1<<64 - 1<<31, 1<<64 - 1<<32}).Draw(t, "base")
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return rapid.Uint64().Draw(t, "any")
	case 1:
		return 1<<rapid.IntRange(0, 63).Draw(t, "power") + uint64(rapid.IntRange(-2, 2).Draw(t, "near"))
	}
	return base + uint64(rapid.IntRange(-9, 9).Draw(t, "near"))
}

// num draws a Num: an arc between two values, cut by a low arc and by bits that fit one value in both.
func num() *rapid.Generator[Num] {
	return rapid.Custom(func(t *rapid.T) Num {
		if rapid.IntRange(0, 5).Draw(t, "const") == 0 {
			return Const(value(t))
		}
		n, v := Unknown(), value(t)
		if rapid.Bool().Draw(t, "arc") {
			hi := value(t)
			n.Lo, n.Size = v, hi-v
		}
		if rapid.Bool().Draw(t, "low") {
			lo := uint32(value(t))
			n.Lo32, n.Size32 = lo, uint32(v)-lo
		}
		if rapid.Bool().Draw(t, "bits") {
			known := value(t)
			if rapid.Bool().Draw(t, "few") {
				known = ^known
			}
			n.Value, n.Mask = v&known, ^known
		}
		n.setFull(word{n.bits(), n.full().normal(&wide.full)})
		n.setLow(n.low().normal(&wide.half))
		require.True(t, wide.sync(&n), "%#x is in it", v)
		require.True(t, n.Contains(v))
		return n
	})
}

// member draws a value of n: one of its ends, or one that is found from a random start.
func member(t *rapid.T, n Num) uint64 {
	w := wide.whole(&n)
	switch rapid.IntRange(0, 5).Draw(t, "member") {
	case 0:
		return checked(n, w.lo, w.lo)
	case 1:
		return checked(n, wide.full.hi(w.arc), w.lo)
	}
	rng := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
	for range 20 {
		v := n.Lo + rng.Uint64()
		if n.Size != ^uint64(0) {
			v = n.Lo + rng.Uint64()%(n.Size+1)
		}
		if uint64(n.Size32) != wide.half.mask && rng.Intn(2) == 0 {
			v = v>>32<<32 | uint64(n.Lo32+rng.Uint32()%(n.Size32+1))
		}
		v = v&n.Mask | n.Value
		if n.Contains(v) {
			return v
		}
	}
	return checked(n, w.lo, w.lo)
}

// checked is v if it is in n, which nearly always holds for the ends, else other.
func checked(n Num, v, other uint64) uint64 {
	if n.Contains(v) {
		return v
	}
	return other
}

func TestBinaryProperty(t *testing.T) {
	t.Parallel()
	for _, op := range binaryOps {
		t.Run(op.String(), rapid.MakeCheck(func(t *rapid.T) {
			a, b := num().Draw(t, "a"), num().Draw(t, "b")
			wideResult, narrow := Binary(op, 64, a, b), Binary(op, 32, a, b)
			requireReduced(t, wideResult)
			requireReduced(t, narrow)
			for range 8 {
				x, y := member(t, a), member(t, b)
				if !a.Contains(x) || !b.Contains(y) {
					continue
				}
				require.True(t, wideResult.Contains(run(op, 64, x, y)), "%v %#x, %#x", wideResult, x, y)
				require.True(t, narrow.Contains(run(op, 32, x, y)), "32 bits: %v %#x, %#x", narrow, x, y)
			}
		}))
	}
}

// requireReduced fails if reducing n again changes it or finds nothing.
func requireReduced(t require.TestingT, n Num) {
	again := n
	require.True(t, wide.sync(&again), "%#v", n)
	require.Equal(t, n, again)
}

func TestUnaryProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := num().Draw(t, "a")
		x := member(t, a)
		for _, op := range unaryOps {
			for _, size := range []uint8{1, 2, 4, 8} {
				for _, width := range []uint8{32, 64} {
					if width == 32 && (size > 4 || op == ir.OpZext || op == ir.OpBswap) {
						continue
					}
					got := Unary(op, width, size, a)
					requireReduced(t, got)
					want := runUnary(op, 64, uint64(width), 8, size, x)
					require.True(t, got.Contains(want), "%v %d %d: %v of %#x", op, width, size, got, x)
				}
			}
		}
	})
}

func TestConditionsProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := num().Draw(t, "a"), num().Draw(t, "b")
		cond := rapid.SampledFrom(conds).Draw(t, "cond")
		width := rapid.SampledFrom([]uint8{32, 64}).Draw(t, "width")
		for range 8 {
			requireCond(t, cond, width, a, b, member(t, a), member(t, b))
		}
	})
}

// requireCond checks Decide and Refine with one pair of values.
func requireCond(t require.TestingT, cond isa.Cond, width uint8, a, b Num, x, y uint64) {
	want := holds(cond, uint64(width), x, y)
	taken, known := Decide(cond, width, a, b)
	require.True(t, !known || taken == want, "%s %d: %v, %v: %#x, %#x", condNames[cond], width, a, b, x, y)
	ra, rb, ok := Refine(cond, want, width, a, b)
	require.True(t, ok && ra.Contains(x) && rb.Contains(y), "%s is %v at %d: %v, %v → %v, %v: %#x, %#x", condNames[cond], want, width, a, b, ra, rb, x, y)
	requireReduced(t, ra)
	requireReduced(t, rb)
}

func TestLatticeProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := num().Draw(t, "a"), num().Draw(t, "b")
		x := member(t, a)
		j := Join(a, b)
		require.True(t, j.Contains(x) && a.Within(j) && b.Within(j), "%v, %v → %v", a, b, j)
		require.Equal(t, j, Join(b, a))
		m, ok := Meet(a, b)
		require.Equal(t, b.Contains(x) && a.Contains(x), b.Contains(x) && ok && m.Contains(x), "%v, %v → %v", a, b, m)
		if a.Within(b) {
			require.True(t, b.Contains(x), "%v in %v", a, b)
		}
		require.True(t, a.UMin() <= x && x <= a.UMax() && a.SMin() <= int64(x) && int64(x) <= a.SMax(), "%v %#x", a, x)
		low := uint32(x)
		require.True(t, a.UMin32() <= low && low <= a.UMax32() && a.SMin32() <= int32(low) && int32(low) <= a.SMax32(), "%v %#x", a, x)
	})
}
