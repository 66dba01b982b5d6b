package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// mark is a path as it was at some instruction, kept to end later paths that know no less.
type mark struct {
	path    path
	gi      int32
	level   int // pending paths when it was made: it is done when no more are left above them
	done    bool
	dead    bool  // given up: it ended too few paths
	gone    bool  // the walk went back to before it
	turned  bool  // a turn of a loop was closed here
	spoils  bool  // it is in analysis.backs
	nth     int32 // among those that are open
	closes  bool  // a way from here ends at the head of a loop that is still open
	widened bool  // stands for all turns of a loop
	entry   bool  // the loop was entered here
	rank    []rank
	ranked  bool
	read    []stackBytes // by frame: what a way from here reads before writing it
	zeros   []stackBytes // where a way from here relies on bytes that are 0
	hits    int32
	misses  int32
	backs   int // analysis.backs when it was made
	born    ref // the first value that was made after it
}

// rank is a number that every turn of a loop brings nearer to an end.
type rank struct {
	place  place
	sym    ref    // the number at the head
	id     uint32 // or the identity of the pointer
	up     bool
	signed bool
}

// close marks what is done when n paths are pending: all ways from a mark that
// was made with at least as many have been followed.
func (a *analysis) close(n int) {
	for len(a.open) > 0 {
		m := a.open[len(a.open)-1]
		if m.level < n {
			break
		}
		m.done = true
		if !m.dead {
			a.marks[m.gi] = append(a.marks[m.gi], m)
		}
		a.openUpTo(len(a.open) - 1)
	}
	for len(a.specs) > 0 && a.specs[len(a.specs)-1].pending >= n {
		a.specs = a.specs[:len(a.specs)-1]
	}
}

// openUpTo leaves the first n open marks.
func (a *analysis) openUpTo(n int) {
	a.open, a.closing = a.open[:n], min(a.closing, n)
}

// arrive looks a path up at a join. It returns the path that goes on, nil if the
// path ends because what follows is known to be safe.
func (a *analysis) arrive(p *path, gi int32) (*path, *Error) {
	list := a.marks[gi]
	dead := 0
	for i := len(list) - 1; i >= 0; i-- {
		m := list[i]
		if m.dead {
			dead++
			continue
		}
		if a.covers(m, p, false) {
			if m.closes {
				if o := a.spoil(m, p); o != nil {
					return nil, a.endless(p, o)
				}
			}
			m.hits++
			a.join(m, p)
			return nil, nil
		}
		m.misses++
		if m.misses > 3*m.hits+8 && len(list) > 4 {
			m.dead = true
			if !m.turned && !m.spoils {
				m.path = path{} // which nothing will look at again
			}
		}
	}
	if dead > 8 {
		a.marks[gi] = slices.DeleteFunc(list, func(m *mark) bool { return m.dead })
	}
	closing := p.arrived
	p.arrived = false
	if closing {
		return a.turn(p, gi)
	}
	if p.branches >= 2 && p.steps >= 8 || a.loops[gi] {
		a.mark(p, gi).entry = a.loops[gi]
		if a.loops[gi] {
			h := a.headOf(p, gi)
			clear(h.widened)
			h.turns = 0
		}
	}
	return p, nil
}

// mark keeps the path as it is.
func (a *analysis) mark(p *path, gi int32) *mark {
	m := &mark{path: *p.fork(), gi: gi, level: len(a.pending), nth: int32(len(a.open)), backs: len(a.backs), born: a.n}
	noted := make([]stackBytes, 2*p.depth)
	m.read, m.zeros = noted[:p.depth], noted[p.depth:]
	a.seq = append(a.seq, m)
	a.open = append(a.open, m)
	a.peak = max(a.peak, len(a.seq))
	p.parent, p.steps, p.branches, p.since = m, 0, 0, a.n
	return m
}

// covers reports whether every way from p is one from m: m knew no more than p
// where it mattered. With exact set, all that m knew counts, and what shows that its loops end.
func (a *analysis) covers(m *mark, p *path, exact bool) bool {
	q := &m.path
	if q.depth != p.depth || q.lock != p.lock && (q.lock == 0) != (p.lock == 0) || len(q.holds) != len(p.holds) || q.root != p.root {
		return false
	}
	if m.closes && m.done && p.ticks < q.ticks && slices.ContainsFunc(a.open, func(o *mark) bool { return a.loops[o.gi] }) {
		return false
	}
	c := &a.match
	*c = comparison{analysis: a, m: m, q: q, p: p, exact: exact || a.keep != nil, bases: c.bases[:0], ids: c.ids[:0]}
	for i := int32(0); i < q.depth; i++ {
		if !c.frame(i) {
			return false
		}
	}
	return c.rest()
}

// comparison matches the identities of a mark with those of a path.
type comparison struct {
	*analysis
	m     *mark
	q, p  *path
	exact bool
	bases []basePair
	ids   []idPair
}

// basePair matches the bases of two values, which are d further apart in the new one.
type basePair struct {
	old, new ref
	d        int64
	was, is  ref
}

// idPair matches identities; pointers of the new one are d further from its start.
type idPair struct {
	old, new uint32
	d        int64
}

func (c *comparison) frame(i int32) bool {
	f, g := c.q.frames[i], c.p.frames[i]
	if f == g && !c.exact {
		return c.sameFrame(f)
	}
	if f.fn != g.fn || f.call != g.call || i < c.q.depth-1 && (f.block != g.block || f.index != g.index) || f.back != g.back {
		return false
	}
	live := c.liveRegs(f, i == c.q.depth-1)
	for r := range f.regs {
		if live&(1<<r) != 0 && !c.value(f.regs[r], g.regs[r]) {
			return false
		}
	}
	read, zeros := &c.m.read[i], &c.m.zeros[i]
	if c.exact || !c.m.done {
		read, zeros = &everyByte, &everyByte
	}
	for k := range f.slots {
		s, t := &f.slots[k], g.at(int32(k))
		if used := read.of(k); used != 0 && !c.slot(s, &t, used) || !c.zeroed(s, &t, zeros.of(k)) {
			return false
		}
	}
	return true
}

var everyByte = allOf(^uint64(0))

// zeroed reports whether those of the given bytes that are 0 in s are 0 in t.
func (c *comparison) zeroed(s, t *slot, bytes uint8) bool {
	want := s.zero & bytes
	if want == 0 {
		return true
	}
	if c.zeros(t)&want != want {
		return false
	}
	if want&^t.zero != 0 {
		c.markPrecise(t.val, &c.work)
	}
	return true
}

// sameFrame notes the identities of a frame that both share.
func (c *comparison) sameFrame(f *activation) bool {
	for _, v := range f.regs {
		if v != 0 && !c.value(v, v) {
			return false
		}
	}
	for i := range f.slots {
		if s := &f.slots[i]; s.size != 0 && !c.value(s.val, s.val) {
			return false
		}
	}
	return true
}

// liveRegs are the registers that matter in f; below the running activation, those after the call.
func (c *comparison) liveRegs(f *activation, running bool) ir.RegSet {
	gi := c.first[f.fn] + c.facts[f.fn].Start[f.block] + f.index
	if running {
		return c.live[gi]
	}
	if f.back != 0 || c.frameAbove(f) {
		return c.live[gi] | ir.ArgRegs
	}
	b := c.program.Funcs[f.fn].Blocks[f.block]
	if int(f.index)+1 < len(b.Insns) {
		return c.live[gi+1] &^ ir.CallerRegs
	}
	return ^ir.RegSet(0)
}

// frameAbove reports whether f is at a call whose callback runs: the call will be made again.
func (c *comparison) frameAbove(f *activation) bool {
	in := &c.program.Funcs[f.fn].Blocks[f.block].Insns[f.index]
	return in.Op == ir.OpCallHelper
}

// slot reports whether t is as good as s was, of which the bytes in used are read.
func (c *comparison) slot(s, t *slot, used uint8) bool {
	if s.size == 0 && s.init == 0 {
		return true
	}
	if want := s.init & used; t.init&want != want {
		return false
	}
	whole := s.size != 0 && used&(1<<s.size-1) != 0
	if whole && t.size == s.size {
		return c.value(s.val, t.val)
	}
	if t.size != 0 && c.at(t.val).kind != isScalar {
		return false
	}
	if !whole {
		return true
	}
	n := c.at(s.val)
	return n.kind == isScalar && !c.exact && n.flags&precise == 0 && c.at(n.base).flags&linked == 0
}

// zeros are the bytes of a slot that are known to be 0.
func (a *analysis) zeros(s *slot) uint8 {
	if s.size == 0 {
		return s.zero
	}
	n := a.at(s.val)
	if v, ok := n.num.Const(); n.kind == isScalar && ok {
		z := s.zero &^ (1<<s.size - 1)
		for i := range s.size {
			if v>>(8*i)&0xff == 0 {
				z |= 1 << i
			}
		}
		return z
	}
	return s.zero &^ (1<<s.size - 1)
}

// value reports whether y is as good as x was.
func (c *comparison) value(x, y ref) bool {
	if x == 0 { // nothing has read it; under guard 0 is what it would have been
		return c.policy != Guard || y == 0
	}
	if y == 0 {
		return false
	}
	n := c.at(x)
	if n.kind == isScalar {
		if x == y {
			if (n.flags|c.at(n.base).flags)&(shared|widened|precise|linked) != 0 {
				return c.base(x, x)
			}
			return true
		}
		return c.number(x, y)
	}
	m := c.at(y)
	if n.kind != m.kind || n.obj != m.obj || n.size != m.size || (n.flags^m.flags)&(readOnly|otherHalf|recorded|within|stale) != 0 {
		return false
	}
	if m.flags&orNull != 0 && n.flags&orNull == 0 || n.flags&orNull != 0 && m.flags&orNull == 0 && (n.held != 0 || c.exact) {
		return false
	}
	if n.off == m.off {
		if !m.num.Within(n.num) {
			return false
		}
	} else if !c.whole(m).Within(c.whole(n)) {
		return false
	}
	return c.identity(n.id, m.id, m.off-n.off) && c.identity(n.held, m.held, 0)
}

func (c *comparison) number(x, y ref) bool {
	n, m := c.at(x), c.at(y)
	if m.kind != isScalar {
		return false
	}
	if c.m.closes && c.m.done && c.at(n.base).flags&widened != 0 && !c.progress(n, m) {
		return false
	}
	if (c.exact || n.flags&precise != 0) && !m.num.Within(n.num) {
		return false
	}
	return !c.exact && c.at(n.base).flags&linked == 0 || c.base(x, y)
}

// progress reports whether m has gone at least as far as n in the loops that are open: see analysis.turn.
func (c *comparison) progress(n, m *node) bool {
	for _, o := range c.open {
		for _, r := range o.rank {
			if r.sym == n.base && (m.base != n.base || r.up && m.off < n.off || !r.up && m.off > n.off) {
				return false
			}
		}
	}
	return true
}

// base matches numbers that are a constant apart: the new ones must be so, too.
func (c *comparison) base(x, y ref) bool {
	n, m := c.at(x), c.at(y)
	old, new, d := n.base, m.base, m.off-n.off
	if old == c.length && (new != old || d != 0) {
		return false // there is one length
	}
	for i := range c.bases {
		if p := &c.bases[i]; p.old == old {
			return p.new == new && p.d == d
		}
	}
	c.bases = append(c.bases, basePair{n.base, m.base, d, x, y})
	return true
}

// identity matches identities of pointers.
func (c *comparison) identity(old, new uint32, d int64) bool {
	if old < firstID || new < firstID {
		return old == new // what differs in offset differs in range
	}
	if c.m.closes && c.m.done && old != new && c.ranks(old) {
		return false
	}
	for _, p := range c.ids {
		if p.old == old || p.new == new {
			return p.old == old && p.new == new && p.d == d
		}
	}
	c.ids = append(c.ids, idPair{old, new, d})
	return c.derivation(old, new, d)
}

// derivation matches what pointers were derived from, if something relies on it.
func (c *comparison) derivation(old, new uint32, d int64) bool {
	f, ok := c.derived[old]
	if !ok || !c.exact && c.at(f.by).flags&linked == 0 {
		return true
	}
	g, ok := c.derived[new]
	return ok && d == 0 && f.op == g.op && f.off == g.off && c.identity(f.start, g.start, 0) && c.base(f.by, g.by)
}

// ranks reports whether pointers of identity id show that a loop ends which is open.
func (c *comparison) ranks(id uint32) bool {
	return slices.ContainsFunc(c.open, func(o *mark) bool {
		return slices.ContainsFunc(o.rank, func(r rank) bool { return r.id == id })
	})
}

// rest compares what is no value: what is known of pointers, references and locks.
func (c *comparison) rest() bool {
	for i := range c.q.spans {
		if !c.span(&c.q.spans[i]) {
			return false
		}
	}
	for i := range c.q.relations {
		if r := &c.q.relations[i]; c.counts(r.used) && !c.relation(r) {
			return false
		}
	}
	for i := range c.q.affine {
		if f := &c.q.affine[i]; c.counts(f.used) && !c.affine(f) {
			return false
		}
	}
	for _, h := range c.q.holds {
		if id, _, ok := c.mapped(h.id); ok && !slices.ContainsFunc(c.p.holds, func(k hold) bool { return k.id == id }) {
			return false
		}
	}
	return c.q.lock == 0 || c.identity(c.q.lock, c.p.lock, 0)
}

// counts reports whether a fact is to be compared: all are, or something relied on it.
func (c *comparison) counts(used uint32) bool {
	return c.exact || !c.m.done || c.needs[used] != noNeed
}

// span reports whether the path knows what s says.
func (c *comparison) span(s *span) bool {
	need := c.needs[s.need]
	switch {
	case c.exact || !c.m.done || s.short && need != noNeed:
		need = s.n
	case need == noNeed:
		return true
	default:
		need = min(need, s.n) // a wider fact on another path may share the place
	}
	id, d, ok := c.mapped(s.id)
	if !ok {
		if id, ok = c.again(s.id); !ok {
			return true // no live pointer has it, and none will
		}
	}
	t := c.p.bound(id, s.short)
	switch {
	case t == nil || s.short && t.n-d > need || !s.short && t.n-d < need:
		return false
	case s.short:
		c.needs[t.need] = 1
	default:
		c.needs[t.need] = max(c.needs[t.need], need+d)
	}
	return true
}

// mapped is the path's name of an identity.
func (c *comparison) mapped(old uint32) (id uint32, d int64, ok bool) {
	for _, p := range c.ids {
		if p.old == old {
			return p.new, p.d, true
		}
	}
	return old, 0, old < firstID
}

// again is the path's name of an identity that no live pointer has but that can come about again, because what such pointers
// are derived from is live; 0 if the path has no such pointers. It reports false if it cannot come about.
func (c *comparison) again(old uint32) (id uint32, ok bool) {
	if id, d, ok := c.mapped(old); ok {
		if d != 0 {
			id = 0
		}
		return id, true
	}
	f, ok := c.derived[old]
	if !ok {
		return 0, false
	}
	if f.start, ok = c.again(f.start); !ok {
		return 0, false
	}
	if f.by != 0 {
		if f.by, ok = c.counterpart(f.by); !ok {
			return 0, false
		}
	}
	return c.identities[f], true
}

// counterpart is the path's name of the base of a number that is live, 0 if its number is a constant apart. It reports false
// if no live number has the base.
func (c *comparison) counterpart(base ref) (ref, bool) {
	for _, p := range c.bases {
		if p.old == base && p.d == 0 {
			return p.new, true
		}
		if p.old == base {
			return 0, true
		}
	}
	if c.exact || c.m.done { // then numbers that pointers were derived from twice have been matched
		return 0, false
	}
	held := false
	c.q.each(func(r ref) { held = held || c.at(r).kind == isScalar && c.at(r).base == base })
	return base, held
}

// relation reports whether the path knows what r says, and what follows from r and a second relation:
// the number between them may be gone.
func (c *comparison) relation(r *relation) bool {
	if c.renamed(r.x) == nil {
		return true
	}
	if !c.follows(r.x, r.y, r.c) {
		return false
	}
	for i := range c.q.relations {
		if s := &c.q.relations[i]; s.x == r.y && c.counts(s.used) && !c.follows(r.x, s.y, r.c+s.c) {
			return false
		}
	}
	return true
}

// follows reports whether the path knows that x + d ≤ y for what it has in the place of the bases x and y.
func (c *comparison) follows(x, y ref, d int64) bool {
	n, m := c.renamed(x), c.renamed(y)
	if n == nil || m == nil {
		return true
	}
	v, off, ok := c.stands(n)
	w, off2, ok2 := c.stands(m)
	return ok && ok2 && c.atMost(c.p, v, w, d-off+off2)
}

// stands is the number that the path has in the place of a base, and how far it is from it, if it has not wrapped on the way.
func (c *comparison) stands(b *basePair) (v ref, off int64, ok bool) {
	off = c.at(b.was).off
	num := c.at(b.is).num
	switch {
	case off == 0:
		return b.is, 0, true
	case off > 0 && off <= maxApart && num.UMin() >= uint64(off), off < 0 && off >= -maxApart && num.UMax() <= 1<<62:
		c.markPrecise(b.is, &c.work)
		return b.is, off, true
	}
	return b.new, 0, b.d == 0
}

// renamed is the pair of values by which a base was matched, nil if no live value has it.
func (c *comparison) renamed(old ref) *basePair {
	for i := range c.bases {
		if c.bases[i].old == old {
			return &c.bases[i]
		}
	}
	if old == c.length {
		return &basePair{old, old, 0, old, old}
	}
	return nil
}

// join ends p at m: what the ways from m relied on, they now rely on in p.
func (a *analysis) join(m *mark, p *path) {
	q := &m.path
	c := comparison{analysis: a}
	for i := int32(0); i < q.depth; i++ {
		f, g := q.frames[i], p.frames[i]
		live := c.liveRegs(f, i == q.depth-1)
		for r, v := range f.regs {
			if live&(1<<r) != 0 {
				a.relied(v, g.regs[r])
			}
		}
		for k := range min(len(f.slots), len(g.slots)) {
			if m.read[i].of(k) != 0 && f.slots[k].size != 0 && g.slots[k].size != 0 {
				a.relied(f.slots[k].val, g.slots[k].val)
			}
		}
		a.readBytes(p, i, &m.read[i])
		a.relyOnZeros(p, i, &m.zeros[i])
	}
	if m.closes {
		a.closeOpen(0)
	}
}

// relied hands on to y what was relied on of x.
func (a *analysis) relied(x, y ref) {
	if x == 0 || y == 0 || x == y {
		return
	}
	n, m := a.at(x), a.at(y)
	if n.flags&precise != 0 {
		a.markPrecise(y, &a.work)
	}
	if n.kind == isScalar && m.kind == isScalar {
		a.at(m.base).flags |= a.at(n.base).flags & linked
		return
	}
	f, g := a.derived[n.id], a.derived[m.id]
	a.at(g.by).flags |= a.at(f.by).flags & linked
}

// closeOpen notes that a way from the open marks, from the i-th on, ends at an open loop.
func (a *analysis) closeOpen(i int) {
	for _, m := range a.open[max(i, a.closing):] {
		m.closes = true
	}
	if i <= a.closing {
		a.closing = len(a.open)
	}
}

// readBytes notes that the bytes in set of frame i are read, in the marks on the way here
// back to where they were written.
func (a *analysis) readBytes(p *path, i int32, set *stackBytes) {
	p.trace(i, set, func(m *mark) *stackBytes { return &m.read[i] })
}

// relyOnZeros notes that a proof relied on bytes that are known to be 0: those in set of frame i.
func (a *analysis) relyOnZeros(p *path, i int32, set *stackBytes) {
	p.trace(i, set, func(m *mark) *stackBytes { return &m.zeros[i] })
}

// trace adds bytes of frame i to what the marks on the way here note of them, back to where they were written.
func (p *path) trace(i int32, bytes *stackBytes, noted func(m *mark) *stackBytes) {
	set := bytes.without(p.written(i))
	for m := p.parent; m != nil && set != (stackBytes{}); m = m.path.parent {
		if m.path.depth <= i {
			return
		}
		n := noted(m)
		if set.without(n) == (stackBytes{}) {
			return
		}
		n.addAll(&set)
		set = set.without(m.path.written(i))
	}
}

// whole is what is known of the offset of a pointer: its variable part and its fixed one.
func (a *analysis) whole(n *node) scalar.Num {
	if n.off == 0 {
		return n.num
	}
	return scalar.Binary(ir.OpAdd, 64, n.num, scalar.Const(uint64(n.off)))
}
