package objfile

import (
	"encoding/hex"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// image builds an artifact by hand.
type image struct{ codegen.Artifact }

// fn begins a function.
func (m *image) fn(name string) uint32 {
	for len(m.Code)%16 != 0 {
		m.Code = append(m.Code, 0x90)
	}
	at := uint32(len(m.Code))
	m.Symbols = append(m.Symbols, codegen.Symbol{Name: name, Offset: at})
	return at
}

// hex adds code and makes the function as long as it.
func (m *image) hex(code string) {
	b, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
	if err != nil {
		panic(err)
	}
	m.Code = append(m.Code, b...)
	s := &m.Symbols[len(m.Symbols)-1]
	s.Size = uint32(len(m.Code)) - s.Offset
}

// field adds a relocated 4-byte field at the end of an instruction.
func (m *image) field(kind codegen.RelocKind, index int32, addend int64) {
	m.Relocs = append(m.Relocs, codegen.Reloc{Offset: uint32(len(m.Code)), Kind: kind, Index: index, Addend: addend - 4})
	m.hex("00000000")
}

// cfa adds an unwinding step here.
func (m *image) cfa(cfa int32, saved ...codegen.SavedReg) {
	s := &m.Symbols[len(m.Symbols)-1]
	s.CFA = append(s.CFA, codegen.CFAStep{Offset: uint32(len(m.Code)), CFA: cfa, Saved: saved})
}

func (m *image) line(prog, pos int32) {
	m.Lines = append(m.Lines, codegen.LineEntry{Offset: uint32(len(m.Code)), Prog: prog, Pos: ir.Pos(pos)})
}

// sample has two programs. sum(mem, len) counts its calls in the variable
// `calls`, and returns helper(calls + map[1] + 40, *table) where table points to `seven`. trap always faults.
func sample() *codegen.Artifact {
	m := &image{codegen.Artifact{
		Target: "amd64", Version: "1.2", Arch: "amd64", CPU: "x86-64", Name: "sample.bpf.o",
		Rodata: append([]byte("\x28\x00\x00\x00\x00\x00\x00\x00"), "trap\x00"...),
		Maps:   []abi.MapSpec{{Name: "config", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 3}, {Name: "flows", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 9}},
		Data: []obj.Data{
			{Name: ".bss", Bytes: make([]byte, 16), Align: 8, Symbols: []obj.DataSymbol{{Name: "calls", Offset: 8, Size: 8}}},
			{Name: ".rodata", Bytes: make([]byte, 8), Align: 8, ReadOnly: true, Relocs: []obj.DataReloc{{Offset: 0, Index: 2, Addend: 4}}, Symbols: []obj.DataSymbol{{Name: "table", Size: 8}}},
			{Name: ".data.numbers", Bytes: []byte{1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0}, Align: 4, Symbols: []obj.DataSymbol{{Name: "seven", Offset: 4, Size: 8}}},
		},
		Helpers: []abi.Helper{{ID: 5, Name: "test/identity", Args: [5]abi.ArgKind{abi.ArgAny, abi.ArgAny}, Impl: abi.ImplNative}},
	}}
	lines := []obj.Line{{Slot: 0, File: "/src/sample.c", Line: 10, Col: 5, Text: "calls++;"}, {Slot: 2, File: "/src/sample.c", Line: 12, Col: 2}, {Slot: 4, File: "/src/inc.h", Line: 300, Col: 1}}
	sum, trap := m.sum(), m.trap()
	m.Entries = []codegen.Entry{
		{EntryInfo: codegen.EntryInfo{Name: "sum", Type: "mem", Context: abi.CtxMemory, Lines: lines}, HasC: true, COffset: sum[0], CChecked: sum[1]},
		{EntryInfo: codegen.EntryInfo{Name: "trap", Type: "mem", Context: abi.CtxMemory}, HasC: true, COffset: trap[0], CChecked: trap[1]},
	}
	m.Seal()
	return &m.Artifact
}

func (m *image) sum() [2]uint32 {
	m.line(0, -1)
	entry := m.fn("sum")
	m.hex("53") // push rbx
	m.cfa(16, codegen.SavedReg{Reg: 3, Below: 16})
	m.line(0, 0)
	m.hex("48 ff 05") // inc qword [rip+calls]
	m.field(codegen.RelocData, 0, 8)
	m.hex("48 8b 1d") // mov rbx, [rip+calls]
	m.field(codegen.RelocData, 0, 8)
	m.line(0, 2)
	m.hex("48 03 1d") // add rbx, [rip+map[1]]
	m.field(codegen.RelocMapValue, 0, 8)
	m.hex("48 03 1d") // add rbx, [rip+40]
	m.field(codegen.RelocRodata, 0, 0)
	m.line(0, 4)
	m.hex("48 8b 05") // mov rax, [rip+table]
	m.field(codegen.RelocData, 1, 0)
	m.hex("48 8b 30 48 89 df e8") // mov rsi, [rax]; mov rdi, rbx; call helper
	m.field(codegen.RelocHelper, 0, 0)
	m.hex("5b") // pop rbx
	m.cfa(8)
	m.hex("c3")
	m.line(-1, -1)
	checked := m.fn("sum_checked")
	m.hex("52 e8") // push rdx; call sum
	m.cfaAt(1, 16)
	rel := int32(entry) - int32(len(m.Code)+4)
	m.Code = append(m.Code, byte(rel), byte(rel>>8), byte(rel>>16), byte(rel>>24))
	m.hex("5a") // pop rdx
	m.cfa(8)
	m.hex("48 89 02 31 c0 c3") // mov [rdx], rax; xor eax, eax; ret
	return [2]uint32{entry, checked}
}

// cfaAt adds an unwinding step after the function's first n bytes.
func (m *image) cfaAt(n uint32, cfa int32) {
	s := &m.Symbols[len(m.Symbols)-1]
	s.CFA = append(s.CFA, codegen.CFAStep{Offset: s.Offset + n, CFA: cfa})
}

func (m *image) trap() [2]uint32 {
	inner := m.fn("trap")            // a name that a C entry has as well
	m.hex("c7 07 01 00 00 00")       // mov dword [rdi+rule], 1
	m.hex("c7 47 04 07 00 00 00")    // mov dword [rdi+insn], 7
	m.hex("48 c7 47 08 39 30 00 00") // mov qword [rdi+address], 12345
	m.hex("c7 47 10 08 00 00 00")    // mov dword [rdi+size], 8
	m.hex("c7 47 14 01 00 00 00")    // mov dword [rdi+write], 1
	m.hex("48 8d 05")                // lea rax, [rip+name]
	m.field(codegen.RelocRodata, 0, 8)
	m.hex("48 89 47 18 c3") // mov [rdi+program], rax; ret
	call := func() {
		rel := int32(inner) - int32(len(m.Code)+5)
		m.Code = append(m.Code, 0xe8, byte(rel), byte(rel>>8), byte(rel>>16), byte(rel>>24))
		m.hex("")
	}
	entry := m.fn("trap")
	m.hex("48 83 ec 28 48 89 e7") // sub rsp, 40; mov rdi, rsp
	m.cfaAt(4, 48)
	call()
	m.hex("48 8b 05") // mov rax, [rip+hook]
	m.field(codegen.RelocFaultHook, 0, 0)
	m.hex("48 85 c0 74 05 48 89 e7 ff d0") // test rax, rax; jz; mov rdi, rsp; call rax
	m.hex("48 83 c8 ff 48 83 c4 28")       // or rax, -1; add rsp, 40
	m.cfa(8)
	m.hex("c3")
	checked := m.fn("trap_checked")
	m.hex("48 89 cf") // mov rdi, rcx
	call()
	m.hex("83 c8 ff c3") // or eax, -1; ret
	return [2]uint32{entry, checked}
}
