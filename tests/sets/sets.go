// Package sets tests what the built-in helper sets declare together: their C
// header, and what the running kernel says of who may call what.
package sets

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// Merged is the sets of Linux's program types and what they share.
func Merged(t testing.TB) *abi.Set {
	s, err := abi.Merge(builtin.Base(), builtin.Networking(), builtin.Tracing())
	require.NoError(t, err)
	return s
}
