package opt

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

func TestPassOrder(t *testing.T) {
	place := map[string]int{}
	for i, p := range passes {
		require.NotContains(t, place, p.name, "two passes of one name")
		require.NotEmpty(t, p.why)
		place[p.name] = i
	}
	named := map[string]bool{}
	for _, o := range passOrder {
		require.Contains(t, place, o.first)
		require.Contains(t, place, o.then)
		require.NotEmpty(t, o.why)
		require.Less(t, place[o.first], place[o.then], "%s comes before %s: %s", o.first, o.then, o.why)
		named[o.first], named[o.then] = true, true
	}
	for name := range place {
		require.True(t, named[name], "nothing is said about the place of %s", name)
	}
}

// verified verifies a program in the text form.
func verified(t *testing.T, text string) *verifier.Verified {
	t.Helper()
	p, err := ir.Parse("x.ir", text)
	require.NoError(t, err)
	p.Type = "mem"
	require.NoError(t, ir.Check(p, ir.StageLifted))
	v, err := verifier.Verify(p, &abi.Set{Types: []abi.ProgType{{Name: "mem", Context: abi.Context{Kind: abi.CtxMemory}}}}, verifier.Guard)
	require.NoError(t, err)
	return v
}

const loop = `func@0 "main" pos 0 frame 0 {
b0:
  r0 = mov64 0 @0
  jmp -> b1 @0
b1:
  r3 = mov64 r1 @1
  r3 = add64 r3, r0 @2
  r4 = load.u8 [r3] @3
  r0 = add64 r0, 1 @4
  br64 ult r0, r2 -> b1, b2 @5
b2:
  exit @6
}
`

func TestPlainRunsTheRequiredPasses(t *testing.T) {
	for _, plain := range []bool{false, true} {
		var want, got []string
		for _, p := range passes {
			if p.level == 0 && (p.required || !plain) {
				want = append(want, p.name)
			}
		}
		u, err := Run(&obj.Object{}, []*verifier.Verified{verified(t, loop)}, nil, Options{Plain: plain, Dump: func(pass string, p *ir.Program) {
			got = append(got, pass)
			require.NoError(t, ir.Check(p, ir.StageLowered))
		}})
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, plain, slices.ContainsFunc(u.Programs[0].Funcs[0].Blocks[1].Insns, func(in ir.Insn) bool { return in.Op == ir.OpAdd && in.Dst == ir.R3 }))
	}
}

// Without guards nothing else is missing: what a benchmark compares with.
func TestUnguarded(t *testing.T) {
	count := func(o Options) (n int) {
		u, err := Run(&obj.Object{}, []*verifier.Verified{verified(t, loop)}, nil, o)
		require.NoError(t, err)
		for _, b := range u.Programs[0].Funcs[0].Blocks {
			n += len(b.Insns)
		}
		return n
	}
	require.Equal(t, count(Options{})-2, count(Options{unguarded: true}), "a poll and a guard")
}

func TestRunRefuses(t *testing.T) {
	var unsupported *codegen.UnsupportedError
	_, err := Run(&obj.Object{}, nil, nil, Options{Level: 1})
	require.True(t, errors.As(err, &unsupported))
	for _, v := range []*verifier.Verified{nil, {}} {
		_, err = Run(&obj.Object{}, []*verifier.Verified{v}, nil, Options{})
		require.ErrorContains(t, err, "not verified")
	}
}

// The verified program stays as it was: other runs share it.
func TestRunLeavesItsInput(t *testing.T) {
	v := verified(t, loop)
	before := ir.String(v.Program())
	for range 2 {
		_, err := Run(&obj.Object{}, []*verifier.Verified{v}, nil, Options{})
		require.NoError(t, err)
		require.Equal(t, before, ir.String(v.Program()))
	}
}

// same requires that two pieces of code that begin alike end alike, in the registers wanted.
func same(t *testing.T, begin machine, before, after []ir.Insn, wanted ir.RegSet) {
	a, b := begin, begin
	a.run(before)
	b.run(after)
	for r := ir.R0; r <= ir.T2; r++ {
		if !wanted.Has(r) || a.fault >= 0 {
			a.regs[r], b.regs[r] = 0, 0
		}
	}
	if a.fault != b.fault || !slices.Equal(a.touched, b.touched) || a.regs != b.regs {
		require.Equal(t, a, b, "%s", text(before, after))
	}
}

func text(parts ...[]ir.Insn) (all string) {
	for _, insns := range parts {
		for i := range insns {
			all += insns[i].String() + "\n"
		}
		all += "--\n"
	}
	return all
}

const allRegs = ^ir.RegSet(0)

// each calls f with many pieces of code and machines, always the same.
func each(f func(d dice, before []ir.Insn)) {
	d := dice{rand.New(rand.NewPCG(1, 2))}
	for range 8000 {
		f(d, d.code())
	}
}

func TestFoldShiftsKeepsMeaning(t *testing.T) {
	each(func(d dice, before []ir.Insn) {
		after := slices.Clone(before)
		after = after[:foldBlock(after)]
		same(t, d.start(), before, after, allRegs)
	})
}

func TestFoldAddressesKeepsMeaning(t *testing.T) {
	each(func(d dice, before []ir.Insn) {
		after := slices.Clone(before)
		var known addresses
		for i := range after {
			known.step(&after[i])
			if after[i].Scale > 8 {
				require.LessOrEqual(t, after[i].Scale, uint8(8), "%s", after[i].String())
			}
		}
		same(t, d.start(), before, after, allRegs)
	})
}

func TestDropGuardsKeepsMeaning(t *testing.T) {
	each(func(d dice, before []ir.Insn) {
		after := slices.Clone(before)
		var known ranges
		after = after[:known.drop(after)]
		same(t, d.start(), before, after, allRegs)
	})
}

func TestDeadCodeKeepsMeaning(t *testing.T) {
	each(func(d dice, before []ir.Insn) {
		before = append(before, ir.Insn{Op: ir.OpExit})
		b := &ir.Block{Insns: slices.Clone(before)}
		out := ir.RegSet(d.Uint32()) | ir.Bit(ir.R0)
		dropDead(b, out)
		same(t, d.start(), before[:len(before)-1], b.Insns[:len(b.Insns)-1], out)
		for i := range b.Insns[:len(b.Insns)-1] {
			in := &b.Insns[i]
			_, def := in.UseDef()
			require.False(t, pure(in) && def&readAfter(b.Insns[i+1:], out) == 0, "%s is dead still", in)
		}
	})
}

// readAfter is what the instructions read before they write it, and what is left of out.
func readAfter(insns []ir.Insn, out ir.RegSet) ir.RegSet {
	for i := range slices.Backward(insns) {
		use, def := insns[i].UseDef()
		out = out&^def | use
	}
	return out
}

// Passes are made for speed: the patterns of compilers must really fold. See tests/filetests for each.
func TestAllTogether(t *testing.T) {
	u, err := Run(&obj.Object{}, []*verifier.Verified{verified(t, loop)}, nil, Options{})
	require.NoError(t, err)
	var got []string
	for i := range u.Programs[0].Funcs[0].Blocks[1].Insns {
		got = append(got, u.Programs[0].Funcs[0].Blocks[1].Insns[i].String())
	}
	require.Equal(t, []string{"poll @1", "guard.mem.r8 [r1+r0*1], region 1, rule memory @3", "r4 = load.u8 [r1+r0*1] @3",
		"r0 = add64 r0, 1 @4", "br64 ult r0, r2 -> b1, b2 @5"}, got)
}
