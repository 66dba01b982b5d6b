package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// maxSteps bounds the instructions that an analysis looks at (BPF_COMPLEXITY_LIMIT_INSNS, include/linux/bpf.h, Linux 6.18).
const maxSteps = 1_000_000

// guardSteps is the same under policy guard, where what is not proved is checked at run time.
const guardSteps = 100_000

// maxNodes bounds the values that an analysis makes, and so its memory: 96 bytes each.
const maxNodes = 1_500_000

// maxPending bounds the branches of which one side is still to be followed (BPF_COMPLEXITY_LIMIT_JMP_SEQ, kernel/bpf/verifier.c,
// Linux 6.18). A program with more instructions may have as many.
const maxPending = 8192

// analysis walks all paths through a program and proves each step safe.
//
// A path follows one way, with what is known of registers and stack. At joins
// it is compared with the marks that earlier paths left there: a mark from which
// all ways have been followed, and which knows no more than the path where it
// mattered, ends the path. At loop heads the values that change are widened to
// what all turns have in common; if that proves too little, the analysis goes
// back and lets the values that mattered run as they are.
type analysis struct {
	*walk
	slab
	derivations
	set       *abi.Set
	policy    Policy
	leaks     bool // addresses must not get out
	steps     int
	limit     int
	pending   []*path
	open      []*mark   // marks on the way to where the walk is, oldest first
	closing   int       // how many of them, from the first on, are known to be closes
	marks     [][]*mark // those that are done, by instruction, counted through all functions
	seq       []*mark   // all marks, oldest first
	first     []int32   // where the instructions of each function begin in marks, visits, live
	visits    []uint32
	taken     []uint8 // by instruction: branch sides that are possible
	constants []ref   // by instruction: its constant operand, 0 if it was not needed yet
	flaws     []bool  // accesses that are not proved, under guard
	callMap   []int32 // by call of a helper: InsnFact.Map, or several; 0 if no path has come there
	tailIndex []int64 // by tail call: InsnFact.Index, or several; 0 if no path has come there
	source    []int32 // by load: InsnFact.Moved, or stays; 0 if no path has come there
	live      []ir.RegSet
	joins     []bool // by instruction: the first one of a block with several predecessors
	loops     []bool // by instruction: the head of a loop, or a call that runs a callback any number of times
	heads     map[headKey]*head
	stops     [][]uint64 // by function: numbers at which widening stops
	back      [][]int32  // by function and block: place in postorder
	trail     []branchNote
	specs     []*speculation
	ids       map[[3]uint64]uint32
	ways      map[[3]int32]bool // between blocks: does a way lead there
	nextID    uint32
	needs     []int64
	reasons   []relation          // that narrowed numbers
	backs     []turnBack          // turns that ended at marks, and what that did to progress
	ranked    map[rankKey][]*mark // marks with ranks
	work      []ref
	roots     []*root
	length    ref     // R2 of a program on memory
	depth     []int32 // by function: bytes of stack used
	backCalls []backCall
	unread    []bool // by function: a byte of the frame may be read before it is written
	exposed   bool
	lost      bool     // see Verified.Lost
	touched   []uint64 // by instruction: InsnFact.Slots
	hasty     bool
	unended   bool    // a loop is bounded by what the run counts, not by the program
	turning   []*mark // heads of loops that were closed
	peak      int
	log       *journal
	stop      func() bool // asked every few steps; ticked counts them
	ticked    uint32
	why       map[int32]*Error // of accesses that are not proved, under guard
	keep      *keeper
	match     comparison // of covers, whose lists are used again
}

// root is a point where paths begin: the program, a global function, an asynchronous callback.
type root struct {
	fn       int32
	global   bool
	callback *abi.Callback
	mapping  int32 // of an asynchronous callback
}

// branchNote is a comparison on a path.
type branchNote struct {
	prev    int32
	a, b    ref
	decided bool
}

// side bits of a branch.
const (
	sideThen = 1 << iota
	sideElse
)

// analyse proves the program safe or says why not. In haste what a loop that was widened
// does not prove under guard is not tried again.
func (w *walk) analyse(set *abi.Set, opts Options, haste bool) (*analysis, *Error) {
	a := &analysis{walk: w, hasty: haste, set: set, policy: opts.Policy, leaks: opts.NoLeaks, limit: maxSteps, heads: map[headKey]*head{}, ids: map[[3]uint64]uint32{}, derivations: newDerivations(), ways: map[[3]int32]bool{}, ranked: map[rankKey][]*mark{}, log: newJournal(opts.Log), stop: opts.Stop}
	if opts.Keep {
		a.keep = new(keeper)
	}
	if opts.Policy == Guard {
		a.limit = guardSteps
	}
	if opts.Steps > 0 {
		a.limit = min(a.limit, opts.Steps)
	}
	a.prepare()
	a.add(node{}) // ref 0 is no value
	a.needs, a.trail = append(a.needs, 0), append(a.trail, branchNote{})
	a.nextID = firstID
	a.roots = append(a.roots, &root{})
	a.begin(a.roots[0])
	for i := 0; i < len(a.roots); i++ {
		if err := a.run(); err != nil {
			return a, err
		}
		if i+1 < len(a.roots) {
			a.reset()
			a.begin(a.roots[i+1])
		}
	}
	return a, nil
}

// prepare numbers the instructions and finds joins, live registers and stops.
func (a *analysis) prepare() {
	n := int32(0)
	for fi, f := range a.program.Funcs {
		a.first = append(a.first, n)
		n += int32(len(a.facts[fi].Insns))
		a.back = append(a.back, make([]int32, len(f.Blocks)))
		for i, b := range a.facts[fi].post {
			a.back[fi][b] = int32(i)
		}
		a.stops = append(a.stops, stopsOf(f))
	}
	a.marks = make([][]*mark, n)
	a.visits, a.taken, a.flaws = make([]uint32, n), make([]uint8, n), make([]bool, n)
	a.source, a.callMap, a.tailIndex = make([]int32, n), make([]int32, n), make([]int64, n)
	a.constants, a.touched = make([]ref, n), make([]uint64, n)
	a.live, a.joins, a.loops = make([]ir.RegSet, n), make([]bool, n), make([]bool, n)
	a.depth, a.unread = make([]int32, len(a.program.Funcs)), make([]bool, len(a.program.Funcs))
	for fi, f := range a.program.Funcs {
		a.prepareFunc(int32(fi), f)
	}
}

func (a *analysis) prepareFunc(fi int32, f *ir.Func) {
	facts := &a.facts[fi]
	preds := make([]int, len(f.Blocks))
	for _, b := range f.Blocks {
		succs, n := b.Succs()
		for _, s := range succs[:n] {
			preds[s]++
		}
		out := ir.LiveOut(b, facts.Live)
		base := a.first[fi] + facts.Start[b.ID]
		for i := len(b.Insns) - 1; i >= 0; i-- {
			if in := &b.Insns[i]; in.Op == ir.OpCallHelper {
				if cb := a.program.Helpers[in.Ref.Index].Callback; cb != nil && cb.Many {
					a.joins[base+int32(i)], a.loops[base+int32(i)] = true, true
				}
			}
			use, def := a.useDef(&b.Insns[i])
			out = out&^def | use
			a.live[base+int32(i)] = out | ir.Bit(ir.R10)
		}
	}
	for i := range f.Blocks {
		at := a.first[fi] + facts.Start[i]
		a.joins[at] = a.joins[at] || preds[i] > 1 || facts.LoopHeads[i]
		a.loops[at] = a.loops[at] || facts.LoopHeads[i]
	}
}

// stopsOf collects the numbers that comparisons and masks of f mention, and their neighbours.
func stopsOf(f *ir.Func) []uint64 {
	var out []uint64
	for _, b := range f.Blocks {
		for i := range b.Insns {
			in := &b.Insns[i]
			switch in.Op {
			case ir.OpBr, ir.OpAnd, ir.OpMod:
				if in.B == ir.None {
					v := uint64(in.Imm)
					out = append(out, v-1, v, v+1)
				}
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 512 {
		out = out[:512]
	}
	return out
}

// newID is an identity that nothing has.
func (a *analysis) newID() uint32 {
	a.nextID++
	return a.nextID
}

// Identities of the memory that a program begins with.
const (
	idPacket = 1 + iota
	idMeta
	idMemory
	firstID
)

// begin pushes the first path of a root.
func (a *analysis) begin(r *root) {
	p := &path{depth: 1, root: r}
	f := &activation{fn: r.fn, call: -1}
	p.frames[0] = f
	f.regs[10] = a.add(node{kind: isStack, pos: ir.NoPos, fn: r.fn, num: scalar.Const(0)})
	switch {
	case r.global:
		a.seedGlobal(f, r.fn)
	case r.callback != nil:
		a.seedCallback(f, r.callback, a.asyncMap(r), 0)
	default:
		a.seedContext(p, f)
	}
	a.pending = append(a.pending, p)
}

// seedContext sets R1 and R2 as the program's type has them.
func (a *analysis) seedContext(p *path, f *activation) {
	c := &a.typ.Context
	switch c.Kind {
	case abi.CtxStruct:
		f.regs[1] = a.add(node{kind: isCtx, pos: ir.NoPos, num: scalar.Const(0)})
	case abi.CtxMemory:
		p.setSpan(idMemory, int64(c.Size), a.newNeed())
		f.regs[1] = a.add(node{kind: isMemory, id: idMemory, pos: ir.NoPos, num: scalar.Const(0)})
		a.length = a.add(node{kind: isScalar, pos: ir.NoPos, num: scalar.Between(uint64(c.Size), maxMemory), flags: shared | linked})
		f.regs[2] = a.length
	case abi.CtxNone:
		f.regs[1] = a.number(0)
	}
}

// asyncMap is the map of an asynchronous callback.
func (a *analysis) asyncMap(r *root) ref {
	if r.mapping < 0 {
		return 0
	}
	return a.add(node{kind: isMap, flags: within, obj: r.mapping, num: scalar.Const(0), pos: ir.NoPos, id: a.identityOf(uint64(r.mapping)|1<<40, 0, 0)})
}

// maxMemory bounds the length of a program's memory: that of an address space.
const maxMemory = 1 << 47

// number is a new constant.
func (a *analysis) number(v uint64) ref {
	return a.add(node{kind: isScalar, num: scalar.Const(v), pos: ir.NoPos})
}

// noNeed: nothing relied on the fact yet.
const noNeed = -1 << 62

// newNeed is a place in needs for a new fact: how many bytes, or for a relation whether, something relied on it.
func (a *analysis) newNeed() uint32 {
	a.needs = append(a.needs, noNeed)
	return uint32(len(a.needs) - 1)
}

// reset forgets the marks of one root before the next begins.
func (a *analysis) reset() {
	for i := range a.marks {
		a.marks[i] = nil
	}
	a.open, a.seq, a.specs, a.trail, a.backs, a.closing = nil, nil, nil, a.trail[:1], nil, 0
	clear(a.ranked)
	a.heads = map[headKey]*head{}
}

// run follows every path that is pending.
func (a *analysis) run() *Error {
	for len(a.pending) > 0 {
		n := len(a.pending)
		a.close(n)
		p := a.pending[n-1]
		a.pending = a.pending[:n-1]
		for p != nil {
			next, err := a.advance(p)
			if err != nil {
				if next = a.retry(err); next == nil {
					return err
				}
			}
			p = next
		}
	}
	a.close(0)
	return nil
}

// gi is the number of the instruction at which the running activation is.
func (a *analysis) gi(p *path) int32 {
	f := p.top()
	return a.first[f.fn] + a.facts[f.fn].Start[f.block] + f.index
}

// advance takes one step. It returns the path that goes on, nil if it has ended.
func (a *analysis) advance(p *path) (*path, *Error) {
	if a.halted() {
		return nil, a.stopped(p)
	}
	f := p.top()
	b := a.program.Funcs[f.fn].Blocks[f.block]
	in := &b.Insns[f.index]
	gi := a.gi(p)
	if !p.entered && (a.joins[gi] || p.arrived) {
		q, err := a.arrive(p, gi)
		if q == nil || err != nil {
			return nil, err
		}
		p = q
	}
	p.entered = false
	a.steps++
	switch {
	case a.steps > a.limit || a.n > maxNodes:
		return nil, a.tooComplex(p, in, "more than %d instructions were looked at without an end", a.limit)
	case len(a.pending) > max(maxPending, len(a.visits)):
		return nil, a.tooComplex(p, in, "more than %d branches lie on one path", len(a.pending)-1)
	}
	p.steps++
	a.visits[gi]++
	if a.keep != nil {
		a.keep.record(a, p, gi)
	}
	if a.log != nil {
		a.log.step(a, p, in)
	}
	return a.step(p, in, gi)
}

// next moves to the following instruction of the block.
func (p *path) next() {
	f := p.own(p.depth - 1)
	f.index++
}

// jump moves to a block. It notes whether the edge closes a loop.
func (a *analysis) jump(p *path, to ir.BlockID) {
	f := p.own(p.depth - 1)
	place := a.back[f.fn]
	p.arrived = place[f.block] <= place[to]
	f.block, f.index = int32(to), 0
}
