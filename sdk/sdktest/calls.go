package sdktest

import (
	"testing"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

func testCalls(t *testing.T, s *suite) {
	t.Run("Functions", func(t *testing.T) { s.check(t, functions()) })
	t.Run("Helpers", func(t *testing.T) { s.check(t, helpers()) })
	t.Run("Values", func(t *testing.T) { s.check(t, functionValues()) })
}

func functions() []testCase {
	return []testCase{
		{name: "five arguments", want: 12345, insns: []isa.Insn{
			isa.Mov.Imm(isa.R1, 1), isa.Mov.Imm(isa.R2, 2), isa.Mov.Imm(isa.R3, 3), isa.Mov.Imm(isa.R4, 4), isa.Mov.Imm(isa.R5, 5),
			isa.CallFunc(1), isa.Return(),
			isa.Mov.Reg(isa.R0, isa.R1),
			isa.Mul.Imm(isa.R0, 10), isa.Add.Reg(isa.R0, isa.R2), isa.Mul.Imm(isa.R0, 10), isa.Add.Reg(isa.R0, isa.R3),
			isa.Mul.Imm(isa.R0, 10), isa.Add.Reg(isa.R0, isa.R4), isa.Mul.Imm(isa.R0, 10), isa.Add.Reg(isa.R0, isa.R5), isa.Return(),
		}},
		{name: "R6 to R9 survive a call", want: 6789 + 1, insns: []isa.Insn{
			isa.Mov.Imm(isa.R6, 6000), isa.Mov.Imm(isa.R7, 700), isa.Mov.Imm(isa.R8, 80), isa.Mov.Imm(isa.R9, 9),
			isa.CallFunc(5),
			isa.Add.Reg(isa.R0, isa.R6), isa.Add.Reg(isa.R0, isa.R7), isa.Add.Reg(isa.R0, isa.R8), isa.Add.Reg(isa.R0, isa.R9), isa.Return(),
			isa.Mov.Imm(isa.R6, 0), isa.Mov.Imm(isa.R7, 0), isa.Mov.Imm(isa.R8, 0), isa.Mov.Imm(isa.R9, 0), isa.Mov.Imm(isa.R0, 1), isa.Return(),
		}},
		{name: "each function has a frame of its own", want: 11, insns: []isa.Insn{
			isa.StoreImm(isa.R10, -8, 11, 8), isa.CallFunc(2),
			isa.LoadMem(isa.R0, isa.R10, -8, 8), isa.Return(),
			isa.StoreImm(isa.R10, -8, 22, 8), isa.Mov.Imm(isa.R0, 0), isa.Return(),
		}},
		{name: "a pointer into the caller's frame", want: 33, insns: []isa.Insn{
			isa.StoreImm(isa.R10, -16, 11, 8), isa.Mov.Reg(isa.R1, isa.R10), isa.Add.Imm(isa.R1, -16), isa.CallFunc(2),
			isa.LoadMem(isa.R0, isa.R10, -16, 8), isa.Return(),
			isa.StoreImm(isa.R10, -16, 44, 8), isa.LoadMem(isa.R2, isa.R1, 0, 8), isa.Mul.Imm(isa.R2, 3),
			isa.StoreMem(isa.R1, 0, isa.R2, 8), isa.Mov.Imm(isa.R0, 0), isa.Return(),
		}},
		{name: "eight frames", want: 8, insns: chain(7)},
		{name: "one function called twice", want: 42, insns: []isa.Insn{
			isa.Mov.Imm(isa.R1, 1), isa.CallFunc(3), isa.Mov.Reg(isa.R1, isa.R0), isa.CallFunc(1), isa.Return(),
			isa.Mov.Reg(isa.R0, isa.R1), isa.Mul.Imm(isa.R0, 4), isa.Add.Imm(isa.R0, 6), isa.Mul.Imm(isa.R0, 1), isa.EQ.Imm(isa.R0, 46, 1), isa.Return(),
			isa.Sub.Imm(isa.R0, 4), isa.Return(),
		}},
	}
}

// chain is depth functions beyond the entry, each of which adds 1 to what the next returns.
func chain(depth int) []isa.Insn {
	var insns []isa.Insn
	for range depth {
		insns = append(insns, isa.StoreImm(isa.R10, -32, -1, 8), isa.CallFunc(2), isa.Add.Imm(isa.R0, 1), isa.Return())
	}
	return append(insns, isa.Mov.Imm(isa.R0, 1), isa.Return())
}

func helpers() []testCase {
	return []testCase{
		{name: "by number", want: 4711, insns: []isa.Insn{isa.Mov.Imm(isa.R1, 4711), isa.CallHelper(identity), isa.Return()}},
		{name: "by name", want: 4712, refs: []obj.Ref{{Slot: 1, Kind: obj.RefHelper, Name: "identity"}}, insns: []isa.Insn{
			isa.Mov.Imm(isa.R1, 4712), isa.CallHelper(-1), isa.Return(),
		}},
		{name: "R6 survives", want: 12, insns: []isa.Insn{
			isa.Mov.Imm(isa.R6, 5), isa.Mov.Imm(isa.R1, 7), isa.CallHelper(identity), isa.Add.Reg(isa.R0, isa.R6), isa.Return(),
		}},
		{name: "in a subprogram", want: 9, insns: []isa.Insn{
			isa.Mov.Imm(isa.R1, 9), isa.CallFunc(1), isa.Return(),
			isa.CallHelper(identity), isa.Return(),
		}},
	}
}

// functionValues chooses one of two functions and calls it by its value.
func functionValues() []testCase {
	var cases []testCase
	for arg, want := range []uint64{100, 200} {
		cases = append(cases, testCase{
			name: "callx", want: want,
			refs: []obj.Ref{{Slot: 1, Kind: obj.RefFunc, Index: 8}, {Slot: 4, Kind: obj.RefFunc, Index: 10}},
			insns: []isa.Insn{
				isa.Mov.Imm(isa.R1, int32(arg)), isa.LoadFunc(isa.R6, 6), isa.EQ.Imm(isa.R1, 0, 2), isa.LoadFunc(isa.R6, 5),
				isa.CallThrough(isa.R6), isa.Return(),
				isa.Mov.Imm(isa.R0, 100), isa.Return(),
				isa.Mov.Imm(isa.R0, 200), isa.Return(),
			},
		})
	}
	return cases
}
