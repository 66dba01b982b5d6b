package maps

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// either looks its first value up in the map that the outer one holds or, if the first byte of its memory is 0, in the
// template itself; with flip the way of the template comes first. Enough happens before the ways meet for the verifier to
// remember that place.
func either(flip bool) *sdk.Object {
	held := []isa.Insn{
		isa.LoadImm64(isa.R1, 0), {Op: isa.Pad},
		isa.Mov.Reg(isa.R2, isa.R10),
		isa.Add.Imm(isa.R2, -4),
		isa.CallHelper(1),
		isa.NE.Imm(isa.R0, 0, 1),
		isa.Return(),
		isa.Mov.Reg(isa.R1, isa.R0),
	}
	named := []isa.Insn{isa.LoadImm64(isa.R1, 0), {Op: isa.Pad}}
	for range 8 {
		named = append(named, isa.Mov.Imm(isa.R9, 1))
	}
	named = append(named, isa.GT.Imm(isa.R2, 200, 0), isa.GT.Imm(isa.R2, 300, 0), isa.GT.Imm(isa.R2, 400, 0))
	cond, first, second := isa.EQ, held, named
	if flip {
		cond, first, second = isa.NE, named, held
	}
	insns := []isa.Insn{
		isa.LoadMem(isa.R7, isa.R1, 0, 1),
		isa.StoreImm(isa.R10, -4, 0, 4),
		isa.Mov.Imm(isa.R8, 1),
		isa.GT.Imm(isa.R7, 100, 1),
		isa.Mov.Imm(isa.R8, 2),
		isa.GT.Imm(isa.R7, 50, 1),
		isa.Mov.Imm(isa.R8, 3),
		cond.Imm(isa.R7, 0, int16(len(first)+1)),
	}
	at := len(insns)
	insns = append(append(insns, first...), isa.Jump(int16(len(second))))
	then := len(insns)
	insns = append(append(insns, second...),
		isa.Mov.Reg(isa.R2, isa.R10),
		isa.Add.Imm(isa.R2, -4),
		isa.CallHelper(1),
		isa.NE.Imm(isa.R0, 0, 1),
		isa.Return(),
		isa.LoadMem(isa.R0, isa.R0, 0, 8),
		isa.Return(),
	)
	refs := []obj.Ref{{Slot: at, Kind: obj.RefMap, Index: 1}, {Slot: then, Kind: obj.RefMap, Index: 0}}
	if flip {
		refs[0].Index, refs[1].Index = 0, 1
	}
	return &sdk.Object{Name: "either", License: "GPL", Maps: []abi.MapSpec{
		{Name: "template", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		{Name: "outer", Type: abi.MapTypeArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, Inner: 1},
		{Name: "other", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 8, MaxEntries: 1},
	}, Programs: []obj.Program{{Name: "either", Type: "mem/1", Insns: insns, Refs: refs}}}
}

// TestInnerMapIsNotItsTemplate: one call that gets a map by name on one way, and one like it from another map on the other.
func TestInnerMapIsNotItsTemplate(t *testing.T) {
	for _, e := range engines {
		for _, flip := range []bool{false, true} {
			c, err := sdk.LoadCollection(context.Background(), either(flip), e.make(), sdk.Options{Set: builtin.Base()})
			require.NoError(t, err)
			require.NoError(t, c.Maps["template"].Put(uint32(0), uint64(10)))
			require.NoError(t, c.Maps["other"].Put(uint32(0), uint64(11)))
			require.NoError(t, c.Maps["outer"].Put(uint32(0), c.Maps["other"].ID()))
			for first, want := range map[byte]uint64{0: 10, 7: 11, 70: 11, 200: 11} {
				got, err := c.Programs["either"].Run([]byte{first})
				require.NoError(t, err)
				require.Equal(t, want, got, "%s, flip %v, first byte %d", e.name, flip, first)
			}
			require.NoError(t, c.Close())
		}
	}
}
