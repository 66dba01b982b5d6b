package maps

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// benchmarked are the kinds with keys, of 10,000 entries, as programs use them.
var benchmarked = []*abi.MapSpec{
	spec(typeArray, 4, 8, 10_000, 0),
	spec(typePerCPUArray, 4, 8, 10_000, 0),
	spec(typeHash, 8, 8, 10_000, 0),
	spec(typeHash, 16, 64, 10_000, FlagNoPrealloc),
	spec(typePerCPUHash, 8, 8, 10_000, 0),
	spec(typeLRUHash, 8, 8, 10_000, 0),
	spec(typeLRUPerCPUHash, 8, 8, 10_000, 0),
	spec(typeLPMTrie, 8, 8, 10_000, FlagNoPrealloc),
	spec(typeSockHash, 8, 8, 10_000, 0),
	spec(typeSockMap, 4, 8, 10_000, 0),
	spec(typeDevMap, 4, 8, 10_000, 0),
}

// benchKeys are n keys of a map; those of a trie are addresses of hosts.
func benchKeys(s *abi.MapSpec, n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		k := make([]byte, s.KeySize)
		binary.LittleEndian.PutUint32(k, uint32(i))
		if s.Type == typeLPMTrie {
			binary.LittleEndian.PutUint32(k, 32)
			binary.BigEndian.PutUint32(k[4:], uint32(i)*0x9e3779b1)
		}
		keys[i] = k
	}
	return keys
}

func benchEach(b *testing.B, f func(b *testing.B, m Map, keys [][]byte, value []byte)) {
	for _, s := range benchmarked {
		b.Run(fmt.Sprintf("%s/key=%d/value=%d", kindOf(s.Type).name, s.KeySize, s.ValueSize), func(b *testing.B) {
			m := newWorld(2).mapOf(b, s, nil)
			keys, value := benchKeys(s, int(s.MaxEntries)), number(1, s.ValueSize)
			for _, k := range keys {
				if errno := m.Update(k, value, 0, 0); errno != codegen.OK {
					b.Fatal(errno)
				}
			}
			f(b, m, keys, value)
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	benchEach(b, func(b *testing.B, m Map, keys [][]byte, _ []byte) {
		for i := 0; b.Loop(); i++ {
			if m.Lookup(keys[i%len(keys)], 0) == 0 {
				b.Fatal("not there")
			}
		}
	})
}

// BenchmarkUpdate is of keys that are there.
func BenchmarkUpdate(b *testing.B) {
	benchEach(b, func(b *testing.B, m Map, keys [][]byte, value []byte) {
		for i := 0; b.Loop(); i++ {
			if errno := m.Update(keys[i%len(keys)], value, 0, 0); errno != codegen.OK {
				b.Fatal(errno)
			}
		}
	})
}

// BenchmarkReplace deletes a key and inserts it again.
func BenchmarkReplace(b *testing.B) {
	benchEach(b, func(b *testing.B, m Map, keys [][]byte, value []byte) {
		if m.Delete(keys[0]) != codegen.OK {
			b.Skip("its elements cannot be deleted")
		}
		for i := 0; b.Loop(); i++ {
			k := keys[i%len(keys)]
			m.Delete(k)
			if errno := m.Update(k, value, 0, 0); errno != codegen.OK {
				b.Fatal(errno)
			}
		}
	})
}

// BenchmarkEvict inserts keys that are not there into a full LRU map.
func BenchmarkEvict(b *testing.B) {
	m := newWorld(2).mapOf(b, spec(typeLRUHash, 8, 8, 10_000, 0), nil)
	for i := uint64(0); b.Loop(); i++ {
		if errno := m.Update(le64(i), le64(i), 0, 0); errno != codegen.OK {
			b.Fatal(errno)
		}
	}
}

func BenchmarkQueues(b *testing.B) {
	for _, kind := range []uint32{typeQueue, typeStack} {
		b.Run(kindOf(kind).name+" push and pop", func(b *testing.B) {
			m, v := newWorld(1).mapOf(b, spec(kind, 0, 8, 64, 0), nil), make([]byte, 8)
			for b.Loop() {
				m.Push(v, 0)
				m.Pop(v)
			}
		})
	}
	b.Run("bloom filter peek", func(b *testing.B) {
		m, v := newWorld(1).mapOf(b, spec(typeBloomFilter, 0, 8, 1000, 0), nil), make([]byte, 8)
		m.Push(v, 0)
		for b.Loop() {
			m.Peek(v)
		}
	})
	b.Run("ring buffer reserve, commit and consume", func(b *testing.B) {
		r := newWorld(1).mapOf(b, spec(typeRingBuf, 0, 0, 1<<16, 0), nil).(codegen.Ring)
		for i := 0; b.Loop(); i++ {
			r.Commit(r.Reserve(16), false)
			if i%1024 == 0 {
				r.Consume()
			}
		}
	})
	b.Run("stack trace", func(b *testing.B) {
		m := newWorld(1).mapOf(b, spec(typeStackTrace, 4, 160, 1024, 0), nil).(StackTrace)
		stack := make([]uint64, 20)
		for i := uint64(0); b.Loop(); i++ {
			stack[0] = i % 100
			m.Store(stack, 0)
		}
	})
}
