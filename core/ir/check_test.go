package ir

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// exit is the shortest function.
var exitInsn = Insn{Op: OpExit, Width: 64}

// programOf is a program of one function with the given blocks.
func programOf(blocks ...[]Insn) *Program {
	f := &Func{Name: "main", Frame: 16}
	for i, insns := range blocks {
		f.Blocks = append(f.Blocks, &Block{ID: BlockID(i), Insns: insns})
	}
	return &Program{Name: "p", Funcs: []*Func{f}, Maps: make([]abi.MapSpec, 1), Data: make([]obj.Data, 1), Helpers: make([]abi.Helper, 2)}
}

func mov(dst Reg, imm int64) Insn { return Insn{Op: OpMov, Width: 64, Dst: dst, Imm: imm} }
func at(p Pos, i Insn) Insn       { i.Pos = p; return i }

var copyT0 = Insn{Op: OpMov, Width: 64, Dst: R0, B: T0}

func TestCheckAccepts(t *testing.T) {
	for _, i := range []Insn{
		mov(R1, -1),
		{Op: OpAdd, Width: 32, Dst: R1, A: R2, B: R3},
		{Op: OpLoad, Width: 64, Size: 2, Sign: true, Dst: R1, Base: R10, Index: R2, Scale: 8, Disp: -4},
		{Op: OpStore, Size: 8, Base: R10, Disp: -8, Imm: 7},
		{Op: OpStore, Size: 8, Base: R10, Disp: -8, A: R1, Order: Release},
		{Op: OpAtomicCmpXchg, Size: 4, Base: R10, Disp: -8, A: R1, B: R0, Dst: R0, Order: SeqCst},
		{Op: OpAddr, Dst: R1, Ref: Ref{RefData, 0}, Imm: 9},
		{Op: OpCall, Ref: Ref{RefFunc, 0}},
		{Op: OpCallHelper, Ref: Ref{RefHelper, 1}},
		{Op: OpGuardMem, Size: 4, Base: R1, Write: true, Region: 63, Rule: RuleMemory},
		{Op: OpZero, Base: R10, Disp: -16, Imm: 16},
		{Op: OpPoll},
	} {
		require.NoError(t, Check(programOf([]Insn{i, exitInsn}), StageLowered), "%+v", i)
	}
}

func TestCheckRefuses(t *testing.T) {
	one := func(i Insn) *Program { return programOf([]Insn{i, exitInsn}) }
	br := Insn{Op: OpBr, Width: 64, Cond: isa.EQ, A: R1, Then: 0, Else: 0}
	with := func(i Insn, f func(*Insn)) Insn { f(&i); return i }
	add := Insn{Op: OpAdd, Width: 64, Dst: R1, A: R1, Imm: 1}
	load := Insn{Op: OpLoad, Size: 4, Dst: R1, Base: R1}
	for _, tt := range []struct {
		name  string
		p     *Program
		stage Stage
		code  CheckCode
	}{
		{"no function", &Program{}, StageLowered, CheckEmpty},
		{"nil function", &Program{Funcs: []*Func{nil}}, StageLowered, CheckEmpty},
		{"no block", programOf(), StageLowered, CheckEmpty},
		{"empty block", programOf(nil), StageLowered, CheckEmpty},
		{"block ID", &Program{Funcs: []*Func{{Blocks: []*Block{{ID: 1, Insns: []Insn{exitInsn}}}}}}, StageLowered, CheckBlockID},
		{"params", &Program{Funcs: []*Func{{Blocks: []*Block{{Params: []Reg{R1}, Insns: []Insn{exitInsn}}}}}}, StageLowered, CheckParams},
		{"frame", &Program{Funcs: []*Func{{Frame: 4, Blocks: []*Block{{Insns: []Insn{exitInsn}}}}}}, StageLowered, CheckFrame},
		{"large frame", &Program{Funcs: []*Func{{Frame: 528, Blocks: []*Block{{Insns: []Insn{exitInsn}}}}}}, StageLowered, CheckFrame},
		{"no terminator", programOf([]Insn{mov(R0, 0)}), StageLowered, CheckTerminator},
		{"two terminators", programOf([]Insn{exitInsn, exitInsn}), StageLowered, CheckTerminator},
		{"op 0", one(Insn{}), StageLowered, CheckOp},
		{"unknown op", one(Insn{Op: numOps}), StageLowered, CheckOp},
		{"poll when lifted", one(Insn{Op: OpPoll}), StageLifted, CheckOp},
		{"temporary when lifted", one(mov(T0, 1)), StageLifted, CheckRegister},
		{"no dst", one(with(add, func(i *Insn) { i.Dst = None })), StageLowered, CheckRegister},
		{"no a", one(with(add, func(i *Insn) { i.A = None })), StageLowered, CheckRegister},
		{"base without memory", one(with(add, func(i *Insn) { i.Base = R1 })), StageLowered, CheckRegister},
		{"no base", one(with(load, func(i *Insn) { i.Base = None })), StageLowered, CheckRegister},
		{"virtual", one(with(add, func(i *Insn) { i.A = FirstVirtual })), StageLowered, CheckRegister},
		{"negative", one(with(add, func(i *Insn) { i.A = -1 })), StageLowered, CheckRegister},
		{"writes r10", one(mov(R10, 0)), StageLowered, CheckRegister},
		{"cmpxchg dst", one(Insn{Op: OpAtomicCmpXchg, Size: 8, Dst: R1, A: R1, B: R0, Base: R10, Order: SeqCst}), StageLowered, CheckRegister},
		{"ld.abs dst", one(Insn{Op: OpLoadAbs, Size: 4, Dst: R1}), StageLifted, CheckRegister},
		{"width 16", one(with(add, func(i *Insn) { i.Width = 16 })), StageLowered, CheckOperand},
		{"width of load", one(with(load, func(i *Insn) { i.Width = 32 })), StageLowered, CheckOperand},
		{"size 3", one(with(load, func(i *Insn) { i.Size = 3 })), StageLowered, CheckOperand},
		{"size 200", one(with(load, func(i *Insn) { i.Size = 200 })), StageLowered, CheckOperand},
		{"size of add", one(with(add, func(i *Insn) { i.Size = 4 })), StageLowered, CheckOperand},
		{"sign of 8", one(with(load, func(i *Insn) { i.Size, i.Sign = 8, true })), StageLowered, CheckOperand},
		{"load releases", one(with(load, func(i *Insn) { i.Order = Release })), StageLowered, CheckOperand},
		{"write of load", one(with(load, func(i *Insn) { i.Write = true })), StageLowered, CheckOperand},
		{"imm with b", one(with(add, func(i *Insn) { i.B = R2 })), StageLowered, CheckOperand},
		{"disp of add", one(with(add, func(i *Insn) { i.Disp = 1 })), StageLowered, CheckOperand},
		{"scale without index", one(with(load, func(i *Insn) { i.Scale = 1 })), StageLowered, CheckOperand},
		{"index without scale", one(with(load, func(i *Insn) { i.Index = R1 })), StageLowered, CheckOperand},
		{"region", one(Insn{Op: OpGuardMem, Size: 1, Base: R1, Region: MaxRegions, Rule: RuleMemory}), StageLowered, CheckOperand},
		{"no rule", one(Insn{Op: OpGuardMem, Size: 1, Base: R1}), StageLowered, CheckOperand},
		{"zero 12", one(Insn{Op: OpZero, Base: R10, Imm: 12}), StageLowered, CheckOperand},
		{"no condition", programOf([]Insn{with(br, func(i *Insn) { i.Cond = 0 })}), StageLowered, CheckOperand},
		{"then out of range", programOf([]Insn{with(br, func(i *Insn) { i.Then = 1 })}), StageLowered, CheckTarget},
		{"else negative", programOf([]Insn{with(br, func(i *Insn) { i.Else = -1 })}), StageLowered, CheckTarget},
		{"else of jmp", programOf([]Insn{exitInsn}, []Insn{{Op: OpJmp, Else: 1}}), StageLowered, CheckTarget},
		{"no ref", one(Insn{Op: OpCall}), StageLowered, CheckRef},
		{"wrong ref", one(Insn{Op: OpCall, Ref: Ref{RefMap, 0}}), StageLowered, CheckRef},
		{"func out of range", one(Insn{Op: OpCall, Ref: Ref{RefFunc, 1}}), StageLowered, CheckRef},
		{"helper out of range", one(Insn{Op: OpCallHelper, Ref: Ref{RefHelper, 2}}), StageLowered, CheckRef},
		{"ref index without kind", one(with(add, func(i *Insn) { i.Ref.Index = 1 })), StageLowered, CheckRef},
		{"ref kind 200", one(with(add, func(i *Insn) { i.Ref.Kind = 200 })), StageLowered, CheckRef},
		{"pos", one(at(-2, add)), StageLowered, CheckPos},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e *CheckError
			require.ErrorAs(t, Check(tt.p, tt.stage), &e)
			require.Equal(t, tt.code, e.Code, e.Error())
			require.Contains(t, e.Error(), `program "`)
		})
	}
}

func TestCheckTemporaries(t *testing.T) {
	br := func(p Pos, then, els BlockID) Insn {
		return Insn{Op: OpBr, Width: 64, Cond: isa.NE, A: R1, Then: then, Else: els, Pos: p}
	}
	jmp := func(p Pos, then BlockID) Insn { return Insn{Op: OpJmp, Then: then, Pos: p} }
	for _, tt := range []struct {
		name string
		p    *Program
		ok   bool
	}{
		{"same slot", programOf([]Insn{at(3, mov(T0, 1)), at(3, copyT0), at(4, exitInsn)}), true},
		{"never written", programOf([]Insn{at(3, mov(T1, 1)), at(3, copyT0), exitInsn}), false},
		{"next slot", programOf([]Insn{at(3, mov(T0, 1)), at(4, copyT0), exitInsn}), false},
		{"left and came back", programOf([]Insn{at(3, mov(T0, 1)), at(4, mov(R1, 1)), at(3, copyT0), exitInsn}), false},
		{"across a call", programOf([]Insn{at(3, mov(T0, 1)), at(3, Insn{Op: OpCallHelper, Ref: Ref{RefHelper, 0}}), at(3, copyT0), exitInsn}), false},
		{"across blocks", programOf([]Insn{at(3, mov(T0, 1)), br(3, 1, 2)}, []Insn{at(3, copyT0), jmp(3, 2)}, []Insn{exitInsn}), true},
		{"on one path only", programOf([]Insn{br(3, 1, 2)}, []Insn{at(3, mov(T0, 1)), jmp(3, 2)}, []Insn{at(3, copyT0), exitInsn}), false},
		{"on both paths", programOf([]Insn{br(3, 1, 2)}, []Insn{at(3, mov(T0, 1)), jmp(3, 3)}, []Insn{at(3, mov(T0, 2)), jmp(3, 3)}, []Insn{at(3, copyT0), exitInsn}), true},
		{"on both paths of different slots", programOf([]Insn{br(3, 1, 2)}, []Insn{at(3, mov(T0, 1)), jmp(3, 3)}, []Insn{at(4, mov(T0, 2)), jmp(4, 3)}, []Insn{at(3, copyT0), exitInsn}), false},
		{"around a loop that leaves", programOf([]Insn{at(3, mov(T0, 1)), jmp(3, 1)}, []Insn{at(3, copyT0), br(4, 1, 2)}, []Insn{exitInsn}), false},
		{"around a loop that stays", programOf([]Insn{at(3, mov(T0, 1)), jmp(3, 1)}, []Insn{at(3, copyT0), br(3, 1, 2)}, []Insn{exitInsn}), true},
		{"in unreachable code", programOf([]Insn{exitInsn}, []Insn{at(3, copyT0), exitInsn}), false},
		{"of the caller", programOf([]Insn{at(3, mov(T0, 1)), br(3, 0, 1)}, []Insn{at(3, copyT0), exitInsn}), true},
		{"at the entry, by a jump back", programOf([]Insn{at(3, copyT0), at(3, mov(T0, 1)), br(3, 0, 1)}, []Insn{exitInsn}), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(tt.p, StageLowered)
			if tt.ok {
				require.NoError(t, err)
				return
			}
			var e *CheckError
			require.ErrorAs(t, err, &e)
			require.Equal(t, CheckTemp, e.Code, e.Error())
		})
	}
}

func TestInsnIsACacheLine(t *testing.T) {
	require.EqualValues(t, 64, reflect.TypeFor[Insn]().Size())
}
