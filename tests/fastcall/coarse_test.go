package fastcall

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
)

// coarse is the rule of Linux 6.18 (mark_fastcall_pattern_for_call, check_fastcall_stack_contract and
// remove_fastcall_spills_fills, kernel/bpf/verifier.c) with the check that it lacks: no jump leads between the
// outermost spill and the last fill. It returns the places that the rule removes. Programs that have lost an address
// of their stack are left out: to Linux what a helper reads through a number is no access.
func coarse(t *testing.T, o *obj.Object, policy verifier.Policy) (gone []ir.Pos) {
	typ, ok := set().Type("mem/64")
	require.True(t, ok)
	l := ir.NewLifter(o, set())
	p, err := l.Lift(&o.Programs[0], typ)
	require.NoError(t, err)
	p.Helpers = l.Helpers()
	v, err := verifier.Verify(p, set(), policy)
	require.NoError(t, err)
	if v.Lost() {
		return nil
	}
	for i, f := range p.Funcs {
		gone = append(gone, coarseOf(p, f, v.Func(i))...)
	}
	slices.Sort(gone)
	return gone
}

// line is an instruction of a function in the order of its places.
type line struct {
	*ir.Insn
	first bool // of its block: a jump may lead here
	fact  *verifier.InsnFact
}

func coarseOf(p *ir.Program, f *ir.Func, facts *verifier.FuncFacts) (gone []ir.Pos) {
	var lines []line
	for _, b := range f.Blocks {
		for i := range b.Insns {
			lines = append(lines, line{&b.Insns[i], i == 0, &facts.Insns[int(facts.Start[b.ID])+i]})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.Pos - b.Pos) })
	lowest := int32(0)
	for _, l := range lines {
		if l.Op == ir.OpStore && l.Size == 8 && l.Base == ir.R10 && l.A != ir.None {
			lowest = min(lowest, l.Disp)
		}
	}
	bound, pattern := int32(0), map[ir.Pos]bool{}
	for at, l := range lines {
		if l.Op != ir.OpCallHelper {
			continue
		}
		h := &p.Helpers[l.Ref.Index]
		expected := map[ir.Reg]bool{}
		for r := ir.R0; r <= ir.R5; r++ {
			expected[r] = r > ir.R0+ir.Reg(h.NumArgs()) || r == ir.R0 && h.Ret == abi.RetVoid
		}
		off, n := lowest, 0
		for i := 1; at-i >= 0 && at+i < len(lines); i++ {
			x, y := lines[at-i], lines[at+i]
			if x.Op != ir.OpStore || x.Size != 8 || x.Base != ir.R10 || y.Op != ir.OpLoad || y.Size != 8 || y.Base != ir.R10 || x.A != y.Dst ||
				!expected[x.A] || x.Disp != off || y.Disp != off {
				break
			}
			expected[x.A] = false
			pattern[x.Pos], pattern[y.Pos] = true, true
			off += 8
			n++
		}
		if n == 0 {
			continue
		}
		bound = min(bound, off)
		entered := slices.ContainsFunc(lines[at-n+1:at+n+1], func(l line) bool { return l.first })
		if h.Flags&abi.FlagFastcall != 0 && h.Intrinsic != abi.IntrinsicNone && !entered {
			for i := 1; i <= n && !l.fact.Dead; i++ { // what no path reaches goes anyway
				gone = append(gone, lines[at-i].Pos, lines[at+i].Pos)
			}
		}
	}
	for _, l := range lines {
		if l.fact.Slots>>(-bound/8) != 0 && !pattern[l.Pos] { // something below the bound
			return nil
		}
	}
	return gone
}
