package amd64

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// parse reads IR text. A text without a brace is the body of the only one, frame bytes deep.
func parse(t testing.TB, frame int, text string) *ir.Program {
	t.Helper()
	if !strings.Contains(text, "{") {
		if !strings.Contains(text, "b0:") {
			text = "b0:\n" + text
		}
		text = fmt.Sprintf("func@0 %q pos 0 frame %d {\n%s\n}\n", "test", frame, text)
	}
	p, err := ir.Parse("test", `program "test" section "mem" type "mem"`+"\n"+header(text))
	require.NoError(t, err)
	require.NoError(t, ir.Check(p, ir.StageLowered))
	return p
}

// tables are what the texts of the tests may refer to; a program has those that it names.
const tables = `map "counts" type 2 key 4 value 8 entries 4
map "slots" type 3 key 4 value 4 entries 8
data ".data" align 8
  bytes "0102030405060708"
helper "test/native"(any, any) ret integer impl native id 1
  target "amd64"
  native "488d0437c3"
helper "test/go"(any) ret integer impl go id 2
`

func header(text string) string {
	if strings.Contains(text, "data@") || strings.Contains(text, "value@") || strings.Contains(text, "map@") || strings.Contains(text, "helper@") {
		return tables + text
	}
	return text
}

// unit is what the pipeline would make of the program.
func unit(p *ir.Program) *codegen.Unit {
	info := codegen.EntryInfo{Name: p.Name, Section: p.Section, Type: p.Type, Context: abi.CtxMemory}
	for _, f := range p.Funcs {
		info.StackSize += uint32(f.Frame)
	}
	info.StackRegion = info.StackSize
	return &codegen.Unit{Name: "test.o", Programs: []*ir.Program{p}, Entries: []codegen.EntryInfo{info}, Maps: p.Maps, Data: p.Data, Helpers: p.Helpers}
}

// compile compiles a program and proves that its registers are where they are looked for.
func compile(t testing.TB, p *ir.Program, o codegen.Options) *codegen.Artifact {
	t.Helper()
	a, err := (&Backend{CheckAllocation: true}).Compile(context.Background(), unit(p), o)
	require.NoError(t, err)
	require.NoError(t, a.CheckDigest())
	return a
}

// listing disassembles code from offset at, one instruction a line. Targets of
// branches are offsets from the first instruction.
func listing(t testing.TB, a *codegen.Artifact, at, size uint32) string {
	t.Helper()
	var out strings.Builder
	code := a.Code[at : at+size]
	for pc := 0; pc < len(code); {
		text, n := disassemble(t, code[pc:], pc)
		out.WriteString(text + "\n")
		pc += n
	}
	return out.String()
}

// disassemble decodes the instruction at pc. x86asm knows no VEX instruction and no endbr64:
// that, and those of BMI2's shifts, are read here (Intel SDM volume 2, section 2.3.5, SARX/SHLX/SHRX and ENDBR64).
func disassemble(t testing.TB, code []byte, pc int) (string, int) {
	t.Helper()
	if bytes.HasPrefix(code, []byte("\xf3\x0f\x1e\xfa")) {
		return "endbr64", 4
	}
	if len(code) >= 5 && code[0] == 0xc4 {
		require.EqualValues(t, 0xf7, code[3], "VEX instruction %x", code[:5])
		return vexShift(code), 5
	}
	inst, err := x86asm.Decode(code, 64)
	require.NoError(t, err, "%x", code)
	require.NotZero(t, inst.Op, "%x", code)
	text := x86asm.IntelSyntax(inst, 0, nil)
	if rel, ok := inst.Args[0].(x86asm.Rel); ok {
		text = fmt.Sprintf("%s %d", strings.Fields(text)[0], pc+inst.Len+int(rel))
	}
	return text, inst.Len
}

var gpr = [...]string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

func vexShift(c []byte) string {
	op := map[byte]string{1: "shlx", 2: "sarx", 3: "shrx"}[c[2]&3]
	reg, rm, v := c[4]>>3&7|(^c[1]>>7&1)<<3, c[4]&7|(^c[1]>>5&1)<<3, ^c[2]>>3&15
	suffix := ""
	if c[2]>>7 == 0 {
		suffix = " (32)"
	}
	return fmt.Sprintf("%s %s, %s, %s%s", op, gpr[reg], gpr[rm], gpr[v], suffix)
}

// text is the listing of the program's first function.
func text(t testing.TB, a *codegen.Artifact) string {
	t.Helper()
	return listing(t, a, a.Symbols[0].Offset, a.Symbols[0].Size)
}

func trim(s string) string {
	var lines []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestListings(t *testing.T) {
	for _, r := range listings {
		t.Run(r.name, func(t *testing.T) {
			a := compile(t, parse(t, r.frame, r.ir), codegen.Options{CPU: r.cpu})
			require.Equal(t, trim(r.want), text(t, a), "%s", hex.EncodeToString(a.Code))
		})
	}
}
