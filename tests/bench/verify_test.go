package bench

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// shape makes programs of any length: a beginning, and parts that follow one another.
type shape struct {
	name, maps, begin string
	part              func(i int) string
	funcs             func(i int) string // a function that part i calls, nil if there are none
}

// unless leaves the program where a condition does not hold.
func unless(cond string) string { return "if " + cond + " goto +2\nr0 = 0\nexit\n" }

const (
	hash     = ".map m, type=hash, key=4, value=64, entries=8\n"
	packet   = "r6 = r1\nr7 = *(u32 *)(r1 + 0)\nr8 = *(u32 *)(r1 + 4)\n"
	atPacket = packet + "r9 = 0\nr2 = r7\nr2 += 64\nif r2 <= r8 goto +2\nr0 = 0\nexit\n"
)

func lookup(name string, key int) string {
	return fmt.Sprintf("*(u32 *)(r10 - 4) = %d\nr2 = r10\nr2 += -4\nr1 = map[%s] ll\ncall bpf_map_lookup_elem\n", key, name)
}

// shapes are what compilers make of C, and what is known to hurt those who follow paths.
var shapes = []shape{
	{name: "straight", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = *(u32 *)(r7 + %d)\nr9 += r1\nr2 = r9\nr2 <<= 3\nr9 ^= r2\n*(u64 *)(r10 - %d) = r9\nr3 = *(u64 *)(r10 - %d)\nr9 += r3\n", 4*(i%16), 8*(1+i%32), 8*(1+i%32))
	}},
	{name: "branches", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = *(u8 *)(r7 + %d)\nif r1 > %d goto +2\nr9 += r1\nr9 <<= 1\nr9 ^= %d\n", i%64, i%256, i)
	}},
	{name: "diamonds", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = *(u8 *)(r7 + %d)\nr5 = 1\nif r1 > %d goto +1\nr5 = 2\nr9 += r5\n*(u64 *)(r10 - 8) = r5\n", i%64, i%256)
	}},
	{name: "flags", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = *(u8 *)(r7 + %d)\nif r1 != %d goto +1\nr9 |= %d\nr9 += 1\n", i%64, i%256, 1<<(i%30))
	}},
	{name: "ladder", begin: atPacket + "r5 = *(u32 *)(r7 + 0)\n", part: func(i int) string {
		return fmt.Sprintf("if r5 != %d goto +3\nr9 = %d\nr9 *= 7\nr9 ^= r5\n", i, i)
	}},
	{name: "switch", begin: atPacket + "r5 = *(u32 *)(r7 + 0)\n", part: func(i int) string {
		return fmt.Sprintf("if r5 != %d goto +3\nr0 = %d\nr0 &= 1\nexit\n", i, i)
	}},
	{name: "calls", begin: packet, part: func(i int) string {
		return "call bpf_get_prandom_u32\nr9 = r0\nr9 &= 7\nif r9 == 5 goto +1\nr9 = 1\ncall bpf_ktime_get_ns\n*(u64 *)(r10 - 16) = r0\n"
	}},
	{name: "lookups", maps: hash, begin: packet, part: func(i int) string {
		return lookup("m", i%8) + "if r0 == 0 goto +3\nr1 = *(u64 *)(r0 + 8)\nr1 += 1\n*(u64 *)(r0 + 8) = r1\n"
	}},
	{name: "required", maps: hash, begin: packet, part: func(i int) string {
		return lookup("m", i%8) + unless("r0 != 0") + "r1 = *(u64 *)(r0 + 8)\nr1 += 1\n*(u64 *)(r0 + 8) = r1\n"
	}},
	{name: "maps", maps: manyMaps(64), begin: packet, part: func(i int) string {
		return lookup(fmt.Sprint("m", i%64), i%8) + unless("r0 != 0") + fmt.Sprintf("*(u64 *)(r10 - %d) = r0\nr1 = *(u64 *)(r10 - %d)\nr2 = *(u8 *)(r1 + 7)\n", 16+8*(i%60), 16+8*(i%60))
	}},
	{name: "index", maps: hash, begin: packet + lookup("m", 0) + unless("r0 != 0") + "r9 = r0\n", part: func(i int) string {
		return "r1 = *(u8 *)(r9 + 3)\nif r1 > 50 goto +4\nr2 = r9\nr2 += r1\nr3 = *(u8 *)(r2 + 5)\n*(u8 *)(r2 + 6) = r3\nr4 = 3\n"
	}},
	{name: "parser", begin: packet, part: func(i int) string {
		return "r2 = r7\nr2 += 4\n" + unless("r2 <= r8") + "r3 = *(u8 *)(r7 + 0)\nr3 &= 15\nr3 <<= 2\nr7 += r3\n"
	}},
	{name: "headers", begin: packet, part: func(i int) string {
		n := 20 * (1 + i%75)
		return fmt.Sprintf("r2 = r7\nr2 += %d\n", n) + unless("r2 <= r8") + fmt.Sprintf("r3 = *(u16 *)(r2 - 2)\nif r3 == %d goto +1\nr9 = r3\n", i%0x8000)
	}},
	{name: "pointers", begin: packet + "*(u64 *)(r10 - 8) = r7\n", part: func(i int) string {
		at := 8 * (1 + i%60)
		return fmt.Sprintf("call bpf_get_prandom_u32\nr0 &= 255\nr2 = r7\nr2 += r0\n*(u64 *)(r10 - %d) = r2\nr3 = r2\nr3 += 8\n", at) + unless("r3 <= r8") + fmt.Sprintf("r4 = *(u64 *)(r10 - %d)\nr5 = *(u32 *)(r4 + 4)\n", at)
	}},
	{name: "spills", begin: atPacket, part: func(i int) string {
		at, from := 8*(1+i%60), 8*(1+(i*7)%60)
		return fmt.Sprintf("r1 = *(u32 *)(r7 + %d)\n*(u64 *)(r10 - %d) = r1\nr2 = r1\nr2 += %d\n*(u64 *)(r10 - %d) = r2\nr3 = *(u64 *)(r10 - %d)\nif r3 > %d goto +1\nr9 += r3\n", 4*(i%16), from, i, at, at, i%1000)
	}},
	{name: "compared", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = *(u32 *)(r7 + %d)\nr2 = *(u32 *)(r7 + %d)\nif r1 > r2 goto +2\nr2 -= r1\nr9 += r2\n", 4*(i%16), 4*((i+3)%16))
	}},
	{name: "loops", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = 0\nr2 = r7\nr3 = *(u8 *)(r2 + 0)\nr9 += r3\nr2 += 1\nr1 += 1\nif r1 != %d goto -5\n", 2+i%62)
	}},
	{name: "functions", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = r7\nr2 = %d\ncall f%d\nr9 += r0\n", i%60, i)
	}, funcs: func(i int) string {
		return fmt.Sprintf("f%d:\nr1 += r2\nr0 = *(u32 *)(r1 + 0)\nif r0 > %d goto +1\nr0 += 3\nexit\n", i, i)
	}},
	{name: "one function", begin: atPacket, part: func(i int) string {
		return fmt.Sprintf("r1 = r7\nr2 = %d\ncall f0\nr9 += r0\n", i%60)
	}, funcs: func(i int) string {
		if i > 0 {
			return ""
		}
		return "f0:\nr1 += r2\nr0 = *(u32 *)(r1 + 0)\nif r0 > 7 goto +1\nr0 += 3\nexit\n"
	}},
}

func manyMaps(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ".map m%d, type=hash, key=4, value=64, entries=8\n", i)
	}
	return b.String()
}

// program is a program of about n instructions.
func (s *shape) program(b testing.TB, n int) (*ir.Program, *abi.Set) {
	var text, funcs strings.Builder
	text.WriteString(s.maps + s.begin)
	lines := strings.Count(s.begin, "\n")
	for i := 0; lines < n-2; i++ {
		part := s.part(i)
		lines += strings.Count(part, "\n")
		text.WriteString(part)
		if s.funcs != nil {
			f := s.funcs(i)
			lines += strings.Count(f, "\n")
			funcs.WriteString(f)
		}
	}
	text.WriteString("r0 = 0\nexit\n" + funcs.String())
	o, err := builtin.ReadObject(context.Background(), "x.s", []byte(text.String()), builtin.ReadOptions{Dialect: "kernel"})
	require.NoError(b, err)
	var sets []*abi.Set
	for _, name := range []string{"base", "networking", "tracing"} {
		set, ok := builtin.Set(name)
		require.True(b, ok)
		sets = append(sets, set)
	}
	set, err := abi.Merge(sets...)
	require.NoError(b, err)
	typ, ok := set.Type("xdp")
	require.True(b, ok)
	p, lerr := ir.NewLifter(o, set).Lift(&o.Programs[0], typ)
	require.NoError(b, lerr)
	return p, set
}

// BenchmarkVerify measures the verifier on programs of each shape and of growing length. What counts is how
// the time for an instruction grows with their number: that of this thread, so without most of what the collector does beside it.
func BenchmarkVerify(b *testing.B) {
	for i := range shapes {
		s := &shapes[i]
		for _, n := range []int{10, 100, 1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				p, set := s.program(b, n)
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				steps, begin := 0, cpuTime()
				for b.Loop() {
					_, stats, err := verifier.Analyse(p, set, verifier.Options{})
					if err != nil {
						b.Skip(err)
					}
					steps = stats.Processed
				}
				b.ReportMetric(float64(cpuTime()-begin)/float64(b.N*n), "cpu-ns/insn")
				b.ReportMetric(float64(steps)/float64(n), "steps/insn")
			})
		}
	}
}

// Every shape is a program that the verifier accepts.
func TestShapes(t *testing.T) {
	for i := range shapes {
		p, set := shapes[i].program(t, 1000)
		_, err := verifier.Verify(p, set, verifier.Strict)
		require.NoError(t, err, shapes[i].name)
	}
}
