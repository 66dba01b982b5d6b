package verifier

import (
	"bytes"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier/scalar"
)

// maxSize bounds sizes that are passed to helpers (BPF_MAX_VAR_SIZ, include/linux/bpf_verifier.h, Linux 6.18).
const maxSize = 1 << 29

// callCheck is one call that is being checked.
type callCheck struct {
	*analysis
	p    *path
	in   *ir.Insn
	h    *abi.Helper
	name string
	// packet: memory arguments may be in the packet.
	packet bool

	mp      ref    // the map
	mapping int32  // its index, -1 if there is none
	fn      int32  // the callback, -1 if there is none
	ctx     ref    // the callback's context
	size    int64  // bytes of the memory returned
	longest int64  // greatest value of the size argument
	held    uint32 // reference that is released
	slices  uint32 // dynptr that memory is taken of
	slice   abi.DynptrKind
	key     int64  // the key, if it is known and 4 bytes long; -1
	lock    uint32 // identity of what has the lock
	iter    stackRange
	cast    uint32 // reference of the structure that is cast
	after   []func()
}

// callHelper follows the call of a helper.
func (a *analysis) callHelper(p *path, in *ir.Insn, gi int32) (*path, *Error) {
	if why := a.program.Absent[in.Pos]; why != nil {
		err := a.reject(p, in, Code(why.Code), nil, "%s", why.Msg)
		err.Hint = why.Hint
		return nil, err
	}
	h := &a.program.Helpers[in.Ref.Index]
	c := &callCheck{analysis: a, p: p, in: in, h: h, name: h.Name, mapping: -1, fn: -1, key: -1, packet: a.takesPackets(h)}
	if err := c.allowed(); err != nil {
		return nil, err
	}
	for i, k := range h.Args {
		if k == abi.ArgNone {
			break
		}
		r := p.top().regs[1+i]
		if r == 0 {
			return nil, a.unset(p, in, ir.R1+ir.Reg(i))
		}
		if err := argRules[k](c, i, r); err != nil {
			return nil, err
		}
	}
	return c.finish()
}

// takesPackets reports whether memory arguments of h may be in the packet.
func (a *analysis) takesPackets(h *abi.Helper) bool {
	switch a.typ.PacketArgs {
	case abi.PacketArgsNone:
		return false
	case abi.PacketArgsAll:
		return true
	}
	return h.Flags&abi.FlagPacket != 0
}

// allowed checks what does not depend on arguments.
func (c *callCheck) allowed() *Error {
	h, p := c.h, c.p
	switch {
	case h.Flags&abi.FlagGPL != 0 && !gplCompatible(c.program.License):
		return c.reject(p, c.in, CodeLicence, nil, "%s is only for programs with a licence compatible with the GPL; this one's is %q", h.Name, c.program.License)
	case h.Flags&abi.FlagSleeps != 0 && !c.typ.Sleepable:
		return c.reject(p, c.in, CodeSleep, nil, "%s may sleep, programs of type %s must not", h.Name, c.typ.Name)
	case p.lock != 0 && h.Flags&abi.FlagUnlock == 0 && h.Flags&abi.FlagLock == 0:
		return c.reject(p, c.in, CodeLock, nil, "%s is called while the lock taken at insn %d is held", h.Name, p.lockPos)
	case h.Flags&abi.FlagLock != 0 && p.lock != 0:
		return c.reject(p, c.in, CodeLock, nil, "a second lock is taken while the one taken at insn %d is held", p.lockPos)
	case h.Flags&abi.FlagUnlock != 0 && p.lock == 0:
		return c.reject(p, c.in, CodeLock, nil, "%s without a lock", h.Name)
	case h.Flags&abi.FlagTailCall != 0 && (len(p.holds) > 0):
		return c.reject(p, c.in, CodeRefLeak, nil, "%s would leave behind the reference acquired at insn %d", h.Name, p.holds[0].pos)
	case h.Flags&abi.FlagTailCall != 0 && (p.top().back != 0 || p.root.callback != nil && p.depth == 1):
		return c.reject(p, c.in, CodeReturn, nil, "%s in a callback: what it leads to may return anything", h.Name)
	}
	return nil
}

// gplLicences are those that may call GPL-only helpers (license_is_gpl_compatible, include/linux/license.h, Linux 6.18).
var gplLicences = []string{"GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"}

func gplCompatible(licence string) bool { return slices.Contains(gplLicences, licence) }

// argRules check an argument by its kind.
var argRules = [...]func(c *callCheck, i int, r ref) *Error{
	abi.ArgAny:            (*callCheck).anything,
	abi.ArgCtx:            (*callCheck).context,
	abi.ArgConstMap:       (*callCheck).mapPointer,
	abi.ArgMapKey:         func(c *callCheck, i int, r ref) *Error { return c.mapKey(i, r) },
	abi.ArgMapValue:       func(c *callCheck, i int, r ref) *Error { return c.memory(i, r, c.valueSize(), false) },
	abi.ArgMem:            func(c *callCheck, i int, r ref) *Error { return c.sized(i, r, false, false) },
	abi.ArgMemWrite:       func(c *callCheck, i int, r ref) *Error { return c.sized(i, r, true, false) },
	abi.ArgSize:           (*callCheck).sizeSeen,
	abi.ArgSizeOrZero:     (*callCheck).sizeSeen,
	abi.ArgFunc:           (*callCheck).function,
	abi.ArgMemOrNull:      func(c *callCheck, i int, r ref) *Error { return c.sized(i, r, false, true) },
	abi.ArgMapValueOut:    func(c *callCheck, i int, r ref) *Error { return c.memory(i, r, c.valueSize(), true) },
	abi.ArgMapKeyOrNull:   (*callCheck).mapKeyOrNull,
	abi.ArgFixedMem:       func(c *callCheck, i int, r ref) *Error { return c.memory(i, r, int64(c.h.Sizes[i]), false) },
	abi.ArgFixedMemWrite:  func(c *callCheck, i int, r ref) *Error { return c.memory(i, r, int64(c.h.Sizes[i]), true) },
	abi.ArgAllocSize:      (*callCheck).allocSize,
	abi.ArgCtxOrNull:      (*callCheck).contextOrNull,
	abi.ArgStackOrNull:    (*callCheck).stackOrNull,
	abi.ArgStruct:         (*callCheck).structure,
	abi.ArgStructOrNull:   (*callCheck).structureOrNull,
	abi.ArgSpinLock:       (*callCheck).spinLock,
	abi.ArgTimer:          (*callCheck).timer,
	abi.ArgRecord:         (*callCheck).record,
	abi.ArgConstString:    (*callCheck).constString,
	abi.ArgDynptr:         (*callCheck).dynptrArg,
	abi.ArgDynptrInit:     (*callCheck).dynptrInit,
	abi.ArgDynptrRecord:   (*callCheck).dynptrRecord,
	abi.ArgIter:           (*callCheck).iterator,
	abi.ArgKptr:           (*callCheck).kptr,
	abi.ArgConst:          (*callCheck).constantArg,
	abi.ArgFlagZero:       (*callCheck).flagZero,
	abi.ArgMapIndex:       (*callCheck).mapIndex,
	abi.ArgMemWriteOrNull: func(c *callCheck, i int, r ref) *Error { return c.sized(i, r, true, true) },
	abi.ArgMapValueOrNull: (*callCheck).mapValueOrNull,
}

// arg names an argument.
func (c *callCheck) arg(i int) string { return "argument " + decimal(int64(i+1)) + " of " + c.name }

func (c *callCheck) wrong(i int, r ref, want string) *Error {
	return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is %s, expected %s", c.arg(i), kindNames[c.at(r).kind], want)
}

func (c *callCheck) null(i int, r ref) *Error {
	return c.reject(c.p, c.in, CodeNull, []ref{r}, "%s is %s that may be null: compare it with 0 first", c.arg(i), kindNames[c.at(r).kind])
}

func (c *callCheck) anything(i int, r ref) *Error {
	n := c.at(r)
	c.lose(n)
	if c.leaks && n.kind != isScalar {
		return c.reject(c.p, c.in, CodeLeak, []ref{r}, "%s is %s: addresses must not leave the program", c.arg(i), kindNames[n.kind])
	}
	return nil
}

func (c *callCheck) context(i int, r ref) *Error {
	n := c.at(r)
	if n.kind != isCtx {
		return c.wrong(i, r, "the context")
	}
	if v, ok := c.whole(n).Const(); !ok || v != 0 {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is the context moved by %s, expected its start", c.arg(i), c.whole(n))
	}
	return nil
}

func (c *callCheck) contextOrNull(i int, r ref) *Error {
	if c.zero(c.at(r)) {
		return nil
	}
	return c.context(i, r)
}

func (c *callCheck) mapPointer(i int, r ref) *Error {
	n := c.at(r)
	if n.kind != isMap {
		return c.wrong(i, r, "a map")
	}
	if n.flags&orNull != 0 {
		return c.null(i, r)
	}
	if n.obj < 0 {
		return c.reject(c.p, c.in, CodeUndecided, []ref{r}, "%s is a map inside another, and the object does not say of which kind", c.arg(i))
	}
	spec := &c.program.Maps[n.obj]
	kind := c.set.MapKind(spec.Type)
	if kind == nil {
		return c.reject(c.p, c.in, CodeUndecided, []ref{r}, "map %s is of type %d, which no helper set knows", spec.Name, spec.Type)
	}
	if c.h.Args[i] == abi.ArgMapIndex {
		if kind.Values != abi.ValuesMemory {
			return c.reject(c.p, c.in, CodeMapHelper, []ref{r}, "%s cannot be used with map %s of type %s", c.name, spec.Name, kind.Name)
		}
	} else if !slices.Contains(kind.Helpers, c.h.Name) {
		return c.reject(c.p, c.in, CodeMapHelper, []ref{r}, "%s cannot be used with map %s of type %s", c.name, spec.Name, kind.Name)
	}
	if c.mp != 0 && c.at(c.mp).id != n.id {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is another map than the one the object is of", c.arg(i))
	}
	c.mp, c.mapping = r, n.obj
	c.sameMap(n)
	return nil
}

// several marks calls that get maps which are not alike, inner those whose map another one may hold.
const (
	several = -1
	inner   = 1 << 30
)

// sameMap notes with which map the call is made.
func (c *callCheck) sameMap(n *node) {
	at, m := &c.callMap[c.gi(c.p)], n.obj+1
	if n.flags&within != 0 {
		m |= inner
	}
	switch {
	case *at == 0 || *at == m:
		*at = m
	case *at != several && *at&^inner == m&^inner:
		*at |= inner
	default:
		*at = several
	}
}

// sameIndex notes with which index a tail call is made. Paths with another one are not like those that have come here
// (record_func_key, kernel/bpf/verifier.c, Linux 6.18).
func (c *callCheck) sameIndex() {
	r := c.p.top().regs[3]
	at, index := &c.tailIndex[c.gi(c.p)], int64(several)
	if n := c.at(r); r != 0 && n.kind == isScalar {
		if v, ok := c.whole(n).Const(); ok {
			c.markPrecise(r, &c.work)
			index = int64(uint32(v)) + 1
		}
	}
	if *at != 0 && *at != index {
		index = several
	}
	*at = index
}

// calledWith is what sameMap has found out about an instruction: see InsnFact.Map.
func (a *analysis) calledWith(gi int32) (same, like int32) {
	m := a.callMap[gi]
	if m == several {
		return 0, 0
	}
	if m&inner != 0 {
		return 0, m &^ inner
	}
	return m, m
}

func (c *callCheck) valueSize() int64 { return int64(c.mapSpec(c.mapping).ValueSize) }

func (c *callCheck) mapKey(i int, r ref) *Error {
	size := int64(c.mapSpec(c.mapping).KeySize)
	if n := c.at(r); n.kind == isStack && size == 4 {
		if off, ok := c.whole(n).Const(); ok && int64(off) >= -ir.MaxStack && int64(off) <= -4 {
			k, at := slotOf(int64(off))
			if at <= 4 {
				t := c.p.frames[n.obj].at(k)
				if v, ok := c.bytesOf(&t, at, 4); ok {
					c.key = int64(v)
					c.after = append(c.after, func() { c.relyOnSlot(&t) })
				} else if c.zeros(&t)>>at&0xf == 0xf {
					c.key = 0
					c.after = append(c.after, func() {
						c.relyOnSlot(&t)
						key := allOf(1 << k)
						c.relyOnZeros(c.p, n.obj, &key)
					})
				}
			}
		}
	}
	return c.memory(i, r, size, false)
}

func (c *callCheck) mapKeyOrNull(i int, r ref) *Error {
	if c.zero(c.at(r)) {
		return nil
	}
	return c.mapKey(i, r)
}

// sizeSeen: the memory argument before it has checked it.
func (c *callCheck) sizeSeen(i int, r ref) *Error {
	if n := c.at(r); n.kind != isScalar {
		return c.wrong(i, r, "a size")
	}
	return nil
}

// sized checks memory whose size is the next argument.
func (c *callCheck) sized(i int, r ref, write, mayBeNull bool) *Error {
	s := c.p.top().regs[2+i]
	if s == 0 {
		return c.unset(c.p, c.in, ir.R2+ir.Reg(i))
	}
	n := c.at(s)
	if n.kind != isScalar {
		return c.wrong(i+1, s, "a size")
	}
	c.markPrecise(s, &c.work)
	zero := c.h.Args[i+1] == abi.ArgSizeOrZero
	lo, hi := n.num.SMin(), n.num.SMax()
	switch {
	case lo < 0:
		return c.reject(c.p, c.in, CodeSize, []ref{s}, "%s, a size, may be negative (%s): check that it is not, or mask it", c.arg(i+1), n.num)
	case lo == 0 && !zero:
		return c.reject(c.p, c.in, CodeSize, []ref{s}, "%s, a size, may be 0 (%s)", c.arg(i+1), n.num)
	case hi >= maxSize:
		return c.reject(c.p, c.in, CodeSize, []ref{s}, "%s, a size, has no bound (%s): compare it with the size of the memory", c.arg(i+1), n.num)
	}
	c.longest = hi
	if m := c.at(r); c.zero(m) && (mayBeNull || zero) {
		if hi > 0 && c.h.Args[i+1] != abi.ArgConst {
			return c.reject(c.p, c.in, CodeNull, []ref{r, s}, "%s is null but its size may be %s", c.arg(i), n.num)
		}
		return nil
	}
	if hi == 0 {
		if m := c.at(r); m.kind == isScalar {
			return c.wrong(i, r, "memory")
		}
		return nil
	}
	err := (*Error)(nil)
	if write && lo != hi && c.at(r).kind == isStack { // what is not written stays, and is read later
		err = c.memory(i, r, hi, false)
	}
	if err == nil {
		err = c.memory(i, r, hi, write)
	}
	if err != nil {
		err.blame = append(err.blame, s)
	}
	return err
}

// memory checks that an argument is memory of size bytes.
func (c *callCheck) memory(i int, r ref, size int64, write bool) *Error {
	n := c.at(r)
	req := &request{p: c.p, in: c.in, addr: r, size: size, write: write, what: c.arg(i) + ": " + verbOf(write) + " of " + decimal(size) + " bytes"}
	switch n.kind {
	case isStack:
		if size == 0 {
			return nil
		}
		c.leakStack(n)
		c.lost = c.lost || c.h != nil && c.h.Dynptr != abi.DynptrNone // which keeps the address
		s, err := c.stackOf(req)
		if err != nil {
			return err
		}
		c.relyOnOffset(req)
		c.deepen(c.p, s)
		if write {
			return c.blurStack(req, s)
		}
		return c.readStack(req, s)
	case isPacket, isPacketMeta:
		if !c.packet {
			return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is in the packet, which the helper does not take", c.arg(i))
		}
	case isScalar:
		if c.zero(n) {
			return c.null(i, r)
		}
		if n.flags&stale == 0 {
			return c.wrong(i, r, "memory")
		}
	}
	if size == 0 {
		return nil
	}
	return c.region(req)
}

func verbOf(write bool) string {
	if write {
		return "write"
	}
	return "read"
}

func (c *callCheck) function(i int, r ref) *Error {
	n := c.at(r)
	if n.kind != isFunc {
		return c.wrong(i, r, "a function of the program")
	}
	c.fn = n.obj
	return nil
}

func (c *callCheck) allocSize(i int, r ref) *Error {
	v, ok := c.at(r).num.Const()
	if c.at(r).kind != isScalar || !ok {
		return c.reject(c.p, c.in, CodeSize, []ref{r}, "%s must be a constant, it is %s", c.arg(i), c.describe(r))
	}
	c.markPrecise(r, &c.work)
	if v >= maxSize {
		return c.reject(c.p, c.in, CodeSize, []ref{r}, "%s is %d, more than %d bytes", c.arg(i), v, maxSize-1)
	}
	c.size = int64(v)
	return nil
}

func (c *callCheck) constantArg(i int, r ref) *Error {
	v, ok := c.at(r).num.Const()
	if c.at(r).kind != isScalar || !ok {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s must be a constant, it is %s", c.arg(i), c.describe(r))
	}
	c.markPrecise(r, &c.work)
	if v < maxSize {
		c.size = int64(v)
	}
	return nil
}

func (c *callCheck) flagZero(i int, r ref) *Error {
	if !c.zero(c.at(r)) {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s must be 0, it is %s", c.arg(i), c.describe(r))
	}
	return nil
}

// describe is a value in words.
func (a *analysis) describe(r ref) string {
	n := a.at(r)
	if n.kind == isScalar {
		return n.num.String()
	}
	return kindNames[n.kind]
}

func (c *callCheck) stackOrNull(i int, r ref) *Error {
	n := c.at(r)
	if c.zero(n) {
		c.ctx = r
		return nil
	}
	if n.kind != isStack {
		return c.wrong(i, r, "a stack address or 0")
	}
	c.leakStack(n)
	c.share(r)
	c.ctx = r
	return nil
}

func (c *callCheck) structure(i int, r ref) *Error {
	n := c.at(r)
	want := c.h.Structs[i]
	if n.kind != isStruct {
		return c.wrong(i, r, "a struct "+want)
	}
	if n.flags&orNull != 0 {
		return c.null(i, r)
	}
	if n.obj >= 0 {
		if s := &c.set.Structs[n.obj]; want != "" && s.Name != want && !slices.Contains(s.Is, want) {
			return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is a struct %s, expected a struct %s", c.arg(i), s.Name, want)
		}
	}
	if c.h.Flags&abi.FlagReleases != 0 {
		return c.releases(i, r, n)
	}
	c.cast = n.held
	return nil
}

// releases notes the reference that the call gives back.
func (c *callCheck) releases(i int, r ref, n *node) *Error {
	if n.held == 0 || !slices.ContainsFunc(c.p.holds, func(h hold) bool { return h.id == n.held }) {
		return c.reject(c.p, c.in, CodeRelease, []ref{r}, "%s is no reference that the program has acquired", c.arg(i))
	}
	if n.off != 0 {
		return c.reject(c.p, c.in, CodeRelease, []ref{r}, "%s was moved by %d: release the pointer as it was acquired", c.arg(i), n.off)
	}
	c.held = n.held
	return nil
}

func (c *callCheck) structureOrNull(i int, r ref) *Error {
	n := c.at(r)
	if c.zero(n) {
		return nil
	}
	if n.kind == isStruct && n.flags&orNull != 0 {
		return nil
	}
	return c.structure(i, r)
}

// specialField checks that an argument is the special field of a map value.
func (c *callCheck) specialField(i int, r ref, kind abi.SpecialKind, want string) (*node, *Error) {
	n := c.at(r)
	if n.kind != isMapValue && (n.kind != isData || kind != abi.SpecialLock) {
		return nil, c.wrong(i, r, want+" in a map value")
	}
	if n.flags&orNull != 0 {
		return nil, c.null(i, r)
	}
	off, ok := c.whole(n).Const()
	if !ok {
		return nil, c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is at a variable offset of %s", c.arg(i), c.named(n))
	}
	for _, s := range c.specials(n) {
		if s.Kind == kind && uint64(s.Offset) == off {
			return n, nil
		}
	}
	return nil, c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s: there is no %s at offset %d of %s", c.arg(i), want, off, c.named(n))
}

func (c *callCheck) spinLock(i int, r ref) *Error {
	n, err := c.specialField(i, r, abi.SpecialLock, "lock")
	if err != nil {
		return err
	}
	c.lock = n.id
	if n.kind == isData { // of which there is one
		c.lock = c.derive(derivation{op: ir.OpAddr, off: -1 - int64(n.obj)})
	}
	if c.h.Flags&abi.FlagUnlock != 0 && c.p.lock != c.lock {
		return c.reject(c.p, c.in, CodeLock, []ref{r}, "the lock taken at insn %d is another one", c.p.lockPos)
	}
	return nil
}

func (c *callCheck) timer(i int, r ref) *Error {
	n, err := c.specialField(i, r, abi.SpecialTimer, "timer")
	if err != nil {
		return err
	}
	c.mapping = n.obj
	if c.mp == 0 {
		c.mp = c.made(c.p, c.in, node{kind: isMap, flags: within, obj: n.obj, num: scalar.Const(0), id: c.identityOf(uint64(n.obj)|1<<40, 0, 0)})
	}
	return nil
}

func (c *callCheck) record(i int, r ref) *Error {
	n := c.at(r)
	if n.flags&orNull != 0 {
		return c.null(i, r)
	}
	if n.kind != isMem || n.flags&recorded == 0 {
		return c.wrong(i, r, "a record that was reserved")
	}
	if v, ok := c.whole(n).Const(); !ok || v != 0 {
		return c.reject(c.p, c.in, CodeRelease, []ref{r}, "%s was moved by %s: pass the record as it was reserved", c.arg(i), c.whole(n))
	}
	return c.releases(i, r, n)
}

func (c *callCheck) constString(i int, r ref) *Error {
	n := c.at(r)
	if n.kind != isData || n.flags&readOnly == 0 {
		return c.wrong(i, r, "a string in read-only data")
	}
	off, ok := c.whole(n).Const()
	if !ok {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is at a variable offset of section %s", c.arg(i), c.program.Data[n.obj].Name)
	}
	d := &c.program.Data[n.obj]
	if off > uint64(len(d.Bytes)) || bytes.IndexByte(d.Bytes[off:], 0) < 0 {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s: the string at offset %d of section %s does not end with a 0", c.arg(i), int64(off), d.Name)
	}
	return nil
}

func (c *callCheck) kptr(i int, r ref) *Error {
	return c.reject(c.p, c.in, CodeUndecided, []ref{r}, "%s: pointers of the kernel in map values are not supported", c.arg(i))
}

// finish applies the effects of the call.
func (c *callCheck) finish() (*path, *Error) {
	a, p, h := c.analysis, c.p, c.h
	if h.Callback != nil && c.fn >= 0 {
		if err := c.callback(); err != nil {
			return nil, err
		}
	}
	if h.Flags&abi.FlagTailCall != 0 {
		c.sameIndex()
	}
	q := (*path)(nil)
	switch {
	case h.Callback != nil && c.fn >= 0 && !h.Callback.Async:
		q = c.enter()
	case h.Flags&abi.FlagTailCall != 0 && p.depth > 1:
		q = a.tailCalled(p, c.in)
	}
	if c.held != 0 {
		a.drop(p, c.in, c.held)
	}
	switch {
	case h.Flags&abi.FlagLock != 0:
		p.lock, p.lockPos = c.lock, c.in.Pos
	case h.Flags&abi.FlagUnlock != 0:
		p.lock = 0
	}
	if h.Flags&abi.FlagInvalidatesPackets != 0 {
		a.movePackets(p, c.in)
	}
	r0, other := c.result()
	a.clobber(p)
	p.set(ir.R0, r0)
	p.next()
	if other != nil {
		a.pending = append(a.pending, other)
	}
	if q != nil {
		a.pending = append(a.pending, p)
		return q, nil
	}
	return p, nil
}

// drop ends reference id: what belonged to it is a number now.
func (a *analysis) drop(p *path, in *ir.Insn, id uint32) {
	p.release(id)
	p.replace(func(r ref) ref {
		n := a.at(r)
		if n.held != id {
			return r
		}
		if n.kind == isDynptr {
			return 0
		}
		return a.made(p, in, node{kind: isScalar, num: scalar.Unknown(), cause: byCall, a: r})
	})
}

// callback checks the function that is passed.
func (c *callCheck) callback() *Error {
	f := c.program.Funcs[c.fn]
	if c.p.depth == ir.MaxFrames {
		return c.reject(c.p, c.in, CodeCallDepth, nil, "the callback of %s would be frame %d: at most %d may be active", c.name, c.p.depth+1, ir.MaxFrames)
	}
	if c.fn == 0 {
		return c.reject(c.p, c.in, CodeArgument, nil, "%s is the program itself: a callback is a function of its own", f.Name)
	}
	if cb := c.h.Callback; cb.Async {
		for _, r := range c.roots {
			if r.callback == cb && r.fn == c.fn && r.mapping == c.mapping {
				return nil
			}
		}
		c.analysis.roots = append(c.analysis.roots, &root{fn: c.fn, callback: cb, mapping: c.mapping})
	}
	return nil
}

// enter is the path into the callback; the call is made again when it returns.
func (c *callCheck) enter() *path {
	if b := (backCall{c.p.top().fn, c.fn, c.in.Pos}); !slices.Contains(c.backCalls, b) {
		c.backCalls = append(c.backCalls, b)
	}
	q := c.p.fork()
	q.ticks++
	c.push(q, c.fn, c.in.Ref.Index+1)
	if c.mp != 0 {
		c.share(c.mp)
	}
	c.seedCallback(q.frames[q.depth-1], c.h.Callback, c.mp, c.ctx)
	return q
}

// result is the value of R0, and a second path where there are two cases.
func (c *callCheck) result() (ref, *path) {
	h := c.h
	n := node{kind: isScalar, cause: byCall, num: scalar.Const(0), obj: -1}
	switch h.Ret {
	case abi.RetVoid:
		return 0, nil
	case abi.RetInteger:
		n.num = c.integer()
	case abi.RetMapValueOrNull, abi.RetMapValue:
		c.mapResult(&n)
	case abi.RetMemOrNull, abi.RetMem:
		n.kind, n.size = isMem, h.RetSize
		if h.RetSize == 0 {
			n.size = uint32(c.size)
		}
		if h.Flags&abi.FlagAcquires != 0 {
			n.flags |= recorded
		}
	case abi.RetDynptrMemOrNull:
		n.kind, n.size, n.held = isMem, uint32(c.size), c.slices
		if c.slice == abi.DynptrPacket {
			n.flags |= stale
		}
	case abi.RetStructOrNull, abi.RetStruct:
		n.kind, n.obj = isStruct, c.structIndex(h.RetStruct)
	}
	if h.Flags&abi.FlagReadOnly != 0 {
		n.flags |= readOnly
	}
	if n.kind != isScalar {
		n.id = c.newID()
		switch h.Ret {
		case abi.RetMapValueOrNull, abi.RetMemOrNull, abi.RetStructOrNull, abi.RetDynptrMemOrNull:
			if !c.present(&n) {
				n.flags |= orNull
			}
		}
		if h.Flags&abi.FlagAcquires != 0 || c.acquiresFromMap(&n) {
			n.held = n.id
			c.p.holds = append(slices.Clone(c.p.holds), hold{n.id, c.in.Pos})
		}
		if h.Flags&abi.FlagCasts != 0 {
			n.held = c.cast
		}
	}
	if h.Flags&abi.FlagIterNext != 0 {
		return c.nextElement(n)
	}
	return c.made(c.p, c.in, n), nil
}

// present reports whether a lookup finds a value: every key of an array below its size has one.
func (c *callCheck) present(n *node) bool {
	if n.kind != isMapValue || c.key < 0 || c.mapping < 0 {
		return false
	}
	spec := c.mapSpec(c.mapping)
	kind := c.set.MapKind(spec.Type)
	if kind == nil || !kind.Indexed || uint64(c.key) >= uint64(spec.MaxEntries) {
		return false
	}
	for _, f := range c.after {
		f()
	}
	return true
}

// acquiresFromMap: lookups in maps of sockets give references.
func (c *callCheck) acquiresFromMap(n *node) bool {
	if n.kind != isStruct || c.mapping < 0 || c.h.Ret != abi.RetMapValueOrNull && c.h.Ret != abi.RetMapValue {
		return false
	}
	kind := c.set.MapKind(c.mapSpec(c.mapping).Type)
	return kind != nil && kind.Values == abi.ValuesStruct
}

func (c *callCheck) mapResult(n *node) {
	n.kind, n.obj = isMapValue, c.mapping
	spec := c.mapSpec(c.mapping)
	kind := c.set.MapKind(spec.Type)
	if kind == nil {
		return
	}
	switch kind.Values {
	case abi.ValuesMap:
		n.kind, n.obj = isMap, int32(spec.Inner)-1
		n.flags |= within
	case abi.ValuesStruct, abi.ValuesBorrowed:
		n.kind, n.obj = isStruct, c.structIndex(kind.Struct)
	}
	if spec.Flags&abi.MapFlagReadOnlyProg != 0 && n.kind == isMapValue {
		n.flags |= readOnly
	}
}

// integer is the range of a number that is returned.
func (c *callCheck) integer() scalar.Num {
	switch {
	case c.h.Flags&abi.FlagReturnsLength != 0:
		return scalar.SBetween(-4095, max(c.longest, 0))
	case c.h.Returns.Bounded():
		return scalar.SBetween(c.h.Returns.Min, c.h.Returns.Max)
	}
	return scalar.Unknown()
}

// mapIndex is a map named by its place among the program's maps (ArgMapIndex).
func (c *callCheck) mapIndex(i int, r ref) *Error {
	v, ok := c.at(r).num.Const()
	if c.at(r).kind == isMap {
		return c.mapPointer(i, r)
	}
	if c.at(r).kind != isScalar || !ok {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s must be the number of a map, known when the program is verified; it is %s", c.arg(i), c.describe(r))
	}
	c.markPrecise(r, &c.work)
	if v >= uint64(len(c.program.Maps)) {
		return c.reject(c.p, c.in, CodeArgument, []ref{r}, "%s is map %d of %d", c.arg(i), v, len(c.program.Maps))
	}
	m := c.made(c.p, c.in, node{kind: isMap, obj: int32(v), num: scalar.Const(0), id: c.identityOf(v|1<<40, 0, 0)})
	return c.mapPointer(i, m)
}

func (c *callCheck) mapValueOrNull(i int, r ref) *Error {
	if c.zero(c.at(r)) {
		return nil
	}
	return c.memory(i, r, c.valueSize(), false)
}
