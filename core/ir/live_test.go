package ir

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A Worklist gives the smallest number that is not below the last one, else the smallest.
func TestWorklist(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		w, model, last := NewWorklist(n), map[int]bool{}, 0
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "add") {
				i := rapid.IntRange(0, n-1).Draw(t, "i")
				w.Add(i)
				model[i] = true
				continue
			}
			want := -1
			for _, from := range []int{last, 0} {
				for i := from; i < n && want < 0; i++ {
					if model[i] {
						want = i
					}
				}
			}
			require.Equal(t, want, w.Take())
			delete(model, want)
			last = max(want, 0)
		}
	})
}

// Liveness of a drawn graph of blocks is the least solution of its equations, found the slow way.
func TestLivenessAgainstIteration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genProgram().Draw(t, "program")
		for _, f := range p.Funcs {
			post, heads := Postorder(f)
			got := Liveness(f, post, nil)
			require.Equal(t, iterate(f, post), got)
			requireCut(t, f, post, heads)
		}
	})
}

// iterate solves the equations of liveness until nothing changes.
func iterate(f *Func, post []BlockID) []RegSet {
	live := make([]RegSet, len(f.Blocks))
	for changed := true; changed; {
		changed = false
		for _, b := range post {
			out := LiveOut(f.Blocks[b], live)
			insns := f.Blocks[b].Insns
			for i := len(insns) - 1; i >= 0; i-- {
				use, def := insns[i].UseDef()
				out = out&^def | use
			}
			if out != live[b] {
				live[b], changed = out, true
			}
		}
	}
	return live
}

// requireCut checks that every cycle of reached blocks passes a loop head.
func requireCut(t *rapid.T, f *Func, post []BlockID, heads []bool) {
	state := make([]int, len(f.Blocks)) // 1 active, 2 done
	var visit func(b BlockID)
	visit = func(b BlockID) {
		state[b] = 1
		succs, n := f.Blocks[b].Succs()
		for _, s := range succs[:n] {
			if !heads[s] && state[s] == 0 {
				visit(s)
			}
			require.True(t, heads[s] || state[s] == 2, "a cycle without a loop head passes b%d", s)
		}
		state[b] = 2
	}
	for _, b := range slices.Backward(post) {
		if state[b] == 0 {
			visit(b)
		}
	}
}

// UseDef and Uses say the same, but for what a call reads and ends.
func TestUseDefAgreesWithUses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genProgram().Draw(t, "program")
		for _, f := range p.Funcs {
			for _, b := range f.Blocks {
				for i := range b.Insns {
					in := &b.Insns[i]
					var uses RegSet
					in.Uses(func(r Reg) { uses |= Bit(r) })
					use, def := in.UseDef()
					require.Equal(t, uses, use, in.String())
					require.Equal(t, Bit(in.Def()), def&Bit(in.Def()), in.String())
				}
			}
		}
	})
}

func TestRegSet(t *testing.T) {
	require.Zero(t, Bit(None))
	require.Zero(t, Bit(FirstVirtual))
	require.False(t, (^RegSet(0)).Has(None))
	require.Equal(t, Bit(R1)|Bit(R2)|Bit(R3)|Bit(R4)|Bit(R5), ArgRegs)
	require.Equal(t, ArgRegs|Bit(R0), CallerRegs)
	require.Equal(t, Bit(T0)|Bit(T1)|Bit(T2), TempRegs)
	require.True(t, ArgRegs.Has(R5))
	require.False(t, ArgRegs.Has(R6))
}
