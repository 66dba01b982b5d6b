package maps

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// prefix is a key of an LPM trie.
type prefix struct {
	length int
	data   string
}

// bit is bit i of data, the highest of the first byte first.
func bit(data string, i int) byte { return data[i/8] >> (7 - i%8) & 1 }

// contains reports whether data begins with the prefix.
func (p prefix) contains(data string) bool {
	for i := range p.length {
		if bit(p.data, i) != bit(data, i) {
			return false
		}
	}
	return true
}

// prefixes is a trie as a list.
type prefixes map[prefix]uint64

// longest is the value of the longest prefix of a key.
func (all prefixes) longest(key prefix) (value uint64, ok bool) {
	best := -1
	for p, v := range all {
		if p.length <= key.length && p.length > best && p.contains(key.data) {
			best, value, ok = p.length, v, true
		}
	}
	return value, ok
}

// canonical is p with the bits cleared that do not count.
func (p prefix) canonical() prefix {
	b := []byte(p.data)
	for i := p.length; i < 8*len(b); i++ {
		b[i/8] &^= 0x80 >> (i % 8)
	}
	return prefix{p.length, string(b)}
}

func (p prefix) key() []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(p.length)), p.data...)
}

// drawPrefix draws one of few, so that many contain others.
func drawPrefix(rng *rand.Rand, data int) prefix {
	b := make([]byte, data)
	for i := range b {
		b[i] = []byte{0, 0x80, 0xff, 0xfe}[rng.IntN(4)]
	}
	n := rng.IntN(8*data + 1)
	if rng.IntN(2) == 0 {
		n = min(8*data, 64*rng.IntN(3)+rng.IntN(3))
	}
	return prefix{n, string(b)}
}

// TestLookupsInTries: for every size of keys, those without a template too, against a list.
func TestLookupsInTries(t *testing.T) {
	for _, data := range []int{1, 2, 3, 4, 6, 8, 9, 12, 16, 17, 20, 24, 32, 120, 124, 130} {
		spec := abi.MapSpec{Name: "m", Type: abi.MapTypeLPMTrie, KeySize: uint32(4 + data), ValueSize: uint32(8 + data%9), MaxEntries: 256, Flags: 1}
		for _, e := range engines {
			t.Run(fmt.Sprintf("%s/%d", e.name, data), func(t *testing.T) {
				c, err := sdk.LoadCollection(context.Background(), lookup(spec), e.make(), sdk.Options{Set: builtin.Base(), CPUs: 2})
				require.NoError(t, err)
				defer c.Close()
				m, p := c.Maps["m"], c.Programs["lookup"]
				rng := rand.New(rand.NewPCG(7, uint64(data)))
				all := prefixes{}
				find := func(k prefix) {
					want, ok := all.longest(k)
					if !ok {
						want = ^uint64(0)
					}
					got, err := p.Run(k.key())
					require.NoError(t, err)
					require.Equal(t, want, got, "%d bits of %x", k.length, k.data)
				}
				for range 300 {
					k := drawPrefix(rng, data)
					if rng.IntN(3) == 0 {
						_, ok := all[k.canonical()]
						require.Equal(t, ok, m.Delete(k.key()) == nil)
						delete(all, k.canonical())
					} else if n := rng.Uint64() >> 1; m.Put(k.key(), value(&spec, n, 1)) == nil {
						all[k.canonical()] = n
					}
					find(drawPrefix(rng, data))
					find(prefix{8 * data, drawPrefix(rng, data).data})
				}
				require.NotEmpty(t, all)
				for k := range all {
					find(k)
				}
				for _, n := range []uint32{uint32(8*data + 1), 1 << 31, 1<<32 - 1} {
					k := prefix{8 * data, drawPrefix(rng, data).data}.key()
					binary.LittleEndian.PutUint32(k, n)
					got, err := p.Run(k)
					require.NoError(t, err)
					require.Equal(t, ^uint64(0), got, "a prefix longer than its data")
				}
			})
		}
	}
}

// TestLookupsInHashesOfMaps: the inner map is found, and a key that is not there is not.
func TestLookupsInHashesOfMaps(t *testing.T) {
	insns := isa.Prog(
		isa.Mov.Reg(isa.R2, isa.R1),
		isa.LoadImm64(isa.R1, 0),
		isa.CallHelper(1),
		isa.NE.Imm(isa.R0, 0, 2),
		isa.Mov.Imm(isa.R0, -1),
		isa.Return(),
		isa.Mov.Reg(isa.R1, isa.R0),
		isa.StoreImm(isa.R10, -4, 0, 4),
		isa.Mov.Reg(isa.R2, isa.R10),
		isa.Add.Imm(isa.R2, -4),
		isa.CallHelper(1),
		isa.NE.Imm(isa.R0, 0, 1),
		isa.Return(),
		isa.LoadMem(isa.R0, isa.R0, 0, 8),
		isa.Return(),
	)
	inner := abi.MapSpec{Type: abi.MapTypeArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	named := func(name string) abi.MapSpec { m := inner; m.Name = name; return m }
	for _, size := range []uint32{1, 4, 8, 12, 31} {
		o := &sdk.Object{Name: "nested", License: "GPL", Maps: []abi.MapSpec{
			named("a"), {Name: "outer", Type: abi.MapTypeHashOfMaps, KeySize: size, ValueSize: 4, MaxEntries: 8, Inner: 1}, named("b"),
		}, Programs: []obj.Program{{Name: "nested", Type: fmt.Sprintf("mem/%d", size), Insns: insns, Refs: []obj.Ref{{Slot: 1, Kind: obj.RefMap, Index: 1}}}}}
		for _, e := range engines {
			c, err := sdk.LoadCollection(context.Background(), o, e.make(), sdk.Options{Set: builtin.Base()})
			require.NoError(t, err)
			keys := [][]byte{make([]byte, size), make([]byte, size), make([]byte, size)}
			keys[1][size-1], keys[2][0] = 1, 2
			require.NoError(t, c.Maps["a"].Put(uint32(0), uint64(10)))
			require.NoError(t, c.Maps["b"].Put(uint32(0), uint64(11)))
			require.NoError(t, c.Maps["outer"].Put(keys[0], c.Maps["a"].ID()))
			require.NoError(t, c.Maps["outer"].Put(keys[1], c.Maps["b"].ID()))
			for i, want := range []uint64{10, 11, ^uint64(0)} {
				got, err := c.Programs["nested"].Run(keys[i])
				require.NoError(t, err)
				require.Equal(t, want, got, "%s, keys of %d bytes, key %d", e.name, size, i)
			}
			require.NoError(t, c.Close())
		}
	}
}
