package maps

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// StackTrace is a Map of kind stack trace.
type StackTrace interface {
	Map
	codegen.StackTrace
}

// Flags of bpf_get_stackid (include/uapi/linux/bpf.h, Linux 6.18).
const (
	stackFastCompare = 1 << 9
	stackReuse       = 1 << 10
)

// trace is a stack; it is never changed.
type trace struct {
	hash uint32
	pcs  []uint64
}

// stackTrace is a stack trace map. Programs never see its values.
type stackTrace struct {
	indexed
	mu     sync.Mutex
	mask   uint32
	traces map[uint32]*trace // by number
}

func openStackTrace(b *base) (Map, error) {
	m := &stackTrace{indexed: indexed{*b}, traces: map[uint32]*trace{}}
	m.mask = uint32(roundPower(uint64(b.spec.MaxEntries)) - 1)
	if err := m.allocate(0, 0); err != nil {
		return nil, err
	}
	m.head[headMask] = uint64(m.mask)
	return m, nil
}

func (m *stackTrace) Store(stack []uint64, flags uint64) (uint32, codegen.Errno) {
	stack = stack[:min(len(stack), int(m.spec.ValueSize/8))]
	hash := stackHash(stack)
	id := hash & m.mask
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.traces[id]; old != nil {
		same := old.hash == hash && (flags&stackFastCompare != 0 || slices.Equal(old.pcs, stack))
		if same {
			return id, codegen.OK
		}
		if flags&stackReuse == 0 {
			return 0, codegen.EEXIST
		}
	}
	m.traces[id] = &trace{hash, slices.Clone(stack)}
	return id, codegen.OK
}

func (m *stackTrace) get(id uint32) *trace {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.traces[id]
}

// bytes is the trace as a value: zeros behind the last address.
func (t *trace) bytes(size uint32) []byte {
	v := make([]byte, size)
	for i, pc := range t.pcs {
		binary.LittleEndian.PutUint64(v[8*i:], pc)
	}
	return v
}

func (m *stackTrace) Get(key []byte) ([]byte, codegen.Errno) {
	id, ok := m.index(key)
	if !ok {
		return nil, codegen.EINVAL
	}
	t := m.get(id)
	if t == nil {
		return nil, codegen.ENOENT
	}
	return t.bytes(m.spec.ValueSize), codegen.OK
}

func (m *stackTrace) Take(key []byte) ([]byte, codegen.Errno) {
	v, errno := m.Get(key)
	if errno == codegen.OK {
		errno = m.Delete(key)
	}
	return v, errno
}

func (m *stackTrace) Delete(key []byte) codegen.Errno {
	id, ok := m.index(key)
	switch {
	case !ok:
		return codegen.EINVAL
	case id > m.mask:
		return codegen.E2BIG
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.traces[id] == nil {
		return codegen.ENOENT
	}
	delete(m.traces, id)
	return codegen.OK
}

// Next starts over at a number that is not in use.
func (m *stackTrace) Next(key []byte) ([]byte, codegen.Errno) {
	from := uint32(0)
	if key != nil {
		id, ok := m.index(key)
		if !ok {
			return nil, codegen.EINVAL
		}
		if m.get(id) != nil {
			from = id + 1
		}
	}
	for _, id := range m.numbers() {
		if id >= from {
			return binary.LittleEndian.AppendUint32(nil, id), codegen.OK
		}
	}
	return nil, codegen.ENOENT
}

// numbers is what is in use, ascending.
func (m *stackTrace) numbers() (ids []uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.traces {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (m *stackTrace) Each(f func(key, value []byte) bool) {
	for _, id := range m.numbers() {
		if t := m.get(id); t != nil && !f(binary.LittleEndian.AppendUint32(nil, id), t.bytes(m.spec.ValueSize)) {
			return
		}
	}
}

// stackHash is Bob Jenkins' lookup3 over the halves of the addresses, which is the kernel's hash for stacks (jhash2 with
// 0): numbers of stacks are the same as there.
func stackHash(stack []uint64) uint32 {
	k := make([]uint32, 0, 2*len(stack))
	for _, pc := range stack {
		k = append(k, uint32(pc), uint32(pc>>32))
	}
	a := 0xdeadbeef + uint32(4*len(k))
	b, c := a, a
	for ; len(k) > 3; k = k[3:] {
		a, b, c = jenkinsMix(a+k[0], b+k[1], c+k[2])
	}
	if len(k) == 0 {
		return c
	}
	var last [3]uint32
	copy(last[:], k)
	return jenkinsFinal(a+last[0], b+last[1], c+last[2])
}

func jenkinsMix(a, b, c uint32) (uint32, uint32, uint32) {
	for _, r := range [...]int{4, 6, 8, 16, 19, 4} {
		a, c = (a-c)^bits.RotateLeft32(c, r), c+b
		a, b, c = b, c, a
	}
	return a, b, c
}

func jenkinsFinal(a, b, c uint32) uint32 {
	for _, r := range [...]int{14, 11, 25, 16, 4, 14, 24} {
		c = (c ^ b) - bits.RotateLeft32(b, r)
		a, b, c = b, c, a
	}
	return b
}
