package maps

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

func TestHeader(t *testing.T) {
	w := newWorld(3)
	m := w.mapOf(t, spec(typePerCPUHash, 5, 12, 100, FlagNoPrealloc), nil)
	head := w.heap.words(m.Address(), 16)
	_, slab := m.Slab()
	require.Equal(t, []uint64{
		7 | typePerCPUHash<<32, 5 | 12<<32, 100 | FlagNoPrealloc<<32, slab,
		m.Address() + headerSize, 16, 127,
	}, head[:7])
	require.NotZero(t, head[7])
	mem, _ := m.Slab()
	require.Equal(t, uint64(len(mem)), 3*head[7], "the values of each CPU lie together")
}

func le(i uint32) []byte { return binary.LittleEndian.AppendUint32(nil, i) }

func le64(i uint64) []byte { return binary.LittleEndian.AppendUint64(nil, i) }

// What machine code finds is what Lookup finds.
func TestMachine(t *testing.T) {
	for _, s := range []*abi.MapSpec{
		spec(typeHash, 4, 8, 20, 0), spec(typeHash, 8, 12, 20, 0), spec(typeHash, 13, 1, 5, FlagZeroSeed), spec(typeHash, 70, 8, 20, 0),
		spec(typePerCPUHash, 6, 12, 20, 0), spec(typeLRUHash, 4, 8, 6, 0), spec(typeLRUPerCPUHash, 8, 8, 6, 0),
		spec(typeLPMTrie, 8, 8, 20, FlagNoPrealloc), spec(typeLPMTrie, 5, 3, 20, FlagNoPrealloc), spec(typeLPMTrie, 20, 8, 20, FlagNoPrealloc),
	} {
		t.Run(kindOf(s.Type).name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { machineFinds(t, s) }) })
	}
}

// someKey is a key of few: one in three bytes varies.
func someKeyOf(t *rapid.T, s *abi.MapSpec) []byte {
	k := make([]byte, s.KeySize)
	for i := range k {
		if i%3 == 2 || i == len(k)-1 {
			k[i] = rapid.SampledFrom([]byte{0, 0, 1, 128, 255}).Draw(t, "byte")
		}
	}
	if s.Type == typeLPMTrie {
		binary.LittleEndian.PutUint32(k, rapid.Uint32Range(0, 8*(s.KeySize-4)).Draw(t, "prefix"))
	}
	return k
}

func machineFinds(t *rapid.T, s *abi.MapSpec) {
	w := newWorld(2)
	m, err := New(s, nil, w.env)
	require.NoError(t, err)
	x := w.machine(m)
	for range rapid.IntRange(1, 60).Draw(t, "operations") {
		k := someKeyOf(t, s)
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			m.Delete(k)
		} else {
			m.Update(k, rapid.SliceOfN(rapid.Byte(), int(s.ValueSize), int(s.ValueSize)).Draw(t, "value"), 0, 0)
		}
		k = someKeyOf(t, s)
		cpu := rapid.IntRange(0, 1).Draw(t, "cpu")
		found := uint64(0)
		switch {
		case s.Type == typeLPMTrie:
			found = x.trie(k)
		case kindOf(s.Type).perCPU:
			found = x.hash(k, uint64(cpu))
		default:
			found = x.hash(k, 0)
		}
		require.Equal(t, m.Lookup(k, cpu), found)
	}
	require.NoError(t, m.Close())
}

func TestMachineArray(t *testing.T) {
	w := newWorld(3)
	m := w.mapOf(t, spec(typePerCPUArray, 4, 12, 5, 0), nil)
	x := w.machine(m)
	for i := range uint32(7) {
		for cpu := range 3 {
			require.Equal(t, m.Lookup(le(i), cpu), x.array(i, uint64(cpu)))
		}
	}
	require.Zero(t, m.Lookup(le(0), 3), "there is no such CPU")
}

func TestMachineTable(t *testing.T) {
	w := newWorld(1)
	in := spec(typeHash, 4, 4, 3, 0)
	inner := w.mapOf(t, in, nil)
	w.env.Map = func(id uint32) codegen.Map {
		if id == 9 {
			return inner
		}
		return nil
	}
	m := w.mapOf(t, spec(typeArrayOfMaps, 4, 4, 2, 0), in)
	h := w.mapOf(t, spec(typeHashOfMaps, 8, 4, 2, 0), in)
	x, y := w.machine(m), w.machine(h)
	require.Zero(t, x.table(1))
	require.Equal(t, codegen.EBADF, m.Update(le(1), le(8), 0, 0))
	require.Equal(t, codegen.OK, m.Update(le(1), le(9), 0, 0))
	require.Equal(t, inner.Address(), x.table(1))
	require.Equal(t, inner.Address(), m.Lookup(le(1), 0))
	require.Zero(t, x.table(2))

	require.Equal(t, codegen.OK, h.Update(le64(5), le(9), 0, 0))
	at := y.hash(le64(5), 0)
	require.Equal(t, inner.Address(), w.heap.words(at, 1)[0])
	require.Equal(t, inner.Address(), h.Lookup(le64(5), 0))
	mem, _ := h.Slab()
	require.Empty(t, mem, "programs must not see addresses of inner maps in a slab")
}
