package base

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
)

func (s *session) mapTable() table {
	return table{
		"bpf_map_lookup_elem":        s.lookup,
		"bpf_map_lookup_percpu_elem": s.lookupPerCPU,
		"bpf_map_update_elem":        s.update,
		"bpf_map_delete_elem":        s.remove,
		"bpf_map_push_elem":          s.push,
		"bpf_map_pop_elem":           s.pop,
		"bpf_map_peek_elem":          s.peek,
	}
}

// element is a map and the key at an address; nil if either is not there.
func element(c codegen.Call, table, key uint64) (codegen.Map, []byte) {
	m := c.Map(table)
	if m == nil {
		return nil, nil
	}
	return m, c.Bytes(key, uint64(m.Spec().KeySize), false)
}

func (s *session) lookup(c codegen.Call, table, key, _, _, _ uint64) uint64 {
	m, k := element(c, table, key)
	if k == nil {
		return 0
	}
	return m.Lookup(k, c.CPU())
}

func (s *session) lookupPerCPU(c codegen.Call, table, key, cpu, _, _ uint64) uint64 {
	m, k := element(c, table, key)
	if k == nil || uint64(uint32(cpu)) >= uint64(len(s.cpus)) {
		return 0
	}
	return m.Lookup(k, int(uint32(cpu)))
}

func (s *session) update(c codegen.Call, table, key, value, flags, _ uint64) uint64 {
	m, k := element(c, table, key)
	if k == nil {
		return codegen.EFAULT.Ret()
	}
	v := c.Bytes(value, uint64(m.Spec().ValueSize), false)
	if v == nil {
		return codegen.EFAULT.Ret()
	}
	return m.Update(k, v, flags, c.CPU()).Ret()
}

func (s *session) remove(c codegen.Call, table, key, _, _, _ uint64) uint64 {
	m, k := element(c, table, key)
	if k == nil {
		return codegen.EFAULT.Ret()
	}
	return m.Delete(k).Ret()
}

func (s *session) push(c codegen.Call, table, value, flags, _, _ uint64) uint64 {
	m, v := valueOf(c, table, value, false)
	if v == nil {
		return codegen.EFAULT.Ret()
	}
	return m.Push(v, flags).Ret()
}

func (s *session) pop(c codegen.Call, table, value, _, _, _ uint64) uint64 {
	m, v := valueOf(c, table, value, true)
	if v == nil {
		return codegen.EFAULT.Ret()
	}
	return m.Pop(v).Ret()
}

// peek reads the first value; it asks a bloom filter about a value, which need not be writable.
func (s *session) peek(c codegen.Call, table, value, _, _, _ uint64) uint64 {
	m, v := valueOf(c, table, value, false)
	if v == nil {
		return codegen.EFAULT.Ret()
	}
	if !asks(m) {
		if v = c.Bytes(value, uint64(len(v)), true); v == nil {
			return codegen.EFAULT.Ret()
		}
	}
	return m.Peek(v).Ret()
}

// asks reports whether peeking in the map asks it about a value: BPF_MAP_TYPE_BLOOM_FILTER, include/uapi/linux/bpf.h.
func asks(m codegen.Map) bool {
	const bloomFilter = 30
	return m.Spec().Type == bloomFilter
}

// valueOf is a map and a value of its size at an address; nil if either is not there.
func valueOf(c codegen.Call, table, value uint64, write bool) (codegen.Map, []byte) {
	m := c.Map(table)
	if m == nil {
		return nil, nil
	}
	return m, c.Bytes(value, uint64(m.Spec().ValueSize), write)
}

// Walking a map is for loops that the lowering makes of helpers with callbacks.
const nextElement = "bpf_next_element"

func (s *session) walkTable() table { return table{nextElement: s.next} }

// next goes to the next element of a map. R1 is the map; R2 the address of a cursor of 8 bytes, which is 0 at the
// beginning; R3 is the address of room for a key. It returns the address of the element's value on this CPU and sets
// the key and the cursor; after the last element it returns 0.
//
// What is walked are the keys that the map has at the beginning and that are still there when their turn comes, each
// once. (The kernel walks the table itself: bpf_for_each_hash_elem, kernel/bpf/hashtab.c, Linux 6.18. It may meet
// elements that are added meanwhile.) The keys are kept under the cursor's address until the walk or the run ends.
func (s *session) next(c codegen.Call, table, cursor, key, _, _ uint64) uint64 {
	m := c.Map(table)
	at := c.Bytes(cursor, 8, true)
	if m == nil || at == nil {
		return 0
	}
	room := c.Bytes(key, uint64(m.Spec().KeySize), true)
	if room == nil {
		return 0
	}
	u := s.cpu(c)
	n := binary.LittleEndian.Uint64(at)
	if n == 0 {
		u.begin(m, cursor)
	}
	keys := u.walks[cursor]
	for ; n < uint64(len(keys)); n++ {
		if value := m.Lookup(keys[n], c.CPU()); value != 0 {
			copy(room, keys[n])
			binary.LittleEndian.PutUint64(at, n+1)
			return value
		}
	}
	delete(u.walks, cursor)
	return 0
}

// begin notes the keys of a map.
func (u *cpu) begin(m codegen.Map, cursor uint64) {
	var keys [][]byte
	for key, err := m.Next(nil); key != nil && err == codegen.OK && len(keys) < int(m.Spec().MaxEntries); key, err = m.Next(key) {
		keys = append(keys, key)
	}
	if u.walks == nil {
		u.walks = map[uint64][][]byte{}
	}
	u.walks[cursor] = keys
}
