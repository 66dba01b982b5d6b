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
// rounded down, so that a loss is noticed; after a gain, raise them. Results
// beside a constant are all tried, of the others one in sampleStride.

const sampleStride = 211

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
	s.count(bits.OnesCount16(uint16(u.lookUp(&got))) == int(best()[want]))
}

func (s *score) count(good bool) {
	s.all++
	if good {
		s.best++
	}
}

func (s score) percent() int { return 100 * s.best / s.all }

// eachSample calls f with pairs: all whose second is a constant, and a sample of the others.
func (u *universe) eachSample(f func(i, j int, constant bool)) {
	for j := range u.nums {
		_, constant := u.nums[j].Const()
		for i := range u.nums {
			if constant || (i*len(u.nums)+j)%sampleStride == 0 {
				f(i, j, constant)
			}
		}
	}
}

// image are the results of f for values of a and b.
func image(a, b valueSet, f *[16][16]uint64) (s valueSet) {
	a.each(func(x uint64) {
		b.each(func(y uint64) { s |= 1 << f[x][y] })
	})
	return s
}

func table(op ir.Op, width uint64) *[16][16]uint64 {
	var t [16][16]uint64
	for a := range t {
		for b := range t[a] {
			t[a][b] = run(op, width, uint64(a), uint64(b))
		}
	}
	return &t
}

func TestPrecisionOfBinaryAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	for _, row := range []struct {
		op                  ir.Op
		constant, all, half int
	}{
		{ir.OpAdd, 96, 83, 99},
		{ir.OpSub, 96, 83, 99},
		{ir.OpMul, 42, 30, 84},
		{ir.OpDiv, 88, 53, 64},
		{ir.OpSDiv, 75, 16, 68},
		{ir.OpMod, 47, 33, 67},
		{ir.OpSMod, 50, 40, 82},
		{ir.OpOr, 89, 67, 93},
		{ir.OpAnd, 89, 67, 93},
		{ir.OpXor, 39, 58, 98},
		{ir.OpLsh, 90, 8, 72},
		{ir.OpRsh, 80, 30, 80},
		{ir.OpArsh, 80, 44, 96},
	} {
		var constant, all, half score
		full, low := table(row.op, 4), table(row.op, 2)
		u.eachSample(func(i, j int, isConst bool) {
			s := &all
			if isConst {
				s = &constant
			}
			s.add(u, u.binaryOf(row.op, false, u.nums[i], u.nums[j]), image(u.values[i], u.values[j], full))
		})
		for _, i := range u.lows {
			for _, j := range u.lows {
				half.add(u, u.binaryOf(row.op, true, u.nums[i], u.nums[j]), image(u.values[i], u.values[j], low))
			}
		}
		t.Logf("%-5v %3d, %3d, %3d", row.op, constant.percent(), all.percent(), half.percent())
		require.GreaterOrEqual(t, constant.percent(), row.constant, "%v by a constant", row.op)
		require.GreaterOrEqual(t, all.percent(), row.all-1, "%v", row.op)
		require.GreaterOrEqual(t, half.percent(), row.half, "%v of low halves", row.op)
	}
}

func TestPrecisionOfConditionsAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	for _, row := range []struct {
		cond       isa.Cond
		holds      bool
		constant   int // the first operand, against a constant
		all        int // against any
		impossible int // of the pairs for which it cannot hold, those that Refine finds
		low        int // the first operand, low half against a constant
	}{
		{isa.EQ, true, 100, 90, 99, 96},
		{isa.EQ, false, 94, 99, 100, 87},
		{isa.LT, true, 95, 93, 100, 92},
		{isa.LE, true, 95, 94, 100, 94},
		{isa.SLT, true, 94, 92, 100, 92},
		{isa.SLE, true, 95, 95, 100, 94},
		{isa.SET, true, 76, 89, 100, 93},
		{isa.SET, false, 97, 70, 89, 97},
	} {
		var constant, all, impossible, low score
		rows, _ := partners(row.cond, row.holds, 4)
		lowRows, _ := partners(row.cond, row.holds, 2)
		rd := read(row.cond, row.holds)
		u.eachSample(func(i, j int, isConst bool) {
			keep := survivors(u.values[i], u.values[j], &rows)
			ra, _, ok := u.refineOf(rd, false, u.nums[i], u.nums[j])
			switch {
			case keep == 0:
				impossible.count(!ok)
			case isConst:
				constant.add(u, ra, keep)
			default:
				all.add(u, ra, keep)
			}
			if keep := survivors(u.values[i], u.values[j], &lowRows); isConst && keep != 0 {
				ra, _, _ := u.refineOf(rd, true, u.nums[i], u.nums[j])
				low.add(u, ra, keep)
			}
		})
		t.Logf("%s %v %3d, %3d, %3d, %3d", condNames[row.cond], row.holds, constant.percent(), all.percent(), impossible.percent(), low.percent())
		require.GreaterOrEqual(t, constant.percent(), row.constant, "%s %v", condNames[row.cond], row.holds)
		require.GreaterOrEqual(t, all.percent(), row.all-1, "%s %v", condNames[row.cond], row.holds)
		require.GreaterOrEqual(t, impossible.percent(), row.impossible-1, "%s %v", condNames[row.cond], row.holds)
		require.GreaterOrEqual(t, low.percent(), row.low, "%s %v", condNames[row.cond], row.holds)
	}
}

func TestPrecisionOfLatticeAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	var reduced, meet, join, within, unary score
	for i, a := range u.nums {
		reduced.add(u, a, u.values[i])
		for _, op := range unaryOps {
			for size := uint8(1); size <= 4; size++ {
				var want valueSet
				u.values[i].each(func(v uint64) { want |= 1 << runUnary(op, 4, 4, 1, size, v) })
				unary.add(u, u.unaryOf(op, false, size, a), want)
			}
		}
	}
	u.eachSample(func(i, j int, _ bool) {
		a, b, x, y := u.nums[i], u.nums[j], u.values[i], u.values[j]
		if m, ok := u.meetOf(a, b); x&y != 0 && ok {
			meet.add(u, m, x&y)
		}
		join.add(u, u.joinOf(a, b), x|y)
		if x&^y == 0 {
			within.count(u.within(&a, &b))
		}
	})
	t.Logf("reduced %d, unary %d, meet %d, join %d, within %d", reduced.percent(), unary.percent(), meet.percent(), join.percent(), within.percent())
	require.Equal(t, 100, reduced.percent(), "reduction leaves nothing to cut")
	require.GreaterOrEqual(t, unary.percent(), 83)
	require.GreaterOrEqual(t, meet.percent(), 90)
	require.GreaterOrEqual(t, join.percent(), 68)
	require.GreaterOrEqual(t, within.percent(), 99)
}

// Monotone means that a smaller operand gives no larger result. Where two arcs
// overlap at both ends, one of them is chosen whole, so this cannot always hold.
func TestMonotoneAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	smallerOnes := func(i int) (list []int) {
		for k := i * 7 % 5; k < len(u.nums); k += 5 {
			if k != i && u.values[k]&^u.values[i] == 0 {
				list = append(list, k)
			}
		}
		return list
	}
	var binary, refine score
	for i := 3; i < len(u.nums); i += 29 {
		inner := smallerOnes(i)
		for j := i % 31; j < len(u.nums); j += 31 {
			for _, op := range binaryOps {
				outer := u.binaryOf(op, false, u.nums[i], u.nums[j])
				for n := 0; n < len(inner); n += 9 {
					got := u.binaryOf(op, false, u.nums[inner[n]], u.nums[j])
					binary.count(u.lookUp(&got)&^u.lookUp(&outer) == 0)
				}
			}
			for _, cond := range conds {
				outer, _, ok := u.refineOf(read(cond, true), false, u.nums[i], u.nums[j])
				for n := 0; n < len(inner); n += 9 {
					got, _, gotOK := u.refineOf(read(cond, true), false, u.nums[inner[n]], u.nums[j])
					refine.count(!gotOK || ok && u.lookUp(&got)&^u.lookUp(&outer) == 0)
				}
			}
		}
	}
	t.Logf("not monotone: binary %d of %d, refine %d of %d", binary.all-binary.best, binary.all, refine.all-refine.best, refine.all)
	require.GreaterOrEqual(t, binary.percent(), 98)
	require.GreaterOrEqual(t, refine.percent(), 98)
}
