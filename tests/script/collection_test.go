package script

import (
	"testing"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// TestCollectionsAreFilled: what the object puts into maps of programs is there for programs loaded from Go too.
func TestCollectionsAreFilled(t *testing.T) {
	object, err := builtin.ReadFile(t.Context(), "objects/kinds.o", builtin.ReadOptions{})
	require.NoError(t, err)
	c, err := sdk.LoadCollection(t.Context(), object, builtin.Interp(), sdk.Options{Set: builtin.Linux()})
	require.NoError(t, err)
	defer c.Close()
	out, err := c.Programs["start"].RunBatch(t.Context(), sdk.Batch{Inputs: []sdk.Input{{Mem: make([]byte, 64)}}})
	require.NoError(t, err)
	require.EqualValues(t, 3, out.Results[0].Ret, "pass has run: start alone returns 0")
}
