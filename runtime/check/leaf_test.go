package check

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// Encodings by llvm-mc 19.

func TestLeaf(t *testing.T) {
	exit := codegen.Exit{Code: codegen.ExitPoll, Rule: ir.RuleFuel}
	at := func(off uint32, kind codegen.RelocKind, index int32) []codegen.Reloc {
		return []codegen.Reloc{{Offset: off, Kind: kind, Index: index, Addend: -4}}
	}
	cases := []struct {
		name   string
		hex    string
		leaf   bool
		relocs []codegen.Reloc
		exits  []uint32
	}{
		{name: "nothing", hex: "c3", leaf: true},
		{name: "every register but two as a value", hex: "55 53 4155 4156 4157 4989de 4d01ef 4c01fb 4801d8 4c01c8 4c01d0 4c01d8 4c01c0 415f 415e 415d 5b 5d c3", leaf: true},
		{name: "run context read", hex: "498b4424 30 c3"},
		{name: "run context as a value", hex: "4c89e0 c3"},
		{name: "run context by rorx", hex: "c443fbf0cc07 c3"},
		{name: "run context by shlx", hex: "c4e299f7c3 c3"},
		{name: "run context by movbe", hex: "490f38f00424 c3"},
		{name: "stack pointer as a value", hex: "4889e0 c3"},
		{name: "above the return address", hex: "488b442408 c3"},
		{name: "stack pointer changed", hex: "4883ec08 4883c408 c3"},
		{name: "one register not restored", hex: "53 4155 5b c3"},
		{name: "one restored too many", hex: "53 5b 5b c3"},
		{name: "restored on one path only", hex: "53 85ff 7401 5b c3"},
		{name: "restored on both", hex: "53 85ff 7402 5b c3 5b c3", leaf: true},
		{name: "pushes memory", hex: "ff37 58 c3"},
		{name: "eight registers", hex: strings.Repeat("50", 8) + strings.Repeat("58", 8) + "c3", leaf: true},
		{name: "nine registers", hex: strings.Repeat("50", 9) + strings.Repeat("58", 9) + "c3"},
		{name: "lowest of the BPF stack", hex: "48898500feffff c3", leaf: true},
		{name: "below it", hex: "488985fffdffff c3"},
		{name: "highest of it", hex: "48894df8 c3", leaf: true},
		{name: "above it", hex: "48894df9 c3"},
		{name: "its address", hex: "4889e8 c3"},
		{name: "an address in it", hex: "488d45f8 c3"},
		{name: "its address stored in it", hex: "48896df8 c3"},
		{name: "indexed", hex: "488b44fd f0 c3"},
		{name: "forward", hex: "85ff 7403 31c0 c3 89f8 c3", leaf: true},
		{name: "forward over a jump", hex: "85ff 7402 eb01 90 c3", leaf: true},
		{name: "backward", hex: "ffcf 75fc c3"},
		{name: "itself", hex: "ebfe c3"},
		{name: "call of its own", hex: "e801000000 c3 c3"},
		{name: "breakpoint behind it", hex: "c3 cc", leaf: true},
		{name: "breakpoint jumped to", hex: "85ff 7401 c3 cc"},
		{name: "exit", hex: "41ff542408 c3", exits: []uint32{5}},
		{name: "tail call", hex: "ffe1"},
		{name: "native helper", hex: "e800000000 c3", relocs: at(1, codegen.RelocHelper, 0)},
		{name: "constants of the back end", hex: "488b0500000000 c3", relocs: at(3, codegen.RelocRodata, 0), leaf: true},
		{name: "data", hex: "488b0500000000 c3", relocs: at(3, codegen.RelocData, 0), leaf: true},
		{name: "data that holds addresses", hex: "488b0500000000 c3", relocs: at(3, codegen.RelocData, 1)},
		{name: "data with a kernel pointer", hex: "488b0500000000 c3", relocs: at(3, codegen.RelocData, 2)},
		{name: "value of a map", hex: "488b0500000000 c3", relocs: at(3, codegen.RelocMapValue, 0)},
		{name: "map", hex: "488d0500000000 c3", relocs: at(3, codegen.RelocMap, 0)},
		{name: "as long as it may be", hex: strings.Repeat("90", LeafInsns-1) + "c3", leaf: true},
		{name: "longer", hex: strings.Repeat("90", LeafInsns) + "c3"},
	}
	for _, c := range cases {
		a := program(nil)
		a.Code, a.Relocs, a.Rodata = unhex(t, c.hex), c.relocs, make([]byte, 8)
		a.Helpers = []abi.Helper{{Name: "add", Impl: abi.ImplNative}}
		a.Maps = []abi.MapSpec{{Name: "m", ValueSize: 8, MaxEntries: 1}}
		bytes := make([]byte, 8)
		a.Data = []obj.Data{{Name: ".data", Bytes: bytes}, {Name: ".bss", Bytes: bytes, Relocs: []obj.DataReloc{{}}}, {Name: ".kptr", Bytes: bytes, Special: []abi.Special{{}}}}
		for _, off := range c.exits {
			x := exit
			x.Offset = off
			a.Exits = append(a.Exits, x)
		}
		leaves, err := Artifact(a)
		require.NoError(t, err, c.name)
		require.Equal(t, []bool{c.leaf}, leaves, c.name)
	}
}
