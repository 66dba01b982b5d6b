package maps

import (
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// lru is the order in which the elements of an LRU map came or were found used: the first is the next to go. It is a
// queue with a second chance: an element that was looked up since it was queued is queued once more instead.
// (The kernel's is approximate too, in other ways: kernel/bpf/bpf_lru_list.c.)
type lru struct {
	mu sync.Mutex
	// prev and next are a ring through 0, the end of the queue.
	prev, next []uint32
	in         []bool
}

func newLRU(n uint32) *lru {
	return &lru{prev: make([]uint32, n+1), next: make([]uint32, n+1), in: make([]bool, n+1)}
}

func (l *lru) push(e uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link(e)
}

func (l *lru) link(e uint32) {
	last := l.prev[0]
	l.next[last], l.prev[e], l.next[e], l.prev[0] = e, last, 0, e
	l.in[e] = true
}

func (l *lru) remove(e uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in[e] {
		l.unlink(e)
	}
}

func (l *lru) unlink(e uint32) {
	p, n := l.prev[e], l.next[e]
	l.next[p], l.prev[n] = n, p
	l.in[e] = false
}

// victim is the element to go and its hash, 0 if there is none. It stays in the queue.
func (h *hash) victim() (e, hv uint32) {
	l := h.lru
	l.mu.Lock()
	defer l.mu.Unlock()
	for e = l.next[0]; e != 0; e = l.next[0] {
		if load(h.mark(e)) == 0 {
			return e, uint32(load(&h.element(e)[0]) >> 32)
		}
		store(h.mark(e), 0)
		l.unlink(e)
		l.link(e)
	}
	return 0, 0
}

// maxEvictions bounds how often an update that makes room is overtaken by others.
const maxEvictions = 128

// updateLRU inserts a new key, or updates one that is there.
func (h *hash) updateLRU(u *update) codegen.Errno {
	for {
		if u.flags&updateExist == 0 && h.find(u.key, u.hash) == 0 {
			return h.insertLRU(u)
		}
		s := h.lock(u.hash & h.mask)
		errno := h.put(u)
		s.Unlock()
		if errno != codegen.E2BIG {
			return errno
		} // the key has gone meanwhile, and its place was taken
	}
}

// insertLRU makes room before it takes the lock of the new element's bucket: evicting takes another one's.
func (h *hash) insertLRU(u *update) codegen.Errno {
	room := h.reserve()
	for i := 0; !room && i < maxEvictions; i++ {
		room = h.evict() || h.reserve()
	}
	if !room {
		return codegen.ENOMEM
	}
	defer h.lock(u.hash & h.mask).Unlock()
	if h.locate(u.key, u.hash).e == 0 {
		return h.insert(u)
	}
	h.count.Add(-1) // somebody else has inserted the key meanwhile
	return h.put(u)
}

// evict takes the victim out of the map. Its place stays counted, for the caller. It fails if others were faster.
func (h *hash) evict() bool {
	e, hv := h.victim()
	if e == 0 {
		return false
	}
	bucket := hv & h.mask
	defer h.lock(bucket).Unlock()
	p := place{bucket: bucket, e: h.heads[bucket]}
	for p.e != 0 && p.e != e {
		p.prev, p.e = p.e, h.next(p.e)
	}
	if p.e == 0 {
		return false
	}
	h.remove(p)
	return true
}
