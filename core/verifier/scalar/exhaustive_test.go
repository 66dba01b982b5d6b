package scalar

import (
	"fmt"
	"math/bits"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// The exhaustive tests run at values of 4 bits with halves of 2: every set that the
// domain can express there (about 1,300), every pair of them, every value in them.
// Sets of values are bit sets of 16.

type valueSet uint16

func (s valueSet) each(f func(v uint64)) {
	for ; s != 0; s &= s - 1 {
		f(uint64(bits.TrailingZeros16(uint16(s))))
	}
}

// universe is all Nums of a geometry of 4 bits.
type universe struct {
	*geometry
	nums   []Num
	values []valueSet
	low    []valueSet // of the low halves
	lows   []int      // one Num for each distinct low half

	ofBits, ofArc [16][16]valueSet // values by the fields of a Num: see lookUp
	ofLow         [4][4]valueSet
}

func (g *geometry) valuesOf(n Num) (s valueSet) {
	for v := range uint64(16) {
		if g.contains(&n, v) {
			s |= 1 << v
		}
	}
	return s
}

// fourBits is the universe; it is built once and only read.
var fourBits = sync.OnceValue(func() *universe {
	u := &universe{geometry: small(4)}
	u.fillTables()
	seen, lowSeen := map[Num]bool{}, map[word]bool{}
	eachRaw(func(n Num) {
		want := u.valuesOf(n)
		if !u.sync(&n) || seen[n] {
			return
		}
		seen[n] = true
		if w := u.geometry.low(&n); !lowSeen[w] {
			lowSeen[w] = true
			u.lows = append(u.lows, len(u.nums))
		}
		u.nums, u.values = append(u.nums, n), append(u.values, want)
		u.low = append(u.low, u.lowOf(n))
	})
	return u
})

func (g *geometry) lowOf(n Num) (s valueSet) {
	g.valuesOf(n).each(func(v uint64) { s |= 1 << (v & g.half.mask) })
	return s
}

// eachRaw calls f with every Num of 4 bits before reduction.
func eachRaw(f func(Num)) {
	eachArc(16, func(full arc) {
		eachArc(4, func(low arc) {
			for mask := range uint64(16) {
				for value := range uint64(16) {
					if value&mask == 0 {
						f(Num{value, mask, full.lo, full.size, uint32(low.lo), uint32(low.size)})
					}
				}
			}
		})
	})
}

func eachArc(n uint64, f func(arc)) {
	f(arc{0, n - 1})
	for lo := range n {
		for size := range n - 1 {
			f(arc{lo, size})
		}
	}
}

func TestSyncKeepsEveryValue(t *testing.T) {
	t.Parallel()
	g := small(4)
	eachRaw(func(n Num) {
		want, reduced := g.valuesOf(n), n
		ok := g.sync(&reduced)
		if !ok && want != 0 || ok && want&^g.valuesOf(reduced) != 0 {
			t.Fatalf("%#v → %#v, %v", n, reduced, ok)
		}
		if again := reduced; ok && (!g.sync(&again) || again != reduced) {
			t.Fatalf("%#v → %#v, reduced again → %#v", n, reduced, again)
		}
	})
}

// images[a][i] are the results of op for a and all values of set i.
type images [16]map[valueSet]valueSet

func tabulate(sets []valueSet, f func(a, b uint64) uint64) *images {
	var im images
	for a := range uint64(16) {
		im[a] = make(map[valueSet]valueSet, len(sets))
		for _, s := range sets {
			if _, ok := im[a][s]; !ok {
				var out valueSet
				s.each(func(b uint64) { out |= 1 << f(a, b) })
				im[a][s] = out
			}
		}
	}
	return &im
}

// pairs calls f with all pairs of sets and the image of each under op, until f returns false.
// At half width only the low halves count: one Num for each of them.
func (u *universe) pairs(half bool, op func(a, b uint64) uint64, f func(i, j int, want valueSet) bool) {
	index := u.lows
	if !half {
		index = make([]int, len(u.nums))
		for i := range index {
			index[i] = i
		}
	}
	im := tabulate(u.values, op)
	for _, j := range index {
		var column [16]valueSet
		for a := range column {
			column[a] = im[a][u.values[j]]
		}
		for _, i := range index {
			var want valueSet
			for rest := u.values[i]; rest != 0; rest &= rest - 1 {
				want |= column[bits.TrailingZeros16(uint16(rest))]
			}
			if !f(i, j, want) {
				return
			}
		}
	}
}

// has reports whether all of s is in n.
func (u *universe) has(n Num, s valueSet) bool { return s&^u.lookUp(&n) == 0 }

// lookUp is valuesOf by tables.
func (u *universe) lookUp(n *Num) valueSet {
	return u.ofBits[n.Value][n.Mask] & u.ofArc[n.Lo][n.Size] & u.ofLow[n.Lo32][n.Size32]
}

// fillTables makes the tables of lookUp.
func (u *universe) fillTables() {
	for i := range uint64(16) {
		for j := range uint64(16) {
			n := u.unknown()
			n.Value, n.Mask = i, j
			u.ofBits[i][j] = u.valuesOf(n)
			n = u.unknown()
			n.Lo, n.Size = i, j
			u.ofArc[i][j] = u.valuesOf(n)
			n = u.unknown()
			n.Lo32, n.Size32 = uint32(i%4), uint32(j%4)
			u.ofLow[i%4][j%4] = u.valuesOf(n)
		}
	}
}

func (u *universe) width(half bool) uint64 {
	if half {
		return u.half.width
	}
	return u.full.width
}

// checkBinary returns the first pair for which op loses a result.
func (u *universe) checkBinary(op ir.Op, half bool) (fault string) {
	u.pairs(half, func(a, b uint64) uint64 { return run(op, u.width(half), a, b) }, func(i, j int, want valueSet) bool {
		if got := u.binaryOf(op, half, u.nums[i], u.nums[j]); !u.has(got, want) {
			fault = fmt.Sprintf("%v of %d bits: %#v, %#v → %#v, must hold %016b", op, u.width(half), u.nums[i], u.nums[j], got, want)
		}
		return fault == ""
	})
	return fault
}

func TestBinaryAt4Bits(t *testing.T) {
	t.Parallel()
	for _, op := range binaryOps {
		for _, half := range []bool{false, true} {
			require.Empty(t, fourBits().checkBinary(op, half))
		}
	}
}

var unaryOps = []ir.Op{ir.OpMov, ir.OpNeg, ir.OpSext, ir.OpZext, ir.OpBswap}

// checkUnary returns the first set for which op loses a result.
func (u *universe) checkUnary(op ir.Op, half bool, size uint8) (fault string) {
	for i, n := range u.nums {
		got := u.unaryOf(op, half, size, n)
		u.values[i].each(func(v uint64) {
			want := runUnary(op, u.full.width, u.width(half), u.unit, size, v)
			if !u.geometry.contains(&got, want) {
				fault = fmt.Sprintf("%v of %d bits, size %d: %#v → %#v, must hold %d for %d", op, u.width(half), size, n, got, want, v)
			}
		})
	}
	return fault
}

func TestUnaryAt4Bits(t *testing.T) {
	t.Parallel()
	for _, op := range unaryOps {
		for size := uint8(1); size <= 4; size++ {
			require.Empty(t, fourBits().checkUnary(op, false, size))
			if size <= 2 || op == ir.OpNeg {
				require.Empty(t, fourBits().checkUnary(op, true, size))
			}
		}
	}
}

// survivors are the values of a for which the condition can hold with some value of b.
func survivors(a, b valueSet, rows *[16]valueSet) (s valueSet) {
	for rest := a; rest != 0; rest &= rest - 1 {
		if v := bits.TrailingZeros16(uint16(rest)); rows[v]&b != 0 {
			s |= 1 << v
		}
	}
	return s
}

// partners[v] are the values b for which "v cond b" is want; flipped[v] those for which "b cond v" is.
func partners(cond isa.Cond, want bool, width uint64) (rows, flipped [16]valueSet) {
	for a := range uint64(16) {
		for b := range uint64(16) {
			if holds(cond, width, a, b) == want {
				rows[a] |= 1 << b
				flipped[b] |= 1 << a
			}
		}
	}
	return rows, flipped
}

// checkCond returns the first pair for which Decide or Refine is wrong. Pairs are
// left out by stride, which must be odd; 1 is all.
func (u *universe) checkCond(cond isa.Cond, half bool, stride int) (fault string) {
	for _, want := range []bool{true, false} {
		rows, flipped := partners(cond, want, u.width(half))
		for i, a := range u.nums {
			for j := i % stride; j < len(u.nums); j += stride {
				b := u.nums[j]
				keepA, keepB := survivors(u.values[i], u.values[j], &rows), survivors(u.values[j], u.values[i], &flipped)
				ra, rb, ok := u.refineOf(read(cond, want), half, a, b)
				if !ok && keepA != 0 || ok && (!u.has(ra, keepA) || !u.has(rb, keepB)) {
					return fmt.Sprintf("%s is %v, %d bits: %#v, %#v → %#v, %#v, %v, must hold %016b, %016b", condNames[cond], want, u.width(half), a, b, ra, rb, ok, keepA, keepB)
				}
				if taken, known := u.decide(cond, half, &a, &b); known && taken != want && keepA != 0 {
					return fmt.Sprintf("%s at %d bits of %#v, %#v is not decided", condNames[cond], u.width(half), a, b)
				}
			}
		}
	}
	return ""
}

func TestConditionsAt4Bits(t *testing.T) {
	t.Parallel()
	mirror := map[isa.Cond]bool{isa.NE: true, isa.GT: true, isa.GE: true, isa.LE: true, isa.SGT: true, isa.SGE: true, isa.SLE: true}
	for _, cond := range conds {
		stride := 1
		if mirror[cond] && !long() { // the same code with operands or answer swapped
			stride = 11
		}
		require.Empty(t, fourBits().checkCond(cond, false, stride))
		require.Empty(t, fourBits().checkCond(cond, true, stride*5))
	}
}

func TestLatticeAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	for i, a := range u.nums {
		for j, b := range u.nums {
			x, y := u.values[i], u.values[j]
			m, ok := u.meetOf(a, b)
			if !ok && x&y != 0 || ok && !u.has(m, x&y) {
				t.Fatalf("meet %#v %#v → %#v %v", a, b, m, ok)
			}
			join := u.joinOf(a, b)
			if !u.has(join, x|y) || !u.within(&a, &join) || !u.within(&b, &join) {
				t.Fatalf("join %#v %#v → %#v", a, b, join)
			}
			if join != u.joinOf(b, a) {
				t.Fatalf("join %#v %#v depends on the order", a, b)
			}
			if u.within(&a, &b) && x&^y != 0 {
				t.Fatalf("%#v is not within %#v", a, b)
			}
		}
	}
}

func TestBoundsAt4Bits(t *testing.T) {
	t.Parallel()
	u := fourBits()
	for i, n := range u.nums {
		w := u.whole(&n)
		lo, hi := u.full.umin(w), u.full.umax(w)
		slo, shi := u.full.smin(w), u.full.smax(w)
		u.values[i].each(func(v uint64) {
			require.LessOrEqual(t, lo, v, n)
			require.GreaterOrEqual(t, hi, v, n)
			require.LessOrEqual(t, slo, toSigned(v, 4), n)
			require.GreaterOrEqual(t, shi, toSigned(v, 4), n)
		})
	}
}
