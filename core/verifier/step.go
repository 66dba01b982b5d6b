package verifier

import (
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// reject makes the Error of an instruction; blame are the values that it comes from.
func (a *analysis) reject(p *path, in *ir.Insn, c Code, blame []ref, format string, args ...any) *Error {
	e := a.fail(c, a.program.Funcs[p.top().fn], in.Pos, format, args...)
	e.blame, e.trail, e.path, e.in = blame, p.trail, p, in
	return e
}

// step follows one instruction.
func (a *analysis) step(p *path, in *ir.Insn, gi int32) (*path, *Error) {
	e := in.Op.Info().Effects
	if a.policy == Guard && !a.leaks {
		a.zeroUnset(p, in)
	}
	if err := a.uses(p, in, e); err != nil {
		return nil, err
	}
	switch {
	case in.Op == ir.OpJmp:
		a.jump(p, in.Then)
		return p, nil
	case in.Op == ir.OpBr:
		return a.branch(p, in, gi)
	case in.Op == ir.OpMayGoto:
		return a.mayGoto(p, in), nil
	case in.Op == ir.OpExit:
		return a.exit(p, in)
	case e&ir.CallsOut != 0:
		return a.call(p, in, gi)
	}
	var err *Error
	switch {
	case in.Op == ir.OpLoadAbs || in.Op == ir.OpLoadInd:
		err = a.loadPacket(p, in)
	case in.Op == ir.OpLoad:
		err = a.load(p, in)
	case in.Op == ir.OpStore:
		err = a.store(p, in)
	case e&ir.UseMem != 0:
		err = a.atomic(p, in)
	case in.Op == ir.OpAddr:
		err = a.address(p, in)
	default:
		err = a.compute(p, in)
	}
	if err != nil {
		return nil, err
	}
	p.next()
	return p, nil
}

// zeroUnset gives registers that in reads and that nothing has written the number 0, which the
// lowering puts there under guard (FuncFacts.ZeroEntry, InsnFact.ZeroAfter).
func (a *analysis) zeroUnset(p *path, in *ir.Insn) {
	use, _ := a.useDef(in)
	if in.Op == ir.OpExit {
		use |= ir.Bit(ir.R0)
	}
	for r := ir.R0; r < ir.R10; r++ {
		if use.Has(r) && p.reg(r) == 0 {
			p.set(r, a.number(0))
		}
	}
}

// uses refuses registers that were not written.
func (a *analysis) uses(p *path, in *ir.Insn, e ir.Effects) *Error {
	if e&ir.CallsOut != 0 || in.Op == ir.OpExit {
		return nil // by their own rules
	}
	regs := &p.top().regs
	for _, r := range [...]ir.Reg{in.A, in.B, in.Base, in.Index} {
		if r != ir.None && regs[r-ir.R0] == 0 {
			return a.unset(p, in, r)
		}
	}
	return nil
}

// unset is the Error of reading a register that was not written.
func (a *analysis) unset(p *path, in *ir.Insn, r ir.Reg) *Error {
	why := "nothing was written to it on this path"
	if r >= ir.R1 && r <= ir.R5 {
		why = "nothing was written to it on this path; calls leave R1 to R5 without a value"
	}
	return a.reject(p, in, CodeUnset, nil, "%s is read, but %s", regName(r), why)
}

func regName(r ir.Reg) string { return "R" + r.String()[1:] }

// made is the node of what in computes.
func (a *analysis) made(p *path, in *ir.Insn, n node) ref {
	n.pos, n.fn = in.Pos, p.top().fn
	if n.cause == byEntry {
		n.cause = byInsn
	}
	return a.add(n)
}

// any is a number of which only num is known.
func (a *analysis) any(p *path, in *ir.Insn, c cause, num scalar.Num) ref {
	return a.made(p, in, node{kind: isScalar, cause: c, num: num})
}

// address follows an lddw of a map, a section or a function.
func (a *analysis) address(p *path, in *ir.Insn) *Error {
	n := node{num: scalar.Const(0), obj: in.Ref.Index}
	switch in.Ref.Kind {
	case ir.RefMap:
		n.kind, n.id = isMap, a.identityOf(uint64(in.Ref.Index)|1<<40, 0, 0)
	case ir.RefMapValue:
		n.kind, n.off = isMapValue, in.Imm
		n.id = a.derive(derivation{op: ir.OpAddr, off: int64(in.Ref.Index)})
		if a.program.Maps[in.Ref.Index].Flags&abi.MapFlagReadOnlyProg != 0 {
			n.flags |= readOnly
		}
	case ir.RefData:
		n.kind, n.off = isData, in.Imm
		if a.program.Data[in.Ref.Index].ReadOnly {
			n.flags |= readOnly
		}
	default:
		n.kind = isFunc
	}
	p.set(in.Dst, a.made(p, in, n))
	return nil
}

// identityOf is the identity that a key always has.
func (a *analysis) identityOf(x, y, z uint64) uint32 {
	k := [3]uint64{x, y, z}
	id, ok := a.ids[k]
	if !ok {
		id = a.newID()
		a.ids[k] = id
	}
	return id
}

// compute follows arithmetic and moves.
func (a *analysis) compute(p *path, in *ir.Insn) *Error {
	switch in.Op {
	case ir.OpMov:
		return a.move(p, in)
	case ir.OpNeg, ir.OpSext, ir.OpZext, ir.OpBswap:
		return a.unary(p, in)
	}
	if err := a.immediate(p, in); err != nil {
		return err
	}
	x := p.reg(in.A)
	y := a.operand(p, in)
	n, m := a.at(x), a.at(y)
	if n.kind == isScalar && m.kind == isScalar {
		p.set(in.Dst, a.arithmetic(p, in, x, y))
		return nil
	}
	return a.pointerMath(p, in, x, y)
}

// immediate refuses divisions by a constant 0 and shifts by more than a register has,
// which Linux takes for mistakes (check_alu_op, kernel/bpf/verifier.c, 6.18). They have a meaning, so guard allows them.
func (a *analysis) immediate(p *path, in *ir.Insn) *Error {
	if in.B != ir.None || a.policy == Guard {
		return nil
	}
	switch in.Op {
	case ir.OpDiv, ir.OpSDiv, ir.OpMod, ir.OpSMod:
		if in.Imm == 0 {
			return a.reject(p, in, CodeImmediate, nil, "division by the constant 0")
		}
	case ir.OpLsh, ir.OpRsh, ir.OpArsh:
		if in.Imm < 0 || in.Imm >= int64(in.Width) {
			return a.reject(p, in, CodeImmediate, nil, "shift by %d: a register has %d bits", in.Imm, in.Width)
		}
	}
	return nil
}

// operand is the second operand: a register or a constant.
func (a *analysis) operand(p *path, in *ir.Insn) ref {
	if in.B != ir.None {
		return p.reg(in.B)
	}
	c := &a.constants[a.gi(p)]
	if *c == 0 {
		v := uint64(in.Imm)
		if in.Width == 32 {
			v = uint64(uint32(v))
		}
		*c = a.number(v)
	}
	return *c
}

// share notes that more than one place holds r.
func (a *analysis) share(r ref) {
	n := a.at(r)
	n.flags |= shared
	if n.base != r && n.base != 0 && n.kind == isScalar {
		a.at(n.base).flags |= shared
	}
}

func (a *analysis) move(p *path, in *ir.Insn) *Error {
	if in.B == ir.None {
		v := uint64(in.Imm)
		if in.Width == 32 {
			v = uint64(uint32(v))
		}
		p.set(in.Dst, a.any(p, in, byInsn, scalar.Const(v)))
		return nil
	}
	y := p.reg(in.B)
	n := a.at(y)
	switch {
	case in.Width == 64:
		a.share(y)
		p.set(in.Dst, y)
	case n.kind == isScalar && n.num.UMax() <= 1<<32-1:
		p.set(in.Dst, a.aliasOf(p, in, y))
	case n.kind != isScalar && a.leaks:
		return a.reject(p, in, CodeLeak, []ref{y}, "a part of %s is copied", kindNames[n.kind])
	case n.kind != isScalar:
		p.set(in.Dst, a.any(p, in, byInsn, scalar.Bytes(4)))
	default:
		n.flags |= shared
		p.set(in.Dst, a.made(p, in, node{kind: isScalar, a: y, num: scalar.Unary(ir.OpZext, 64, 4, n.num), size: formula(&ir.Insn{Op: ir.OpZext, Width: 64, Size: 4})}))
	}
	return nil
}

func (a *analysis) unary(p *path, in *ir.Insn) *Error {
	x := p.reg(in.A)
	n := a.at(x)
	if n.kind != isScalar {
		if a.leaks {
			return a.reject(p, in, CodePointerMath, []ref{x}, "%s of %s", in.Op, kindNames[n.kind])
		}
		p.set(in.Dst, a.any(p, in, byInsn, scalar.Unknown()))
		return nil
	}
	num := scalar.Unary(in.Op, in.Width, in.Size, n.num)
	if num == n.num && (in.Op == ir.OpZext || in.Op == ir.OpSext) && fits(in, n.num) {
		p.set(in.Dst, a.aliasOf(p, in, x))
		return nil
	}
	n.flags |= shared
	p.set(in.Dst, a.made(p, in, node{kind: isScalar, a: x, num: num, size: formula(in)}))
	return nil
}

// aliasOf is the number x as the result of in, which leaves every number in the range of x as it
// is: the same number, as long as that range is what x is in.
func (a *analysis) aliasOf(p *path, in *ir.Insn, x ref) ref {
	a.share(x)
	n := a.at(x)
	return a.made(p, in, node{kind: isScalar, flags: n.flags&stale | shared | alias, a: x, num: n.num, base: n.base, off: n.off, size: uint32(a.origin(x))})
}

// fits reports whether an extension leaves every value of n as it is.
func fits(in *ir.Insn, n scalar.Num) bool {
	bits := 8 * in.Size
	if in.Op == ir.OpZext {
		return n.UMax() <= ^uint64(0)>>(64-bits)
	}
	top := int64(^uint64(0) >> (65 - bits))
	return in.Width == 64 && n.SMin() >= -top-1 && n.SMax() <= top
}

// arithmetic is the result of in on numbers.
func (a *analysis) arithmetic(p *path, in *ir.Insn, x, y ref) ref {
	n, m := a.at(x), a.at(y)
	c, constant := m.num.Const()
	out := node{kind: isScalar, a: x, b: y, size: formula(in)}
	n.flags |= shared
	m.flags |= shared
	switch {
	case (in.Op == ir.OpSub || in.Op == ir.OpXor) && n.base == m.base && (in.Op == ir.OpSub && in.Width == 64 || n.off == m.off):
		out.num = scalar.Const(uint64(n.off - m.off))
		a.at(n.base).flags |= linked
		if x == y {
			out.a, out.b = 0, 0
		}
		return a.made(p, in, out)
	case in.Op == ir.OpAdd && constant && a.moved(in, n, c):
		out.base, out.off = n.base, n.off+distance(in, c)
	case in.Op == ir.OpSub && constant && a.moved(in, n, -c):
		out.base, out.off = n.base, n.off+distance(in, -c)
	case in.Op == ir.OpAdd && in.Width == 64:
		if v, ok := n.num.Const(); ok {
			out.base, out.off = m.base, m.off+int64(v)
		}
	}
	if in.Width == 64 && constant {
		if r := a.shiftedBack(p, in, x, c); r != 0 {
			return a.aliasOf(p, in, r)
		}
	}
	out.num = scalar.Binary(in.Op, in.Width, n.num, m.num)
	if out.base != 0 {
		a.at(out.base).flags |= shared
		out.flags |= shared
	}
	r := a.made(p, in, out)
	a.relateResult(p, in, x, y, r)
	return r
}

// shiftedBack is what x was before it was shifted to the left, if in shifts it back and no bit was lost.
func (a *analysis) shiftedBack(p *path, in *ir.Insn, x ref, c uint64) ref {
	n := a.at(x)
	if x < p.since || n.kind != isScalar || n.size != uint32(ir.OpLsh)|64<<8 || n.cause != byInsn || n.b == 0 {
		return 0
	}
	if by, ok := a.at(n.b).num.Const(); !ok || by&63 != c&63 {
		return 0
	}
	was := a.at(n.a)
	switch k := c & 63; in.Op {
	case ir.OpRsh:
		if was.num.UMax() <= ^uint64(0)>>k {
			return n.a
		}
	case ir.OpArsh:
		if was.num.SMin() >= -1<<(63-k) && was.num.SMax() <= 1<<(63-k)-1 {
			return n.a
		}
	}
	return 0
}

// distance is what in adds when it adds c.
func distance(in *ir.Insn, c uint64) int64 {
	if in.Width == 32 {
		return int64(int32(uint32(c)))
	}
	return int64(c)
}

// moved reports whether in adds exactly c, with no truncation: then the result is at a constant distance.
func (a *analysis) moved(in *ir.Insn, n *node, c uint64) bool {
	if in.Width == 64 {
		return true
	}
	d := distance(in, c)
	if d >= 0 {
		return n.num.UMax() <= 1<<32-1-uint64(d)
	}
	return n.num.UMax() <= 1<<32-1 && n.num.UMin() >= uint64(-d)
}

// mayGoto follows both ways of a may_goto.
func (a *analysis) mayGoto(p *path, in *ir.Insn) *path {
	gi := a.gi(p)
	a.taken[gi] |= sideThen | sideElse
	q := p.fork()
	a.jump(q, in.Then)
	q.branches++
	a.pending = append(a.pending, q)
	p.ticks++
	p.branches++
	a.jump(p, in.Else)
	return p
}

// exit ends a function.
func (a *analysis) exit(p *path, in *ir.Insn) (*path, *Error) {
	f := p.top()
	r0 := f.regs[0]
	if p.depth > 1 {
		return a.leave(p, in)
	}
	if err := a.owes(p, in); err != nil {
		return nil, err
	}
	if r0 == 0 {
		return nil, a.reject(p, in, CodeUnset, nil, "R0 is not set at exit: every path must give the program's result")
	}
	n := a.at(r0)
	if n.kind != isScalar && a.leaks {
		return nil, a.reject(p, in, CodeLeak, []ref{r0}, "the program returns %s: addresses must not leave it", kindNames[n.kind])
	}
	switch {
	case p.root.callback != nil:
		return nil, a.inRange(p, in, r0, &p.root.callback.Returns, "the callback")
	case p.root.global:
		if n.kind != isScalar {
			return nil, a.reject(p, in, CodeReturn, []ref{r0}, "global function %s returns %s: it must return a number", a.program.Funcs[f.fn].Name, kindNames[n.kind])
		}
		return nil, nil
	}
	if n.kind == isStack {
		a.exposed = true
	}
	return nil, a.inRange(p, in, r0, &a.typ.Returns, "programs of type "+a.typ.Name)
}

// inRange checks a return value.
func (a *analysis) inRange(p *path, in *ir.Insn, r ref, want *abi.Range, who string) *Error {
	if !want.Bounded() {
		return nil
	}
	n := a.at(r)
	if n.kind != isScalar {
		return a.reject(p, in, CodeReturn, []ref{r}, "%s must return %s, but R0 is %s", who, rangeText(want), kindNames[n.kind])
	}
	a.markPrecise(r, &a.work)
	if n.num.SMin() < want.Min || n.num.SMax() > want.Max {
		return a.reject(p, in, CodeReturn, []ref{r}, "%s must return %s, but R0 is %s", who, rangeText(want), n.num)
	}
	return nil
}

// owes checks that nothing is held when the program ends.
func (a *analysis) owes(p *path, in *ir.Insn) *Error {
	if p.lock != 0 {
		return a.reject(p, in, CodeLock, nil, "the program ends while it holds the lock taken at insn %d", p.lockPos)
	}
	if len(p.holds) > 0 {
		h := p.holds[0]
		return a.reject(p, in, CodeRefLeak, nil, "the reference acquired at insn %d is not released on this path", h.pos)
	}
	return nil
}

// branch follows a comparison.
func (a *analysis) branch(p *path, in *ir.Insn, gi int32) (*path, *Error) {
	x := p.reg(in.A)
	y := a.operand(p, in)
	taken, known, err := a.decide(p, in, x, y)
	if err != nil {
		return nil, err
	}
	if known {
		if a.at(x).kind == isScalar {
			a.note(p, branchNote{a: x, b: y, decided: true})
		}
		return a.follow(p, in, gi, taken), nil
	}
	if in.Then == in.Else {
		return a.follow(p, in, gi, true), nil
	}
	a.note(p, branchNote{a: x, b: y})
	q := p.split()
	holds, fails := a.assume(p, in, x, y, true), a.assume(q, in, x, y, false)
	switch {
	case !holds && !fails:
		return nil, nil
	case !fails:
		a.relyOn(x, y)
		return a.follow(p, in, gi, true), nil
	case !holds:
		a.relyOn(x, y)
		return a.follow(q, in, gi, false), nil
	}
	p.branches++
	q.branches++
	a.follow(p, in, gi, true)
	a.follow(q, in, gi, false)
	if a.staysInLoop(p, q) {
		p, q = q, p
	}
	a.pending = append(a.pending, q)
	return p, nil
}

// note adds a comparison to the trail of p.
func (a *analysis) note(p *path, n branchNote) {
	n.prev = p.trail
	a.trail = append(a.trail, n)
	p.trail = int32(len(a.trail) - 1)
}

// staysInLoop reports whether q is to be followed first: the way that stays in a loop,
// so that later ones end at what its widening found.
func (a *analysis) staysInLoop(p, q *path) bool {
	f, g := p.top(), q.top()
	place := a.back[f.fn]
	if p.arrived != q.arrived {
		return q.arrived
	}
	return place[g.block] > place[f.block]
}

// relyOn marks the operands of a comparison whose outcome was decided by their ranges.
func (a *analysis) relyOn(x, y ref) {
	for _, r := range [...]ref{x, y} {
		if a.at(r).kind == isScalar {
			a.markPrecise(r, &a.work)
		}
	}
}

// follow takes one side of a branch.
func (a *analysis) follow(p *path, in *ir.Insn, gi int32, then bool) *path {
	to, side := in.Else, uint8(sideElse)
	if then {
		to, side = in.Then, sideThen
	}
	a.taken[gi] |= side
	a.jump(p, to)
	return p
}

// decide finds the outcome of a comparison that is known.
func (a *analysis) decide(p *path, in *ir.Insn, x, y ref) (taken, known bool, err *Error) {
	n, m := a.at(x), a.at(y)
	if n.kind == isScalar && m.kind == isScalar {
		if taken, known = scalar.Decide(in.Cond, in.Width, n.num, m.num); !known && in.Width == 64 {
			taken, known = a.decideRelated(p, in.Cond, n, m)
		}
		if known {
			a.relyOn(x, y)
		}
		return taken, known, nil
	}
	if a.leaks && !(in.Width == 64 && (a.nullTest(in, n, m) && in.Cond == conditions[in.Cond].unsigned || sameMemory(n, m))) {
		return false, false, a.reject(p, in, CodeLeak, []ref{x, y}, "a comparison of %s with %s tells where memory is", kindNames[n.kind], kindNames[m.kind])
	}
	if in.Width == 64 && a.nullTest(in, n, m) && n.flags&orNull == 0 && n.kind != isMemory && n.kind != isMemoryEnd && (in.Cond == isa.EQ || in.Cond == isa.NE) {
		return in.Cond == isa.NE, true, nil
	}
	if in.Width == 64 {
		taken, known = a.decidePointers(p, in.Cond, n, m)
	}
	return taken, known, nil
}

// decideRelated finds the outcome from how far apart the numbers are, or from a relation between them.
func (a *analysis) decideRelated(p *path, cond isa.Cond, n, m *node) (taken, known bool) {
	if n.base == m.base && n.base != 0 {
		a.at(n.base).flags |= linked
		switch {
		case cond == isa.EQ || cond == isa.NE:
			return (n.off == m.off) == (cond == isa.EQ), true
		case n.off == m.off:
			return cond == isa.GE || cond == isa.LE || cond == isa.SGE || cond == isa.SLE, cond != isa.SET
		}
		return false, false
	}
	switch cond {
	case isa.LT: // n < m
		if a.less(p, n, m, 1) {
			return true, true
		}
		return false, a.less(p, m, n, 0)
	case isa.LE:
		if a.less(p, n, m, 0) {
			return true, true
		}
		return false, a.less(p, m, n, 1)
	case isa.GT:
		if a.less(p, m, n, 1) {
			return true, true
		}
		return false, a.less(p, n, m, 0)
	case isa.GE:
		if a.less(p, m, n, 0) {
			return true, true
		}
		return false, a.less(p, n, m, 1)
	}
	return false, false
}

// nullTest reports whether a pointer is compared with 0.
func (a *analysis) nullTest(in *ir.Insn, n, m *node) bool {
	v, ok := m.num.Const()
	return n.kind != isScalar && m.kind == isScalar && ok && v == 0
}

// assume narrows the values of p by the outcome of a comparison. It reports false if the outcome is impossible.
func (a *analysis) assume(p *path, in *ir.Insn, x, y ref, holds bool) bool {
	n, m := a.at(x), a.at(y)
	switch {
	case n.kind == isScalar && m.kind == isScalar:
		return a.assumeNumbers(p, in, x, y, holds)
	case in.Width != 64:
		return true
	case a.nullTest(in, n, m):
		if n.flags&orNull != 0 && (in.Cond == isa.EQ || in.Cond == isa.NE) {
			a.assumeNull(p, in, n.id, n.kind, (in.Cond == isa.EQ) == holds)
		}
		return true
	}
	a.assumePointers(p, in, n, m, holds)
	return true
}

// assumeNumbers narrows two numbers, and everything at a constant distance from them.
func (a *analysis) assumeNumbers(p *path, in *ir.Insn, x, y ref, holds bool) bool {
	n, m := *a.at(x), *a.at(y)
	u, v, ok := scalar.Refine(in.Cond, holds, in.Width, n.num, m.num)
	if !ok {
		return false
	}
	if u != n.num {
		nx := a.narrow(p, in, x, y, u)
		a.promise(p, nx)
	}
	if v != m.num && in.B != ir.None {
		ny := a.narrow(p, in, y, x, v)
		a.promise(p, ny)
	}
	if in.Width == 64 || unsignedCond(in.Cond) || n.num.UMax() <= 1<<31-1 && m.num.UMax() <= 1<<31-1 {
		a.relateCompared(p, in, x, y, holds)
	}
	return true
}

// promise learns how many bytes of memory there are from what a comparison has shown of its length.
func (a *analysis) promise(p *path, x ref) {
	n := a.at(x)
	if n.base != a.length || a.length == 0 || !a.plain(n) {
		return
	}
	least := int64(min(n.num.UMin(), maxMemory)) - n.off
	if s := p.span(idMemory); s != nil && s.n < least {
		a.markPrecise(x, &a.work)
		p.setSpan(idMemory, least, a.newNeed())
	}
}

func unsignedCond(c isa.Cond) bool {
	return c == isa.LT || c == isa.LE || c == isa.GT || c == isa.GE || c == isa.EQ
}

// narrow gives x the range num, which a comparison with y has shown, wherever it
// is, and narrows what is at a constant distance or was computed from it.
func (a *analysis) narrow(p *path, in *ir.Insn, x, y ref, num scalar.Num) ref {
	n := *a.at(x)
	nx := a.narrowed(p, in, x, y, num)
	if n.flags&shared == 0 && a.at(n.base).flags&shared == 0 {
		a.swap(p, in, x, nx)
		a.narrowOperand(p, in, x, nx)
		a.narrowRelated(p, in, nx)
		a.narrowFollowers(p, in, nx)
		return nx
	}
	for was, is := x, nx; was != 0; {
		was, is = a.narrowLinked(p, in, was, is)
	}
	a.narrowOperand(p, in, x, nx)
	a.narrowRelated(p, in, nx)
	a.narrowFollowers(p, in, nx)
	return nx
}

// origin is the value that r was before comparisons narrowed it, and whose alias it is.
func (a *analysis) origin(r ref) ref {
	if n := a.at(r); (n.cause == byBranch || n.flags&alias != 0) && n.kind == isScalar && n.size != 0 {
		return ref(n.size)
	}
	return r
}

// narrowOperand narrows what x was computed from, where a sum of 32 bits can be undone.
func (a *analysis) narrowOperand(p *path, in *ir.Insn, x, nx ref) {
	made := a.origin(x)
	o := a.at(made)
	if made < p.since || o.cause != byInsn || o.a == 0 || o.b == 0 || o.kind != isScalar {
		return
	}
	inverse := ir.OpSub
	switch o.size & 0xffff {
	case uint32(ir.OpAdd) | 32<<8:
	case uint32(ir.OpSub) | 32<<8:
		inverse = ir.OpAdd
	default:
		return
	}
	n, m := a.at(o.a), a.at(o.b)
	if _, ok := m.num.Const(); !ok || n.kind != isScalar || n.num.UMax() > 1<<32-1 {
		return
	}
	was := a.origin(o.a)
	num := scalar.Binary(inverse, 32, a.at(nx).num, m.num)
	found := ref(0)
	p.each(func(r ref) {
		if a.origin(r) == was {
			found = r
		}
	})
	if found == 0 {
		return
	}
	if w, ok := scalar.Meet(num, a.at(found).num); ok && w != a.at(found).num {
		for is := a.narrowed(p, in, found, nx, w); found != 0; {
			found, is = a.narrowLinked(p, in, found, is)
		}
	}
}

// narrowLinked replaces x by nx and narrows what depends on it. It returns the last value that
// was narrowed through its formula, on which others may depend in turn.
func (a *analysis) narrowLinked(p *path, in *ir.Insn, x, nx ref) (was, is ref) {
	n, num, from := *a.at(x), a.at(nx).num, a.origin(x)
	p.replace(func(r ref) ref {
		if r == x {
			return nx
		}
		k := *a.at(r)
		if k.kind != isScalar {
			return r
		}
		var w scalar.Num
		switch {
		case k.base == n.base:
			w = scalar.Binary(ir.OpAdd, 64, num, scalar.Const(uint64(k.off-n.off)))
		default:
			o := a.origin(r)
			f := a.at(o)
			if o < p.since || f.cause != byInsn || f.size == 0 || f.kind != isScalar {
				return r
			}
			u, v := num, num
			left, right := f.a != 0 && a.origin(f.a) == from, f.b != 0 && a.origin(f.b) == from
			if !left && !right {
				return r
			}
			if !left {
				u = a.at(f.a).num
			}
			if !right && f.b != 0 {
				v = a.at(f.b).num
			}
			w = f.compute(u, v)
		}
		w, ok := scalar.Meet(w, k.num)
		if !ok || w == k.num {
			return r
		}
		out := a.narrowed(p, in, r, nx, w)
		if k.base != n.base {
			was, is = r, out
		}
		return out
	})
	return was, is
}

// swap puts nx where x is: in the registers of the running activation.
func (a *analysis) swap(p *path, in *ir.Insn, x, nx ref) {
	f := p.own(p.depth - 1)
	for i, r := range f.regs {
		if r == x {
			f.regs[i] = nx
		}
	}
}

func (a *analysis) narrowed(p *path, in *ir.Insn, x, y ref, num scalar.Num) ref {
	n := *a.at(x)
	if n.kind == isScalar {
		n.size = uint32(a.origin(x))
	}
	n.num, n.a, n.b, n.cause = num, x, y, byBranch
	n.flags &^= precise
	return a.made(p, in, n)
}

// assumeNull splits a pointer that may be null.
func (a *analysis) assumeNull(p *path, in *ir.Insn, id uint32, kind nodeKind, null bool) {
	held := uint32(0)
	p.replace(func(r ref) ref {
		n := *a.at(r)
		if n.flags&orNull == 0 || n.id != id || n.kind != kind {
			return r
		}
		if null {
			if n.held == n.id {
				held = n.held
			}
			return a.made(p, in, node{kind: isScalar, num: scalar.Const(0), a: r, cause: byBranch})
		}
		n.flags &^= orNull | precise
		n.a = r
		return a.made(p, in, n)
	})
	if held != 0 {
		p.release(held)
	}
}
