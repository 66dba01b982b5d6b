package maps

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// heap is an Arena on the Go heap, so that the race detector sees what maps do.
type heap struct {
	mu    sync.Mutex
	spans map[uint64][]uint64
}

func newHeap() *heap { return &heap{spans: map[uint64][]uint64{}} }

func (h *heap) Alloc(n uint64) ([]byte, uint64, error) {
	if n > 1<<31 {
		return nil, 0, fmt.Errorf("%d bytes are not to be had", n)
	}
	w := make([]uint64, max((n+7)/8, 1))
	addr := uint64(uintptr(unsafe.Pointer(&w[0])))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spans[addr] = w
	return unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), n), addr, nil
}

func (h *heap) Free(addr uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.spans[addr] == nil {
		return fmt.Errorf("nothing to free at %#x", addr)
	}
	delete(h.spans, addr)
	return nil
}

// words is the n words at an address: what a program sees there.
func (h *heap) words(addr, n uint64) []uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	for base, w := range h.spans {
		if off := addr - base; off < uint64(8*len(w)) && off%8 == 0 {
			return w[off/8:][:n]
		}
	}
	panic(fmt.Sprintf("%#x is in no span", addr))
}

// clock is an Epochs of readers that say when they run.
type clock struct {
	now     atomic.Uint64
	readers []atomic.Uint64 // 0: not running
}

func newClock(readers int) *clock {
	c := &clock{readers: make([]atomic.Uint64, readers)}
	c.now.Store(1)
	return c
}

func (c *clock) Retire() uint64 { return c.now.Add(1) - 1 }

func (c *clock) Oldest() uint64 {
	oldest := c.now.Load()
	for i := range c.readers {
		if e := c.readers[i].Load(); e != 0 {
			oldest = min(oldest, e)
		}
	}
	return oldest
}

// enter begins a run of reader i. The epoch is published, then read again: one that has passed meanwhile would be missed.
func (c *clock) enter(i int) {
	for {
		e := c.now.Load()
		c.readers[i].Store(e)
		if c.now.Load() == e {
			return
		}
	}
}

func (c *clock) leave(i int) { c.readers[i].Store(0) }

// world is where the tests' maps live.
type world struct {
	heap  *heap
	clock *clock
	env   Env
}

func newWorld(cpus int) *world {
	w := &world{heap: newHeap(), clock: newClock(64)}
	w.env = Env{Arena: w.heap, Epochs: w.clock, CPUs: cpus, ID: 7, Seed: 42}
	return w
}

// mapOf makes a map that is closed, and has given back all it took, when the test ends.
func (w *world) mapOf(t testing.TB, spec, inner *abi.MapSpec) Map {
	t.Helper()
	m, err := New(spec, inner, w.env)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, m.Close())
	})
	return m
}

func spec(kind, key, value, entries, flags uint32) *abi.MapSpec {
	return &abi.MapSpec{Name: "m", Type: kind, KeySize: key, ValueSize: value, MaxEntries: entries, Flags: flags}
}

// drain is all that Each gives, and the order of the keys.
func drain(m Map) (all map[string]string, order []string) {
	all = map[string]string{}
	m.Each(func(k, v []byte) bool {
		all[string(k)] = string(v)
		order = append(order, string(k))
		return true
	})
	return all, order
}

// keysByNext walks the map as user space does.
func keysByNext(t testing.TB, next func([]byte) ([]byte, codegen.Errno), limit int) (keys []string) {
	t.Helper()
	var key []byte
	for {
		k, errno := next(key)
		if errno != codegen.OK {
			require.Equal(t, codegen.ENOENT, errno)
			return keys
		}
		keys = append(keys, string(k))
		require.LessOrEqual(t, len(keys), limit, "a walk that does not end")
		key = k
	}
}
