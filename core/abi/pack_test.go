package abi

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func packed() *Context {
	return &Context{Kind: CtxStruct, Name: "s", Size: 56, Fields: []Field{
		{Name: "word", Size: 4},
		{Name: "half", Offset: 4, Size: 2},
		{Name: "half", Offset: 4, Size: 4}, // the same field as older programs declare it
		{Name: "data", Offset: 8, Size: 4, Kind: FieldPacketStart},
		{Name: "level", Offset: 12, Size: 4, Signed: true},
		{Name: "cb", Offset: 16, Size: 12, Unit: 4},
		{Name: "name", Offset: 28, Size: 4, Unit: 1},
		{Name: "time", Offset: 32, Size: 8},
		{Name: "sk", Offset: 40, Size: 8, Kind: FieldPointer, Struct: "t"},
		{Name: "low", Offset: 48, Size: 4, Unit: 2},
		{Name: "low", Offset: 48, Size: 4},
	}}
}

func TestPackPutsFieldsAtTheirPlaces(t *testing.T) {
	type port uint16
	got, err := packed().Pack(map[string]any{
		"word": port(0x1234), "half": 0x00020001, "level": -2, "cb": []any{1, uint32(0xfffffffe)}, "name": [2]byte{7, 8}, "time": ^uint64(0), "low": int8(3),
	})
	require.NoError(t, err)
	require.Equal(t, []byte{
		0x34, 0x12, 0, 0, 1, 0, 2, 0, // word half
		0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, // data level
		1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 7, 8, 0, 0, // cb name
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // time
		0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, // sk low
	}, got)
}

func TestPackRefuses(t *testing.T) {
	for want, fields := range map[string]map[string]any{
		`struct s has no field "mark" that programs of this type see; it has word, half, level, cb, name, time, low`: {"mark": 1, "word": 2, "zone": 3},
		"field data of struct s is a pointer, which each run sets":                                                   {"data": 1},
		"field sk of struct s is a pointer, which each run sets":                                                     {"sk": 1},
		"field word of struct s: 4294967296 does not fit 4 bytes":                                                    {"word": 1 << 32},
		"field word of struct s: -2147483649 does not fit 4 bytes":                                                   {"word": -1<<31 - 1},
		"field word of struct s: a string is no integer":                                                             {"word": "1"},
		"field word of struct s: a float64 is no integer":                                                            {"word": 1.0},
		"field word of struct s: a nil is no integer":                                                                {"word": nil},
		"field word of struct s: a []int is no number":                                                               {"word": []int{1}},
		"field cb of struct s: a int is no list of 3 numbers, nor their bytes":                                       {"cb": 1},
		"field cb of struct s: a list of 4 elements of 4 bytes is given, the field has 12 bytes":                     {"cb": make([]int, 4)},
		"field cb of struct s: element 1: -2147483649 does not fit 4 bytes":                                          {"cb": []int64{0, -1<<31 - 1}},
		"field name of struct s: a list of 5 elements of 1 bytes is given, the field has 4 bytes":                    {"name": make([]byte, 5)},
		"field time of struct s: a list of 9 elements of 1 bytes is given, the field has 8 bytes":                    {"time": make([]byte, 9)},
		"field cb of struct s: element 1: a nil is no integer":                                                       {"cb": []any{1, nil}},
		"field cb of struct s: element 0: a bool is no integer":                                                      {"cb": []any{true}},
	} {
		_, err := packed().Pack(fields)
		require.EqualError(t, err, want)
	}
}

func TestUnpackIsTheReverse(t *testing.T) {
	c := packed()
	b, err := c.Pack(map[string]any{"word": 5, "level": -1, "cb": []int{1, 2, 3}, "name": []byte("abcd")})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"word": uint64(5), "half": uint64(0), "level": int64(-1), "cb": []uint64{1, 2, 3}, "name": []byte("abcd"), "time": uint64(0), "low": uint64(0),
	}, c.Unpack(b))
	require.NotContains(t, c.Unpack(b[:20]), "cb", "a field that is cut off")
	require.Contains(t, c.Unpack(b[:28]), "cb")

	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.Byte(), int(c.Size), int(c.Size)).Draw(t, "bytes")
		for _, f := range c.Fields {
			if f.Kind != FieldScalar {
				clear(in[f.Offset:][:f.Size])
			}
		}
		clear(in[52:]) // no field
		out, err := c.Pack(c.Unpack(in))
		require.NoError(t, err)
		require.Equal(t, in, out)
	})
}
