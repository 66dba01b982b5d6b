package amd64

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// misaligned is a native helper that returns rsp modulo 16: 8 at the entry of a
// function that was called with an aligned stack (System V psABI, section 3.2.2).
const misaligned = "4889e083e00fc3" // mov rax, rsp; and eax, 15; ret

func helperText(native string) string {
	return `helper "test/native"() ret integer impl native id 1
  target "amd64"
  native "` + native + `"
helper "test/go"(any, any, any, any, any) ret integer impl go id 2
`
}

// program parses functions with the tables of the calls' tests.
func callProgram(t *testing.T, funcs string) *ir.Program {
	t.Helper()
	p, err := ir.Parse("test", `program "test" section "mem" type "mem"`+"\n"+helperText(misaligned)+funcs)
	require.NoError(t, err)
	require.NoError(t, ir.Check(p, ir.StageLowered))
	return p
}

// saving is a function body that writes n of R6 to R9 and then calls.
func saving(n int, call string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "r%d = mov64 0\n", 6+i)
	}
	return b.String() + call + "\nexit\n"
}

// rsp is a multiple of 16 at every call, however many registers are saved on the way.
func TestCallsAlignTheStack(t *testing.T) {
	e := engines(t)[1]
	for outer := range 5 {
		for inner := range 5 {
			p := callProgram(t, fmt.Sprintf("func@0 \"test\" pos 0 frame 0 {\nb0:\n%s}\nfunc@1 \"inner\" pos 9 frame 8 {\nb0:\n%s}\n",
				saving(outer, "call func@1"), saving(inner, "call.helper helper@0")))
			require.EqualValues(t, 8, e.run(t, unit(p), nil).Ret, "%d registers saved, then %d", outer, inner)
		}
	}
}

// What a function saves its caller finds again, and its frame is below its caller's.
func TestCallsKeepRegistersAndFrames(t *testing.T) {
	p := callProgram(t, `func@0 "test" pos 0 frame 16 {
b0:
  r6 = mov64 1
  r7 = mov64 2
  r8 = mov64 4
  r9 = mov64 8
  store.u64 [r10-8], 16
  store.u64 [r10-16], 32
  call func@1
  r0 = add64 r0, r6
  r0 = add64 r0, r7
  r0 = add64 r0, r8
  r0 = add64 r0, r9
  r1 = load.u64 [r10-8]
  r0 = add64 r0, r1
  r1 = load.u64 [r10-16]
  r0 = add64 r0, r1
  exit
}
func@1 "callee" pos 16 frame 8 {
b0:
  r6 = mov64 -1
  r8 = mov64 -1
  store.u64 [r10-8], 64
  call func@2
  r1 = load.u64 [r10-8]
  r0 = add64 r0, r1
  exit
}
func@2 "leaf" pos 30 frame 8 {
b0:
  r7 = mov64 -1
  r9 = mov64 -1
  store.u64 [r10-8], 128
  r0 = load.u64 [r10-8]
  exit
}
`)
	for _, e := range engines(t) {
		require.EqualValues(t, 255, e.run(t, unit(p), nil).Ret, e.name)
	}
}

// A Go helper gets R1 to R5, and what it returns is R0; R6 to R9 and the stack stay.
func TestGoHelper(t *testing.T) {
	p := callProgram(t, `func@0 "test" pos 0 frame 8 {
b0:
  r6 = mov64 60
  r9 = mov64 90
  store.u64 [r10-8], 7
  r1 = mov64 1
  r2 = mov64 2
  r3 = mov64 3
  r4 = mov64 4
  r5 = mov64 5
  call.helper helper@1
  r0 = add64 r0, r6
  r0 = add64 r0, r9
  r1 = load.u64 [r10-8]
  r0 = add64 r0, r1
  exit
}
`)
	for _, e := range engines(t) {
		require.EqualValues(t, 12345+60+90+7, e.run(t, unit(p), nil).Ret, e.name)
	}
}

// zero clears what it says and nothing beside it.
func TestZero(t *testing.T) {
	all := engines(t)
	for n := 8; n <= 512; n += 8 {
		below := 520 - n - 8
		var b strings.Builder
		b.WriteString("b0:\nr2 = mov64 0\njmp -> b1\nb1:\nr3 = lea [r10+r2*8-520]\nstore.u64 [r3], -1\nr2 = add64 r2, 1\nbr64 ne r2, 65 -> b1, b2\nb2:\n")
		fmt.Fprintf(&b, "zero [r10-%d], %d\n", n+8, n)
		b.WriteString("r0 = mov64 0\nr2 = mov64 0\njmp -> b3\nb3:\nr3 = lea [r10+r2*8-520]\nr3 = load.u64 [r3]\nr0 = add64 r0, r3\nr2 = add64 r2, 1\nbr64 ne r2, 65 -> b3, b4\nb4:\nexit\n")
		p := parse(t, 520, b.String())
		want := uint64(math.MaxUint64 - uint64(below+8)/8 + 1)
		for _, e := range all {
			require.Equal(t, want, e.run(t, unit(p), nil).Ret, "%s: %d bytes", e.name, n)
		}
	}
}

func TestFault(t *testing.T) {
	for _, c := range []struct {
		ir   string
		want codegen.Fault
	}{
		{"r2 = mov64 4660 @3\nfault r2, rule call @4", codegen.Fault{Rule: ir.RuleCall, Address: 4660, Insn: 4, Program: "test"}},
		{"fault rule fuel @5", codegen.Fault{Rule: ir.RuleFuel, Insn: 5, Program: "test"}},
		{"r2 = mov64 4096 @1\nguard.mem.w32 [r2-1], region 1, rule memory @6\nr0 = mov64 0\nexit", codegen.Fault{Rule: ir.RuleMemory, Address: 4095, Size: 4, Write: true, Insn: 6, Program: "test"}},
		{"r2 = mov64 4098 @1\nguard.align.w64 [r2], rule alignment @7\nr0 = mov64 0\nexit", codegen.Fault{Rule: ir.RuleAlign, Address: 4098, Size: 8, Write: true, Insn: 7, Program: "test"}},
	} {
		p := parse(t, 0, c.ir)
		for _, e := range engines(t) {
			got := e.run(t, unit(p), nil).Fault
			require.Equal(t, &c.want, got, "%s\n%s", e.name, c.ir)
		}
	}
}

// Ops that lowering removes are refused, as is an instruction that names a temporary that its own code works in.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ ir, what string }{
		{"r0 = ld.abs.u32 14 @2\nexit", "insn 2: op ld.abs"},
		{"r0 = ld.ind.u8 r1, 0 @2\nexit", "insn 2: op ld.ind"},
		{"call.reg r1 @4\nexit", "insn 4: op call.reg"},
		{"b0:\nmaygoto -> b0, b1 @1\nb1:\nr0 = mov64 0\nexit", "insn 1: op maygoto"},
		{"t0 = mov64 1 @3\nr0 = div64 r1, t0 @3\nexit @3", "insn 3: op div"},
		{"t2 = add64 r1, 4294967296 @3\nr0 = mov64 t2 @3\nexit", "insn 3: op add"},
	} {
		p := parse(t, 0, c.ir)
		_, err := New().Compile(context.Background(), unit(p), codegen.Options{})
		var u *codegen.UnsupportedError
		require.ErrorAs(t, err, &u, c.ir)
		require.Contains(t, err.Error(), c.what)
	}
}

// Relocations lie in the last four bytes of instructions, and name what the IR does.
func TestRelocations(t *testing.T) {
	a := compile(t, parse(t, 0, "r1 = addr data@0, 4\nr2 = addr value@0, 16\nr3 = mov64 0\nr1 = mov64 0\ncall.helper helper@0\nexit"), codegen.Options{})
	require.Equal(t, []codegen.Reloc{
		{Offset: 7, Kind: codegen.RelocData, Index: 0, Addend: 0},
		{Offset: 14, Kind: codegen.RelocMapValue, Index: 0, Addend: 12},
		{Offset: 23, Kind: codegen.RelocHelper, Index: 0, Addend: -4},
	}, a.Relocs, hex.EncodeToString(a.Code))
}

func TestOptionsThatItDoesNotHave(t *testing.T) {
	u := unit(parse(t, 0, "r0 = mov64 0\nexit"))
	for _, o := range []codegen.Options{{Opt: 1}, {CPU: "x86-64-v9"}, {CPU: "native"}} {
		_, err := New().Compile(context.Background(), u, o)
		var unsupported *codegen.UnsupportedError
		require.ErrorAs(t, err, &unsupported, "%+v", o)
	}
	for _, cpu := range New().Target().CPUs {
		a, err := New().Compile(context.Background(), u, codegen.Options{CPU: cpu})
		require.NoError(t, err)
		require.Equal(t, cpu, a.CPU)
	}
}

// The tables of an artifact are in order, cover the code, and lie within it.
func TestTablesAreInOrder(t *testing.T) {
	for _, r := range listings {
		a := compile(t, parse(t, r.frame, r.ir), codegen.Options{CPU: r.cpu, Object: true})
		size := uint32(len(a.Code))
		require.True(t, slices.IsSortedFunc(a.Lines, func(x, y codegen.LineEntry) int { return int(x.Offset) - int(y.Offset) }), r.name)
		require.True(t, slices.IsSortedFunc(a.Exits, func(x, y codegen.Exit) int { return int(x.Offset) - int(y.Offset) }), r.name)
		var end uint32
		for _, s := range a.Symbols {
			require.LessOrEqual(t, end, s.Offset, "%s: %s", r.name, s.Name)
			end = s.Offset + s.Size
			require.LessOrEqual(t, end, size, "%s: %s", r.name, s.Name)
		}
		for _, x := range a.Exits {
			require.LessOrEqual(t, x.Offset, size, r.name)
		}
	}
}
