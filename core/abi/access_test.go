package abi_test

import (
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sample has one field of each sort.
func sample() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "sample", Size: 48, Fields: []abi.Field{
		{Name: "whole", Offset: 0, Size: 4},
		{Name: "narrow", Offset: 4, Size: 4, Narrow: true, Access: abi.ReadWrite},
		{Name: "cb", Offset: 8, Size: 12, Unit: 4, Narrow: true, NarrowWrite: true, Wide: 8, Access: abi.ReadWrite},
		{Name: "first", Offset: 20, Size: 4, NarrowFirst: true},
		{Name: "long", Offset: 24, Size: 8},
		{Name: "sink", Offset: 32, Size: 4, Access: abi.WriteOnly},
		{Name: "port", Offset: 36, Size: 2, Narrow: true},
		{Name: "port4", Offset: 36, Size: 4},
	}}
}

func TestAccess(t *testing.T) {
	c := sample()
	for _, row := range []struct {
		off   int64
		size  uint8
		write bool
		field string
		err   string
	}{
		{0, 4, false, "whole", ""},
		{0, 4, true, "", "read-only"},
		{0, 2, false, "", "takes a load of 4 bytes"},
		{0, 8, false, "", "takes a load of 4 bytes"},
		{2, 4, false, "", "not aligned"},
		{4, 4, true, "narrow", ""},
		{5, 1, false, "narrow", ""},
		{6, 2, false, "narrow", ""},
		{5, 2, false, "", "not aligned"},
		{5, 1, true, "", "takes a store of 4 bytes"},
		{8, 8, true, "cb", ""},
		{8, 8, false, "cb", ""},
		{16, 8, false, "", "takes a load of 4 bytes"}, // would reach into the next field
		{12, 8, false, "", "not aligned"},
		{9, 1, true, "cb", ""},
		{20, 1, false, "first", ""},
		{20, 2, false, "first", ""},
		{21, 1, false, "", "takes a load of 4 bytes"},
		{24, 8, false, "long", ""},
		{24, 4, false, "", "takes a load of 8 bytes"},
		{32, 4, true, "sink", ""},
		{32, 4, false, "", "write-only"},
		{36, 4, false, "port4", ""},
		{36, 2, false, "port", ""},
		{37, 1, false, "port", ""},
		{38, 2, false, "", "takes a load of 4 bytes"},
		{40, 4, false, "", "no field"},
		{44, 8, false, "", "outside struct sample"},
		{-4, 4, false, "", "outside struct sample"},
	} {
		f, err := c.Access(row.off, row.size, row.write)
		if row.err != "" {
			require.ErrorContains(t, err, row.err, "%+v", row)
			require.Nil(t, f, "%+v", row)
			continue
		}
		require.NoError(t, err, "%+v", row)
		require.Equal(t, row.field, f.Name, "%+v", row)
	}
}

func TestAccessToMemory(t *testing.T) {
	c := abi.Context{Kind: abi.CtxMemory, Name: "keys", Size: 6, Fields: []abi.Field{{Name: "a", Offset: 0, Size: 2}}}
	f, err := c.Access(1, 2, true)
	require.NoError(t, err)
	require.Equal(t, "a", f.Name)
	f, err = c.Access(4, 2, false)
	require.NoError(t, err)
	require.Nil(t, f)
	_, err = c.Access(4, 4, false)
	require.ErrorContains(t, err, "outside struct keys")
}

// An access that is allowed lies inside its field, and a wider view of a field never hides a narrower one.
func TestAccessStaysInside(t *testing.T) {
	c := sample()
	rapid.Check(t, func(t *rapid.T) {
		off := rapid.Int64Range(-16, 64).Draw(t, "offset")
		size := rapid.SampledFrom([]uint8{1, 2, 4, 8}).Draw(t, "size")
		f, err := c.Access(off, size, rapid.Bool().Draw(t, "write"))
		if err == nil {
			require.GreaterOrEqual(t, off, int64(f.Offset))
			require.LessOrEqual(t, off+int64(size), int64(f.Offset+f.Size))
			require.Zero(t, off%int64(size))
		}
	})
}

func TestAccessOverflows(t *testing.T) {
	c := sample()
	for _, off := range []int64{1<<63 - 1, -1 << 63, 1 << 32} {
		_, err := c.Access(off, 8, false)
		require.ErrorContains(t, err, "outside")
	}
}
