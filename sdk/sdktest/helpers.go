package sdktest

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/trial"
)

// helperRounds is how often TestHelpers calls each helper.
const helperRounds = 32

// TestHelpers is the suite for authors of helper sets: the set says nothing that a verifier could misunderstand, the
// bodies of its helpers verify, it describes itself the same every time, and each helper, called with arguments drawn
// at random of those its prototype allows, gives what the prototype promises. The programs run on the interpreter and,
// where it runs, as machine code. implement may be nil.
func TestHelpers(t *testing.T, set func() *abi.Set, implement codegen.Open) {
	t.Run("Description", func(t *testing.T) {
		require.NoError(t, trial.Describe(set()))
		first, err := abi.Digest(set())
		require.NoError(t, err)
		second, err := abi.Digest(set())
		require.NoError(t, err)
		require.Equal(t, first, second, "it describes itself in two ways")
	})
	for _, name := range builtin.Backends() {
		if b, _ := builtin.Backend(name); runsHere(b.Target()) {
			t.Run(name, func(t *testing.T) { callHelpers(t, set(), b, implement) })
		}
	}
}

// runsHere reports whether artifacts of the target run on this machine.
func runsHere(t codegen.Target) bool {
	return t.Arch == "" || runtime.GOOS == "linux" && runtime.GOARCH == t.Arch
}

func callHelpers(t *testing.T, set *abi.Set, b codegen.Backend, implement codegen.Open) {
	var open []codegen.Open
	if implement != nil {
		open = append(open, implement)
	}
	results, err := trial.Calls(context.Background(), set, nil, b, open, helperRounds, 1)
	require.NoError(t, err)
	for _, r := range results {
		t.Run(r.Helper, func(t *testing.T) {
			require.NoError(t, r.Err, "after %d calls", r.Calls)
			if r.Skipped != "" {
				t.Skip(r.Skipped)
			}
		})
	}
}
