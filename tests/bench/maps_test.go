package bench

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// keys is how many keys the maps of maps/lookups.c hold; each run of its programs makes lookups lookups.
const (
	keys    = 10_000
	lookups = 1000
)

// keyOf is key i of a map: the number itself, of a trie a prefix of 24 bits.
func keyOf(i uint64, typ, size uint32) []byte {
	if typ == abi.MapTypeLPMTrie {
		return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 24), uint32(i<<8))
	}
	return binary.LittleEndian.AppendUint64(nil, i)[:size]
}

// BenchmarkLookup is a lookup from machine code among 10,000 keys, without a pattern, less the loop without it; and the
// same object in the machine's kernel, where it may be loaded.
//
//	maps/lookups.o: clang-19 -target bpf -O2 -g -mcpu=v3 -c lookups.c && llvm-strip-19 -g lookups.o
func BenchmarkLookup(b *testing.B) {
	ctx := b.Context()
	o, err := builtin.ReadFile(ctx, "maps/lookups.o", builtin.ReadOptions{})
	require.NoError(b, err)
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	require.NoError(b, err)
	c, err := sdk.LoadCollection(ctx, o, builtin.AMD64(), sdk.Options{Set: set, CPU: sdk.HostCPU(), CPUs: 1})
	require.NoError(b, err)
	defer c.Close()
	for _, name := range []string{"array", "hash", "lru", "percpu", "lpm"} {
		m := c.Maps[name]
		for i := range uint64(keys) {
			require.NoError(b, m.Put(keyOf(i, m.Spec().Type, m.Spec().KeySize), i))
		}
	}
	var all []*contestant
	packet := make([]byte, 64)
	for _, name := range slices.Sorted(maps.Keys(c.Programs)) {
		p := c.Programs[name]
		all = append(all, &contestant{name: name, run: func(int) error { _, err := p.Run(packet); return err }})
	}
	inKernel, err := kernelLookups(b, "maps/lookups.o", packet)
	if err != nil {
		b.Log("without the kernel: ", err)
	}
	all = append(all, inKernel...)
	inTurns(b, all...)
	base := map[bool]*contestant{}
	for _, c := range all {
		if name, kernel := strings.CutPrefix(c.name, "kernel-"); name == "none" {
			base[kernel] = c
		}
	}
	for _, c := range all {
		_, kernel := strings.CutPrefix(c.name, "kernel-")
		if none := base[kernel]; c != none {
			b.ReportMetric((c.median()-none.median())/lookups, c.name+"-ns")
			b.ReportMetric((c.min()-none.min())/lookups, c.name+"-min-ns")
		}
	}
}
