package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/obj"
)

// drawType makes a type of at most 64 bytes, and so deep.
func drawType(t *rapid.T, depth int) *obj.Type {
	kinds := []obj.TypeKind{obj.TypeBytes, obj.TypeUnsigned, obj.TypeSigned, obj.TypeBool, obj.TypeText, obj.TypeEnum, obj.TypeSignedEnum}
	if depth > 0 {
		kinds = append(kinds, obj.TypeArray, obj.TypeStruct)
	}
	out := &obj.Type{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Size: rapid.SampledFrom([]uint32{1, 2, 4, 8}).Draw(t, "size")}
	switch out.Kind {
	case obj.TypeBool:
		out.Size = 1
	case obj.TypeEnum, obj.TypeSignedEnum:
		out.Names = []obj.EnumName{{Name: "ONE", Value: 1}, {Name: "LAST", Value: 1<<64 - 1}}
	case obj.TypeArray:
		out.Elem, out.Count = drawType(t, depth-1), rapid.Uint32Range(1, 3).Draw(t, "count")
		out.Size = out.Elem.Size * out.Count
	case obj.TypeStruct:
		out.Size = 0
		for i := range rapid.IntRange(1, 3).Draw(t, "members") {
			m := obj.Member{Name: string(rune('a' + i)), Type: drawType(t, depth-1), Offset: 8 * out.Size}
			if m.Type.Kind == obj.TypeUnsigned || m.Type.Kind == obj.TypeSigned {
				m.Bits = rapid.Uint32Range(0, 8*m.Type.Size).Draw(t, "bits")
			}
			out.Size += m.Type.Size
			out.Members = append(out.Members, m)
		}
	}
	return out
}

// TestValuesReadBack: what is printed of any bytes of any type is read as those bytes, but for the holes between members.
func TestValuesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ := drawType(t, 2)
		b := rapid.SliceOfN(rapid.Byte(), int(typ.Size), int(typ.Size)).Draw(t, "bytes")
		text := valueJSON(typ, b)
		require.True(t, json.Valid(text), "%s", text)
		again := make([]byte, len(b))
		require.NoError(t, parseValue(typ, text, again), "%s", text)
		require.Equal(t, string(text), string(valueJSON(typ, again)))
		if !hasBits(typ) {
			require.Equal(t, b, again, "%s", text)
		}
	})
}

// hasBits reports whether a type has bit fields, beside which there may be holes.
func hasBits(t *obj.Type) bool {
	found := t.Elem != nil && hasBits(t.Elem)
	for _, m := range t.Members {
		found = found || m.Bits > 0 || hasBits(m.Type)
	}
	return found
}
