package regalloc

import (
	"fmt"
	"slices"
)

// Check proves that r is a right assignment for v: on every path each use finds
// its value where the result says, and all constraints hold. It follows the
// values symbolically: forward, over sets of virtual registers by location,
// joined by intersection. The error, an *Error, is that of the first wrong
// instruction. Time is about linear in the instructions and edges.
//
// Code that no path reaches is checked for constraints only.
func Check(v View, r *Result) error {
	c := &checker{view: v, result: r, allocatable: v.Allocatable()}
	if err := c.structure(); err != nil {
		return err
	}
	c.state = newState(v.NumVRegs(), r.NumSlots)
	c.solve()
	return c.values()
}

type checker struct {
	view        View
	result      *Result
	allocatable PRegSet
	state       *state
	in          [][]fact // by block: facts at its begin
	reached     []bool   // by block
	ops         []Operand
	before      []int32 // by instruction: index of its first edit; one more at the end
	ends        []Inst  // by block: the instruction after its last
}

// operands is valid until the next call.
func (c *checker) operands(i Inst) []Operand {
	c.ops = c.view.Operands(i, c.ops[:0])
	return c.ops
}

// structure checks what does not depend on the flow of values.
func (c *checker) structure() error {
	if c.result.NumSlots < 0 {
		return bad(NoLocation, 0, "result has %d slots", c.result.NumSlots)
	}
	if err := c.blocks(); err != nil {
		return err
	}
	if err := c.edits(); err != nil {
		return err
	}
	for i := range Inst(c.view.NumInsts()) {
		if err := c.inst(i); err != nil {
			return err
		}
	}
	return nil
}

func bad(code Code, i Inst, format string, args ...any) error {
	return &Error{Code: code, Inst: i, Operand: -1, Detail: fmt.Sprintf(format, args...)}
}

// blocks checks the view's blocks, edges and entries.
func (c *checker) blocks() error {
	next := Inst(0)
	for b := range Block(c.view.NumBlocks()) {
		first, end := c.view.Insts(b)
		if first != next || end <= first {
			return bad(BadView, next, "block %d has instructions %d to %d, not from %d on", b, first, end, next)
		}
		next = end
		c.ends = append(c.ends, end)
		if err := c.edges(b, end-1); err != nil {
			return err
		}
	}
	if int(next) != c.view.NumInsts() {
		return bad(BadView, next, "instruction is in no block")
	}
	return c.entries()
}

func (c *checker) edges(b Block, last Inst) error {
	for k, s := range slices.Clone(c.view.Succs(b)) {
		if s < 0 || int(s) >= c.view.NumBlocks() {
			return bad(BadView, last, "block %d has successor %d, which does not exist", b, s)
		}
		args := slices.Clone(c.view.Args(b, k))
		params := c.view.Params(s)
		if len(params) != len(args) {
			return bad(BadView, last, "edge to block %d has %d arguments for %d parameters", s, len(args), len(params))
		}
		for _, v := range slices.Concat(params, args) {
			if !c.isVReg(v) {
				return bad(BadView, last, "edge to block %d has %v, which does not exist", s, v)
			}
		}
	}
	return nil
}

func (c *checker) entries() error {
	var seen PRegSet
	for _, e := range c.view.Entries() {
		if !c.isVReg(e.VReg) || e.PReg >= MaxPRegs || seen.Has(e.PReg) {
			return bad(BadView, 0, "entry value %v in p%d does not exist or shares its register", e.VReg, e.PReg)
		}
		seen |= SetOf(e.PReg)
	}
	return nil
}

func (c *checker) isVReg(v VReg) bool { return v >= 0 && int(v) < c.view.NumVRegs() }

// edits checks the edits and makes the index by instruction.
func (c *checker) edits() error {
	n := c.view.NumInsts()
	c.before = make([]int32, n+1)
	at := func(e *Edit) int { // position in code, before and after interleaved
		if e.After {
			return 2*int(e.Inst) + 1
		}
		return 2 * int(e.Inst)
	}
	for k := range c.result.Edits {
		e := &c.result.Edits[k]
		if e.Inst < 0 || int(e.Inst) >= n || k > 0 && at(e) < at(&c.result.Edits[k-1]) {
			return bad(BadEdit, e.Inst, "edit %d is out of order", k)
		}
		if err := c.edit(e); err != nil {
			return err
		}
		c.before[e.Inst+1] = int32(k) + 1
	}
	for i := range n {
		c.before[i+1] = max(c.before[i+1], c.before[i])
	}
	return nil
}

func (c *checker) edit(e *Edit) error {
	_, fromSlot := e.From.Slot()
	to, toReg := e.To.PReg()
	switch {
	case !c.exists(e.From) || !c.exists(e.To):
		return bad(BadEdit, e.Inst, "%v to %v: no such location", e.From, e.To)
	case fromSlot && !toReg:
		return bad(BadEdit, e.Inst, "%v to %v: slot to slot", e.From, e.To)
	case e.After && c.isLast(e.Inst):
		return bad(BadEdit, e.Inst, "%v to %v: after the last instruction of a block", e.From, e.To)
	case toReg && !c.allocatable.Has(to):
		return bad(BadEdit, e.Inst, "%v to %v: the register may not be written", e.From, e.To)
	}
	return nil
}

func (c *checker) isLast(i Inst) bool {
	_, last := slices.BinarySearch(c.ends, i+1)
	return last
}

// exists reports whether l is a register or one of the result's slots.
func (c *checker) exists(l Loc) bool { return l != 0 && l < InSlot(c.result.NumSlots) }

// editsAt are the edits before or after instruction i.
func (c *checker) editsAt(i Inst, after bool) []Edit {
	all := c.result.Edits[c.before[i]:c.before[i+1]]
	split := 0
	for split < len(all) && !all[split].After {
		split++
	}
	if after {
		return all[split:]
	}
	return all[:split]
}

// inst checks the constraints of one instruction.
func (c *checker) inst(i Inst) error {
	ops := c.operands(i)
	for k := range ops {
		code := c.operand(i, k, ops)
		if code == 0 {
			code = c.overlaps(i, k, ops)
		}
		if code != 0 {
			return &Error{Code: code, Inst: i, Operand: k, VReg: ops[k].VReg, Loc: c.loc(i, k, ops)}
		}
	}
	if c.view.IsMove(i) && (len(ops) != 2 || ops[0].Kind == ops[1].Kind || c.view.Clobbers(i) != 0) {
		return bad(BadView, i, "a move has one use, one definition and no clobbers")
	}
	return nil
}

func (c *checker) loc(i Inst, k int, ops []Operand) Loc { return c.result.Loc(i, k, ops[k].VReg) }

// operand is 0 if operand k satisfies its constraint.
func (c *checker) operand(i Inst, k int, ops []Operand) Code {
	o := &ops[k]
	if !c.isVReg(o.VReg) || o.Constraint == Tied && !tieable(o, ops) {
		return BadView
	}
	l := c.loc(i, k, ops)
	p, isReg := l.PReg()
	switch {
	case !c.exists(l):
		return NoLocation
	case !c.mayLiveIn(o.VReg, p, isReg):
		return NotAllowed
	case o.Constraint == AnyReg && !isReg:
		return NotRegister
	case o.Constraint == FixedReg && (!isReg || p != o.PReg):
		return NotFixed
	case o.Constraint == Tied && l != c.loc(i, int(o.Tied), ops):
		return NotTied
	}
	return 0
}

func tieable(o *Operand, ops []Operand) bool {
	if o.Kind != Def || o.Away || int(o.Tied) >= len(ops) {
		return false
	}
	u := &ops[o.Tied]
	return u.Kind == Use && !u.Away
}

func (c *checker) mayLiveIn(v VReg, p PReg, isReg bool) bool {
	if pin := c.view.Pinned(v); pin != NoPReg {
		return isReg && p == pin
	}
	return !isReg || c.allocatable.Has(p)
}

// overlaps is Overlap if operand k shares its location with what it must not share it with.
func (c *checker) overlaps(i Inst, k int, ops []Operand) Code {
	o, l := &ops[k], c.loc(i, k, ops)
	if p, ok := l.PReg(); ok && (o.Kind == Def || o.Away) && c.view.Clobbers(i).Has(p) {
		return Overlap
	}
	if o.Kind == Use {
		return 0
	}
	for j := range ops {
		switch {
		case j == k:
		case ops[j].Kind == Def && ops[j].VReg == o.VReg:
			return BadView
		case conflict(o, &ops[j]) && c.loc(i, j, ops) == l:
			return Overlap
		}
	}
	return 0
}

// conflict reports whether definition d must not be where o is.
func conflict(d, o *Operand) bool { return o.Kind == Def || d.Away || o.Away }

// solve finds the facts at the begin of every block that is reached, by
// passes in reverse postorder until nothing changes.
func (c *checker) solve() {
	n := c.view.NumBlocks()
	c.in, c.reached = make([][]fact, n), make([]bool, n)
	if n == 0 {
		return
	}
	c.in[0], c.reached[0] = c.entryFacts(), true
	dirty := make([]bool, n)
	dirty[0] = true
	order := reversePostorder(c.view)
	var out []fact
	for slices.Contains(dirty, true) {
		for _, b := range order {
			if dirty[b] {
				dirty[b] = false
				out = c.through(b, out)
				c.propagate(b, out, dirty)
			}
		}
	}
}

func (c *checker) entryFacts() []fact {
	var in []fact
	for _, e := range c.view.Entries() {
		in = append(in, makeFact(InPReg(e.PReg), e.VReg))
	}
	slices.Sort(in)
	return in
}

// through is what holds at the end of b, in buf.
func (c *checker) through(b Block, buf []fact) []fact {
	c.state.load(c.in[b])
	first, end := c.view.Insts(b)
	for i := first; i < end; i++ {
		c.apply(c.editsAt(i, false))
		c.step(i)
		c.apply(c.editsAt(i, true))
	}
	return c.state.facts(buf)
}

// propagate joins what holds at the end of b into its successors and marks those that change.
func (c *checker) propagate(b Block, out []fact, dirty []bool) {
	for k, s := range slices.Clone(c.view.Succs(b)) {
		along := out
		if args := slices.Clone(c.view.Args(b, k)); len(args) > 0 {
			along = renamed(out, c.view.Params(s), args)
		}
		if !c.reached[s] {
			c.in[s], c.reached[s], dirty[s] = slices.Clone(along), true, true
			continue
		}
		before := len(c.in[s])
		c.in[s] = meet(c.in[s], along)
		dirty[s] = dirty[s] || len(c.in[s]) < before
	}
}

func (c *checker) apply(edits []Edit) {
	for _, e := range edits {
		c.state.copy(e.To, e.From)
	}
}

// step performs an instruction on the state.
func (c *checker) step(i Inst) {
	ops := c.operands(i)
	if c.view.IsMove(i) {
		u, d := 0, 1
		if ops[u].Kind == Def {
			u, d = 1, 0
		}
		c.state.move(ops[d].VReg, ops[u].VReg, c.loc(i, d, ops), c.loc(i, u, ops))
		return
	}
	c.view.Clobbers(i).Each(func(p PReg) { c.state.clear(InPReg(p)) })
	for k := range ops {
		if ops[k].Kind == Def {
			c.state.forget(ops[k].VReg, c.loc(i, k, ops))
		}
	}
	for k := range ops {
		if ops[k].Kind == Def {
			l := c.loc(i, k, ops)
			c.state.clear(l)
			c.state.add(l, ops[k].VReg)
		}
	}
}

// values checks every use against the facts.
func (c *checker) values() error {
	for b := range Block(c.view.NumBlocks()) {
		if !c.reached[b] {
			continue
		}
		c.state.load(c.in[b])
		first, end := c.view.Insts(b)
		for i := first; i < end; i++ {
			c.apply(c.editsAt(i, false))
			if err := c.uses(i); err != nil {
				return err
			}
			c.step(i)
			c.apply(c.editsAt(i, true))
		}
	}
	return nil
}

func (c *checker) uses(i Inst) error {
	ops := c.operands(i)
	for k := range ops {
		l := c.loc(i, k, ops)
		if ops[k].Kind == Use && !c.state.has(l, ops[k].VReg) {
			holds := slices.Sorted(slices.Values(c.state.holds[l]))
			return &Error{Code: WrongValue, Inst: i, Operand: k, VReg: ops[k].VReg, Loc: l, Holds: holds}
		}
	}
	return nil
}

// reversePostorder lists the blocks that the entry reaches.
func reversePostorder(v View) []Block {
	type visit struct {
		block Block
		succs []Block
	}
	var order []Block
	seen := make([]bool, v.NumBlocks())
	seen[0] = true
	stack := []visit{{0, slices.Clone(v.Succs(0))}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if len(top.succs) == 0 {
			order = append(order, top.block)
			stack = stack[:len(stack)-1]
			continue
		}
		b := top.succs[0]
		top.succs = top.succs[1:]
		if !seen[b] {
			seen[b] = true
			stack = append(stack, visit{b, slices.Clone(v.Succs(b))})
		}
	}
	slices.Reverse(order)
	return order
}
