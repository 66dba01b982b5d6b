package elf

import (
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpfc/bpfc/core/obj"
)

// The types of maps and data as people see them. What BTF describes in a way that has no form here is bytes.

// maxShown bounds the members and names that are described in one object. What is beyond is bytes.
const maxShown = 100_000

// noteTypes notes the types of the map that is appended next.
func (f *file) noteTypes(d *mapDef) {
	var t obj.MapTypes
	if d.key != nil {
		t.Key = f.show(d.key, 0)
	}
	if d.value != nil {
		t.Value = f.show(d.value, 0)
	}
	for len(f.mapTypes) < len(f.maps) {
		f.mapTypes = append(f.mapTypes, obj.MapTypes{})
	}
	f.mapTypes = append(f.mapTypes, t)
}

// dataTypes are the types of the variables of all data, nil if none is known.
func (f *file) dataTypes() [][]*obj.Type {
	if f.types == nil {
		return nil
	}
	all := make([][]*obj.Type, len(f.data))
	for i := range f.data {
		d := &f.data[i]
		members, err := f.types.members(d.Name)
		if err != nil {
			continue // compilers of C write no BTF for sections of constants of their own
		}
		all[i] = make([]*obj.Type, len(d.Symbols))
		for j := range d.Symbols {
			t := typeOfVar(members, d.Symbols[j].Name)
			if t == nil {
				continue
			}
			if shown := f.show(t, 0); shown.Size == d.Symbols[j].Size {
				all[i][j] = shown
			}
		}
	}
	return all
}

// show is a type as people see it.
func (f *file) show(t btf.Type, depth int) *obj.Type {
	t = btf.UnderlyingType(t)
	if known := f.shown[t]; known != nil {
		return known
	}
	out := &obj.Type{}
	size, err := btf.Sizeof(t)
	if err != nil || size < 0 || size > maxData {
		return out
	}
	out.Size = uint32(size)
	if depth <= maxNesting && len(f.shown) < maxShown {
		f.shape(out, t, depth)
	}
	if f.shown == nil {
		f.shown = map[btf.Type]*obj.Type{}
	}
	f.shown[t] = out
	return out
}

// shape completes a type that has its size.
func (f *file) shape(out *obj.Type, t btf.Type, depth int) {
	switch t := t.(type) {
	case *btf.Int:
		out.Kind = intKind(t)
	case *btf.Pointer:
		out.Kind = obj.TypeUnsigned
	case *btf.Enum:
		out.Kind = obj.TypeEnum
		if t.Signed {
			out.Kind = obj.TypeSignedEnum
		}
		f.members += len(t.Values)
		for _, v := range t.Values[:min(len(t.Values), maxShown)] {
			out.Names = append(out.Names, obj.EnumName{Name: clean(v.Name), Value: v.Value})
		}
	case *btf.Array:
		f.shapeArray(out, t, depth)
	case *btf.Struct:
		if members, ok := f.membersOf(t.Members, 0, depth); ok && ordered(members, t.Size) {
			out.Kind, out.Members = obj.TypeStruct, members
		}
	}
}

func intKind(t *btf.Int) obj.TypeKind {
	switch {
	case t.Size > 8:
		return obj.TypeBytes
	case t.Encoding&btf.Bool != 0:
		return obj.TypeBool
	case t.Encoding&btf.Signed != 0:
		return obj.TypeSigned
	}
	return obj.TypeUnsigned
}

// shapeArray describes an array: of char it is text, of other bytes bytes.
func (f *file) shapeArray(out *obj.Type, t *btf.Array, depth int) {
	elem := f.show(t.Type, depth+1)
	i, isInt := btf.UnderlyingType(t.Type).(*btf.Int)
	switch {
	case out.Size == 0 || elem.Size == 0:
	case isInt && i.Name == "char":
		out.Kind = obj.TypeText
	case isInt && elem.Size == 1 && elem.Kind == obj.TypeUnsigned:
	default:
		out.Kind, out.Elem, out.Count = obj.TypeArray, elem, t.Nelems
	}
}

// membersOf lists members whose structure begins at a bit. Those of a structure without a name are its owner's.
func (f *file) membersOf(members []btf.Member, base uint32, depth int) (out []obj.Member, ok bool) {
	for _, m := range members {
		if f.members++; f.members > maxMembers || depth > maxNesting {
			return nil, false
		}
		at := base + uint32(m.Offset)
		inner, nested := btf.UnderlyingType(m.Type).(*btf.Struct)
		if nested && m.Name == "" {
			more, ok := f.membersOf(inner.Members, at, depth+1)
			if !ok {
				return nil, false
			}
			out = append(out, more...)
			continue
		}
		out = append(out, obj.Member{Name: shownName(&m), Type: f.show(m.Type, depth+1), Offset: at, Bits: uint32(m.BitfieldSize)})
	}
	return out, true
}

// shownName is the name of a member; that of a union without one is made of its members' names.
func shownName(m *btf.Member) string {
	u, ok := btf.UnderlyingType(m.Type).(*btf.Union)
	if m.Name != "" || !ok {
		return clean(m.Name)
	}
	var names []string
	for _, inner := range u.Members {
		names = append(names, clean(inner.Name))
	}
	return strings.Join(names, "|")
}

// ordered reports whether each member has a name of its own and a place of its own inside a structure of size bytes.
func ordered(members []obj.Member, size uint32) bool {
	names, end := map[string]bool{}, uint64(0)
	for _, m := range members {
		bits := uint64(m.Bits)
		if bits == 0 {
			bits = 8 * uint64(m.Type.Size)
		}
		plain := m.Bits == 0 && m.Offset%8 == 0 || m.Bits > 0 && m.Bits <= 64 && number64(m.Type)
		if names[m.Name] || uint64(m.Offset) < end || !plain {
			return false
		}
		names[m.Name], end = true, uint64(m.Offset)+bits
	}
	return end <= 8*uint64(size)
}

// number64 reports whether a type may be that of a bit field.
func number64(t *obj.Type) bool {
	switch t.Kind {
	case obj.TypeUnsigned, obj.TypeSigned, obj.TypeBool, obj.TypeEnum, obj.TypeSignedEnum:
		return t.Size <= 8
	}
	return false
}
