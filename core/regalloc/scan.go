package regalloc

import (
	"container/heap"
	"fmt"
	"slices"
)

// inSlot marks a part that is in its value's slot, whichever that will be.
const inSlot = Loc(1 << 31)

// queue is the parts that have no location yet, by their starts.
type queue []*interval

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if a, b := q[i].start(), q[j].start(); a != b {
		return a < b
	}
	return q[i].v < q[j].v
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*interval)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// scan gives every part of every life a location, in the order of their starts.
func (a *allocator) scan() error {
	for _, x := range a.whole {
		if x != nil {
			a.queue = append(a.queue, x)
		}
	}
	heap.Init(&a.queue)
	for len(a.queue) > 0 {
		x := heap.Pop(&a.queue).(*interval)
		a.expire(x.start())
		if !a.takeFree(x) && !a.takeBlocked(x) {
			i := x.start().inst()
			return fmt.Errorf("regalloc: instruction %d has more operands and clobbers than there are registers", i)
		}
	}
	return nil
}

// expire sorts the parts in registers by whether they live at p.
func (a *allocator) expire(p place) {
	active, inactive := a.active[:0], a.inactive[:0]
	var slept []*interval
	for _, x := range a.active {
		switch {
		case x.end() <= p:
		case x.covers(p):
			active = append(active, x)
		default:
			slept = append(slept, x)
		}
	}
	for _, x := range a.inactive {
		switch {
		case x.end() <= p:
		case x.covers(p):
			active = append(active, x)
		default:
			inactive = append(inactive, x)
		}
	}
	a.active, a.inactive = active, append(inactive, slept...)
}

func (a *allocator) place(x *interval, p PReg) {
	x.loc = InPReg(p)
	a.active = append(a.active, x)
}

func (a *allocator) push(x *interval) {
	if x != nil {
		heap.Push(&a.queue, x)
	}
}

// takeFree gives x a register that nobody has for a while; what is behind that while is another part.
func (a *allocator) takeFree(x *interval) bool {
	var free [MaxPRegs]place
	a.allocatable.Each(func(p PReg) { free[p] = never })
	for _, y := range a.active {
		p, _ := y.loc.PReg()
		free[p] = 0
	}
	for _, y := range a.inactive {
		p, _ := y.loc.PReg()
		if free[p] > 0 {
			free[p] = min(free[p], meets(y.spans, x.spans, x.start()))
		}
	}
	best := NoPReg
	for _, p := range a.prefer {
		if free[p] > 0 {
			free[p] = min(free[p], meets(a.fixed[p], x.spans, x.start()))
		}
		if best == NoPReg || free[best] < x.end() && free[p] > free[best] {
			best = p
		}
	}
	a.eachHint(x, func(p PReg) bool {
		if free[p] >= x.end() || free[best] < x.end() && free[p] == free[best] {
			best = p
			return true
		}
		return false
	})
	if best == NoPReg {
		return false
	}
	until := free[best]
	if until < x.end() {
		until = until.boundary()
		if until <= x.start() || x.nextUse(x.start()).from >= until {
			return false
		}
		a.push(x.cut(until))
	}
	a.place(x, best)
	return true
}

// eachHint calls f with the registers in which x spares a copy, until it returns true.
func (a *allocator) eachHint(x *interval, f func(PReg) bool) {
	if p := a.fixedHint[x.v]; p != NoPReg && f(p) {
		return
	}
	if prior := a.whole[x.v]; prior != x { // the register of the part before
		for ; prior.next != x; prior = prior.next {
		}
		if p, ok := prior.loc.PReg(); ok && f(p) {
			return
		}
	}
	for _, v := range a.hints[x.v] {
		if p := a.home[v]; p != NoPReg {
			if a.allocatable.Has(p) && f(p) {
				return
			}
			continue
		}
		for y := a.whole[v]; y != nil; y = y.next {
			if p, ok := y.loc.PReg(); ok && (y.end() >= x.start() || y.next == nil || y.next.loc == 0) {
				if f(p) {
					return
				}
				break
			}
		}
	}
}

// takeBlocked gives x the register whose holders are used latest, which go to their slots until then; or its own slot, if it is used later still.
func (a *allocator) takeBlocked(x *interval) bool {
	start := x.start()
	var next, fixed [MaxPRegs]place
	a.allocatable.Each(func(p PReg) { next[p] = never })
	for _, y := range a.active {
		p, _ := y.loc.PReg()
		next[p] = min(next[p], y.nextUse(start).from)
	}
	for _, y := range a.inactive {
		if p, _ := y.loc.PReg(); meets(y.spans, x.spans, start) != never {
			next[p] = min(next[p], y.nextUse(start).from)
		}
	}
	best, first := NoPReg, x.nextUse(start)
	for _, p := range a.prefer {
		if fixed[p] = meets(a.fixed[p], x.spans, start); fixed[p] < first.to {
			continue // it would have to leave while it is in use
		}
		next[p] = min(next[p], fixed[p])
		if best == NoPReg || next[p] > next[best] {
			best = p
		}
	}
	if best == NoPReg || first.from >= next[best] {
		return a.toSlot(x, start)
	}
	if fixed[best] < x.end() {
		at := fixed[best]
		if x.nextUse(at).from == at { // a use may not be cut in two
			at = at.boundary()
		}
		if rest := x.cut(at); rest.start()%perInst == 0 || rest.start() > at {
			a.push(rest)
		} else if !a.toSlot(rest, at) {
			return false
		}
	}
	for _, list := range []*[]*interval{&a.active, &a.inactive} {
		kept := (*list)[:0]
		for _, y := range *list {
			if p, _ := y.loc.PReg(); p != best || meets(y.spans, x.spans, start) == never {
				kept = append(kept, y)
				continue
			}
			rest := y
			if y.start() < start {
				rest = y.cut(start)
			}
			if rest.loc = 0; rest.start() > start { // it lives again later
				a.push(rest)
			} else if !a.toSlot(rest, start) {
				return false
			}
		}
		*list = kept
	}
	a.place(x, best)
	return true
}

// toSlot puts x into its slot until it must be in a register; false if that is at once.
func (a *allocator) toSlot(x *interval, from place) bool {
	first := x.nextUse(from).from
	if first != never {
		at := first // where it is written, it is not reloaded before
		if i, begins := slices.BinarySearchFunc(x.spans, first, func(s span, p place) int { return int(s.from - p) }); !begins || i == 0 {
			at = a.reload(max(from, x.start()), first.boundary())
		}
		if at <= x.start() {
			return false
		}
		a.push(x.cut(at))
	}
	x.loc = inSlot
	a.spilled[x.v] = true
	return true
}

// reload is a place for a reload behind from, at to or before it: outside of the loops around to, or as late as possible.
func (a *allocator) reload(from, to place) place {
	b := a.blockOf[to.inst()]
	deep := a.depth[b]
	for b > 0 && a.depth[b-1] >= deep && deep > 0 {
		first, _ := a.view.Insts(b)
		if before(first) <= from {
			return to
		}
		b--
	}
	if first, _ := a.view.Insts(b); deep > 0 && before(first) > from {
		return before(first)
	}
	return to
}

// cut ends x at p and returns the part behind it, which is linked to it.
func (x *interval) cut(p place) *interval {
	rest := &interval{v: x.v, next: x.next}
	i, _ := slices.BinarySearchFunc(x.spans, p, func(s span, p place) int { return int(s.to) - int(p) - 1 })
	rest.spans = slices.Clone(x.spans[i:])
	x.spans = x.spans[:i:i]
	if rest.spans[0].from < p {
		x.spans = append(x.spans, span{rest.spans[0].from, p})
		rest.spans[0].from = p
	}
	k, _ := slices.BinarySearchFunc(x.uses, p, func(s span, p place) int { return int(s.from - p) })
	x.uses, rest.uses = x.uses[:k:k], x.uses[k:]
	x.next = rest
	return rest
}
