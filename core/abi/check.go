package abi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
)

// Check reports what is wrong with a set, nil if it says nothing that a verifier
// could misunderstand: kinds that have no meaning, memory without a size, a
// callback without its description, fields outside of their structure. It looks
// at the set alone: names of helpers and structures may be those of the sets that
// it will be merged with. The error names the set and the part.
func Check(s *Set) error {
	if s.Name == "" {
		return fmt.Errorf("a helper set has no name")
	}
	if _, err := Merge(s); err != nil { // two definitions of one thing
		return fmt.Errorf("helper set %s: %w", s.Name, err)
	}
	for i := range s.Types {
		if err := checkType(&s.Types[i]); err != nil {
			return fmt.Errorf("helper set %s: program type %s: %w", s.Name, s.Types[i].Name, err)
		}
	}
	for i := range s.Structs {
		if err := checkContext(&s.Structs[i]); err != nil {
			return fmt.Errorf("helper set %s: struct %s: %w", s.Name, s.Structs[i].Name, err)
		}
	}
	for i := range s.Helpers {
		if err := checkHelper(&s.Helpers[i]); err != nil {
			return fmt.Errorf("helper set %s: helper %s: %w", s.Name, s.Helpers[i].Name, err)
		}
	}
	for i := range s.MapKinds {
		if err := checkMapKind(&s.MapKinds[i]); err != nil {
			return fmt.Errorf("helper set %s: map kind %s: %w", s.Name, s.MapKinds[i].Name, err)
		}
	}
	return nil
}

func checkType(t *ProgType) error {
	switch {
	case t.Name == "":
		return fmt.Errorf("it has no name")
	case t.Returns.Min > t.Returns.Max:
		return fmt.Errorf("it returns %d to %d: the first must not be more than the second", t.Returns.Min, t.Returns.Max)
	case t.Packet > PacketReadWrite || t.PacketArgs > PacketArgsAll:
		return fmt.Errorf("packet access %d or packet arguments %d have no meaning", t.Packet, t.PacketArgs)
	}
	for i := range t.Variants {
		if err := checkHelper(&t.Variants[i]); err != nil {
			return fmt.Errorf("its helper %s: %w", t.Variants[i].Name, err)
		}
		if t.Variants[i].Impl == ImplRemote {
			return fmt.Errorf("its helper %s: what one type has in another way cannot be remote", t.Variants[i].Name)
		}
	}
	return checkContext(&t.Context)
}

func checkContext(c *Context) error {
	if c.Kind > CtxStruct {
		return fmt.Errorf("context kind %d has no meaning", c.Kind)
	}
	for i := range c.Fields {
		if err := c.checkField(&c.Fields[i]); err != nil {
			return fmt.Errorf("field %s: %w", c.Fields[i].Name, err)
		}
	}
	return c.checkOverlaps()
}

// checkOverlaps refuses fields that say different things of the same bytes: numbers may share them, a pointer may not
// but with another description of the same pointer.
func (c *Context) checkOverlaps() error {
	for i := range c.Fields {
		for j := range c.Fields[:i] {
			a, b := &c.Fields[j], &c.Fields[i]
			apart := a.Offset+a.Size <= b.Offset || b.Offset+b.Size <= a.Offset
			if apart || a.Kind == FieldScalar && b.Kind == FieldScalar || a.samePointer(b) {
				continue
			}
			return fmt.Errorf("fields %s and %s share bytes and say different things of them", a.Name, b.Name)
		}
	}
	return nil
}

// samePointer reports whether two fields describe one pointer.
func (f *Field) samePointer(g *Field) bool {
	return f.Offset == g.Offset && f.Size == g.Size && f.Kind == g.Kind && f.Struct == g.Struct && f.Mem == g.Mem && f.OrNull == g.OrNull
}

func (c *Context) checkField(f *Field) error {
	unit := f.unit()
	switch {
	case f.Name == "":
		return fmt.Errorf("the field at offset %d has no name", f.Offset)
	case f.Kind > FieldFlowKeys || f.Access > WriteOnly:
		return fmt.Errorf("its kind %d or access %d has no meaning", f.Kind, f.Access)
	case f.Size == 0 || uint64(f.Offset)+uint64(f.Size) > uint64(c.Size):
		return fmt.Errorf("bytes %d to %d are not inside the %d bytes of struct %s", f.Offset, uint64(f.Offset)+uint64(f.Size), c.Size, c.Name)
	case f.Size%unit != 0:
		return fmt.Errorf("its %d bytes are no multiple of its unit, %d", f.Size, unit)
	case f.Kind == FieldFlowKeys && f.Struct == "":
		return fmt.Errorf("it leads to no structure: name one")
	case f.Wide != 0 && f.Wide <= unit:
		return fmt.Errorf("a wide access of %d bytes is no more than its unit, %d", f.Wide, unit)
	}
	return nil
}

func checkMapKind(k *MapKind) error {
	switch {
	case k.Name == "":
		return fmt.Errorf("type %d has no name", k.Type)
	case k.Values > ValuesBorrowed:
		return fmt.Errorf("kind of values %d has no meaning", k.Values)
	case (k.Values == ValuesStruct || k.Values == ValuesBorrowed) != (k.Struct != ""):
		return fmt.Errorf("a lookup gives a structure exactly if Struct names one")
	case k.Direct && k.Values != ValuesMemory:
		return fmt.Errorf("its values have no addresses that an lddw could take")
	}
	return nil
}

func checkHelper(h *Helper) error {
	if h.Name == "" {
		return fmt.Errorf("helper %d has no name", h.ID)
	}
	for _, check := range []func(*Helper) error{checkArgs, checkResult, checkCallback, checkFlags, checkBody, checkApart, checkFastcall} {
		if err := check(h); err != nil {
			return err
		}
	}
	return nil
}

// needs is what the argument kinds need of the rest of a prototype.
type needs struct {
	sized  bool // its length is the next argument
	size   bool // it follows sized memory
	fixed  bool // Helper.Sizes
	named  bool // Helper.Structs
	behind bool // an argument of a map comes before it
}

var argNeeds = [...]needs{
	ArgNone: {}, ArgAny: {}, ArgCtx: {}, ArgConstMap: {},
	ArgMapKey: {behind: true}, ArgMapValue: {behind: true},
	ArgMem: {sized: true}, ArgMemWrite: {sized: true},
	ArgSize: {size: true}, ArgSizeOrZero: {size: true},
	ArgFunc: {}, ArgMemOrNull: {sized: true},
	ArgMapValueOut: {behind: true}, ArgMapKeyOrNull: {behind: true},
	ArgFixedMem: {fixed: true}, ArgFixedMemWrite: {fixed: true},
	ArgAllocSize: {}, ArgCtxOrNull: {}, ArgStackOrNull: {},
	ArgStruct: {named: true}, ArgStructOrNull: {named: true},
	ArgSpinLock: {}, ArgTimer: {}, ArgRecord: {}, ArgConstString: {},
	ArgDynptr: {}, ArgDynptrInit: {}, ArgDynptrRecord: {},
	ArgIter: {fixed: true}, ArgKptr: {}, ArgConst: {}, ArgFlagZero: {}, ArgMapIndex: {},
	ArgMemWriteOrNull: {sized: true}, ArgMapValueOrNull: {behind: true},
}

func checkArgs(h *Helper) error {
	n := h.NumArgs()
	mapSeen := false
	for i, k := range h.Args {
		switch {
		case int(k) >= len(argNeeds):
			return fmt.Errorf("argument %d has kind %d, which has no meaning", i+1, k)
		case i >= n && k != ArgNone:
			return fmt.Errorf("argument %d comes after one that is absent", i+1)
		case argNeeds[k].sized && (i+1 == n || !isLength(h.Args[i+1])):
			return fmt.Errorf("the length of the memory of argument %d has to be the next argument", i+1)
		case argNeeds[k].size && (i == 0 || !argNeeds[h.Args[i-1]].sized):
			return fmt.Errorf("argument %d is a length, and the argument before it is no memory that has one", i+1)
		case argNeeds[k].behind && !mapSeen:
			return fmt.Errorf("argument %d is a key or value of a map, and no argument before it is a map", i+1)
		case argNeeds[k].fixed != (h.Sizes[i] != 0):
			return fmt.Errorf("argument %d: its kind and Sizes disagree on whether it has a fixed size (%d bytes)", i+1, h.Sizes[i])
		case argNeeds[k].named != (h.Structs[i] != ""):
			return fmt.Errorf("argument %d: its kind and Structs disagree on whether it is a structure (%q)", i+1, h.Structs[i])
		}
		mapSeen = mapSeen || k == ArgConstMap || k == ArgMapIndex
	}
	return nil
}

// isLength reports whether an argument of kind k can be the length of the memory before it.
func isLength(k ArgKind) bool { return k == ArgSize || k == ArgSizeOrZero || k == ArgConst }

func checkResult(h *Helper) error {
	has := func(kinds ...ArgKind) bool {
		return slices.ContainsFunc(h.Args[:], func(k ArgKind) bool { return slices.Contains(kinds, k) })
	}
	switch h.Ret {
	case RetInteger:
		if h.Returns.Min > h.Returns.Max {
			return fmt.Errorf("it returns %d to %d: the first must not be more than the second", h.Returns.Min, h.Returns.Max)
		}
	case RetVoid:
	case RetMapValueOrNull, RetMapValue:
		if !has(ArgConstMap, ArgMapIndex) {
			return fmt.Errorf("its result is a value of a map, and no argument is a map")
		}
	case RetMemOrNull, RetMem:
		if h.RetSize == 0 == !has(ArgAllocSize) {
			return fmt.Errorf("its result is memory: its size is either RetSize or an argument of kind ArgAllocSize")
		}
	case RetDynptrMemOrNull:
		if !has(ArgDynptr) || !has(ArgConst, ArgAllocSize) {
			return fmt.Errorf("its result is memory of a dynptr: an argument has to be one, and one its size (ArgConst, ArgAllocSize)")
		}
	case RetStructOrNull, RetStruct:
		if h.RetStruct == "" {
			return fmt.Errorf("its result is a structure: RetStruct has to name it")
		}
	default:
		return fmt.Errorf("return kind %d has no meaning", h.Ret)
	}
	if h.Returns.Bounded() && h.Ret != RetInteger {
		return fmt.Errorf("only a number can have a range (Returns)")
	}
	return nil
}

func checkCallback(h *Helper) error {
	takes := h.has(ArgFunc)
	c := h.Callback
	switch {
	case takes != (c != nil):
		return fmt.Errorf("it has an argument of kind ArgFunc exactly if Callback describes the function")
	case c == nil:
		return nil
	case c.Returns.Min > c.Returns.Max:
		return fmt.Errorf("its callback returns %d to %d: the first must not be more than the second", c.Returns.Min, c.Returns.Max)
	}
	for i, k := range c.Args {
		switch {
		case k > CbUnknown:
			return fmt.Errorf("argument %d of its callback has kind %d, which has no meaning", i+1, k)
		case (k == CbMap || k == CbMapKey || k == CbMapValue) && !h.has(ArgConstMap) && !h.has(ArgTimer):
			return fmt.Errorf("argument %d of its callback is of a map, and no argument of the helper is a map", i+1)
		case k == CbCtx && !h.has(ArgStackOrNull):
			return fmt.Errorf("argument %d of its callback is the context, and no argument of the helper is one (ArgStackOrNull)", i+1)
		}
	}
	return nil
}

func (h *Helper) has(k ArgKind) bool { return slices.Contains(h.Args[:], k) }

func checkFlags(h *Helper) error {
	const iter = FlagIterNew | FlagIterNext | FlagIterDestroy
	steps := h.Flags & iter
	releasable := h.has(ArgRecord) || h.has(ArgStruct) || h.has(ArgStructOrNull) || h.has(ArgDynptrRecord)
	switch {
	case h.Flags >= FlagInternal<<1:
		return fmt.Errorf("flags %#x: there are none above %#x", uint32(h.Flags), uint32(FlagInternal))
	case h.has(ArgIter) != (steps != 0) || steps&(steps-1) != 0:
		return fmt.Errorf("a helper of an iterator has one of FlagIterNew, FlagIterNext and FlagIterDestroy, and other helpers have none")
	case h.has(ArgDynptrInit) != (h.Dynptr != DynptrNone) || h.Dynptr > DynptrPacket:
		return fmt.Errorf("it has an argument of kind ArgDynptrInit exactly if Dynptr says of which kind the dynptr is")
	case h.Flags&(FlagLock|FlagUnlock) != 0 != h.has(ArgSpinLock) || h.Flags&(FlagLock|FlagUnlock) == FlagLock|FlagUnlock:
		return fmt.Errorf("a helper of a lock has one of FlagLock and FlagUnlock, and other helpers have none")
	case h.Flags&FlagReleases != 0 && !releasable:
		return fmt.Errorf("it releases (FlagReleases), and no argument can be a reference")
	case h.Flags&FlagAcquires != 0 && (h.Ret == RetInteger || h.Ret == RetVoid):
		return fmt.Errorf("it acquires (FlagAcquires), and its result is no reference")
	case h.Intrinsic >= numIntrinsics:
		return fmt.Errorf("intrinsic %d has no meaning", h.Intrinsic)
	case h.Impl == ImplIntrinsic && h.Intrinsic == IntrinsicNone:
		return fmt.Errorf("it runs as an intrinsic (ImplIntrinsic), and Intrinsic says of none")
	case h.Flags&FlagReturnsLength != 0 && !h.has(ArgSize) && !h.has(ArgSizeOrZero):
		return fmt.Errorf("its result is a length (FlagReturnsLength), and no argument is one")
	}
	return nil
}

func checkBody(h *Helper) error {
	switch {
	case h.Impl > ImplRemote:
		return fmt.Errorf("way to run %d has no meaning", h.Impl)
	case (h.Impl == ImplBody) != (len(h.Body) > 0):
		return fmt.Errorf("it has a body exactly if Impl is ImplBody")
	case h.C != "" && !strings.Contains(h.C, h.Name[strings.LastIndexByte(h.Name, '/')+1:]+"("):
		return fmt.Errorf("its prototype in C declares something else: %s", h.C)
	}
	return nil
}

// apartArgs are the kinds of arguments that mean something to a helper which does not see the run: numbers, and memory
// whose length is known.
var apartArgs = []ArgKind{
	ArgNone, ArgAny, ArgCtx, ArgCtxOrNull, ArgConstMap, ArgMapIndex, ArgMapKey, ArgMapKeyOrNull, ArgMapValue, ArgMapValueOrNull,
	ArgMapValueOut, ArgMem, ArgMemOrNull, ArgMemWrite, ArgMemWriteOrNull, ArgSize, ArgSizeOrZero, ArgFixedMem, ArgFixedMemWrite,
	ArgConst, ArgFlagZero,
}

// apartFlags are the flags that say nothing of what a helper does beside its result and its memory.
const apartFlags = FlagFastcall | FlagPure | FlagGPL | FlagPacket | FlagReturnsLength | FlagSleeps | FlagAnyType | FlagInternal

// checkApart refuses a helper that is remote, or a body, and has effects that its prototype cannot state for it: only
// the process of the run can hand out memory, keep references, move packets, end a program.
func checkApart(h *Helper) error {
	if h.Impl != ImplRemote && h.Impl != ImplBody {
		return nil
	}
	way := map[Impl]string{ImplRemote: "remote", ImplBody: "a body"}[h.Impl]
	for i, k := range h.Args {
		if !slices.Contains(apartArgs, k) {
			return fmt.Errorf("it is %s, and argument %d leads to what only the process of the run has", way, i+1)
		}
	}
	switch {
	case h.Ret != RetInteger && h.Ret != RetVoid:
		return fmt.Errorf("it is %s, and its result is not a number: it has no memory of the run to give", way)
	case h.Flags&^apartFlags != 0:
		return fmt.Errorf("it is %s, and has effects on the run (flags %#x) that it cannot have", way, uint32(h.Flags&^apartFlags))
	}
	return nil
}

// maxFastcall bounds the instructions of a body that keeps registers: it takes the place of every call.
const maxFastcall = 64

// checkFastcall refuses a mark that cannot be true. A body that is marked uses nothing but R0 and its arguments, so that
// it leaves all other registers alone wherever it is put.
func checkFastcall(h *Helper) error {
	switch {
	case h.Flags&FlagFastcall == 0:
		return nil
	case h.has(ArgFunc), h.Flags&FlagTailCall != 0:
		return fmt.Errorf("it is marked to keep registers (FlagFastcall), and runs code of the program, which does not")
	case h.Impl != ImplBody:
		return nil
	}
	insns, err := isa.Decode(h.Body)
	if err != nil {
		return nil // said where the body is lifted
	}
	if len(insns) > maxFastcall {
		return fmt.Errorf("its body is marked to keep registers (FlagFastcall) and has %d instructions: at most %d, as it takes the place of every call", len(insns), maxFastcall)
	}
	for i := range insns {
		in := &insns[i]
		regs := max(in.Dst, in.Src)
		switch isa.Table[in.Op].Kind {
		case isa.KindCallHelper, isa.KindCallLocal, isa.KindCallKfunc, isa.KindCallReg, isa.KindLoadAbs, isa.KindLoadInd, isa.KindMayGoto:
			return fmt.Errorf("its body is marked to keep registers (FlagFastcall), and insn %d may be a call: %s", i, in)
		case isa.KindLoadImm64: // whose source register is a number
			regs = in.Dst
		}
		if int(regs) > h.NumArgs() {
			return fmt.Errorf("its body is marked to keep registers (FlagFastcall), and insn %d uses R%d: %s; all that it may use is R0 and its arguments", i, regs, in)
		}
	}
	return nil
}
