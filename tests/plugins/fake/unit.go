package fake

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// Unit returns a unit of two programs with every field in use.
func Unit() *codegen.Unit {
	u := &codegen.Unit{
		Name: "prog.o",
		Maps: []abi.MapSpec{{Name: "m", Type: 1, KeySize: 4, ValueSize: 8, MaxEntries: 9, Flags: 1, Inner: 1, Pinning: 2}},
		Data: []obj.Data{{Name: ".data", Bytes: make([]byte, 16), ReadOnly: true, Align: 8,
			Symbols: []obj.DataSymbol{{Name: "v", Offset: 8, Size: 8}}, Relocs: []obj.DataReloc{{Offset: 8, Index: 0, Addend: -1}}}},
		Helpers: Set().Helpers,
		Items:   []codegen.Item{{Kind: "type", Name: "mem", Digest: [32]byte{1, 31: 2}}},
	}
	for _, name := range []string{"first", "second"} {
		u.Programs = append(u.Programs, program(name, u))
		u.Entries = append(u.Entries, codegen.EntryInfo{Name: name, Section: "mem/64", Type: "mem/64", Context: abi.CtxMemory,
			CtxSize: 64, Return32: true, StackSize: 128, Lines: []obj.Line{{Slot: 0, File: "f.c", Line: 1, Col: 2, Text: "x"}}, Insns: 2})
	}
	return u
}

func program(name string, u *codegen.Unit) *ir.Program {
	return &ir.Program{
		Name: name, Section: "mem/64", Type: "mem/64",
		Maps: u.Maps, Data: u.Data, Helpers: u.Helpers,
		Funcs: []*ir.Func{{Name: name, Blocks: []*ir.Block{{Insns: []ir.Insn{
			{Op: ir.OpMov, Width: 64, Dst: ir.R0, Imm: -7},
			{Op: ir.OpExit, Pos: 1},
		}}}}},
	}
}

// body is the code of a helper: r0 = 7; exit.
var body = []byte{0xb7, 0, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0}

// Set returns a set with every field in use.
func Set() *abi.Set {
	return &abi.Set{
		Name: "fake",
		Types: []abi.ProgType{{
			Name:     "xdp",
			Sections: []string{"xdp", "xdp/*"},
			Context: abi.Context{Kind: abi.CtxStruct, Name: "xdp_md", Size: 24, Fields: []abi.Field{
				{Name: "data", Offset: 4, Size: 4, Kind: abi.FieldPacketEnd, Access: abi.ReadWrite, Narrow: true}}, Private: 16},
			Helpers: []string{"*"},
			Loads:   "fake/b",
			Returns: abi.Range{Min: -1, Max: 4, Names: map[int64]string{-1: "NEVER", 2: "XDP_PASS", 1: "XDP_DROP"}},
		}},
		Helpers: []abi.Helper{
			{ID: 5, Name: "fake/a", Args: [5]abi.ArgKind{abi.ArgCtx, abi.ArgMem, abi.ArgSize, abi.ArgFixedMem, abi.ArgStruct}, Sizes: [5]uint32{3: 4}, Structs: [5]string{4: "sock"}, Ret: abi.RetVoid, Flags: abi.FlagGPL, Impl: abi.ImplGo},
			{ID: 6, Name: "fake/b", Impl: abi.ImplNative, Native: []byte{0xc3}, NativeTarget: "amd64", Returns: abi.Range{Max: 1}, C: "int b(void)"},
			{ID: 7, Name: "fake/c", Args: [5]abi.ArgKind{abi.ArgConstMap, abi.ArgFunc}, Ret: abi.RetMapValueOrNull, Intrinsic: abi.IntrinsicForEach, With: "fake/b",
				Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbMap}, Returns: abi.Range{Max: 1}, Many: true}},
			{ID: 8, Name: "fake/d", Impl: abi.ImplBody, Body: body},
		},
		MapKinds: []abi.MapKind{{Name: "hash", Type: 1, Helpers: []string{"fake/c"}, Values: abi.ValuesMemory}},
		Structs:  []abi.Context{{Kind: abi.CtxStruct, Name: "sock", Opaque: true, Is: []string{"common"}}},
	}
}
