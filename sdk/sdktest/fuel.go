package sdktest

import (
	"context"
	"testing"
	"time"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/stretchr/testify/require"
)

// countdown turns n times and returns 1.
func countdown(n int32) []isa.Insn {
	return []isa.Insn{isa.Mov.Imm(isa.R0, n), isa.Sub.Imm(isa.R0, 1), isa.NE.Imm(isa.R0, 0, -2), isa.Mov.Imm(isa.R0, 1), isa.Return()}
}

// forever never ends.
func forever() []isa.Insn { return []isa.Insn{isa.Mov.Imm(isa.R0, 0), isa.Jump(-2)} }

// nestedCalls runs for years without a loop: seven functions in a row, each of which calls the next one 100 times.
func nestedCalls() []isa.Insn {
	const calls, levels = 100, 7
	insns := []isa.Insn{isa.Mov.Imm(isa.R0, 0)}
	for range levels {
		for left := int32(calls); left > 0; left-- {
			insns = append(insns, isa.CallFunc(left)) // behind the calls that are left and the exit
		}
		insns = append(insns, isa.Return())
	}
	return append(insns, isa.Add.Imm(isa.R0, 1), isa.Return())
}

func testFuel(t *testing.T, s *suite) {
	t.Run("Budget", s.testBudget)
	t.Run("Cancel", s.testCancel)
	t.Run("MayGoto", s.testMayGoto)
}

// testBudget: a budget that is far too small ends the run, one that is ample does not.
func (s *suite) testBudget(t *testing.T) {
	cases := []testCase{
		{name: "ample", insns: countdown(100_000), fuel: 1_000_000, want: 1},
		{name: "small", insns: countdown(100_000), fuel: 1000},
		{name: "endless", insns: forever(), fuel: 100_000},
		{name: "calls without a loop", insns: nestedCalls(), fuel: 100_000},
		{name: "no loop", insns: []isa.Insn{isa.Mov.Imm(isa.R0, 3), isa.Return()}, fuel: 1, want: 3},
	}
	session := s.session(t)
	ids := s.load(t, session, object(cases, nil, nil))
	for i := range cases {
		got := s.run(t, session, ids[i], &cases[i])
		if cases[i].want == 0 {
			require.NotNil(t, got.Fault, cases[i].name)
			require.Equal(t, ir.RuleFuel, got.Fault.Rule, cases[i].name)
			continue
		}
		require.Nil(t, got.Fault, cases[i].name)
		require.Equal(t, cases[i].want, got.Ret, cases[i].name)
	}
}

// testCancel: a program without end or budget stops when its caller gives up.
func (s *suite) testCancel(t *testing.T) {
	session := s.session(t)
	id := s.load(t, session, object([]testCase{{insns: forever()}}, nil, nil))[0]
	ctx, cancel := context.WithTimeout(s.context(t), 50*time.Millisecond)
	defer cancel()
	_, err := session.Run(ctx, id, codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: -1})
	require.Error(t, err)
	require.NoError(t, s.context(t).Err())
}

// testMayGoto: a loop of may_goto ends by itself.
func (s *suite) testMayGoto(t *testing.T) {
	s.check(t, []testCase{{name: "may_goto", want: 1, insns: []isa.Insn{
		isa.Mov.Imm(isa.R0, 1), isa.MayJump(1), isa.Jump(-2), isa.Return(),
	}}})
}
