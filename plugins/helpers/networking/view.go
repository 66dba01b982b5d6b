package networking

import (
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// whole is a field that is accessed in one piece.
func whole(name string, offset, size uint32) abi.Field {
	return abi.Field{Name: name, Offset: offset, Size: size}
}

// narrow is a 4-byte field, or an array of n of them, of which parts can be loaded.
func narrow(name string, offset, n uint32) abi.Field {
	return abi.Field{Name: name, Offset: offset, Size: 4 * n, Unit: 4, Narrow: true}
}

// array is an array of n 4-byte numbers, each accessed in one piece.
func array(name string, offset, n uint32) abi.Field {
	return abi.Field{Name: name, Offset: offset, Size: 4 * n, Unit: 4}
}

// low is a 4-byte field of which the first bytes can be loaded too.
func low(name string, offset uint32) abi.Field {
	return abi.Field{Name: name, Offset: offset, Size: 4, NarrowFirst: true}
}

// signed is the field as a number with a sign.
func signed(f abi.Field) abi.Field {
	f.Signed = true
	return f
}

// packet is a pointer into the packet; of 4 bytes in the contexts that are
// older than 64-bit fields.
func packet(name string, kind abi.FieldKind, offset, size uint32) abi.Field {
	return abi.Field{Name: name, Kind: kind, Offset: offset, Size: size}
}

// pointer is an 8-byte pointer to a structure of the set.
func pointer(name string, offset uint32, to string) abi.Field {
	return abi.Field{Name: name, Kind: abi.FieldPointer, Offset: offset, Size: 8, Struct: to}
}

// orNull is a pointer that may be null.
func orNull(name string, offset uint32, to string) abi.Field {
	f := pointer(name, offset, to)
	f.OrNull = true
	return f
}

// without returns the context without the fields of a list of names, separated by spaces.
func without(c abi.Context, names string) abi.Context {
	drop := strings.Fields(names)
	c.Fields = slices.DeleteFunc(slices.Clone(c.Fields), func(f abi.Field) bool { return slices.Contains(drop, f.Name) })
	return c
}

// only returns the context with no other fields than those of a list of names.
func only(c abi.Context, names string) abi.Context {
	keep := strings.Fields(names)
	c.Fields = slices.DeleteFunc(slices.Clone(c.Fields), func(f abi.Field) bool { return !slices.Contains(keep, f.Name) })
	return c
}

// writable returns the context with the fields of a list of names open to stores.
func writable(c abi.Context, names string) abi.Context {
	open := strings.Fields(names)
	c.Fields = slices.Clone(c.Fields)
	for i := range c.Fields {
		if slices.Contains(open, c.Fields[i].Name) {
			c.Fields[i].Access = abi.ReadWrite
		}
	}
	return c
}
