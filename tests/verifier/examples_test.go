package verifier

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// TestExamplesAreProved: every program that a newcomer meets first is accepted under strict, in few steps.
func TestExamplesAreProved(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.o")
	require.NoError(t, err)
	require.Greater(t, len(files), 5)
	for _, file := range files {
		o, err := builtin.ReadFile(context.Background(), file, builtin.ReadOptions{})
		require.NoError(t, err)
		reports, err := sdk.Verify(o, sdk.Options{Set: builtin.Linux()})
		require.NoError(t, err)
		for _, r := range reports {
			require.Nil(t, r.Err, "%s: %s: %+v", file, r.Name, r.Err)
			require.Less(t, r.Stats.Processed, 10_000, "%s: %s", file, r.Name)
		}
	}
}
