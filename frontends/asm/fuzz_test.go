package asm

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// drawProgram draws a program whose jumps, calls and references lead somewhere.
func drawProgram(t *rapid.T) obj.Program {
	n := rapid.IntRange(1, 30).Draw(t, "insns")
	var insns []isa.Insn
	for range n {
		op := isa.Op(rapid.IntRange(int(isa.Pad)+1, isa.NumOps-1).Draw(t, "op"))
		insns = append(insns, isa.Prog(drawInsn(t, &isa.Table[op]))...)
	}
	insns = append(insns, isa.Return())
	var starts []int
	for i, in := range insns {
		if in.Op != isa.Pad {
			starts = append(starts, i)
		}
	}
	p := obj.Program{Name: "prog", Insns: insns}
	funcs := map[int]bool{}
	for slot := range insns {
		in := &insns[slot]
		if _, ok := in.Target(slot); !ok || in.Op == isa.Pad {
			continue
		}
		to := rapid.SampledFrom(starts).Draw(t, "to")
		switch in.Row().Kind {
		case isa.KindCallLocal:
			in.Imm, funcs[to] = int64(to-slot-1), true
		case isa.KindLoadImm64:
			*in, funcs[to] = isa.LoadFunc(in.Dst, int32(to-slot-1)), true
			p.Refs = append(p.Refs, obj.Ref{Slot: slot, Kind: obj.RefFunc, Index: to})
		default:
			setJump(in, int64(to-slot-1))
		}
	}
	p.Funcs = []obj.FuncInfo{{Slot: 0, Name: "prog"}}
	for _, s := range starts {
		if funcs[s] && s != 0 {
			p.Funcs = append(p.Funcs, obj.FuncInfo{Slot: s, Name: fmt.Sprintf("L%d", s)})
		}
	}
	return p
}

func TestProgramsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &obj.Object{Name: "x"}
		for i := range rapid.IntRange(1, 2).Draw(t, "programs") {
			p := drawProgram(t)
			p.Name = fmt.Sprintf("prog%d", i)
			p.Funcs[0].Name = p.Name
			p.Section = rapid.SampledFrom([]string{"", "xdp", "a b\"c"}).Draw(t, "section")
			o.Programs = append(o.Programs, p)
		}
		for _, d := range Dialects() {
			roundTrip(t, o, d)
		}
	})
}

var (
	hexNumber = regexp.MustCompile(`0x[0-9a-f]+`)
	// objdumpLine splits a line of llvm-objdump into bytes and text.
	objdumpLine = regexp.MustCompile(`(?m)^\s+\d+:\t((?:[0-9a-f]{2} )+[0-9a-f]{2})\t(.*)$`)
)

// TestAgainstLLVM assembles instructions of every row with clang and compares
// the bytes, and what llvm-objdump makes of them with the printer's text.
func TestAgainstLLVM(t *testing.T) {
	clang, err := exec.LookPath("clang-19")
	objdump, err2 := exec.LookPath("llvm-objdump-19")
	if err != nil || err2 != nil {
		t.Skip("clang-19 and llvm-objdump-19 are not installed")
	}
	want := llvmInsns()
	var src strings.Builder
	for _, in := range want {
		src.WriteString("\t" + in.String() + "\n")
	}
	dir := t.TempDir()
	object := filepath.Join(dir, "x.o")
	cmd := exec.Command(clang, "-target", "bpf", "-mcpu=v4", "-x", "assembler", "-c", "-o", object, "-")
	cmd.Stdin = strings.NewReader(src.String())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	listing, err := exec.Command(objdump, "-d", "--mcpu=v4", "--mattr=+alu32", object).Output()
	require.NoError(t, err)
	lines := objdumpLine.FindAllStringSubmatch(string(listing), -1)
	require.Len(t, lines, len(want))
	for i, in := range want {
		b, err := isa.Encode(isa.Prog(in))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("% x", b), lines[i][1], "%v", in)
		text := hexNumber.ReplaceAllStringFunc(listingTarget.ReplaceAllString(lines[i][2], ""), func(h string) string {
			v, _ := strconv.ParseUint(h[2:], 16, 64)
			return strconv.FormatUint(v, 10)
		})
		require.Equal(t, in, readLine(t, Kernel, text), "%s", text)
	}
	o, err := Parse("x", listing, Options{})
	require.NoError(t, err)
	require.Equal(t, isa.Prog(want...), o.Programs[0].Insns)
}

// llvmInsns returns one instruction for each row that LLVM 19 knows as text;
// jumps lead to the next instruction.
func llvmInsns() []isa.Insn {
	var list []isa.Insn
	for op := isa.Pad + 1; int(op) < isa.NumOps; op++ {
		r := &isa.Table[op]
		in := isa.Insn{Op: op, Dst: 1}
		if r.DstUse != isa.Operand {
			in.Dst = 0
		}
		if r.SrcUse == isa.Operand {
			in.Src = 2
		}
		if r.OffUse == isa.Operand && r.Kind != isa.KindJump && r.Kind != isa.KindBranch && r.Kind != isa.KindMayGoto {
			in.Off = -8
		}
		if r.ImmUse == isa.Operand && r.Kind != isa.KindJump {
			in.Imm = 7
		}
		switch r.Kind {
		case isa.KindLoadImm64:
			if r.Sub != isa.SubImm64 {
				continue
			}
		case isa.KindLoadInd:
			in.Imm = 0
		case isa.KindCallLocal, isa.KindCallKfunc, isa.KindLoadAcq, isa.KindStoreRel, isa.KindGotoReg:
			continue
		}
		list = append(list, in)
	}
	return list
}

// TestManyLines: the time to assemble a long source grows with its length, not its square.
func TestManyLines(t *testing.T) {
	const n = 200_000
	for _, src := range []string{
		strings.Repeat("mov r0, 1\n", n) + "exit\n",
		strings.Repeat("a: exit\n", 1) + strings.Repeat("jeq r1, 0, exit\n", 30_000) + "exit\n",
	} {
		o, err := Parse("x", []byte(src), Options{})
		require.NoError(t, err)
		require.Len(t, o.Programs[0].Insns, strings.Count(src, "\n"))
	}
}

func FuzzAsm(f *testing.F) {
	for _, s := range []string{
		compiled, "r0 = 1\nexit", "ldxdw %r1, [%r6+8]\nja exit\nexit", "jeqi r0, 0 goto x\nx: ret", "call local f\nexit\nf: exit",
		".map m, type=hash, key=4, value=8, entries=1\n.data\nx: .quad x+1\n.program p, section=\"xdp\"\nr1 = map[m][0]+4 ll\nr1 = x ll\nexit",
		"0:	95 00 00 00 00 00 00 00	exit", "/* */ a: goto a",
	} {
		for d := range 4 {
			f.Add(s, uint8(d))
		}
	}
	f.Fuzz(func(t *testing.T, src string, d uint8) {
		o, err := Parse("f", []byte(src), Options{Dialect: append(Dialects(), Auto)[d%4]})
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		for _, p := range o.Programs {
			require.NoError(t, isa.Check(p.Insns))
			_, err := isa.Encode(p.Insns)
			require.NoError(t, err)
		}
		for _, d := range Dialects() {
			text, err := Print(o, d)
			if err != nil { // names in conflict
				continue
			}
			back, err := Parse("f", []byte(text), Options{Dialect: d})
			require.NoError(t, err, "%s", text)
			require.Len(t, back.Programs, len(o.Programs))
			for i := range o.Programs {
				require.Equal(t, o.Programs[i].Insns, back.Programs[i].Insns, "%s", text)
				require.Equal(t, o.Programs[i].Refs, back.Programs[i].Refs, "%s", text)
			}
		}
	})
}
