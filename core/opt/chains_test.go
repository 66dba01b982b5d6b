package opt

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// drawTests is a function of branches on R1 and R2 alone, whose exits tell themselves by Pos. Its constants are of both signs, and close
// to each other so that many are the same or neighbours.
func drawTests(r *rand.Rand) *ir.Func {
	n, exits := 1+r.IntN(40), 1+r.IntN(4)
	f := &ir.Func{Name: "f"}
	add := func(in ir.Insn) {
		in.Pos = ir.Pos(len(f.Blocks))
		f.Blocks = append(f.Blocks, &ir.Block{ID: ir.BlockID(in.Pos), Insns: []ir.Insn{in}})
	}
	for i := range n {
		next := ir.BlockID(i + 1)
		in := ir.Insn{Op: ir.OpBr, Width: 32, Cond: isa.EQ, A: ir.R1, Imm: int64(r.IntN(30) - 10), Then: ir.BlockID(n + r.IntN(exits)), Else: next}
		if r.IntN(4) == 0 {
			in.Cond, in.Then, in.Else = isa.NE, in.Else, in.Then
		}
		if r.IntN(3) == 0 {
			in.Imm = int64(int32(r.Uint32()))
		}
		switch r.IntN(30) {
		case 0:
			in.A = ir.R2
		case 1:
			in.Width = 64
		case 2:
			in.Cond = isa.GT
		case 3:
			in.Then = ir.BlockID(i + 1 + r.IntN(n-i)) // into the chain
		case 4:
			in.B, in.Imm = ir.R2, 0
		}
		if i == n-1 {
			if in.Cond == isa.NE {
				in.Then = ir.BlockID(n)
			} else {
				in.Else = ir.BlockID(n)
			}
		}
		add(in)
	}
	for range exits {
		add(ir.Insn{Op: ir.OpExit})
	}
	return f
}

// leave follows the branches of f to an exit, whose Pos it returns, with the number of branches.
func leave(t *testing.T, f *ir.Func, r1, r2 uint64) (exit ir.Pos, steps int) {
	for b := f.Blocks[0]; ; steps++ {
		in := b.Insns[0]
		if in.Op == ir.OpExit {
			return in.Pos, steps
		}
		x, y := r1, uint64(in.Imm)
		if in.A == ir.R2 {
			x = r2
		}
		if in.B == ir.R2 {
			y = r2
		}
		if in.Width == 32 {
			x, y = uint64(uint32(x)), uint64(uint32(y))
		}
		var holds bool
		switch in.Cond {
		case isa.EQ:
			holds = x == y
		case isa.NE:
			holds = x != y
		case isa.GT:
			holds = x > y
		case isa.LT:
			holds = x < y
		case isa.LE:
			holds = x <= y
		default:
			t.Fatal(in.String())
		}
		if b = f.Blocks[in.Else]; holds {
			b = f.Blocks[in.Then]
		}
	}
}

func TestSearchChainsKeepsMeaning(t *testing.T) {
	before, after := 0, 0
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 3))
		chain, search := drawTests(r), drawTests(rand.New(rand.NewPCG(seed, 3)))
		p := &program{out: &ir.Program{Funcs: []*ir.Func{search}}}
		p.searchChains()
		require.NoError(t, ir.Check(&ir.Program{Funcs: []*ir.Func{search}}, ir.StageLowered))
		values := []uint64{0, 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<64 - 1}
		for _, b := range chain.Blocks {
			imm := uint64(b.Insns[0].Imm)
			values = append(values, imm-1, imm, imm+1, imm&(1<<32-1), imm^1<<40)
		}
		for _, v := range values {
			r2 := values[r.IntN(len(values))]
			want, slow := leave(t, chain, v, r2)
			got, fast := leave(t, search, v, r2)
			if want != got {
				t.Fatalf("seed %d, r1 = %#x, r2 = %#x: %d, not %d\n%s", seed, v, r2, got, want, ir.String(&ir.Program{Funcs: []*ir.Func{chain, search}}))
			}
			before += slow
			after += fast
		}
	}
	require.Less(t, after, before, "branches taken")
}

// A chain of a thousand tests takes ten turns and the tests of a leaf.
func TestSearchChainsIsLogarithmic(t *testing.T) {
	const n = 1000
	f := &ir.Func{Name: "f"}
	for i := range n {
		f.Blocks = append(f.Blocks, &ir.Block{ID: ir.BlockID(i), Insns: []ir.Insn{{Op: ir.OpBr, Width: 32, Cond: isa.EQ, A: ir.R1, Imm: int64(i) * 2654435761 % n * 3,
			Then: n + 1, Else: ir.BlockID(i + 1), Pos: ir.Pos(i)}}})
	}
	for i := range ir.BlockID(2) {
		f.Blocks = append(f.Blocks, &ir.Block{ID: n + i, Insns: []ir.Insn{{Op: ir.OpExit, Pos: ir.Pos(n + i)}}})
	}
	p := &program{out: &ir.Program{Funcs: []*ir.Func{f}}}
	p.searchChains()
	for v := range uint64(3 * n) {
		exit, steps := leave(t, f, v, 0)
		require.Equal(t, v%3 == 0, exit == n+1)
		require.LessOrEqual(t, steps, 12)
	}
}
