package scalar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// A check that never fails proves nothing: each of these faults, some of them once
// made by others, must be found by the exhaustive tests.

// withFault is the universe with another transfer for op.
func withFault(op ir.Op, change func(t *transfer)) *universe {
	u, g, rows := *fourBits(), *fourBits().geometry, transfers
	change(&rows[op])
	g.rows = &rows
	u.geometry = &g
	return &u
}

func TestFaultsInTransfersAreFound(t *testing.T) {
	t.Parallel()
	type change = func(*transfer)
	newArc := func(f func(r *ring, a, b word) arc) change { return func(t *transfer) { t.arc = f } }
	newBits := func(f func(r *ring, a, b word) pattern) change { return func(t *transfer) { t.bits = f } }
	newFold := func(f func(r *ring, a, b uint64) uint64) change { return func(t *transfer) { t.fold = f } }
	for _, m := range []struct {
		name   string
		op     ir.Op
		change change
	}{
		{"add: size of one operand", ir.OpAdd, newArc(func(r *ring, a, b word) arc { return arc{(a.lo + b.lo) & r.mask, a.size} })},
		{"add: bits without carry", ir.OpAdd, newBits(func(r *ring, a, b word) pattern {
			mask := a.mask | b.mask
			return pattern{(a.value + b.value) & r.mask &^ mask, mask}
		})},
		{"sub: least minus least", ir.OpSub, newArc(func(r *ring, a, b word) arc { return r.stretch(a.lo-b.lo, a.size, b.size) })},
		{"sub: operands swapped", ir.OpSub, newFold(func(r *ring, a, b uint64) uint64 { return (b - a) & r.mask })},
		{"mul: product cut to the width", ir.OpMul, newArc(func(r *ring, a, b word) arc {
			return r.span(r.umin(a)*r.umin(b), r.umax(a)*r.umax(b))
		})},
		{"mul: bits of one factor", ir.OpMul, newBits(func(r *ring, a, _ word) pattern { return a.pattern })},
		{"div: x/0 forgotten", ir.OpDiv, newArc(func(r *ring, a, b word) arc {
			hi := r.umax(a) / max(r.umin(b), 1)
			lo := r.umin(a) / max(r.umax(b), 1)
			return arc{min(lo, hi), hi - min(lo, hi)}
		})},
		{"div: 0 for x/0 of constants", ir.OpDiv, newFold(func(r *ring, a, b uint64) uint64 { return a / max(b, 1) })},
		{"sdiv: unsigned", ir.OpSDiv, newArc(divArc)},
		{"sdiv: MIN/-1 forgotten", ir.OpSDiv, newArc(func(r *ring, a, b word) arc {
			if b.mask == 0 && r.signed(b.value) == -1 && a.size > 0 {
				return r.span(-uint64(r.smax(a)), r.sign-1)
			}
			return sdivArc(r, a, b)
		})},
		{"mod: x%0 forgotten", ir.OpMod, newArc(func(r *ring, a, b word) arc { return arc{0, min(r.umax(a), max(r.umax(b), 1)-1)} })},
		{"mod: mask of any divisor", ir.OpMod, newBits(func(r *ring, a, b word) pattern {
			return pattern{0, a.mask | a.value&(b.value-1)&r.mask}
		})},
		{"smod: never negative", ir.OpSMod, newArc(func(r *ring, a, b word) arc { return arc{0, uint64(max(r.smax(a), 0))} })},
		{"or: at most the greater", ir.OpOr, newArc(func(r *ring, a, b word) arc { return arc{0, max(r.umax(a), r.umax(b))} })},
		{"and: at least the lesser", ir.OpAnd, newArc(func(r *ring, a, b word) arc {
			lo, hi := min(r.umin(a), r.umin(b)), min(r.umax(a), r.umax(b))
			return arc{min(lo, hi), hi - min(lo, hi)}
		})},
		{"xor: at most the greater", ir.OpXor, newArc(func(r *ring, a, b word) arc { return arc{0, max(r.umax(a), r.umax(b))} })},
		{"xor: ends taken one by one", ir.OpXor, newArc(func(r *ring, a, b word) arc {
			if b.mask == 0 {
				return r.span(min(a.lo^b.value, r.hi(a.arc)^b.value), max(a.lo^b.value, r.hi(a.arc)^b.value))
			}
			return r.all()
		})},
		{"lsh: bits shifted out forgotten", ir.OpLsh, newArc(func(r *ring, a, k word) arc {
			return r.span(r.umin(a)<<r.umin(k), r.umax(a)<<r.umax(k))
		})},
		{"lsh: amount not cut to the width", ir.OpLsh, func(t *transfer) { t.shift = false }},
		{"rsh: signed bounds kept", ir.OpRsh, newArc(arshArc)},
		{"rsh: low half on its own", ir.OpRsh, func(t *transfer) { t.shift, t.low = false, true }},
		{"rsh: most shifted by most", ir.OpRsh, newArc(func(r *ring, a, k word) arc {
			return r.span(r.umin(a)>>r.umax(k), max(r.umax(a)>>r.umax(k), r.umin(a)>>r.umax(k)))
		})},
		{"arsh: unsigned bounds", ir.OpArsh, newArc(rshArc)},
		{"arsh: sign bit not copied", ir.OpArsh, newBits(func(r *ring, a, k word) pattern { return rshBits(r, a, k) })},
	} {
		u := withFault(m.op, m.change)
		require.True(t, u.checkBinary(m.op, false) != "" || u.checkBinary(m.op, true) != "", m.name)
	}
}

func TestFaultsInConditionsAreFound(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name   string
		rel    relation
		cond   isa.Cond
		assume assumption
	}{
		{"eq: bits of one side", equal, isa.EQ, func(r *ring, a, b word) (word, word, bool) {
			a.pattern = pattern{a.value, a.mask & b.mask}
			return a, b, true
		}},
		{"ne: takes the end of what is not a constant", differ, isa.EQ, func(r *ring, a, b word) (word, word, bool) {
			a.arc = r.without(a.arc, b.lo)
			return a, b, true
		}},
		{"lt: a bound too low", less, isa.LT, func(r *ring, a, b word) (word, word, bool) {
			if r.umax(b) < 2 {
				return a, b, false
			}
			return r.order(a, b, arc{0, r.umax(b) - 2}, r.all())
		}},
		{"lt: least of b instead of most", less, isa.LT, func(r *ring, a, b word) (word, word, bool) {
			return r.order(a, b, arc{0, r.umin(b)}, r.all())
		}},
		{"le: as signed", lessEqual, isa.LE, assumeSlessEqual},
		{"slt: as unsigned", sless, isa.SLT, assumeLess},
		{"sle: bound of b from the greatest of a", slessEqual, isa.SLE, func(r *ring, a, b word) (word, word, bool) {
			return r.order(a, b, r.all(), r.span(uint64(r.smax(a)), r.sign-1))
		}},
		{"set: all common bits", share, isa.SET, func(_ *ring, a, b word) (word, word, bool) {
			common := (a.value | a.mask) & (b.value | b.mask)
			a.pattern = pattern{a.value | common, a.mask &^ common}
			return a, b, common != 0
		}},
		{"not set: clears bits that b may lack", disjoint, isa.SET, func(_ *ring, a, b word) (word, word, bool) {
			a.mask &^= b.value | b.mask
			return a, b, a.value&b.value == 0
		}},
	} {
		u, g, table := *fourBits(), *fourBits().geometry, assumptions
		table[m.rel] = m.assume
		g.assume = &table
		u.geometry = &g
		require.True(t, u.checkCond(m.cond, false, 1) != "" || u.checkCond(m.cond, true, 1) != "", m.name)
	}
}

// A fault in the reduction is one in every operation.
func TestFaultsInReductionAreFound(t *testing.T) {
	t.Parallel()
	loses := func(change func(g *geometry)) (lost bool) {
		g := small(4)
		change(g)
		eachRaw(func(n Num) {
			want, reduced := fourBits().lookUp(&n), n
			ok := g.sync(&reduced)
			lost = lost || want != 0 && !ok || ok && want&^fourBits().lookUp(&reduced) != 0
		})
		return lost
	}
	require.False(t, loses(func(*geometry) {}))
	require.True(t, loses(func(g *geometry) { g.half.sign, g.half.mask = 1, 1 }), "a half of one bit")
	require.True(t, loses(func(g *geometry) { g.full.mask = 7 }), "values of three bits")
}
