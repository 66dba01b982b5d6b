package elf

import (
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
)

// A size of a key that does not fit its 32 bits is refused, not cut off.
func TestHugeKey(t *testing.T) {
	key := &btf.Array{Index: &btf.Int{Size: 4}, Type: &btf.Int{Size: 8}, Nelems: 1 << 29}
	def := &btf.Struct{Members: []btf.Member{
		{Name: "type", Type: &btf.Pointer{Target: &btf.Array{Type: &btf.Int{Size: 4}, Nelems: 2}}},
		{Name: "key", Type: &btf.Pointer{Target: key}},
	}}
	_, err := define("m", def)
	require.NotNil(t, err)
	require.Equal(t, CodeMap, err.Code)
	require.Contains(t, err.Msg, "4294967296 bytes")

	key.Nelems = 1
	d, err := define("m", def)
	require.Nil(t, err)
	require.EqualValues(t, 8, d.spec.KeySize)
}
