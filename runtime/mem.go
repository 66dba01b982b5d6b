package runtime

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/bpfc/bpfc/core/ir"
)

// Mem is the memory that a run may reach: its regions, by the fixed indexes of
// package ir. Every access is checked against them. A region predicted right
// costs one comparison; a wrong prediction, which any index may be, costs a search.
//
// A Mem belongs to one worker. The memory behind it may be shared with others.
type Mem struct {
	region  [ir.MaxRegions]region
	used    int // regions in use are below
	guarded int // guards look from here on
	worker  *Worker
	// split serialises atomic operations that the hardware would not do in one access.
	split *sync.Mutex
}

// region is one region, 64 bytes. An access of S bytes at a is inside iff
// a - base < nS (unsigned), nS = max(0, size - S + 1).
type region struct {
	base           uint64
	n1, n2, n4, n8 uint64
	ptr            unsafe.Pointer // at base
	writable       bool
}

// set makes the region size bytes at p.
func (r *region) set(p unsafe.Pointer, size uint64, writable bool) {
	r.base, r.n1, r.n2, r.n4, r.n8 = uint64(uintptr(p)), size, within(size, 2), within(size, 4), within(size, 8)
	r.ptr, r.writable = p, writable
}

// bind forgets all regions; the first n are going to be set, of which guards look at those from first on.
func (m *Mem) bind(first, n int) {
	clear(m.region[:m.used])
	m.guarded, m.used = first, n
}

// within is the number of offsets at which an access of s bytes is inside size bytes.
func within(size, s uint64) uint64 {
	if size < s {
		return 0
	}
	return size - s + 1
}

func (r *region) limit(size uint8) uint64 {
	switch size {
	case 1:
		return r.n1
	case 2:
		return r.n2
	case 4:
		return r.n4
	case 8:
		return r.n8
	}
	return 0
}

// find returns the region of an access, from index first on, nil if it is in
// none (or writes one that is read-only).
func (m *Mem) find(first int, addr uint64, size uint8, write bool) *region {
	for i := first; i < m.used; i++ {
		r := &m.region[i]
		if addr-r.base < r.limit(size) && (r.writable || !write) {
			return r
		}
	}
	return nil
}

// at returns the address of an access as a pointer, nil if it is not allowed.
func (m *Mem) at(hint int, addr uint64, size uint8, write bool) unsafe.Pointer {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base >= r.limit(size) || write && !r.writable {
		return m.search(addr, size, write)
	}
	return unsafe.Add(r.ptr, addr-r.base)
}

// search is at without a prediction. Behind the regions follows what a program reaches without guards.
func (m *Mem) search(addr uint64, size uint8, write bool) unsafe.Pointer {
	if r := m.find(0, addr, size, write); r != nil {
		return unsafe.Add(r.ptr, addr-r.base)
	}
	if m.worker == nil {
		return nil
	}
	return m.worker.beyond(addr, uint64(size))
}

// Check is what a guard does: it reports whether the access is allowed. Size is
// 1, 2, 4 or 8 bytes; hint is the region predicted. The stack of a program that
// lets none of its addresses out is no region for guards.
func (m *Mem) Check(hint int, addr uint64, size uint8, write bool) bool {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if hint != ir.RegionStack && addr-r.base < r.limit(size) && (r.writable || !write) {
		return true
	}
	return m.find(m.guarded, addr, size, write) != nil
}

// Load loads Size (1, 2, 4 or 8) bytes, zero-extended.
func (m *Mem) Load(hint int, addr uint64, size uint8) (v uint64, ok bool) {
	switch size {
	case 1:
		return m.Load8(hint, addr)
	case 2:
		return m.Load16(hint, addr)
	case 4:
		return m.Load32(hint, addr)
	case 8:
		return m.Load64(hint, addr)
	}
	return 0, false
}

// Store stores the low size (1, 2, 4 or 8) bytes of v.
func (m *Mem) Store(hint int, addr uint64, size uint8, v uint64) (ok bool) {
	switch size {
	case 1:
		return m.Store8(hint, addr, v)
	case 2:
		return m.Store16(hint, addr, v)
	case 4:
		return m.Store32(hint, addr, v)
	case 8:
		return m.Store64(hint, addr, v)
	}
	return false
}

// Load8 loads one byte.
func (m *Mem) Load8(hint int, addr uint64) (uint64, bool) {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n1 {
		return uint64(*(*uint8)(unsafe.Add(r.ptr, addr-r.base))), true
	}
	return m.loadAny(addr, 1)
}

// Load16 loads two bytes.
func (m *Mem) Load16(hint int, addr uint64) (uint64, bool) {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n2 {
		return uint64(*(*uint16)(unsafe.Add(r.ptr, addr-r.base))), true
	}
	return m.loadAny(addr, 2)
}

// Load32 loads four bytes.
func (m *Mem) Load32(hint int, addr uint64) (uint64, bool) {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n4 {
		return uint64(*(*uint32)(unsafe.Add(r.ptr, addr-r.base))), true
	}
	return m.loadAny(addr, 4)
}

// Load64 loads eight bytes.
func (m *Mem) Load64(hint int, addr uint64) (uint64, bool) {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n8 {
		return *(*uint64)(unsafe.Add(r.ptr, addr-r.base)), true
	}
	return m.loadAny(addr, 8)
}

func (m *Mem) loadAny(addr uint64, size uint8) (uint64, bool) {
	p := m.search(addr, size, false)
	if p == nil {
		return 0, false
	}
	switch size {
	case 1:
		return uint64(*(*uint8)(p)), true
	case 2:
		return uint64(*(*uint16)(p)), true
	case 4:
		return uint64(*(*uint32)(p)), true
	}
	return *(*uint64)(p), true
}

// Store8 stores one byte.
func (m *Mem) Store8(hint int, addr, v uint64) bool {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n1 && r.writable {
		*(*uint8)(unsafe.Add(r.ptr, addr-r.base)) = uint8(v)
		return true
	}
	return m.storeAny(addr, 1, v)
}

// Store16 stores two bytes.
func (m *Mem) Store16(hint int, addr, v uint64) bool {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n2 && r.writable {
		*(*uint16)(unsafe.Add(r.ptr, addr-r.base)) = uint16(v)
		return true
	}
	return m.storeAny(addr, 2, v)
}

// Store32 stores four bytes.
func (m *Mem) Store32(hint int, addr, v uint64) bool {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n4 && r.writable {
		*(*uint32)(unsafe.Add(r.ptr, addr-r.base)) = uint32(v)
		return true
	}
	return m.storeAny(addr, 4, v)
}

// Store64 stores eight bytes.
func (m *Mem) Store64(hint int, addr, v uint64) bool {
	r := &m.region[hint&(ir.MaxRegions-1)]
	if addr-r.base < r.n8 && r.writable {
		*(*uint64)(unsafe.Add(r.ptr, addr-r.base)) = v
		return true
	}
	return m.storeAny(addr, 8, v)
}

func (m *Mem) storeAny(addr uint64, size uint8, v uint64) bool {
	p := m.search(addr, size, true)
	if p == nil {
		return false
	}
	switch size {
	case 1:
		*(*uint8)(p) = uint8(v)
	case 2:
		*(*uint16)(p) = uint16(v)
	case 4:
		*(*uint32)(p) = uint32(v)
	default:
		*(*uint64)(p) = v
	}
	return true
}

// Zero zeroes n bytes, which must all be in one writable region.
func (m *Mem) Zero(addr, n uint64) bool {
	if n == 0 {
		return true
	}
	for i := range m.region[:m.used] {
		r := &m.region[i]
		if off := addr - r.base; off < r.n1 && n <= r.n1-off && r.writable {
			clear(unsafe.Slice((*byte)(unsafe.Add(r.ptr, off)), n))
			return true
		}
	}
	return false
}

// Atomic does the atomic operation op (ir.OpAtomicAdd to ir.OpAtomicCmpXchg) on
// size (4 or 8) bytes with operand a, and returns the old value, zero-extended.
// expect is the value that cmpxchg compares with. It is sequentially consistent.
// At an address that is not a multiple of size it is atomic only towards other
// such operations of the same runtime.
func (m *Mem) Atomic(op ir.Op, hint int, addr uint64, size uint8, a, expect uint64) (old uint64, ok bool) {
	if size != 4 && size != 8 {
		return 0, false
	}
	p := m.at(hint, addr, size, true)
	if p == nil {
		return 0, false
	}
	if addr&uint64(size-1) != 0 {
		return m.atomicSplit(op, p, size, a, expect)
	}
	if size == 4 {
		return atomic32(op, (*uint32)(p), uint32(a), uint32(expect))
	}
	return atomic64(op, (*uint64)(p), a, expect)
}

func atomic32(op ir.Op, p *uint32, a, expect uint32) (uint64, bool) {
	switch op {
	case ir.OpAtomicAdd:
		return uint64(atomic.AddUint32(p, a) - a), true
	case ir.OpAtomicOr:
		return uint64(atomic.OrUint32(p, a)), true
	case ir.OpAtomicAnd:
		return uint64(atomic.AndUint32(p, a)), true
	case ir.OpAtomicXchg:
		return uint64(atomic.SwapUint32(p, a)), true
	}
	for {
		old := atomic.LoadUint32(p)
		v, ok := combine(op, uint64(old), uint64(a), uint64(expect))
		if !ok || atomic.CompareAndSwapUint32(p, old, uint32(v)) {
			return uint64(old), ok
		}
	}
}

func atomic64(op ir.Op, p *uint64, a, expect uint64) (uint64, bool) {
	switch op {
	case ir.OpAtomicAdd:
		return atomic.AddUint64(p, a) - a, true
	case ir.OpAtomicOr:
		return atomic.OrUint64(p, a), true
	case ir.OpAtomicAnd:
		return atomic.AndUint64(p, a), true
	case ir.OpAtomicXchg:
		return atomic.SwapUint64(p, a), true
	}
	for {
		old := atomic.LoadUint64(p)
		v, ok := combine(op, old, a, expect)
		if !ok || atomic.CompareAndSwapUint64(p, old, v) {
			return old, ok
		}
	}
}

// combine is the value that op leaves in memory that holds old.
func combine(op ir.Op, old, a, expect uint64) (v uint64, ok bool) {
	switch op {
	case ir.OpAtomicAdd:
		return old + a, true
	case ir.OpAtomicOr:
		return old | a, true
	case ir.OpAtomicAnd:
		return old & a, true
	case ir.OpAtomicXor:
		return old ^ a, true
	case ir.OpAtomicXchg:
		return a, true
	case ir.OpAtomicCmpXchg:
		if old == expect {
			return a, true
		}
		return old, true
	}
	return 0, false
}

func (m *Mem) atomicSplit(op ir.Op, p unsafe.Pointer, size uint8, a, expect uint64) (uint64, bool) {
	m.split.Lock()
	defer m.split.Unlock()
	if size == 4 {
		q := (*uint32)(p)
		old := uint64(*q)
		v, ok := combine(op, old, a, expect&0xffffffff)
		*q = uint32(v)
		return old, ok
	}
	q := (*uint64)(p)
	old := *q
	v, ok := combine(op, old, a, expect)
	*q = v
	return old, ok
}

// LoadAcquire is Load, ordered before every access that follows it.
func (m *Mem) LoadAcquire(hint int, addr uint64, size uint8) (v uint64, ok bool) {
	if size < 4 || size > 8 || addr&uint64(size-1) != 0 {
		v, ok = m.Load(hint, addr, size)
		m.fence()
		return v, ok
	}
	p := m.at(hint, addr, size, false)
	switch {
	case p == nil:
		return 0, false
	case size == 4:
		return uint64(atomic.LoadUint32((*uint32)(p))), true
	}
	return atomic.LoadUint64((*uint64)(p)), true
}

// StoreRelease is Store, ordered after every access that precedes it.
func (m *Mem) StoreRelease(hint int, addr uint64, size uint8, v uint64) (ok bool) {
	if size < 4 || size > 8 || addr&uint64(size-1) != 0 {
		m.fence()
		return m.Store(hint, addr, size, v)
	}
	p := m.at(hint, addr, size, true)
	switch {
	case p == nil:
		return false
	case size == 4:
		atomic.StoreUint32((*uint32)(p), uint32(v))
	default:
		atomic.StoreUint64((*uint64)(p), v)
	}
	return true
}

// fence is a full barrier: an atomic read-modify-write of a word of its own.
func (m *Mem) fence() {
	var word atomic.Uint32
	word.Add(1)
}
