package ir

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// liftSet declares two helpers of one short name and one that is a body with a map of its own.
func liftSet(t *testing.T) *abi.Set {
	body, err := isa.Encode(isa.Prog(isa.LoadMapValIdx(isa.R0, 0, 0), isa.Return()))
	require.NoError(t, err)
	return &abi.Set{
		Name: "a+b",
		Helpers: []abi.Helper{
			{ID: 1, Name: "a/same", Impl: abi.ImplGo}, {ID: 2, Name: "b/same", Impl: abi.ImplGo}, {ID: 3, Name: "a/only", Impl: abi.ImplGo},
			{ID: 4, Name: "a/maps", Impl: abi.ImplBody, Body: body}, {ID: 5, Name: "a/junk", Impl: abi.ImplBody, Body: []byte{1, 2, 3}},
		},
	}
}

func anyType() abi.ProgType { return abi.ProgType{Name: "mem", Helpers: []string{"*"}} }

func liftObject() *obj.Object {
	return &obj.Object{
		Name: "x",
		Maps: []abi.MapSpec{{Name: "m", Type: 2, ValueSize: 8}},
		Data: []obj.Data{{Name: ".data", Bytes: make([]byte, 8)}, {Name: ".bss", Bytes: make([]byte, 8)}},
	}
}

func TestLiftReferences(t *testing.T) {
	lddw := isa.LoadImm64(isa.R1, 0)
	for _, tt := range []struct {
		name string
		insn isa.Insn
		ref  obj.Ref
		want string // the instruction
		code LiftCode
	}{
		{"data", lddw, obj.Ref{Kind: obj.RefData, Index: 1, Addend: 4}, "r1 = addr data@1, 4 @0", ""},
		{"map", lddw, obj.Ref{Kind: obj.RefMap}, "r1 = addr map@0, 0 @0", ""},
		{"map value", lddw, obj.Ref{Kind: obj.RefMapValue, Addend: 8}, "r1 = addr value@0, 8 @0", ""},
		{"map by index", isa.LoadMapIdx(isa.R1, 0), obj.Ref{Slot: 1}, "r1 = addr map@0, 0 @0", ""},
		{"value by index", isa.LoadMapValIdx(isa.R1, 0, 4), obj.Ref{Slot: 1}, "r1 = addr value@0, 4 @0", ""},
		{"helper by name", isa.CallKernel(0, 0), obj.Ref{Kind: obj.RefHelper, Name: "a/only"}, "call.helper helper@0 @0", ""},
		{"helper by short name", isa.CallHelper(-1), obj.Ref{Kind: obj.RefHelper, Name: "only"}, "call.helper helper@0 @0", ""},
		{"short name of two", isa.CallHelper(0), obj.Ref{Kind: obj.RefHelper, Name: "same"}, "", CodeExtern},
		{"no data", lddw, obj.Ref{Kind: obj.RefData, Index: 2}, "", CodeMapRef},
		{"negative", lddw, obj.Ref{Kind: obj.RefMap, Index: -1}, "", CodeMapRef},
		{"no map", lddw, obj.Ref{Kind: obj.RefMapValue, Index: 1}, "", CodeMapRef},
		{"no map by index", isa.LoadMapIdx(isa.R1, 1), obj.Ref{Slot: 1}, "", CodeMapRef},
		{"descriptor", isa.LoadMapFD(isa.R1, 3), obj.Ref{Slot: 1}, "", CodeMapRef},
		{"extern", lddw, obj.Ref{Kind: obj.RefKfunc, Name: "jiffies"}, "", CodeExtern},
		{"kernel variable", isa.LoadVar(isa.R1, 1, 0), obj.Ref{Slot: 1}, "", CodeNotSupported},
		{"kernel function", isa.CallKernel(7, 0), obj.Ref{Slot: 1}, "", CodeNotSupported},
		{"unknown helper", isa.CallHelper(99), obj.Ref{Slot: 1}, "", CodeHelper},
		{"function beyond the end", lddw, obj.Ref{Kind: obj.RefFunc, Index: 3}, "", CodeCallTarget},
		{"function below 0", lddw, obj.Ref{Kind: obj.RefFunc, Index: -1}, "", CodeCallTarget},
		{"function within an lddw", lddw, obj.Ref{Kind: obj.RefFunc, Index: 1}, "", CodeCallTarget},
		{"body with maps", isa.CallHelper(4), obj.Ref{Slot: 1}, "", CodeHelperBody},
		{"body of junk", isa.CallHelper(5), obj.Ref{Slot: 1}, "", CodeHelperBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &obj.Program{Name: "main", Insns: isa.Prog(tt.insn, isa.Return()), Refs: []obj.Ref{tt.ref}}
			out, err := NewLifter(liftObject(), liftSet(t)).Lift(p, anyType())
			if tt.code != "" {
				var e *LiftError
				if err == nil { // a call that cannot be made is an error only where a path leads
					e = out.Absent[0]
					require.NotNil(t, e)
				} else {
					require.ErrorAs(t, err, &e)
				}
				require.Equal(t, tt.code, e.Code, err)
				require.Equal(t, tt.code == CodeNotSupported || tt.code == CodeExtern, e.Unsupported)
				return
			}
			require.NoError(t, err)
			require.NoError(t, Check(out, StageLifted))
			require.Equal(t, tt.want, out.Funcs[0].Blocks[0].Insns[0].String())
		})
	}
}

// The immediate of an instruction with a reference means nothing: it begins no function.
func TestLiftIgnoresReferredImmediates(t *testing.T) {
	p := &obj.Program{
		Name: "main", Insns: isa.Prog(isa.Mov.Imm(isa.R0, 0), isa.CallFunc(-1), isa.Return(), isa.Return()),
		Refs: []obj.Ref{{Slot: 1, Kind: obj.RefFunc, Index: 3}}, Funcs: []obj.FuncInfo{{Slot: 0, Name: "main"}, {Slot: 3, Name: "f"}},
	}
	out, err := NewLifter(liftObject(), liftSet(t)).Lift(p, anyType())
	require.NoError(t, err)
	require.Len(t, out.Funcs, 2)
	require.Equal(t, "f", out.Funcs[1].Name)
	require.Equal(t, "call func@1 @1", out.Funcs[0].Blocks[0].Insns[1].String())
}

// Functions that the object names are lifted though nothing calls them; names outside the program are refused.
func TestLiftNamedFunctions(t *testing.T) {
	p := &obj.Program{Name: "main", Insns: isa.Prog(isa.Return(), isa.Return()), Funcs: []obj.FuncInfo{{Slot: 0, Name: "main"}, {Slot: 1, Name: "f"}}}
	out, err := NewLifter(liftObject(), liftSet(t)).Lift(p, anyType())
	require.NoError(t, err)
	require.Len(t, out.Funcs, 2)
	for _, slot := range []int{-1, 2, 1 << 40} {
		p.Funcs[1].Slot = slot
		_, err := NewLifter(liftObject(), liftSet(t)).Lift(p, anyType())
		var e *LiftError
		require.ErrorAs(t, err, &e)
		require.Equal(t, CodeCallTarget, e.Code)
	}
}

// Programs of one object share the table of helpers.
func TestLifterSharesHelpers(t *testing.T) {
	l := NewLifter(liftObject(), liftSet(t))
	for i, ids := range [][]int32{{3, 1}, {1, 2}} {
		p := &obj.Program{Name: "p", Insns: isa.Prog(isa.CallHelper(ids[0]), isa.CallHelper(ids[1]), isa.Return())}
		out, err := l.Lift(p, anyType())
		require.NoError(t, err)
		want := [][]string{{"call.helper helper@0 @0", "call.helper helper@1 @1"}, {"call.helper helper@1 @0", "call.helper helper@2 @1"}}[i]
		require.Equal(t, want, []string{out.Funcs[0].Blocks[0].Insns[0].String(), out.Funcs[0].Blocks[0].Insns[1].String()})
	}
	require.Len(t, l.Helpers(), 3)
}

// What a callx calls is looked for in its own block only, and not behind a call that spoils the register.
func TestLiftCallThroughRegister(t *testing.T) {
	for _, tt := range []struct {
		name  string
		insns []isa.Insn
		want  string // of the last callx
	}{
		{"constant", isa.Prog(isa.Mov.Imm(isa.R1, 3), isa.CallThrough(isa.R1), isa.Return()), "call.helper helper@0 @1"},
		{"of 32 bits", isa.Prog(isa.Mov.Imm32(isa.R6, 3), isa.CallThrough(isa.R6), isa.Return()), "call.helper helper@0 @1"},
		{"kept by a call", isa.Prog(isa.Mov.Imm(isa.R6, 3), isa.CallThrough(isa.R6), isa.CallThrough(isa.R6), isa.Return()), "call.helper helper@0 @2"},
		{"spoiled by a call", isa.Prog(isa.Mov.Imm(isa.R1, 3), isa.CallThrough(isa.R1), isa.CallThrough(isa.R1), isa.Return()), "call.reg r1 @2"},
		{"changed", isa.Prog(isa.Mov.Imm(isa.R1, 3), isa.Add.Imm(isa.R1, 0), isa.CallThrough(isa.R1), isa.Return()), "call.reg r1 @2"},
		{"copied", isa.Prog(isa.Mov.Imm(isa.R1, 3), isa.Mov.Reg(isa.R2, isa.R1), isa.CallThrough(isa.R2), isa.Return()), "call.reg r2 @2"},
		{"other block", isa.Prog(isa.Mov.Imm(isa.R1, 3), isa.EQ.Imm(isa.R2, 0, 0), isa.CallThrough(isa.R1), isa.Return()), "call.reg r1 @2"},
		{"the frame pointer", isa.Prog(isa.CallThrough(isa.R10), isa.Return()), "call.reg r10 @0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := NewLifter(liftObject(), liftSet(t)).Lift(&obj.Program{Name: "p", Insns: tt.insns}, anyType())
			require.NoError(t, err)
			blocks := out.Funcs[0].Blocks
			insns := blocks[len(blocks)-1].Insns
			require.Equal(t, tt.want, insns[len(insns)-2].String())
		})
	}
}

func TestLiftErrorText(t *testing.T) {
	out, err := NewLifter(liftObject(), liftSet(t)).Lift(&obj.Program{Name: "p", Insns: isa.Prog(isa.Mov.Imm(isa.R0, 0), isa.CallHelper(99), isa.Return())}, anyType())
	require.NoError(t, err)
	require.EqualError(t, out.Absent[1], "insn 1: no helper set declares helper 99 (sets: a+b)")
	out, err = NewLifter(liftObject(), liftSet(t)).Lift(&obj.Program{Name: "p", Insns: isa.Prog(isa.CallHelper(obj.Poison), isa.Mov.Imm(isa.R0, 0), isa.Return())}, anyType())
	require.NoError(t, err)
	require.ErrorContains(t, out.Absent[0], "does not exist in the kernel's types (CO-RE)")
	require.NotEmpty(t, out.Absent[0].Hint)
	_, err = NewLifter(liftObject(), liftSet(t)).Lift(&obj.Program{Name: "p"}, anyType())
	require.EqualError(t, err, "the program has no instructions")
	_, err = NewLifter(liftObject(), liftSet(t)).Lift(&obj.Program{Name: "p", Insns: isa.Prog(isa.CallHelper(4), isa.Return())}, anyType())
	require.EqualError(t, err, "body of helper a/maps, insn 0: a helper's body has no maps")
}
