// Package dropmon tests the tracing filter in both of its forms: go test ./examples/dropmon
package dropmon

import (
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// TestCounts: each place has a count of its own, which begins at 1.
func TestCounts(t *testing.T) {
	for _, name := range []string{"dropmon.o", "2014/dropmon.s"} {
		object, err := builtin.ReadFile(t.Context(), name, builtin.ReadOptions{})
		require.NoError(t, err)
		c, err := sdk.LoadCollection(t.Context(), object, builtin.Interp(), sdk.Options{Set: builtin.Linux()})
		require.NoError(t, err)
		p := c.Programs["dropmon"]
		for _, place := range []uint64{7, 1 << 40, 7, 7} {
			ctx, err := p.Context(map[string]any{"arg2": place})
			require.NoError(t, err)
			out, err := p.RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{Ctx: ctx}}})
			require.NoError(t, err)
			require.Zero(t, out.Results[0].Ret)
		}
		for place, want := range map[uint64]uint64{7: 3, 1 << 40: 1} {
			var count uint64
			require.NoError(t, c.Maps["drops"].Lookup(place, &count))
			require.Equal(t, want, count, name)
		}
		require.NoError(t, c.Close())
	}
}
