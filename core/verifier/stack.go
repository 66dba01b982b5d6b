package verifier

import (
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// stackRange is the bytes of a frame that a request may touch: from off on, in
// frame, hi-lo+size of them.
type stackRange struct {
	frame  int32
	lo, hi int64 // least and greatest start, from R10
	size   int64
}

// stackOf bounds a request on the stack.
func (a *analysis) stackOf(r *request) (s stackRange, err *Error) {
	n := a.at(r.addr)
	w := a.whole(n)
	s.frame, s.size = n.obj, r.size
	if w.SMin() < -maxMemory || w.SMax() > maxMemory {
		return s, a.reject(r.p, r.in, CodeUnbounded, []ref{r.addr}, "%s at an unbounded offset (%s) of the stack", r.what, w)
	}
	s.lo, s.hi = w.SMin()+r.disp, w.SMax()+r.disp
	if s.lo < -ir.MaxStack || s.hi+r.size > 0 {
		return s, a.reject(r.p, r.in, CodeStackBounds, []ref{r.addr}, "%s at R10%+d%s: a frame is the bytes from R10-%d to R10-1", r.what, s.lo, upTo(s.lo, s.hi), ir.MaxStack)
	}
	if _, ok := w.Const(); !ok && r.in.Order != ir.Plain {
		return s, nil
	}
	a.deepen(r.p, s)
	return s, nil
}

func upTo(lo, hi int64) string {
	if lo == hi {
		return ""
	}
	return " to R10" + signed(hi)
}

// SlotsOf is the set of slots of a frame that the n bytes from R10+off on lie in: slot i is the 8 bytes at R10-8*(i+1).
// Bytes outside of the largest frame are in none.
func SlotsOf(off, n int64) (set uint64) {
	if off, n = max(off, -ir.MaxStack), n+min(off+ir.MaxStack, 0); n <= 0 || off >= 0 {
		return 0
	}
	first, last := (-min(off+n, 0))/8, (-off-1)/8
	return ^uint64(0) >> (63 - last) >> first << first
}

func signed(v int64) string {
	if v < 0 {
		return "-" + decimal(-v)
	}
	return "+" + decimal(v)
}

func decimal(v int64) string {
	if v >= 10 {
		return decimal(v/10) + string('0'+rune(v%10))
	}
	return string('0' + rune(v))
}

// deepen counts the stack in use, and notes which of it the frame's instruction touches: itself, or by a call.
func (a *analysis) deepen(p *path, s stackRange) {
	f := p.frames[s.frame]
	a.touched[a.first[f.fn]+a.facts[f.fn].Start[f.block]+f.index] |= SlotsOf(s.lo, s.hi-s.lo+s.size)
	if d := int32(-s.lo); d > a.depth[f.fn] {
		a.depth[f.fn] = d
	}
	if used := int(-s.lo+7) / 8; used > len(f.slots) {
		p.own(s.frame).extend(used)
	}
}

// loadStack follows a load from the stack.
func (a *analysis) loadStack(r *request) *Error {
	s, err := a.stackOf(r)
	if err != nil {
		return a.unproved(r, err)
	}
	if s.lo != s.hi {
		if err := a.readStack(r, s); err != nil {
			return err
		}
		r.p.set(r.in.Dst, a.any(r.p, r.in, byLoad, loaded(r)))
		a.relyOnOffset(r)
		return nil
	}
	if s.lo&7+r.size > 8 || s.lo%r.size != 0 {
		if r.size > 1 && a.policy == Strict {
			return a.reject(r.p, r.in, CodeAlign, []ref{r.addr}, "%s at R10%+d, which is not a multiple of %d", r.what, s.lo, r.size)
		}
		if err := a.readStack(r, s); err != nil {
			return err
		}
		r.p.set(r.in.Dst, a.any(r.p, r.in, byLoad, loaded(r)))
		return nil
	}
	return a.loadSlot(r, s)
}

// relyOnOffset notes that a proof needed the offset of the address.
func (a *analysis) relyOnOffset(r *request) { a.markPrecise(r.addr, &a.work) }

func loaded(r *request) scalar.Num {
	if r.in.Op == ir.OpLoad && r.in.Sign {
		return scalar.SBytes(uint8(r.size))
	}
	return scalar.Bytes(uint8(r.size))
}

// slotOf is the slot of the byte at R10+off, and the byte's place in it.
func slotOf(off int64) (slot int32, at uint8) {
	i := (-off - 1) / 8
	return int32(i), uint8(off + 8*(i+1))
}

// loadSlot reads bytes of one slot at a constant offset.
func (a *analysis) loadSlot(r *request, s stackRange) *Error {
	p, in := r.p, r.in
	k, at := slotOf(s.lo)
	f := p.frames[s.frame]
	t := &f.slots[k]
	size := uint8(r.size)
	bits := uint8((1<<size - 1) << at)
	var read stackBytes
	read.add(k, bits)
	a.readBytes(p, s.frame, &read)
	if n := a.at(t.val); t.size != 0 {
		whole := at == 0 && size == t.size
		switch {
		case n.kind == isDynptr || n.kind == isIter:
			return a.reject(p, in, CodeDynptr, []ref{t.val}, "%s reads %s: only helpers may", r.what, kindNames[n.kind])
		case n.kind != isScalar && a.leaks && !whole:
			return a.reject(p, in, CodeLeak, []ref{t.val}, "%s reads a part of %s", r.what, kindNames[n.kind])
		}
	}
	if t.size != 0 && at == 0 && size <= t.size {
		n := a.at(t.val)
		switch {
		case size == t.size && (size == 8 || !in.Sign && fitsBytes(n, size)):
			a.share(t.val)
			p.set(in.Dst, t.val)
			return nil
		case n.kind == isScalar:
			p.set(in.Dst, a.made(p, in, node{kind: isScalar, a: t.val, num: extend(in, size, n.num)}))
			return nil
		}
	}
	switch {
	case a.zeros(t)&bits == bits:
		p.set(in.Dst, a.any(p, in, byLoad, scalar.Const(0)))
		a.relyOnSlot(t)
		a.relyOnZeros(p, s.frame, &read)
		return nil
	case t.init&bits != bits:
		if err := a.unwritten(r, f, s); err != nil {
			return err
		}
	}
	if v, ok := a.bytesOf(t, at, size); ok {
		p.set(in.Dst, a.any(p, in, byLoad, extend(in, size, scalar.Const(v))))
		a.relyOnSlot(t)
		return nil
	}
	p.set(in.Dst, a.any(p, in, byLoad, loaded(r)))
	return nil
}

// relyOnSlot notes that a proof needed the number in t.
func (a *analysis) relyOnSlot(t *slot) {
	if t.size != 0 {
		a.markPrecise(t.val, &a.work)
	}
}

// bytesOf are bytes of a number that is known.
func (a *analysis) bytesOf(t *slot, at, size uint8) (uint64, bool) {
	if t.size == 0 || at+size > t.size {
		return 0, false
	}
	v, ok := a.at(t.val).num.Const()
	if !ok || a.at(t.val).kind != isScalar {
		return 0, false
	}
	v >>= 8 * at
	if size < 8 {
		v &= 1<<(8*size) - 1
	}
	return v, true
}

func fitsBytes(n *node, size uint8) bool {
	return n.kind == isScalar && n.num.UMax() <= ^uint64(0)>>(64-8*size)
}

// extend is what a load of size bytes makes of a number whose low bytes they are.
func extend(in *ir.Insn, size uint8, n scalar.Num) scalar.Num {
	if size == 8 {
		return n
	}
	op := ir.OpZext
	if in.Sign {
		op = ir.OpSext
	}
	return scalar.Unary(op, 64, size, n)
}

// unwritten decides about a read of bytes that nothing has written: they are 0 (DESIGN section 6), or refused.
func (a *analysis) unwritten(r *request, f *activation, s stackRange) *Error {
	if a.leaks {
		return a.reject(r.p, r.in, CodeStackUnset, []ref{r.addr}, "%s at R10%+d%s, where nothing was written", r.what, s.lo, upTo(s.lo, s.hi))
	}
	a.unread[f.fn] = true
	return nil
}

// readStack follows a read of bytes that are no whole value.
func (a *analysis) readStack(r *request, s stackRange) *Error {
	f := r.p.frames[s.frame]
	var set stackBytes
	for off := s.lo; off < s.hi+r.size; off++ {
		k, at := slotOf(off)
		t := &f.slots[k]
		set.add(k, 1<<at)
		if t.size != 0 {
			n := a.at(t.val)
			if n.kind == isDynptr || n.kind == isIter {
				return a.reject(r.p, r.in, CodeDynptr, []ref{t.val}, "%s reads %s: only helpers may", r.what, kindNames[n.kind])
			}
			if n.kind != isScalar && a.leaks {
				return a.reject(r.p, r.in, CodeLeak, []ref{t.val}, "%s reads %s from the stack", r.what, kindNames[n.kind])
			}
			a.lose(n)
		}
		if t.init&(1<<at) == 0 {
			if err := a.unwritten(r, f, s); err != nil {
				return err
			}
		}
	}
	a.readBytes(r.p, s.frame, &set)
	return nil
}

// storeStack follows a store to the stack.
func (a *analysis) storeStack(r *request, val ref) *Error {
	s, err := a.stackOf(r)
	if err != nil {
		return a.unproved(r, err)
	}
	if s.lo != s.hi {
		a.lose(a.at(val))
		a.relyOnOffset(r)
		return a.blurStack(r, s)
	}
	if s.lo%r.size != 0 && r.size > 1 {
		if a.policy == Strict {
			return a.reject(r.p, r.in, CodeAlign, []ref{r.addr}, "%s at R10%+d, which is not a multiple of %d", r.what, s.lo, r.size)
		}
		return a.blurStack(r, s)
	}
	return a.storeSlot(r, s, val)
}

// storeSlot writes one value at a constant offset.
func (a *analysis) storeSlot(r *request, s stackRange, val ref) *Error {
	p, in := r.p, r.in
	if n := a.at(val); n.kind == isStack && n.obj > s.frame {
		return a.reject(p, in, CodeStackReturn, []ref{val}, "an address of the function's own frame, which ends here, is stored in its caller's")
	}
	k, at := slotOf(s.lo)
	if err := a.overwrite(r, s.frame, k); err != nil {
		return err
	}
	f := p.own(s.frame)
	t := &f.slots[k]
	size := uint8(r.size)
	bits := uint8((1<<size - 1) << at)
	p.writing(s.frame).add(k, bits)
	n := a.at(val)
	if n.kind != isScalar && size < 8 && a.leaks {
		return a.reject(p, in, CodeLeak, []ref{val}, "a part of %s is stored", kindNames[n.kind])
	}
	a.hide(t)
	if at == 0 && (size == 8 || n.kind == isScalar) {
		zero := t.zero &^ bits
		if t.size > size {
			zero &^= 1<<t.size - 1
		}
		switch {
		case size < 8 && !fitsBytes(n, size):
			val = a.made(p, in, node{kind: isScalar, a: val, num: scalar.Unary(ir.OpZext, 64, size, n.num)})
		case size < 8 && in.A != ir.None:
			val = a.aliasOf(p, in, val)
		}
		a.share(val)
		*t = slot{val: val, size: size, init: t.init | bits, zero: zero}
		return nil
	}
	a.lose(n)
	a.dissolve(t)
	t.init |= bits
	t.zero &^= bits
	if c, ok := n.num.Const(); n.kind == isScalar && ok && c&(^uint64(0)>>(64-8*size)) == 0 {
		t.zero |= bits
		a.markPrecise(val, &a.work)
	}
	return nil
}

// hide forgets that an address was written, of which a part is overwritten: under no-leaks the rest must not be read.
func (a *analysis) hide(t *slot) {
	if a.leaks && t.size != 0 && a.at(t.val).kind != isScalar {
		*t = slot{}
	}
}

// dissolve makes of a whole value bytes.
func (a *analysis) dissolve(t *slot) {
	if t.size == 0 {
		return
	}
	z := a.zeros(t)
	if z != 0 {
		a.relyOnSlot(t)
	}
	t.val, t.size, t.zero = 0, 0, z
}

// overwrite refuses to overwrite what must not be lost: a dynptr or an iterator that is in use.
func (a *analysis) overwrite(r *request, frame, k int32) *Error {
	f := r.p.frames[frame]
	t := &f.slots[k]
	if t.size == 0 {
		return nil
	}
	n := a.at(t.val)
	if n.kind == isIter || n.kind == isDynptr && n.held != 0 {
		return a.reject(r.p, r.in, CodeDynptr, []ref{t.val}, "%s overwrites %s that is in use", r.what, kindNames[n.kind])
	}
	if n.kind == isDynptr { // both halves are void
		a.dropDynptr(r.p, frame, n.id)
	}
	return nil
}

// dropDynptr forgets a dynptr on the stack, and the slices that were taken of it.
func (a *analysis) dropDynptr(p *path, frame int32, id uint32) {
	f := p.own(frame)
	for i := range f.slots {
		t := &f.slots[i]
		if t.size != 0 && a.at(t.val).kind == isDynptr && a.at(t.val).id == id {
			*t = slot{init: 0xff}
			if a.leaks {
				t.init = 0
			}
		}
	}
	a.dropSlices(p, id)
}

// dropSlices forgets pointers into the dynptr id.
func (a *analysis) dropSlices(p *path, id uint32) {
	p.replace(func(r ref) ref {
		if n := a.at(r); n.kind == isMem && n.held == id && id != 0 {
			return 0
		}
		return r
	})
}

// touchStack follows an access at an offset that may vary, without a value.
func (a *analysis) touchStack(r *request, write bool) *Error {
	s, err := a.stackOf(r)
	if err != nil {
		return a.unproved(r, err)
	}
	if r.in.Order != ir.Plain && a.policy == Strict && (s.lo%r.size != 0 || s.lo != s.hi && !a.evenly(r)) {
		return a.reject(r.p, r.in, CodeAlign, []ref{r.addr}, "%s at R10%+d, which is not a multiple of %d", r.what, s.lo, r.size)
	}
	a.deepen(r.p, s)
	if write {
		return a.blurStack(r, s)
	}
	return a.readStack(r, s)
}

// evenly reports whether every offset of a request is a multiple of its size.
func (a *analysis) evenly(r *request) bool {
	w := scalar.Binary(ir.OpAdd, 64, a.whole(a.at(r.addr)), scalar.Const(uint64(r.disp)))
	return (w.Value|w.Mask)&uint64(r.size-1) == 0
}

// blurStack follows a write of unknown bytes somewhere in s.
func (a *analysis) blurStack(r *request, s stackRange) *Error {
	first, _ := slotOf(s.hi + r.size - 1)
	last, _ := slotOf(s.lo)
	for k := first; k <= last; k++ {
		if err := a.overwrite(r, s.frame, k); err != nil {
			return err
		}
	}
	f := r.p.own(s.frame)
	for off := s.lo; off < s.hi+r.size; off++ {
		k, at := slotOf(off)
		t := &f.slots[k]
		if a.leaks && s.lo != s.hi && t.size != 0 && a.at(t.val).kind != isScalar {
			return a.reject(r.p, r.in, CodeLeak, []ref{t.val}, "%s at R10%+d%s may leave a part of %s to be read", r.what, s.lo, upTo(s.lo, s.hi), kindNames[a.at(t.val).kind])
		}
		a.hide(t)
		a.dissolve(t)
		if s.lo != s.hi && t.init&(1<<at) == 0 {
			a.unread[f.fn] = true
		}
		if s.lo == s.hi {
			r.p.writing(s.frame).add(k, 1<<at)
		}
		t.init |= 1 << at
		t.zero &^= 1 << at
	}
	return nil
}
