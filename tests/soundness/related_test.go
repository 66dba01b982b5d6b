package soundness

import (
	"github.com/bpfc/bpfc/core/isa"
)

// Values that are equal or otherwise related, on all ways or on some: what the verifier knows of a pair it must not
// believe of another, above all where ways meet and it takes one state for another.

// pair is two registers that hold related numbers.
type pair struct{ a, b isa.Reg }

// relatedStatements make and use related values.
func relatedStatements() []func(*generator) {
	return []func(*generator){
		(*generator).twin, (*generator).twin, (*generator).meeting, (*generator).meeting, (*generator).meeting, (*generator).difference, (*generator).comparison, (*generator).comparison,
		(*generator).boundTwin, (*generator).boundTwin, (*generator).chain, (*generator).chain, (*generator).lengthTwin, (*generator).lengthTwin, (*generator).movedTwice, (*generator).pieces, (*generator).pieces,
		(*generator).inStep, (*generator).inStep, (*generator).diamonds, (*generator).packet, (*generator).lookup, (*generator).mask, (*generator).memoryBound, (*generator).memoryIndex, (*generator).bound, (*generator).spill, (*generator).fill, (*generator).use, (*generator).loop, (*generator).call, (*generator).move, (*generator).far,
	}
}

// some are n of the statements, by chance: few kinds that come often find more than all kinds together.
func (g *generator) some(all []func(*generator), n int) (list []func(*generator)) {
	for range n {
		list = append(list, all[g.IntN(len(all))])
	}
	return list
}

// related is a pair of related numbers, made if there is none.
func (g *generator) related() pair {
	for range 4 {
		if len(g.pairs) == 0 {
			break
		}
		if p := g.pairs[g.IntN(len(g.pairs))]; g.regs[p.a].kind == num && g.regs[p.b].kind == num {
			return p
		}
	}
	r := g.number()
	d := g.fresh(r)
	g.twinOf(d, r)
	return pair{d, r}
}

// pairUp remembers a pair.
func (g *generator) pairUp(a, b isa.Reg) {
	if g.pairs = append(g.pairs, pair{a, b}); len(g.pairs) > 4 {
		g.pairs = g.pairs[1:]
	}
}

// twin makes a number that is related to another.
func (g *generator) twin() {
	r := g.number()
	d := g.fresh(r)
	g.twinOf(d, r)
	g.pairUp(d, r)
}

var distances = [...]int32{1, 1, 2, 3, 4, 8, -1, -2, -4, 20, -20}

// twinOf puts in d a number that is related to r.
func (g *generator) twinOf(d, r isa.Reg) {
	c := distances[g.IntN(len(distances))]
	g.apart[g.IntN(len(g.apart))] = c
	k := []int32{32, 32, 32, 48, 56}[g.IntN(5)]
	off := int16(-8 * (1 + g.IntN(len(g.slot))))
	copied := isa.Mov.Reg(d, r)
	switch g.IntN(18) {
	case 0, 1, 2, 3, 16, 17:
		g.emit(copied)
	case 4, 5:
		g.emit(isa.Mov.Reg32(d, r))
	case 6, 7:
		g.emit(copied, isa.Add.Imm(d, c))
	case 8:
		g.emit(copied, isa.Add.Imm32(d, c))
	case 9:
		g.emit(copied, isa.Sub.Imm(d, c))
	case 10:
		g.emit(copied, isa.Lsh.Imm(d, k), []isa.Insn{isa.Rsh.Imm(d, k), isa.Arsh.Imm(d, k)}[g.IntN(2)])
	case 11:
		g.emit(copied, isa.Lsh.Imm(d, k)) // shifted back later
		g.shifted = d
	case 12:
		g.emit(copied, []isa.Insn{isa.And.Imm(d, 15), isa.Rsh.Imm(d, 2), isa.Mod.Imm(d, 9), isa.Or.Imm(d, 1)}[g.IntN(4)])
	case 13, 14:
		size := []uint8{8, 8, 4}[g.IntN(3)]
		g.emit(isa.StoreMem(isa.R10, off, r, size), isa.LoadMem(d, isa.R10, off, size))
		g.slot[-off/8-1] = holding{}
	case 15:
		g.emit(isa.Extend64(d, r, []uint8{1, 2, 4}[g.IntN(3)]))
	}
	g.set(d, num, g.regs[r].bound)
}

// fork jumps on a bit of the input.
func (g *generator) fork(to *item, not ...isa.Reg) {
	t := g.fresh(not...)
	g.source(t)
	bit := int32(1) << g.IntN(2)
	switch g.IntN(3) {
	case 0:
		g.emit(isa.And.Imm(t, bit))
		g.jump(isa.EQ.Imm(t, 0, 0), to)
	case 1:
		g.jump(isa.SET.Imm(t, bit, 0), to)
	case 2:
		g.jump(isa.GT.Imm(t, bit, 0), to)
	}
	g.set(t, num, 0)
}

// warm goes far enough that the verifier keeps a state at the next join.
func (g *generator) warm(not ...isa.Reg) {
	t := g.fresh(not...)
	g.source(t)
	g.jump(isa.EQ.Imm(t, int32(1000+g.IntN(100)), 0), g.out)
	for range 4 + g.IntN(4) {
		g.emit(isa.Mov.Imm(t, int32(g.IntN(9))))
	}
	g.set(t, num, 9)
}

// meeting puts related numbers in a register on two ways that meet, and then relies on what one of them knew.
func (g *generator) meeting() {
	if g.deep >= maxDepth {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	a, b := g.number(), g.number()
	d := g.fresh(a, b)
	if g.IntN(4) > 0 {
		g.warm(a, b, d)
	}
	if g.regs[a].kind != num || g.regs[b].kind != num {
		return
	}
	g.ways(d, a, b, 2)
	g.pairs = nil
	g.pairUp(d, a)
	g.pairUp(d, b)
	g.pairUp(a, b)
	if g.shifted == d && g.IntN(2) == 0 {
		g.emit(isa.Rsh.Imm(d, 32))
		g.shifted = 0
	}
	if g.IntN(4) == 0 {
		g.warm(a, b, d)
		g.halfway([]isa.Reg{a, b, d}[g.IntN(3)], a, b, d)
	}
	uses := [...]func(*generator){(*generator).twinAfter, (*generator).twinAfter, (*generator).twinAfter, (*generator).difference, (*generator).difference, (*generator).comparison, (*generator).boundTwin, (*generator).limit, (*generator).limit, (*generator).lengthTwin, (*generator).movedTwice, (*generator).chain}
	for range 1 + g.IntN(3) {
		uses[g.IntN(len(uses))](g)
	}
}

// ways puts a number in d on two ways that meet, or on more.
func (g *generator) ways(d, a, b isa.Reg, most int) {
	otherwise, after := label(), label()
	g.fork(otherwise, a, b, d)
	before := g.save()
	g.way(d, a, b)
	g.jump(isa.Jump(0), after)
	g.place(otherwise)
	g.regs, g.slot = before.regs, [6]holding{}
	if most > 1 && g.IntN(2) == 0 {
		g.warm(a, b, d)
		g.ways(d, a, b, most-1)
		if g.IntN(2) == 0 {
			g.warm(a, b, d)
		}
	} else {
		g.way(d, a, b)
	}
	g.place(after)
	g.set(d, num, 0)
}

// way puts a number in d that is related to a or to b, or to none.
func (g *generator) way(d, a, b isa.Reg) {
	from := []isa.Reg{a, a, a, b}[g.IntN(4)]
	if g.IntN(2) == 0 {
		g.source(a)
	}
	switch g.IntN(8) {
	case 0:
		g.source(d)
	case 1:
		g.emit(isa.Mov.Imm(d, []int32{1, 8, 15, 40, 64}[g.IntN(5)]))
	case 2:
		g.compareOut(a, b)
		g.twinOf(d, from)
	case 3:
		g.jump(isa.GT.Imm(from, []int32{7, 15, 31, 255}[g.IntN(4)], 0), g.out)
		g.twinOf(d, from)
	case 4:
		g.twinOf(d, from)
		g.source(from)
	default:
		g.twinOf(d, from)
	}
	g.set(d, num, 0)
}

// twinAfter makes a related number where ways have met, and relies on it.
func (g *generator) twinAfter() {
	p := g.related()
	r := []isa.Reg{p.a, p.b}[g.IntN(2)]
	t := g.fresh(r)
	if t == r || g.regs[r].kind != num {
		return
	}
	g.twinOf(t, r)
	old := g.pairs
	g.pairs = []pair{{t, r}}
	[]func(*generator){(*generator).difference, (*generator).comparison, (*generator).boundTwin, (*generator).limit}[g.IntN(4)](g)
	g.pairs = old
}

// limit bounds a number by another that is bounded on some ways.
func (g *generator) limit() {
	p := g.related()
	a, b := p.a, p.b
	if g.regs[a].kind != num || g.regs[b].kind != num {
		return
	}
	if g.IntN(2) == 0 {
		a, b = b, a
	}
	c := []isa.Cond{isa.GT, isa.GE}[g.IntN(2)]
	if g.IntN(4) == 0 {
		g.jump(c.Reg32(a, b, 0), g.out)
	} else {
		g.jump(c.Reg(a, b, 0), g.out)
	}
	if g.IntN(2) == 0 {
		g.maybeDead(isa.GT.Imm(a, []int32{1, 8, 15, 40, 255}[g.IntN(5)], 0))
		return
	}
	if g.IntN(3) > 0 {
		g.jump(isa.GT.Imm(b, []int32{15, 31, 60}[g.IntN(3)], 0), g.out)
	}
	g.indexBy(a)
}

var orders = [...]isa.Cond{isa.LT, isa.LE, isa.GT, isa.GE, isa.EQ, isa.NE, isa.SLT, isa.SGE}

// compareOut leaves the function by a comparison of two numbers.
func (g *generator) compareOut(a, b isa.Reg) {
	c := orders[g.IntN(len(orders))]
	if g.IntN(4) == 0 {
		g.jump(c.Reg32(a, b, 0), g.out)
		return
	}
	g.jump(c.Reg(a, b, 0), g.out)
}

// maybeDead is a part that only some outcomes of a comparison lead to, or none.
func (g *generator) maybeDead(in isa.Insn) {
	over := label()
	g.jump(in, over)
	t := g.fresh()
	if g.regs[t].kind != num && g.regs[t].kind != none {
		t = isa.R0
		g.set(t, none, 0)
	}
	g.emit(isa.Mov.Imm(t, g.imm()))
	g.set(t, num, 0)
	g.place(over)
	for i := range g.regs {
		if isa.Reg(i) == t {
			g.set(t, none, 0)
		}
	}
}

// difference branches on the difference of two related numbers.
func (g *generator) difference() {
	p := g.related()
	t := g.fresh(p.a, p.b)
	if g.regs[p.a].kind != num || g.regs[p.b].kind != num || t == p.a || t == p.b {
		return
	}
	g.emit(isa.Mov.Reg(t, p.a))
	g.emit([]isa.Insn{isa.Sub.Reg(t, p.b), isa.Sub.Reg(t, p.b), isa.Xor.Reg(t, p.b), isa.Sub.Reg32(t, p.b)}[g.IntN(4)])
	g.set(t, num, 0)
	g.maybeDead([]isa.Cond{isa.EQ, isa.NE, isa.GT, isa.SLT}[g.IntN(4)].Imm(t, []int32{0, 0, 1, g.apart[0], g.apart[1], -g.apart[0]}[g.IntN(6)], 0))
}

// comparison compares two related numbers.
func (g *generator) comparison() {
	p := g.related()
	if g.regs[p.a].kind != num || g.regs[p.b].kind != num {
		return
	}
	c := orders[g.IntN(len(orders))]
	if g.IntN(4) == 0 {
		g.maybeDead(c.Reg32(p.a, p.b, 0))
		return
	}
	g.maybeDead(c.Reg(p.a, p.b, 0))
}

// boundTwin bounds a number and relies on the bound of the one that is related to it.
func (g *generator) boundTwin() {
	p := g.related()
	a, b := p.a, p.b
	if g.IntN(2) == 0 {
		a, b = b, a
	}
	n := []int32{3, 7, 15, 31, 60}[g.IntN(5)]
	checked := a
	if t := g.fresh(a, b); g.IntN(3) == 0 && t != a && t != b {
		checked = t
		g.emit(isa.Mov.Reg(t, a), isa.Add.Imm(t, distances[g.IntN(len(distances))]))
		g.set(t, num, 0)
	}
	switch g.IntN(4) {
	case 0:
		g.jump(isa.GT.Imm32(checked, n, 0), g.out)
	case 1:
		g.jump(isa.SLT.Imm(checked, 0, 0), g.out)
		g.jump(isa.SGT.Imm(checked, n, 0), g.out)
	default:
		g.jump(isa.GT.Imm(checked, n, 0), g.out)
	}
	g.set(b, num, int(n)+1)
	if g.IntN(3) == 0 {
		c := distances[g.IntN(len(distances))]
		g.emit(isa.Add.Imm(b, c))
		g.set(b, num, max(int(n+c)+1, 1))
	}
	if g.IntN(2) == 0 {
		g.maybeDead([]isa.Cond{isa.GT, isa.SGT, isa.LE}[g.IntN(3)].Imm(b, []int32{n, n + 1, n + 2, n + 8, 255}[g.IntN(5)], 0))
		return
	}
	g.indexBy(b)
}

// indexBy accesses memory at the number in i.
func (g *generator) indexBy(i isa.Reg) {
	if p, ok := g.find(value, mem, cbCtx); ok && g.regs[p].bound > 0 && p != i {
		q := g.fresh(p, i)
		g.emit(isa.Mov.Reg(q, p), isa.Add.Reg(q, i))
		g.set(q, none, 0)
		g.emit(isa.LoadMem(q, q, 0, 1))
		g.set(q, num, 256)
		return
	}
	q := g.fresh(i)
	g.emit(isa.Mov.Reg(q, isa.R10), isa.Add.Imm(q, -inUse), isa.Add.Reg(q, i), isa.LoadMem(q, q, 0, 1))
	g.set(q, num, 256)
}

// chain compares a with b and b with c, and then a with c.
func (g *generator) chain() {
	p := g.related()
	c := g.number()
	if g.memory() && g.regs[7].kind == memLen && g.IntN(2) == 0 {
		c = isa.R7
	}
	a, b := p.a, p.b
	if a == c || b == c || g.regs[a].kind != num || g.regs[b].kind != num {
		return
	}
	g.jump([]isa.Cond{isa.GT, isa.GE}[g.IntN(2)].Reg(a, b, 0), g.out)
	if g.IntN(2) == 0 {
		g.warm(a, b, c)
		g.halfway(b, a, c)
	}
	g.jump([]isa.Cond{isa.GT, isa.GE}[g.IntN(2)].Reg(b, c, 0), g.out)
	if g.IntN(2) == 0 {
		g.warm(a, b, c)
		g.halfway(b, a, c)
	}
	if c == isa.R7 && g.memory() && g.IntN(2) == 0 {
		q := g.fresh(a, b)
		g.emit(isa.Mov.Reg(q, isa.R6), isa.Add.Reg(q, a))
		g.set(q, mem, 1)
		if g.IntN(3) == 0 {
			g.warm(q)
			g.halfway(a, q)
		}
		g.emit(isa.LoadMem(q, q, 0, 1))
		g.set(q, num, 256)
		return
	}
	if g.IntN(3) == 0 {
		g.emit(isa.Mov.Imm(b, 0))
		g.set(b, num, 1)
	}
	g.maybeDead([]isa.Cond{isa.GT, isa.GE, isa.LE, isa.LT}[g.IntN(4)].Reg(a, c, 0))
}

// halfway overwrites r on one of two ways that meet, or knows more there.
func (g *generator) halfway(r isa.Reg, not ...isa.Reg) {
	over := label()
	g.fork(over, append(not, r)...)
	switch g.IntN(4) {
	case 0:
		g.source(r)
	case 1:
		g.jump(isa.GT.Imm(r, []int32{3, 15, 63}[g.IntN(3)], 0), g.out)
	case 2:
		g.emit(isa.Mov.Imm(r, int32(g.IntN(4))))
	case 3:
		g.emit(isa.Add.Imm(r, distances[g.IntN(len(distances))]))
	}
	g.set(r, num, 0)
	g.place(over)
}

// lengthTwin compares what is related to the length of memory.
func (g *generator) lengthTwin() {
	if !g.memory() || g.regs[7].kind != memLen || g.regs[6].kind != mem {
		return
	}
	d := g.fresh()
	g.emit(isa.Mov.Reg(d, isa.R7))
	g.set(d, num, 0)
	if g.IntN(2) == 0 {
		g.jump(isa.GT.Imm(d, 60+int32(g.IntN(60)), 0), g.out)
	}
	switch g.IntN(3) {
	case 0:
		g.warm(d)
		g.halfway(d)
	case 1: // the length on one way only
		g.warm(d)
		over := label()
		g.fork(over, d)
		switch g.IntN(3) {
		case 0:
			g.source(d)
		case 1:
			g.emit(isa.Mov.Imm(d, int32(30+g.IntN(60))))
		case 2:
			g.source(d)
			g.emit(isa.And.Imm(d, 63), isa.Add.Imm(d, int32(g.IntN(64))))
		}
		g.set(d, num, 0)
		g.place(over)
	}
	off := []int32{0, 0, 1, 5, 20}[g.IntN(5)]
	if off > 0 {
		g.emit([]isa.Insn{isa.Sub.Imm(d, off), isa.Add.Imm32(d, -off)}[g.IntN(2)])
	}
	n := []int32{4, 17, 24, 40, 65}[g.IntN(5)]
	if g.IntN(4) == 0 {
		e, t := g.fresh(d), g.fresh(d)
		if e == t {
			return
		}
		g.emit(isa.Mov.Reg(e, isa.R6), isa.Add.Reg(e, d), isa.Mov.Reg(t, isa.R6), isa.Add.Imm(t, n))
		g.set(e, none, 0)
		g.set(t, none, 0)
		g.jump(isa.GT.Reg(t, e, 0), g.out)
	} else if t := g.fresh(d); g.IntN(2) == 0 {
		g.emit(isa.Mov.Imm(t, n))
		g.set(t, num, int(n)+1)
		if g.IntN(2) == 0 {
			g.warm(d, t)
			g.halfway(t, d)
		}
		g.jump(isa.LT.Reg(d, t, 0), g.out)
	} else {
		g.jump(isa.LT.Imm(d, n, 0), g.out)
	}
	t := g.fresh(d)
	g.emit(isa.LoadMem(t, isa.R6, int16(n+off-1), 1))
	g.set(t, num, 256)
}

// movedTwice moves a pointer by two related numbers, compares one with the end and uses the other.
func (g *generator) movedTwice() {
	p, ok := g.find(pkt)
	e, ok2 := g.find(end)
	if g.memory() && g.regs[6].kind == mem && g.regs[7].kind == memLen {
		p, e, ok, ok2 = isa.R6, g.fresh(), true, true
		g.emit(isa.Mov.Reg(e, isa.R6), isa.Add.Reg(e, isa.R7))
		g.set(e, end, 0)
	}
	if !ok || !ok2 {
		return
	}
	r := g.related()
	if r.a == e || r.b == e || r.a == p || r.b == p {
		return
	}
	mask := []int32{7, 15, 31}[g.IntN(3)]
	for _, x := range []isa.Reg{r.a, r.b} {
		if g.regs[x].bound == 0 {
			g.jump(isa.GT.Imm(x, mask, 0), g.out)
		}
	}
	q := g.fresh(p, e, r.a, r.b)
	t := g.fresh(p, e, r.a, r.b, q)
	g.emit(isa.Mov.Reg(q, p), isa.Add.Reg(q, r.a))
	g.set(q, pkt, 0)
	if g.IntN(3) == 0 { // by one or by the other
		g.warm(p, e, r.a, r.b, q)
		over := label()
		g.fork(over, p, e, r.a, r.b, q)
		g.emit(isa.Mov.Reg(q, p), isa.Add.Reg(q, r.b))
		g.place(over)
	} else if g.IntN(2) == 0 {
		g.warm(p, e, r.a, r.b, q)
		g.halfway(r.b, p, e, r.a, q)
		if g.IntN(2) == 0 {
			g.emit(isa.And.Imm(r.b, mask))
		}
	}
	n := int32(1 + g.IntN(4))
	g.emit(isa.Mov.Reg(t, q), isa.Add.Imm(t, n))
	g.jump(isa.GT.Reg(t, e, 0), g.out)
	u := g.fresh(p, e, r.a, r.b)
	g.emit(isa.Mov.Reg(u, p), isa.Add.Reg(u, []isa.Reg{r.a, r.b, r.b}[g.IntN(3)]), isa.LoadMem(u, u, int16(g.IntN(int(n))), 1))
	g.set(u, num, 256)
	g.set(t, none, 0)
	if g.memory() {
		g.set(e, none, 0)
	}
}

// pieces writes parts of a slot on some ways, and branches on what is read from others.
func (g *generator) pieces() {
	i := g.IntN(len(g.slot))
	at := int16(-8 * (i + 1))
	g.slot[i] = holding{}
	part := func() (off int16, size uint8) {
		size = []uint8{1, 2, 4, 4, 8}[g.IntN(5)]
		return at + int16(size)*int16(g.IntN(8/int(size))), size
	}
	put := func() {
		off, size := part()
		if r, ok := g.find(num); ok && g.IntN(2) == 0 {
			g.emit(isa.StoreMem(isa.R10, off, r, size))
			return
		}
		g.emit(isa.StoreImm(isa.R10, off, []int32{0, 0, 0, 1, 258, -1}[g.IntN(6)], size))
	}
	g.emit(isa.StoreImm(isa.R10, at, 0, 8))
	if r := g.number(); g.IntN(2) == 0 {
		g.emit(isa.StoreMem(isa.R10, at, r, 8))
	}
	if g.IntN(3) > 0 {
		g.warm()
	}
	otherwise, after := label(), label()
	g.fork(otherwise)
	for range 1 + g.IntN(3) {
		put()
	}
	if g.IntN(2) == 0 {
		g.jump(isa.Jump(0), after)
		g.place(otherwise)
		put()
		g.place(after)
	} else {
		g.place(otherwise)
	}
	r := g.fresh()
	off, size := part()
	g.emit(isa.LoadMem(r, isa.R10, off, size))
	g.set(r, num, 0)
	g.maybeDead([]isa.Cond{isa.EQ, isa.NE, isa.GT}[g.IntN(3)].Imm(r, []int32{0, 0, 1, 255}[g.IntN(4)], 0))
	if g.IntN(3) == 0 && g.regs[r].kind == num {
		g.jump(isa.GT.Imm(r, 31, 0), g.out)
		g.indexBy(r)
	}
}

// inStep moves two numbers together in a loop; one is compared, the other used.
func (g *generator) inStep() {
	i, ok := g.keep()
	if !ok || g.deep >= maxDepth {
		return
	}
	g.deep++
	defer func() { g.deep-- }()
	j := g.fresh(i)
	if k := g.regs[j].kind; k != num && k != none {
		return
	}
	n, step, start := int32(2+g.IntN(14)), int32(1+g.IntN(3)), int32(g.IntN(3))
	up := g.IntN(4) > 0
	g.emit(isa.Mov.Imm(i, map[bool]int32{true: 0, false: n}[up]), isa.Mov.Imm(j, start))
	g.set(i, num, 0)
	g.set(j, num, 0)
	if g.IntN(3) == 0 { // equal, or not, when the loop is entered
		g.warm(i, j)
		over := label()
		g.fork(over, i, j)
		g.emit(isa.Add.Imm(j, int32(g.IntN(3))))
		g.place(over)
	}
	head, after := label(), label()
	g.place(head)
	top := g.IntN(2) == 0
	if top && up {
		g.jump(isa.GE.Imm(i, n, 0), after)
	} else if top {
		g.jump([]isa.Cond{isa.EQ, isa.SLE}[g.IntN(2)].Imm(i, 0, 0), after)
	}
	inside := g.IntN(2) == 0
	if inside {
		g.useCounter(i, j)
	}
	switch g.IntN(4) {
	case 0:
		g.body(1)
	case 1: // ways that meet in the loop
		g.warm(i, j)
		over := label()
		g.fork(over, i, j)
		g.emit([]isa.Insn{isa.Add.Imm(j, int32(g.IntN(4))), isa.Mov.Imm(j, int32(g.IntN(40))), isa.Mov.Reg(j, i), isa.And.Imm(j, 15)}[g.IntN(4)])
		g.place(over)
		g.useCounter(i, j)
	}
	for _, r := range []isa.Reg{i, j} {
		if g.regs[r].kind != num {
			g.emit(isa.Mov.Imm(r, n))
		}
	}
	if up {
		g.emit(isa.Add.Imm(i, 1))
	} else {
		g.emit(isa.Sub.Imm(i, 1))
	}
	g.emit(isa.Add.Imm(j, step))
	if g.IntN(8) == 0 {
		over := label()
		g.fork(over, i, j)
		g.emit(isa.Add.Imm(j, step))
		g.place(over)
	}
	switch {
	case top:
		g.jump(isa.Jump(0), head)
	case up:
		g.jump([]isa.Cond{isa.LT, isa.NE}[g.IntN(2)].Imm(i, n, 0), head)
	default:
		g.jump([]isa.Cond{isa.NE, isa.SGT}[g.IntN(2)].Imm(i, 0, 0), head)
	}
	g.place(after)
	for r := range g.regs {
		if g.regs[r].kind == num && isa.Reg(r) != i && isa.Reg(r) != j {
			g.regs[r].bound = 0
		}
	}
	g.set(i, num, 0)
	g.set(j, num, 0)
	g.pairUp(i, j)
	if !inside {
		g.useCounter(i, j)
	}
}

// useCounter accesses the stack at j, or compares it with i.
func (g *generator) useCounter(i, j isa.Reg) {
	switch g.IntN(3) {
	case 0:
		g.maybeDead(orders[g.IntN(len(orders))].Imm(j, int32(g.IntN(40)), 0))
	case 1:
		g.maybeDead(orders[g.IntN(len(orders))].Reg(i, j, 0))
	case 2:
		if q := g.fresh(i, j); q != i && q != j {
			g.emit(isa.Mov.Reg(q, isa.R10), isa.Add.Imm(q, -inUse), isa.Add.Reg(q, j), isa.LoadMem(q, q, 0, 1))
			g.set(q, num, 256)
		}
	}
}

// far adds a large number to a number or, rarely, to a pointer.
func (g *generator) far() {
	c := []uint64{1<<63 - 4, 1<<63 - 8, 1<<63 - 1, 1 << 63, 1 << 62, 1 << 60, 1 << 47, 1 << 32, 1<<31 - 1, ^uint64(1<<31) + 1, 1<<63 + 8}[g.IntN(11)]
	t := g.fresh()
	if k := g.regs[t].kind; k != num && k != none {
		return
	}
	g.emit(isa.LoadImm64(t, int64(c)))
	g.set(t, num, 0)
	if r, ok := g.find(num); ok && r != t && g.IntN(8) > 0 {
		g.emit([]isa.Insn{isa.Add.Reg(r, t), isa.Sub.Reg(r, t)}[g.IntN(2)])
		g.set(r, num, 0)
		g.pairUp(r, t)
		return
	}
	p := isa.R10
	if r, _, ok := g.readable(); ok {
		p = r
	}
	g.emit(isa.Add.Reg(t, p), isa.LoadMem(t, t, int16(g.IntN(3)*4-4), []uint8{1, 4, 8}[g.IntN(3)]))
	g.set(t, num, 0)
}

// diamonds is one branch after the other, each leaving a small number in a register.
func (g *generator) diamonds() {
	a, b := g.number(), g.number()
	for range 2 + g.IntN(4) {
		over := label()
		g.fork(over, a, b)
		r := []isa.Reg{a, b}[g.IntN(2)]
		switch g.IntN(4) {
		case 0:
			g.emit(isa.Mov.Imm(r, int32(g.IntN(16))))
		case 1:
			g.emit(isa.Mov.Reg(a, b))
		case 2:
			g.emit(isa.Mov.Reg(b, a))
		case 3:
			g.emit(isa.Add.Imm(r, distances[g.IntN(len(distances))]))
		}
		g.place(over)
	}
	g.set(a, num, 0)
	g.set(b, num, 0)
	if a != b {
		g.pairUp(a, b)
	}
}
