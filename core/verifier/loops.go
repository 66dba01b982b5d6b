package verifier

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// maxTurns bounds a loop whose end is proved by a number that goes one way: no memory is longer.
const maxTurns = maxMemory

// maxTries is how often widening at one head is tried again after it proved too little.
const maxTries = 6

// place is where a value is: register reg of a frame, or slot-numRegs of its stack.
type place struct{ frame, slot int16 }

const numRegs = 11

// headKey is the head of a loop as some call reaches it.
type headKey struct {
	gi, call int32
}

// head is what was learnt about widening at a head.
type head struct {
	keep    map[place]bool // values that must run as they are
	widened map[place]int  // how often
	tries   int
	exact   bool   // turns end only at widened marks
	turns   int    // since values are kept
	off     bool   // turns are followed one by one
	cause   *Error // what was wrong with all turns taken together, the last time
}

// speculation is a point where values were widened, and what it takes to go back.
type speculation struct {
	path    *path // before
	head    *head
	mark    *mark
	pending int
	open    int
	seq     int
	trail   int32
	made    []madeNode
}

// madeNode is a value that widening made.
type madeNode struct {
	r     ref
	place place
}

// headOf returns what is known of the head at which p stands.
func (a *analysis) headOf(p *path, gi int32) *head {
	k := headKey{gi, p.top().call}
	h := a.heads[k]
	if h == nil {
		h = &head{keep: map[place]bool{}, widened: map[place]int{}}
		a.heads[k] = h
	}
	return h
}

// newest is how many turns of a loop are looked at: an exact repetition shows itself in the newest.
const newest = 4

// turns are the open marks that earlier turns of the loop at gi left, the newest first.
func (a *analysis) turns(p *path, gi int32) (chain []*mark) {
	for _, m := range slices.Backward(a.open) {
		if m.gi != gi || m.path.depth != p.depth || m.path.root != p.root {
			continue
		}
		chain = append(chain, m)
		if m.entry || len(chain) == newest {
			return chain
		}
	}
	return chain
}

// turn takes a path that comes back to the head of a loop.
func (a *analysis) turn(p *path, gi int32) (*path, *Error) {
	chain := a.turns(p, gi)
	if len(chain) == 0 {
		a.mark(p, gi).entry = true
		return p, nil
	}
	h := a.headOf(p, gi)
	for i, m := range chain {
		if !a.covers(m, p, true) {
			continue
		}
		if m.widened && i > 0 {
			continue
		}
		if (m.widened || !h.exact) && a.advances(m, p) {
			if o := a.spoil(m, p); o != nil {
				return nil, a.endless(p, o)
			}
			a.closeLoop(m, p)
			return nil, nil
		}
		if m.widened || a.same(m, p) {
			return nil, a.endless(p, m)
		}
	}
	if h.turns++; !h.off && (h.turns > keptTurns && len(h.keep) > 0 || h.turns > manyTurns) && a.giveUp(h) {
		return nil, a.endless(p, nil)
	}
	if h.off {
		return a.oneTurn(chain, p, gi, h)
	}
	return a.widenAt(chain[0], p, gi, h), nil
}

// keptTurns is how many turns are followed in which some values are widened and others
// are not: what counts the turns may be among the former.
const keptTurns = 40

// manyTurns is how often one entry of a loop is widened before the turns are followed one by one.
const manyTurns = 200

// giveUp ends widening at a head. It reports whether there is something to go back to.
func (a *analysis) giveUp(h *head) bool {
	h.off = true
	return slices.ContainsFunc(a.specs, func(s *speculation) bool { return s.head == h })
}

// same reports whether nothing at all has changed since m.
func (a *analysis) same(m *mark, p *path) bool {
	equal := true
	a.pairs(&m.path, p, func(_ place, x, y ref) {
		n, k := a.at(x), a.at(y)
		equal = equal && n.num == k.num && n.kind == k.kind && (n.kind == isScalar || n.off == k.off)
	})
	return equal
}

// advances reports whether the turn from m to p brings the loop nearer to an end.
func (a *analysis) advances(m *mark, p *path) bool {
	if a.policy == Guard || p.ticks > m.path.ticks {
		return true
	}
	var found []rank
	c := comparison{analysis: a}
	a.pairs(&m.path, p, func(at place, x, y ref) {
		if at.slot < numRegs && c.liveRegs(p.frames[at.frame], int32(at.frame) == p.depth-1)&(1<<at.slot) == 0 {
			return // what is not read was not compared
		}
		if r, ok := a.rankOf(x, y); ok {
			r.place = at
			found = append(found, r)
		}
	})
	found = slices.DeleteFunc(found, func(r rank) bool { return a.isSpoiled(m, &r, m.backs) })
	if m.ranked {
		found = slices.DeleteFunc(found, func(r rank) bool { return !slices.Contains(m.rank, r) })
	}
	if len(found) == 0 && !m.widened {
		return false
	}
	if !m.ranked {
		for _, r := range found {
			k := rankKey{r.sym, r.id}
			a.ranked[k] = append(a.ranked[k], m)
		}
	}
	m.rank, m.ranked = found, true
	for _, r := range found {
		a.markPrecise(p.value(r.place), &a.work)
		if r.sym != 0 {
			a.at(r.sym).flags |= widened
		}
	}
	return len(found) > 0
}

// pairs visits the values in the same places of two paths.
func (a *analysis) pairs(q, p *path, visit func(at place, x, y ref)) {
	for i := int32(0); i < q.depth; i++ {
		f, g := q.frames[i], p.frames[i]
		for r := range f.regs {
			if f.regs[r] != 0 && g.regs[r] != 0 {
				visit(place{int16(i), int16(r)}, f.regs[r], g.regs[r])
			}
		}
		for k := range min(len(f.slots), len(g.slots)) {
			if f.slots[k].size != 0 && f.slots[k].size == g.slots[k].size {
				visit(place{int16(i), int16(numRegs + k)}, f.slots[k].val, g.slots[k].val)
			}
		}
	}
}

// rankOf reports whether y is x plus a constant, on an interval that the constant
// crosses in few steps and that does not wrap.
func (a *analysis) rankOf(x, y ref) (r rank, ok bool) {
	n, m := a.at(x), a.at(y)
	if n.kind != m.kind {
		return r, false
	}
	var d int64
	switch {
	case n.kind == isScalar && m.base == n.base:
		d, r.sym = m.off-n.off, n.base
	case n.kind != isScalar && n.id != 0 && m.id == n.id:
		d, r.id = m.off-n.off, n.id
	default:
		return r, false
	}
	if d == 0 {
		return r, false
	}
	r.up = d > 0
	v := a.wholeOf(m)
	step := uint64(max(d, -d))
	if span := v.UMax() - v.UMin(); span/step <= maxTurns && (r.up && v.UMin() >= step || !r.up && v.UMax() <= ^uint64(0)-step) {
		return r, true
	}
	r.signed = true
	if span := uint64(v.SMax()) - uint64(v.SMin()); span/step <= maxTurns && (r.up && v.SMin() >= -1<<63+d || !r.up && v.SMax() <= 1<<63-1+d) {
		return r, true
	}
	return r, false
}

// wholeOf is the number, or the whole offset of a pointer.
func (a *analysis) wholeOf(n *node) scalar.Num {
	if n.kind == isScalar {
		return n.num
	}
	return a.whole(n)
}

// closeLoop ends p at m, from which the walk came: all that m is known to be must hold again.
func (a *analysis) closeLoop(m *mark, p *path) {
	a.pairs(&m.path, p, func(_ place, x, y ref) {
		n := a.at(x)
		if n.kind != isScalar {
			return
		}
		a.at(n.base).flags |= linked
		a.at(a.at(y).base).flags |= linked
		if !n.num.IsUnknown() {
			a.markPrecise(x, &a.work)
			a.markPrecise(y, &a.work)
		}
	})
	for i := int32(0); i < m.path.depth; i++ {
		all := allOf(1<<len(m.path.frames[i].slots) - 1)
		a.readBytes(p, i, &all)
		a.relyOnZeros(p, i, &all)
	}
	for _, s := range p.spans {
		a.needs[s.need] = max(a.needs[s.need], s.n)
	}
	for i := range p.relations {
		a.useRelation(&p.relations[i])
	}
	for i := range p.affine {
		a.useAffine(&p.affine[i])
	}
	a.closeOpen(int(m.nth) + 1)
	a.noteTurn(m, p)
}

// widenAt replaces p by a path that stands for the turns seen and those to come.
func (a *analysis) widenAt(m *mark, p *path, gi int32, h *head) *path {
	s := &speculation{path: p.fork(), head: h, pending: len(a.pending), open: len(a.open), seq: len(a.seq), trail: p.trail}
	s.path.arrived = true
	w := widening{analysis: a, spec: s, stops: a.stops[p.top().fn], q: &m.path, p: p, made: map[[2]ref]ref{}}
	for i := int32(0); i < p.depth; i++ {
		w.frame(i)
	}
	if len(s.made) == 0 {
		a.mark(p, gi)
		return p
	}
	w.facts()
	k := a.mark(p, gi)
	k.widened = true
	s.mark = k
	a.specs = append(a.specs, s)
	return p
}

// widening makes of p what holds for q, p and all that follows.
type widening struct {
	*analysis
	spec  *speculation
	stops []uint64
	q, p  *path
	made  map[[2]ref]ref
}

func (w *widening) frame(i int32) {
	f := w.q.frames[i]
	g := w.p.own(i)
	c := comparison{analysis: w.analysis, q: w.q, p: w.p}
	live := c.liveRegs(g, i == w.p.depth-1)
	for r := range g.regs {
		if live&(1<<r) == 0 {
			g.regs[r] = 0
			continue
		}
		g.regs[r] = w.value(f.regs[r], g.regs[r], place{int16(i), int16(r)})
	}
	for k := range min(len(f.slots), len(g.slots)) {
		w.slot(&f.slots[k], &g.slots[k], place{int16(i), int16(numRegs + k)})
	}
}

func (w *widening) slot(s, t *slot, at place) {
	if s.size != 0 && s.size == t.size {
		t.val = w.value(s.val, t.val, at)
		t.init &= s.init
		return
	}
	if t.size != 0 && w.at(t.val).kind != isScalar || s.size != 0 && w.at(s.val).kind != isScalar || w.spec.head.keep[at] {
		return
	}
	if s.size == 0 && t.size == 0 {
		t.init, t.zero = t.init&s.init, t.zero&s.zero
		return
	}
	if t.zero = w.zeros(s) & w.zeros(t); t.zero != 0 {
		w.relyOnSlot(s)
		w.relyOnSlot(t)
	}
	t.init &= s.init
	t.val, t.size = 0, 0
}

// value widens one value.
func (w *widening) value(x, y ref, at place) ref {
	if x == y || x == 0 || y == 0 || w.spec.head.keep[at] {
		return y
	}
	if r, ok := w.made[[2]ref{x, y}]; ok {
		w.spec.made = append(w.spec.made, madeNode{r, at})
		return r
	}
	n, m := *w.at(x), *w.at(y)
	if n.kind != m.kind {
		return y
	}
	out := node{kind: m.kind, flags: m.flags&^(precise|stale|alias) | widened | shared, cause: byLoop, pos: w.p.topPos(w.analysis), fn: w.p.top().fn, a: y,
		obj: m.obj, held: m.held, size: m.size, id: m.id}
	if m.kind == isScalar {
		if n.base == m.base && n.off == m.off { // the same number, of which each path knows something
			if m.num.Within(n.num) { // as it was, but what relies on that relies on y
				return w.add(node{kind: isScalar, flags: shared, cause: byLoop, pos: out.pos, fn: out.fn, a: y, num: n.num, base: m.base, off: m.off})
			}
			return y
		}
		out.num = w.widen(n.num, m.num, w.stopsOf(&m), at)
	} else {
		if n.obj != m.obj || n.size != m.size || n.held != m.held || (n.flags^m.flags)&^(precise|widened|shared) != 0 {
			return y
		}
		u, v := w.whole(&n), w.whole(&m)
		if u == v && n.id == m.id {
			return y
		}
		if m.kind == isDynptr || m.kind == isIter || m.kind == isCtx && u != v {
			return y
		}
		if out.num = w.widen(u, v, w.pointerStops(&m), at); isSpan(m.kind) {
			out.num = w.beside(u, v, out.num)
		}
		out.id = w.newID()
	}
	r := w.add(out)
	w.made[[2]ref{x, y}] = r
	w.spec.made = append(w.spec.made, madeNode{r, at})
	return r
}

// patience is how often a value is widened to the next stop before it is given up.
const patience = 6

// widen is a range that holds both, and more: what was widened before goes further.
func (w *widening) widen(old, next scalar.Num, stops []uint64, at place) scalar.Num {
	if next.Within(old) {
		return old
	}
	h := w.spec.head
	h.widened[at]++
	if h.widened[at] <= patience {
		return scalar.Widen(old, next, stops)
	}
	if max(old.UMax(), next.UMax()) <= 1<<32-1 && h.widened[at] <= patience+2 {
		return scalar.Bytes(4)
	}
	return scalar.Unknown()
}

// maxPacket bounds the length of a packet in bytes; Linux 6.18 counts with 65,535 (MAX_PACKET_OFF, kernel/bpf/verifier.c).
const maxPacket = 1 << 24

// stopsOf are the numbers with which n, or one at a constant distance, was compared in the turn;
// those of the whole function if there was no such comparison.
func (w *widening) stopsOf(n *node) []uint64 {
	if stops := w.compared(n); len(stops) > 0 {
		return stops
	}
	return w.stops
}

// compared are the numbers with which n was compared in the turn, and their neighbours; of a
// number that varies its greatest value.
func (w *widening) compared(n *node) (stops []uint64) {
	for t := w.p.trail; t > w.q.trail; t = w.trail[t].prev {
		x, y := w.at(w.trail[t].a), w.at(w.trail[t].b)
		if y.base == n.base {
			x, y = y, x
		}
		if x.kind == isScalar && y.kind == isScalar && x.base == n.base && !y.num.IsUnknown() {
			c := y.num.UMax() - uint64(x.off-n.off)
			stops = append(stops, c-1, c, c+1)
		}
	}
	return stops
}

// pointerStops are the stops for offsets of n.
func (w *widening) pointerStops(n *node) []uint64 {
	limit := uint64(w.extent(n))
	switch {
	case limit == 0:
		return w.stops
	case isSpan(n.kind):
		return []uint64{0, limit, limit + 1<<16, -limit}
	}
	return append(slices.Clone(w.stops), limit, limit-1, limit+1<<16, -limit)
}

// beside is num for a pointer that comparisons will bound: without steps, and no
// further from the area than pointers in it get in one turn.
func (w *widening) beside(old, next, num scalar.Num) scalar.Num {
	far := scalar.SBetween(0, maxBeyond)
	if num.IsUnknown() || num.SMax() > maxBeyond || num.SMin() < 0 {
		if old.Within(far) && next.Within(far) {
			return far
		}
		return num
	}
	return scalar.SBetween(num.SMin(), num.SMax())
}

// extent is the size of what n points into, 0 if it is not known.
func (a *analysis) extent(n *node) int64 {
	switch n.kind {
	case isPacket, isPacketMeta:
		return maxPacket
	case isMapValue:
		return int64(a.program.Maps[n.obj].ValueSize)
	case isData:
		return int64(len(a.program.Data[n.obj].Bytes))
	case isMem:
		return int64(n.size)
	case isStack:
		return ir.MaxStack
	case isMemory:
		return maxMemory
	}
	return 0
}

// facts keeps what is known of pointers on both paths.
func (w *widening) facts() {
	spans := make([]span, 0, len(w.p.spans))
	for _, s := range w.p.spans {
		if t := w.q.span(s.id); t != nil && !s.short {
			s.n = min(s.n, t.n)
			spans = append(spans, s)
		}
	}
	w.p.spans = spans
	var rels []relation
	for _, r := range w.p.relations {
		if slices.ContainsFunc(w.q.relations, func(t relation) bool { return t.x == r.x && t.y == r.y && t.c >= r.c }) {
			rels = append(rels, r)
		}
	}
	w.p.relations = rels
	w.p.affine = slices.DeleteFunc(slices.Clone(w.p.affine), func(f affine) bool {
		return !slices.ContainsFunc(w.q.affine, func(t affine) bool { return t.used == f.used })
	})
	w.steps()
	w.relate()
}

// relate finds which of the widened numbers stay below others, or above them, from turn to turn.
func (w *widening) relate() {
	var list []trio
	w.pairs(w.q, w.spec.path, func(at place, x, y ref) {
		n, m := w.at(x), w.at(y)
		_, constant := m.num.Const()
		z := w.p.value(at)
		if n.kind == isScalar && m.kind == isScalar && z != 0 && w.at(z).kind == isScalar && (!constant || x != y) && at.frame == int16(w.p.depth-1) && len(list) < 16 {
			list = append(list, trio{x, y, z})
		}
	})
	for i := range list {
		for j := range list {
			x, y := &list[i], &list[j]
			if n, m := w.at(x.now), w.at(y.now); n.base == m.base || n.cause != byLoop && m.cause != byLoop {
				continue
			}
			for c := int64(1); c >= 0; c-- {
				if (w.apart(x.then, y.then, c) || w.atMost(w.q, x.then, y.then, c)) && (w.apart(x.next, y.next, c) || w.atMost(w.spec.path, x.next, y.next, c)) {
					w.analysis.relate(w.p, x.now, y.now, c, [2]ref{x.next, y.next})
					w.clamp(x.now, y.now, c)
					break
				}
			}
		}
	}
}

// clamp narrows a widened number that is at most another less c.
func (w *widening) clamp(r, s ref, c int64) {
	x, top := w.at(r), w.at(s).num.UMax()
	if x.cause != byLoop || x.flags&widened == 0 || top < uint64(c) {
		return
	}
	if num, ok := scalar.Meet(x.num, scalar.Between(0, top-uint64(c))); ok {
		x.num = num
		w.markPrecise(s, &w.work)
	}
}

// trio is a number on the two paths that are widened and on the result.
type trio struct{ then, next, now ref }

// value is what a place holds.
func (p *path) value(at place) ref {
	f := p.frames[at.frame]
	if at.slot < numRegs {
		return f.regs[at.slot]
	}
	return f.slots[at.slot-numRegs].val
}

// topPos is the BPF instruction at which p is.
func (p *path) topPos(a *analysis) ir.Pos {
	f := p.top()
	return a.program.Funcs[f.fn].Blocks[f.block].Insns[f.index].Pos
}

// retry goes back to the newest widening that the error may come from, and lets
// the values that mattered run as they are. It returns nil if the error stands.
func (a *analysis) retry(err *Error) *path {
	if a.log != nil {
		a.log.line(err.Error())
	}
	if len(a.specs) == 0 || a.steps > a.limit {
		return nil
	}
	if m := err.endless; m != nil && !m.widened {
		return a.rewindTo(m)
	}
	deps := a.dependencies(err.blame)
	if s := a.blamed(err, deps); s >= 0 {
		return a.rewind(a.firstOf(s))
	}
	for t := err.trail; t > 0; t = a.trail[t].prev {
		if n := &a.trail[t]; !n.decided {
			a.depend(deps, n.a)
			a.depend(deps, n.b)
		}
	}
	if s := a.blamed(err, deps); s >= 0 {
		return a.rewind(a.firstOf(s))
	}
	s := len(a.specs) - 1
	a.specs[s].head.off = true
	a.specs[s].head.blame(err)
	return a.rewind(a.firstOf(s))
}

// firstOf is the first of the speculations that widened one loop turn by turn, of which i is the last.
func (a *analysis) firstOf(i int) int {
	for i > 0 && a.specs[i-1].head == a.specs[i].head {
		i--
	}
	return i
}

// blamed finds the newest speculation that made a value among deps, and keeps those values.
func (a *analysis) blamed(err *Error, deps map[ref]bool) int {
	for i, s := range slices.Backward(a.specs) {
		if err.Code == CodeEndless && (err.endless == s.mark || s.head.off) {
			s.head.off = true
			s.head.blame(err)
			return i
		}
		hit := false
		for _, m := range s.made {
			if deps[m.r] {
				s.head.keep[m.place], hit = true, true
			}
		}
		if hit {
			s.head.tries++
			s.head.off = s.head.off || s.head.tries > maxTries
			s.head.blame(err)
			return i
		}
	}
	return -1
}

// dependencies are the values that those in list were computed from.
func (a *analysis) dependencies(list []ref) map[ref]bool {
	deps := map[ref]bool{}
	for _, r := range list {
		a.depend(deps, r)
	}
	return deps
}

func (a *analysis) depend(deps map[ref]bool, r ref) {
	work := []ref{r}
	for len(work) > 0 {
		r := work[len(work)-1]
		work = work[:len(work)-1]
		if r == 0 || deps[r] {
			continue
		}
		deps[r] = true
		n := a.at(r)
		work = append(work, n.a, n.b)
		if n.kind == isScalar && n.base != r {
			work = append(work, n.base)
		}
	}
}

// undo forgets the marks from the given one on, but for those that may still end paths.
func (a *analysis) undo(from int) {
	kept := a.seq[:from]
	for _, m := range a.seq[from:] {
		if m.dead = m.dead || !m.done || m.closes; m.dead {
			m.gone = true
		} else {
			kept = append(kept, m)
		}
	}
	clear(a.seq[len(kept):])
	a.seq = kept
}

// rewindTo takes the walk back to an open mark that is not widened, which must not end turns any more.
func (a *analysis) rewindTo(m *mark) *path {
	at := int(m.nth)
	p := m.path.fork()
	h := a.headOf(p, m.gi)
	if m.done || m.gone || h.exact {
		return nil
	}
	h.exact = true
	first := slices.Index(a.seq, m)
	a.undo(first)
	a.specs = slices.DeleteFunc(a.specs, func(s *speculation) bool { return s.open > at })
	a.pending = a.pending[:m.level]
	a.openUpTo(at)
	a.mark(p, m.gi).entry = m.entry
	p.entered = true
	return p
}

// rewind takes the walk back to the point of speculation i.
func (a *analysis) rewind(i int) *path {
	s := a.specs[i]
	if a.log != nil {
		a.log.line(fmt.Sprintf("back to insn %d: a loop was widened too far", s.path.topPos(a)))
	}
	a.undo(s.seq)
	clear(s.head.widened)
	s.head.turns = 0
	a.pending, a.specs = a.pending[:s.pending], a.specs[:i]
	a.openUpTo(s.open)
	return s.path.fork()
}
