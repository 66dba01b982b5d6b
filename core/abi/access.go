package abi

import "fmt"

// Access returns the field that an access of size bytes (1, 2, 4 or 8) at a byte
// offset leads to, and which allows it. The error says for people why none does.
// A CtxMemory structure allows every access inside it; the field is then the one
// that holds the first byte, nil if no field names it.
func (c *Context) Access(off int64, size uint8, write bool) (*Field, error) {
	verb := "load"
	if write {
		verb = "store"
	}
	if off < 0 || off > int64(c.Size)-int64(size) {
		return nil, fmt.Errorf("a %s of %d bytes at offset %d is outside struct %s, which has %d bytes", verb, size, off, c.Name, c.Size)
	}
	at, n := uint32(off), uint32(size)
	if c.Kind == CtxMemory {
		return c.fieldAt(at, func(*Field) bool { return true }), nil
	}
	if f := c.fieldAt(at, func(f *Field) bool { return f.allows(at, n, write) }); f != nil {
		return f, nil
	}
	return nil, c.refusal(verb, at, n, write)
}

// fieldAt returns the first field that holds the byte at an offset and that suits, nil if none does.
func (c *Context) fieldAt(at uint32, suits func(*Field) bool) *Field {
	for i := range c.Fields {
		f := &c.Fields[i]
		if at >= f.Offset && at-f.Offset < f.Size && suits(f) {
			return f
		}
	}
	return nil
}

// open reports whether the field may be loaded, or stored to, at all.
func (f *Field) open(write bool) bool {
	if write {
		return f.Access != ReadOnly
	}
	return f.Access != WriteOnly
}

// unit is the size of the access that the field is meant for.
func (f *Field) unit() uint32 {
	if f.Unit != 0 {
		return f.Unit
	}
	return f.Size
}

// allows reports whether an access of n bytes at an offset inside the field is legal.
func (f *Field) allows(at, n uint32, write bool) bool {
	rel, unit := at-f.Offset, f.unit()
	switch {
	case !f.open(write) || n == 0 || at%n != 0 || rel+n > f.Size:
		return false
	case n == unit:
		return rel%unit == 0
	case n > unit:
		return n == f.Wide
	case write:
		return f.NarrowWrite
	default:
		return f.Narrow || f.NarrowFirst && rel == 0
	}
}

// refusal says why no field allows an access inside the structure.
func (c *Context) refusal(verb string, at, n uint32, write bool) error {
	f := c.fieldAt(at, func(*Field) bool { return true })
	switch {
	case f == nil:
		return fmt.Errorf("a %s of %d bytes at offset %d of struct %s: there is no field that programs of this type may use", verb, n, at, c.Name)
	case c.fieldAt(at, func(f *Field) bool { return f.open(write) }) == nil && write:
		return fmt.Errorf("field %s of struct %s (offset %d) is read-only for programs of this type", f.Name, c.Name, f.Offset)
	case c.fieldAt(at, func(f *Field) bool { return f.open(write) }) == nil:
		return fmt.Errorf("field %s of struct %s (offset %d) is write-only for programs of this type", f.Name, c.Name, f.Offset)
	case at%n != 0:
		return fmt.Errorf("a %s of %d bytes at offset %d of struct %s is not aligned to its size", verb, n, at, c.Name)
	default:
		return fmt.Errorf("a %s of %d bytes at offset %d of struct %s: field %s (offset %d) takes a %s of %d bytes", verb, n, at, c.Name, f.Name, f.Offset, verb, f.unit())
	}
}
