package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// affine says that two values go in step, as the counter of a loop and the pointer
// that moves with it: y = k·x + c, for some c in a range, where x is the base of
// numbers and y the base of numbers or the identity of pointers.
type affine struct {
	x    ref
	y    ref
	id   uint32
	k    int64
	c    scalar.Num
	used uint32 // index into analysis.needs
	from [2]ref // values on whose ranges it relies
}

// maxAffine bounds the affine facts that a path remembers; the oldest goes.
const maxAffine = 8

// steps finds the widened values that moved by a constant in the turn and makes
// those that moved with a counter follow it.
func (w *widening) steps() {
	type mover struct {
		x, y, now ref
		d         int64
	}
	var movers []mover
	seen := map[ref]bool{}
	for _, m := range w.spec.made {
		x, y := w.q.value(m.place), w.spec.path.value(m.place)
		n, k := w.at(x), w.at(y)
		if seen[m.r] || n.kind != k.kind || n.kind == isScalar && n.base != k.base || n.kind != isScalar && n.id != k.id || n.off == k.off {
			continue
		}
		seen[m.r] = true
		movers = append(movers, mover{x, y, m.r, k.off - n.off})
	}
	for i := range movers {
		a := &movers[i]
		if !w.counter(a.y) {
			continue
		}
		for j := range movers {
			if b := &movers[j]; i != j && b.d%a.d == 0 && !w.counter(b.y) {
				w.follow(a.x, a.now, b.x, b.now, b.d/a.d)
			}
		}
	}
}

// counter reports whether r is a number that was compared in the turn.
func (w *widening) counter(r ref) bool {
	n := w.at(r)
	return n.kind == isScalar && len(w.compared(n)) > 0
}

// follow makes r, which was at y when the counter was at x, move k for each step of the counter.
func (w *widening) follow(x, s, y, r ref, k int64) {
	c, ok := w.start(w.at(x), w.at(y), k)
	if !ok {
		return
	}
	counter, b := w.at(s), w.at(r)
	f := affine{x: counter.base, k: k, c: c, used: w.newNeed(), from: [2]ref{x, y}}
	if b.kind == isScalar {
		f.y = b.base
	} else {
		f.id = b.id
	}
	num := f.on(counter.num)
	if b.kind != isScalar && !num.Within(scalar.SBetween(-maxBeyond, maxBeyond)) {
		return // comparisons of the pointer itself bound it better
	}
	if !num.IsUnknown() {
		b.num = num
		w.useAffine(&f)
		w.markPrecise(s, &w.work)
	}
	out := slices.Clone(w.p.affine)
	if len(out) >= maxAffine {
		out = out[1:]
	}
	w.p.affine = append(out, f)
}

// start is where n would be if the counter m were 0. It is known if the counter
// is, or if the two went in step before.
func (w *widening) start(m, n *node, k int64) (scalar.Num, bool) {
	if _, ok := m.num.Const(); ok {
		return scalar.Binary(ir.OpSub, 64, w.wholeOf(n), times(k, m.num)), true
	}
	for i := range w.q.affine {
		f := &w.q.affine[i]
		if f.x == m.base && m.off == 0 && n.off == 0 && f.k == k && (n.kind == isScalar && f.y == n.base || n.kind != isScalar && f.id == n.id && f.id != 0) {
			w.useAffine(f)
			return f.c, true
		}
	}
	return scalar.Num{}, false
}

// useAffine notes that a proof relied on f, and so on which values have its bases.
func (a *analysis) useAffine(f *affine) {
	if a.needs[f.used] == 1 {
		return
	}
	a.needs[f.used] = 1
	a.at(f.x).flags |= linked
	a.at(f.y).flags |= linked
	a.relyOn(f.from[0], f.from[1])
}

// on is y for x in num.
func (f *affine) on(num scalar.Num) scalar.Num {
	return scalar.Binary(ir.OpAdd, 64, times(f.k, num), f.c)
}

func times(k int64, n scalar.Num) scalar.Num {
	return scalar.Binary(ir.OpMul, 64, n, scalar.Const(uint64(k)))
}

// narrowFollowers narrows what moves with the number x, which was narrowed.
func (a *analysis) narrowFollowers(p *path, in *ir.Insn, x ref) {
	if len(p.affine) == 0 {
		return
	}
	n := *a.at(x)
	for i := range p.affine {
		f := &p.affine[i]
		if f.x != n.base {
			continue
		}
		start := f.on(scalar.Binary(ir.OpSub, 64, n.num, scalar.Const(uint64(n.off))))
		p.replace(func(r ref) ref {
			k := *a.at(r)
			w := start
			switch {
			case k.kind == isScalar && f.y != 0 && k.base == f.y:
				w = scalar.Binary(ir.OpAdd, 64, start, scalar.Const(uint64(k.off)))
			case k.kind != isScalar && f.id != 0 && k.id == f.id:
			default:
				return r
			}
			num, ok := scalar.Meet(w, k.num)
			if !ok || num == k.num {
				return r
			}
			a.useAffine(f)
			a.markPrecise(x, &a.work)
			return a.narrowed(p, in, r, x, num)
		})
	}
}

// affine reports whether the path knows what f says.
func (c *comparison) affine(f *affine) bool {
	x := c.renamed(f.x)
	if x == nil {
		return true
	}
	var y ref
	var d int64
	var yBase ref
	var yID uint32
	if f.id != 0 {
		id, di, ok := c.mapped(f.id)
		if !ok {
			return true
		}
		yID, d = id, di
		y = c.holder(id)
	} else {
		b := c.renamed(f.y)
		if b == nil {
			return true
		}
		yBase, d, y = b.new, b.d, b.is
	}
	for i := range c.p.affine {
		t := &c.p.affine[i]
		if t.x == x.new && t.y == yBase && t.id == yID && t.k == f.k && t.c == f.c && d == f.k*x.d {
			c.useAffine(t)
			return true
		}
	}
	if y == 0 {
		return false
	}
	// the values themselves: base(x) + off
	n, m := c.at(x.is), c.at(y)
	was := c.at(x.was)
	num := scalar.Binary(ir.OpSub, 64, n.num, scalar.Const(uint64(was.off)))
	whole := c.wholeOf(m)
	if f.id != 0 {
		whole = scalar.Binary(ir.OpSub, 64, whole, scalar.Const(uint64(m.off-d)))
	} else if b := c.renamed(f.y); b != nil {
		whole = scalar.Binary(ir.OpSub, 64, whole, scalar.Const(uint64(c.at(b.was).off)))
	}
	_, constant := num.Const()
	if !constant || !scalar.Binary(ir.OpSub, 64, whole, times(f.k, num)).Within(f.c) {
		return false
	}
	c.relyOn(x.is, y)
	return true
}

// holder is a value of the path with identity id, 0 if there is none.
func (c *comparison) holder(id uint32) (found ref) {
	c.p.each(func(r ref) {
		if n := c.at(r); n.kind != isScalar && n.id == id {
			found = r
		}
	})
	return found
}
