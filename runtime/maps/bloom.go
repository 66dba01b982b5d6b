package maps

import (
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// bloom is a bloom filter: which values may be there. Bits are set and read without a lock.
type bloom struct {
	base
	bits   []uint64
	mask   uint64
	hashes uint64
	first  uint64 // seed
}

// defaultHashes is the number of hash functions if map_extra is 0.
const defaultHashes = 5

func openBloom(b *base) (Map, error) {
	m := &bloom{base: *b, hashes: b.spec.Extra, first: b.seed()}
	if m.hashes == 0 {
		m.hashes = defaultHashes
	}
	n := bloomBits(uint64(b.spec.MaxEntries), m.hashes)
	if err := m.allocate(n/8, 0); err != nil {
		return nil, err
	}
	m.bits, m.mask = words64(m.private), n-1
	m.head[headMask] = m.mask
	*m.own(0), *m.own(1) = m.first, m.hashes
	return m, nil
}

// bloomBits is the kernel's choice (bloom_map_alloc, kernel/bpf/bloom_filter.c, Linux 6.18): n·k/ln 2, rounded up to a
// power of two of at least a word; 7/5 stands for 1/ln 2.
func bloomBits(n, hashes uint64) uint64 {
	return min(max(64, roundPower(n*hashes/5*7)), 1<<32)
}

// each calls f for the word and the bit of each hash of value until f returns false.
func (m *bloom) each(value []byte, f func(w *uint64, bit uint64) bool) {
	var buf [smallKey]uint64
	k := keyWords(value, &buf)
	for i := range m.hashes {
		bit := uint64(hashOf(m.first+i, k)) & m.mask
		if !f(&m.bits[bit/64], 1<<(bit%64)) {
			return
		}
	}
}

func (m *bloom) Push(value []byte, flags uint64) codegen.Errno {
	if flags != 0 || len(value) != int(m.spec.ValueSize) {
		return codegen.EINVAL
	}
	m.each(value, func(w *uint64, bit uint64) bool {
		atomic.OrUint64(w, bit)
		return true
	})
	return codegen.OK
}

// Peek is OK if the value may be there, ENOENT if it is not.
func (m *bloom) Peek(value []byte) codegen.Errno {
	if len(value) != int(m.spec.ValueSize) {
		return codegen.EINVAL
	}
	errno := codegen.OK
	m.each(value, func(w *uint64, bit uint64) bool {
		if load(w)&bit == 0 {
			errno = codegen.ENOENT
		}
		return errno == codegen.OK
	})
	return errno
}

// Get asks for the value that stands where others have a key.
func (m *bloom) Get(key []byte) ([]byte, codegen.Errno) {
	if errno := m.Peek(key); errno != codegen.OK {
		return nil, errno
	}
	return append([]byte(nil), key...), codegen.OK
}

func (m *bloom) Update(key, value []byte, flags uint64, _ int) codegen.Errno {
	if len(key) != 0 {
		return codegen.EINVAL
	}
	return m.Push(value, flags)
}
