package regalloc

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Allocate assigns registers by linear scan over live ranges with holes, which it splits where registers run out
// (Wimmer, Franz: Linear Scan Register Allocation on SSA Form). A value that does not always have a register is stored
// to its slot where it is defined, so that it can leave its register at any place for nothing. Values with disjoint lives
// share a slot. Moves, parameters and fixed registers are hints: copies vanish where both sides can be in one place.
//
// prefer lists registers in the order in which they are taken when nothing else decides; each of Allocatable is in it.
// The view has no critical edges: a block with several successors leads to blocks with one predecessor. The
// last instruction of a block with one successor has no operands.
//
// last instruction of a block with one successor has no operands. No instruction writes, early, a virtual register that it reads.
//
// An error means that an instruction has more operands and clobbers than there are registers, or that the view breaks these rules.
func Allocate(v View, prefer []PReg) (*Result, error) {
	a := &allocator{view: v, prefer: prefer, allocatable: v.Allocatable()}
	if err := a.look(); err != nil {
		return nil, err
	}
	a.build()
	if err := a.scan(); err != nil {
		return nil, err
	}
	return a.result(), nil
}

// place is a point of the code. Instruction i has four, from 4i: edits before it, its reading, its writing, edits after it.
type place int32

const (
	atRead  = 1
	atWrite = 2
	perInst = 4
	never   = place(math.MaxInt32)
)

func before(i Inst) place { return place(i) * perInst }

func (p place) inst() Inst { return Inst(p / perInst) }

// boundary is the last place before an instruction at or before p.
func (p place) boundary() place { return p / perInst * perInst }

// span is a part of a live range, without its end.
type span struct{ from, to place }

// interval is a part of the life of a virtual register that is in one location.
type interval struct {
	v     VReg
	spans []span // ascending, not adjacent
	uses  []span // ascending: where it must be in one register
	loc   Loc
	next  *interval // the part behind it
}

func (x *interval) start() place { return x.spans[0].from }
func (x *interval) end() place   { return x.spans[len(x.spans)-1].to }

// nextUse is the first use at or behind p, or that reaches beyond p.
func (x *interval) nextUse(p place) span {
	i, _ := slices.BinarySearchFunc(x.uses, p, func(s span, p place) int { return int(s.to) - int(p) - 1 })
	if i == len(x.uses) {
		return span{never, never}
	}
	return span{max(p, x.uses[i].from), x.uses[i].to}
}

// covers reports whether the value lives at p.
func (x *interval) covers(p place) bool {
	i, _ := slices.BinarySearchFunc(x.spans, p, func(s span, p place) int { return int(s.to) - int(p) - 1 })
	return i < len(x.spans) && x.spans[i].from <= p
}

// meets is the first place at or behind p that both have, never if there is none.
func meets(a, b []span, p place) place {
	skip := func(s []span) []span {
		i, _ := slices.BinarySearchFunc(s, p, func(s span, p place) int { return int(s.to) - int(p) - 1 })
		return s[i:]
	}
	for a, b = skip(a), skip(b); len(a) > 0 && len(b) > 0; {
		if from := max(a[0].from, b[0].from, p); from < min(a[0].to, b[0].to) {
			return from
		}
		if a[0].to <= b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return never
}

// occurrence is an operand, an entry, a parameter or an argument of an edge.
type occurrence struct {
	from, to place // what it alone makes live
	def      bool
	behind   bool // a definition that lives from behind its instruction on
	register bool // it is in a register there
	fixed    PReg // that the operand has anyway, NoPReg if none
}

// allocator is the state of one allocation.
type allocator struct {
	view        View
	prefer      []PReg
	allocatable PRegSet
	blockOf     []Block // by instruction
	depth       []int8  // of loops, by block
	occ         [][]occurrence
	fixed       [MaxPRegs][]span // where registers are not free for anyone
	demanded    [MaxPRegs][]demand
	whole       []*interval // by virtual register: the first part; nil if it does not live, or has a home
	home        []PReg      // by virtual register: pinned, or fixed wherever it occurs; NoPReg for most
	hints       [][]VReg
	fixedHint   []PReg
	copies      []copied // for operands with fixed or tied locations
	spilled     []bool
	queue       queue
	active      []*interval
	inactive    []*interval
	buf         []Operand
}

// demand is a place where an operand of v is in a certain register.
type demand struct {
	span
	v VReg
}

// copied is a copy that an operand needs: before its instruction if it is read, after it if it is written.
type copied struct {
	inst  Inst
	after bool
	entry bool // it arrives in the register when the function begins
	v     VReg
	reg   PReg // NoPReg: where tied is
	tied  VReg
}

// look collects what the view says.
func (a *allocator) look() error {
	v := a.view
	n := v.NumVRegs()
	a.blockOf = make([]Block, v.NumInsts())
	a.occ, a.hints = make([][]occurrence, n), make([][]VReg, n)
	a.whole, a.home, a.fixedHint, a.spilled = make([]*interval, n), make([]PReg, n), make([]PReg, n), make([]bool, n)
	for i := range n {
		a.home[i], a.fixedHint[i] = v.Pinned(VReg(i)), NoPReg
	}
	for _, e := range v.Entries() {
		a.add(e.VReg, occurrence{def: true, fixed: e.PReg})
		a.demand(e.PReg, e.VReg, 0, 1)
	}
	for b := range Block(v.NumBlocks()) {
		if err := a.lookAtBlock(b); err != nil {
			return err
		}
	}
	a.depths()
	return nil
}

func (a *allocator) add(v VReg, o occurrence) { a.occ[v] = append(a.occ[v], o) }

func (a *allocator) hint(x, y VReg) {
	a.hints[x] = append(a.hints[x], y)
	a.hints[y] = append(a.hints[y], x)
}

func (a *allocator) lookAtBlock(b Block) error {
	v := a.view
	first, end := v.Insts(b)
	for _, p := range v.Params(b) {
		a.add(p, occurrence{from: before(first), to: before(first), def: true, fixed: NoPReg})
	}
	for i := first; i < end; i++ {
		a.blockOf[i] = b
		if err := a.lookAtInst(i); err != nil {
			return err
		}
	}
	succs := v.Succs(b)
	for k, s := range succs {
		if len(succs) > 1 && len(v.Preds(s)) > 1 {
			return fmt.Errorf("regalloc: the edge from block %d to block %d is critical", b, s)
		}
		at := before(end - 1)
		params := slices.Clone(v.Params(s))
		for j, r := range v.Args(b, k) {
			a.add(r, occurrence{from: at, to: at + perInst, fixed: NoPReg})
			if a.home[r] == NoPReg {
				a.hint(r, params[j])
			}
		}
	}
	return nil
}

func (a *allocator) lookAtInst(i Inst) error {
	v := a.view
	a.buf = v.Operands(i, a.buf[:0])
	ops, move := a.buf, v.IsMove(i)
	at := before(i)
	tiedUse := -1
	for k := range ops {
		if ops[k].Constraint == Tied {
			tiedUse = int(ops[k].Tied)
		}
	}
	for k := range ops {
		o := &ops[k]
		x := occurrence{from: at, to: at + atWrite, register: true, fixed: NoPReg}
		if o.Kind == Def {
			x.def, x.from, x.to = true, at+atWrite, at+perInst
		}
		switch {
		case o.Constraint == FixedReg && o.Kind == Def:
			x.from, x.to, x.register, x.fixed, x.behind = at+perInst, at+perInst, false, o.PReg, true
			a.demand(o.PReg, o.VReg, at+atWrite, at+perInst)
		case o.Constraint == FixedReg:
			x.to, x.register, x.fixed = at+atRead, false, o.PReg
			a.demand(o.PReg, o.VReg, at+atRead, at+atWrite)
		case o.Constraint == Tied:
			x.from = at + atRead
			a.copies = append(a.copies, copied{inst: i, v: ops[tiedUse].VReg, reg: NoPReg, tied: o.VReg})
			a.hint(o.VReg, ops[tiedUse].VReg)
		case o.Kind == Use && k == tiedUse:
			x.to, x.register = at+atRead, false
		case o.Away && o.Kind == Use:
			x.to = at + perInst
		case o.Away:
			x.from = at + atRead
		}
		a.add(o.VReg, x)
	}
	if move {
		a.hint(ops[0].VReg, ops[1].VReg)
	}
	v.Clobbers(i).Each(func(p PReg) { a.block(p, at+atWrite, at+perInst) })
	return overwrites(i, ops)
}

// overwrites is an error if the instruction writes a value while it reads it.
func overwrites(i Inst, ops []Operand) error {
	for k := range ops {
		for j := range ops {
			d, u := &ops[k], &ops[j]
			early := d.Away || d.Constraint == Tied && int(d.Tied) != j
			if d.Kind == Def && u.Kind == Use && d.VReg == u.VReg && (early || u.Away) {
				return fmt.Errorf("regalloc: instruction %d writes %v while it reads it", i, d.VReg)
			}
		}
	}
	return nil
}

func (a *allocator) demand(p PReg, v VReg, from, to place) {
	a.demanded[p] = append(a.demanded[p], demand{span{from, to}, v})
}

// block makes a register nobody's.
func (a *allocator) block(p PReg, from, to place) { a.fixed[p] = append(a.fixed[p], span{from, to}) }

// depths counts the loops around each block: edges back, in the order of blocks, span them.
func (a *allocator) depths() {
	n := a.view.NumBlocks()
	change := make([]int, n+1)
	for b := range Block(n) {
		for _, s := range a.view.Succs(b) {
			if s <= b {
				change[s]++
				change[b+1]--
			}
		}
	}
	a.depth = make([]int8, n)
	now := 0
	for b := range n {
		now += change[b]
		a.depth[b] = int8(min(now, math.MaxInt8))
	}
}

// build makes the live ranges, those that are fixed everywhere first.
func (a *allocator) build() {
	l := &liveness{a: a, in: make([]VReg, a.view.NumBlocks()), out: make([]VReg, a.view.NumBlocks()), defs: make([]VReg, a.view.NumBlocks())}
	for b := range l.in {
		l.in[b], l.out[b], l.defs[b] = -1, -1, -1
	}
	for p := range a.fixed {
		a.fixed[p] = merged(a.fixed[p])
		slices.SortFunc(a.demanded[p], func(x, y demand) int { return int(x.from - y.from) })
	}
	for v := range a.occ {
		slices.SortStableFunc(a.occ[v], func(x, y occurrence) int {
			return cmp.Or(cmp.Compare(x.from, y.from), defFirst(x.def)-defFirst(y.def))
		})
		if len(a.occ[v]) == 0 || a.home[v] != NoPReg {
			continue
		}
		x := l.interval(VReg(v))
		if p := a.fixedEverywhere(VReg(v)); p != NoPReg && a.settle(x, p) {
			continue
		}
		if len(x.spans) > 0 {
			a.whole[v] = x
		}
	}
	for v, x := range a.whole {
		a.keepFixed(VReg(v), x)
	}
	for p := range a.fixed {
		a.fixed[p] = merged(a.fixed[p])
	}
}

// defFirst orders what is at one place: a value arrives there before it is read.
func defFirst(def bool) int {
	if def {
		return 0
	}
	return 1
}

// merged is the spans in order, those that touch as one.
func merged(s []span) []span {
	slices.SortFunc(s, func(x, y span) int { return int(x.from - y.from) })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && x.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, x.to)
		} else if x.from < x.to {
			out = append(out, x)
		}
	}
	return out
}

// fixedEverywhere is the register that every occurrence of v has, NoPReg if there is none.
func (a *allocator) fixedEverywhere(v VReg) PReg {
	p := a.occ[v][0].fixed
	for _, o := range a.occ[v] {
		if o.fixed != p {
			return NoPReg
		}
	}
	if p != NoPReg && !a.allocatable.Has(p) {
		return NoPReg
	}
	return p
}

// settle gives x the register p for all its life, if that is free. Its writing occupies it too.
func (a *allocator) settle(x *interval, p PReg) bool {
	spans := slices.Clone(x.spans)
	for _, o := range a.occ[x.v] {
		switch at := o.from.boundary(); {
		case o.behind:
			spans = append(spans, span{at - atWrite, at})
		case !o.def:
			spans = append(spans, span{o.from, at + atWrite})
		}
	}
	spans = merged(spans)
	if meets(spans, a.fixed[p], 0) != never || a.demandedByOthers(p, x.v, spans) {
		return false
	}
	a.home[x.v] = p
	a.fixed[p] = merged(append(a.fixed[p], spans...))
	return true
}

// demandedByOthers reports whether an operand of another value is in p in one of the spans.
func (a *allocator) demandedByOthers(p PReg, v VReg, spans []span) bool {
	list := a.demanded[p]
	for _, s := range spans {
		i, _ := slices.BinarySearchFunc(list, s.from, func(d demand, p place) int { return int(d.to) - int(p) - 1 })
		for ; i < len(list) && list[i].from < s.to; i++ {
			if list[i].v != v {
				return true
			}
		}
	}
	return false
}

// keepFixed occupies the registers of fixed operands of a value that lives elsewhere, and notes the copies.
func (a *allocator) keepFixed(v VReg, x *interval) {
	if a.home[v] != NoPReg && a.view.Pinned(v) == NoPReg {
		return
	}
	for _, o := range a.occ[v] {
		if o.fixed == NoPReg {
			continue
		}
		switch {
		case o.def && !o.behind: // an entry
			a.copies = append(a.copies, copied{entry: true, v: v, reg: o.fixed, tied: -1})
		case o.def:
			i := o.from.inst() - 1
			a.block(o.fixed, before(i)+atWrite, before(i)+perInst)
			if x != nil {
				a.copies = append(a.copies, copied{inst: i, after: true, v: v, reg: o.fixed, tied: -1})
			}
		default:
			a.block(o.fixed, o.from+atRead, o.from+atWrite)
			a.copies = append(a.copies, copied{inst: o.from.inst(), v: v, reg: o.fixed, tied: -1})
		}
		if a.allocatable.Has(o.fixed) {
			a.fixedHint[v] = o.fixed
		}
	}
}

// liveness finds where one value lives, walking back from its uses.
type liveness struct {
	a             *allocator
	in, out, defs []VReg // by block: the value for which this was found last
	blocks        []Block
	work          []Block
}

func (l *liveness) blockAt(p place) Block { return l.a.blockOf[min(int(p.inst()), len(l.a.blockOf)-1)] }

// home is the block that an occurrence is in: what a fixed definition makes live begins behind its instruction.
func (l *liveness) home(o *occurrence) Block {
	if o.behind {
		return l.a.blockOf[o.from.inst()-1]
	}
	return l.blockAt(o.from)
}

// interval is the whole life of v.
func (l *liveness) interval(v VReg) *interval {
	occ := l.a.occ[v]
	l.blocks = l.blocks[:0]
	touch := func(b Block) {
		if n := len(l.blocks); n == 0 || l.blocks[n-1] != b {
			l.blocks = append(l.blocks, b)
		}
	}
	for i := range occ { // ascending, but that an argument is after its block's instructions and reads before its jump
		b := l.home(&occ[i])
		touch(b)
		if occ[i].def {
			l.defs[b] = v
		}
	}
	for i := 0; i < len(occ); {
		b := l.home(&occ[i])
		exposed := false
		seen := false
		for ; i < len(occ) && l.home(&occ[i]) == b; i++ {
			exposed = exposed || !seen && !occ[i].def
			seen = seen || occ[i].def
		}
		if exposed {
			l.reach(v, b)
		}
	}
	slices.Sort(l.blocks)
	l.blocks = slices.Compact(l.blocks)
	x := &interval{v: v}
	at := 0
	for _, b := range l.blocks {
		at = l.inBlock(x, b, occ, at)
	}
	x.spans = merged(x.spans)
	return x
}

// reach marks that v lives at the begin of b, and wherever it comes from.
func (l *liveness) reach(v VReg, b Block) {
	l.work = append(l.work[:0], b)
	for len(l.work) > 0 {
		b := l.work[len(l.work)-1]
		l.work = l.work[:len(l.work)-1]
		if l.in[b] == v {
			continue
		}
		l.in[b] = v
		l.blocks = append(l.blocks, b)
		for _, p := range l.a.view.Preds(b) {
			if l.out[p] == v {
				continue
			}
			l.out[p] = v
			l.blocks = append(l.blocks, p)
			if l.defs[p] != v {
				l.work = append(l.work, p)
			}
		}
	}
}

// inBlock adds the life of x in b, whose occurrences begin at occ[at], and returns where they end.
func (l *liveness) inBlock(x *interval, b Block, occ []occurrence, at int) int {
	first, end := l.a.view.Insts(b)
	from, to := before(first), before(end)
	last := at
	for last < len(occ) && l.home(&occ[last]) == b {
		o := &occ[last]
		if o.register {
			x.uses = append(x.uses, useOf(o))
		}
		last++
	}
	live := l.out[b] == x.v
	upto := to
	var spans []span
	for k := last - 1; k >= at; k-- {
		o := &occ[k]
		if !o.def {
			if !live {
				live, upto = true, o.to
			}
			upto = max(upto, o.to)
			continue
		}
		if live {
			spans = append(spans, span{o.from, upto})
		} else if o.from < o.to {
			spans = append(spans, span{o.from, o.to})
		}
		live = false
	}
	if live {
		spans = append(spans, span{from, upto})
	}
	slices.Reverse(spans)
	x.spans = append(x.spans, spans...)
	return last
}

// useOf is where an occurrence has its register.
func useOf(o *occurrence) span {
	if o.def {
		return span{o.from, o.from.boundary() + perInst}
	}
	return span{o.from + atRead, o.to}
}
