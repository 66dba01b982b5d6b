package runtime

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// code is a program in machine code for the tests, one per entry of an artifact.
// Offsets in exits and relocs count from its first byte.
type code struct {
	name   string
	hex    string // of llvm-mc, Intel syntax beside it
	exits  []codegen.Exit
	relocs []codegen.Reloc
	stack  uint32
	size   uint32 // promised memory
}

// constant returns 42.
var constant = code{name: "constant", hex: `
	b8 2a 00 00 00           mov eax, 42
	c3                       ret`}

// length returns its memory's length plus its first byte, and increments that byte.
var length = code{name: "length", size: 1, hex: `
	0f b6 07                 movzx eax, byte ptr [rdi]
	48 01 f0                 add rax, rsi
	fe 07                    inc byte ptr [rdi]
	c3                       ret`}

// count loops R2 times, polling, and returns the turns: R0 = R2 = length of the memory.
var count = code{name: "count", hex: `
	31 c0                    xor eax, eax
	49 ff 0c 24        head: dec qword ptr [r12]
	78 09                    js poll
	48 ff c0           back: inc rax
	48 ff ce                 dec rsi
	75 f2                    jne head
	c3                       ret
	41 ff 54 24 08     poll: call [r12+8]
	eb f0                    jmp back`,
	exits: []codegen.Exit{{Offset: 22, Code: codegen.ExitPoll, Pos: 3}}}

// forever loops without end, polling.
var forever = code{name: "forever", hex: `
	49 ff 0c 24        head: dec qword ptr [r12]
	79 fa                    jns head
	41 ff 54 24 08           call [r12+8]
	eb f3                    jmp head`,
	exits: []codegen.Exit{{Offset: 11, Code: codegen.ExitPoll, Pos: 7}}}

// asks calls helper 0 with 1 to 5 and adds R1 to its result.
var asks = code{name: "asks", hex: `
	53                       push rbx
	48 89 fb                 mov rbx, rdi
	bf 01 00 00 00           mov edi, 1
	be 02 00 00 00           mov esi, 2
	ba 03 00 00 00           mov edx, 3
	b9 04 00 00 00           mov ecx, 4
	41 b8 05 00 00 00        mov r8d, 5
	41 ff 54 24 08           call [r12+8]
	48 01 d8                 add rax, rbx
	5b                       pop rbx
	c3                       ret`,
	exits: []codegen.Exit{{Offset: 35, Code: codegen.ExitHelper, Helper: 0, Pos: 5}}}

// guarded loads 8 bytes at R1 if they are inside region 1, else breaks the rule
// memory by way of a shared search, as a back end does.
var guarded = code{name: "guarded", hex: `
	48 89 f8                 mov rax, rdi
	49 2b 84 24 50 01 00 00  sub rax, [r12+288+48]
	49 3b 84 24 70 01 00 00  cmp rax, [r12+288+48+32]
	73 04                    jae out
	48 8b 07                 mov rax, [rdi]
	c3                       ret
	49 89 7c 24 18      out: mov [r12+24], rdi
	e8 00 00 00 00           call search
	41 ff 64 24 08   search: jmp [r12+8]`,
	exits: []codegen.Exit{{Offset: 35, Code: codegen.ExitFault, Rule: ir.RuleMemory, Size: 8, Pos: 2}}}

// native calls helper 1, which is machine code, with R1 and R2.
var native = code{name: "native", hex: `
	e8 00 00 00 00           call helper
	c3                       ret`,
	relocs: []codegen.Reloc{{Offset: 1, Kind: codegen.RelocHelper, Index: 1, Addend: -4}}}

// counter increments data section 1, which is writable, and returns it plus the constant in rodata.
var counter = code{name: "counter", hex: `
	48 8d 05 00 00 00 00     lea rax, [rip+data]
	48 83 00 01              add qword ptr [rax], 1
	48 8b 00                 mov rax, [rax]
	48 03 05 00 00 00 00     add rax, [rip+rodata]
	c3                       ret`,
	relocs: []codegen.Reloc{
		{Offset: 3, Kind: codegen.RelocData, Index: 1, Addend: -4},
		{Offset: 17, Kind: codegen.RelocRodata, Addend: -4},
	}}

// element increments the first value of map 0 and returns it.
var element = code{name: "element", hex: `
	48 8d 05 00 00 00 00     lea rax, [rip+value]
	f0 48 83 00 01           lock add qword ptr [rax], 1
	48 8b 00                 mov rax, [rax]
	c3                       ret`,
	relocs: []codegen.Reloc{{Offset: 3, Kind: codegen.RelocMapValue, Addend: -4}}}

// saved fills every register that a resumed run must find again, polls, and sums them.
var saved = code{name: "saved", stack: 8, hex: `
	53                       push rbx
	41 55                    push r13
	41 56                    push r14
	41 57                    push r15
	b8 01 00 00 00           mov eax, 1
	b9 02 00 00 00           mov ecx, 2
	ba 04 00 00 00           mov edx, 4
	bb 08 00 00 00           mov ebx, 8
	be 10 00 00 00           mov esi, 16
	bf 20 00 00 00           mov edi, 32
	41 b8 40 00 00 00        mov r8d, 64
	41 b9 80 00 00 00        mov r9d, 128
	41 ba 00 01 00 00        mov r10d, 256
	41 bb 00 02 00 00        mov r11d, 512
	41 bd 00 04 00 00        mov r13d, 1024
	41 be 00 08 00 00        mov r14d, 2048
	41 bf 00 10 00 00        mov r15d, 4096
	c7 45 f8 00 20 00 00     mov dword ptr [rbp-8], 8192
	41 ff 54 24 08           call [r12+8]
	48 01 c8                 add rax, rcx
	48 01 d0                 add rax, rdx
	48 01 d8                 add rax, rbx
	48 01 f0                 add rax, rsi
	48 01 f8                 add rax, rdi
	4c 01 c0                 add rax, r8
	4c 01 c8                 add rax, r9
	4c 01 d0                 add rax, r10
	4c 01 d8                 add rax, r11
	4c 01 e8                 add rax, r13
	4c 01 f0                 add rax, r14
	4c 01 f8                 add rax, r15
	8b 4d f8                 mov ecx, [rbp-8]
	48 01 c8                 add rax, rcx
	41 5f                    pop r15
	41 5e                    pop r14
	41 5d                    pop r13
	5b                       pop rbx
	c3                       ret`,
	exits: []codegen.Exit{{Offset: 91, Code: codegen.ExitPoll}}}

// bytesOf returns the bytes at the beginning of the lines.
func bytesOf(t testing.TB, text string) (b []byte) {
	for _, line := range strings.Split(text, "\n") {
		for _, f := range strings.Fields(line) {
			v, err := hex.DecodeString(f)
			if err != nil || len(v) != 1 {
				break
			}
			b = append(b, v[0])
		}
	}
	require.NotEmpty(t, b)
	return b
}

// identity is machine code: uint64_t f(uint64_t a, uint64_t b) { return a + b; }
var identity = []byte{0x48, 0x8d, 0x04, 0x37, 0xc3} // lea rax, [rdi+rsi]; ret

// artifact makes a sealed artifact of the programs, with two helpers, two data
// sections and an array map of three values.
func artifact(t testing.TB, programs ...code) *codegen.Artifact {
	a := &codegen.Artifact{
		Target: "test", Arch: "amd64", CPU: "x86-64", Name: "test.o", StackSize: 64,
		Rodata: []byte{100, 0, 0, 0, 0, 0, 0, 0},
		Helpers: []abi.Helper{
			{ID: 1, Name: "ask", Impl: abi.ImplGo},
			{ID: 2, Name: "add", Impl: abi.ImplNative, Native: identity, NativeTarget: "amd64"},
		},
		Data: []obj.Data{
			{Name: ".rodata", Bytes: []byte("constant"), ReadOnly: true, Align: 1},
			{Name: ".data", Bytes: []byte{7, 0, 0, 0, 0, 0, 0, 0}, Align: 8},
		},
		Maps: []abi.MapSpec{{Name: "counts", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 12, MaxEntries: 3}},
	}
	for i, p := range programs {
		addCode(t, a, i, p)
	}
	a.Seal()
	return a
}

func addCode(t testing.TB, a *codegen.Artifact, i int, p code) {
	for len(a.Code)%16 != 0 {
		a.Code = append(a.Code, 0x90) // nop
	}
	at := uint32(len(a.Code))
	for _, x := range p.exits {
		x.Offset, x.Prog = x.Offset+at, int32(i)
		a.Exits = append(a.Exits, x)
	}
	for _, r := range p.relocs {
		r.Offset += at
		a.Relocs = append(a.Relocs, r)
	}
	a.StackSize = max(a.StackSize, p.stack)
	b := bytesOf(t, p.hex)
	a.Code = append(a.Code, b...)
	a.Symbols = append(a.Symbols, codegen.Symbol{Name: p.name, Offset: at, Size: uint32(len(b)), Global: true, Prog: int32(i)})
	a.Entries = append(a.Entries, codegen.Entry{Offset: at, EntryInfo: codegen.EntryInfo{
		Name: p.name, Section: "mem", Type: "mem", Context: abi.CtxMemory, CtxSize: p.size, StackSize: p.stack,
		Lines: []obj.Line{{Slot: 0, File: "test.c", Line: 10, Text: "first"}, {Slot: 2, File: "test.c", Line: 20, Text: "second"}},
	}})
}
