package maps

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
)

// indexed is what the kinds with an index for a key share: every index is a key, whether something is there or not.
type indexed struct{ base }

// index is the index in key; false if key has the wrong size.
func (m *indexed) index(key []byte) (uint32, bool) {
	if len(key) != 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(key), true
}

// entry is index with the errno of one out of range.
func (m *indexed) entry(key []byte, beyond codegen.Errno) (uint32, codegen.Errno) {
	i, ok := m.index(key)
	switch {
	case !ok:
		return 0, codegen.EINVAL
	case i >= m.spec.MaxEntries:
		return 0, beyond
	}
	return i, codegen.OK
}

func (m *indexed) Next(key []byte) ([]byte, codegen.Errno) {
	n := uint32(0)
	if key != nil {
		i, ok := m.index(key)
		switch {
		case !ok:
			return nil, codegen.EINVAL
		case i == m.spec.MaxEntries-1:
			return nil, codegen.ENOENT
		case i < m.spec.MaxEntries:
			n = i + 1
		}
	}
	return binary.LittleEndian.AppendUint32(nil, n), codegen.OK
}

// each calls f for the indexes at which get finds something.
func (m *indexed) each(get func([]byte) ([]byte, codegen.Errno), f func(key, value []byte) bool) {
	for i := range m.spec.MaxEntries {
		key := binary.LittleEndian.AppendUint32(nil, i)
		if v, errno := get(key); errno == codegen.OK && !f(key, v) {
			return
		}
	}
}

// array is an array or a per-CPU array.
type array struct {
	indexed
	val values
}

func openArray(b *base) (Map, error) {
	m := &array{indexed: indexed{*b}}
	n := uint64(b.spec.MaxEntries)
	m.val = m.layOut(n, b.spec.ValueSize, b.kind.perCPU)
	if err := m.allocate(0, m.val.bytes(n)); err != nil {
		return nil, err
	}
	m.val.place(&m.base, m.slab, m.slabAddr)
	return m, nil
}

func (m *array) Lookup(key []byte, cpu int) uint64 {
	i, errno := m.entry(key, codegen.ENOENT)
	if errno != codegen.OK {
		return 0
	}
	return m.val.address(i, cpu)
}

func (m *array) Get(key []byte) ([]byte, codegen.Errno) {
	i, errno := m.entry(key, codegen.ENOENT)
	if errno != codegen.OK {
		return nil, errno
	}
	return m.val.get(i), codegen.OK
}

func (m *array) Update(key, value []byte, flags uint64, cpu int) codegen.Errno {
	if flags&^updateLock > updateExist {
		return codegen.EINVAL
	}
	i, errno := m.entry(key, codegen.E2BIG)
	if errno != codegen.OK {
		return errno
	}
	if errno = m.val.fits(value, cpu); errno != codegen.OK {
		return errno
	}
	switch {
	case flags&updateNoExist != 0:
		return codegen.EEXIST
	case flags&updateLock == 0:
		m.val.overwrite(i, value, cpu)
	case m.val.lock < 0:
		return codegen.EINVAL
	default:
		m.val.overwriteLocked(i, value)
	}
	return codegen.OK
}

func (m *array) Each(f func(key, value []byte) bool) { m.each(m.Get, f) }
