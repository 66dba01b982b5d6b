package scalar

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// What is exhaustive at 8 bits, with halves of 4. There are 65,281 arcs and 6,561 patterns of bits.
//
//	in every run      operations of one operand: all arcs, all patterns, all low arcs, all sizes
//	                  all arcs with all constants on the right, every operation: bits and arc of the result
//	                  all patterns with all patterns, every operation that bits alone decide: bits of the result
//	                  all patterns compared with all constants
//	with BPFC_LONG    all arcs with all constants on the left; all arcs compared with all constants;
//	                  all patterns with all patterns for every operation
//
// In every run a part of the second list is tried. All pairs of arcs are 4.3e9 for each operation, of arcs with
// bits and low arcs far more: those are sampled (eightbit_test.go), and all tried at 4 bits (exhaustive_test.go).

// set256 is a set of values of 8 bits.
type set256 [4]uint64

func (s *set256) add(v uint64) { s[v>>6] |= 1 << (v & 63) }

func (s *set256) and(t *set256) set256 {
	return set256{s[0] & t[0], s[1] & t[1], s[2] & t[2], s[3] & t[3]}
}

func (s *set256) within(t *set256) bool {
	return s[0]&^t[0]|s[1]&^t[1]|s[2]&^t[2]|s[3]&^t[3] == 0
}

// sets8 are the values of all arcs, patterns and low arcs.
type sets8 struct {
	*geometry
	arcs, bits [256][256]set256 // by lo and size, by value and mask
	low        [16][16]set256
	patterns   []pattern // numbered in base 3, a digit for each bit: 0, 1, unknown
}

var eight = sync.OnceValue(func() *sets8 {
	u := &sets8{geometry: small(8)}
	for i := range uint64(256) {
		for j := range uint64(256) {
			for v := range uint64(256) {
				if u.full.has(arc{i, j}, v) {
					u.arcs[i][j].add(v)
				}
				if i&j == 0 && (v^i)&^j == 0 {
					u.bits[i][j].add(v)
				}
				if i < 16 && j < 16 && u.half.has(arc{i, j}, v&15) {
					u.low[i][j].add(v)
				}
			}
		}
	}
	for i := range 6561 {
		var p pattern
		for k, rest := uint64(1), i; k < 256; k, rest = k*2, rest/3 {
			switch rest % 3 {
			case 1:
				p.value |= k
			case 2:
				p.mask |= k
			}
		}
		u.patterns = append(u.patterns, p)
	}
	return u
})

// wordSet are the values of a word, of which each part may be loose.
func (u *sets8) wordSet(w *word) set256 { return u.bits[w.value][w.mask].and(&u.arcs[w.lo][w.size]) }

func (u *sets8) numSet(n *Num) set256 {
	w := word{n.bits(), n.full()}
	s := u.wordSet(&w)
	return s.and(&u.low[n.Lo32][n.Size32])
}

// eachSet calls f with each arc, and with each pattern of bits, and their values.
func (u *sets8) eachSet(f func(n Num, values *set256)) {
	for lo := range uint64(256) {
		for size := range uint64(256) {
			if n := u.between(lo, (lo+size)&255); size < 255 || lo == 0 {
				f(n, &u.arcs[lo][size])
			}
		}
	}
	u.eachPattern(f)
}

func (u *sets8) eachPattern(f func(n Num, values *set256)) {
	for _, p := range u.patterns {
		n := u.unknown()
		n.setBits(p)
		u.must(&n)
		f(n, &u.bits[p.value][p.mask])
	}
}

// image are the results of f for all values of a set.
func (s *set256) image(f *[256]uint8) (out set256) {
	for v := range uint64(256) {
		if s[v>>6]>>(v&63)&1 != 0 {
			out.add(uint64(f[v]))
		}
	}
	return out
}

func TestEveryUnaryAt8Bits(t *testing.T) {
	t.Parallel()
	u := eight()
	check := func(op ir.Op, half bool, size uint8) {
		var f [256]uint8
		for v := range uint64(256) {
			f[v] = uint8(runUnary(op, 8, map[bool]uint64{false: 8, true: 4}[half], 1, size, v))
		}
		one := func(n Num, values *set256) {
			got := u.unaryOf(op, half, size, n)
			want, have := values.image(&f), u.numSet(&got)
			if !want.within(&have) {
				t.Fatalf("%v, half %v, size %d: %#v → %#v", op, half, size, n, got)
			}
		}
		u.eachSet(one)
		for lo := range uint64(16) {
			for length := range uint64(15) {
				n := u.unknown()
				n.setLow(arc{lo, length})
				u.must(&n)
				one(n, &u.low[lo][length])
			}
		}
	}
	for _, op := range unaryOps {
		for size := uint8(1); size <= 8; size++ {
			if (op == ir.OpMov || op == ir.OpNeg) && size > 1 {
				break // they have no size
			}
			check(op, false, size)
			if size <= 4 {
				check(op, true, size)
			}
		}
	}
}

// arcWords are all arcs as words, by lo and size.
var arcWords = sync.OnceValue(func() *[256][256]word {
	var all [256][256]word
	r := &eight().full
	for lo := range uint64(256) {
		for size := range uint64(256) {
			all[lo][size], _ = r.reduce(word{r.anyBits(), arc{lo, size}.normal(r)})
		}
	}
	return &all
})

// arcsWith checks op on all arcs with a constant, which is the left operand if left. What an arc makes is what
// the arc that is shorter by one made, and one value more.
func (u *sets8) arcsWith(t *testing.T, op ir.Op, c uint64, left bool) {
	var f [256]uint8
	for v := range uint64(256) {
		if a, b := v, c; left {
			f[v] = uint8(run(op, 8, b, a))
		} else {
			f[v] = uint8(run(op, 8, a, b))
		}
	}
	words, row, r := arcWords(), &u.rows[op], &u.full
	for lo := range uint64(256) {
		var want set256
		for size := range uint64(255) {
			want.add(uint64(f[(lo+size)&255]))
			x, y := words[lo][size], exactly(c)
			if left {
				x, y = y, x
			}
			got := row.at(r, x, y)
			if have := u.wordSet(&got); !want.within(&have) {
				t.Fatalf("%v: %+v, %+v → %+v", op, x, y, got)
			}
		}
	}
}

func TestEveryArcWithConstantsAt8Bits(t *testing.T) {
	t.Parallel()
	u := eight()
	for _, op := range binaryOps {
		constants := uint64(256)
		if transfers[op].shift {
			constants = 16 // amounts count modulo 8
		}
		for c := range constants {
			u.arcsWith(t, op, c, false)
			if long() || c%37 == 1 {
				u.arcsWith(t, op, c, true)
			}
		}
	}
}

// hulls has, for each pair of patterns, the bits that all results of op have in common: those of a pattern with an
// unknown bit are those of the two patterns without it, joined.
type hulls struct{ value, mask [6561][6561]uint8 }

func (h *hulls) fill(op ir.Op, patterns []pattern) {
	for i := range patterns {
		iBit := unknownDigit(i)
		for j := range patterns {
			switch jBit := unknownDigit(j); {
			case iBit > 0:
				h.join(i, j, i-2*iBit, j, i-iBit, j)
			case jBit > 0:
				h.join(i, j, i, j-2*jBit, i, j-jBit)
			default:
				h.value[i][j] = uint8(run(op, 8, patterns[i].value, patterns[j].value))
				h.mask[i][j] = 0
			}
		}
	}
}

// unknownDigit is the weight of the lowest digit of i in base 3 that is 2, 0 if there is none.
func unknownDigit(i int) int {
	for weight := 1; i > 0; i, weight = i/3, weight*3 {
		if i%3 == 2 {
			return weight
		}
	}
	return 0
}

func (h *hulls) join(i, j, a, b, c, d int) {
	x, y := h.value[a][b], h.value[c][d]
	mask := h.mask[a][b] | h.mask[c][d] | x ^ y
	h.mask[i][j], h.value[i][j] = mask, x&^mask
}

// ofBits are the operations whose bits depend on the operands' bits alone.
var ofBits = []ir.Op{ir.OpAdd, ir.OpSub, ir.OpOr, ir.OpAnd, ir.OpXor}

func TestEveryPairOfPatternsAt8Bits(t *testing.T) {
	t.Parallel()
	u, h := eight(), new(hulls)
	words := make([]word, len(u.patterns))
	for i, p := range u.patterns {
		words[i], _ = u.full.reduce(word{p, u.full.all()})
	}
	ops, stride := ofBits, 1
	if long() {
		ops = binaryOps
	}
	for _, op := range ops {
		h.fill(op, u.patterns)
		row := &u.rows[op]
		for i := range words {
			for j := i % stride; j < len(words); j += stride {
				b := words[j]
				if row.shift {
					b = u.full.amount(b)
				}
				got := row.bits(&u.full, words[i], b)
				if value, mask := uint64(h.value[i][j]), uint64(h.mask[i][j]); mask&^got.mask != 0 || (value^got.value)&^got.mask != 0 {
					t.Fatalf("%v: %+v, %+v → %+v, must hold %02x, unknown %02x", op, words[i], words[j], got, value, mask)
				}
			}
		}
	}
}

// relations8 are the conditions that the others are mirrors of.
var relations8 = []isa.Cond{isa.EQ, isa.LT, isa.SLT, isa.SET}

// checkConstant checks what a comparison of n with the constant c decides and teaches.
func (u *sets8) checkConstant(t *testing.T, cond isa.Cond, n *Num, values *set256, c uint64, partners *[2][256]set256) {
	constant := u.unknown()
	u.setConst(&constant, c)
	taken, known := u.decide(cond, false, n, &constant)
	for i, want := range []bool{false, true} {
		keep := values.and(&partners[i][c])
		ra, rb, ok := u.refineOf(read(cond, want), false, *n, constant)
		some := keep != set256{}
		have := u.numSet(&ra)
		if some && (!ok || !keep.within(&have) || !u.geometry.contains(&rb, c) || known && taken != want) {
			t.Fatalf("%s is %v: %#v, %d → %#v, %#v, %v", condNames[cond], want, n, c, ra, rb, ok)
		}
	}
}

func TestEveryComparisonWithConstantsAt8Bits(t *testing.T) {
	t.Parallel()
	u := eight()
	for _, cond := range relations8 {
		var partners [2][256]set256 // [holds][c] are the values that compare so with c
		for v := range uint64(256) {
			for c := range uint64(256) {
				i := 0
				if holds(cond, 8, v, c) {
					i = 1
				}
				partners[i][c].add(v)
			}
		}
		each, k := u.eachPattern, 0
		if long() {
			each = u.eachSet
		}
		each(func(n Num, values *set256) {
			for c := range uint64(256) {
				u.checkConstant(t, cond, &n, values, c, &partners)
			}
		})
		if !long() {
			u.eachSet(func(n Num, values *set256) {
				k++
				u.checkConstant(t, cond, &n, values, uint64(k*7)&255, &partners)
			})
		}
	}
}

func TestPatternsAreAll(t *testing.T) {
	require.Len(t, eight().patterns, 6561)
	require.Equal(t, pattern{0, 255}, eight().patterns[6560])
}
