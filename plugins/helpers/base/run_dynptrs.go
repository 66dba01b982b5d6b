package base

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) dynptrTable() table {
	return table{
		"bpf_dynptr_from_mem":   dynptrFromMem,
		"bpf_dynptr_read":       dynptrRead,
		"bpf_dynptr_write":      dynptrWrite,
		"bpf_dynptr_data":       dynptrData,
		"bpf_dynptr_slice":      dynptrSlice,
		"bpf_dynptr_slice_rdwr": dynptrSliceWritable,
		"bpf_dynptr_adjust":     dynptrAdjust,
		"bpf_dynptr_is_null":    dynptrIsNull,
		"bpf_dynptr_is_rdonly":  dynptrIsReadOnly,
		"bpf_dynptr_size":       dynptrSize,
	}
}

// The helpers here are those of the same names in kernel/bpf/helpers.c, Linux 6.18. Lengths and offsets have 32 bits.

// dynptrAt reads the dynptr at an address. What is none is null.
func dynptrAt(c codegen.Call, addr uint64) codegen.Dynptr {
	place := c.Bytes(addr, codegen.DynptrBytes, false)
	if place == nil {
		return codegen.Dynptr{}
	}
	return codegen.GetDynptr(place)
}

// part is n bytes of a dynptr at an offset: their address, and the bytes themselves if n is not 0.
func part(c codegen.Call, d codegen.Dynptr, offset, n uint32, write bool) (b []byte, addr uint64, err codegen.Errno) {
	if n > d.Size || offset > d.Size-n {
		return nil, 0, codegen.E2BIG
	}
	at := uint64(d.Offset) + uint64(offset)
	if d.Kind == abi.DynptrPacket {
		return packetPart(c, at, uint64(n))
	}
	if n == 0 {
		return nil, d.Data + at, codegen.OK
	}
	if b = c.Bytes(d.Data+at, uint64(n), write); b == nil {
		return nil, 0, codegen.EFAULT
	}
	return b, d.Data + at, codegen.OK
}

// packetPart is n bytes of the packet, which may have become shorter than its dynptr knows.
func packetPart(c codegen.Call, at, n uint64) (b []byte, addr uint64, err codegen.Errno) {
	p := c.Packet()
	if p == nil || at+n > uint64(len(p.Bytes())) {
		return nil, 0, codegen.EFAULT
	}
	return p.Bytes()[at : at+n], p.Address() + at, codegen.OK
}

func dynptrFromMem(c codegen.Call, data, size, flags, dynptr, _ uint64) uint64 {
	place := c.Bytes(dynptr, codegen.DynptrBytes, true)
	d, err := codegen.Dynptr{}, codegen.OK
	switch size = uint64(uint32(size)); {
	case place == nil:
		return codegen.EFAULT.Ret()
	case size > codegen.MaxDynptr:
		err = codegen.E2BIG
	case flags != 0:
		err = codegen.EINVAL
	default:
		d = codegen.Dynptr{Data: data, Size: uint32(size), Kind: abi.DynptrLocal}
	}
	d.Put(place)
	return err.Ret()
}

func dynptrRead(c codegen.Call, dst, n, dynptr, offset, flags uint64) uint64 {
	d := dynptrAt(c, dynptr)
	if d.Data == 0 || flags != 0 {
		return codegen.EINVAL.Ret()
	}
	b, _, err := part(c, d, uint32(offset), uint32(n), false)
	if err != codegen.OK {
		return err.Ret()
	}
	return move(c, dst, b, true)
}

func dynptrWrite(c codegen.Call, dynptr, offset, src, n, flags uint64) uint64 {
	d := dynptrAt(c, dynptr)
	if d.Data == 0 || d.ReadOnly {
		return codegen.EINVAL.Ret()
	}
	b, _, err := part(c, d, uint32(offset), uint32(n), true)
	switch {
	case err == codegen.E2BIG:
		return err.Ret()
	case flags&^uint64(d.WriteFlags) != 0:
		return codegen.EINVAL.Ret()
	case err != codegen.OK:
		return err.Ret()
	}
	return move(c, src, b, false)
}

// move copies between b and the program's memory of the same length, which may overlap.
func move(c codegen.Call, addr uint64, b []byte, out bool) uint64 {
	if len(b) == 0 {
		return 0
	}
	m := c.Bytes(addr, uint64(len(b)), out)
	switch {
	case m == nil:
		return codegen.EFAULT.Ret()
	case out:
		copy(m, b)
	default:
		copy(b, m)
	}
	return 0
}

// dynptrData gives an address that the program may write to: of a packet it gives none.
func dynptrData(c codegen.Call, dynptr, offset, n, _, _ uint64) uint64 {
	d := dynptrAt(c, dynptr)
	if d.Data == 0 || d.ReadOnly || d.Kind == abi.DynptrPacket {
		return 0
	}
	_, addr, _ := part(c, d, uint32(offset), uint32(n), true)
	return addr
}

// dynptrSlice never needs the buffer that the program offers: packets are in one piece.
func dynptrSlice(c codegen.Call, dynptr, offset, _, n, _ uint64) uint64 {
	d := dynptrAt(c, dynptr)
	if d.Data == 0 {
		return 0
	}
	_, addr, _ := part(c, d, uint32(offset), uint32(n), false)
	return addr
}

func dynptrSliceWritable(c codegen.Call, dynptr, offset, buffer, n, _ uint64) uint64 {
	if dynptrAt(c, dynptr).ReadOnly {
		return 0
	}
	return dynptrSlice(c, dynptr, offset, buffer, n, 0)
}

func dynptrAdjust(c codegen.Call, dynptr, start, end, _, _ uint64) uint64 {
	d, from, to := dynptrAt(c, dynptr), uint32(start), uint32(end)
	switch {
	case d.Data == 0 || from > to:
		return codegen.EINVAL.Ret()
	case to > d.Size:
		return codegen.ERANGE.Ret()
	}
	d.Offset, d.Size = d.Offset+from, to-from
	place := c.Bytes(dynptr, codegen.DynptrBytes, true)
	if place == nil {
		return codegen.EFAULT.Ret()
	}
	d.Put(place)
	return 0
}

func dynptrIsNull(c codegen.Call, dynptr, _, _, _, _ uint64) uint64 {
	return truth(dynptrAt(c, dynptr).Data == 0)
}

func dynptrIsReadOnly(c codegen.Call, dynptr, _, _, _, _ uint64) uint64 {
	return truth(dynptrAt(c, dynptr).ReadOnly)
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// dynptrSize is the size in 32 bits, as is the error that a null dynptr has instead.
func dynptrSize(c codegen.Call, dynptr, _, _, _, _ uint64) uint64 {
	d := dynptrAt(c, dynptr)
	if d.Data == 0 {
		return uint64(uint32(codegen.EINVAL.Ret()))
	}
	return uint64(d.Size)
}

func (s *session) iterTable() table {
	return table{"bpf_iter_num_new": iterNew, "bpf_iter_num_next": iterNext, "bpf_iter_num_destroy": iterDestroy}
}

// maxTurns is how many numbers an iterator has at most (BPF_MAX_LOOPS, include/linux/bpf.h, Linux 6.18).
const maxTurns = 1 << 23

// putIter writes an iterator over numbers: the last number it gave, and the end (struct bpf_iter_num_kern, kernel/bpf/bpf_iter.c, Linux 6.18).
func putIter(place []byte, last, end int32) {
	binary.LittleEndian.PutUint32(place, uint32(last))
	binary.LittleEndian.PutUint32(place[4:], uint32(end))
}

// iterNew is bpf_iter_num_new. An iterator that was refused is at its end.
func iterNew(c codegen.Call, it, start, end, _, _ uint64) uint64 {
	place := c.Bytes(it, iterNumBytes, true)
	if place == nil {
		return codegen.EFAULT.Ret()
	}
	putIter(place, 0, 0)
	from, to := int32(start), int32(end)
	switch {
	case from > to:
		return codegen.EINVAL.Ret()
	case int64(to)-int64(from) > maxTurns:
		return codegen.E2BIG.Ret()
	}
	putIter(place, from-1, to)
	return 0
}

// iterNext is bpf_iter_num_next: the number is read where the iterator keeps it.
func iterNext(c codegen.Call, it, _, _, _, _ uint64) uint64 {
	place := c.Bytes(it, iterNumBytes, true)
	if place == nil {
		return 0
	}
	next, end := int32(binary.LittleEndian.Uint32(place))+1, int32(binary.LittleEndian.Uint32(place[4:]))
	if next >= end {
		putIter(place, 0, 0)
		return 0
	}
	putIter(place, next, end)
	return it
}

// iterDestroy is bpf_iter_num_destroy.
func iterDestroy(c codegen.Call, it, _, _, _, _ uint64) uint64 {
	if place := c.Bytes(it, iterNumBytes, true); place != nil {
		putIter(place, 0, 0)
	}
	return 0
}
