package check

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// Encodings by llvm-mc 19.

var allowed = []struct{ text, hex string }{
	{"addq %rbx, %rax", "48 01 d8"},
	{"lock addq %rsi, 8(%rdi)", "f0 48 01 77 08"},
	{"addb $7, -1(%rbp)", "80 45 ff 07"},
	{"subq $8, %rsp", "48 83 ec 08"},
	{"addq $128, %rsp", "48 81 c4 80 00 00 00"},
	{"decq (%r12)", "49 ff 0c 24"},
	{"movq %r9, 24(%r12)", "4d 89 4c 24 18"},
	{"movq $0, 24(%r12)", "49 c7 44 24 18 00 00 00 00"},
	{"leaq 256(%r12), %r11", "4d 8d 9c 24 00 01 00 00"},
	{"cmpq 32(%r12), %r11", "4d 3b 5c 24 20"},
	{"movl $1, %eax", "b8 01 00 00 00"},
	{"movabsq $1234605616436508552, %r10", "49 ba 88 77 66 55 44 33 22 11"},
	{"movzwl (%rdi,%rcx,2), %eax", "0f b7 04 4f"},
	{"movsbq (%rdi), %rax", "48 0f be 07"},
	{"movslq (%r13), %rax", "49 63 45 00"},
	{"bswapq %r9", "49 0f c9"},
	{"rolw $8, %ax", "66 c1 c0 08"},
	{"shlq %cl, %rcx", "48 d3 e1"},
	{"imulq $100, %rbx, %rax", "48 6b c3 64"},
	{"mulq %rbx", "48 f7 e3"},
	{"divl %ecx", "f7 f1"},
	{"cltd", "99"},
	{"cqto", "48 99"},
	{"lock xaddl %eax, (%r9)", "f0 41 0f c1 01"},
	{"xchgq %rax, (%rdi)", "48 87 07"},
	{"lock cmpxchgq %r10, (%rdi)", "f0 4c 0f b1 17"},
	{"pushq %rbx", "53"},
	{"popq %r15", "41 5f"},
	{"pushq $5", "6a 05"},
	{"movups (%rdi), %xmm0", "0f 10 07"},
	{"movups %xmm15, -16(%rbp)", "44 0f 11 7d f0"},
	{"xorps %xmm0, %xmm0", "0f 57 c0"},
	{"mfence", "0f ae f0"},
	{"nop", "90"},
	{"nopl (%rax)", "0f 1f 00"},
	{"nopw (%rax,%rax)", "66 0f 1f 04 00"},
	{"cmovneq (%rdi), %rax", "48 0f 45 07"},
	{"sete %al", "0f 94 c0"},
	{"popcntq %rbx, %rax", "f3 48 0f b8 c3"},
	{"lzcntl %ebx, %eax", "f3 0f bd c3"},
	{"tzcntq (%rdi), %rax", "f3 48 0f bc 07"},
	{"bsrq %rbx, %rax", "48 0f bd c3"},
	{"shlxq %rcx, %rbx, %rax", "c4 e2 f1 f7 c3"},
	{"shlxl %r9d, 300(%r13,%rax,4), %eax", "c4 c2 31 f7 84 85 2c 01 00 00"},
	{"sarxq %r11, (%rbp), %r10", "c4 62 a2 f7 55 00"},
	{"shrxq %rcx, 8(%rsp), %rax", "c4 e2 f3 f7 44 24 08"},
	{"rorxq $7, %rbx, %rax", "c4 e3 fb f0 c3 07"},
	{"rorxl $31, 64(%r12), %r9d", "c4 43 7b f0 4c 24 40 1f"},
	{"movbeq (%rdi), %rax", "48 0f 38 f0 07"},
	{"movbew 8(%r13), %ax", "66 41 0f 38 f0 45 08"},
	{"movbel %r10d, -4(%r8,%r9,8)", "47 0f 38 f1 54 c8 fc"},
	{"testq %rdi, %rdi", "48 85 ff"},
	{"btq $3, %rax", "48 0f ba e0 03"},
	{"setb (%rdi)", "0f 92 07"},
	{"xchg ax, ax", "66 90"},
	{"endbr64", "f3 0f 1e fa"},
	{"jmpq *%rcx", "ff e1"},
	{"retpoline by rcx", "e8 07 00 00 00 f3 90 0f ae e8 eb f9 48 89 0c 24 c3"},
	{"retpoline by the exit", "e8 07 00 00 00 f3 90 0f ae e8 eb f9 41 ff 74 24 08 8f 04 24 c3"},
}

var refused = []struct{ text, hex string }{
	{"syscall", "0f 05"},
	{"sysenter", "0f 34"},
	{"int $128", "cd 80"},
	{"inb %dx, %al", "ec"},
	{"outb %al, $128", "e6 80"},
	{"hlt", "f4"},
	{"cli", "fa"},
	{"sti", "fb"},
	{"endbr32", "f3 0f 1e fb"},
	{"rdsspq %rax", "f3 48 0f 1e c8"},
	{"rdtsc", "0f 31"},
	{"cpuid", "0f a2"},
	{"rep movsb (%rsi), %es:(%rdi)", "f3 a4"},
	{"rep stosq %rax, %es:(%rdi)", "f3 48 ab"},
	{"wrmsr", "0f 30"},
	{"movq %rax, %rsp", "48 89 c4"},
	{"leaq 8(%rsp), %rsp", "48 8d 64 24 08"},
	{"popq %rsp", "5c"},
	{"addq %rax, %rsp", "48 01 c4"},
	{"andq $-16, %rsp", "48 83 e4 f0"},
	{"xchgq %rsp, %rax", "48 94"},
	{"movl $5, %esp", "bc 05 00 00 00"},
	{"movq %rax, %r12", "49 89 c4"},
	{"popq %r12", "41 5c"},
	{"xorl %r12d, %r12d", "45 31 e4"},
	{"shlxq %rcx, %rax, %rsp", "c4 e2 f1 f7 e0"},
	{"rorxq $3, %rax, %r12", "c4 63 fb f0 e0 03"},
	{"movbeq (%rax), %rsp", "48 0f 38 f0 20"},
	{"movq %fs:0, %rax", "64 48 8b 04 25 00 00 00 00"},
	{"movq %gs:(%rax), %rax", "65 48 8b 00"},
	{"movq (%eax), %rax", "67 48 8b 00"},
	{"movq 4096, %rax", "48 8b 04 25 00 10 00 00"},
	{"movq %rax, 8(%r12)", "49 89 44 24 08"},
	{"movl %eax, 24(%r12)", "41 89 44 24 18"},
	{"movq %rax, 24(%r12,%rax)", "49 89 44 04 18"},
	{"lock addq %rax, 16(%r12)", "f0 49 01 44 24 10"},
	{"movq -8(%r12), %rax", "49 8b 44 24 f8"},
	{"movq 4096(%r12), %rax", "49 8b 84 24 00 10 00 00"},
	{"movbeq %rax, 8(%r12)", "49 0f 38 f1 44 24 08"},
	{"callq *%rax", "ff d0"},
	{"jmpq *%rax", "ff e0"},
	{"jmpq *(%rax)", "ff 20"},
	{"callq *16(%r12)", "41 ff 54 24 10"},
	{"callq *8(%r12,%rax)", "41 ff 54 04 08"},
	{"retq $8", "c2 08 00"},
	{"leave", "c9"},
	{"enter $8, $0", "c8 08 00 00"},
	{"lretl", "cb"},
	{"iretq", "48 cf"},
	{"movw %ax, %ds", "66 8e d8"},
	{"movq %cr0, %rax", "0f 20 c0"},
	{"movq %rax, %cr3", "0f 22 d8"},
	{"fld1", "d9 e8"},
	{"vaddps %ymm2, %ymm1, %ymm0", "c5 f4 58 c2"},
	{"vmovups (%rax), %zmm0", "62 f1 7c 48 10 00"},
	{"andnq %rcx, %rbx, %rax", "c4 e2 e0 f2 c1"},
	{"pdepq %rcx, %rbx, %rax", "c4 e2 e3 f5 c1"},
	{"mulxq %rcx, %rbx, %rax", "c4 e2 e3 f6 c1"},
	{"paddd %xmm1, %xmm0", "66 0f fe c1"},
	{"pushfq", "9c"},
	{"popfq", "9d"},
	{"ud2", "0f 0b"},
	{"int3", "cc"},
	{"xlatb", "d7"},
	{"pause", "f3 90"},
	{"movbeq 5(%rip), %rax", "48 0f 38 f0 05 05 00 00 00"},
	{"movq 5(%rip), %rax", "48 8b 05 05 00 00 00"},
	{"crc32q %rbx, %rax", "f2 48 0f 38 f1 c3"},
	{"call with 16-bit operand", "66 e8 00 00 00 00"},
	{"push of 16 bits", "66 53"},
	{"rep ret", "f3 c3"},
	{"nop of 10 bytes", "66 2e 0f 1f 84 00 00 00 00 00"},
	{"loop", "e2 fe"},
	{"jrcxz", "e3 fe"},
	{"xbegin", "c7 f8 00 00 00 00"},
	{"mov rax, ds:[rdi]", "3e 48 8b 07"},
	{"lock on a register", "f0 48 01 d8"},
	{"repne add", "f2 48 01 d8"},
	{"lock mov", "f0 48 89 07"},
	{"shlx with L = 1", "c4 e2 f5 f7 c0"},
	{"rorx with a third register", "c4 e3 f3 f0 c0 03"},
	{"movbe between registers", "0f 38 f0 c0"},
	{"call *%rcx", "ff d1"},
	{"VEX behind a prefix", "66 c4 e2 f1 f7 c0"},
	{"VEX behind REX", "48 c4 e2 f1 f7 c0"},
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err, s)
	return b
}

// program is an artifact of one program that is the code and then ret.
func program(code []byte) *codegen.Artifact {
	return &codegen.Artifact{Name: "t.o", Code: append(slices.Clone(code), 0xc3), Entries: []codegen.Entry{{EntryInfo: codegen.EntryInfo{Name: "main"}}}}
}

// examine is Artifact without its answer about leaves.
func examine(a *codegen.Artifact) error {
	_, err := Artifact(a)
	return err
}

func TestAllowed(t *testing.T) {
	for _, c := range allowed {
		b := unhex(t, c.hex)
		in, err := decodeInsn(b)
		require.NoError(t, err, c.text)
		require.Equal(t, len(b), in.len, c.text)
		require.NoError(t, examine(program(b)), c.text)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range refused {
		err := examine(program(unhex(t, c.hex)))
		var e *Error
		require.ErrorAs(t, err, &e, c.text)
		require.Zero(t, e.Offset, "%s: %v", c.text, err)
	}
}

func TestTruncated(t *testing.T) {
	for _, c := range allowed {
		b := unhex(t, c.hex)
		for n := range b {
			_, err := decodeInsn(b[:n])
			if err == nil {
				continue // a shorter instruction: another prefix, another operand size
			}
			require.ErrorIs(t, err, errUnknown, "%s, %d bytes", c.text, n)
		}
	}
}

func TestFillerIsAllowedWhereItIsNotReached(t *testing.T) {
	for _, filler := range []string{"cc", "0f 0b", "cc cc cc"} {
		a := program(unhex(t, "c3 "+filler))
		require.NoError(t, examine(a), filler)
	}
}

// sample is an artifact with every kind of thing that the check looks at:
//
//	00 main:   dec qword ptr [r12]
//	04         js 1b
//	06 back:   lea rax, [rip+data+8]
//	0d         mov rcx, [rip+data]
//	14         call helper
//	19         jmp 25
//	1b         call [r12+8]              poll
//	20         jmp 06
//	22         int3 ×3
//	25 last:   mov edi, 1
//	2a         call [r12+8]              helper 0
//	2f         cmp rax, [r12+304]
//	37         jae 3c
//	39         xor eax, eax
//	3b         ret
//	3c         call 41                   fault
//	41 search: mov [r12+24], r9
//	46         jmp [r12+8]
func sample(t testing.TB) *codegen.Artifact {
	code := unhex(t, "49ff0c24"+"7815"+"488d0500000000"+"488b0d00000000"+"e800000000"+"eb0a"+"41ff542408"+"ebe4"+"cccccc"+
		"bf01000000"+"41ff542408"+"493b842430010000"+"7303"+"31c0"+"c3"+"e800000000"+"4d894c2418"+"41ff642408")
	require.Len(t, code, 0x4b)
	return &codegen.Artifact{
		Name: "sample.o", Arch: "amd64", Code: code, Rodata: make([]byte, 16),
		Entries: []codegen.Entry{{EntryInfo: codegen.EntryInfo{Name: "main"}}, {EntryInfo: codegen.EntryInfo{Name: "last"}, Offset: 0x25}},
		Symbols: []codegen.Symbol{
			{Name: "main", Size: 0x22, CFA: []codegen.CFAStep{{Offset: 4, CFA: 8}}},
			{Name: "last", Offset: 0x25, Size: 0x1c, Prog: 1},
			{Name: "search", Offset: 0x41, Size: 0xa, Prog: -1},
		},
		Relocs: []codegen.Reloc{
			{Offset: 0x09, Kind: codegen.RelocData, Index: 1, Addend: 8 - 4},
			{Offset: 0x10, Kind: codegen.RelocMapValue, Index: 0, Addend: 16 - 4},
			{Offset: 0x15, Kind: codegen.RelocHelper, Index: 1, Addend: -4},
		},
		Exits: []codegen.Exit{
			{Offset: 0x20, Code: codegen.ExitPoll, Rule: ir.RuleFuel},
			{Offset: 0x2f, Code: codegen.ExitHelper, Prog: 1},
			{Offset: 0x41, Code: codegen.ExitFault, Rule: ir.RuleMemory, Size: 8, Prog: 1, Pos: 2},
		},
		Lines: []codegen.LineEntry{{Offset: 0}, {Offset: 6, Pos: 1}, {Offset: 0x25, Prog: 1}, {Offset: 0x41, Prog: -1, Pos: ir.NoPos}},
		Helpers: []abi.Helper{
			{Name: "ask", Impl: abi.ImplGo}, {Name: "add", Impl: abi.ImplNative},
		},
		Data: []obj.Data{{Name: ".rodata", Bytes: make([]byte, 8), ReadOnly: true}, {Name: ".data", Bytes: make([]byte, 16)}},
		Maps: []abi.MapSpec{{Name: "m", ValueSize: 12, MaxEntries: 2}},
	}
}

func TestSample(t *testing.T) { require.NoError(t, examine(sample(t))) }

func TestTampered(t *testing.T) {
	patch := func(off int, s string) func(*codegen.Artifact) {
		return func(a *codegen.Artifact) { copy(a.Code[off:], unhex(t, s)) }
	}
	cases := []struct {
		name   string
		change func(*codegen.Artifact)
		want   string
	}{
		{"branch into an instruction", patch(0x19, "eb 0d"), "goes to where no instruction begins"},
		{"branch out of the image", patch(0x19, "eb 7f"), "goes to where no instruction begins"},
		{"call before the image", patch(0x3c, "e8 00 ff ff ff"), "goes to where no instruction begins"},
		{"conditional branch into an instruction", patch(0x37, "73 04"), "goes to where no instruction begins"},
		{"syscall", patch(0x39, "0f 05"), "syscall: no instruction that a back end emits"},
		{"reached breakpoint", patch(0x19, "31 c0"), ""},
		{"reached filler", patch(0x20, "31 c0"), "it is reached"},
		{"jump elsewhere through the run context", patch(0x46, "41 ff 64 24 10"), "only the exit in the run context"},
		{"call elsewhere through the run context", patch(0x1b, "41 ff 54 24 10"), "only the exit in the run context"},
		{"end without ret", patch(0x46, "48 8d 40 00 90"), "falls off the end"},
		{"cut", func(a *codegen.Artifact) { a.Code = a.Code[:0x4a] }, "no instruction that a back end emits"},
		{"bytes behind", func(a *codegen.Artifact) { a.Code = append(a.Code, 0x0f, 0x05) }, "syscall"},
		{"run context", patch(0x41, "4d 89 4c 24 08"), "code changes only the slice, the fault address"},
		{"relocation of an opcode", func(a *codegen.Artifact) { a.Relocs[0].Offset-- }, "needs a relocation"},
		{"relocation of two instructions", func(a *codegen.Artifact) { a.Relocs[0].Offset++ }, "needs a relocation"},
		{"one more relocation", func(a *codegen.Artifact) {
			a.Relocs = append(a.Relocs, codegen.Reloc{Offset: 0x26, Kind: codegen.RelocData, Index: 1})
		}, "fills no field of 4 bytes"},
		{"two relocations of one field", func(a *codegen.Artifact) { a.Relocs = append(a.Relocs, a.Relocs[0]) }, "two relocations fill one field"},
		{"relocation beyond the code", func(a *codegen.Artifact) { a.Relocs[0].Offset = 1 << 31 }, "needs a relocation"},
		{"call into data", func(a *codegen.Artifact) { a.Relocs[2].Kind, a.Relocs[2].Index = codegen.RelocData, 1 }, "control goes into data"},
		{"call into a helper's middle", func(a *codegen.Artifact) { a.Relocs[2].Addend = 1 }, "is no helper"},
		{"access of a helper's code", func(a *codegen.Artifact) { a.Relocs[1].Kind = codegen.RelocHelper }, "a helper is called, nothing else"},
		{"access outside a map", func(a *codegen.Artifact) { a.Relocs[1].Addend = 25 - 4 }, "8 bytes at 25 are outside the 32 bytes"},
		{"access before a map", func(a *codegen.Artifact) { a.Relocs[1].Addend = -5 }, "8 bytes at -1 are outside"},
		{"no such map", func(a *codegen.Artifact) { a.Relocs[1].Index = 1 }, "refers to nothing (index 1)"},
		{"no such kind", func(a *codegen.Artifact) { a.Relocs[1].Kind = 99 }, "kind 99 refers to nothing"},
		{"slot", func(a *codegen.Artifact) {
			a.Maps = append(a.Maps, abi.MapSpec{Name: "slots", Type: abi.MapTypeProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 3})
			a.Relocs[1] = codegen.Reloc{Offset: 0x10, Kind: codegen.RelocTable, Index: 1, Addend: 16 - 4}
		}, ""},
		{"slot behind the last", func(a *codegen.Artifact) {
			a.Maps = append(a.Maps, abi.MapSpec{Name: "slots", Type: abi.MapTypeProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 3})
			a.Relocs[1] = codegen.Reloc{Offset: 0x10, Kind: codegen.RelocTable, Index: 1, Addend: 24 - 4}
		}, "8 bytes at 24 are outside the 24 bytes"},
		{"write of a slot", func(a *codegen.Artifact) {
			copy(a.Code[0x0d:], unhex(t, "48 89 0d"))
			a.Maps = append(a.Maps, abi.MapSpec{Name: "slots", Type: abi.MapTypeProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 3})
			a.Relocs[1] = codegen.Reloc{Offset: 0x10, Kind: codegen.RelocTable, Index: 1, Addend: -4}
		}, "writes read-only data"},
		{"slot of another map", func(a *codegen.Artifact) { a.Relocs[1].Kind = codegen.RelocTable }, "refers to nothing (index 0)"},
		{"write of constants", func(a *codegen.Artifact) {
			copy(a.Code[0x0d:], unhex(t, "48 89 0d"))
			a.Relocs[1] = codegen.Reloc{Offset: 0x10, Kind: codegen.RelocRodata, Addend: -4}
		}, "writes read-only data"},
		{"entry inside an instruction", func(a *codegen.Artifact) { a.Entries[1].Offset++ }, "program last begins where no instruction begins"},
		{"entry at the end", func(a *codegen.Artifact) { a.Entries[1].Offset = uint32(len(a.Code)) }, "program last begins where no instruction begins"},
		{"C entry", func(a *codegen.Artifact) { a.Entries[0].HasC = true }, "compiled for an object file"},
		{"exit missing", func(a *codegen.Artifact) { a.Exits = a.Exits[1:] }, "no exit says what it leaves for"},
		{"exit elsewhere", func(a *codegen.Artifact) { a.Exits[0].Offset = 0x19 }, "only a fault leaves by way of a routine"},
		{"exit behind no call", func(a *codegen.Artifact) { a.Exits[0].Offset = 0x1b }, "it is no call"},
		{"exit inside an instruction", func(a *codegen.Artifact) { a.Exits[0].Offset = 0x21 + 1 - 1 }, "no instruction begins there"},
		{"exits out of order", func(a *codegen.Artifact) { a.Exits[0], a.Exits[1] = a.Exits[1], a.Exits[0] }, "not in ascending order"},
		{"exit of another kind", func(a *codegen.Artifact) { a.Exits[0].Code = codegen.ExitAbort }, "code does not leave with it"},
		{"exit for no helper", func(a *codegen.Artifact) { a.Exits[1].Helper = 2 }, "helper 2 is not in its table"},
		{"exit of no program", func(a *codegen.Artifact) { a.Exits[1].Prog = 2 }, "program 2 is not in its table"},
		{"fault without rule", func(a *codegen.Artifact) { a.Exits[2].Rule = ir.NoRule }, "no rule"},
		{"symbol inside an instruction", func(a *codegen.Artifact) { a.Symbols[0].Offset, a.Symbols[0].Size = 1, 3 }, "symbol main, 3 bytes"},
		{"symbol beyond the code", func(a *codegen.Artifact) { a.Symbols[2].Size = 1 << 31 }, "does not fit the code"},
		{"symbol of no program", func(a *codegen.Artifact) { a.Symbols[2].Prog = -2 }, "does not fit the code"},
		{"unwinding rule elsewhere", func(a *codegen.Artifact) { a.Symbols[0].CFA[0].Offset = 0x30 }, "unwinding rule of main lies outside"},
		{"line inside an instruction", func(a *codegen.Artifact) { a.Lines[1].Offset = 7 }, "does not fit the code"},
		{"lines out of order", func(a *codegen.Artifact) { a.Lines[2].Offset = 4 }, "lines are not in ascending order"},
		{"line of no program", func(a *codegen.Artifact) { a.Lines[2].Prog = 9 }, "does not fit the code"},
	}
	for _, c := range cases {
		a := sample(t)
		c.change(a)
		err := examine(a)
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		var e *Error
		require.ErrorAs(t, err, &e, c.name)
		require.ErrorContains(t, err, c.want, c.name)
	}
}

// hardened is the sample with retpolines behind it, and what leaves by the exit going there, as the feature of that name makes it:
//
//	1b         call 5c                   poll
//	2a         call 5c                   helper 0
//	46         jmp 5c
//	4b tail:   retpoline by rcx
//	5c exit:   retpoline by the exit
func hardened(t testing.TB) *codegen.Artifact {
	a := sample(t)
	copy(a.Code[0x1b:], unhex(t, "e8 3c 00 00 00"))
	copy(a.Code[0x2a:], unhex(t, "e8 2d 00 00 00"))
	copy(a.Code[0x46:], unhex(t, "e9 11 00 00 00"))
	a.Code = append(a.Code, unhex(t, "e8 07 00 00 00 f3 90 0f ae e8 eb f9 48 89 0c 24 c3"+"e8 07 00 00 00 f3 90 0f ae e8 eb f9 41 ff 74 24 08 8f 04 24 c3")...)
	return a
}

func TestRetpolines(t *testing.T) {
	require.NoError(t, examine(hardened(t)))
	patch := func(off int, s string) func(*codegen.Artifact) {
		return func(a *codegen.Artifact) { copy(a.Code[off:], unhex(t, s)) }
	}
	for _, c := range []struct {
		name   string
		change func(*codegen.Artifact)
		want   string
	}{
		{"tail call", patch(0x46, "e9 00 00 00 00"), ""},
		{"exit missing", func(a *codegen.Artifact) { a.Exits = a.Exits[1:] }, "no exit says what it leaves for"},
		{"call where rcx says", patch(0x2a, "e8 1c 00 00 00"), "only tail calls go where rcx says"},
		{"into the loop", patch(0x46, "e9 16 00 00 00"), "goes to where no instruction begins"},
		{"to the return", patch(0x46, "e9 25 00 00 00"), "goes to where no instruction begins"},
		{"by another register", patch(0x4b+12, "48 89 04 24"), "no instruction that a back end emits"},
		{"by another word of the run context", patch(0x5c+16, "10"), "no instruction that a back end emits"},
		{"without a fence", patch(0x4b+7, "90 90 90"), "no instruction that a back end emits"},
		{"another loop", patch(0x4b+11, "fb"), "no instruction that a back end emits"},
		{"a call that goes elsewhere", patch(0x4b+1, "0b"), "no instruction that a back end emits"},
		{"cut", func(a *codegen.Artifact) { a.Code = a.Code[:len(a.Code)-1] }, "no instruction that a back end emits"},
	} {
		a := hardened(t)
		c.change(a)
		err := examine(a)
		if c.want == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorAs(t, err, new(*Error), c.name)
		require.ErrorContains(t, err, c.want, c.name)
	}
}

// TestFlippedBits flips every bit of the code in turn: the check ends with a
// verdict, and for most flips it is the right one.
func TestFlippedBits(t *testing.T) {
	found, n := 0, len(sample(t).Code)*8
	for bit := range n {
		a := sample(t)
		a.Code[bit/8] ^= 1 << (bit % 8)
		if err := examine(a); err != nil {
			require.ErrorAs(t, err, new(*Error))
			found++
		}
	}
	t.Logf("%d of %d flips are found", found, n)
	require.Greater(t, found, n/2)
}

// TestAnyBytes checks random code: no panic, and what is accepted decodes to its end.
func TestAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "code")
		err := examine(&codegen.Artifact{Code: code})
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

func FuzzArtifact(f *testing.F) {
	f.Add(sample(f).Code)
	for _, c := range refused {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		a := sample(t)
		a.Code = code
		err := examine(a)
		if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

func BenchmarkArtifact(b *testing.B) {
	a := sample(b)
	insns := 0
	for off := 0; off < len(a.Code); insns++ {
		in, err := decodeInsn(a.Code[off:])
		require.NoError(b, err)
		off += in.len
	}
	for b.Loop() {
		if err := examine(a); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*insns), "ns/insn")
}
