package host

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

func TestMachineCodeNeedsAPinnedPlugin(t *testing.T) {
	native := &abi.Set{Helpers: []abi.Helper{{Name: "x/f", Impl: abi.ImplNative}}}
	other := &abi.Set{Helpers: []abi.Helper{{Name: "x/f", Impl: abi.ImplGo}}}
	var unsupported *codegen.UnsupportedError
	require.ErrorAs(t, Ref{Name: "bpfc-helpers-x"}.trusts(native), &unsupported)
	require.Contains(t, unsupported.Error(), "x/f")
	require.NoError(t, Ref{Name: "bpfc-helpers-x"}.trusts(other))
	require.NoError(t, Ref{Name: "bpfc-helpers-x", SHA256: "00"}.trusts(native))
	require.NoError(t, Ref{Builtin: true}.trusts(native))
}
