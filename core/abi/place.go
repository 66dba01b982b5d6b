package abi

// The host's form of a structure, which compiled programs read and helpers change:
//
//	│ what programs see, Size bytes │ an address for each narrow packet pointer │ Private │
//
// Both forms have a field at the same place, but for pointers into the packet of less than 8 bytes (__u32 data):
// their addresses have places of 8 bytes behind the rest, in the order of the fields.

// addressSize is the size of an address in the host's form.
const addressSize = 8

// narrow reports whether the host's form has the field elsewhere.
func (f *Field) narrow() bool {
	switch f.Kind {
	case FieldPacketStart, FieldPacketEnd, FieldPacketMeta:
		return f.Size < addressSize
	}
	return false
}

// Place is the offset and size of field i in the host's form.
func (c *Context) Place(i int) (off, size uint32) {
	f := &c.Fields[i]
	if !f.narrow() {
		return f.Offset, f.Size
	}
	at := alignAddress(c.Size)
	for j := range c.Fields[:i] {
		if c.Fields[j].narrow() {
			at += addressSize
		}
	}
	return at, addressSize
}

// PrivateAt is where the private bytes of the host's form begin.
func (c *Context) PrivateAt() uint32 {
	at := alignAddress(c.Size)
	for i := range c.Fields {
		if c.Fields[i].narrow() {
			at += addressSize
		}
	}
	return at
}

// HostSize is the size of the host's form in bytes.
func (c *Context) HostSize() uint32 { return c.PrivateAt() + alignAddress(c.Private) }

func alignAddress(n uint32) uint32 { return (n + addressSize - 1) &^ (addressSize - 1) }
