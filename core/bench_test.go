package core_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/plugins/helpers/base"
)

// straight is a program of about n instructions as compilers make them: loads,
// arithmetic, compares and branches over blocks of eight, stores, and a loop.
func straight(n int) []isa.Insn {
	p := []isa.Insn{isa.Mov64Imm(isa.R0, 0), isa.Mov64Reg(isa.R6, isa.R1)}
	for i := 0; len(p) < n-2; i++ {
		p = append(p,
			isa.LoadMem(isa.R2, isa.R6, int16(i%56), 4),
			isa.Add.Reg(isa.R0, isa.R2),
			isa.Mov64Reg(isa.R3, isa.R6),
			isa.Add.Imm(isa.R3, int32(i%32)),
			isa.NE.Imm(isa.R2, int32(i), 2),
			isa.Xor.Imm(isa.R0, 0x55),
			isa.StoreMem(isa.R10, int16(-8*(1+i%8)), isa.R0, 8),
			isa.LoadMem(isa.R4, isa.R3, 0, 1),
			isa.Lsh.Imm(isa.R4, 3),
			isa.Add.Reg(isa.R0, isa.R4),
		)
	}
	return append(p, isa.Return())
}

// BenchmarkCompile measures the whole pipeline in process, from bytes to a sealed
// artifact: the mean, and the fastest turn, which other work on the machine disturbs least.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			code, err := isa.Encode(straight(n))
			require.NoError(b, err)
			set, back := base.Set(), amd64.New()
			b.ReportAllocs()
			fastest := time.Duration(math.MaxInt64)
			for b.Loop() {
				start := time.Now()
				insns, err := isa.Decode(code)
				if err != nil {
					b.Fatal(err)
				}
				o := &obj.Object{Name: "bench", Programs: []obj.Program{{Name: "main", Type: "mem/64", Insns: insns}}}
				if _, err := core.Compile(context.Background(), o, set, back, core.Options{Policy: verifier.Guard}); err != nil {
					b.Fatal(err)
				}
				fastest = min(fastest, time.Since(start))
			}
			insns := float64(len(code) / 8)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/insns, "ns/insn")
			b.ReportMetric(float64(fastest.Nanoseconds())/insns, "min-ns/insn")
		})
	}
}
