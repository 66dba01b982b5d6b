package regalloc

import (
	"cmp"
	"slices"
)

// Groups of moves at one place: those of a group happen at once, groups follow one another.
const (
	onEntry  = iota // values arrive: of the function, or over an edge
	onSplit         // parts of lives meet; results leave the registers in which they are made
	onUse           // operands have certain registers
	onExit          // values leave over the edge
	onResult        // behind the instruction: results go to their slots
)

// pending is a move with its place.
type pending struct {
	inst     Inst
	group    int8
	from, to Loc
}

// resolver makes the result of a scan.
type resolver struct {
	*allocator
	slots   []int // by virtual register
	moves   []pending
	result  *Result
	scratch [2]Loc // slots for cycles, made when needed
}

func (a *allocator) result() *Result {
	r := &resolver{allocator: a, result: &Result{}}
	r.assignSlots()
	for v, x := range a.whole {
		if x != nil {
			r.along(VReg(v), x)
		}
		r.stores(VReg(v))
	}
	for _, c := range a.copies {
		r.copy(&c)
	}
	for b := range Block(a.view.NumBlocks()) {
		r.parameters(b)
	}
	r.operands()
	r.edits()
	return r.result
}

// assignSlots gives spilled values slots; lives that do not meet share one.
func (r *resolver) assignSlots() {
	r.slots = make([]int, len(r.whole))
	type life struct {
		v        VReg
		from, to place
	}
	var lives []life
	for v, x := range r.whole {
		if x == nil || !r.spilled[v] {
			continue
		}
		last := x
		for last.next != nil {
			last = last.next
		}
		lives = append(lives, life{VReg(v), x.start(), last.end()})
	}
	slices.SortFunc(lives, func(a, b life) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.v, b.v)) })
	var ends []place // by slot
	for _, l := range lives {
		k := slices.IndexFunc(ends, func(p place) bool { return p <= l.from.boundary() })
		if k < 0 {
			k = len(ends)
			ends = append(ends, 0)
		}
		ends[k], r.slots[l.v] = l.to, k
	}
	r.result.NumSlots = len(ends)
}

// at is where v is at p: the zero Loc if it does not live there.
func (r *resolver) at(v VReg, p place) Loc {
	if h := r.home[v]; h != NoPReg {
		return InPReg(h)
	}
	for x := r.whole[v]; x != nil; x = x.next {
		if x.end() > p {
			if !x.covers(p) {
				return 0
			}
			return r.locOf(x)
		}
	}
	return 0
}

func (r *resolver) locOf(x *interval) Loc {
	if x.loc == inSlot {
		return InSlot(r.slots[x.v])
	}
	return x.loc
}

// move notes a move unless it does nothing. What goes to a value's slot is there already, but when it is defined.
func (r *resolver) move(i Inst, group int8, from, to Loc) {
	if from != to && from != 0 && to != 0 {
		r.moves = append(r.moves, pending{i, group, from, to})
	}
}

// along moves a value from part to part: inside blocks where they meet, and over the edges that lead from one to another.
func (r *resolver) along(v VReg, x *interval) {
	if x.next == nil {
		return
	}
	for y := x; y.next != nil; y = y.next {
		p := y.next.start()
		if y.end() != p || p%perInst != 0 {
			continue
		}
		if first, _ := r.view.Insts(r.blockOf[p.inst()]); before(first) != p {
			r.toRegister(p.inst(), onSplit, r.locOf(y), r.locOf(y.next))
		}
	}
	for y := x; y != nil; y = y.next {
		for _, s := range y.spans {
			r.overEdges(v, s)
		}
	}
}

// toRegister moves what is not already there: values are stored to their slots where they are defined.
func (r *resolver) toRegister(i Inst, group int8, from, to Loc) {
	if _, slot := to.Slot(); !slot {
		r.move(i, group, from, to)
	}
}

// overEdges moves v over the edges to the blocks that begin inside a span.
func (r *resolver) overEdges(v VReg, s span) {
	for b := r.blockOf[s.from.inst()]; int(b) < r.view.NumBlocks(); b++ {
		first, _ := r.view.Insts(b)
		switch {
		case before(first) < s.from:
			continue
		case before(first) >= s.to:
			return
		case slices.Contains(r.view.Params(b), v):
			continue
		}
		to := r.at(v, before(first))
		for _, p := range slices.Clone(r.view.Preds(b)) {
			_, end := r.view.Insts(p)
			i, group := r.edge(p, b)
			r.toRegister(i, group, r.at(v, before(end)-1), to)
		}
	}
}

// edge is the place for moves over the edge from p to b.
func (r *resolver) edge(p, b Block) (Inst, int8) {
	if len(r.view.Succs(p)) == 1 {
		_, end := r.view.Insts(p)
		return end - 1, onExit
	}
	first, _ := r.view.Insts(b)
	return first, onEntry
}

// stores puts a spilled value into its slot wherever an instruction defines it.
func (r *resolver) stores(v VReg) {
	if !r.spilled[v] {
		return
	}
	slot := InSlot(r.slots[v])
	for _, o := range r.occ[v] {
		if o.def && o.register {
			r.move(o.from.inst(), onResult, r.at(v, o.from), slot)
		}
	}
}

// copy makes the copy of an operand with a certain register.
func (r *resolver) copy(c *copied) {
	switch p := before(c.inst); {
	case c.tied >= 0:
		r.move(c.inst, onUse, r.at(c.v, p), r.at(c.tied, p+atRead))
	case c.after: // when others leave where it goes to
		r.arrive(c.v, c.inst+1, onSplit, InPReg(c.reg), r.at(c.v, p+perInst))
	case c.entry:
		r.arrive(c.v, 0, onEntry, InPReg(c.reg), r.at(c.v, 0))
	default:
		r.move(c.inst, onUse, r.at(c.v, p), InPReg(c.reg))
	}
}

// arrive moves a new value to where it lives, and to its slot if it is spilled.
func (r *resolver) arrive(v VReg, i Inst, group int8, from, to Loc) {
	r.move(i, group, from, to)
	if slot := InSlot(r.slots[v]); r.spilled[v] && slot != to && to != 0 {
		r.move(i, group, from, slot)
	}
}

// parameters gives the parameters of b their values on every edge.
func (r *resolver) parameters(b Block) {
	params := slices.Clone(r.view.Params(b))
	if len(params) == 0 {
		return
	}
	first, _ := r.view.Insts(b)
	for _, p := range uniqueBlocks(r.view.Preds(b)) {
		for k, s := range slices.Clone(r.view.Succs(p)) {
			if s != b {
				continue
			}
			args := slices.Clone(r.view.Args(p, k))
			_, end := r.view.Insts(p)
			i, group := r.edge(p, b)
			for j, v := range params {
				r.arrive(v, i, group, r.at(args[j], before(end-1)), r.at(v, before(first)))
			}
		}
	}
}

func uniqueBlocks(list []Block) []Block {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// operands lists where all operands are.
func (r *resolver) operands() {
	var ops []Operand
	for i := range Inst(r.view.NumInsts()) {
		r.result.First = append(r.result.First, int32(len(r.result.Locs)))
		ops = r.view.Operands(i, ops[:0])
		for k := range ops {
			r.result.Locs = append(r.result.Locs, r.operand(i, k, ops))
		}
	}
}

func (r *resolver) operand(i Inst, k int, ops []Operand) Loc {
	o, p := &ops[k], before(i)
	switch {
	case o.Constraint == FixedReg:
		return InPReg(o.PReg)
	case o.Kind == Def && (o.Constraint == Tied || o.Away):
		return r.at(o.VReg, p+atRead)
	case o.Kind == Def:
		return r.at(o.VReg, p+atWrite)
	}
	for j := range ops {
		if ops[j].Constraint == Tied && int(ops[j].Tied) == k {
			return r.at(ops[j].VReg, p+atRead)
		}
	}
	return r.at(o.VReg, p+atRead)
}

// edits puts the moves in order, those of a group one after the other so that it is as if they happened at once.
func (r *resolver) edits() {
	slices.SortStableFunc(r.moves, func(a, b pending) int {
		return cmp.Or(cmp.Compare(a.inst, b.inst), cmp.Compare(a.group, b.group), cmp.Compare(a.to, b.to))
	})
	r.moves = slices.Compact(r.moves)
	for len(r.moves) > 0 {
		n := 1
		for n < len(r.moves) && r.moves[n].inst == r.moves[0].inst && r.moves[n].group == r.moves[0].group {
			n++
		}
		r.atOnce(r.moves[:n])
		r.moves = r.moves[n:]
	}
}

// atOnce performs moves as if they happened at once.
func (r *resolver) atOnce(moves []pending) {
	i, after := moves[0].inst, moves[0].group == onResult
	left := slices.Clone(moves)
	for len(left) > 0 {
		k := slices.IndexFunc(left, func(m pending) bool {
			return !slices.ContainsFunc(left, func(o pending) bool { return o.from == m.to && o.to != m.to })
		})
		if k >= 0 {
			r.edit(i, after, left[k].from, left[k].to)
			left = slices.Delete(left, k, k+1)
			continue
		}
		// A circle: what is in one place waits in a slot.
		k = max(0, slices.IndexFunc(left, func(m pending) bool { _, reg := m.to.PReg(); return reg }))
		aside, from := r.aside(0), left[k].to
		r.edit(i, after, from, aside)
		for j := range left {
			if left[j].from == from {
				left[j].from = aside
			}
		}
	}
}

// aside is one of the slots that moves themselves need.
func (r *resolver) aside(n int) Loc {
	if r.scratch[n] == 0 {
		r.scratch[n] = InSlot(r.result.NumSlots)
		r.result.NumSlots++
	}
	return r.scratch[n]
}

// edit adds a move; one from slot to slot goes through a register, whose value waits in another slot.
func (r *resolver) edit(i Inst, after bool, from, to Loc) {
	add := func(from, to Loc) { r.result.Edits = append(r.result.Edits, Edit{i, after, from, to}) }
	_, fromSlot := from.Slot()
	if _, toSlot := to.Slot(); !fromSlot || !toSlot {
		add(from, to)
		return
	}
	through, waits := InPReg(r.prefer[0]), r.aside(1)
	add(through, waits)
	add(from, through)
	add(through, to)
	add(waits, through)
}
