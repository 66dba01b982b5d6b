package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// call follows a call of a function or a helper.
func (a *analysis) call(p *path, in *ir.Insn, gi int32) (*path, *Error) {
	switch in.Op {
	case ir.OpCall:
		return a.callFunc(p, in, in.Ref.Index)
	case ir.OpCallReg:
		r := p.reg(in.A)
		if r == 0 {
			return nil, a.unset(p, in, in.A)
		}
		n := a.at(r)
		if n.kind != isFunc {
			return nil, a.reject(p, in, CodeCallTarget, []ref{r}, "call through %s, which is %s: it must be a function of the program", regName(in.A), kindNames[n.kind])
		}
		return a.callFunc(p, in, n.obj)
	}
	return a.callHelper(p, in, gi)
}

// callFunc enters function fi, or trusts its types if it is global.
func (a *analysis) callFunc(p *path, in *ir.Insn, fi int32) (*path, *Error) {
	f := a.program.Funcs[fi]
	if f.Global {
		if err := a.callGlobal(p, in, fi, f); err != nil {
			return nil, err
		}
		p.next()
		return p, nil
	}
	if p.depth == ir.MaxFrames {
		return nil, a.reject(p, in, CodeCallDepth, nil, "calls nest more than %d frames deep", ir.MaxFrames)
	}
	a.push(p, fi, 0)
	g, caller := p.frames[p.depth-1], p.frames[p.depth-2]
	for r := 1; r <= 5; r++ {
		if v := caller.regs[r]; v != 0 {
			a.share(v)
			a.leakStack(a.at(v))
			g.regs[r] = v
		}
	}
	return p, nil
}

// push adds an activation of function fi.
func (a *analysis) push(p *path, fi int32, back int32) {
	gi := a.gi(p)
	g := &activation{fn: fi, call: gi, back: back, written: allOf(^uint64(0)), mark: p.parent}
	g.regs[10] = a.add(node{kind: isStack, obj: p.depth, pos: ir.NoPos, fn: fi, num: scalar.Const(0)})
	p.frames[p.depth] = g
	p.depth++
	p.arrived, p.branches = false, p.branches+1
}

// leave returns from a function that was entered.
func (a *analysis) leave(p *path, in *ir.Insn) (*path, *Error) {
	f := p.top()
	r0 := f.regs[0]
	if r0 != 0 {
		if n := a.at(r0); n.kind == isStack && n.obj == p.depth-1 {
			return nil, a.reject(p, in, CodeStackReturn, []ref{r0}, "the function returns an address of its own frame, which ends here")
		}
	}
	if f.back != 0 {
		if r0 == 0 {
			return nil, a.reject(p, in, CodeUnset, nil, "R0 is not set at the end of the callback")
		}
		h := &a.program.Helpers[f.back-1]
		if err := a.inRange(p, in, r0, &h.Callback.Returns, "the callback of "+h.Name); err != nil {
			return nil, err
		}
	}
	if f.back != 0 {
		p.pop()
		p.arrived = true
		return p, nil
	}
	a.goBack(p, r0)
	return p, nil
}

// pop ends the running activation.
func (p *path) pop() {
	p.depth--
	p.frames[p.depth] = nil
	p.branches++
}

// goBack goes on after the call of the running activation, which returns r0.
func (a *analysis) goBack(p *path, r0 ref) {
	p.pop()
	g := p.own(p.depth - 1)
	g.regs[0] = r0
	for r := 1; r <= 5; r++ {
		g.regs[r] = 0
	}
	p.next()
}

// tailCalled is the path on which a tail call in a function succeeds: what it leads to returns
// anything, to the function's caller, and may have moved the packet.
func (a *analysis) tailCalled(p *path, in *ir.Insn) *path {
	q := p.fork()
	a.movePackets(q, in)
	a.goBack(q, a.any(q, in, byCall, scalar.Unknown()))
	return q
}

// callGlobal checks the arguments of a global function against their types (btf_check_func_arg_match, kernel/bpf/verifier.c, Linux 6.18).
func (a *analysis) callGlobal(p *path, in *ir.Insn, fi int32, f *ir.Func) *Error {
	if p.lock != 0 {
		return a.reject(p, in, CodeLock, nil, "global function %s is called while a lock is held", f.Name)
	}
	for i := range f.Params {
		if err := a.passGlobal(p, in, f, i); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(a.roots, func(r *root) bool { return r.global && r.fn == fi }) {
		a.roots = append(a.roots, &root{fn: fi, global: true})
	}
	if a.movesPackets(fi) {
		a.movePackets(p, in)
	}
	a.clobber(p)
	p.set(ir.R0, a.any(p, in, byCall, scalar.Unknown()))
	return nil
}

// passGlobal checks one argument.
func (a *analysis) passGlobal(p *path, in *ir.Insn, f *ir.Func, i int) *Error {
	par := &f.Params[i]
	r := p.top().regs[1+i]
	if r == 0 {
		return a.unset(p, in, ir.R1+ir.Reg(i))
	}
	n := a.at(r)
	c := &callCheck{analysis: a, p: p, in: in, name: f.Name, packet: true}
	switch a.paramKind(par) {
	case obj.ParamScalar:
		if n.kind != isScalar {
			return c.wrong(i, r, "a number")
		}
	case obj.ParamCtx:
		return c.context(i, r)
	case obj.ParamMem:
		a.leakStack(n)
		if a.zero(n) || n.flags&orNull != 0 {
			if par.NonNull {
				return c.null(i, r)
			}
			if a.zero(n) {
				return nil
			}
			m := *n
			m.flags &^= orNull
			r = a.made(p, in, m)
		}
		if err := c.memory(i, r, int64(par.Size), false); err != nil {
			return err
		}
		return c.memory(i, r, int64(par.Size), true)
	case obj.ParamDynptr:
		_, err := c.dynptr(i, r)
		return err
	default:
		return a.reject(p, in, CodeUndecided, []ref{r}, "parameter %d of global function %s has a type that is not supported", i+1, f.Name)
	}
	return nil
}

// paramKind is the kind of a parameter: a structure that is the program's context is the context.
func (a *analysis) paramKind(par *obj.Param) obj.ParamKind {
	if par.Kind == obj.ParamMem && par.Struct != "" && a.typ.Context.Kind == abi.CtxStruct && par.Struct == a.typ.Context.Name {
		return obj.ParamCtx
	}
	return par.Kind
}

// seedGlobal sets the arguments of a global function to all that its types allow.
func (a *analysis) seedGlobal(f *activation, fi int32) {
	for i := range a.program.Funcs[fi].Params {
		par := &a.program.Funcs[fi].Params[i]
		n := node{kind: isScalar, num: scalar.Unknown(), pos: ir.NoPos, fn: fi}
		switch a.paramKind(par) {
		case obj.ParamCtx:
			n.kind, n.num = isCtx, scalar.Const(0)
		case obj.ParamMem:
			n.kind, n.num, n.size, n.obj, n.id = isMem, scalar.Const(0), par.Size, -1, a.newID()
			if !par.NonNull {
				n.flags |= orNull
			}
		case obj.ParamDynptr:
			n.kind, n.num, n.size, n.id = isDynptr, scalar.Const(0), uint32(abi.DynptrLocal), a.newID()
			n.flags |= readOnly
		}
		if i < 5 {
			f.regs[1+i] = a.add(n)
		}
	}
}

// seedCallback sets the arguments of a callback; mp is the map of the call, ctx its context.
func (a *analysis) seedCallback(f *activation, cb *abi.Callback, mp, ctx ref) {
	m := int32(-1)
	if mp != 0 {
		m = a.at(mp).obj
	}
	for i, k := range cb.Args {
		n := node{kind: isScalar, num: scalar.Const(0), pos: ir.NoPos, fn: f.fn, obj: m}
		switch k {
		case abi.CbNone:
			continue
		case abi.CbScalar:
			n.num = scalar.Unknown()
		case abi.CbMap:
			f.regs[1+i] = mp
			continue
		case abi.CbMapKey:
			n.kind, n.flags, n.size, n.obj = isMem, readOnly, a.mapSpec(m).KeySize, -1
		case abi.CbMapValue:
			n.kind, n.id = isMapValue, a.newID()
		case abi.CbCtx:
			f.regs[1+i] = ctx
			continue
		case abi.CbDynptr:
			n.kind, n.size, n.id = isDynptr, uint32(abi.DynptrLocal), a.newID()
			n.flags |= readOnly
		case abi.CbUnknown:
			n.kind, n.obj = isStruct, -1
		}
		f.regs[1+i] = a.add(n)
	}
}

// mapSpec is map i; a map without entries if there is none.
func (a *analysis) mapSpec(i int32) *abi.MapSpec {
	if i < 0 {
		return &abi.MapSpec{}
	}
	return &a.program.Maps[i]
}

// clobber ends the values of R0 to R5.
func (a *analysis) clobber(p *path) {
	f := p.own(p.depth - 1)
	for r := 0; r <= 5; r++ {
		f.regs[r] = 0
	}
}

// movesPackets reports whether function fi, or one that it calls, may move the packet; the program that a tail call leads to may.
func (a *analysis) movesPackets(fi int32) bool {
	return a.callsAny(fi, func(h *abi.Helper) bool { return h.Flags&(abi.FlagInvalidatesPackets|abi.FlagTailCall) != 0 })
}

// callsAny reports whether fi, or a function that it calls or passes on, calls a helper that is so.
func (a *analysis) callsAny(fi int32, is func(*abi.Helper) bool) bool {
	seen := map[int32]bool{}
	work := []int32{fi}
	for len(work) > 0 {
		f := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[f] {
			continue
		}
		seen[f] = true
		for _, c := range a.calls[f] {
			work = append(work, c.callee)
		}
		for _, b := range a.program.Funcs[f].Blocks {
			for i := range b.Insns {
				switch in := &b.Insns[i]; {
				case in.Op == ir.OpCallHelper && is(&a.program.Helpers[in.Ref.Index]):
					return true
				case in.Op == ir.OpAddr && in.Ref.Kind == ir.RefFunc: // a callback
					work = append(work, in.Ref.Index)
				}
			}
		}
	}
	return false
}

// movePackets makes packet pointers numbers: the packet may be elsewhere.
func (a *analysis) movePackets(p *path, in *ir.Insn) {
	p.replace(func(r ref) ref {
		switch n := a.at(r); n.kind {
		case isPacket, isPacketEnd, isPacketMeta:
			return a.made(p, in, node{kind: isScalar, num: scalar.Unknown(), cause: byMove, flags: stale, a: r})
		case isMem:
			if n.held != 0 && n.flags&stale != 0 { // a slice of a packet
				return a.made(p, in, node{kind: isScalar, num: scalar.Unknown(), cause: byMove, flags: stale, a: r})
			}
		}
		return r
	})
	out := make([]span, 0, len(p.spans))
	for _, s := range p.spans {
		if s.id == idMemory {
			out = append(out, s)
		}
	}
	p.spans = out
}
