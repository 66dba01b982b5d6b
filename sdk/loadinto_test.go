package sdk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// Programs come and go in a session that stays.
func TestLoadInto(t *testing.T) {
	backend, opts := builtin.Interp(), options
	s, err := backend.(sdk.Runner).Open(t.Context(), sdk.Spec{Set: opts.Set})
	require.NoError(t, err)
	var loaded []*sdk.Program
	for _, source := range []string{"r0 = 1\nexit\n", "r0 = 2\nexit\n"} {
		a, err := sdk.Compile(t.Context(), read(t, source), backend, opts)
		require.NoError(t, err)
		programs, err := sdk.LoadInto(t.Context(), s, a)
		require.NoError(t, err)
		require.Len(t, programs, 1)
		loaded = append(loaded, programs[0])
	}
	require.NoError(t, loaded[0].Close())
	_, err = loaded[0].Run(nil)
	require.Error(t, err, "a closed program runs")
	got, err := loaded[1].Run(nil)
	require.NoError(t, err, "the session is still open")
	require.Equal(t, uint64(2), got)
	require.NoError(t, s.Close())
	_, err = loaded[1].Run(nil)
	require.Error(t, err, "a program outlives its session")
}
