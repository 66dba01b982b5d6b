package verifier

import (
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// isSpan reports whether pointers of kind k are bounded by comparisons with an end.
func isSpan(k nodeKind) bool {
	return k == isPacket || k == isPacketMeta || k == isPacketEnd || k == isMemory || k == isMemoryEnd
}

// fixedKinds cannot be moved by arithmetic (adjust_ptr_min_max_vals, kernel/bpf/verifier.c, Linux 6.18).
var fixedKinds = [...]bool{isPacketEnd: true, isMap: true, isFunc: true, isStruct: true, isMemoryEnd: true, isIter: false}

// pointerMath follows arithmetic with a pointer.
func (a *analysis) pointerMath(p *path, in *ir.Insn, x, y ref) *Error {
	n, m := a.at(x), a.at(y)
	both := n.kind != isScalar && m.kind != isScalar
	if a.policy == Guard && (in.Op != ir.OpAdd && in.Op != ir.OpSub || in.Width == 32 || both || n.kind == isFunc || m.kind == isFunc || n.kind == isScalar && in.Op == ir.OpSub) {
		a.lose(n)
		a.lose(m)
		p.set(in.Dst, a.any(p, in, byInsn, widthNum(in.Width)))
		return nil
	}
	switch {
	case in.Op == ir.OpSub && (both || in.Width == 32):
		if a.leaks && !both {
			return a.reject(p, in, CodePointerMath, []ref{x, y}, "32-bit arithmetic on %s", kindNames[max(n.kind, m.kind)])
		}
		if a.leaks && !sameMemory(n, m) {
			return a.reject(p, in, CodeLeak, []ref{x, y}, "the difference of %s and %s tells where memory is", kindNames[n.kind], kindNames[m.kind])
		}
		p.set(in.Dst, a.any(p, in, byInsn, widthNum(in.Width)))
		return nil
	case both:
		return a.reject(p, in, CodePointerMath, []ref{x, y}, "%s of %s and %s: two addresses can be subtracted, nothing else", in.Op, kindNames[n.kind], kindNames[m.kind])
	case in.Width == 32:
		return a.reject(p, in, CodePointerMath, []ref{x, y}, "32-bit arithmetic on %s: an address has 64 bits", kindNames[max(n.kind, m.kind)])
	case in.Op != ir.OpAdd && in.Op != ir.OpSub:
		return a.reject(p, in, CodePointerMath, []ref{x, y}, "%s of %s: an address can only be added to and subtracted from", in.Op, kindNames[pointerOf(n, m).kind])
	case n.kind == isScalar && in.Op == ir.OpSub:
		return a.reject(p, in, CodePointerMath, []ref{x, y}, "%s is subtracted from a number", kindNames[m.kind])
	}
	if n.kind == isScalar {
		x, y, n, m = y, x, m, n
	}
	if n.flags&orNull != 0 && !a.zero(m) {
		return a.reject(p, in, CodeNull, []ref{x}, "arithmetic on %s that may be null: compare it with 0 first", kindNames[n.kind])
	}
	if n.kind == isMemoryEnd && !a.zero(m) {
		x = a.beforeEnd(p, in, x)
		n = a.at(x)
	}
	if int(n.kind) < len(fixedKinds) && fixedKinds[n.kind] && !a.zero(m) {
		return a.reject(p, in, CodePointerMath, []ref{x, y}, "arithmetic on %s is not allowed", kindNames[n.kind])
	}
	p.set(in.Dst, a.offset(p, in, x, y))
	return nil
}

// beforeEnd is the end of memory as what it is computed from: the start plus the length.
func (a *analysis) beforeEnd(p *path, in *ir.Insn, x ref) ref {
	n := *a.at(x)
	n.kind, n.num, n.a = isMemory, a.at(a.length).num, x
	n.id = a.derive(derivation{ir.OpAdd, idMemory, a.length, 0})
	if p.span(n.id) == nil {
		p.setSpan(n.id, 0, a.newNeed())
	}
	return a.made(p, in, n)
}

func pointerOf(n, m *node) *node {
	if n.kind == isScalar {
		return m
	}
	return n
}

func widthNum(width uint8) scalar.Num {
	if width == 32 {
		return scalar.Bytes(4)
	}
	return scalar.Unknown()
}

func (a *analysis) zero(n *node) bool {
	v, ok := n.num.Const()
	return n.kind == isScalar && ok && v == 0
}

// leakStack notes that an address of the stack goes where it is not followed.
func (a *analysis) leakStack(n *node) {
	if n.kind == isStack {
		a.exposed = true
	}
}

// lose notes that an address of the stack becomes a number, or bytes: what reads it there may use it unseen.
func (a *analysis) lose(n *node) {
	a.leakStack(n)
	a.lost = a.lost || n.kind == isStack
}

// offset is pointer x moved by the number y.
func (a *analysis) offset(p *path, in *ir.Insn, x, y ref) ref {
	n, m := *a.at(x), a.at(y)
	n.a, n.b, n.cause = x, y, byInsn
	n.flags &^= widened
	if c, ok := m.num.Const(); ok {
		if m.flags&precise == 0 {
			a.markPrecise(y, &a.work)
		}
		d := int64(c)
		if in.Op == ir.OpSub {
			d = -d
		}
		n.off += d
		return a.made(p, in, n)
	}
	a.markPrecise(y, &a.work)
	if n.kind == isMemory && in.Op == ir.OpAdd && m.base == a.length && m.off == 0 && n.off == 0 && n.id == idMemory {
		n.kind, n.num = isMemoryEnd, scalar.Const(0)
		return a.made(p, in, n)
	}
	old := n.num
	n.num = scalar.Binary(in.Op, 64, n.num, m.num)
	if in.Op == ir.OpAdd {
		n.id = a.derive(derivation{ir.OpAdd, n.id, m.base, 0})
		n.off += m.off // the identity is that of the base
		n.num = scalar.Binary(ir.OpAdd, 64, old, scalar.Binary(ir.OpSub, 64, m.num, scalar.Const(uint64(m.off))))
		return a.made(p, in, n)
	}
	n.id = a.derive(derivation{ir.OpSub, n.id, m.base, m.off})
	return a.made(p, in, n)
}

// derivation is how an identity came about: by a number that was added to a pointer of identity
// start, or subtracted from it. It is the number with base by, and off for a subtraction. An address
// of a map's value has the number of the map as off, and no more.
type derivation struct {
	op    ir.Op
	start uint32
	by    ref
	off   int64
}

// derivations are the identities that came about so, and the reverse.
type derivations struct {
	identities map[derivation]uint32
	derived    map[uint32]derivation
}

func newDerivations() derivations {
	return derivations{map[derivation]uint32{}, map[uint32]derivation{}}
}

// derive is the identity of pointers that were moved so. That it is the same when it is done
// again relies on which other numbers have the base.
func (a *analysis) derive(d derivation) uint32 {
	id, again := a.identities[d]
	if again {
		a.at(d.by).flags |= linked
		return id
	}
	id = a.newID()
	a.identities[d], a.derived[id] = id, d
	return id
}

// measured is what a comparison of a pointer with the end of its area says: whether k bytes
// from the start of its identity on are inside.
type measured struct {
	*node
	k      int64
	enough bool // they are
	limit  int64
}

// measure reads a comparison of two pointers, one of which is an end.
func measure(cond isa.Cond, n, m *node) (out measured, ok bool) {
	if isEnd(n.kind) || n.kind == isPacket && m.kind == isPacketMeta { // end < p is p > end
		n, m, cond = m, n, conditions[cond].swapped
	}
	if !sameArea(n.kind, m.kind) || m.kind == isPacket && (m.off != 0 || m.id != idPacket) {
		return out, false
	}
	out = measured{node: n, k: n.off, limit: maxPacket}
	if n.kind == isMemory {
		out.limit = maxMemory
	}
	switch cond {
	case isa.LE, isa.EQ:
		out.enough = true
	case isa.LT:
		out.k, out.enough = n.off+1, true
	case isa.GT:
	case isa.GE:
		out.k = n.off + 1
	default:
		return out, false
	}
	far := out.limit + maxBeyond
	return out, out.k >= -maxBeyond && (out.k > 0 || n.id >= firstID) && n.num.SMax() <= far && n.num.SMin() >= -maxBeyond && out.k <= out.limit
}

// assumePointers learns from a comparison of two pointers.
func (a *analysis) assumePointers(p *path, in *ir.Insn, n, m *node, holds bool) {
	cond := in.Cond
	if !holds {
		cond = conditions[cond].negated
	}
	c, ok := measure(cond, n, m)
	if !ok {
		return
	}
	kind, id := c.kind, c.id
	if s := p.bound(id, !c.enough); s == nil || c.enough && s.n < c.k || !c.enough && s.n > c.k {
		a.forgetSpans(p)
		p.setBound(span{id: id, need: a.newNeed(), n: c.k, short: !c.enough})
	}
	if c.enough {
		a.boundSpan(p, in, kind, id, c.limit-c.k)
	}
}

// decidePointers finds the outcome of a comparison that an earlier one has settled.
func (a *analysis) decidePointers(p *path, cond isa.Cond, n, m *node) (taken, known bool) {
	c, ok := measure(cond, n, m)
	if !ok || cond == isa.EQ {
		return false, false
	}
	if s := p.span(c.id); s != nil && s.n >= c.k {
		a.needs[s.need] = max(a.needs[s.need], c.k)
		return c.enough, true
	}
	if s := p.bound(c.id, true); s != nil && s.n <= c.k {
		a.needs[s.need] = 1
		return !c.enough, true
	}
	return false, false
}

// maxSpans is how many spans a path remembers before those of which no pointer is left are forgotten.
const maxSpans = 24

// forgetSpans forgets what is known of pointers that are gone, if there is much of it.
func (a *analysis) forgetSpans(p *path) {
	if len(p.spans) < maxSpans {
		return
	}
	held := map[uint32]bool{}
	p.each(func(r ref) {
		if n := a.at(r); n.kind != isScalar {
			held[n.id] = true
		}
	})
	out := make([]span, 0, maxSpans)
	for _, s := range p.spans {
		if s.id < firstID || held[s.id] {
			out = append(out, s)
		}
	}
	p.spans = out
}

// maxBeyond is how far a pointer may lead beyond an area so that comparing it with the end still means something:
// no area lies so near to the end of the address space.
const maxBeyond = 1 << 29

// boundSpan narrows pointers whose distance from the end is known: the area has at most limit bytes.
func (a *analysis) boundSpan(p *path, in *ir.Insn, kind nodeKind, id uint32, most int64) {
	p.replace(func(r ref) ref {
		k := a.at(r)
		if k.kind != kind || k.id != id {
			return r
		}
		if k.num.SMax() <= most || k.num.SMin() > most {
			return r
		}
		num, ok := scalar.Meet(k.num, scalar.SBetween(min(k.num.SMin(), most), most))
		if !ok || num == k.num {
			return r
		}
		n := *k
		n.num, n.a, n.b, n.cause = num, r, 0, byBranch
		n.flags &^= precise
		return a.made(p, in, n)
	})
}

func isEnd(k nodeKind) bool { return k == isPacketEnd || k == isMemoryEnd }

func sameArea(p, end nodeKind) bool {
	return p == isPacket && end == isPacketEnd || p == isPacketMeta && end == isPacket || p == isMemory && end == isMemoryEnd
}

// sameMemory reports whether two pointers lead into one area, so that how far apart they are says nothing of where it is.
func sameMemory(n, m *node) bool {
	packet := func(k nodeKind) bool { return k == isPacket || k == isPacketEnd || k == isPacketMeta }
	switch {
	case packet(n.kind):
		return packet(m.kind)
	case n.kind == isMemory || n.kind == isMemoryEnd:
		return m.kind == isMemory || m.kind == isMemoryEnd
	case n.kind == isStack, n.kind == isData:
		return n.kind == m.kind && (n.kind == isStack || n.obj == m.obj)
	}
	return n.kind == isMapValue && m.kind == isMapValue && n.obj == m.obj && n.id == m.id && n.id != 0
}

// conditions relate a comparison to the one with its operands exchanged, to the one that
// holds when it does not, and to the one that is the same for numbers that are not negative.
var conditions = [...]struct{ swapped, negated, unsigned isa.Cond }{
	isa.EQ:  {isa.EQ, isa.NE, isa.EQ},
	isa.NE:  {isa.NE, isa.EQ, isa.NE},
	isa.LT:  {isa.GT, isa.GE, isa.LT},
	isa.LE:  {isa.GE, isa.GT, isa.LE},
	isa.GT:  {isa.LT, isa.LE, isa.GT},
	isa.GE:  {isa.LE, isa.LT, isa.GE},
	isa.SLT: {unsigned: isa.LT},
	isa.SLE: {unsigned: isa.LE},
	isa.SGT: {unsigned: isa.GT},
	isa.SGE: {unsigned: isa.GE},
	isa.SET: {unsigned: isa.SET},
}
