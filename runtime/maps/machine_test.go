package maps

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/codegen"
)

// machine looks keys up as machine code does: from the address of a map alone, by the layouts of the package's comment, one
// load after the other, without a lock. It shares no code with the maps.
type machine struct {
	head []uint64
	heap *heap
	mem  map[uint64][]uint64 // spans, by their address
}

// at is what lies behind an address that the header gives. It is looked up once: machine code takes no lock.
func (w *world) machine(m codegen.Map) *machine {
	x := &machine{head: w.heap.words(m.Address(), 16), heap: w.heap, mem: map[uint64][]uint64{}}
	for _, h := range []int{3, 4, 9} {
		if a := x.head[h]; a > 1<<20 {
			x.mem[a] = w.heap.rest(a)
		}
	}
	return x
}

// rest is all words from an address to the end of its span.
func (h *heap) rest(addr uint64) []uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	for base, w := range h.spans {
		if off := addr - base; off < uint64(8*len(w)) {
			return w[off/8:]
		}
	}
	return nil
}

func (x *machine) u32(base, off uint64) uint32 {
	return atomic.LoadUint32(half(x.mem[base], uint32(off)))
}

func (x *machine) u64(base, off uint64) uint64 { return atomic.LoadUint64(&x.mem[base][off/8]) }

// padded is a key in words.
func padded(key []byte) []uint64 {
	b := append(append([]byte(nil), key...), make([]byte, 7)...)
	var k []uint64
	for ; len(b) >= 8; b = b[8:] {
		k = append(k, binary.LittleEndian.Uint64(b))
	}
	return k
}

// hash is the address of the value at key on a CPU, 0 if there is none.
func (x *machine) hash(key []byte, cpu uint64) uint64 {
	values, index, stride, mask, cpuStride := x.head[3], x.head[4], x.head[5], x.head[6], x.head[7]
	h, elements, step := x.head[8], x.head[9], x.head[10]
	k := padded(key)
	for _, w := range k {
		h = (h ^ w) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	hash := uint32(h * 0xd6e8feb86659fd93 >> 32)
	for e := x.u32(index, 4*(uint64(hash)&mask)); e != 0; {
		at := uint64(e-1) * step
		same := x.u32(elements, at+4) == hash
		for i, w := range k {
			same = same && x.u64(elements, at+8+8*uint64(i)) == w
		}
		if same {
			return values + cpu*cpuStride + uint64(e-1)*stride
		}
		e = x.u32(elements, at)
	}
	return 0
}

// array is the address of the value at an index.
func (x *machine) array(i uint32, cpu uint64) uint64 {
	if i >= uint32(x.head[2]) {
		return 0
	}
	return x.head[3] + cpu*x.head[7] + uint64(i)*x.head[5]
}

// table is the word at an index.
func (x *machine) table(i uint32) uint64 {
	if i >= uint32(x.head[2]) {
		return 0
	}
	return x.u64(x.head[4], 8*uint64(i))
}

// trie is the address of the value at the longest prefix of key.
func (x *machine) trie(key []byte) (value uint64) {
	nodes, step := x.head[9], x.head[10]
	length, data := binary.LittleEndian.Uint32(key), padded(key[4:])
	full := uint32(8 * len(key[4:]))
	if length > full {
		return 0
	}
	for n := atomic.LoadUint32(half(x.head[8:], 0)); n != 0; {
		at := uint64(n-1) * step
		l := x.u32(nodes, at+8)
		if l > length || !x.samePrefix(nodes, at+16, data, l) {
			break
		}
		if v := x.u32(nodes, at+12); v != 0 {
			value = x.head[3] + uint64(v-1)*x.head[5]
		}
		if l == length || l == full {
			break
		}
		next := key[4+l/8] >> (7 - l%8) & 1
		n = x.u32(nodes, at+4*uint64(next))
	}
	return value
}

func (x *machine) samePrefix(nodes, at uint64, data []uint64, l uint32) bool {
	for i := uint32(0); i < l; i += 64 {
		d := bits.ReverseBytes64(x.u64(nodes, at+uint64(i/8)) ^ data[i/64])
		if n := l - i; n < 64 {
			d >>= 64 - n
		}
		if d != 0 {
			return false
		}
	}
	return true
}
