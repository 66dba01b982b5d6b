package maps

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// words64 is memory of an arena as words.
func words64(b []byte) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}

func words32(b []byte) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// half is the 4 bytes at byte off of w, a multiple of 4.
func half(w []uint64, off uint32) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(&w[off/8]), off%8))
}

// round8 rounds up to a multiple of 8.
func round8(n uint64) uint64 { return (n + 7) &^ 7 }

// word is bytes 8·i to 8·i+7 of b, zeros behind its end.
func word(b []byte, i int) uint64 {
	b = b[min(8*i, len(b)):]
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	var w uint64
	for j, c := range b {
		w |= uint64(c) << (8 * j)
	}
	return w
}

// putWord is the inverse: what does not fit into b is dropped.
func putWord(b []byte, i int, w uint64) {
	b = b[8*i:]
	if len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, w)
		return
	}
	for j := range b {
		b[j] = byte(w >> (8 * j))
	}
}

// smallKey is the size of keys, in words, that need no memory of their own while they are looked up.
const smallKey = 8

// keyWords is the zero-padded key; buf holds it if it is small.
func keyWords(key []byte, buf *[smallKey]uint64) []uint64 {
	n := (len(key) + 7) / 8
	k := buf[:]
	if n > len(k) {
		k = make([]uint64, n)
	}
	for i := range n {
		k[i] = word(key, i)
	}
	return k[:n]
}

// keyBytes is the inverse of keyWords: a copy of the first n bytes.
func keyBytes(k []uint64, n uint32) []byte {
	b := make([]byte, n)
	for i := range k {
		putWord(b, i, k[i])
	}
	return b
}

// merge stores w in p but for the bits in keep.
func merge(p *uint64, w, keep uint64) {
	for {
		old := atomic.LoadUint64(p)
		if atomic.CompareAndSwapUint64(p, old, old&keep|w&^keep) {
			return
		}
	}
}

// roundPower is the smallest power of two that is not below n, n ≤ 1<<63.
func roundPower(n uint64) uint64 {
	p := uint64(1)
	for p < n {
		p <<= 1
	}
	return p
}
