package bench

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// keys is how many keys the maps of maps/lookups.c hold; each run of its programs makes lookups lookups.
const (
	keys    = 10_000
	lookups = 1000
)

// BenchmarkLookup is a lookup from machine code among 10,000 keys, without a pattern; "none" is the loop without it.
//
//	maps/lookups.o: clang-19 -target bpf -O2 -g -mcpu=v3 -c lookups.c && llvm-strip-19 -g lookups.o
func BenchmarkLookup(b *testing.B) {
	ctx := context.Background()
	o, err := builtin.ReadFile(ctx, "maps/lookups.o", builtin.ReadOptions{})
	require.NoError(b, err)
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	require.NoError(b, err)
	c, err := sdk.LoadCollection(ctx, o, builtin.AMD64(), sdk.Options{Set: set, CPU: sdk.HostCPU(), CPUs: 1})
	require.NoError(b, err)
	defer c.Close()
	for _, name := range []string{"array", "hash", "lru", "percpu"} {
		m := c.Maps[name]
		for i := range uint64(keys) {
			key := binary.LittleEndian.AppendUint64(nil, i)[:m.Spec().KeySize]
			require.NoError(b, m.Put(key, i))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Programs)) {
		p := c.Programs[name]
		b.Run(name, func(b *testing.B) {
			w, err := p.Worker(ctx)
			require.NoError(b, err)
			defer w.Release()
			packet := make([]byte, 64)
			for b.Loop() {
				if _, err := w.Run(packet); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lookups, "ns/lookup")
		})
	}
}
