package verifier

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// request is a use of memory: size bytes at pointer addr plus disp.
type request struct {
	p     *path
	in    *ir.Insn
	addr  ref
	disp  int64
	size  int64
	write bool
	what  string // for messages: "load of 4 bytes", "argument 2 of bpf_x"
}

// unproved is the end of a check that failed: under guard the access is checked at
// run time, if it is one of the program's own.
func (a *analysis) unproved(r *request, err *Error) *Error {
	if a.policy != Guard || r.in.Op.Info().Effects&ir.UseMem == 0 {
		return err
	}
	if !a.hasty && len(a.specs) > 0 && a.steps < a.limit/2 {
		return err // perhaps a loop was widened too far
	}
	a.because(r, err)
	return a.flaw(r)
}

// flaw records that the access needs a guard. A write may then have hit the stack.
func (a *analysis) flaw(r *request) *Error {
	a.flaws[a.gi(r.p)] = true
	if r.write {
		a.scramble(r.p)
	}
	return nil
}

// scramble forgets what is on the stack.
func (a *analysis) scramble(p *path) {
	a.exposed = true
	for i := int32(0); i < p.depth; i++ {
		f := p.own(i)
		f.extend(numSlots)
		for k := range f.slots {
			f.slots[k] = slot{init: 0xff}
		}
		a.unread[f.fn] = true
	}
}

// region proves that the bytes are inside what the pointer leads to. Stack and context are not its business.
func (a *analysis) region(r *request) *Error {
	n := a.at(r.addr)
	if n.flags&orNull != 0 {
		return a.unproved(r, a.reject(r.p, r.in, CodeNull, []ref{r.addr}, "%s through %s that may be null: compare it with 0 first", r.what, kindNames[n.kind]))
	}
	if r.write && n.flags&readOnly != 0 {
		err := a.reject(r.p, r.in, CodeReadOnly, []ref{r.addr}, "%s: %s is read-only here", r.what, kindNames[n.kind])
		if n.kind != isData && n.kind != isMapValue {
			return err
		}
		return a.unproved(r, err) // a region: the store faults
	}
	switch n.kind {
	case isPacket, isPacketMeta, isMemory:
		return a.inSpan(r, n)
	case isMapValue, isData, isMem:
		return a.inExtent(r, n, a.extent(n))
	case isScalar:
		return a.unproved(r, a.notPointer(r, n))
	case isMemoryEnd, isPacketEnd:
		return a.unproved(r, a.reject(r.p, r.in, CodeAccess, []ref{r.addr}, "%s: %s is not memory that can be accessed", r.what, kindNames[n.kind]))
	}
	return a.reject(r.p, r.in, CodeAccess, []ref{r.addr}, "%s: %s is not memory that can be accessed", r.what, kindNames[n.kind])
}

// notPointer is the Error of an access through a number.
func (a *analysis) notPointer(r *request, n *node) *Error {
	switch {
	case n.cause == byMove || n.flags&stale != 0:
		return a.reject(r.p, r.in, CodeStale, []ref{r.addr}, "%s through a packet pointer from before insn %d, which may move the packet: load it again", r.what, n.pos)
	case a.zero(n):
		return a.reject(r.p, r.in, CodeNull, []ref{r.addr}, "%s through a null pointer", r.what)
	}
	return a.reject(r.p, r.in, CodeAccess, []ref{r.addr}, "%s through a number, not a pointer", r.what)
}

// inExtent proves 0 ≤ offset and offset + size ≤ extent.
func (a *analysis) inExtent(r *request, n *node, extent int64) *Error {
	w := a.whole(n)
	if n.kind == isMapValue && extent == 0 {
		extent = int64(a.program.Maps[n.obj].ValueSize)
	}
	lo, hi := w.SMin()+r.disp, w.SMax()+r.disp
	if w.SMin() < -maxMemory || w.SMax() > maxMemory {
		return a.unproved(r, a.unbounded(r, n, extent))
	}
	if lo < 0 || hi+r.size > extent {
		return a.unproved(r, a.outside(r, n, lo, hi, extent))
	}
	return a.special(r, n, lo, hi)
}

func (a *analysis) unbounded(r *request, n *node, extent int64) *Error {
	return a.reject(r.p, r.in, CodeUnbounded, []ref{r.addr}, "%s at an unbounded offset (%s) of %s, which has %d bytes: compare the index with the size first", r.what, a.whole(n), a.named(n), extent)
}

func (a *analysis) outside(r *request, n *node, lo, hi, extent int64) *Error {
	if lo != hi {
		if hi-lo > 1<<31 {
			return a.unbounded(r, n, extent)
		}
		return a.reject(r.p, r.in, CodeBounds, []ref{r.addr}, "%s at offset %d to %d of %s, which has %d bytes", r.what, lo, hi, a.named(n), extent)
	}
	return a.reject(r.p, r.in, CodeBounds, []ref{r.addr}, "%s at offset %d of %s, which has %d bytes", r.what, lo, a.named(n), extent)
}

// named is what a pointer leads to, by name if it has one.
func (a *analysis) named(n *node) string {
	switch n.kind {
	case isMapValue:
		return "a value of map " + a.program.Maps[n.obj].Name
	case isData:
		return "section " + a.program.Data[n.obj].Name
	}
	return kindNames[n.kind]
}

// specials are the fields behind a pointer that only helpers may touch.
func (a *analysis) specials(n *node) []abi.Special {
	switch {
	case n.kind == isMapValue:
		return a.program.Maps[n.obj].Special
	case n.kind == isData:
		return a.program.Data[n.obj].Special
	}
	return nil
}

// special refuses accesses to locks, timers and the like.
func (a *analysis) special(r *request, n *node, lo, hi int64) *Error {
	for _, s := range a.specials(n) {
		if hi+r.size > int64(s.Offset) && lo < int64(s.Offset+s.Size) {
			if s.Kind == abi.SpecialOther {
				return a.reject(r.p, r.in, CodeUndecided, []ref{r.addr}, "%s touches bytes %d to %d of %s, a pointer or structure of the kernel", r.what, s.Offset, s.Offset+s.Size-1, a.named(n))
			}
			return a.reject(r.p, r.in, CodeSpecial, []ref{r.addr}, "%s touches bytes %d to %d of %s, which only helpers may (%s)", r.what, s.Offset, s.Offset+s.Size-1, a.named(n), specialNames[s.Kind])
		}
	}
	return nil
}

var specialNames = [...]string{abi.SpecialLock: "a lock", abi.SpecialTimer: "a timer", abi.SpecialOther: "a pointer or structure of the kernel"}

// inSpan proves an access through a pointer that comparisons have bounded.
func (a *analysis) inSpan(r *request, n *node) *Error {
	if r.write && n.kind != isMemory && a.typ.Packet != abi.PacketReadWrite {
		return a.reject(r.p, r.in, CodeReadOnly, []ref{r.addr}, "%s: programs of type %s may only read the packet", r.what, a.typ.Name)
	}
	off := n.off + r.disp
	if n.num.SMin() < -maxMemory || off < -maxMemory || n.num.SMin()+off < 0 {
		return a.unproved(r, a.reject(r.p, r.in, CodePacket, []ref{r.addr}, "%s at offset %s%+d of %s: the offset may be negative", r.what, n.num, off, kindNames[n.kind]))
	}
	s := r.p.span(n.id)
	if off <= maxMemory { // sums of it do not wrap
		if s != nil && off+r.size <= s.n {
			a.needs[s.need] = max(a.needs[s.need], off+r.size)
			return nil
		}
		if a.inBase(r, n, off) {
			return nil
		}
	}
	known := int64(0)
	if s != nil {
		known = s.n
	}
	return a.unproved(r, a.reject(r.p, r.in, CodePacket, []ref{r.addr}, "%s at offset %d of %s, of which %d bytes are known to be there: compare pointer + %d with the end first", r.what, off, kindNames[n.kind], max(known, 0), off+r.size))
}

// inBase proves an access by what is known of the start of the area.
func (a *analysis) inBase(r *request, n *node, off int64) bool {
	base := [...]uint32{isPacket: idPacket, isPacketMeta: idMeta, isMemory: idMemory}[n.kind]
	top := n.num.SMax()
	if s := r.p.span(base); s != nil && top <= maxMemory && top+off+r.size <= s.n {
		a.needs[s.need] = max(a.needs[s.need], top+off+r.size)
		return true
	}
	if n.kind != isMemory || a.length == 0 {
		return false
	}
	// offset + size ≤ R2
	d, ok := a.derived[n.id]
	return ok && top <= maxMemory && d.start == idMemory && d.op == ir.OpAdd && a.atMost(r.p, d.by, a.length, off+r.size)
}

// load follows a load.
func (a *analysis) load(p *path, in *ir.Insn) *Error {
	r := &request{p: p, in: in, addr: p.reg(in.Base), disp: int64(in.Disp), size: int64(in.Size), what: what("load", in.Size)}
	n := a.at(r.addr)
	if n.kind == isCtx {
		return a.loadContext(r, n)
	}
	if err := a.loadsFrom(r, stays); err != nil {
		return err
	}
	switch n.kind {
	case isStack:
		return a.loadStack(r)
	case isStruct:
		return a.loadStruct(r, n)
	}
	if err := a.region(r); err != nil {
		return err
	}
	num := scalar.Bytes(in.Size)
	if in.Sign {
		num = scalar.SBytes(in.Size)
	}
	if n.kind == isData && n.flags&readOnly != 0 {
		if v, ok := a.constant(n, r); ok {
			num = scalar.Const(v)
		}
	}
	p.set(in.Dst, a.made(p, in, node{kind: isScalar, cause: byLoad, num: num, a: 0}))
	return nil
}

func what(verb string, size uint8) string {
	if size == 1 {
		return verb + " of 1 byte"
	}
	return verb + " of " + string('0'+rune(size)) + " bytes"
}

// constant reads read-only data at an offset that is known. Addresses in it are not numbers.
func (a *analysis) constant(n *node, r *request) (uint64, bool) {
	c, ok := a.whole(n).Const()
	at := int64(c) + r.disp
	d := &a.program.Data[n.obj]
	if !ok || at < 0 || at > int64(len(d.Bytes))-r.size {
		return 0, false
	}
	for _, rel := range d.Relocs {
		if int64(rel.Offset) < at+r.size && at < int64(rel.Offset)+8 {
			return 0, false
		}
	}
	var b [8]byte
	copy(b[:], d.Bytes[at:at+r.size])
	v := binary.LittleEndian.Uint64(b[:])
	if r.in.Sign {
		shift := 64 - 8*uint(r.size)
		v = uint64(int64(v<<shift) >> shift)
	}
	return v, true
}

// store follows a store.
func (a *analysis) store(p *path, in *ir.Insn) *Error {
	val := ref(0)
	if in.A != ir.None {
		val = p.reg(in.A)
	}
	r := &request{p: p, in: in, addr: p.reg(in.Base), disp: int64(in.Disp), size: int64(in.Size), write: true, what: what("store", in.Size)}
	n := a.at(r.addr)
	if val == 0 && n.kind == isStack {
		v := uint64(in.Imm)
		if in.Size < 8 {
			v &= 1<<(8*in.Size) - 1
		}
		val = a.any(p, in, byInsn, scalar.Const(v))
	}
	if n.kind != isStack && val != 0 {
		m := a.at(val)
		a.lose(m)
		if a.leaks && m.kind != isScalar {
			return a.reject(p, in, CodeLeak, []ref{val}, "%s is stored in %s: addresses must not leave the program", kindNames[m.kind], kindNames[n.kind])
		}
	}
	switch n.kind {
	case isStack:
		return a.storeStack(r, val)
	case isCtx:
		return a.storeContext(r, n, val)
	case isStruct:
		return a.storeStruct(r, n)
	}
	return a.region(r)
}

// atomic follows an atomic operation.
func (a *analysis) atomic(p *path, in *ir.Insn) *Error {
	r := &request{p: p, in: in, addr: p.reg(in.Base), disp: int64(in.Disp), size: int64(in.Size), write: true, what: "atomic operation on " + string('0'+rune(in.Size)) + " bytes"}
	n := a.at(r.addr)
	for _, reg := range [...]ir.Reg{in.A, in.B} {
		if reg != ir.None {
			if m := a.at(p.reg(reg)); m.kind != isScalar && (a.policy != Guard || a.leaks) {
				return a.reject(p, in, CodeLeak, []ref{p.reg(reg)}, "%s is the operand of an atomic operation", kindNames[m.kind])
			} else {
				a.lose(m)
			}
		}
	}
	switch n.kind {
	case isCtx, isPacket, isPacketMeta, isStruct:
		return a.reject(p, in, CodeAccess, []ref{r.addr}, "%s: %s allows no atomic operations", r.what, kindNames[n.kind])
	case isStack:
		if in.Op == ir.OpAtomicXchg && in.Size == 8 {
			if done, err := a.exchange(r, n); done || err != nil {
				return err
			}
		}
		read := *r
		read.write = false
		if err := a.touchStack(&read, false); err != nil {
			return err
		}
		if err := a.touchStack(r, true); err != nil {
			return err
		}
	default:
		if err := a.aligned(r, n); err != nil {
			return err
		}
		if err := a.region(r); err != nil {
			return err
		}
	}
	if in.Dst != ir.None {
		p.set(in.Dst, a.any(p, in, byLoad, scalar.Bytes(in.Size)))
	}
	return nil
}

// exchange follows an exchange with a whole value on the stack, which may be an address.
func (a *analysis) exchange(r *request, n *node) (bool, *Error) {
	off, ok := a.whole(n).Const()
	at := int64(off) + r.disp
	if !ok || at%8 != 0 || at < -ir.MaxStack || at > -8 {
		return false, nil
	}
	k, _ := slotOf(at)
	f := r.p.frames[n.obj]
	t := f.at(k)
	if t.size != 8 {
		return false, nil
	}
	a.deepen(r.p, stackRange{n.obj, at, at, 8})
	if err := a.overwrite(r, n.obj, k); err != nil {
		return false, err
	}
	whole := allOf(1 << k)
	a.readBytes(r.p, n.obj, &whole)
	old := t.val
	a.share(old)
	r.p.own(n.obj).slots[k] = slot{init: 0xff}
	r.p.set(r.in.Dst, old)
	return true, nil
}

// aligned demands that the address of an atomic operation is a multiple of its size.
func (a *analysis) aligned(r *request, n *node) *Error {
	w := scalar.Binary(ir.OpAdd, 64, a.whole(n), scalar.Const(uint64(r.disp)))
	if (w.Value|w.Mask)&uint64(r.size-1) == 0 {
		return nil
	}
	if a.policy == Guard {
		return nil
	}
	return a.reject(r.p, r.in, CodeAlign, []ref{r.addr}, "%s at offset %s of %s, which is not a multiple of %d", r.what, w, kindNames[n.kind], r.size)
}

// loadContext follows a load from the context.
func (a *analysis) loadContext(r *request, n *node) *Error {
	f, err := a.contextField(r, n, &a.typ.Context)
	if err == nil {
		err = a.loadsFrom(r, a.distance(f))
	}
	if err != nil {
		return err
	}
	a.setField(r, f, n)
	return nil
}

// stays marks a load of what is where the program looks for it.
const stays = -1

// distance is how much further on the host has a field of the context, stays if it is at the same place.
func (a *analysis) distance(f *abi.Field) int32 {
	c := &a.typ.Context
	for i := range c.Fields {
		if &c.Fields[i] == f {
			if at, _ := c.Place(i); at != f.Offset {
				return int32(at - f.Offset)
			}
		}
	}
	return stays
}

// loadsFrom notes from where a load takes its value. There is one place for all paths: the instruction is rewritten
// (Linux 6.18, reg_type_mismatch in kernel/bpf/verifier.c).
func (a *analysis) loadsFrom(r *request, by int32) *Error {
	at := &a.source[a.gi(r.p)]
	if *at != 0 && *at != by {
		return a.reject(r.p, r.in, CodeAccess, []ref{r.addr}, "%s of a packet pointer from the context on one path and of something else on another: use an instruction for each", r.what)
	}
	*at = by
	return nil
}

// contextField finds the field that an access touches.
func (a *analysis) contextField(r *request, n *node, c *abi.Context) (*abi.Field, *Error) {
	if n.flags&orNull != 0 {
		return nil, a.reject(r.p, r.in, CodeNull, []ref{r.addr}, "%s through %s that may be null: compare it with 0 first", r.what, kindNames[n.kind])
	}
	off, ok := a.whole(n).Const()
	if !ok {
		return nil, a.reject(r.p, r.in, CodeContextField, []ref{r.addr}, "%s at a variable offset (%s) of %s: its fields are accessed by constant offsets", r.what, a.whole(n), kindNames[n.kind])
	}
	f, ferr := c.Access(int64(off)+r.disp, uint8(r.size), r.write)
	if ferr != nil {
		return nil, a.reject(r.p, r.in, CodeContextField, []ref{r.addr}, "%s of %s: %v", r.what, c.Name, ferr)
	}
	return f, nil
}

// setField gives the register what a field holds.
func (a *analysis) setField(r *request, f *abi.Field, from *node) {
	n := node{kind: isScalar, cause: byContext, num: scalar.Const(0)}
	switch f.Kind {
	case abi.FieldPacketStart:
		n.kind, n.id = isPacket, idPacket
	case abi.FieldPacketEnd:
		n.kind = isPacketEnd
	case abi.FieldPacketMeta:
		n.kind, n.id = isPacketMeta, idMeta
	case abi.FieldPointer, abi.FieldFlowKeys:
		a.fieldPointer(&n, f, from)
	default:
		n.num = scalar.Bytes(uint8(r.size))
		if r.in.Sign {
			n.num = scalar.SBytes(uint8(r.size))
		}
		if f.Max != 0 && !r.in.Sign {
			if m, ok := scalar.Meet(n.num, scalar.Between(0, f.Max)); ok {
				n.num = m
			}
		}
	}
	r.p.set(r.in.Dst, a.made(r.p, r.in, n))
}

// fieldPointer describes the pointer that a field holds.
func (a *analysis) fieldPointer(n *node, f *abi.Field, from *node) {
	n.kind, n.size, n.obj = isMem, f.Mem, -1
	n.flags |= readOnly
	if f.Kind == abi.FieldFlowKeys {
		n.flags &^= readOnly
	}
	if f.Struct != "" {
		n.kind, n.obj, n.size = isStruct, a.structIndex(f.Struct), 0
		n.flags &^= readOnly
	}
	if f.OrNull {
		n.flags |= orNull
	}
	n.id = a.identityOf(uint64(f.Offset)|5<<40, uint64(from.id), uint64(from.kind))
	if f.OrNull || from.held != 0 {
		n.id = a.newID()
	}
	n.held = from.held
}

// structIndex is the index of a structure in the set, -1 if there is none.
func (a *analysis) structIndex(name string) int32 {
	for i := range a.set.Structs {
		if a.set.Structs[i].Name == name {
			return int32(i)
		}
	}
	return -1
}

func (a *analysis) loadStruct(r *request, n *node) *Error {
	if err := a.described(r, n); err != nil {
		return err
	}
	f, err := a.contextField(r, n, &a.set.Structs[n.obj])
	if err != nil {
		return err
	}
	a.setField(r, f, n)
	return nil
}

// described refuses to decide about structures of which no set describes the fields.
func (a *analysis) described(r *request, n *node) *Error {
	if n.obj >= 0 && !a.set.Structs[n.obj].Opaque {
		return nil
	}
	return a.reject(r.p, r.in, CodeUndecided, []ref{r.addr}, "%s: the fields of the structure are the kernel's own", r.what)
}

func (a *analysis) storeStruct(r *request, n *node) *Error {
	if err := a.described(r, n); err != nil {
		return err
	}
	_, err := a.contextField(r, n, &a.set.Structs[n.obj])
	return err
}

// storeContext follows a store to the context.
func (a *analysis) storeContext(r *request, n *node, val ref) *Error {
	if val != 0 {
		if m := a.at(val); m.kind != isScalar && a.leaks {
			return a.reject(r.p, r.in, CodeLeak, []ref{val}, "%s is stored in the context", kindNames[m.kind])
		}
	}
	_, err := a.contextField(r, n, &a.typ.Context)
	return err
}

// loadPacket follows LD_ABS and LD_IND (RFC 9669 section 5.5): R6 is the context; a load outside the packet ends the program with 0.
func (a *analysis) loadPacket(p *path, in *ir.Insn) *Error {
	if !a.typ.LoadAbs {
		return a.reject(p, in, CodeNoPacket, nil, "packet access in a program of type %s, which has no packet", a.typ.Name)
	}
	r6 := p.reg(ir.R6)
	if r6 == 0 {
		return a.unset(p, in, ir.R6)
	}
	if n := a.at(r6); n.kind != isCtx || n.off != 0 {
		return a.reject(p, in, CodeArgument, []ref{r6}, "R6 is %s: packet loads need the context in R6", kindNames[n.kind])
	}
	if p.lock != 0 || len(p.holds) > 0 {
		return a.reject(p, in, CodeLock, nil, "a packet load may end the program, which holds a reference or a lock")
	}
	for r := ir.R1; r <= ir.R5; r++ {
		p.set(r, 0)
	}
	p.set(ir.R0, a.any(p, in, byLoad, scalar.Bytes(in.Size)))
	return nil
}
