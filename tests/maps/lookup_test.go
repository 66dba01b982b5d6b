// Package maps tests what compiled programs and their host see of the same maps.
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

var engines = []struct {
	name string
	make func() sdk.Backend
}{{"interp", builtin.Interp}, {"amd64", builtin.AMD64}}

// lookup is a program on memory that looks its key up in a map and returns the first bytes of the value, or -1.
func lookup(m abi.MapSpec) *sdk.Object {
	size := min(m.ValueSize, 8)
	insns := isa.Prog(
		isa.Mov.Reg(isa.R2, isa.R1),
		isa.LoadImm64(isa.R1, 0),
		isa.CallHelper(1),
		isa.NE.Imm(isa.R0, 0, 2),
		isa.Mov.Imm(isa.R0, -1),
		isa.Return(),
		isa.LoadMem(isa.R0, isa.R0, 0, uint8(size)),
		isa.Return(),
	)
	return &sdk.Object{Name: "lookup", License: "GPL", Maps: []abi.MapSpec{m}, Programs: []obj.Program{{
		Name: "lookup", Type: fmt.Sprintf("mem/%d", m.KeySize), Insns: insns, Refs: []obj.Ref{{Slot: 1, Kind: obj.RefMap}},
	}}}
}

// TestLookupsInCodeFindWhatTheHostPuts: the expansions of lookups, for every size of keys.
func TestLookupsInCodeFindWhatTheHostPuts(t *testing.T) {
	for _, typ := range []uint32{abi.MapTypeHash, abi.MapTypeLRUHash, abi.MapTypePerCPUHash, abi.MapTypeLRUPerCPUHash} {
		for _, key := range []uint32{1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 40, 64, 127, 128, 129, 200} {
			testLookups(t, abi.MapSpec{Name: "m", Type: typ, KeySize: key, ValueSize: 8 + key%13, MaxEntries: 64})
		}
	}
	for _, typ := range []uint32{abi.MapTypeArray, abi.MapTypePerCPUArray} {
		for _, value := range []uint32{1, 2, 4, 8, 12, 100} {
			testLookups(t, abi.MapSpec{Name: "m", Type: typ, KeySize: 4, ValueSize: value, MaxEntries: 37})
		}
	}
}

func testLookups(t *testing.T, spec abi.MapSpec) {
	for _, e := range engines {
		t.Run(fmt.Sprintf("%s/type %d/key %d/value %d", e.name, spec.Type, spec.KeySize, spec.ValueSize), func(t *testing.T) {
			p, err := sdk.Load(context.Background(), lookup(spec), e.make(), sdk.Options{Set: builtin.Base(), CPUs: 2})
			require.NoError(t, err)
			defer p.Close()
			rng := rand.New(rand.NewPCG(uint64(spec.Type), uint64(spec.KeySize)))
			model := map[string]uint64{}
			for range 40 {
				k := drawKey(rng, &spec)
				n := rng.Uint64() >> 1
				if spec.ValueSize < 8 {
					n &= 1<<(8*spec.ValueSize) - 1
				}
				res, err := p.Maps(context.Background(), sdk.MapOp{Kind: sdk.MapPut, Map: "m", Key: k, Value: value(&spec, n, 2)})
				require.NoError(t, err)
				if res[0].Err == "" {
					model[string(k)] = n
				}
			}
			require.NotEmpty(t, model)
			for range 200 {
				check(t, p, model, drawKey(rng, &spec), &spec)
			}
			for k := range model {
				check(t, p, model, []byte(k), &spec)
			}
		})
	}
}

func drawKey(rng *rand.Rand, spec *abi.MapSpec) []byte {
	k := make([]byte, spec.KeySize)
	for i := range k {
		k[i] = byte(rng.IntN(3)) // so that keys differ in few places
	}
	if spec.Type == abi.MapTypeArray || spec.Type == abi.MapTypePerCPUArray {
		binary.LittleEndian.PutUint32(k, rng.Uint32N(2*spec.MaxEntries))
	}
	return k
}

// value is n as a value of the map, for all CPUs.
func value(spec *abi.MapSpec, n uint64, cpus int) []byte {
	one := make([]byte, max(spec.ValueSize, 8))
	binary.LittleEndian.PutUint64(one, n)
	if spec.Type == abi.MapTypePerCPUHash || spec.Type == abi.MapTypePerCPUArray || spec.Type == abi.MapTypeLRUPerCPUHash {
		one = append(one, make([]byte, -len(one)&7)...)
		all := []byte{}
		for range cpus {
			all = append(all, one...)
		}
		return all
	}
	return one[:spec.ValueSize]
}

func check(t *testing.T, p *sdk.Program, model map[string]uint64, k []byte, spec *abi.MapSpec) {
	t.Helper()
	want, ok := model[string(k)]
	if index := spec.Type == abi.MapTypeArray || spec.Type == abi.MapTypePerCPUArray; !ok && !(index && binary.LittleEndian.Uint32(k) < spec.MaxEntries) {
		want = ^uint64(0)
	}
	got, err := p.Run(k)
	require.NoError(t, err)
	require.Equal(t, want, got, "key %x", k)
}
