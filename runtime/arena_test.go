package runtime

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newTestArena(t testing.TB, size uintptr) *arena {
	a, err := newArena(size, reserve)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.close()) })
	return a
}

func TestArenaReservesLessWhereItMust(t *testing.T) {
	limited := func(most uintptr) func(uintptr) (unsafe.Pointer, error) {
		return func(n uintptr) (unsafe.Pointer, error) {
			if n > most {
				return nil, errors.New("no")
			}
			return reserve(n)
		}
	}
	a, err := newArena(reserveDefault, limited(100<<20))
	require.NoError(t, err)
	require.Equal(t, uintptr(64<<20), a.size)
	require.NoError(t, a.close())
	_, err = newArena(reserveDefault, limited(reserveMinimum-1))
	require.EqualError(t, err, "reserving 16777216 bytes of address space: no; is it limited (ulimit -v)?")
}

func TestArenaIsFull(t *testing.T) {
	a := newTestArena(t, reserveMinimum)
	all, err := a.alloc(a.size)
	require.NoError(t, err)
	_, err = a.alloc(1)
	require.ErrorIs(t, err, errFull)
	require.NoError(t, a.dealloc(all))
	_, err = a.alloc(a.size + 1)
	require.ErrorIs(t, err, errFull)
	_, err = a.alloc(^uintptr(0))
	require.ErrorIs(t, err, errFull)
}

func TestArenaPagesAreZeroAgain(t *testing.T) {
	a := newTestArena(t, reserveMinimum)
	for range 2 {
		s, err := a.alloc(3 * a.page)
		require.NoError(t, err)
		require.NoError(t, a.protect(s, protWrite))
		b := a.bytes(s)
		require.Zero(t, b[a.page])
		b[a.page] = 1
		require.NoError(t, a.dealloc(s))
	}
}

// TestArena allocates and frees at random: spans do not overlap, and all that is free is one span in the end.
func TestArena(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, err := newArena(reserveMinimum, reserve)
		require.NoError(t, err)
		defer a.close()
		var live []span
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(live) > 0 && rapid.Bool().Draw(t, "free") {
				i := rapid.IntRange(0, len(live)-1).Draw(t, "which")
				require.NoError(t, a.dealloc(live[i]))
				live = append(live[:i], live[i+1:]...)
				continue
			}
			s, err := a.alloc(uintptr(rapid.IntRange(1, 1<<20).Draw(t, "bytes")))
			require.NoError(t, err)
			for _, o := range live {
				require.True(t, s.end() <= o.off || o.end() <= s.off, "%v overlaps %v", s, o)
			}
			live = append(live, s)
		}
		for _, s := range live {
			require.NoError(t, a.dealloc(s))
		}
		require.Equal(t, []span{{0, a.size}}, a.free)
	})
}
