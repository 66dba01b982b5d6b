package abi_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
)

type args = [5]abi.ArgKind

func TestCheckAcceptsWhatHasAMeaning(t *testing.T) {
	for _, h := range []abi.Helper{
		{Name: "none"},
		{Name: "mem", Args: args{abi.ArgMem, abi.ArgSize, abi.ArgMemOrNull, abi.ArgSizeOrZero}},
		{Name: "s/by_name", C: "long by_name(void)"},
		{Name: "key", Args: args{abi.ArgConstMap, abi.ArgMapKey, abi.ArgMapValue, abi.ArgAny}, Ret: abi.RetMapValueOrNull},
		{Name: "table", Args: args{abi.ArgCtx, abi.ArgMapIndex, abi.ArgMapKey}, Ret: abi.RetMapValue},
		{Name: "slice", Args: args{abi.ArgDynptr, abi.ArgAny, abi.ArgMemWriteOrNull, abi.ArgConst}, Ret: abi.RetDynptrMemOrNull},
		{Name: "each", Args: args{abi.ArgConstMap, abi.ArgFunc, abi.ArgStackOrNull}, Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbMap, abi.CbCtx}}},
		{Name: "iter", Args: args{abi.ArgIter}, Sizes: [5]uint32{8}, Flags: abi.FlagIterNew},
		{Name: "lock", Args: args{abi.ArgSpinLock}, Flags: abi.FlagLock, Ret: abi.RetVoid},
		{Name: "lookup", Args: args{abi.ArgAny}, Ret: abi.RetStructOrNull, RetStruct: "sock", Flags: abi.FlagAcquires},
		{Name: "range", Returns: abi.Range{Min: -1, Max: 1}},
	} {
		require.NoError(t, abi.Check(&abi.Set{Name: "s", Helpers: []abi.Helper{h}}))
	}
}

func TestCheckRefusesHelpers(t *testing.T) {
	for _, c := range []struct {
		h    abi.Helper
		want string
	}{
		{abi.Helper{ID: 7}, "helper set s: helper : helper 7 has no name"},
		{abi.Helper{Args: args{abi.ArgMem}}, "the length of the memory of argument 1 has to be the next argument"},
		{abi.Helper{Args: args{abi.ArgMem, abi.ArgAny}}, "the length of the memory of argument 1 has to be the next argument"},
		{abi.Helper{Args: args{4: abi.ArgMem, 0: abi.ArgAny, 1: abi.ArgAny, 2: abi.ArgAny, 3: abi.ArgAny}}, "the length of the memory of argument 5"},
		{abi.Helper{Args: args{abi.ArgMem, abi.ArgSize, abi.ArgSize}}, "argument 3 is a length"},
		{abi.Helper{Args: args{abi.ArgSize}}, "argument 1 is a length"},
		{abi.Helper{Args: args{abi.ArgMapKey, abi.ArgConstMap}}, "argument 1 is a key or value of a map, and no argument before it is a map"},
		{abi.Helper{Args: args{1: abi.ArgAny}}, "argument 2 comes after one that is absent"},
		{abi.Helper{Args: args{200}}, "argument 1 has kind 200"},
		{abi.Helper{Args: args{abi.ArgFixedMem}}, "argument 1: its kind and Sizes disagree"},
		{abi.Helper{Sizes: [5]uint32{4}}, "argument 1: its kind and Sizes disagree"},
		{abi.Helper{Args: args{abi.ArgStruct}}, "argument 1: its kind and Structs disagree"},
		{abi.Helper{Args: args{abi.ArgFunc}}, "exactly if Callback describes"},
		{abi.Helper{Callback: &abi.Callback{}}, "exactly if Callback describes"},
		{abi.Helper{Args: args{abi.ArgFunc}, Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbMapKey}}}, "argument 1 of its callback is of a map"},
		{abi.Helper{Args: args{abi.ArgFunc}, Callback: &abi.Callback{Args: [5]abi.CallbackArg{abi.CbCtx}}}, "argument 1 of its callback is the context"},
		{abi.Helper{Args: args{abi.ArgFunc}, Callback: &abi.Callback{Args: [5]abi.CallbackArg{99}}}, "has kind 99"},
		{abi.Helper{Args: args{abi.ArgFunc}, Callback: &abi.Callback{Returns: abi.Range{Min: 1}}}, "its callback returns 1 to 0"},
		{abi.Helper{Ret: abi.RetMapValue}, "no argument is a map"},
		{abi.Helper{Ret: abi.RetMem}, "its size is either RetSize or an argument"},
		{abi.Helper{Ret: abi.RetMem, RetSize: 4, Args: args{abi.ArgAllocSize}}, "its size is either RetSize or an argument"},
		{abi.Helper{Ret: abi.RetDynptrMemOrNull}, "an argument has to be one"},
		{abi.Helper{Ret: abi.RetStruct}, "RetStruct has to name it"},
		{abi.Helper{Ret: 77}, "return kind 77"},
		{abi.Helper{Returns: abi.Range{Min: 2, Max: 1}}, "it returns 2 to 1"},
		{abi.Helper{Ret: abi.RetVoid, Returns: abi.Range{Max: 1}}, "only a number can have a range"},
		{abi.Helper{Args: args{abi.ArgIter}, Sizes: [5]uint32{8}}, "one of FlagIterNew"},
		{abi.Helper{Args: args{abi.ArgIter}, Sizes: [5]uint32{8}, Flags: abi.FlagIterNew | abi.FlagIterNext}, "one of FlagIterNew"},
		{abi.Helper{Flags: abi.FlagIterNext}, "one of FlagIterNew"},
		{abi.Helper{Args: args{abi.ArgDynptrInit}}, "exactly if Dynptr says"},
		{abi.Helper{Dynptr: abi.DynptrLocal}, "exactly if Dynptr says"},
		{abi.Helper{Args: args{abi.ArgSpinLock}}, "one of FlagLock and FlagUnlock"},
		{abi.Helper{Flags: abi.FlagLock}, "one of FlagLock and FlagUnlock"},
		{abi.Helper{Flags: abi.FlagReleases}, "no argument can be a reference"},
		{abi.Helper{Flags: abi.FlagAcquires}, "its result is no reference"},
		{abi.Helper{Flags: abi.FlagReturnsLength}, "no argument is one"},
		{abi.Helper{Flags: abi.FlagInternal << 1}, "there are none above"},
		{abi.Helper{Impl: abi.ImplBody}, "exactly if Impl is ImplBody"},
		{abi.Helper{Body: []byte{1}}, "exactly if Impl is ImplBody"},
		{abi.Helper{Flags: abi.FlagFastcall, Args: args{abi.ArgFunc}, Callback: &abi.Callback{}}, "runs code of the program, which does not"},
		{abi.Helper{Flags: abi.FlagFastcall | abi.FlagTailCall}, "runs code of the program, which does not"},
		{fast(isa.Mov.Reg(isa.R0, isa.R2), isa.Return()), "insn 0 uses R2: r0 = r2; all that it may use is R0 and its arguments"},
		{fast(isa.Mov.Imm(isa.R6, 0), isa.Return()), "insn 0 uses R6"},
		{fast(isa.StoreMem(isa.R10, -8, isa.R1, 8), isa.Return()), "insn 0 uses R10"},
		{fast(isa.LoadImm64(isa.R3, 5), isa.Return()), "insn 0 uses R3"},
		{fast(isa.CallHelper(5), isa.Return()), "insn 0 may be a call"},
		{fast(slices.Repeat([]isa.Insn{isa.Mov.Imm(isa.R0, 0)}, 64)...), "has 65 instructions: at most 64"},
		{abi.Helper{C: "int other(void)"}, "declares something else: int other(void)"},
	} {
		if c.h.ID == 0 {
			c.h.Name = "h"
		}
		err := abi.Check(&abi.Set{Name: "s", Helpers: []abi.Helper{c.h}})
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "helper set s: helper "+c.h.Name+": ")
		err = abi.Check(&abi.Set{Name: "s", Types: []abi.ProgType{{Name: "t", Variants: []abi.Helper{c.h}}}})
		require.ErrorContains(t, err, "helper set s: program type t: its helper "+c.h.Name+": ")
	}
}

// fast is a marked helper of one argument whose body is insns, and a return.
func fast(insns ...isa.Insn) abi.Helper {
	body, err := isa.Encode(append(isa.Prog(insns...), isa.Return()))
	if err != nil {
		panic(err)
	}
	return abi.Helper{Flags: abi.FlagFastcall, Args: args{abi.ArgAny}, Impl: abi.ImplBody, Body: body}
}

func TestCheckAllowsMarkedBodies(t *testing.T) {
	h := fast(isa.LoadImm64(isa.R0, 0x1_0000_0001), isa.Mul.Reg(isa.R0, isa.R1), isa.Add.Imm(isa.R1, 1), isa.Add.Reg(isa.R0, isa.R1))
	h.Name = "h"
	require.NoError(t, abi.Check(&abi.Set{Name: "s", Helpers: []abi.Helper{h}}))
}

func TestCheckRefusesTypesStructuresAndMaps(t *testing.T) {
	field := func(f abi.Field) *abi.Set {
		if f.Name == "" {
			f.Name = "f"
		}
		return &abi.Set{Name: "s", Structs: []abi.Context{{Kind: abi.CtxStruct, Name: "x", Size: 8, Fields: []abi.Field{f}}}}
	}
	kind := func(k abi.MapKind) *abi.Set { return &abi.Set{Name: "s", MapKinds: []abi.MapKind{k}} }
	typ := func(p abi.ProgType) *abi.Set { return &abi.Set{Name: "s", Types: []abi.ProgType{p}} }
	for _, c := range []struct {
		s    *abi.Set
		want string
	}{
		{typ(abi.ProgType{}), "helper set s: program type : it has no name"},
		{typ(abi.ProgType{Name: "t", Returns: abi.Range{Min: 1}}), "helper set s: program type t: it returns 1 to 0: the first must not be more than the second"},
		{typ(abi.ProgType{Name: "t", Packet: 9}), "helper set s: program type t: packet access 9 or packet arguments 0 have no meaning"},
		{typ(abi.ProgType{Name: "t", Context: abi.Context{Kind: 9}}), "helper set s: program type t: context kind 9 has no meaning"},
		{field(abi.Field{Offset: 8, Size: 4}), "helper set s: struct x: field f: bytes 8 to 12 are not inside the 8 bytes of struct x"},
		{field(abi.Field{Offset: 0}), "helper set s: struct x: field f: bytes 0 to 0 are not inside the 8 bytes of struct x"},
		{field(abi.Field{Size: 6, Unit: 4}), "helper set s: struct x: field f: its 6 bytes are no multiple of its unit, 4"},
		{field(abi.Field{Size: 4, Wide: 4}), "helper set s: struct x: field f: a wide access of 4 bytes is no more than its unit, 4"},
		{field(abi.Field{Size: 8, Kind: abi.FieldFlowKeys}), "helper set s: struct x: field f: it leads to no structure: name one"},
		{field(abi.Field{Size: 8, Kind: 99}), "helper set s: struct x: field f: its kind 99 or access 0 has no meaning"},
		{kind(abi.MapKind{Type: 4}), "helper set s: map kind : type 4 has no name"},
		{kind(abi.MapKind{Name: "k", Values: abi.ValuesStruct}), "helper set s: map kind k: a lookup gives a structure exactly if Struct names one"},
		{kind(abi.MapKind{Name: "k", Struct: "sock"}), "helper set s: map kind k: a lookup gives a structure exactly if Struct names one"},
		{kind(abi.MapKind{Name: "k", Direct: true}), "helper set s: map kind k: its values have no addresses that an lddw could take"},
		{kind(abi.MapKind{Name: "k", Values: 9}), "helper set s: map kind k: kind of values 9 has no meaning"},
	} {
		require.EqualError(t, abi.Check(c.s), c.want)
	}
}

func TestMergeNamesBothSets(t *testing.T) {
	one := func(name string) *abi.Set {
		return &abi.Set{Name: name, Helpers: []abi.Helper{{ID: 1, Name: name + "/h"}}, Types: []abi.ProgType{{Name: name}},
			Structs: []abi.Context{{Name: "x"}}, MapKinds: []abi.MapKind{{Name: name}}}
	}
	_, err := abi.Merge(one("a"), one("b"))
	require.EqualError(t, err, "helper number 1 is declared by both a and b: drop one of them")
	b := one("b")
	b.Helpers[0].ID = 2
	_, err = abi.Merge(one("a"), b)
	require.EqualError(t, err, "structure x is declared by both a and b: drop one of them")
	b.Structs = nil
	s, err := abi.Merge(one("a"), b)
	require.NoError(t, err)
	require.Equal(t, "a+b", s.Name)
	require.NotNil(t, s.Struct("x"))
	require.Equal(t, "b/h", s.HelperByID(2).Name)
	require.Nil(t, s.Struct("y"))
}

func TestVariantsComeBeforeTheSets(t *testing.T) {
	s := &abi.Set{Helpers: []abi.Helper{{ID: 1, Name: "h"}}}
	own := &abi.ProgType{Variants: []abi.Helper{{ID: 1, Name: "h", Args: args{abi.ArgCtx}}}}
	require.Equal(t, 1, s.HelperFor(own, 1).NumArgs())
	require.Equal(t, 0, s.HelperFor(&abi.ProgType{}, 1).NumArgs())
	require.Nil(t, s.HelperFor(own, 2))
}
