package filter

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"

	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
)

// BenchmarkFilters runs `tcp port 80` on packets of all kinds, one by one and in batches, beside golang.org/x/net/bpf.
func BenchmarkFilters(b *testing.B) {
	insns, ok := cbpftest.Compile(b, "tcp port 80", true)
	require.True(b, ok)
	var raw []bpf.RawInstruction
	for _, i := range insns {
		raw = append(raw, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	decoded, ok := bpf.Disassemble(raw)
	require.True(b, ok)
	vm, err := bpf.NewVM(decoded)
	require.NoError(b, err)
	f, err := Compile(insns, Pcap)
	require.NoError(b, err)
	packets := cbpftest.Packets(256)
	b.Run("x/net", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, _ = vm.Run(packets[i%256])
		}
	})
	b.Run("match", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			f.Match(packets[i%256])
		}
	})
	b.Run("batch", func(b *testing.B) {
		verdicts := make([]uint32, len(packets))
		for b.Loop() {
			f.MatchBatch(packets, verdicts)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(packets)), "ns/packet")
	})
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			f, err := Compile(insns, Pcap)
			require.NoError(b, err)
			require.NoError(b, f.Close())
		}
		b.ReportMetric(float64(len(insns)), "insns")
	})
}
