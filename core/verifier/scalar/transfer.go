package scalar

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/ir"
)

// numRows is the size of the table of transfers.
const numRows = ir.OpArsh + 1

// transfer is what an operation does in one ring: to bits, to arcs, to two
// constants. Bits and arc may each be loose, they are reduced together.
type transfer struct {
	bits  func(r *ring, a, b word) pattern
	arc   func(r *ring, a, b word) arc
	fold  func(r *ring, a, b uint64) uint64
	low   bool // the low half of the result depends on the low halves alone
	shift bool // b is taken modulo the width
}

// transfers are the operations of two operands.
var transfers = [numRows]transfer{
	ir.OpAdd:  {bits: addBits, arc: addArc, fold: add, low: true},
	ir.OpSub:  {bits: subBits, arc: subArc, fold: sub, low: true},
	ir.OpMul:  {bits: mulBits, arc: mulArc, fold: mul, low: true},
	ir.OpDiv:  {bits: divBits, arc: divArc, fold: div},
	ir.OpSDiv: {bits: noBits, arc: sdivArc, fold: sdiv},
	ir.OpMod:  {bits: modBits, arc: modArc, fold: mod},
	ir.OpSMod: {bits: smodBits, arc: smodArc, fold: smod},
	ir.OpOr:   {bits: orBits, arc: orArc, fold: or, low: true},
	ir.OpAnd:  {bits: andBits, arc: andArc, fold: and, low: true},
	ir.OpXor:  {bits: xorBits, arc: xorArc, fold: xor, low: true},
	ir.OpLsh:  {bits: lshBits, arc: lshArc, fold: lsh, low: true, shift: true},
	ir.OpRsh:  {bits: rshBits, arc: rshArc, fold: rsh, shift: true},
	ir.OpArsh: {bits: arshBits, arc: arshArc, fold: arsh, shift: true},
}

// Binary is op, one of ir.OpAdd to ir.OpArsh, at width 32 or 64. At 32 the low
// halves are the operands and the result is zero-extended. Meanings are those of
// package ir (RFC 9669 section 4.1): x/0 = 0, x%0 = x, MIN/-1 = MIN, shift amounts
// modulo the width. The result of any other op is Unknown.
func Binary(op ir.Op, width uint8, a, b Num) (n Num) {
	wide.binary(&n, op, width == 32, &a, &b)
	return n
}

// binary sets n, which is neither a nor b, to the result.
func (g *geometry) binary(n *Num, op ir.Op, half bool, a, b *Num) {
	if op < ir.OpAdd || op > ir.OpArsh {
		g.setUnknown(n)
		return
	}
	t := &g.rows[op]
	switch {
	case half:
		g.extend(n, &g.half, t.at(&g.half, g.low(a), g.low(b)))
		return
	case a.Mask|b.Mask == 0:
		g.setConst(n, t.fold(&g.full, a.Value, t.amount(&g.full, b.Value)))
		return
	}
	x, y := g.whole(a), g.whole(b)
	if t.shift {
		y = g.full.amount(y)
	}
	n.setFull(word{t.bits(&g.full, x, y), t.arc(&g.full, x, y)})
	switch {
	case t.shift:
		g.shift(n, op, a, y)
	case t.low && !(g.plain(a) && g.plain(b) && n.Size < g.half.mask):
		n.setLow(t.arc(&g.half, g.low(a), g.low(b)))
	default:
		n.setLow(g.half.all())
	}
	g.must(n)
}

// plain reports whether the low arc tells no more than the arc: then the low arc of
// a result whose arc is short follows from that.
func (g *geometry) plain(n *Num) bool {
	return uint64(n.Size32) == n.Size && uint64(n.Lo32) == n.Lo&g.half.mask || uint64(n.Size32) == g.half.mask
}

// at applies t in r. The result is not reduced.
func (t *transfer) at(r *ring, a, b word) word {
	if a.mask|b.mask == 0 {
		return exactly(t.fold(r, a.value, t.amount(r, b.value)))
	}
	if t.shift {
		b = r.amount(b)
	}
	return word{t.bits(r, a, b), t.arc(r, a, b)}
}

// amount is b modulo the width for shifts, else b.
func (t *transfer) amount(r *ring, b uint64) uint64 {
	if t.shift {
		return b & (r.width - 1)
	}
	return b
}

// amount is w modulo the width, which is a power of two.
func (r *ring) amount(w word) word {
	if w.mask == 0 {
		return exactly(w.value & (r.width - 1))
	}
	limit := exactly(r.width - 1)
	w, _ = r.reduce(word{andBits(r, w, limit), andArc(r, w, limit)})
	return w
}

func exactly(v uint64) word { return word{pattern{value: v}, arc{lo: v}} }

// shift sets the low arc of n, the result of shifting a by k, and adds what the halves tell.
//
//	left by less than half    low half of the result = low half of a, shifted
//	left by half or more      the result = low half of a, shifted
//	right by half             low half of the result = high half of a
func (g *geometry) shift(n *Num, op ir.Op, a *Num, k word) {
	h, low := g.half.width, g.half.all()
	switch {
	case op == ir.OpLsh && k.value|k.mask < h:
		low = lshArc(&g.half, g.low(a), k)
	case op == ir.OpLsh && k.mask == 0:
		if full, ok := g.full.meet(n.full(), g.full.scale(a.low(), 1<<k.value)); ok {
			n.Lo, n.Size = full.lo, full.size
		}
	case op != ir.OpLsh && k.mask == 0 && k.value == h:
		low = g.half.stretch(a.Lo>>h, a.Size>>h, (a.Lo&g.half.mask+a.Size&g.half.mask)>>h)
	}
	n.setLow(low)
}

// extend makes n the values whose low bits, those of ring r, are w and whose other bits are 0.
// w need not be reduced.
func (g *geometry) extend(n *Num, r *ring, w word) {
	if w.mask == 0 {
		g.setConst(n, w.value)
		return
	}
	low := g.half.all()
	if r.width == g.half.width {
		low = w.arc
	}
	if r.wraps(w.arc) {
		w.arc = arc{0, r.mask}
	}
	n.setFull(w)
	n.setLow(low)
	g.must(n)
}

func add(r *ring, a, b uint64) uint64 { return (a + b) & r.mask }
func sub(r *ring, a, b uint64) uint64 { return (a - b) & r.mask }
func mul(r *ring, a, b uint64) uint64 { return a * b & r.mask }
func or(_ *ring, a, b uint64) uint64  { return a | b }
func and(_ *ring, a, b uint64) uint64 { return a & b }
func xor(_ *ring, a, b uint64) uint64 { return a ^ b }
func lsh(r *ring, a, k uint64) uint64 { return a << k & r.mask }
func rsh(_ *ring, a, k uint64) uint64 { return a >> k }

func arsh(r *ring, a, k uint64) uint64 { return uint64(r.signed(a)>>k) & r.mask }

func div(_ *ring, a, b uint64) uint64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func mod(_ *ring, a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

// sdiv and smod: Go, like BPF, gives MIN/-1 = MIN and MIN%-1 = 0.
func sdiv(r *ring, a, b uint64) uint64 {
	if b == 0 {
		return 0
	}
	return uint64(r.signed(a)/r.signed(b)) & r.mask
}

func smod(r *ring, a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return uint64(r.signed(a)%r.signed(b)) & r.mask
}

func noBits(r *ring, _, _ word) pattern { return r.anyBits() }

// addBits: a bit of the sum is known if both bits are and the carry is. The sums of
// the least and of the greatest values differ where a carry is not known.
func addBits(r *ring, a, b word) pattern {
	least := a.value + b.value
	most := least + a.mask + b.mask
	unknown := ((least ^ most) | a.mask | b.mask) & r.mask
	return pattern{least &^ unknown & r.mask, unknown}
}

func subBits(r *ring, a, b word) pattern {
	d := a.value - b.value
	unknown := ((d + a.mask) ^ (d - b.mask) | a.mask | b.mask) & r.mask
	return pattern{d &^ unknown & r.mask, unknown}
}

// manyBits of both factors unknown leave nothing known in the product but its low zeros:
// the long multiplication would take its time to find that out.
const manyBits = 16

// mulBits multiplies as on paper, one bit of a at a time. A bit that is not known
// gives both the sum with b and the one without.
func mulBits(r *ring, a, b word) pattern {
	if bits.OnesCount64(a.mask) > manyBits && bits.OnesCount64(b.mask) > manyBits {
		return pattern{0, r.mask &^ (lowZeros(a) | lowZeros(b) | (lowZeros(a)+1)*lowZeros(b))}
	}
	if b.mask == 0 || bits.OnesCount64(b.value|b.mask) < bits.OnesCount64(a.value|a.mask) {
		a, b = b, a
	}
	sum := word{}
	for x := a.value | a.mask; x != 0; x &= x - 1 {
		k := uint64(bits.TrailingZeros64(x))
		with := addBits(r, sum, word{pattern: lshConst(r, b.pattern, k)})
		if a.mask>>k&1 != 0 {
			with = either(with, sum.pattern)
		}
		sum.pattern = with
	}
	return sum.pattern
}

func andBits(_ *ring, a, b word) pattern {
	ones := a.value & b.value
	return pattern{ones, (a.value | a.mask) & (b.value | b.mask) &^ ones}
}

func orBits(_ *ring, a, b word) pattern {
	ones := a.value | b.value
	return pattern{ones, (a.mask | b.mask) &^ ones}
}

func xorBits(_ *ring, a, b word) pattern {
	mask := a.mask | b.mask
	return pattern{(a.value ^ b.value) &^ mask, mask}
}

func lshConst(r *ring, p pattern, k uint64) pattern {
	return pattern{p.value << k & r.mask, p.mask << k & r.mask}
}

func rshConst(p pattern, k uint64) pattern { return pattern{p.value >> k, p.mask >> k} }

// lshBits: a shift by an unknown amount leaves the low zeros of a and adds at least the least amount.
func lshBits(r *ring, a, k word) pattern {
	if k.mask == 0 {
		return lshConst(r, a.pattern, k.value)
	}
	return pattern{0, r.mask &^ (lowZeros(a)<<r.umin(k) | (1<<r.umin(k) - 1))}
}

func rshBits(r *ring, a, k word) pattern {
	if k.mask == 0 {
		return rshConst(a.pattern, k.value)
	}
	return r.anyBits()
}

func arshBits(r *ring, a, k word) pattern {
	if k.mask == 0 {
		return pattern{arsh(r, a.value, k.value), arsh(r, a.mask, k.value)}
	}
	return r.anyBits()
}

// lowZeros has a one for each of the low bits of w that are known to be 0.
func lowZeros(w word) uint64 {
	x := w.value | w.mask
	return x&-x - 1
}

// powerOfTwo returns k for the constant 1<<k.
func powerOfTwo(w word) (k uint64, ok bool) {
	return uint64(bits.TrailingZeros64(w.value)), w.mask == 0 && w.value != 0 && w.value&(w.value-1) == 0
}

func divBits(r *ring, a, b word) pattern {
	if k, ok := powerOfTwo(b); ok {
		return rshConst(a.pattern, k)
	}
	return r.anyBits()
}

func modBits(r *ring, a, b word) pattern {
	if k, ok := powerOfTwo(b); ok {
		return pattern{a.value & (1<<k - 1), a.mask & (1<<k - 1)}
	}
	if r.umax(a) < r.umin(b) {
		return a.pattern
	}
	return remBits(r, a, b)
}

func smodBits(r *ring, a, b word) pattern {
	if abs, least, _ := r.magnitudes(b); abs == 0 || r.most(a) < least {
		return a.pattern
	}
	return remBits(r, a, b)
}

// remBits: a remainder differs from a by a multiple of b, so the low bits that are 0 in b are those of a.
func remBits(r *ring, a, b word) pattern {
	same := lowZeros(b) & r.mask
	return pattern{a.value & same, a.mask | r.mask&^same}
}
