package codegentest

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Map is a codegen.Map: elements in the order of their keys, and a list of values without keys. It does not know the
// kinds of maps but for what the flags of an update say: an array is a map that has all its keys from the beginning.
type Map struct {
	spec  abi.MapSpec
	home  *Home
	addr  uint64
	keys  [][]byte
	at    map[string][]uint64 // addresses of the values on each CPU
	queue [][]byte
}

// NewMap makes a map. Types of arrays have all their keys.
func (h *Home) NewMap(spec abi.MapSpec) *Map {
	m := &Map{spec: spec, home: h, addr: h.Put(nil), at: map[string][]uint64{}}
	h.maps = append(h.maps, m)
	if slices.Contains(arrays, spec.Type) {
		for i := range spec.MaxEntries {
			m.Update(binary.LittleEndian.AppendUint32(nil, i), make([]byte, spec.ValueSize), 0, codegen.AllCPUs)
		}
	}
	return m
}

// Numbers of kinds of maps (enum bpf_map_type, include/uapi/linux/bpf.h).
var (
	arrays = []uint32{abi.MapTypeArray, 6}
	perCPU = []uint32{5, 6, 10}
)

// Spec describes the map.
func (m *Map) Spec() *abi.MapSpec { return &m.spec }

// Address is the map's address.
func (m *Map) Address() uint64 { return m.addr }

// Lookup is the address of a value.
func (m *Map) Lookup(key []byte, cpu int) uint64 {
	at := m.at[string(key)]
	if at == nil {
		return 0
	}
	return at[cpu%len(at)]
}

// Get is a value, or those of all CPUs.
func (m *Map) Get(key []byte) ([]byte, codegen.Errno) {
	at := m.at[string(key)]
	if at == nil {
		return nil, codegen.ENOENT
	}
	var out []byte
	for _, a := range at {
		out = append(out, m.home.Bytes(a, uint64(m.spec.ValueSize), false)...)
	}
	return out, codegen.OK
}

// Update sets a value; AllCPUs sets it on every CPU.
func (m *Map) Update(key, value []byte, flags uint64, cpu int) codegen.Errno {
	at := m.at[string(key)]
	switch {
	case flags > 2:
		return codegen.EINVAL
	case flags == 1 && at != nil:
		return codegen.EEXIST
	case flags == 2 && at == nil:
		return codegen.ENOENT
	case at == nil && len(m.keys) >= int(m.spec.MaxEntries):
		return codegen.E2BIG
	case at == nil:
		at = m.add(slices.Clone(key))
	}
	for i, a := range at {
		if i == cpu || len(at) == 1 || cpu == codegen.AllCPUs {
			copy(m.home.Bytes(a, uint64(m.spec.ValueSize), true), value)
		}
	}
	return codegen.OK
}

// add makes an element.
func (m *Map) add(key []byte) []uint64 {
	n := 1
	if slices.Contains(perCPU, m.spec.Type) {
		n = m.home.CPUs()
	}
	for range n {
		m.at[string(key)] = append(m.at[string(key)], m.home.Put(make([]byte, m.spec.ValueSize)))
	}
	m.keys = append(m.keys, key)
	slices.SortFunc(m.keys, bytes.Compare)
	return m.at[string(key)]
}

// Delete takes an element away. Arrays keep theirs.
func (m *Map) Delete(key []byte) codegen.Errno {
	switch {
	case slices.Contains(arrays, m.spec.Type):
		return codegen.EINVAL
	case m.at[string(key)] == nil:
		return codegen.ENOENT
	}
	delete(m.at, string(key))
	m.keys = slices.DeleteFunc(m.keys, func(k []byte) bool { return bytes.Equal(k, key) })
	return codegen.OK
}

// Next is the next key.
func (m *Map) Next(key []byte) ([]byte, codegen.Errno) {
	i := slices.IndexFunc(m.keys, func(k []byte) bool { return bytes.Equal(k, key) })
	if i+1 == len(m.keys) {
		return nil, codegen.ENOENT
	}
	return m.keys[i+1], codegen.OK
}

// Push adds a value.
func (m *Map) Push(value []byte, flags uint64) codegen.Errno {
	switch full := len(m.queue) >= int(m.spec.MaxEntries); {
	case flags&^2 != 0:
		return codegen.EINVAL
	case full && flags == 0:
		return codegen.E2BIG
	case full:
		m.queue = m.queue[1:]
	}
	m.queue = append(m.queue, slices.Clone(value))
	return codegen.OK
}

// Pop takes the first value.
func (m *Map) Pop(value []byte) codegen.Errno {
	err := m.Peek(value)
	if err == codegen.OK {
		m.queue = m.queue[1:]
	}
	return err
}

// Peek reads the first value.
func (m *Map) Peek(value []byte) codegen.Errno {
	if len(m.queue) == 0 {
		clear(value)
		return codegen.ENOENT
	}
	copy(value, m.queue[0])
	return codegen.OK
}

// StackTrace is a codegen.StackTrace with room for one stack.
type StackTrace struct {
	*Map
	Stack []uint64
}

// NewStackTrace makes a map of stacks.
func (h *Home) NewStackTrace(spec abi.MapSpec) *StackTrace {
	m := &StackTrace{Map: h.NewMap(spec)}
	h.maps[len(h.maps)-1] = m
	return m
}

// Store keeps a stack.
func (m *StackTrace) Store(stack []uint64, flags uint64) (id uint32, errno codegen.Errno) {
	const reuse = 1 << 10 // BPF_F_REUSE_STACKID, include/uapi/linux/bpf.h
	if m.Stack != nil && !slices.Equal(m.Stack, stack) && flags&reuse == 0 {
		return 0, codegen.EEXIST
	}
	m.Stack = stack
	return 5, codegen.OK
}

// Ring is a codegen.Ring whose size is MaxEntries.
type Ring struct {
	*Map
	records []record
	taken   uint64 // bytes that were consumed
}

// record is a record of a ring.
type record struct {
	addr          uint64
	data          []byte
	done, discard bool
}

// header is what a record takes beside its bytes (BPF_RINGBUF_HDR_SZ, include/uapi/linux/bpf.h).
const header = 8

// NewRing makes a ring buffer.
func (h *Home) NewRing(spec abi.MapSpec) *Ring {
	r := &Ring{Map: h.NewMap(spec)}
	h.maps[len(h.maps)-1] = r
	return r
}

func (r *Ring) used() (n uint64) {
	for _, rec := range r.records {
		n += (header + uint64(len(rec.data)) + 7) &^ 7
	}
	return n
}

// Reserve makes a record.
func (r *Ring) Reserve(n uint64) uint64 {
	if r.used()+(header+n+7)&^7 > uint64(r.spec.MaxEntries) {
		return 0
	}
	mem, addr, err := r.home.Alloc(int(n))
	if err != nil {
		return 0
	}
	r.records = append(r.records, record{addr: addr, data: mem})
	return addr
}

// Commit ends a reservation.
func (r *Ring) Commit(addr uint64, discard bool) {
	for i := range r.records {
		if r.records[i].addr == addr {
			r.records[i].done, r.records[i].discard = true, discard
		}
	}
}

// Output adds a record.
func (r *Ring) Output(data []byte) codegen.Errno {
	addr := r.Reserve(uint64(len(data)))
	if addr == 0 {
		return codegen.EAGAIN
	}
	copy(r.home.Bytes(addr, uint64(len(data)), true), data)
	r.Commit(addr, false)
	return codegen.OK
}

// Consume takes the records up to the first that is not complete.
func (r *Ring) Consume() (out [][]byte) {
	before := r.used()
	for len(r.records) > 0 && r.records[0].done {
		if !r.records[0].discard {
			out = append(out, r.records[0].data)
		}
		r.records = r.records[1:]
	}
	r.taken += before - r.used()
	return out
}

// Pending is the number of records that nobody has ended.
func (r *Ring) Pending() (n int) {
	for _, rec := range r.records {
		if !rec.done {
			n++
		}
	}
	return n
}

// Query tells of the ring.
func (r *Ring) Query(what uint64) uint64 {
	return [...]uint64{r.used(), uint64(r.spec.MaxEntries), r.taken, r.taken + r.used()}[what]
}
