package soundness

import (
	"math/rand/v2"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// The generator writes programs as people do: it knows what each register holds, reads the
// context, compares before it accesses, tests for null. Then it makes mistakes: a bound that
// is off by one, a wrong register, a comparison of the wrong width, an instruction left out.

// item is an instruction; a jump leads to another item, a call or a function value to a function.
type item struct {
	in isa.Insn
	to *item
	fn *function
	mp int    // of an lddw: map mp-1
	by string // helper called by name
}

// function is a function of a program.
type function struct {
	items    []*item
	args     []kind
	callback bool
	global   bool
}

// sample is a generated program.
type sample struct {
	typ   string
	funcs []*function
}

// The maps of every sample.
const (
	theArray = iota
	theHash
	theRing
	theBig
)

// samplesMaps are the maps of every sample.
func samplesMaps() []abi.MapSpec {
	return []abi.MapSpec{
		{Name: "array", Type: mapArray, KeySize: 4, ValueSize: 32, MaxEntries: 2},
		{Name: "hash", Type: mapHash, KeySize: 8, ValueSize: 16, MaxEntries: 4},
		{Name: "ring", Type: mapRing, MaxEntries: 4096},
		{Name: "big", Type: mapArray, KeySize: 4, ValueSize: 256, MaxEntries: 1},
	}
}

// object lays a sample out.
func (s *sample) object() *obj.Object {
	p := obj.Program{Name: "main", Type: s.typ}
	slots, starts := map[*item]int{}, map[*function]int{}
	n := 0
	for _, f := range s.funcs {
		starts[f] = n
		for _, it := range f.items {
			slots[it] = n
			n += it.in.Slots()
		}
	}
	for i, f := range s.funcs {
		info := obj.FuncInfo{Slot: starts[f], Name: "f" + string(rune('0'+i)), Global: f.global}
		if f.global {
			for _, k := range f.args {
				par := obj.Param{Kind: obj.ParamScalar}
				if k == mem {
					par = obj.Param{Kind: obj.ParamMem, Size: 8}
				}
				info.Params = append(info.Params, par)
			}
		}
		p.Funcs = append(p.Funcs, info)
		for _, it := range f.items {
			in, at := it.in, slots[it]
			switch {
			case it.to != nil:
				in.Off = int16(slots[it.to] - at - 1)
			case it.fn != nil && in.Op == isa.CallLocal:
				in = isa.CallFunc(int32(starts[it.fn] - at - 1))
			case it.fn != nil:
				in = isa.LoadFunc(in.Dst, int32(starts[it.fn]-at-1))
			case it.mp > 0:
				p.Refs = append(p.Refs, obj.Ref{Slot: at, Kind: obj.RefMap, Index: it.mp - 1})
			case it.by != "":
				p.Refs = append(p.Refs, obj.Ref{Slot: at, Kind: obj.RefHelper, Name: it.by})
			}
			p.Insns = append(p.Insns, isa.Prog(in)...)
		}
	}
	return &obj.Object{Name: "generated", License: "GPL", Maps: samplesMaps(), Programs: []obj.Program{p}}
}

// without is the sample with some instructions of a function left out; jumps to them lead to what follows.
func (s *sample) without(fn, at, count int) *sample {
	c := &sample{typ: s.typ}
	twin, funcs := map[*item]*item{}, map[*function]*function{}
	for _, f := range s.funcs {
		g := &function{args: f.args, callback: f.callback, global: f.global}
		for _, it := range f.items {
			x := *it
			twin[it] = &x
			g.items = append(g.items, &x)
		}
		funcs[f] = g
		c.funcs = append(c.funcs, g)
	}
	if fn >= 0 {
		g := c.funcs[fn]
		if at+count >= len(g.items) {
			return nil
		}
		for _, it := range s.funcs[fn].items[at : at+count] {
			twin[it] = g.items[at+count]
		}
		g.items = slices.Delete(g.items, at, at+count)
	}
	called := map[*function]bool{c.funcs[0]: true}
	for _, f := range c.funcs {
		for _, it := range f.items {
			if it.to != nil {
				it.to = twin[it.to]
			}
			if it.fn != nil {
				it.fn = funcs[it.fn]
				called[it.fn] = true
			}
		}
	}
	c.funcs = slices.DeleteFunc(c.funcs, func(f *function) bool { return !called[f] })
	c.prune()
	return c
}

// kind is what the generator believes a register to hold.
type kind uint8

const (
	none kind = iota
	num
	ctx
	pkt
	end
	value // of a map
	maybe // or null
	stk
	mem
	memLen
	cbCtx // the context of a callback: a stack address of the caller, 16 bytes
)

// holding is what a register holds: for num its greatest value + 1 (0 if it is not bounded), for pointers the bytes behind them.
type holding struct {
	kind  kind
	bound int
	mp    int
}

// generator writes one sample.
type generator struct {
	*rand.Rand
	s    *sample
	f    *function
	regs [11]holding
	slot [6]holding // spilled at R10-8(i+1)
	fuel int
	deep int
	out  *item // where the function returns early

	list    []func(*generator)
	pairs   []pair
	shifted isa.Reg  // to the left, to be shifted back
	apart   [2]int32 // how far numbers are apart
}

const (
	ctxReg = isa.R6
	inUse  = 64 // bytes of stack in use
)

var types = []string{"mem", "mem/64", "mem/16", "xdp", "xdp", "sched_cls", "sched_cls", "cgroup_skb"}

// generate writes the sample of a seed.
func generate(seed uint64) *sample {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x5eed)), s: &sample{}}
	g.s.typ = types[g.IntN(len(types))]
	g.list, g.fuel = statements(), 4+g.IntN(22)
	if g.IntN(2) == 0 {
		g.list, g.fuel = g.some(relatedStatements(), 6), 3+g.IntN(10)
	}
	g.f = &function{}
	g.s.funcs = append(g.s.funcs, g.f)
	g.prologue()
	g.body(g.fuel)
	g.epilogue()
	for i := 1; i < len(g.s.funcs); i++ {
		g.subprogram(g.s.funcs[i])
	}
	if g.IntN(2) == 0 {
		g.mutate()
	}
	g.s.prune()
	return g.s
}

// prune leaves out what no path reaches, as it must be.
func (s *sample) prune() {
	for _, f := range s.funcs {
		place, reached := map[*item]int{}, make([]bool, len(f.items))
		for i, it := range f.items {
			place[it] = i
		}
		work := []int{0}
		for len(work) > 0 {
			i := work[len(work)-1]
			work = work[:len(work)-1]
			if i >= len(f.items) || reached[i] {
				continue
			}
			reached[i] = true
			it := f.items[i]
			if it.to != nil {
				work = append(work, place[it.to])
			}
			if it.in.Op != isa.Exit && (it.in.Op != isa.Ja || it.to == nil) {
				work = append(work, i+1)
			}
		}
		var left []*item
		for i, it := range f.items {
			if reached[i] {
				left = append(left, it)
			}
		}
		f.items = left
	}
}

func (g *generator) memory() bool { return g.s.typ[:3] == "mem" }

func (g *generator) emit(insns ...isa.Insn) {
	for _, in := range insns {
		g.f.items = append(g.f.items, &item{in: in})
	}
}

// jump emits a jump that leads to an item placed later.
func (g *generator) jump(in isa.Insn, to *item) { g.f.items = append(g.f.items, &item{in: in, to: to}) }

// place puts a label's item: a move that changes nothing.
func (g *generator) place(label *item) { g.f.items = append(g.f.items, label) }

func label() *item { return &item{in: isa.Jump(0)} }

func (g *generator) prologue() {
	g.out = label()
	if g.memory() {
		n := map[string]int{"mem": 0, "mem/64": 64, "mem/16": 16}[g.s.typ]
		g.emit(isa.Mov.Reg(isa.R6, isa.R1), isa.Mov.Reg(isa.R7, isa.R2))
		g.regs[6], g.regs[7] = holding{kind: mem, bound: n}, holding{kind: memLen}
		return
	}
	g.emit(isa.Mov.Reg(ctxReg, isa.R1))
	g.regs[6] = holding{kind: ctx}
}

func (g *generator) epilogue() {
	if r, ok := g.find(num); ok {
		g.emit(isa.Mov.Reg(isa.R0, r))
		if g.s.typ == "cgroup_skb" {
			g.emit(isa.And.Imm(isa.R0, 1))
		}
		g.emit(isa.Return())
	} else {
		g.jump(isa.Jump(0), g.out)
	}
	g.place(g.out)
	g.emit(isa.Mov.Imm(isa.R0, int32(g.IntN(2))), isa.Return())
}

// find picks a register that holds k.
func (g *generator) find(kinds ...kind) (isa.Reg, bool) {
	start := g.IntN(10)
	for i := range 10 {
		r := (start + i) % 10
		if slices.Contains(kinds, g.regs[r].kind) {
			return isa.Reg(r), true
		}
	}
	return 0, false
}

// fresh picks a register to overwrite: not the context nor memory.
func (g *generator) fresh(not ...isa.Reg) isa.Reg {
	for {
		r := isa.Reg(g.IntN(10))
		k := g.regs[r].kind
		if slices.Contains(not, r) || k == ctx || k == mem && r == 6 || k == memLen && r == 7 || k != none && k != num && g.IntN(3) > 0 {
			if !slices.Contains(not, r) && g.IntN(40) == 0 && k != ctx {
				return r
			}
			continue
		}
		return r
	}
}

func (g *generator) set(r isa.Reg, k kind, bound int) {
	g.regs[r] = holding{kind: k, bound: bound}
}

// number is a register with a number, made if there is none.
func (g *generator) number() isa.Reg {
	if r, ok := g.find(num); ok && g.IntN(8) > 0 {
		return r
	}
	r := g.fresh()
	g.source(r)
	return r
}

// source puts an unknown number in r.
func (g *generator) source(r isa.Reg) {
	size := []uint8{1, 2, 4, 8}[g.IntN(4)]
	if p, bytes, ok := g.readable(); ok && bytes >= int(size) && g.IntN(3) > 0 {
		off := int16(g.IntN(bytes - int(size) + 1))
		if g.IntN(4) == 0 && size < 8 {
			g.emit(isa.LoadMemSX(r, p, off, size))
		} else {
			g.emit(isa.LoadMem(r, p, off, size))
		}
		g.set(r, num, map[uint8]int{1: 256}[size])
		return
	}
	switch {
	case g.regs[6].kind == ctx && g.IntN(2) == 0:
		g.emit(isa.LoadMem(r, ctxReg, map[bool]int16{true: 12, false: 8}[g.s.typ == "xdp"], 4))
		g.set(r, num, 0)
	case g.regs[7].kind == memLen && g.IntN(2) == 0:
		g.emit(isa.Mov.Reg(r, isa.R7))
		g.set(r, num, 0)
	case !g.memory() && g.IntN(2) == 0:
		g.helper([]int32{5, 7, 8}[g.IntN(3)])
		g.emit(isa.Mov.Reg(r, isa.R0))
		g.set(r, num, 0)
	default:
		n := g.imm()
		g.emit(isa.Mov.Imm(r, n))
		g.set(r, num, 0)
	}
}

// readable is a pointer to memory and the bytes that are known to be behind it.
func (g *generator) readable() (isa.Reg, int, bool) {
	start := g.IntN(10)
	for i := range 10 {
		r := (start + i) % 10
		switch h := g.regs[r]; h.kind {
		case pkt, value, mem, cbCtx:
			if h.bound > 0 {
				return isa.Reg(r), h.bound, true
			}
		}
	}
	return 0, 0, false
}

func (g *generator) imm() int32 {
	list := [...]int32{0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, -1, -2, -8, -128, 1 << 16, 1<<31 - 1, -1 << 31, 1 << 30}
	if g.IntN(4) == 0 {
		return int32(g.Uint32())
	}
	return list[g.IntN(len(list))]
}

// helper calls helper id; the arguments are set.
func (g *generator) helper(id int32) {
	g.emit(isa.CallHelper(id))
	g.clobber()
	g.set(isa.R0, num, 0)
}

func (g *generator) clobber() {
	for r := range 6 {
		g.regs[r] = holding{}
	}
}

// body makes n statements.
func (g *generator) body(n int) {
	for range n {
		if g.fuel--; g.fuel < 0 {
			return
		}
		g.list[g.IntN(len(g.list))](g)
	}
}

func statements() []func(*generator) {
	return []func(*generator){
		(*generator).alu, (*generator).alu, (*generator).alu, (*generator).alu, (*generator).mask, (*generator).mask, (*generator).bound, (*generator).bound, (*generator).bound,
		(*generator).packet, (*generator).packet, (*generator).packet, (*generator).packetIndex, (*generator).packetIndex, (*generator).memoryBound, (*generator).memoryIndex, (*generator).memoryIndex,
		(*generator).lookup, (*generator).lookup, (*generator).index, (*generator).index, (*generator).use, (*generator).use, (*generator).use,
		(*generator).spill, (*generator).fill, (*generator).fill, (*generator).stackArray, (*generator).branch, (*generator).branch, (*generator).branch, (*generator).relation,
		(*generator).loop, (*generator).loop, (*generator).walk, (*generator).call, (*generator).callback, (*generator).iterate, (*generator).mayGoto,
		(*generator).atomic, (*generator).record, (*generator).change, (*generator).move, (*generator).move, (*generator).leave, (*generator).buffer, (*generator).unary, (*generator).far,
	}
}

var aluOps = [...]isa.Arith{isa.Add, isa.Sub, isa.Mul, isa.Div, isa.SDiv, isa.Or, isa.And, isa.Lsh, isa.Rsh, isa.Mod, isa.SMod, isa.Xor, isa.Arsh, isa.Add, isa.Sub, isa.Rsh}

func (g *generator) alu() {
	r, op := g.number(), aluOps[g.IntN(len(aluOps))]
	n := g.imm()
	if op == isa.Lsh || op == isa.Rsh || op == isa.Arsh {
		n = int32(g.IntN(32))
	}
	if (op == isa.Div || op == isa.Mod || op == isa.SDiv || op == isa.SMod) && n == 0 {
		n = 5
	}
	switch g.IntN(4) {
	case 0:
		g.emit(op.Imm(r, n))
	case 1:
		g.emit(op.Imm32(r, n))
	case 2:
		g.emit(op.Reg(r, g.number()))
	case 3:
		g.emit(op.Reg32(r, g.number()))
	}
	g.set(r, num, 0)
}

func (g *generator) unary() {
	r := g.number()
	size := []uint8{1, 2, 4}[g.IntN(3)]
	g.emit([...]isa.Insn{isa.Negate(r), isa.Negate32(r), isa.Extend64(r, g.number(), size), isa.Extend32(r, g.number(), min(size, 2)),
		isa.ToBE(r, max(size, 2)), isa.ByteSwap(r, max(size, 2)), isa.Mov.Reg32(r, r), isa.Lsh.Imm(r, 32)}[g.IntN(8)])
	g.set(r, num, 0)
}

func (g *generator) mask() {
	r := g.number()
	n := []int32{1, 3, 7, 15, 31, 63, 24, 0x0f, 12}[g.IntN(9)]
	if g.IntN(3) == 0 {
		g.emit(isa.And.Imm32(r, n))
	} else if g.IntN(4) == 0 {
		g.emit(isa.Mod.Imm(r, n+1))
		g.set(r, num, int(n)+1)
		return
	} else {
		g.emit(isa.And.Imm(r, n))
	}
	g.set(r, num, int(n)+1)
}

// bound compares a number with a constant, in one of the ways that people do.
func (g *generator) bound() {
	r := g.number()
	n := []int32{1, 2, 4, 7, 8, 15, 16, 24, 31, 32, 40, 60}[g.IntN(12)]
	copied := r
	if g.IntN(4) == 0 { // the bound is checked on a copy
		copied = g.fresh(r)
		g.emit(isa.Mov.Reg(copied, r))
		g.set(copied, num, 0)
	}
	switch g.IntN(7) {
	case 0:
		g.jump(isa.GT.Imm(copied, n, 0), g.out)
	case 1:
		g.jump(isa.GE.Imm(copied, n+1, 0), g.out)
	case 2:
		g.jump(isa.GT.Imm32(copied, n, 0), g.out)
		if g.IntN(2) == 0 {
			g.emit(isa.Mov.Reg32(r, r))
		}
	case 3:
		g.jump(isa.SLT.Imm(copied, 0, 0), g.out)
		g.jump(isa.SGT.Imm(copied, n, 0), g.out)
	case 4:
		g.jump(isa.SGT.Imm(copied, n, 0), g.out)
		g.jump(isa.SLT.Imm(copied, 0, 0), g.out)
	case 5:
		over := label()
		g.jump(isa.LE.Imm(copied, n, 0), over)
		g.emit(isa.Mov.Imm(r, 0))
		g.place(over)
	case 6:
		over := label()
		g.jump(isa.LT.Imm(copied, n+1, 0), over)
		g.jump(isa.Jump(0), g.out)
		g.place(over)
	}
	g.set(r, num, int(n)+1)
	g.set(copied, num, int(n)+1)
}

// relation compares two numbers.
func (g *generator) relation() {
	a, b := g.number(), g.number()
	if a == b {
		return
	}
	cond := []isa.Cond{isa.LT, isa.LE, isa.GT, isa.GE, isa.NE, isa.SLT, isa.SGT}[g.IntN(7)]
	if g.IntN(3) == 0 {
		g.jump(cond.Reg32(a, b, 0), g.out)
	} else {
		g.jump(cond.Reg(a, b, 0), g.out)
	}
	if g.regs[b].bound > 0 && (cond == isa.GT || cond == isa.GE) {
		g.set(a, num, g.regs[b].bound)
	}
}

// packet loads the packet's pointers and compares them.
func (g *generator) packet() {
	if g.regs[6].kind != ctx {
		return
	}
	start, stop := int16(76), int16(80)
	if g.s.typ == "xdp" {
		start, stop = 0, 4
	}
	p := g.fresh()
	g.emit(isa.LoadMem(p, ctxReg, start, 4))
	g.set(p, pkt, 0)
	e := g.fresh(p)
	g.emit(isa.LoadMem(e, ctxReg, stop, 4))
	g.set(e, end, 0)
	if g.IntN(4) == 0 {
		off := int32(g.IntN(16))
		g.emit(isa.Add.Imm(p, off))
	}
	g.checkPacket(p, e)
}

// checkPacket compares p + n with the end, in all shapes.
func (g *generator) checkPacket(p, e isa.Reg) {
	t := g.fresh(p, e)
	n := []int{1, 2, 4, 8, 14, 20, 34}[g.IntN(7)]
	g.emit(isa.Mov.Reg(t, p), isa.Add.Imm(t, int32(n)))
	g.set(t, pkt, 0)
	switch g.IntN(6) {
	case 0, 1:
		g.jump(isa.GT.Reg(t, e, 0), g.out)
	case 2:
		g.jump(isa.LT.Reg(e, t, 0), g.out)
	case 3:
		g.jump(isa.GE.Reg(t, e, 0), g.out)
		n++
	case 4:
		over := label()
		g.jump(isa.LE.Reg(t, e, 0), over)
		g.jump(isa.Jump(0), g.out)
		g.place(over)
	case 5:
		over := label()
		g.jump(isa.GE.Reg(e, t, 0), over)
		g.jump(isa.Jump(0), g.out)
		g.place(over)
	}
	g.set(p, pkt, n)
}

// packetIndex moves a packet pointer by a number.
func (g *generator) packetIndex() {
	p, ok := g.find(pkt)
	e, ok2 := g.find(end)
	if !ok || !ok2 {
		return
	}
	i := g.small(p, e)
	q := g.fresh(p, e, i)
	g.emit(isa.Mov.Reg(q, p), isa.Add.Reg(q, i))
	g.set(q, pkt, 0)
	g.checkPacket(q, e)
}

// small is a number that has a bound.
func (g *generator) small(not ...isa.Reg) isa.Reg {
	for r := range 10 {
		if h := g.regs[r]; h.kind == num && h.bound > 0 && g.IntN(3) > 0 {
			return isa.Reg(r)
		}
	}
	if g.IntN(6) == 0 {
		return g.number()
	}
	r := g.fresh(not...)
	g.source(r)
	for _, x := range not {
		if x == r {
			return r
		}
	}
	n := []int32{1, 3, 7, 15, 31}[g.IntN(5)]
	g.emit(isa.And.Imm(r, n))
	g.set(r, num, int(n)+1)
	return r
}

// memoryBound compares the length of memory.
func (g *generator) memoryBound() {
	if g.regs[6].kind != mem || g.regs[7].kind != memLen {
		return
	}
	n := []int32{1, 4, 8, 16, 40}[g.IntN(5)]
	switch g.IntN(3) {
	case 0:
		g.jump(isa.LT.Imm(isa.R7, n, 0), g.out)
	case 1:
		g.jump(isa.LE.Imm(isa.R7, n-1, 0), g.out)
	case 2:
		e := g.fresh()
		t := g.fresh(e)
		g.emit(isa.Mov.Reg(e, isa.R6), isa.Add.Reg(e, isa.R7), isa.Mov.Reg(t, isa.R6), isa.Add.Imm(t, n))
		g.set(e, none, 0)
		g.set(t, mem, 0)
		g.jump(isa.GT.Reg(t, e, 0), g.out)
	}
	g.regs[6].bound = max(g.regs[6].bound, int(n))
}

// memoryIndex reads memory at an index that was compared with the length.
func (g *generator) memoryIndex() {
	if g.regs[6].kind != mem || g.regs[7].kind != memLen {
		return
	}
	i := g.number()
	slack := int32(0)
	switch g.IntN(4) {
	case 0:
		g.jump(isa.GE.Reg(i, isa.R7, 0), g.out)
	case 1:
		over := label()
		g.jump(isa.LT.Reg(i, isa.R7, 0), over)
		g.jump(isa.Jump(0), g.out)
		g.place(over)
	case 2:
		t := g.fresh(i)
		slack = int32(g.IntN(8))
		g.emit(isa.Mov.Reg(t, i), isa.Add.Imm(t, slack))
		g.set(t, num, 0)
		g.jump(isa.GE.Reg(t, isa.R7, 0), g.out)
	case 3:
		t := g.fresh(i)
		slack = 3
		g.emit(isa.Mov.Reg(t, isa.R7), isa.Sub.Imm(t, slack))
		g.set(t, num, 0)
		g.jump(isa.LT.Imm(isa.R7, slack, 0), g.out)
		g.jump(isa.GE.Reg(i, t, 0), g.out)
	}
	q := g.fresh(i)
	g.emit(isa.Mov.Reg(q, isa.R6), isa.Add.Reg(q, i))
	g.set(q, mem, int(slack)+1)
	if g.IntN(2) == 0 {
		g.set(i, num, 0)
	}
	g.access(q)
}

// lookup looks a key up and tests the result.
func (g *generator) lookup() {
	if g.memory() {
		return
	}
	mp := []int{theArray, theHash, theBig}[g.IntN(3)]
	key := int16(-56)
	if mp == theHash && g.IntN(2) == 0 {
		g.emit(isa.StoreImm(isa.R10, key, int32(g.IntN(3)), 8))
	} else if n, ok := g.find(num); ok && g.IntN(2) == 0 {
		g.emit(isa.StoreMem(isa.R10, key, n, 8))
	} else {
		g.emit(isa.StoreImm(isa.R10, key, int32(g.IntN(3)), 4), isa.StoreImm(isa.R10, key+4, 0, 4))
	}
	g.mapArg(isa.R1, mp)
	g.emit(isa.Mov.Reg(isa.R2, isa.R10), isa.Add.Imm(isa.R2, int32(key)))
	g.helper(1)
	size := int(samplesMaps()[mp].ValueSize)
	g.regs[0] = holding{kind: maybe, bound: 0, mp: mp}
	v := isa.R0
	if g.IntN(2) == 0 {
		v = g.fresh(isa.R0)
		g.emit(isa.Mov.Reg(v, isa.R0))
		g.regs[v] = g.regs[0]
	}
	tested := []isa.Reg{isa.R0, v}[g.IntN(2)]
	switch g.IntN(8) {
	case 0:
		return // not tested
	case 1:
		over := label()
		g.jump(isa.NE.Imm(tested, 0, 0), over)
		g.jump(isa.Jump(0), g.out)
		g.place(over)
	default:
		g.jump(isa.EQ.Imm(tested, 0, 0), g.out)
	}
	g.regs[v] = holding{kind: value, bound: size, mp: mp}
	g.regs[0] = g.regs[v]
}

func (g *generator) mapArg(r isa.Reg, mp int) {
	g.f.items = append(g.f.items, &item{in: isa.LoadImm64(r, 0), mp: mp + 1})
	g.set(r, none, 0)
}

// index moves a pointer with a known extent by a bounded number.
func (g *generator) index() {
	p, ok := g.find(value, mem, cbCtx)
	if !ok || g.regs[p].bound == 0 {
		return
	}
	i := g.small(p)
	if i == p {
		return
	}
	q := g.fresh(p, i)
	h := g.regs[p]
	b := max(g.regs[i].bound, 1)
	g.emit(isa.Mov.Reg(q, p))
	shift := 0
	if g.IntN(3) == 0 {
		shift = 1 + g.IntN(3)
		g.emit(isa.Lsh.Imm(i, int32(shift)))
		g.set(i, num, b<<shift)
	}
	if g.IntN(6) == 0 {
		g.emit(isa.Add.Imm(q, int32(b)), isa.Sub.Reg(q, i))
		h.bound -= b
	} else {
		g.emit(isa.Add.Reg(q, i))
		h.bound -= (b - 1) << shift
	}
	g.regs[q] = h
	if h.bound <= 0 {
		g.regs[q].kind = none
		if g.IntN(3) == 0 {
			g.emit(isa.LoadMem(g.fresh(q), q, 0, 1))
		}
		return
	}
	g.access(q)
}

// use accesses memory that is known to be there.
func (g *generator) use() {
	if r, _, ok := g.readable(); ok {
		g.access(r)
	}
}

// access reads or writes behind a pointer.
func (g *generator) access(p isa.Reg) {
	b := g.regs[p].bound
	size := []uint8{1, 2, 4, 8}[g.IntN(4)]
	if b <= 0 {
		return
	}
	for int(size) > b {
		size /= 2
	}
	off := int16(b - int(size))
	if g.IntN(2) == 0 {
		off = int16(g.IntN(b - int(size) + 1))
	}
	writable := !(g.regs[p].kind == pkt && g.s.typ == "cgroup_skb")
	switch k := g.IntN(4); {
	case k == 0 && writable:
		g.emit(isa.StoreImm(p, off, g.imm(), size))
	case k == 1 && writable:
		g.emit(isa.StoreMem(p, off, g.number(), size))
	default:
		r := g.fresh(p)
		g.emit(isa.LoadMem(r, p, off, size))
		g.set(r, num, map[uint8]int{1: 256}[size])
	}
}

// spill stores a register on the stack.
func (g *generator) spill() {
	r := isa.Reg(g.IntN(10))
	h := g.regs[r]
	if h.kind == none || h.kind == end && g.IntN(2) == 0 {
		return
	}
	i := g.IntN(len(g.slot))
	size := uint8(8)
	if h.kind == num && g.IntN(3) == 0 {
		size = 4
		h.bound = 0
	}
	off := int16(-8 * (i + 1))
	if size == 4 && g.IntN(3) == 0 {
		off += 4
		h.kind = none
	}
	g.emit(isa.StoreMem(isa.R10, off, r, size))
	if size == 4 && h.kind == num {
		g.emit(isa.StoreImm(isa.R10, off+4, 0, 4))
	}
	g.slot[i] = h
}

// fill reads it back.
func (g *generator) fill() {
	i := g.IntN(len(g.slot))
	h := g.slot[i]
	if h.kind == none || h.kind == maybe {
		return
	}
	r := g.fresh()
	off := int16(-8 * (i + 1))
	if h.kind == num && g.IntN(3) == 0 {
		size := []uint8{1, 2, 4}[g.IntN(3)]
		g.emit(isa.LoadMem(r, isa.R10, off, size))
		g.set(r, num, 0)
		return
	}
	if g.IntN(10) == 0 { // overwritten in part
		g.emit(isa.StoreImm(isa.R10, off+int16(g.IntN(8)), g.imm(), 1))
		if h.kind == num {
			h.bound = 0
		} else {
			h.kind = num
			h.bound = 0
		}
		g.slot[i] = holding{}
	}
	g.emit(isa.LoadMem(r, isa.R10, off, 8))
	g.regs[r] = h
}

// stackArray accesses the stack at an index.
func (g *generator) stackArray() {
	i := g.small()
	b := g.regs[i].bound
	q := g.fresh(i)
	g.emit(isa.Mov.Reg(q, isa.R10), isa.Add.Imm(q, -inUse), isa.Add.Reg(q, i))
	size := uint8(1)
	limit := 16
	if g.IntN(3) == 0 {
		limit = inUse
	}
	if b == 0 || b > limit {
		if g.IntN(4) > 0 {
			return
		}
	}
	g.set(q, none, 0)
	switch g.IntN(3) {
	case 0:
		g.emit(isa.StoreMem(q, 0, g.number(), size))
		if limit == inUse {
			g.slot = [6]holding{}
		}
	case 1:
		r := g.fresh(q)
		g.emit(isa.LoadMem(r, q, 0, size))
		g.set(r, num, 256)
	case 2:
		g.emit(isa.StoreImm(q, 0, g.imm(), size))
		if limit == inUse {
			g.slot = [6]holding{}
		}
	}
}

var conds = [...]isa.Cond{isa.EQ, isa.NE, isa.GT, isa.GE, isa.LT, isa.LE, isa.SGT, isa.SGE, isa.SLT, isa.SLE, isa.SET}

func (g *generator) condition() isa.Insn {
	c, a := conds[g.IntN(len(conds))], g.number()
	switch g.IntN(4) {
	case 0:
		return c.Reg(a, g.number(), 0)
	case 1:
		return c.Imm32(a, g.imm(), 0)
	case 2:
		return c.Reg32(a, g.number(), 0)
	}
	return c.Imm(a, g.imm(), 0)
}

// state is what the generator believes at one point.
type state struct {
	regs [11]holding
	slot [6]holding
}

func (g *generator) save() state { return state{g.regs, g.slot} }

// meet keeps what both ways agree on.
func (g *generator) meet(s state) {
	join := func(a, b holding) holding {
		switch {
		case a.kind != b.kind || a.mp != b.mp:
			return holding{}
		case a.kind == num && (a.bound == 0 || b.bound == 0):
			a.bound = 0
		case a.kind == num:
			a.bound = max(a.bound, b.bound)
		default:
			a.bound = min(a.bound, b.bound)
		}
		return a
	}
	for i := range g.regs {
		g.regs[i] = join(g.regs[i], s.regs[i])
	}
	for i := range g.slot {
		g.slot[i] = join(g.slot[i], s.slot[i])
	}
}

const maxDepth = 3

// branch is an if, with or without else.
func (g *generator) branch() {
	if g.deep >= maxDepth {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	otherwise, after := label(), label()
	g.jump(g.condition(), otherwise)
	before := g.save()
	g.body(1 + g.IntN(3))
	if g.IntN(2) == 0 {
		g.place(otherwise)
		g.meet(before)
		return
	}
	g.jump(isa.Jump(0), after)
	then := g.save()
	g.regs, g.slot = before.regs, before.slot
	g.place(otherwise)
	g.body(1 + g.IntN(3))
	g.meet(then)
	g.place(after)
}

// keep is a register for a counter that calls leave alone.
func (g *generator) keep() (isa.Reg, bool) {
	for _, r := range []isa.Reg{isa.R9, isa.R8, isa.R7} {
		if k := g.regs[r].kind; k == none || k == num {
			return r, true
		}
	}
	return 0, false
}

// loop counts, up or down, in one of many ways.
func (g *generator) loop() {
	r, ok := g.keep()
	if !ok || g.deep >= maxDepth {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	n := []int32{2, 3, 4, 8, 16, 31}[g.IntN(6)]
	limit, byReg := isa.R0, false
	if g.IntN(4) == 0 {
		limit, byReg = g.small(r), true
		if g.regs[limit].bound == 0 || limit == r {
			byReg = false
		}
	}
	head, after := label(), label()
	up := g.IntN(3) > 0
	step := int32(1 + g.IntN(3)*g.IntN(2))
	if up {
		g.emit(isa.Mov.Imm(r, 0))
	} else {
		g.emit(isa.Mov.Imm(r, n))
	}
	top := up && g.IntN(2) == 0
	g.loopState(r, int(n))
	g.place(head)
	if top {
		switch {
		case byReg:
			g.jump(isa.GE.Reg(r, limit, 0), after)
		case g.IntN(3) == 0:
			g.jump([]isa.Cond{isa.GE, isa.SGE}[g.IntN(2)].Imm32(r, n, 0), after)
		default:
			g.jump([]isa.Cond{isa.GE, isa.SGE, isa.GT}[g.IntN(3)].Imm(r, n, 0), after)
		}
	}
	before := g.save()
	g.body(1 + g.IntN(3))
	if g.IntN(6) == 0 {
		g.jump(g.condition(), after)
	}
	if g.regs[r].kind != num {
		g.emit(isa.Mov.Imm(r, n))
	}
	g.set(r, num, 0)
	switch {
	case top:
		g.emit(isa.Add.Imm(r, step))
		g.jump(isa.Jump(0), head)
	case up && byReg:
		g.emit(isa.Add.Imm(r, step))
		g.jump(isa.LT.Reg(r, limit, 0), head)
	case up:
		g.emit([]isa.Insn{isa.Add.Imm(r, step), isa.Add.Imm32(r, step)}[g.IntN(2)])
		g.jump([]isa.Cond{isa.LT, isa.SLT, isa.LE, isa.NE}[g.IntN(4)].Imm(r, n, 0), head)
	default:
		g.emit(isa.Sub.Imm(r, step))
		g.jump([]isa.Cond{isa.NE, isa.SGT, isa.GT}[g.IntN(3)].Imm(r, 0, 0), head)
	}
	g.meet(before)
	g.place(after)
	g.set(r, num, 0)
}

// loopState forgets what a body may change: bounds of numbers.
func (g *generator) loopState(r isa.Reg, n int) {
	for i := range g.regs {
		if g.regs[i].kind == num && g.IntN(2) == 0 {
			g.regs[i].bound = 0
		}
	}
	for i := range g.slot {
		if g.slot[i].kind == num {
			g.slot[i].bound = 0
		}
	}
	g.set(r, num, n)
}

// walk moves a pointer through packet or memory.
func (g *generator) walk() {
	p, ok := g.find(pkt)
	e, ok2 := g.find(end)
	if !ok || !ok2 || g.deep >= maxDepth {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	head, after := label(), label()
	counter, bounded := g.keep()
	bounded = bounded && counter != p && counter != e
	if bounded {
		g.emit(isa.Mov.Imm(counter, 0))
	}
	n := int32(1 + g.IntN(4))
	t := g.fresh(p, e, counter)
	acc := g.fresh(p, e, t, counter)
	g.emit(isa.Mov.Imm(acc, 0))
	g.place(head)
	g.emit(isa.Mov.Reg(t, p), isa.Add.Imm(t, n))
	g.jump([]isa.Cond{isa.GT, isa.GE}[g.IntN(2)].Reg(t, e, 0), after)
	x := g.fresh(p, e, t, acc, counter)
	g.emit(isa.LoadMem(x, p, int16(g.IntN(int(n))), 1), isa.Add.Reg(acc, x))
	if g.IntN(4) == 0 {
		g.emit(isa.And.Imm(x, 7), isa.Add.Reg(p, x))
	}
	g.emit(isa.Add.Imm(p, n))
	if bounded && g.IntN(4) > 0 {
		g.emit(isa.Add.Imm(counter, 1))
		g.jump(isa.LT.Imm(counter, 20, 0), head)
	} else {
		g.jump(isa.Jump(0), head)
	}
	g.place(after)
	g.set(p, pkt, 0)
	for _, r := range []isa.Reg{t, x} {
		g.set(r, none, 0)
	}
	if bounded {
		g.set(counter, none, 0)
	}
	g.set(acc, num, 0)
}

// call calls a function with what there is.
func (g *generator) call() {
	if len(g.s.funcs) >= 4 || g.f != g.s.funcs[0] && g.IntN(3) > 0 {
		return
	}
	f := &function{global: g.IntN(4) == 0}
	var from []isa.Reg
	allowed := []kind{num, pkt, value, mem, memLen, cbCtx}
	if f.global {
		allowed = []kind{num}
	}
	for range 1 + g.IntN(3) {
		r, ok := g.find(allowed...)
		if !ok || r < isa.R6 && len(from) > int(r)-1 { // it would be overwritten
			break
		}
		from = append(from, r)
		f.args = append(f.args, g.regs[r].kind)
	}
	if len(from) == 0 {
		g.source(isa.R9)
		from, f.args = []isa.Reg{isa.R9}, []kind{num}
	}
	if !f.global && g.IntN(3) == 0 && len(from) < 4 {
		g.emit(isa.Mov.Reg(isa.Reg(1+len(from)), isa.R10), isa.Add.Imm(isa.Reg(1+len(from)), -inUse))
		g.emit(isa.StoreImm(isa.R10, -inUse, 0, 8), isa.StoreImm(isa.R10, -inUse+8, 0, 8))
		f.args = append(f.args, cbCtx)
	}
	for i := len(from) - 1; i >= 0; i-- {
		if to := isa.Reg(1 + i); to != from[i] {
			g.emit(isa.Mov.Reg(to, from[i]))
		}
	}
	g.s.funcs = append(g.s.funcs, f)
	g.f.items = append(g.f.items, &item{in: isa.CallFunc(0), fn: f})
	g.clobber()
	g.set(isa.R0, num, 0)
}

// subprogram writes the body of a function.
func (g *generator) subprogram(f *function) {
	g.f, g.out, g.deep, g.fuel = f, label(), 0, 3+g.IntN(6)
	g.regs, g.slot, g.pairs = [11]holding{}, [6]holding{}, nil
	for i, k := range f.args {
		r := isa.Reg(6 + i)
		b := map[kind]int{value: 16, cbCtx: 16}[k]
		if k == memLen {
			k = num
		}
		if i < 4 {
			g.emit(isa.Mov.Reg(r, isa.Reg(1+i)))
			g.set(r, k, b)
		}
	}
	if g.memory() {
		for r := range 10 { // R6 and R7 are not what the main program has there
			if g.regs[r].kind == mem && g.regs[r].bound == 0 {
				g.regs[r].bound = map[string]int{"mem/64": 64, "mem/16": 16}[g.s.typ]
			}
		}
	}
	g.body(2 + g.IntN(5))
	if f.callback {
		g.place(g.out)
		g.emit(isa.Mov.Imm(isa.R0, int32(g.IntN(2)*g.IntN(2))), isa.Return())
		return
	}
	if r, ok := g.find(num); ok {
		g.emit(isa.Mov.Reg(isa.R0, r), isa.Return())
	} else {
		g.jump(isa.Jump(0), g.out)
	}
	g.place(g.out)
	g.emit(isa.Mov.Imm(isa.R0, 0), isa.Return())
}

// callback runs a function some times.
func (g *generator) callback() {
	if g.memory() || len(g.s.funcs) >= 4 || g.f != g.s.funcs[0] {
		return
	}
	f := &function{callback: true, args: []kind{num, cbCtx}}
	g.emit(isa.StoreImm(isa.R10, -inUse, g.imm(), 8), isa.StoreImm(isa.R10, -inUse+8, 0, 8))
	if g.IntN(3) > 0 {
		g.emit(isa.Mov.Imm(isa.R1, int32(g.IntN(12))))
	} else if r, ok := g.find(num); ok {
		g.emit(isa.Mov.Reg(isa.R1, r))
	} else {
		g.emit(isa.Mov.Imm(isa.R1, 3))
	}
	each := g.IntN(4) == 0
	if each {
		f.args = []kind{none, none, value, cbCtx}
		g.mapArg(isa.R1, []int{theArray, theHash}[g.IntN(2)])
	}
	g.s.funcs = append(g.s.funcs, f)
	g.f.items = append(g.f.items, &item{in: isa.LoadFunc(isa.R2, 0), fn: f})
	g.emit(isa.Mov.Reg(isa.R3, isa.R10), isa.Add.Imm(isa.R3, -inUse), isa.Mov.Imm(isa.R4, 0))
	if each {
		g.helper(164)
	} else {
		g.helper(181)
	}
}

// iterate is an open-coded iterator over numbers.
func (g *generator) iterate() {
	if g.memory() || g.deep >= maxDepth-1 || g.f.callback {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	at := int32(-72 - 8*int32(g.deep))
	arg := func() { g.emit(isa.Mov.Reg(isa.R1, isa.R10), isa.Add.Imm(isa.R1, at)) }
	named := func(name string) {
		g.f.items = append(g.f.items, &item{in: isa.CallHelper(0), by: name})
		g.clobber()
	}
	arg()
	g.emit(isa.Mov.Imm(isa.R2, 0), isa.Mov.Imm(isa.R3, int32(g.IntN(10))))
	named("bpf_iter_num_new")
	head, after := label(), label()
	g.loopState(isa.R0, 0)
	g.set(isa.R0, none, 0)
	outer := g.out
	g.out = after // leave the loop, not the function
	before := g.save()
	g.place(head)
	arg()
	named("bpf_iter_num_next")
	g.jump(isa.EQ.Imm(isa.R0, 0, 0), after)
	g.emit(isa.LoadMem(isa.R0, isa.R0, 0, 4))
	g.set(isa.R0, num, 0)
	g.body(1 + g.IntN(3))
	g.jump(isa.Jump(0), head)
	g.out = outer
	g.meet(before)
	g.place(after)
	arg()
	named("bpf_iter_num_destroy")
}

// mayGoto is a loop that may end at any turn.
func (g *generator) mayGoto() {
	if g.deep >= maxDepth {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	head, after := label(), label()
	g.loopState(isa.R0, 0)
	g.set(isa.R0, none, 0)
	before := g.save()
	g.place(head)
	g.jump(isa.MayJump(0), after)
	g.body(1 + g.IntN(3))
	g.jump(isa.Jump(0), head)
	g.meet(before)
	g.place(after)
}

var atomics = [...]isa.AtomicOp{isa.AtomicAdd, isa.AtomicOr, isa.AtomicAnd, isa.AtomicXor, isa.AtomicXchg, isa.AtomicCmpXchg}

func (g *generator) atomic() {
	op, size := atomics[g.IntN(len(atomics))], []uint8{4, 8}[g.IntN(2)]
	p, off := isa.R10, int16(-8*(1+g.IntN(6)))
	if r, ok := g.find(value, cbCtx); ok && g.IntN(3) > 0 && g.regs[r].bound >= 8 {
		p, off = r, 8*int16(g.IntN(g.regs[r].bound/8))
	} else {
		i := -off/8 - 1
		if g.slot[i].kind != num && g.IntN(6) > 0 {
			g.emit(isa.StoreImm(isa.R10, off, g.imm(), 8))
		}
		g.slot[i] = holding{kind: num}
	}
	r := g.number()
	if op == isa.AtomicCmpXchg && g.regs[0].kind != num {
		g.emit(isa.Mov.Imm(isa.R0, g.imm()))
		g.set(isa.R0, num, 0)
		if r == isa.R0 || p == isa.R0 {
			return
		}
	}
	if g.IntN(2) == 0 {
		g.emit(op.Mem(p, off, r, size))
	} else {
		g.emit(op.Fetch(p, off, r, size))
	}
	g.set(r, num, 0)
	if op == isa.AtomicCmpXchg {
		g.set(isa.R0, num, 0)
	}
}

// record reserves memory in a ring buffer and gives it back.
func (g *generator) record() {
	if g.memory() || g.deep >= maxDepth {
		return
	}
	size := []int{8, 16, 24}[g.IntN(3)]
	g.mapArg(isa.R1, theRing)
	g.emit(isa.Mov.Imm(isa.R2, int32(size)), isa.Mov.Imm(isa.R3, 0))
	g.helper(131)
	r, ok := g.keep()
	if !ok {
		r = isa.R9
	}
	null, after := label(), label()
	g.emit(isa.Mov.Reg(r, isa.R0))
	g.set(isa.R0, none, 0)
	g.jump(isa.EQ.Imm([]isa.Reg{isa.R0, r}[g.IntN(2)], 0, 0), null)
	g.set(r, none, 0)
	before := g.save()
	for range 1 + g.IntN(2) {
		g.emit(isa.StoreImm(r, int16(8*g.IntN(size/8)), g.imm(), 8))
	}
	if g.IntN(2) == 0 {
		x := g.fresh(r)
		g.emit(isa.LoadMem(x, r, int16(g.IntN(size)), 1))
		g.set(x, num, 256)
	}
	g.emit(isa.Mov.Reg(isa.R1, r), isa.Mov.Imm(isa.R2, 0), isa.CallHelper([]int32{132, 133}[g.IntN(2)]))
	g.clobber()
	g.set(r, none, 0)
	g.jump(isa.Jump(0), after)
	g.place(null)
	g.meet(before)
	g.place(after)
}

// change moves the packet.
func (g *generator) change() {
	if g.regs[6].kind != ctx || g.s.typ == "cgroup_skb" || g.IntN(2) == 0 {
		return
	}
	g.emit(isa.Mov.Reg(isa.R1, ctxReg), isa.Mov.Imm(isa.R2, int32(g.IntN(3))))
	if g.s.typ == "xdp" {
		g.helper(44)
	} else {
		g.helper(39)
	}
	for i := range g.regs {
		if k := g.regs[i].kind; (k == pkt || k == end) && g.IntN(8) > 0 {
			g.regs[i] = holding{}
		}
	}
	for i := range g.slot {
		if k := g.slot[i].kind; (k == pkt || k == end) && g.IntN(8) > 0 {
			g.slot[i] = holding{}
		}
	}
}

// move copies a register.
func (g *generator) move() {
	r := isa.Reg(g.IntN(10))
	if h := g.regs[r]; h.kind != none {
		d := g.fresh(r)
		g.emit(isa.Mov.Reg(d, r))
		g.regs[d] = h
	}
}

// leave returns early.
func (g *generator) leave() { g.jump(g.condition(), g.out) }

// buffer passes memory with a size to a helper.
func (g *generator) buffer() {
	if g.memory() || g.regs[6].kind != ctx {
		return
	}
	n := g.small()
	b := g.regs[n].bound
	if g.s.typ != "xdp" && g.IntN(2) == 0 && (b > 0 && b <= 16 || g.IntN(6) == 0) {
		g.jump(isa.EQ.Imm(n, 0, 0), g.out)
		if n != isa.R4 {
			g.emit(isa.Mov.Reg(isa.R4, n))
		}
		g.emit(isa.Mov.Reg(isa.R1, ctxReg), isa.Mov.Imm(isa.R2, int32(g.IntN(20))), isa.Mov.Reg(isa.R3, isa.R10), isa.Add.Imm(isa.R3, -inUse))
		g.helper(26)
		return
	}
	if p, ok := g.find(value, pkt); ok && g.regs[p].bound >= 4 && p >= isa.R6 {
		g.emit(isa.Mov.Imm(isa.R1, 0), isa.Mov.Imm(isa.R2, 0), isa.Mov.Reg(isa.R3, p), isa.Mov.Imm(isa.R4, int32(g.regs[p].bound&^3)), isa.Mov.Imm(isa.R5, 0))
		g.helper(28)
	}
}

// mutate makes a mistake or two.
func (g *generator) mutate() {
	for range 1 + g.IntN(2) {
		f := g.s.funcs[g.IntN(len(g.s.funcs))]
		at := g.IntN(len(f.items))
		it := f.items[at]
		row := it.in.Row()
		switch k := g.IntN(6); {
		case k == 0:
			if s := g.s.without(slices.Index(g.s.funcs, f), at, 1); s != nil {
				*g.s = *s
			}
		case k == 1 && it.mp == 0 && it.fn == nil && it.in.Op != isa.Call:
			it.in.Imm += []int64{1, -1, 2, -8, 8}[g.IntN(5)]
		case k == 2 && it.to == nil:
			it.in.Off += []int16{1, -1, 4, 8}[g.IntN(4)]
		case k == 3:
			it.in.Src = isa.Reg(g.IntN(10))
		case k == 4 && it.in.Dst != isa.R10:
			it.in.Dst = isa.Reg(g.IntN(10))
		case k == 5 && it.to != nil && row.Kind != isa.KindJump:
			it.in.Op = otherCond(it.in.Op, g.Rand)
		}
	}
}

// otherCond is a comparison of another condition or width with the same operands.
func otherCond(op isa.Op, r *rand.Rand) isa.Op {
	if op < isa.JEQImm || op >= isa.JEQImm+44 {
		return op
	}
	n := int(op - isa.JEQImm)
	if r.IntN(2) == 0 {
		return isa.JEQImm + isa.Op(n^2) // the other width
	}
	return isa.JEQImm + isa.Op(r.IntN(11)*4+n%4)
}
