package maps

import (
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// queue is a queue or a stack: values in a ring, one place of which is always free.
type queue struct {
	base
	val   values
	stack bool

	mu         sync.Mutex
	head, tail uint32 // next to write; oldest
	size       uint32
}

func openQueue(b *base) (Map, error) {
	m := &queue{base: *b, stack: b.spec.Type == typeStack}
	n := uint64(b.spec.MaxEntries) + 1
	m.val = m.layOut(n, b.spec.ValueSize, false)
	if err := m.allocate(m.val.bytes(n), 0); err != nil {
		return nil, err
	}
	m.val.place(&m.base, m.private, m.privateAddr(0))
	m.size = uint32(n)
	return m, nil
}

// after and before go round the ring.
func (m *queue) after(i uint32) uint32 {
	if i+1 == m.size {
		return 0
	}
	return i + 1
}

func (m *queue) before(i uint32) uint32 {
	if i == 0 {
		return m.size - 1
	}
	return i - 1
}

// publish shows the positions in the header.
func (m *queue) publish() {
	store(m.own(0), uint64(m.head))
	store(m.own(1), uint64(m.tail))
}

// Push drops the oldest value if there is no room and flag 2 is set, of a stack as well.
func (m *queue) Push(value []byte, flags uint64) codegen.Errno {
	if flags&updateNoExist != 0 || flags > updateExist || len(value) != m.val.size {
		return codegen.EINVAL
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if next := m.after(m.head); next == m.tail {
		if flags != updateExist {
			return codegen.E2BIG
		}
		m.tail = m.after(m.tail)
	}
	m.val.fill(m.head, value, 0)
	m.head = m.after(m.head)
	m.publish()
	return codegen.OK
}

func (m *queue) Pop(value []byte) codegen.Errno { return m.first(value, true) }

func (m *queue) Peek(value []byte) codegen.Errno { return m.first(value, false) }

// first reads the value whose turn it is; if there is none, value is zeroed.
func (m *queue) first(value []byte, take bool) codegen.Errno {
	if len(value) != m.val.size {
		return codegen.EINVAL
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.head == m.tail {
		clear(value)
		return codegen.ENOENT
	}
	i := m.tail
	if m.stack {
		i = m.before(m.head)
	}
	copy(value, m.val.get(i))
	if take {
		m.drop(i)
	}
	return codegen.OK
}

// drop takes value i away, which is the first.
func (m *queue) drop(i uint32) {
	if m.stack {
		m.head = i
	} else {
		m.tail = m.after(i)
	}
	m.publish()
}

// Get, Update and Take are what user space has for peek, push and pop: without a key.
func (m *queue) Get(key []byte) ([]byte, codegen.Errno) { return m.keyless(key, m.Peek) }

func (m *queue) Take(key []byte) ([]byte, codegen.Errno) { return m.keyless(key, m.Pop) }

func (m *queue) keyless(key []byte, f func([]byte) codegen.Errno) ([]byte, codegen.Errno) {
	if len(key) != 0 {
		return nil, codegen.EINVAL
	}
	v := make([]byte, m.val.size)
	if errno := f(v); errno != codegen.OK {
		return nil, errno
	}
	return v, codegen.OK
}

func (m *queue) Update(key, value []byte, flags uint64, _ int) codegen.Errno {
	if len(key) != 0 {
		return codegen.EINVAL
	}
	return m.Push(value, flags)
}

// Each visits the values in the order in which they would be taken, without keys.
func (m *queue) Each(f func(key, value []byte) bool) {
	for _, v := range m.all() {
		if !f(nil, v) {
			return
		}
	}
}

func (m *queue) all() (all [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stack {
		for i := m.head; i != m.tail; {
			i = m.before(i)
			all = append(all, m.val.get(i))
		}
		return all
	}
	for i := m.tail; i != m.head; i = m.after(i) {
		all = append(all, m.val.get(i))
	}
	return all
}
