package verifier

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// slotsAt are the slots of count·8 bytes of the stack that an argument names.
func (c *callCheck) slotsAt(i int, r ref, count int32, what string) (frame, k int32, err *Error) {
	n := c.at(r)
	if n.kind != isStack {
		return 0, 0, c.wrong(i, r, what+" on the stack")
	}
	off, ok := c.whole(n).Const()
	at := int64(off)
	if !ok || at%8 != 0 || at < -ir.MaxStack || at > -8*int64(count) {
		return 0, 0, c.reject(c.p, c.in, CodeDynptr, []ref{r}, "%s is at R10%+d: %s is %d bytes at a constant multiple of 8", c.arg(i), at, what, 8*count)
	}
	c.leakStack(n)
	s := stackRange{n.obj, at, at, 8 * int64(count)}
	c.deepen(c.p, s)
	k, _ = slotOf(at)
	return n.obj, k, nil
}

// dynptr finds the dynptr that an argument leads to.
func (c *callCheck) dynptr(i int, r ref) (*node, *Error) {
	if n := c.at(r); n.kind == isDynptr {
		return n, nil
	}
	frame, k, err := c.slotsAt(i, r, 2, "a dynptr")
	if err != nil {
		return nil, err
	}
	both := allOf(3 << (k - 1))
	c.readBytes(c.p, frame, &both)
	t, u := &c.p.frames[frame].slots[k], &c.p.frames[frame].slots[k-1]
	if t.size != 8 || u.size != 8 {
		return nil, c.noDynptr(i, r)
	}
	n, m := c.at(t.val), c.at(u.val)
	if n.kind != isDynptr || m.kind != isDynptr || n.id != m.id || n.flags&otherHalf != 0 {
		return nil, c.noDynptr(i, r)
	}
	return n, nil
}

func (c *callCheck) noDynptr(i int, r ref) *Error {
	return c.reject(c.p, c.in, CodeDynptr, []ref{r}, "%s is no dynptr that was initialised", c.arg(i))
}

func (c *callCheck) dynptrArg(i int, r ref) *Error {
	n, err := c.dynptr(i, r)
	if err != nil {
		return err
	}
	if c.h.Flags&abi.FlagReleases != 0 && n.held != 0 {
		return c.releases(i, r, n)
	}
	c.slices, c.slice = n.id, abi.DynptrKind(n.size)
	return nil
}

func (c *callCheck) dynptrRecord(i int, r ref) *Error {
	n, err := c.dynptr(i, r)
	if err != nil {
		return err
	}
	if abi.DynptrKind(n.size) != abi.DynptrRecord {
		return c.reject(c.p, c.in, CodeDynptr, []ref{r}, "%s is a dynptr of another kind: it must lead to a record", c.arg(i))
	}
	c.slices = n.id
	if c.h.Flags&abi.FlagReleases != 0 {
		if err := c.releases(i, r, n); err != nil {
			return err
		}
		frame, k, _ := c.slotsAt(i, r, 2, "a dynptr")
		c.dropDynptr(c.p, frame, n.id)
		_ = k
	}
	return nil
}

// dynptrInit makes two slots a dynptr.
func (c *callCheck) dynptrInit(i int, r ref) *Error {
	frame, k, err := c.slotsAt(i, r, 2, "a dynptr")
	if err != nil {
		return err
	}
	req := &request{p: c.p, in: c.in, addr: r, size: 16, write: true, what: c.arg(i)}
	for _, s := range [...]int32{k, k - 1} {
		if err := c.overwrite(req, frame, s); err != nil {
			return err
		}
	}
	n := node{kind: isDynptr, cause: byCall, size: uint32(c.h.Dynptr), id: c.newID(), num: scalar.Const(0), obj: -1}
	if c.h.Dynptr == abi.DynptrRecord {
		n.held = n.id
		c.p.holds = append(slices.Clone(c.p.holds), hold{n.id, c.in.Pos})
	}
	f := c.p.own(frame)
	f.slots[k] = slot{val: c.made(c.p, c.in, n), size: 8, init: 0xff}
	n.flags |= otherHalf
	f.slots[k-1] = slot{val: c.made(c.p, c.in, n), size: 8, init: 0xff}
	both := allOf(3 << (k - 1))
	c.p.writing(frame).addAll(&both)
	return nil
}

// iterator follows an open-coded iterator through its life: new, next, destroy.
func (c *callCheck) iterator(i int, r ref) *Error {
	frame, k, err := c.slotsAt(i, r, 1, "an iterator")
	if err != nil {
		return err
	}
	c.iter = stackRange{frame: frame, lo: int64(k)}
	t := &c.p.frames[frame].slots[k]
	is := t.size == 8 && c.at(t.val).kind == isIter
	if c.h.Flags&abi.FlagIterNew != 0 {
		if is {
			return c.reject(c.p, c.in, CodeDynptr, []ref{t.val}, "%s is an iterator in use: destroy it first", c.arg(i))
		}
		n := node{kind: isIter, cause: byCall, id: c.newID(), num: scalar.Const(0), obj: -1}
		n.held = n.id
		c.p.holds = append(slices.Clone(c.p.holds), hold{n.id, c.in.Pos})
		req := &request{p: c.p, in: c.in, addr: r, size: 8, write: true, what: c.arg(i)}
		if err := c.overwrite(req, frame, k); err != nil {
			return err
		}
		c.p.own(frame).slots[k] = slot{val: c.made(c.p, c.in, n), size: 8, init: 0xff}
		c.p.writing(frame).add(k, 0xff)
		return nil
	}
	whole := allOf(1 << k)
	c.readBytes(c.p, frame, &whole)
	if !is {
		return c.reject(c.p, c.in, CodeDynptr, []ref{r}, "%s is no iterator that was initialised", c.arg(i))
	}
	if c.h.Flags&abi.FlagIterDestroy != 0 {
		c.p.release(c.at(t.val).held)
		c.p.own(frame).slots[k] = slot{init: 0xff}
	}
	return nil
}

// nextElement splits the call that returns the next element: there is one, or the iterator has ended.
func (c *callCheck) nextElement(n node) (ref, *path) {
	n.flags &^= orNull
	n.obj = -1
	end := c.p.fork()
	c.clobber(end)
	end.set(ir.R0, c.any(end, c.in, byCall, scalar.Const(0)))
	end.next()
	f := end.own(c.iter.frame)
	t := &f.slots[c.iter.lo]
	m := *c.at(t.val)
	m.off = 1 // drained
	t.val = c.made(end, c.in, m)
	c.p.ticks++
	return c.made(c.p, c.in, n), end
}
