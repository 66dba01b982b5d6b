package sets

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// The header of the examples is what `bpfc plugin header base networking` prints.
func TestTheHeaderOfTheExamples(t *testing.T) {
	set, err := abi.Merge(builtin.Base(), builtin.Networking())
	require.NoError(t, err)
	committed, err := os.ReadFile("../../examples/bpf/networking.h")
	require.NoError(t, err)
	require.Equal(t, header(t, set), string(committed), "run: bpfc plugin header base networking -o examples/bpf/networking.h, and make in examples")
}
