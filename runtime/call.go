package runtime

import (
	"errors"
	"unsafe"

	"github.com/bpfc/bpfc/core/codegen"
)

// errEnd ends a run of which a helper has said the result.
var errEnd = errors.New("the run was ended by a helper")

// call is a worker as the Go helpers of its run see it.
type call Worker

var _ codegen.Call = (*call)(nil)

// CPU is the number of the worker's virtual CPU.
func (c *call) CPU() int { return c.cpu }

// Entry describes the program whose code runs.
func (c *call) Entry() *codegen.EntryInfo { return c.running.info }

// Context is the host's form of the context.
func (c *call) Context() []byte {
	if c.bound.layout == nil {
		return nil
	}
	return c.context[:c.bound.layout.size]
}

// Packet is the packet of the run.
func (c *call) Packet() codegen.Packet {
	if c.bound.layout == nil || !c.bound.layout.packet {
		return nil
	}
	return (*packet)(c)
}

// Bytes is memory of the run, in place: see codegen.Call.
func (c *call) Bytes(addr, n uint64, write bool) []byte {
	if n == 0 {
		return []byte{}
	}
	p := (*Worker)(c).reach(addr, n, write)
	if p == nil {
		return nil
	}
	return unsafe.Slice((*byte)(p), n)
}

// Word is 4 bytes of the run's memory for atomic operations: see codegen.Call.
func (c *call) Word(addr uint64) *uint32 {
	if addr%4 != 0 {
		return nil
	}
	return (*uint32)((*Worker)(c).reach(addr, 4, true))
}

// reach is the n bytes at addr, 0 < n, that the run may read or write; nil if they are not all in one piece of its memory.
func (w *Worker) reach(addr, n uint64, write bool) unsafe.Pointer {
	if p := w.mem.within(addr, n, write); p != nil {
		return p
	}
	return w.beyond(addr, n)
}

// beyond is memory that the run may reach though it is no region: the context, objects of the runtime.
func (w *Worker) beyond(addr, n uint64) unsafe.Pointer {
	if l := w.bound.layout; l != nil {
		if off := addr - w.contextAddr; off < uint64(l.size) && n <= uint64(l.size)-off {
			return unsafe.Pointer(&w.context[off])
		}
	}
	if size := uint64(len(w.hook.outer)); size != 0 {
		if off := addr - w.hook.outerAddr; off < size && n <= size-off {
			return unsafe.Pointer(&w.hook.outer[off])
		}
	}
	return w.runtime.objects.find(addr, n)
}

// Record adds to what the run leaves behind.
func (c *call) Record(r codegen.Record) bool {
	if len(c.records) >= codegen.MaxRecords {
		c.lost++
		return false
	}
	r.CPU = c.cpu
	c.records = append(c.records, r)
	return true
}

// End ends the run when the helper returns.
func (c *call) End(ret uint64) { c.ended, c.result = true, ret }

// Fail ends the run when the helper returns, without a result.
func (c *call) Fail(err error) { c.ended, c.result, c.failure = true, 0, err }

// takeFailure is why a helper has ended the run, nil if none has done so with an error.
func (w *Worker) takeFailure() error {
	err := w.failure
	w.failure = nil
	return err
}

// Map is the map whose address programs pass.
func (c *call) Map(addr uint64) codegen.Map { return c.runtime.mapAt(addr) }

// MapAt is a map of the program's object.
func (c *call) MapAt(i int) codegen.Map {
	if list := c.running.unit.image.MapAddrs; i >= 0 && i < len(list) {
		return c.runtime.mapAt(list[i])
	}
	return nil
}

// within is the n bytes at addr, nil if they are not inside one region (or write one that is read-only).
func (m *Mem) within(addr, n uint64, write bool) unsafe.Pointer {
	for i := range m.region[:m.used] {
		r := &m.region[i]
		if off := addr - r.base; off < r.n1 && n <= r.n1-off && (r.writable || !write) {
			return unsafe.Add(r.ptr, off)
		}
	}
	return nil
}
