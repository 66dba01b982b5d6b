package runtime

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// turns runs a loop that never ends by itself and returns the turns allowed, at most limit.
func turns(fuel, limit int64) int64 {
	var b Budget
	counter := b.Start(fuel)
	for n := int64(0); ; n++ {
		counter--
		if counter >= 0 {
			if n == limit {
				return n
			}
			continue
		}
		var ok bool
		if counter, ok = b.Refill(); !ok || n == limit {
			return n
		}
	}
}

func TestBudgetIsExact(t *testing.T) {
	for _, fuel := range []int64{0, 1, 2, SliceTurns - 1, SliceTurns, SliceTurns + 1, 2*SliceTurns - 1, 2 * SliceTurns, 3*SliceTurns + 7} {
		require.Equal(t, fuel, turns(fuel, 1<<40), "fuel %d", fuel)
	}
	require.EqualValues(t, 10*SliceTurns, turns(-1, 10*SliceTurns), "no limit")
}

func TestBudgetIsExactForAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fuel := rapid.Int64Range(0, 5*SliceTurns).Draw(t, "fuel")
		if got := turns(fuel, 1<<40); got != fuel {
			t.Fatalf("fuel %d allows %d turns", fuel, got)
		}
	})
}

func TestSliceShrinksWithTheTurn(t *testing.T) {
	for turn, want := range map[uint32]int64{0: SliceTurns, 1: SliceTurns, 64: SliceTurns, 128: SliceTurns / 2, 1 << 20: 16, 1<<32 - 1: 1} {
		require.Equal(t, want, sliceOf(turn), "turn of %d", turn)
	}
	b := Budget{slice: 16}
	turns, slice, ok := int64(0), b.Start(50), true
	for ; ok; slice, ok = b.Refill() {
		require.LessOrEqual(t, slice, int64(16))
		if turns > 0 {
			turns++ // the turn that found the slice used up
		}
		turns += slice
	}
	require.Equal(t, int64(50), turns, "a budget is exact whatever the slice")
}
