package filter

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/sdk"
)

// ladder is a filter of 2n + 4 instructions that accepts n ports of TCP over IPv4.
func ladder(n int) []Insn {
	insns := []Insn{{Code: 0x28, K: 36}}
	for i := range n {
		insns = append(insns, Insn{Code: 0x15, Jt: 0, Jf: 1, K: uint32(i*7 + 3)}, Insn{Code: 0x6, K: 262144})
	}
	return append(insns, Insn{Code: 0x6})
}

// BenchmarkCompile measures what a filter costs from its instructions to its end: the conversion, all of the compilation, and
// that with loading, unloading and what else Compile does.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{9, 100, 2000} {
		insns := ladder(n)
		h, err := home()
		require.NoError(b, err)
		object, err := cbpf.Convert("filter", insns, Pcap, cbpf.Options{Whole: true})
		require.NoError(b, err)
		for _, c := range []struct {
			name string
			run  func() error
		}{
			{"convert", func() error {
				_, err := cbpf.Convert("filter", insns, Pcap, cbpf.Options{Whole: true})
				return err
			}},
			{"lower", func() error { _, err := core.Lower(object, h.set, core.Options{}); return err }},
			{"compile", func() error {
				_, err := sdk.Compile(b.Context(), object, h.backend, sdk.Options{Set: h.set, CPU: h.cpu})
				return err
			}},
			{"load", func() error {
				f, err := Compile(insns, Pcap)
				if err != nil {
					return err
				}
				return f.Close()
			}},
		} {
			b.Run(fmt.Sprintf("%d/%s", len(insns), c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, c.run())
				}
			})
		}
	}
}

// BenchmarkLadder runs a filter that accepts 60 ports, on packets with each of them and with others.
func BenchmarkLadder(b *testing.B) {
	insns := ladder(60)
	raw := make([]bpf.RawInstruction, len(insns))
	for i, in := range insns {
		raw[i] = bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	decoded, ok := bpf.Disassemble(raw)
	require.True(b, ok)
	vm, err := bpf.NewVM(decoded)
	require.NoError(b, err)
	f, err := Compile(insns, Pcap)
	require.NoError(b, err)
	r := rand.New(rand.NewPCG(1, 1))
	packets := make([][]byte, 256)
	for i := range packets {
		port := 7*r.IntN(60) + 3
		if i%4 == 0 {
			port++
		}
		packets[i] = make([]byte, 60)
		binary.BigEndian.PutUint16(packets[i][36:], uint16(port))
	}
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
}
