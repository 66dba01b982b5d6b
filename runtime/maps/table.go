package maps

import (
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// tableRules are the differences between the tables of objects.
type tableRules struct {
	// found: the flags of Update ask whether the entry is in use; otherwise there are no flags.
	found bool
	// same: putting in what is there already is no error, whatever the flags.
	same bool
	// beyond is the error of Delete behind the last entry, empty that of an entry that is not in use.
	beyond, empty codegen.Errno
	// get is the error of Get, if objects cannot be read back.
	get codegen.Errno
	// socket: values have 8 bytes if they are to be read back, or 4; that it is one is checked first of all.
	socket bool
}

// table is a prog array, array of maps, perf event array, cgroup array, xskmap or sockmap: objects by index. What
// machine code needs of an object lies in the index; the numbers behind it are for Get.
type table struct {
	indexed
	rules   tableRules
	mu      sync.Mutex // of writers
	words   []uint64
	numbers []uint64
}

func openTable(b *base) (Map, error) {
	m := &table{indexed: indexed{*b}, rules: b.kind.table}
	n := uint64(b.spec.MaxEntries)
	if err := m.allocate(16*n, 0); err != nil {
		return nil, err
	}
	all := words64(m.private)
	m.words, m.numbers = all[:n], all[n:]
	m.head[headStride] = 8
	return m, nil
}

// Lookup is the word of the object at key: the address of the inner map, socket, …
func (m *table) Lookup(key []byte, _ int) uint64 {
	i, errno := m.entry(key, codegen.ENOENT)
	if errno != codegen.OK {
		return 0
	}
	return load(&m.words[i])
}

func (m *table) Get(key []byte) ([]byte, codegen.Errno) {
	if e := m.readable(); e != codegen.OK {
		return nil, e
	}
	i, errno := m.entry(key, codegen.ENOENT)
	if errno != codegen.OK {
		return nil, errno
	}
	if load(&m.words[i]) == 0 {
		return nil, codegen.ENOENT
	}
	return number(load(&m.numbers[i]), m.spec.ValueSize), codegen.OK
}

// readable is the error of Get, whatever the key. A sockmap gives 8 bytes or nothing (sock_map_lookup_sys, Linux 6.18).
func (b *base) readable() codegen.Errno {
	if b.kind.table.socket && b.spec.ValueSize != 8 {
		return codegen.ENOSPC
	}
	return b.kind.table.get
}

// number is n as a value of size bytes.
func number(n uint64, size uint32) []byte {
	v := make([]byte, size)
	putWord(v, 0, n)
	return v
}

// objectOf is the word and the number of the object that a value names.
func (b *base) objectOf(value []byte) (w, n uint64, errno codegen.Errno) {
	if len(value) != int(b.spec.ValueSize) {
		return 0, 0, codegen.EINVAL
	}
	n = word(value, 0)
	if b.kind.maps {
		w, errno = b.innerMap(n)
	} else {
		w, errno = b.object(n)
	}
	return w, n, errno
}

func (m *table) Update(key, value []byte, flags uint64, _ int) codegen.Errno {
	if m.rules.socket {
		if _, _, errno := m.objectOf(value); errno != codegen.OK {
			return errno
		}
	}
	if flags > updateExist || flags != 0 && !m.rules.found {
		return codegen.EINVAL
	}
	i, errno := m.entry(key, codegen.E2BIG)
	if errno != codegen.OK {
		return errno
	}
	w, n, errno := m.objectOf(value)
	if errno != codegen.OK {
		return errno
	}
	out, errno := m.put(i, w, n, flags)
	m.drop(out)
	return errno
}

// put stores an object at index i, if the flags allow it. out is the number of the one that is not in the table now, 0 if
// there is none: the one that was there, or the new one.
func (m *table) put(i uint32, w, n, flags uint64) (out uint64, errno codegen.Errno) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch used := m.words[i] != 0; {
	case used && m.rules.same && m.words[i] == w:
		return n, codegen.OK
	case used && flags == updateNoExist:
		return n, codegen.EEXIST
	case !used && flags == updateExist:
		return n, codegen.ENOENT
	case used:
		out = m.numbers[i]
	}
	store(&m.numbers[i], n)
	store(&m.words[i], w)
	return out, codegen.OK
}

// take makes the entry at index i empty. out is the number of the object that was there, 0 if there was none.
func (m *table) take(i uint32) (out uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.words[i] == 0 {
		return 0
	}
	store(&m.words[i], 0)
	return m.numbers[i]
}

// drop tells the owner of objects that one is not in the table any more.
func (m *table) drop(n uint64) {
	if n != 0 && m.env.Drop != nil {
		m.env.Drop(m.spec, n)
	}
}

func (m *table) Delete(key []byte) codegen.Errno {
	i, errno := m.entry(key, m.rules.beyond)
	if errno != codegen.OK {
		return errno
	}
	out := m.take(i)
	if out == 0 {
		return m.rules.empty
	}
	m.drop(out)
	return codegen.OK
}

// Each visits the entries in use, whether Get may read them or not.
func (m *table) Each(f func(key, value []byte) bool) {
	m.each(func(key []byte) ([]byte, codegen.Errno) {
		i, _ := m.index(key)
		if load(&m.words[i]) == 0 {
			return nil, codegen.ENOENT
		}
		return number(load(&m.numbers[i]), m.spec.ValueSize), codegen.OK
	}, f)
}

// objectHash is a hash of maps or of sockets. Of each value the core keeps two words where programs do not see them: the
// object's word, then its number.
type objectHash struct{ *hash }

func openObjectHash(b *base) (Map, error) {
	h, err := newHash(b, hashShape{b.spec.KeySize, 16, uint64(b.spec.MaxEntries), true})
	return &objectHash{h}, err
}

func openHashOfMaps(b *base) (Map, error) { return openObjectHash(b) }

func openSockHash(b *base) (Map, error) { return openObjectHash(b) }

func (h *objectHash) Lookup(key []byte, _ int) uint64 {
	e := h.lookup(key)
	if e == 0 {
		return 0
	}
	return load(&h.val.at(e-1, 0)[0])
}

func (h *objectHash) Get(key []byte) ([]byte, codegen.Errno) {
	if errno := h.readable(); errno != codegen.OK {
		return nil, errno
	}
	return h.number(h.hash.Get(key))
}

// number is the value that user space sees of what the core keeps.
func (h *objectHash) number(v []byte, errno codegen.Errno) ([]byte, codegen.Errno) {
	if errno != codegen.OK {
		return nil, errno
	}
	return v[8:][:h.spec.ValueSize], codegen.OK
}

func (h *objectHash) Update(key, value []byte, flags uint64, cpu int) codegen.Errno {
	w, n, errno := h.objectOf(value)
	if errno != codegen.OK {
		return errno
	}
	v := make([]byte, 16)
	putWord(v, 0, w)
	putWord(v, 1, n)
	return h.hash.Update(key, v, flags, cpu)
}

func (h *objectHash) Each(f func(key, value []byte) bool) {
	h.hash.Each(func(k, v []byte) bool {
		v, _ = h.number(v, codegen.OK)
		return f(k, v)
	})
}
