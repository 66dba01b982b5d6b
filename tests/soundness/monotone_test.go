package soundness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier"
)

// accepts is the verdict of strict.
func (x *trial) accepts(s *sample) (bool, error) {
	p, err := lift(x.set, s.object())
	if err != nil {
		return false, err
	}
	_, _, err = verifier.Analyse(p, x.set, verifier.Options{Steps: maxSteps})
	return err == nil, err
}

// TestMoreMemory: what is accepted with a promise of some bytes is accepted with a promise of more.
func TestMoreMemory(t *testing.T) {
	x, accepted := newTrial(t), 0
	for seed := range uint64(800) {
		s := generate(seed)
		more, ok := map[string][]string{"mem": {"mem/16", "mem/64"}, "mem/16": {"mem/17", "mem/64"}, "mem/64": {"mem/65", "mem/4096"}}[s.typ]
		if !ok {
			continue
		}
		if ok, _ = x.accepts(s); !ok {
			continue
		}
		accepted++
		for _, s.typ = range more {
			ok, err := x.accepts(s)
			require.True(t, ok, "seed %d: %v\n%s", seed, err, listing(s))
		}
	}
	require.Greater(t, accepted, 100)
}

// input reports whether an instruction puts a number of which nothing is known into r.
func input(in isa.Insn, r isa.Reg) bool {
	return in.Row().Kind == isa.KindLoad && in.Dst == r && in.Src != isa.R10
}

// TestSmallerMask: what is accepted is accepted if the mask of an input lets less through.
func TestSmallerMask(t *testing.T) {
	x, tried, exceptions := newTrial(t), 0, 0
	for seed := range uint64(800) {
		s := generate(seed)
		if ok, _ := x.accepts(s); !ok {
			continue
		}
		for _, f := range s.funcs {
			for i, it := range f.items {
				if i == 0 || !input(f.items[i-1].in, it.in.Dst) {
					continue
				}
				if n := it.in.Imm; (it.in.Op == isa.AndImm || it.in.Op == isa.And32Imm) && n > 1 && n&(n+1) == 0 {
					it.in.Imm = n >> 1
					if ok, err := x.accepts(s); !ok {
						exceptions++
						t.Logf("seed %d: a mask of %#x instead of %#x is refused: %v\n%s", seed, n>>1, n, err, listing(s))
					}
					tried++
					it.in.Imm = n
				}
			}
		}
	}
	require.Greater(t, tried, 40)
	require.Zero(t, exceptions)
}
