package regalloc

import (
	"fmt"
	"slices"
)

// model is a View made of plain data, for tests.
type model struct {
	vregs       int
	entries     []Entry
	blocks      []modelBlock
	insts       []modelInst
	allocatable PRegSet
	pinned      map[VReg]PReg
}

type modelBlock struct {
	first, end   Inst
	succs, preds []Block
	params       []VReg
	args         [][]VReg
}

type modelInst struct {
	ops      []Operand
	clobbers PRegSet
	move     bool
}

func (m *model) NumVRegs() int                            { return m.vregs }
func (m *model) NumInsts() int                            { return len(m.insts) }
func (m *model) NumBlocks() int                           { return len(m.blocks) }
func (m *model) Entries() []Entry                         { return m.entries }
func (m *model) Insts(b Block) (Inst, Inst)               { return m.blocks[b].first, m.blocks[b].end }
func (m *model) Succs(b Block) []Block                    { return m.blocks[b].succs }
func (m *model) Preds(b Block) []Block                    { return m.blocks[b].preds }
func (m *model) Params(b Block) []VReg                    { return m.blocks[b].params }
func (m *model) Args(b Block, k int) []VReg               { return m.blocks[b].args[k] }
func (m *model) Operands(i Inst, buf []Operand) []Operand { return append(buf, m.insts[i].ops...) }
func (m *model) Clobbers(i Inst) PRegSet                  { return m.insts[i].clobbers }
func (m *model) IsMove(i Inst) bool                       { return m.insts[i].move }
func (m *model) Allocatable() PRegSet                     { return m.allocatable }

func (m *model) Pinned(v VReg) PReg {
	if p, ok := m.pinned[v]; ok {
		return p
	}
	return NoPReg
}

// block appends a block of the instructions.
func (m *model) block(succs []Block, insts ...modelInst) *modelBlock {
	first := Inst(len(m.insts))
	m.insts = append(m.insts, insts...)
	m.blocks = append(m.blocks, modelBlock{first: first, end: Inst(len(m.insts)), succs: succs, args: make([][]VReg, len(succs))})
	return &m.blocks[len(m.blocks)-1]
}

// link fills in the predecessors.
func (m *model) link() *model {
	for b := range m.blocks {
		for _, s := range m.blocks[b].succs {
			m.blocks[s].preds = append(m.blocks[s].preds, Block(b))
		}
	}
	return m
}

func use(v VReg) Operand           { return Operand{VReg: v} }
func def(v VReg) Operand           { return Operand{VReg: v, Kind: Def} }
func useIn(v VReg, p PReg) Operand { return Operand{VReg: v, Constraint: FixedReg, PReg: p} }
func defIn(v VReg, p PReg) Operand {
	return Operand{VReg: v, Kind: Def, Constraint: FixedReg, PReg: p}
}
func tied(v VReg, k uint8) Operand { return Operand{VReg: v, Kind: Def, Constraint: Tied, Tied: k} }
func away(o Operand) Operand       { o.Away = true; return o }
func inst(ops ...Operand) modelInst {
	return modelInst{ops: ops}
}
func move(d, u VReg) modelInst { return modelInst{ops: []Operand{use(u), def(d)}, move: true} }

// The registers of generated functions: four to allocate, one pinned, one that only clobbers name.
const (
	genAllocatable = PRegSet(0b1111)
	genPin         = PReg(4)
	genOther       = PReg(5)
)

// generate makes a function: a chain of blocks with branches to anywhere but
// the entry; pick(n) chooses from 0 to n-1. The last virtual register is pinned and never defined but at entry.
func generate(pick func(int) int) *model {
	m := &model{vregs: 2 + pick(4), allocatable: genAllocatable}
	pin := VReg(m.vregs - 1)
	m.pinned = map[VReg]PReg{pin: genPin}
	m.entries = []Entry{{pin, genPin}}
	for v := range min(m.vregs-1, 2) {
		m.entries = append(m.entries, Entry{VReg(v), PReg((v + 2) % 4)})
	}
	n := 1 + pick(4)
	for b := range n {
		succs := genSuccs(b, n, pick)
		var insts []modelInst
		for range pick(4) {
			insts = append(insts, genInst(m.vregs, pick))
		}
		m.block(succs, append(insts, genEnd(m.vregs, len(succs), pick))...)
	}
	m.link()
	for b := 1; b < n; b++ {
		m.genParams(Block(b), pick)
	}
	return m
}

func genSuccs(b, n int, pick func(int) int) []Block {
	var succs []Block
	if b+1 < n {
		succs = append(succs, Block(b+1))
	}
	if n > 1 && pick(2) == 0 {
		succs = append(succs, Block(1+pick(n-1)))
	}
	return succs
}

// genInst is an instruction that defines anything but the pinned register.
func genInst(vregs int, pick func(int) int) modelInst {
	anyUse, anyDef := func() VReg { return VReg(pick(vregs)) }, func() VReg { return VReg(pick(vregs - 1)) }
	var in modelInst
	switch pick(7) {
	case 0:
		return move(anyDef(), VReg(pick(vregs)))
	case 1:
		in = inst(def(anyDef()))
	case 2:
		u := anyDef()
		in = inst(use(u), use(anyUse()), tied(anyDef(), 0))
	case 3:
		in = inst(useIn(anyDef(), PReg(pick(4))), def(anyDef()))
	case 4:
		in = inst(away(use(anyUse())), def(anyDef()))
	case 5:
		in = inst(use(anyUse()), away(def(anyDef())))
	case 6: // a call
		in = inst(useIn(anyDef(), 2), defIn(anyDef(), 0))
		in.clobbers = SetOf(2, genOther)
	}
	if pick(4) == 0 {
		in.clobbers |= SetOf(PReg(1 + pick(2)))
	}
	if k := pick(8); k < len(in.ops) && in.ops[k].Constraint == Any {
		in.ops[k].Constraint = AnyReg
	}
	return in
}

// genEnd ends a block: a jump uses nothing.
func genEnd(vregs, succs int, pick func(int) int) modelInst {
	if succs == 1 {
		return inst()
	}
	return inst(use(VReg(pick(vregs))))
}

// genParams gives b parameters if all edges to it are its predecessors' only ones.
func (m *model) genParams(b Block, pick func(int) int) {
	for _, p := range m.blocks[b].preds {
		if len(m.blocks[p].succs) != 1 {
			return
		}
	}
	var params []VReg
	for v := range VReg(m.vregs - 1) {
		if pick(3) == 0 {
			params = append(params, v)
		}
	}
	m.blocks[b].params = params
	for _, p := range m.blocks[b].preds {
		args := make([]VReg, len(params))
		for k := range args {
			args[k] = VReg(pick(m.vregs))
		}
		m.blocks[p].args[0] = args
	}
}

// spillEverywhere is an assignment in which every virtual register has a slot
// between instructions; ok is false where an instruction has too few registers for that.
func (m *model) spillEverywhere() (r *Result, ok bool) {
	r = &Result{NumSlots: 2 * m.vregs}
	for b := range m.blocks {
		bl := &m.blocks[b]
		for i := bl.first; i < bl.end; i++ {
			if i == 0 {
				r.storeEntries(m)
			}
			if i == bl.end-1 && len(bl.succs) == 1 {
				r.storeArgs(m, bl)
			}
			locs, ok := m.place(i)
			if !ok {
				return nil, false
			}
			r.add(m, i, locs)
		}
	}
	return r, true
}

func (r *Result) storeEntries(m *model) {
	for _, e := range m.entries {
		if m.Pinned(e.VReg) == NoPReg {
			r.Edits = append(r.Edits, Edit{From: InPReg(e.PReg), To: InSlot(int(e.VReg))})
		}
	}
}

// storeArgs moves arguments to parameters through the upper half of the slots.
func (r *Result) storeArgs(m *model, bl *modelBlock) {
	i := bl.end - 1
	params := m.blocks[bl.succs[0]].params
	through := func(from, to Loc) {
		r.Edits = append(r.Edits, Edit{Inst: i, From: from, To: InPReg(0)}, Edit{Inst: i, From: InPReg(0), To: to})
	}
	for k, a := range bl.args[0] {
		through(m.home(a), InSlot(m.vregs+k))
	}
	for k, p := range params {
		through(InSlot(m.vregs+k), InSlot(int(p)))
	}
}

func (m *model) home(v VReg) Loc {
	if p := m.Pinned(v); p != NoPReg {
		return InPReg(p)
	}
	return InSlot(int(v))
}

// place finds a location for each operand of an instruction.
func (m *model) place(i Inst) ([]Loc, bool) {
	ops := m.insts[i].ops
	locs := make([]Loc, len(ops))
	taken := m.insts[i].clobbers
	for k := range ops {
		if p := m.Pinned(ops[k].VReg); p != NoPReg {
			locs[k] = InPReg(p)
		} else if ops[k].Constraint == FixedReg {
			locs[k] = InPReg(ops[k].PReg)
			taken |= SetOf(ops[k].PReg)
		}
	}
	for k := range ops {
		switch {
		case locs[k] != 0:
		case ops[k].Constraint == Tied:
			locs[k] = locs[ops[k].Tied]
		default:
			free := m.allocatable &^ taken
			if free == 0 {
				return nil, false
			}
			free.Each(func(p PReg) { locs[k] = InPReg(p) })
			p, _ := locs[k].PReg()
			taken |= SetOf(p)
		}
	}
	return locs, true
}

// add records the locations of an instruction with a reload before it for each use and a store after it for each definition.
func (r *Result) add(m *model, i Inst, locs []Loc) {
	r.First = append(r.First, int32(len(r.Locs)))
	r.Locs = append(r.Locs, locs...)
	for k, o := range m.insts[i].ops {
		if o.Kind == Use && m.Pinned(o.VReg) == NoPReg {
			r.Edits = append(r.Edits, Edit{Inst: i, From: InSlot(int(o.VReg)), To: locs[k]})
		}
	}
	for k, o := range m.insts[i].ops {
		if o.Kind == Def {
			r.Edits = append(r.Edits, Edit{Inst: i, After: true, From: locs[k], To: InSlot(int(o.VReg))})
		}
	}
}

// run is allocated code in execution, beside the function it was made from:
// what each location holds, and what each virtual register is. Values are
// numbers; every definition and every clobber makes a new one.
type run struct {
	m     *model
	r     *Result
	locs  []int // by Loc
	vregs []int
	next  int
}

func newRun(m *model, r *Result) *run {
	x := &run{m: m, r: r, locs: make([]int, InSlot(r.NumSlots)), vregs: make([]int, m.vregs)}
	for i := range x.locs {
		x.locs[i] = x.fresh()
	}
	for i := range x.vregs {
		x.vregs[i] = x.fresh()
	}
	for _, e := range m.entries {
		x.vregs[e.VReg] = x.locs[InPReg(e.PReg)]
	}
	return x
}

func (x *run) fresh() int { x.next++; return x.next }

func (x *run) clone() *run {
	y := *x
	y.locs, y.vregs = slices.Clone(x.locs), slices.Clone(x.vregs)
	return &y
}

// block executes a block; it reports whether all values were right.
func (x *run) block(b Block) bool {
	for i := x.m.blocks[b].first; i < x.m.blocks[b].end; i++ {
		x.edits(i, false)
		if !x.inst(i) {
			return false
		}
		x.edits(i, true)
	}
	return true
}

func (x *run) edits(i Inst, after bool) {
	for _, e := range x.r.Edits {
		if e.Inst == i && e.After == after {
			x.locs[e.To] = x.locs[e.From]
		}
	}
}

func (x *run) inst(i Inst) bool {
	in := &x.m.insts[i]
	at := func(k int) *int { return &x.locs[x.r.Loc(i, k, in.ops[k].VReg)] }
	each := func(k Kind, away bool, f func(k int) bool) bool {
		for j, o := range in.ops {
			if o.Kind == k && o.Away == away && !f(j) {
				return false
			}
		}
		return true
	}
	right := func(k int) bool { return *at(k) == x.vregs[in.ops[k].VReg] }
	if in.move {
		return x.move(i, in, at, right)
	}
	made := make([]int, len(in.ops))
	write := func(k int) bool { made[k] = x.fresh(); *at(k) = made[k]; return true }
	each(Def, true, write)
	if !each(Use, false, right) || !each(Use, true, right) {
		return false
	}
	each(Def, false, write)
	in.clobbers.Each(func(p PReg) { x.locs[InPReg(p)] = x.fresh() })
	if !each(Use, true, right) {
		return false
	}
	kept := func(k int) bool { x.vregs[in.ops[k].VReg] = made[k]; return *at(k) == made[k] }
	return each(Def, false, kept) && each(Def, true, kept)
}

func (x *run) move(_ Inst, in *modelInst, at func(int) *int, right func(int) bool) bool {
	u := slices.IndexFunc(in.ops, func(o Operand) bool { return o.Kind == Use })
	if !right(u) {
		return false
	}
	*at(1 - u) = *at(u)
	x.vregs[in.ops[1-u].VReg] = x.vregs[in.ops[u].VReg]
	return true
}

// enter performs what the edge number k from b does to virtual registers.
func (x *run) enter(b Block, k int) {
	args := x.m.blocks[b].args[k]
	vals := make([]int, len(args))
	for j, a := range args {
		vals[j] = x.vregs[a]
	}
	for j, p := range x.m.blocks[x.m.blocks[b].succs[k]].params {
		x.vregs[p] = vals[j]
	}
}

// key is all that matters for the rest of a run from b: which locations hold which virtual registers' values.
func (x *run) key(b Block) string {
	masks := make([]uint64, len(x.locs))
	for l, have := range x.locs {
		for v, want := range x.vregs {
			if have == want {
				masks[l] |= 1 << v
			}
		}
	}
	return fmt.Sprint(b, masks)
}

// allPathsRight executes every path, as far as it can differ from those before
// it. known is false if there are too many.
func allPathsRight(m *model, r *Result) (right, known bool) {
	type node struct {
		b Block
		x *run
	}
	work := []node{{0, newRun(m, r)}}
	seen := map[string]bool{}
	for len(work) > 0 {
		n := work[len(work)-1]
		work = work[:len(work)-1]
		if key := n.x.key(n.b); seen[key] {
			continue
		} else if seen[key] = true; len(seen) > 2000 {
			return false, false
		}
		if !n.x.block(n.b) {
			return false, true
		}
		for k, s := range m.blocks[n.b].succs {
			x := n.x.clone()
			x.enter(n.b, k)
			work = append(work, node{s, x})
		}
	}
	return true, true
}
