package base

import (
	"encoding/binary"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) ringTable() table {
	return table{
		"bpf_perf_event_output":      s.perfOutput,
		"bpf_ringbuf_output":         s.ringOutput,
		"bpf_ringbuf_reserve":        s.ringReserve,
		"bpf_ringbuf_submit":         s.ringSubmit,
		"bpf_ringbuf_discard":        s.ringDiscard,
		"bpf_ringbuf_query":          s.ringQuery,
		"bpf_ringbuf_reserve_dynptr": s.ringReserveDynptr,
		"bpf_ringbuf_submit_dynptr":  s.ringSubmitDynptr,
		"bpf_ringbuf_discard_dynptr": s.ringDiscardDynptr,
	}
}

// ringOf is the ring buffer at an address, nil if it is none.
func ringOf(c codegen.Call, addr uint64) codegen.Ring {
	r, _ := c.Map(addr).(codegen.Ring)
	return r
}

// wakeFlags is BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP, which change nothing here: readers do not sleep (include/uapi/linux/bpf.h).
const wakeFlags = 1 | 2

// ringOutput is bpf_ringbuf_output (kernel/bpf/ringbuf.c, Linux 6.18).
func (s *session) ringOutput(c codegen.Call, ring, data, size, flags, _ uint64) uint64 {
	r := ringOf(c, ring)
	if r == nil || flags&^wakeFlags != 0 {
		return codegen.EINVAL.Ret()
	}
	b, err := bytesAt(c, data, size)
	if err != codegen.OK {
		return err.Ret()
	}
	return r.Output(b).Ret()
}

// bytesAt is size bytes at an address, which are empty without looking at the address if size is 0.
func bytesAt(c codegen.Call, addr, size uint64) ([]byte, codegen.Errno) {
	if size == 0 {
		return nil, codegen.OK
	}
	if b := c.Bytes(addr, size, false); b != nil {
		return b, codegen.OK
	}
	return nil, codegen.EFAULT
}

// reserve makes room for a record and notes whose it is.
func (s *session) reserve(c codegen.Call, ring, size uint64) uint64 {
	const maxRecord = 1<<32 - 1>>2 // RINGBUF_MAX_RECORD_SZ, kernel/bpf/ringbuf.c, Linux 6.18
	r := ringOf(c, ring)
	if r == nil || size > maxRecord {
		return 0
	}
	record := r.Reserve(size)
	if record == 0 {
		return 0
	}
	u := s.cpu(c)
	if u.records == nil {
		u.records = map[uint64]uint64{}
	}
	u.records[record] = ring
	return record
}

func (s *session) ringReserve(c codegen.Call, ring, size, flags, _, _ uint64) uint64 {
	if flags != 0 {
		return 0
	}
	return s.reserve(c, ring, size)
}

// commit ends the reservation of a record in a ring.
func commit(c codegen.Call, ring, record uint64, discard bool) {
	if r := ringOf(c, ring); r != nil {
		r.Commit(record, discard)
	}
}

// end ends the reservation of a record of this run.
func (s *session) end(c codegen.Call, record uint64, discard bool) {
	u := s.cpu(c)
	if ring, found := u.records[record]; found {
		delete(u.records, record)
		commit(c, ring, record, discard)
	}
}

func (s *session) ringSubmit(c codegen.Call, record, _, _, _, _ uint64) uint64 {
	s.end(c, record, false)
	return 0
}

func (s *session) ringDiscard(c codegen.Call, record, _, _, _, _ uint64) uint64 {
	s.end(c, record, true)
	return 0
}

// ringQuery is bpf_ringbuf_query (kernel/bpf/ringbuf.c, Linux 6.18): a question that it does not know has the answer 0.
func (s *session) ringQuery(c codegen.Call, ring, what, _, _, _ uint64) uint64 {
	const lastQuestion = 3 // BPF_RB_PROD_POS, include/uapi/linux/bpf.h
	r := ringOf(c, ring)
	if r == nil || what > lastQuestion {
		return 0
	}
	return r.Query(what)
}

// ringReserveDynptr is bpf_ringbuf_reserve_dynptr (kernel/bpf/ringbuf.c, Linux 6.18). The dynptr is null if it fails.
func (s *session) ringReserveDynptr(c codegen.Call, ring, size, flags, dynptr, _ uint64) uint64 {
	place := c.Bytes(dynptr, codegen.DynptrBytes, true)
	if place == nil {
		return codegen.EFAULT.Ret()
	}
	size = uint64(uint32(size))
	d, err := codegen.Dynptr{}, codegen.EINVAL
	switch {
	case flags != 0:
	case size > codegen.MaxDynptr:
		err = codegen.E2BIG
	default:
		if record := s.reserve(c, ring, size); record != 0 {
			d, err = codegen.Dynptr{Data: record, Size: uint32(size), Kind: abi.DynptrRecord}, codegen.OK
		}
	}
	d.Put(place)
	return err.Ret()
}

func (s *session) ringSubmitDynptr(c codegen.Call, dynptr, _, _, _, _ uint64) uint64 {
	return s.endDynptr(c, dynptr, false)
}

func (s *session) ringDiscardDynptr(c codegen.Call, dynptr, _, _, _, _ uint64) uint64 {
	return s.endDynptr(c, dynptr, true)
}

// endDynptr ends the reservation that a dynptr leads to, and makes it null.
func (s *session) endDynptr(c codegen.Call, dynptr uint64, discard bool) uint64 {
	if place := c.Bytes(dynptr, codegen.DynptrBytes, true); place != nil {
		s.end(c, codegen.GetDynptr(place).Data, discard)
		codegen.Dynptr{}.Put(place)
	}
	return 0
}

// Flags of bpf_perf_event_output (include/uapi/linux/bpf.h): the index, and how many bytes of the packet follow the data.
const (
	indexMask   = 1<<32 - 1
	currentCPU  = indexMask
	lengthShift = 32
	lengthMask  = (1<<20 - 1) << lengthShift
)

// perfOutput is bpf_perf_event_output for all types (kernel/trace/bpf_trace.c), for those with a packet
// bpf_skb_event_output and bpf_xdp_event_output (net/core/filter.c, Linux 6.18). Every CPU has a reader.
func (s *session) perfOutput(c codegen.Call, _, table, flags, data, size uint64) uint64 {
	m := c.Map(table)
	if m == nil {
		return codegen.EINVAL.Ret()
	}
	tail, err := packetTail(c, flags)
	if err != codegen.OK {
		return err.Ret()
	}
	index, err := eventIndex(c, m, flags)
	if err != codegen.OK {
		return err.Ret()
	}
	b, err := bytesAt(c, data, size)
	if err != codegen.OK {
		return err.Ret()
	}
	key := binary.LittleEndian.AppendUint32(nil, index)
	if !c.Record(codegen.Record{Helper: "bpf_perf_event_output", Map: m.Spec().Name, Key: key, Data: slices.Concat(b, tail), CPU: c.CPU()}) {
		return codegen.ENOSPC.Ret()
	}
	return 0
}

// packetTail is the bytes of the packet that the flags ask for.
func packetTail(c codegen.Call, flags uint64) ([]byte, codegen.Errno) {
	p := c.Packet()
	n := flags & lengthMask >> lengthShift
	switch {
	case flags&^(indexMask|lengthMask) != 0 || p == nil && n != 0:
		return nil, codegen.EINVAL
	case n == 0:
		return nil, codegen.OK
	case n > uint64(len(p.Bytes())):
		return nil, codegen.EFAULT
	}
	return p.Bytes()[:n], codegen.OK
}

// eventIndex is the index of a map of perf events that the flags name: that of another CPU has an event that is not
// on this one (__bpf_perf_event_output, kernel/trace/bpf_trace.c, Linux 6.18). Without a size the map has an event for each CPU.
func eventIndex(c codegen.Call, m codegen.Map, flags uint64) (uint32, codegen.Errno) {
	index := uint32(flags & indexMask)
	if index == currentCPU {
		index = uint32(c.CPU())
	}
	switch n := m.Spec().MaxEntries; {
	case n != 0 && index >= n:
		return 0, codegen.E2BIG
	case index != uint32(c.CPU()):
		return 0, codegen.EOPNOTSUPP
	}
	return index, codegen.OK
}
