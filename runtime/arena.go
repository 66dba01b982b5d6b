package runtime

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// The reservation: everything in it is within reach of a 32-bit displacement.
// Where address space is limited (ulimit -v), half as much is tried, down to the minimum.
const (
	reserveDefault = 2 << 30
	reserveMinimum = 16 << 20
)

// errFull says that the reserved range has no free stretch of the wanted size.
var errFull = errors.New("the runtime's address range is full: unload programs or open another runtime")

// protection of pages.
type protection uint8

const (
	protNone protection = iota
	protRead
	protWrite // and read
	protExec  // and read
)

// span is a stretch of the arena, in bytes from its start, whole pages.
type span struct{ off, len uintptr }

func (s span) end() uintptr { return s.off + s.len }

// arena hands out pages of one reserved address range. Free pages are not
// accessible and hold no memory. It is safe for concurrent use.
type arena struct {
	base unsafe.Pointer
	size uintptr
	page uintptr

	mu   sync.Mutex
	free []span // ascending, none adjacent
}

// newArena reserves size bytes, or as many as it gets.
func newArena(size uintptr, reserve func(uintptr) (unsafe.Pointer, error)) (*arena, error) {
	page := uintptr(os.Getpagesize())
	size &^= page - 1
	for {
		base, err := reserve(size)
		if err == nil {
			return &arena{base: base, size: size, page: page, free: []span{{0, size}}}, nil
		}
		if size /= 2; size < reserveMinimum {
			return nil, fmt.Errorf("reserving %d bytes of address space: %w; is it limited (ulimit -v)?", 2*size, err)
		}
		size &^= page - 1
	}
}

func (a *arena) close() error { return release(a.base, a.size) }

// pages rounds n bytes up to whole pages.
func (a *arena) pages(n uintptr) uintptr { return (n + a.page - 1) &^ (a.page - 1) }

// alloc returns a free span of n bytes, rounded up to pages; nothing in it is accessible.
func (a *arena) alloc(n uintptr) (span, error) {
	if n > a.size {
		return span{}, errFull
	}
	n = a.pages(n)
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.free {
		f := &a.free[i]
		if f.len < n {
			continue
		}
		s := span{f.off, n}
		f.off, f.len = f.off+n, f.len-n
		if f.len == 0 {
			a.free = append(a.free[:i], a.free[i+1:]...)
		}
		return s, nil
	}
	return span{}, errFull
}

// dealloc gives the span's memory back and makes it free.
func (a *arena) dealloc(s span) error {
	if s.len == 0 {
		return nil
	}
	if err := decommit(a.at(s.off), s.len); err != nil {
		return fmt.Errorf("giving back %d bytes: %w", s.len, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := 0
	for i < len(a.free) && a.free[i].off < s.off {
		i++
	}
	a.free = append(a.free, span{})
	copy(a.free[i+1:], a.free[i:])
	a.free[i] = s
	a.join(i)
	if i > 0 {
		a.join(i - 1)
	}
	return nil
}

// join merges the free span i with the next one if they touch.
func (a *arena) join(i int) {
	if i+1 < len(a.free) && a.free[i].end() == a.free[i+1].off {
		a.free[i].len += a.free[i+1].len
		a.free = append(a.free[:i+1], a.free[i+2:]...)
	}
}

func (a *arena) at(off uintptr) unsafe.Pointer { return unsafe.Add(a.base, off) }

func (a *arena) addr(off uintptr) uint64 { return uint64(uintptr(a.base) + off) }

func (a *arena) bytes(s span) []byte {
	return unsafe.Slice((*byte)(a.at(s.off)), s.len)
}

// protect changes the access to whole pages.
func (a *arena) protect(s span, p protection) error {
	if s.len == 0 {
		return nil
	}
	if err := protectPages(a.at(s.off), s.len, p); err != nil {
		return fmt.Errorf("changing the protection of %d bytes: %w", s.len, err)
	}
	return nil
}

// holds reports whether an address is inside the range.
func (a *arena) holds(addr uint64) bool { return addr-uint64(uintptr(a.base)) < uint64(a.size) }
