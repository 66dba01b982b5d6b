package verifier

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
)

// kind is what a value is known to be.
type kind uint8

const (
	unvisited kind = iota
	unknown
	numeric // a number; off if known
	stack   // R10 of this function plus off
	outer   // some address of the stack
	memory  // the program's memory plus off
	data    // Data[index] plus off
	mapping // value of Maps[index] plus off
)

// value is the abstract value of a register.
type value struct {
	kind  kind
	known bool // off is exact
	up    bool // a number that a program adds to go upwards: not negative, unless sums of such numbers overflow
	index int32
	off   int64
}

// onStack reports whether the value is an address of the BPF stack.
func (v value) onStack() bool { return v.kind == stack || v.kind == outer }

// number is a constant.
func number(n int64) value { return value{kind: numeric, known: true, up: n >= 0, off: n} }

// join is the least value that covers both.
func join(a, b value) value {
	switch {
	case a == b || b.kind == unvisited:
		return a
	case a.kind == unvisited:
		return b
	case a.onStack() && b.onStack():
		if a.kind == stack && b.kind == stack {
			return value{kind: stack}
		}
		return value{kind: outer}
	case a.kind != b.kind || a.index != b.index:
		return value{kind: unknown, up: a.up && b.up}
	}
	return value{kind: a.kind, index: a.index, up: a.up && b.up}
}

// state is what is known at one point of a function.
type state struct {
	regs    [11]value
	written [ir.MaxStack / 64]uint64 // bytes below R10 that were written on every path: bit i is the byte at R10-1-i
	seen    bool
}

// setWritten marks n bytes at R10+off, which are in the frame.
func (s *state) setWritten(off int64, n uint8) {
	w, low, high := frameBits(off, n)
	s.written[w] |= low
	if high != 0 {
		s.written[w+1] |= high
	}
}

// allWritten reports whether n bytes at R10+off were written on every path.
func (s *state) allWritten(off int64, n uint8) bool {
	w, low, high := frameBits(off, n)
	return s.written[w]&low == low && (high == 0 || s.written[w+1]&high == high)
}

// frameBits is the place of n bytes at R10+off in state.written: bits of word w, and of the one after it.
func frameBits(off int64, n uint8) (w int64, low, high uint64) {
	first := -off - int64(n)
	bits := uint64(1)<<n - 1
	return first / 64, bits << (first % 64), bits >> (64 - first%64)
}

// values follows addresses through every function, callers first: which accesses
// are proved, which region the others likely touch, how much stack is used, and
// whether the stack's address gets out of sight.
func (w *walk) values() *Error {
	entry := make([]state, len(w.program.Funcs))
	w.seed(entry)
	for _, fi := range w.order {
		if w.facts[fi].AddressTaken || !entry[fi].seen {
			entry[fi] = unknownEntry()
		}
		v := &valueFlow{walk: w, f: w.program.Funcs[fi], facts: &w.facts[fi], live: w.facts[fi].Live, entry: entry}
		v.run(entry[fi])
		w.facts[fi].Frame = (v.depth + 7) &^ 7
		w.facts[fi].below = v.below
	}
	return nil
}

// seed sets the entry state of the program: R1 and R2 as its context has them, the other registers 0.
func (w *walk) seed(entry []state) {
	s := &entry[0]
	*s = unknownEntry()
	for i := range s.regs[:10] {
		s.regs[i] = number(0)
	}
	if w.typ.Context.Kind == abi.CtxMemory {
		s.regs[1] = value{kind: memory, known: true}
		s.regs[2] = value{kind: numeric}
	}
}

func unknownEntry() state {
	s := state{seen: true}
	for i := range s.regs {
		s.regs[i] = value{kind: unknown}
	}
	s.regs[10] = value{kind: stack, known: true}
	return s
}

// valueFlow is the forward data flow of one function.
type valueFlow struct {
	*walk
	f     *ir.Func
	facts *FuncFacts
	live  []ir.RegSet
	entry []state // of all functions: calls join into those of their callees
	in    []state // by block
	depth int32   // deepest use below R10
	below bool    // an address of the frame may lead below depth
	cur   state
}

// run iterates to a fixpoint. Facts are written at every visit of a block: the last one has the final state.
func (v *valueFlow) run(entry state) {
	post := v.facts.post
	v.in = make([]state, len(v.f.Blocks))
	v.in[0] = entry
	place := make([]int, len(v.f.Blocks)) // in reverse postorder
	for i, b := range post {
		place[b] = len(post) - 1 - i
	}
	work := ir.NewWorklist(len(post))
	work.Add(0)
	for i := work.Take(); i >= 0; i = work.Take() {
		b := v.f.Blocks[post[len(post)-1-i]]
		v.block(b)
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			if v.flow(&v.in[s], v.live[s]) {
				work.Add(place[s])
			}
		}
	}
}

// flow joins the current state into that of a successor which reads live. It reports a change.
func (v *valueFlow) flow(to *state, live ir.RegSet) (changed bool) {
	if !to.seen {
		*to = v.cur
		for i := range to.regs[:10] {
			if live&(1<<i) == 0 {
				to.regs[i] = value{kind: unknown}
			}
		}
		return true
	}
	for i := range to.regs[:10] {
		if live&(1<<i) == 0 {
			continue
		}
		was := to.regs[i]
		to.regs[i] = join(was, v.cur.regs[i])
		if was != to.regs[i] {
			changed = true
		}
		if v.cur.regs[i].onStack() && !to.regs[i].onStack() || was.onStack() && !to.regs[i].onStack() {
			v.exposed = true // the address is still there, but no longer tracked
		}
	}
	for i := range to.written {
		if both := to.written[i] & v.cur.written[i]; both != to.written[i] {
			to.written[i], changed = both, true
		}
	}
	return changed
}

// block follows one block from its entry state and writes its facts.
func (v *valueFlow) block(b *ir.Block) {
	v.cur = v.in[b.ID]
	base := int(v.facts.Start[b.ID])
	for i := range b.Insns {
		in := &b.Insns[i]
		e := in.Op.Info().Effects
		if e&ir.UseMem != 0 {
			v.access(in, e, &v.facts.Insns[base+i])
		}
		v.step(in, e)
	}
}

// reg is the value of an operand register.
func (v *valueFlow) reg(r ir.Reg) value { return v.cur.regs[r-ir.R0] }

// set gives r a value.
func (v *valueFlow) set(r ir.Reg, x value) {
	if r == ir.None {
		return
	}
	if x.kind == stack && x.known {
		v.deepen(x.off)
	}
	v.cur.regs[r-ir.R0] = x
}

// depthCap bounds what is counted as stack depth: far beyond every limit, and sums of it do not overflow.
const depthCap = 1 << 20

// deepen counts the byte at R10+off as used.
func (v *valueFlow) deepen(off int64) {
	v.depth = max(v.depth, -int32(min(max(off, -depthCap), 0)))
}

// expose notes that an address of the stack may be used in ways that are not followed.
func (v *valueFlow) expose(x value) {
	if x.onStack() {
		v.exposed = true
	}
}

// step applies the effect of in on registers.
func (v *valueFlow) step(in *ir.Insn, e ir.Effects) {
	switch {
	case in.Op == ir.OpMov:
		v.set(in.Dst, v.mov(in))
	case in.Op == ir.OpAdd || in.Op == ir.OpSub:
		v.set(in.Dst, v.addSub(in))
	case in.Op == ir.OpAddr:
		v.set(in.Dst, v.addr(in))
	case e&ir.CallsOut != 0:
		v.call(in)
	case in.Op == ir.OpExit:
		v.expose(v.reg(ir.R0))
	case in.Op == ir.OpBr: // comparing an address tells nothing that can be used as one
	default:
		if e&(ir.UseA|ir.OptA) != 0 && in.A != ir.None {
			v.expose(v.reg(in.A))
		}
		if e&(ir.UseB|ir.OptB) != 0 && in.B != ir.None {
			v.expose(v.reg(in.B))
		}
		v.set(in.Dst, v.result(in))
	}
}

// result is the value of operations that are not followed.
func (v *valueFlow) result(in *ir.Insn) value {
	if in.Op.Info().Effects&ir.UseMem != 0 {
		return value{kind: unknown, up: !in.Sign && in.Size <= 4}
	}
	return value{kind: numeric, up: v.upwards(in)}
}

// upwards reports whether the result is a number as value.up describes it.
func (v *valueFlow) upwards(in *ir.Insn) bool {
	imm := in.B == ir.None && in.Imm > 0
	switch in.Op {
	case ir.OpZext:
		return true
	case ir.OpAnd, ir.OpRsh:
		return in.Width == 32 || imm
	case ir.OpArsh, ir.OpDiv, ir.OpMod:
		return in.Width == 32 || imm && v.reg(in.A).up
	case ir.OpMul, ir.OpLsh: // of an index by the size of an element
		return in.Width == 32 || imm && in.Imm <= ir.MaxStack && v.reg(in.A).up
	}
	return in.Width == 32
}

func (v *valueFlow) operandB(in *ir.Insn) value {
	if in.B == ir.None {
		return number(in.Imm)
	}
	return v.reg(in.B)
}

func (v *valueFlow) mov(in *ir.Insn) value {
	x := v.operandB(in)
	if in.Width == 64 {
		return x
	}
	v.expose(x)
	if x.kind == numeric && x.known {
		return number(int64(uint32(x.off)))
	}
	return value{kind: numeric, up: true}
}

// addSub follows addresses through additions and subtractions of 64 bits.
func (v *valueFlow) addSub(in *ir.Insn) value {
	a, b := v.reg(in.A), v.operandB(in)
	if in.Width == 32 {
		v.expose(a)
		v.expose(b)
		return value{kind: numeric, up: true}
	}
	if in.Op == ir.OpSub && b.kind > numeric {
		if a.onStack() != b.onStack() {
			v.expose(a)
			v.expose(b)
		}
		return value{kind: numeric} // a distance
	}
	if b.kind > numeric {
		a, b = b, a
	}
	if b.kind > numeric { // the sum of two addresses is neither
		v.expose(a)
		v.expose(b)
		return value{kind: unknown}
	}
	if a.kind == stack && !(a.known && b.known) {
		v.wild(in, a, b)
	}
	a.known = a.known && b.known
	a.up = a.up && b.up && in.Op == ir.OpAdd
	switch {
	case !a.known:
		a.off = 0
	case in.Op == ir.OpSub:
		a.off -= b.off
	default:
		a.off += b.off
	}
	if a.kind == numeric && a.known {
		return number(a.off)
	}
	return a
}

// wild notes a stack address whose offset is not followed. Arrays are indexed upwards
// from their start, which set has counted; what goes down, or starts at R10, may lead anywhere in the frame.
func (v *valueFlow) wild(in *ir.Insn, a, b value) {
	if in.Op == ir.OpSub || !b.up || a.known && a.off >= 0 {
		v.below = true
	}
	v.exposed = true
}

func (v *valueFlow) addr(in *ir.Insn) value {
	switch in.Ref.Kind {
	case ir.RefData:
		return value{kind: data, known: true, index: in.Ref.Index, off: in.Imm}
	case ir.RefMapValue:
		return value{kind: mapping, known: true, index: in.Ref.Index, off: in.Imm}
	}
	return value{kind: numeric}
}

// call joins the arguments into the callee's entry state.
func (v *valueFlow) call(in *ir.Insn) {
	uses := v.callUses(in)
	for r := ir.R1; r <= ir.R5; r++ {
		if uses.Has(r) {
			v.expose(v.reg(r))
		}
	}
	if in.Op == ir.OpCall {
		v.enter(&v.entry[in.Ref.Index])
	}
	for r := ir.R0; r <= ir.R5; r++ {
		v.cur.regs[r-ir.R0] = value{kind: unknown}
	}
}

// enter joins the current arguments into a callee's entry.
func (v *valueFlow) enter(to *state) {
	first := !to.seen
	if first {
		*to = unknownEntry()
	}
	for i := 1; i <= 5; i++ {
		x := v.cur.regs[i]
		if x.onStack() {
			x = value{kind: outer}
		}
		if !first {
			x = join(to.regs[i], x)
		}
		to.regs[i] = x
	}
}

// access follows a load, a store or an atomic.
func (v *valueFlow) access(in *ir.Insn, e ir.Effects, fact *InsnFact) {
	a := v.reg(in.Base)
	a.off += int64(in.Disp)
	own := a.kind == stack && a.known && a.off <= -int64(in.Size)
	switch {
	case own && a.off >= -ir.MaxStack:
		v.ownFrame(in, e, a.off)
	case own:
		v.deepen(a.off)
	default:
		v.expose(a)
		v.below = v.below || a.kind == stack && !a.known && in.Disp < 0
	}
	fact.Region = v.region(a)
	fact.Proved = own || v.inside(a, in.Size, e&ir.Writes != 0)
	fact.Aligned = own && a.off%int64(in.Size) == 0
}

// ownFrame follows an access at a constant offset of the function's own frame.
func (v *valueFlow) ownFrame(in *ir.Insn, e ir.Effects, off int64) {
	v.deepen(off)
	if e&ir.Reads != 0 && !v.cur.allWritten(off, in.Size) {
		v.facts.ZeroFrame = true
	}
	if e&ir.Writes != 0 {
		v.cur.setWritten(off, in.Size)
	}
}

// region predicts the region of an address.
func (v *valueFlow) region(a value) uint16 {
	switch a.kind {
	case stack, outer:
		return ir.RegionStack
	case data:
		if v.program.Data[a.index].ReadOnly {
			return ir.RegionRodata
		}
		return ir.RegionData
	case mapping:
		if ir.RegionMaps+a.index < ir.MaxRegions {
			return ir.RegionMaps + uint16(a.index)
		}
	}
	return ir.RegionMemory
}

// inside proves an access of size bytes at a known address.
func (v *valueFlow) inside(a value, size uint8, write bool) bool {
	var limit int64
	switch a.kind {
	case memory:
		limit = int64(v.typ.Context.Size)
	case data:
		d := &v.program.Data[a.index]
		if write && d.ReadOnly {
			return false
		}
		limit = int64(len(d.Bytes))
	case mapping:
		limit = int64(v.program.Maps[a.index].ValueSize)
	default:
		return false
	}
	return a.known && a.off >= 0 && a.off <= limit-int64(size) // a.off+size could overflow
}
