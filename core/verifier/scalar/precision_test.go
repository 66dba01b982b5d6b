package scalar

import (
	"math/bits"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// Precision at 4 bits: how often a result is as small as any set that the domain
// can express and that holds what it must. The figures are pinned, in percent
// rounded down, so that a loss is noticed; after a gain, raise them.

// best[s] is the size of the smallest expressible set that holds s.
var best = sync.OnceValue(func() *[1 << 16]uint8 {
	var t [1 << 16]uint8
	for i := range t {
		t[i] = 16
	}
	for _, s := range fourBits().values {
		t[s] = uint8(bits.OnesCount16(uint16(s)))
	}
	for v := range 16 { // from sets to their subsets
		for s := range t {
			if s>>v&1 == 0 {
				t[s] = min(t[s], t[s|1<<v])
			}
		}
	}
	return &t
})

// score counts results that are as small as can be.
type score struct{ best, all int }

func (s *score) add(u *universe, got Num, want valueSet) {
	s.all++
	if want != 0 && bits.OnesCount16(uint16(u.lookUp(&got))) == int(best()[want]) {
		s.best++
	}
}

func (s score) percent() int { return 100 * s.best / s.all }

func TestPrecisionOfBinaryAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	for _, row := range []struct {
		op                  ir.Op
		all, constant, half int
	}{
		{ir.OpAdd, 0, 0, 0},
		{ir.OpSub, 0, 0, 0},
		{ir.OpMul, 0, 0, 0},
		{ir.OpDiv, 0, 0, 0},
		{ir.OpSDiv, 0, 0, 0},
		{ir.OpMod, 0, 0, 0},
		{ir.OpSMod, 0, 0, 0},
		{ir.OpOr, 0, 0, 0},
		{ir.OpAnd, 0, 0, 0},
		{ir.OpXor, 0, 0, 0},
		{ir.OpLsh, 0, 0, 0},
		{ir.OpRsh, 0, 0, 0},
		{ir.OpArsh, 0, 0, 0},
	} {
		var all, constant, half score
		u.pairs(false, func(a, b uint64) uint64 { return run(row.op, 4, a, b) }, func(i, j int, want valueSet) bool {
			if _, ok := u.nums[j].Const(); ok {
				constant.add(u, u.binaryOf(row.op, false, u.nums[i], u.nums[j]), want)
			} else if (i+j)%13 == 0 || long() {
				all.add(u, u.binaryOf(row.op, false, u.nums[i], u.nums[j]), want)
			}
			return true
		})
		u.pairs(true, func(a, b uint64) uint64 { return run(row.op, 2, a, b) }, func(i, j int, want valueSet) bool {
			half.add(u, u.binaryOf(row.op, true, u.nums[i], u.nums[j]), want)
			return true
		})
		t.Logf("{ir.%-6v %3d, %3d, %3d},", row.op, all.percent(), constant.percent(), half.percent())
		require.GreaterOrEqual(t, all.percent(), row.all, "%v", row.op)
		require.GreaterOrEqual(t, constant.percent(), row.constant, "%v by a constant", row.op)
		require.GreaterOrEqual(t, half.percent(), row.half, "%v of low halves", row.op)
	}
}

func TestPrecisionOfConditionsAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	for _, row := range []struct {
		cond       isa.Cond
		holds      bool
		constant   int // what becomes of the first operand, against a constant
		all        int
		impossible int // of the pairs for which it cannot hold, those that Refine finds
		low        int // constant, of low halves
	}{
		{isa.EQ, true, 0, 0, 0, 0},
		{isa.EQ, false, 0, 0, 0, 0},
		{isa.LT, true, 0, 0, 0, 0},
		{isa.LE, true, 0, 0, 0, 0},
		{isa.SLT, true, 0, 0, 0, 0},
		{isa.SLE, true, 0, 0, 0, 0},
		{isa.SET, true, 0, 0, 0, 0},
		{isa.SET, false, 0, 0, 0, 0},
	} {
		var constant, all, low, impossible score
		rows, _ := partners(row.cond, row.holds, 4)
		lowRows, _ := partners(row.cond, row.holds, 2)
		rd := read(row.cond, row.holds)
		for i, a := range u.nums {
			for j, b := range u.nums {
				_, isConst := b.Const()
				if !isConst && (i+j)%13 != 0 && !long() {
					continue
				}
				keep := survivors(u.values[i], u.values[j], &rows)
				ra, _, ok := u.refineOf(rd, false, a, b)
				switch {
				case keep == 0:
					impossible.all++
					if !ok {
						impossible.best++
					}
				case isConst:
					constant.add(u, ra, keep)
				default:
					all.add(u, ra, keep)
				}
				if keep := survivors(u.values[i], u.values[j], &lowRows); isConst && keep != 0 {
					ra, _, _ := u.refineOf(rd, true, a, b)
					low.add(u, ra, keep)
				}
			}
		}
		t.Logf("{%s %v, %3d, %3d, %3d, %3d},", condNames[row.cond], row.holds, constant.percent(), all.percent(), impossible.percent(), low.percent())
	}
}

func TestPrecisionOfLatticeAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	var reduced, meet, join, within, unary score
	for i, a := range u.nums {
		reduced.add(u, a, u.values[i])
		for j, b := range u.nums {
			x, y := u.values[i], u.values[j]
			if m, ok := u.meetOf(a, b); x&y != 0 && ok {
				meet.add(u, m, x&y)
			}
			join.add(u, u.joinOf(a, b), x|y)
			if x&^y == 0 {
				within.all++
				if u.within(&a, &b) {
					within.best++
				}
			}
		}
		for _, op := range unaryOps {
			for size := uint8(1); size <= 4; size++ {
				var want valueSet
				u.values[i].each(func(v uint64) { want |= 1 << runUnary(op, 4, 4, 1, size, v) })
				unary.add(u, u.unaryOf(op, false, size, a), want)
			}
		}
	}
	t.Log(reduced.percent(), meet.percent(), join.percent(), within.percent(), unary.percent())
}
