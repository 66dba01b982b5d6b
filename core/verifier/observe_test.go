package verifier

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// observed is a verified program on memory that masks a byte, spills it and reads it back, and what a run finds at its end.
func observed(t *testing.T) (*Verified, *Concrete) {
	set := &abi.Set{Name: "test", Types: []abi.ProgType{{Name: "mem", Context: abi.Context{Kind: abi.CtxMemory}}}}
	o := &obj.Object{Name: "x", Programs: []obj.Program{{Name: "x", Insns: isa.Prog(
		isa.LoadMem(isa.R0, isa.R1, 0, 1), isa.And.Imm(isa.R0, 7), isa.StoreMem(isa.R10, -8, isa.R0, 8), isa.LoadMem(isa.R0, isa.R10, -8, 8), isa.Return())}}}
	typ, ok := set.Type("mem/8")
	require.True(t, ok)
	p, lerr := ir.NewLifter(o, set).Lift(&o.Programs[0], typ)
	require.Nil(t, lerr)
	v, _, err := Analyse(p, set, Options{Keep: true})
	require.NoError(t, err)
	f := ConcreteFrame{Index: 4, Stack: make([]byte, ir.MaxStack)}
	f.Regs[0], f.Regs[1], f.Regs[10] = 5, 0x1000, 0x9000
	f.Stack[ir.MaxStack-8] = 5
	return v, &Concrete{Frames: []ConcreteFrame{f}, Bases: func(a Area, _ int) []uint64 {
		return []uint64{map[Area]uint64{AreaMemory: 0x1000, AreaMemoryEnd: 0x1008}[a]}
	}}
}

func TestHolds(t *testing.T) {
	v, c := observed(t)
	require.Equal(t, 5, v.Kept())
	require.NoError(t, v.Holds(c))
	c.Frames[0].Regs[0] = 8
	require.ErrorContains(t, v.Holds(c), "R0 of x is 0x8")
	c.Frames[0].Regs[0] = 4
	require.ErrorContains(t, v.Holds(c), "another distance", "what is on the stack is the same number")
	c.Frames[0].Index, c.Frames[0].Regs[1] = 0, 0x1001
	require.ErrorContains(t, v.Holds(c), "R1 of x is 0x1001")
	c.Frames[0].Regs[1] = 0x1000
	require.NoError(t, v.Holds(c))
	c.Frames[0].Index = 4
	c.Frames[0].Func = 0
	c.Frames[0].Regs[0], c.Frames[0].Stack[ir.MaxStack-8] = 9, 9
	require.Error(t, v.Holds(c))
}

// A state that a faulty transfer function made too narrow is found.
func TestHoldsFindsFault(t *testing.T) {
	v, c := observed(t)
	k := v.kept
	for _, states := range k.states {
		for _, p := range states {
			if r := p.top().regs[0]; r != 0 && k.a.at(r).num == scalar.Between(0, 7) {
				k.a.at(r).num = scalar.Between(0, 3) // as if & 7 gave two bits
			}
		}
	}
	require.ErrorContains(t, v.Holds(c), "R0 of x is 0x5")
	c.Frames[0].Regs[0], c.Frames[0].Stack[ir.MaxStack-8] = 3, 3
	require.NoError(t, v.Holds(c))
}

// Without Keep nothing is kept, and nothing is wrong.
func TestHoldsWithoutKeep(t *testing.T) {
	v := &Verified{}
	require.Zero(t, v.Kept())
	require.NoError(t, v.Holds(nil))
}
