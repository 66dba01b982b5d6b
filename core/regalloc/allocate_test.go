package regalloc

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// splitCritical puts a block on every critical edge of m.
func (m *model) splitCritical() *model {
	out := &model{vregs: m.vregs, entries: m.entries, allocatable: m.allocatable, pinned: m.pinned}
	number := Block(len(m.blocks))
	type extra struct {
		to   Block
		args []VReg
	}
	var extras []extra
	for b := range m.blocks {
		old := m.blocks[b]
		x := modelBlock{first: old.first, end: old.end, params: old.params}
		for k, s := range old.succs {
			if len(old.succs) > 1 && len(m.blocks[s].preds) > 1 {
				extras = append(extras, extra{s, old.args[k]})
				x.succs, x.args = append(x.succs, number), append(x.args, nil)
				number++
				continue
			}
			x.succs, x.args = append(x.succs, s), append(x.args, old.args[k])
		}
		out.blocks = append(out.blocks, x)
	}
	out.insts = append(out.insts, m.insts...)
	for _, e := range extras {
		first := Inst(len(out.insts))
		out.insts = append(out.insts, inst())
		out.blocks = append(out.blocks, modelBlock{first: first, end: first + 1, succs: []Block{e.to}, args: [][]VReg{e.args}})
	}
	return out.link()
}

var preferred = []PReg{0, 1, 2, 3}

// TestAllocate: what the generator makes, which is not in SSA form and has every constraint, is allocated right.
func TestAllocate(t *testing.T) {
	failed, odd := 0, 0
	const n = 20000
	for seed := range uint64(n) {
		rng := rand.New(rand.NewPCG(1, seed))
		m := generate(rng.IntN)
		for v := len(m.entries) - 1; v < m.vregs-1; v++ { // so that no use is of nothing
			m.entries = append(m.entries, Entry{VReg(v), PReg(10 + v)})
		}
		m = m.splitCritical()
		r, err := Allocate(m, preferred)
		if err != nil && strings.Contains(err.Error(), "while it reads it") {
			odd++
			continue
		}
		if err != nil {
			failed++
			_, possible := m.spillEverywhere()
			require.False(t, possible, "seed %d: %v", seed, err)
			continue
		}
		if err := Check(m, r); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("of %d, %d have too many operands, %d write what they read", n, failed, odd)
}
