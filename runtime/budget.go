package runtime

import "math"

// SliceTurns is the largest number of loop turns between two returns to Go: about 1 ms.
// A turn of the yardstick programs takes 1 to 4 ns, a turn with a helper call or a
// memory access that misses the caches some ten times as much, so that a slice is
// mostly between 0.3 and 3 ms: short against the 10 ms after which Go preempts a
// goroutine, long against the 20 ns that a return costs.
const SliceTurns = 1 << 18

// sliceInsns bounds the instructions of a slice, whatever the length of a turn: in the worst
// case some 10 ms. Programs of up to 64 instructions have the full SliceTurns.
const sliceInsns = 64 * SliceTurns

// sliceOf is the slice of a program whose turns have at most so many instructions; 0 stands for not known.
func sliceOf(turn uint32) int64 {
	return max(1, min(SliceTurns, sliceInsns/max(1, int64(turn))))
}

// Budget counts the loop turns of a run, in slices. A budget of N allows exactly
// N turns, whichever code runs.
type Budget struct {
	slice int64 // the largest slice; 0 is SliceTurns
	left  int64 // turns beyond the slice that was granted
}

// granted is the next slice of a budget of so many turns.
func (b *Budget) granted(turns int64) int64 {
	if b.slice != 0 {
		return min(turns, b.slice)
	}
	return min(turns, SliceTurns)
}

// Start begins a run of fuel turns, without limit if fuel is negative, and
// returns its first slice.
func (b *Budget) Start(fuel int64) (slice int64) {
	if fuel < 0 {
		fuel = math.MaxInt64
	}
	slice = b.granted(fuel)
	b.left = fuel - slice
	return slice
}

// Refill is called when the counter has become negative, that is for a turn
// that no slice has covered. It reports whether the budget allows this turn, and
// what is left of the next slice after it.
func (b *Budget) Refill() (slice int64, ok bool) {
	if b.left == 0 {
		return 0, false
	}
	slice = b.granted(b.left)
	b.left -= slice
	return slice - 1, true
}
