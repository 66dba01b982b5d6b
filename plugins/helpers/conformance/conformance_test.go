package conformance_test

import (
	"encoding/hex"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/plugins/helpers/conformance"
	"github.com/stretchr/testify/require"
)

func TestHelperFiveIsIdentity(t *testing.T) {
	h := conformance.Set().HelperByID(conformance.Helper)
	require.NotNil(t, h)
	require.Equal(t, 1, h.NumArgs())
	require.Equal(t, abi.ImplBody, h.Impl)
	require.Equal(t, "bf100000000000009500000000000000", hex.EncodeToString(h.Body))
	insns, err := isa.Decode(h.Body)
	require.NoError(t, err)
	require.Equal(t, "r0 = r1", insns[0].String())
}

func TestMemMayCallIt(t *testing.T) {
	typ, ok := conformance.Set().SectionType("mem")
	require.True(t, ok)
	require.True(t, typ.MayCall(&abi.Helper{Name: "identity"}))
	require.False(t, typ.MayCall(&abi.Helper{Name: "bpf_ktime_get_ns"}))
}
