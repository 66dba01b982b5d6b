package interp_test

import (
	"context"
	"testing"

	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// kernels are loops as lowering leaves them. Instructions counts those of BPF in one run.
var kernels = []struct {
	name, text string
	mem        int
	insns      float64
}{
	{"alu", `func@0 "alu" pos 0 frame 0 {
b0:
  r0 = mov64 1
  r3 = mov64 10000
  jmp -> b1
b1:
  poll
  r4 = mov64 r0
  r4 = lsh64 r4, 13
  r0 = xor64 r0, r4
  r4 = mov64 r0
  r4 = rsh64 r4, 7
  r0 = xor64 r0, r4
  r0 = mul64 r0, 31
  r0 = add64 r0, r3
  r3 = add64 r3, -1
  br64 ne r3, 0 -> b1, b2
b2:
  exit
}`, 0, 10 * 10_000},
	{"sum", `func@0 "sum" pos 0 frame 0 {
b0:
  r0 = mov64 0
  r3 = mov64 r1
  r3 = add64 r3, r2
  jmp -> b1
b1:
  poll
  guard.mem.r32 [r1], region 1, rule memory
  r4 = load.u32 [r1]
  r0 = add32 r0, r4
  r1 = add64 r1, 4
  br64 ult r1, r3 -> b1, b2
b2:
  exit
}`, 40_000, 4 * 10_000},
	{"stack", `func@0 "stack" pos 0 frame 16 {
b0:
  store.u64 [r10-8], 10000
  jmp -> b1
b1:
  poll
  r3 = load.u64 [r10-8]
  r3 = add64 r3, -1
  store.u64 [r10-8], r3
  br64 ne r3, 0 -> b1, b2
b2:
  exit
}`, 0, 4 * 10_000},
	{"calls", `func@0 "calls" pos 0 frame 16 {
b0:
  r6 = mov64 10000
  jmp -> b1
b1:
  poll
  r1 = mov64 r6
  call func@1
  r6 = add64 r6, -1
  br64 ne r6, 0 -> b1, b2
b2:
  exit
}
func@1 "f" pos 10 frame 8 {
b0:
  r0 = mov64 r1
  r0 = add64 r0, 1
  exit
}`, 0, 7 * 10_000},
	{"helpers", `helper "test/identity"(any) ret integer impl go
func@0 "helpers" pos 0 frame 16 {
b0:
  r6 = mov64 10000
  jmp -> b1
b1:
  poll
  r1 = mov64 r6
  call.helper helper@0
  r6 = add64 r6, -1
  br64 ne r6, 0 -> b1, b2
b2:
  exit
}`, 0, 4 * 10_000},
}

func BenchmarkRun(b *testing.B) {
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			w, err := load(b, interp.Loader{}, k.text)[0].Worker(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			defer w.Release()
			mem := make([]byte, k.mem)
			for b.Loop() {
				if _, err := w.Run(mem); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/k.insns, "ns/insn")
		})
	}
}

// BenchmarkEntry is a run of nothing.
func BenchmarkEntry(b *testing.B) {
	w, err := load(b, interp.Loader{}, body("exit"))[0].Worker(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer w.Release()
	for b.Loop() {
		_, _ = w.Run(nil)
	}
}

func BenchmarkCompile(b *testing.B) {
	u := unit(b, body("exit"))
	f := u.Programs[0].Funcs[0]
	for range 10_000 {
		f.Blocks[0].Insns = append([]ir.Insn{{Op: ir.OpAdd, Width: 64, Dst: ir.R1, A: ir.R1, Imm: 7}}, f.Blocks[0].Insns...)
	}
	for b.Loop() {
		_, _ = interp.New().Compile(context.Background(), u, codegen.Options{})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/insn")
}
