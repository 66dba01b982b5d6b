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

// updateLRU updates an element that is there, or inserts one.
func (h *hash) updateLRU(u *update) codegen.Errno {
	s := h.lock(u.hash & h.mask)
	if u.flags&updateExist != 0 || h.locate(u.key, u.hash).e != 0 {
		defer s.Unlock()
		return h.put(u)
	}
	s.Unlock()
	return h.insertLRU(u)
}

// insertLRU takes an element and makes room for it before it locks the new element's bucket: evicting locks another
// one. Without an element nothing is evicted.
func (h *hash) insertLRU(u *update) codegen.Errno {
	e := h.pool.take()
	if e == 0 {
		return codegen.ENOMEM
	}
	if !h.makeRoom() {
		h.pool.giveBack(e)
		return codegen.ENOMEM
	}
	defer h.lock(u.hash & h.mask).Unlock()
	if h.locate(u.key, u.hash).e == 0 {
		h.insert(e, u)
		return codegen.OK
	}
	h.pool.giveBack(e) // somebody else has inserted the key meanwhile
	h.count.Add(-1)
	return h.put(u)
}

// makeRoom counts one more element, if need be instead of another one.
func (h *hash) makeRoom() bool {
	for range maxEvictions {
		if h.reserve() || h.evict() {
			return true
		}
	}
	return false
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
