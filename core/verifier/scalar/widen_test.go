package scalar

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// chains finds the longest chain of widenings.
type chains struct {
	*universe
	t     *testing.T
	stops []uint64
	index map[Num]int
	depth []int // by Num; -1: on the current chain
}

func (c *chains) longest(i int) int {
	if d := c.depth[i]; d != 0 {
		require.Positive(c.t, d, "a chain of widenings comes back to %#v", c.nums[i])
		return d
	}
	c.depth[i] = -1
	best, seen := 1, map[int]bool{i: true}
	for j, next := range c.nums {
		w := c.widenOf(c.nums[i], next, c.stops)
		k, ok := c.index[w]
		if !ok || !c.has(w, c.values[i]|c.values[j]) || !c.within(&next, &w) {
			c.t.Fatalf("%#v, %#v → %#v", c.nums[i], next, w)
		}
		if !seen[k] {
			seen[k] = true
			best = max(best, 1+c.longest(k))
		}
	}
	c.depth[i] = best
	return best
}

func TestWidenEndsAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	sets := [][]uint64{{5, 11}}
	if long() {
		sets = append(sets, nil, []uint64{1}, []uint64{2, 6, 13})
	}
	for _, stops := range sets {
		c := &chains{universe: u, t: t, stops: stops, index: map[Num]int{}, depth: make([]int, len(u.nums))}
		for i, n := range u.nums {
			c.index[n] = i
		}
		longest := 0
		for i := range u.nums {
			longest = max(longest, c.longest(i))
		}
		require.LessOrEqual(t, longest, 12+2*len(stops))
	}
}

func TestWidenChains(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		stops := rapid.SliceOfN(rapid.Custom(value), 0, 8).Draw(t, "stops")
		n, steps := num().Draw(t, "start"), 0
		for range 200 {
			next := num().Draw(t, "next")
			w := Widen(n, next, stops)
			require.True(t, n.Within(w), "%v %v → %v", n, next, w)
			require.True(t, next.Within(w), "%v %v → %v", n, next, w)
			if w != n {
				steps++
			}
			n = w
		}
		require.Less(t, steps, 24+4*len(stops))
	})
}

func TestWidenStopsAtConstants(t *testing.T) {
	t.Parallel()
	counter := Widen(Const(0), Join(Const(0), Const(1)), []uint64{99, 1000})
	require.Equal(t, Between(0, 99), counter)
	require.Equal(t, counter, Widen(counter, Between(1, 99), []uint64{99, 1000}), "stable")
	require.Equal(t, Between(0, 1000), Widen(counter, Between(0, 100), []uint64{99, 1000}))

	require.Equal(t, "[0,96] & 0x7c", Widen(Const(0), Const(4), []uint64{99}).String(), "the step is kept")
	require.Equal(t, SBetween(-100, 50), Widen(Between(0, 50), SBetween(-1, 50), []uint64{1<<64 - 100}), "downwards")
	require.Equal(t, Between(0, 1<<31-1), Widen(Const(0), Const(1), nil), "the limits of 32 bits")
	require.Equal(t, Between(0, 50), Widen(Const(50), Const(49), nil), "down to zero")
}
