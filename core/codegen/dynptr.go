package codegen

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/abi"
)

// DynptrBytes is the size of a dynptr on the stack (struct bpf_dynptr, include/uapi/linux/bpf.h).
const DynptrBytes = 16

// MaxDynptr is the most bytes that a dynptr leads to (DYNPTR_MAX_SIZE, kernel/bpf/helpers.c, Linux 6.18).
const MaxDynptr = 1<<24 - 1

// Dynptr is memory whose bounds are checked when the program runs. On the stack it is
//
//	 0        8                                        12        16
//	┌────────┬────────────────────────────────────────┬─────────┐
//	│ Data   │ ReadOnly:1 Kind:3 WriteFlags:4 Size:24 │ Offset  │
//	└────────┴────────────────────────────────────────┴─────────┘
//
// as the kernel has it (struct bpf_dynptr_kern, include/linux/bpf.h, Linux 6.18), but for WriteFlags. Programs cannot see into it.
type Dynptr struct {
	// Data is the address that Offset counts from; of a packet it is any number but 0. 0 makes a null dynptr.
	Data         uint64
	Size, Offset uint32
	Kind         abi.DynptrKind
	ReadOnly     bool
	// WriteFlags are the flags, below 16, that a write may be given.
	WriteFlags uint8
}

// The places in the second word.
const (
	dynptrReadOnly = 1 << 31
	dynptrKind     = 28
	dynptrFlags    = 24
)

// Put writes the dynptr to its place on the stack. A null dynptr is all zero.
func (d Dynptr) Put(b []byte) {
	if d.Data == 0 {
		d = Dynptr{}
	}
	word := d.Size&MaxDynptr | uint32(d.Kind)<<dynptrKind | uint32(d.WriteFlags)<<dynptrFlags
	if d.ReadOnly {
		word |= dynptrReadOnly
	}
	binary.LittleEndian.PutUint64(b, d.Data)
	binary.LittleEndian.PutUint32(b[8:], word)
	binary.LittleEndian.PutUint32(b[12:], d.Offset)
}

// GetDynptr reads a dynptr from its place on the stack.
func GetDynptr(b []byte) Dynptr {
	word := binary.LittleEndian.Uint32(b[8:])
	return Dynptr{
		Data: binary.LittleEndian.Uint64(b), Size: word & MaxDynptr, Offset: binary.LittleEndian.Uint32(b[12:]),
		Kind: abi.DynptrKind(word >> dynptrKind & 7), ReadOnly: word&dynptrReadOnly != 0, WriteFlags: uint8(word >> dynptrFlags & 15),
	}
}
