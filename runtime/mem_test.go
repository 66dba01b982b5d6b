package runtime

import (
	"encoding/binary"
	"math"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/ir"
)

// newMem makes a Mem of the given regions; every second one is read-only.
func newMem(regions ...[]byte) *Mem {
	m := &Mem{split: new(sync.Mutex)}
	m.bind(0, len(regions))
	for i, b := range regions {
		m.region[i].set(unsafe.Pointer(unsafe.SliceData(b)), uint64(len(b)), i%2 == 0)
	}
	return m
}

// words is n bytes whose address is a multiple of 8.
func words(n int) []byte {
	w := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), n)
}

func addr(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// TestAccess compares every access to what slices allow, for any hint.
func TestAccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := words(rapid.IntRange(0, 24).Draw(t, "a")), words(rapid.IntRange(0, 24).Draw(t, "b"))
		m := newMem(a, b)
		in := [][]byte{a, b}[rapid.IntRange(0, 1).Draw(t, "in")]
		off := rapid.IntRange(-9, 33).Draw(t, "off")
		size := rapid.SampledFrom([]uint8{1, 2, 4, 8}).Draw(t, "size")
		hint := rapid.IntRange(-3, 70).Draw(t, "hint")
		v := rapid.Uint64().Draw(t, "value")
		at := addr(in) + uint64(off)
		inside := func(r []byte) bool {
			d := at - addr(r)
			return d <= uint64(len(r)) && uint64(len(r))-d >= uint64(size)
		}
		readable, writable := inside(a) || inside(b), inside(a)
		require.Equal(t, readable, m.Check(hint, at, size, false))
		require.Equal(t, writable, m.Check(hint, at, size, true))
		require.Equal(t, writable, m.Store(hint, at, size, v))
		got, ok := m.Load(hint, at, size)
		require.Equal(t, readable, ok)
		if writable {
			require.Equal(t, v<<(64-8*size)>>(64-8*size), got)
		}
		got2, ok := m.LoadAcquire(hint, at, size)
		require.Equal(t, readable, ok)
		require.Equal(t, got, got2)
		require.Equal(t, writable, m.StoreRelease(hint, at, size, ^v))
	})
}

func TestOddSizesAreRefused(t *testing.T) {
	b := words(64)
	m := newMem(b)
	for _, size := range []uint8{0, 3, 5, 16, 255} {
		_, ok := m.Load(0, addr(b), size)
		require.False(t, ok)
		require.False(t, m.Store(0, addr(b), size, 1))
		require.False(t, m.Check(0, addr(b), size, false))
		_, ok = m.LoadAcquire(0, addr(b), size)
		require.False(t, ok)
		require.False(t, m.StoreRelease(0, addr(b), size, 1))
		_, ok = m.Atomic(ir.OpAtomicAdd, 0, addr(b), size, 1, 0)
		require.False(t, ok)
	}
	_, ok := m.Atomic(ir.OpAdd, 0, addr(b), 8, 1, 0)
	require.False(t, ok, "no atomic operation")
}

// TestGuardsDoNotSeeAPrivateStack: accesses reach the stack, guards refuse it.
func TestGuardsDoNotSeeAPrivateStack(t *testing.T) {
	stack, memory := words(16), words(16)
	m := newMem(stack, nil, memory)
	m.guarded = 1
	for hint := range 4 {
		require.False(t, m.Check(hint, addr(stack), 8, true))
		require.True(t, m.Check(hint, addr(memory), 8, true))
		require.True(t, m.Store64(hint, addr(stack), 1))
	}
}

func TestZero(t *testing.T) {
	b, ro := words(32), words(32)
	m := newMem(b, ro)
	for i := range b {
		b[i] = 0xff
	}
	require.True(t, m.Zero(addr(b)+8, 16))
	require.Equal(t, uint64(math.MaxUint64), binary.LittleEndian.Uint64(b))
	require.Equal(t, make([]byte, 16), b[8:24])
	require.EqualValues(t, 0xff, b[24])
	require.True(t, m.Zero(addr(b), 32))
	require.True(t, m.Zero(addr(b), 0))
	require.False(t, m.Zero(addr(b)+1, 32))
	require.False(t, m.Zero(addr(b), math.MaxUint64))
	require.False(t, m.Zero(addr(ro), 8))
}

func TestAtomic(t *testing.T) {
	cases := []struct {
		op             ir.Op
		old, a, expect uint64
		after32, after uint64
	}{
		{ir.OpAtomicAdd, 1<<32 - 1, 2, 0, 1, 1<<32 + 1},
		{ir.OpAtomicOr, 0x0f, 0xf0, 0, 0xff, 0xff},
		{ir.OpAtomicAnd, 0x3c, 0x0f, 0, 0x0c, 0x0c},
		{ir.OpAtomicXor, 0x3c, 0x0f, 0, 0x33, 0x33},
		{ir.OpAtomicXchg, 5, 9, 0, 9, 9},
		{ir.OpAtomicCmpXchg, 5, 9, 5, 9, 9},
		{ir.OpAtomicCmpXchg, 5, 9, 6, 5, 5},
		{ir.OpAtomicCmpXchg, 5, 9, 1<<32 + 5, 9, 5}, // 4 bytes: the low half is compared
	}
	b := words(32)
	m := newMem(b)
	for _, c := range cases {
		for off := uint64(0); off < 9; off++ { // aligned and not
			p := b[off:]
			binary.LittleEndian.PutUint64(p, c.old)
			old, ok := m.Atomic(c.op, 0, addr(b)+off, 8, c.a, c.expect)
			require.True(t, ok, c.op)
			require.Equal(t, c.old, old, c.op)
			require.Equal(t, c.after, binary.LittleEndian.Uint64(p), "%v at %d", c.op, off)

			binary.LittleEndian.PutUint64(p, c.old|7<<32)
			old, ok = m.Atomic(c.op, 0, addr(b)+off, 4, c.a, c.expect)
			require.True(t, ok, c.op)
			require.Equal(t, c.old&(1<<32-1), old, c.op)
			require.Equal(t, c.after32|7<<32, binary.LittleEndian.Uint64(p), "%v of 4 at %d", c.op, off)
		}
	}
}

func TestAtomicIsAtomic(t *testing.T) {
	b := words(16)
	var wg sync.WaitGroup
	split := new(sync.Mutex)
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m := newMem(b)
			m.split = split
			for range 1000 {
				m.Atomic(ir.OpAtomicAdd, 0, addr(b), 8, 1, 0)
				m.Atomic(ir.OpAtomicAdd, 0, addr(b)+9, 4, 1, 0)
			}
		}()
	}
	wg.Wait()
	require.EqualValues(t, 4000, binary.LittleEndian.Uint64(b))
	require.EqualValues(t, 4000, binary.LittleEndian.Uint32(b[9:]))
}

func BenchmarkMemLoad64(b *testing.B) {
	buf := words(64)
	m := newMem(nil, nil, buf)
	at, sum := addr(buf), uint64(0)
	for b.Loop() {
		v, ok := m.Load64(2, at)
		if !ok {
			b.Fatal()
		}
		sum += v
	}
	require.Zero(b, sum)
}
