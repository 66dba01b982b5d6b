package maps

import (
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// A value of a device or CPU map is a number, and the descriptor of a program or what is no descriptor (struct
// bpf_devmap_val, bpf_cpumap_val); it is in one word. What is read back is the program's number, 0 if there is none.
type deviceValue struct{ n, prog uint32 }

func deviceOf(value []byte) deviceValue {
	w := word(value, 0)
	return deviceValue{uint32(w), uint32(w >> 32)}
}

func (v deviceValue) hasProg() bool { return int32(v.prog) > 0 }

// bytes is the value as it is read back.
func (v deviceValue) bytes(size uint32) []byte {
	if !v.hasProg() {
		v.prog = 0
	}
	return number(uint64(v.n)|uint64(v.prog)<<32, size)
}

// devices is a devmap or cpumap. The index has a word for each entry that is in use: the number of what it leads to, plus
// one.
type devices struct {
	indexed
	mu    sync.Mutex // of writers
	words []uint64
	val   values
	// check says whether a value may stand at index i, and whether it empties the entry.
	check func(m *devices, i uint32, v deviceValue) (clear bool, errno codegen.Errno)
}

func openDevMap(b *base) (Map, error) { return openDevices(b, checkDevice) }

func openCPUMap(b *base) (Map, error) { return openDevices(b, checkCPU) }

func openDevices(b *base, check func(*devices, uint32, deviceValue) (bool, codegen.Errno)) (Map, error) {
	m := &devices{indexed: indexed{*b}, check: check}
	n := uint64(b.spec.MaxEntries)
	m.val = m.layOut(n, b.spec.ValueSize, false)
	if err := m.allocate(8*n, m.val.bytes(n)); err != nil {
		return nil, err
	}
	m.words = words64(m.private)
	m.val.place(&m.base, m.slab, m.slabAddr)
	return m, nil
}

// checkDevice: interface 0 empties an entry (__dev_map_update_elem, kernel/bpf/devmap.c, Linux 6.18).
func checkDevice(m *devices, _ uint32, v deviceValue) (bool, codegen.Errno) {
	if v.n == 0 && v.hasProg() {
		return false, codegen.EINVAL
	}
	if v.n == 0 {
		return true, codegen.OK
	}
	return false, m.device(v)
}

// device checks that the interface of a value exists.
func (b *base) device(v deviceValue) codegen.Errno {
	if _, errno := b.object(uint64(v.n)); errno != codegen.OK {
		return codegen.EINVAL
	}
	return codegen.OK
}

// checkCPU: a queue of 0 packets empties an entry (cpu_map_update_elem, kernel/bpf/cpumap.c, Linux 6.18).
func checkCPU(m *devices, i uint32, v deviceValue) (bool, codegen.Errno) {
	switch {
	case v.n > cpuMapQueue:
		return false, codegen.EOVERFLOW
	case int(i) >= m.env.CPUs:
		return false, codegen.ENODEV
	}
	return v.n == 0, codegen.OK
}

func (m *devices) Lookup(key []byte, _ int) uint64 {
	i, errno := m.entry(key, codegen.ENOENT)
	if errno != codegen.OK || load(&m.words[i]) == 0 {
		return 0
	}
	return m.val.address(i, 0)
}

func (m *devices) Get(key []byte) ([]byte, codegen.Errno) {
	i, errno := m.entry(key, codegen.ENOENT)
	if errno != codegen.OK {
		return nil, errno
	}
	if load(&m.words[i]) == 0 {
		return nil, codegen.ENOENT
	}
	return m.val.get(i), codegen.OK
}

// Update knows no BPF_NOEXIST: every entry exists.
func (m *devices) Update(key, value []byte, flags uint64, _ int) codegen.Errno {
	if flags > updateExist {
		return codegen.EINVAL
	}
	i, errno := m.entry(key, codegen.E2BIG)
	switch {
	case errno != codegen.OK:
		return errno
	case flags == updateNoExist:
		return codegen.EEXIST
	case len(value) != int(m.spec.ValueSize):
		return codegen.EINVAL
	}
	v := deviceOf(value)
	empty, errno := m.check(m, i, v)
	if errno != codegen.OK {
		return errno
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if empty {
		store(&m.words[i], 0)
		return codegen.OK
	}
	m.val.overwrite(i, v.bytes(m.spec.ValueSize), 0)
	store(&m.words[i], uint64(v.n)+1)
	return codegen.OK
}

// Delete of an empty entry is no error.
func (m *devices) Delete(key []byte) codegen.Errno {
	i, errno := m.entry(key, codegen.EINVAL)
	if errno != codegen.OK {
		return errno
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	store(&m.words[i], 0)
	return codegen.OK
}

func (m *devices) Each(f func(key, value []byte) bool) { m.each(m.Get, f) }

// deviceHash is a devmap with arbitrary indexes.
type deviceHash struct{ *hash }

func openDevMapHash(b *base) (Map, error) {
	h, err := newHash(b, hashShape{b.spec.KeySize, b.spec.ValueSize, uint64(b.spec.MaxEntries), false})
	return &deviceHash{h}, err
}

// Update knows no BPF_EXIST (__dev_map_hash_update_elem, kernel/bpf/devmap.c, Linux 6.18).
func (h *deviceHash) Update(key, value []byte, flags uint64, cpu int) codegen.Errno {
	if flags > updateExist || len(value) != int(h.spec.ValueSize) {
		return codegen.EINVAL
	}
	v := deviceOf(value)
	if v.n == 0 {
		return codegen.EINVAL
	}
	if _, errno := h.Get(key); errno == codegen.OK && flags == updateNoExist {
		return codegen.EEXIST
	}
	if errno := h.device(v); errno != codegen.OK {
		return errno
	}
	return h.hash.Update(key, v.bytes(h.spec.ValueSize), flags&updateNoExist, cpu)
}
