package ir

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// LiftError is why a program cannot be lifted: its structure breaks a rule, or
// it uses what this version does not support.
type LiftError struct {
	Code        LiftCode
	Func        string
	Slot        int // BPF instruction, -1 if the error is not about one
	Msg         string
	Hint        string // what to do, "" if the code's rule says it
	Unsupported bool
}

// Error is one line without the program's name, which the caller knows.
func (e *LiftError) Error() string {
	if e.Slot < 0 {
		return e.Msg
	}
	return fmt.Sprintf("insn %d: %s", e.Slot, e.Msg)
}

// LiftCode is the stable name of a rule that Lift enforces.
type LiftCode string

// The rules of Lift.
const (
	CodeEmpty        LiftCode = "BV001" // a program without instructions
	CodeJumpOut      LiftCode = "BV002" // a jump to another function or into an lddw
	CodeFallThrough  LiftCode = "BV003" // execution runs past the end of a function
	CodeUnreachable  LiftCode = "BV004" // an instruction that no path reaches
	CodeCallTarget   LiftCode = "BV005" // a call or function address that is not the start of a function
	CodeBadInsn      LiftCode = "BV006" // an encoding that is no instruction
	CodeNotSupported LiftCode = "BV007" // an instruction that this version does not support
	CodeHelper       LiftCode = "BV008" // a helper that no set declares, or that the type may not call
	CodeExtern       LiftCode = "BV009" // an extern that nothing defines
	CodeMapRef       LiftCode = "BV010" // a map referred to by descriptor or index, without a map
	CodeHelperBody   LiftCode = "BV011" // a helper's body that is not a legal function
)

// Lifter turns the programs of one object into IR. Programs lifted by one
// Lifter share the tables of maps, data and helpers.
type Lifter struct {
	object  *obj.Object
	set     *abi.Set
	helpers []abi.Helper
	index   map[string]int32 // in helpers, by helper name; with the type's name if the prototype is that type's alone
}

// NewLifter returns a Lifter for o; calls of helpers are resolved in set.
func NewLifter(o *obj.Object, set *abi.Set) *Lifter {
	return &Lifter{object: o, set: set, index: map[string]int32{}}
}

// Helpers returns the prototypes that the programs lifted so far call.
func (l *Lifter) Helpers() []abi.Helper { return l.helpers }

// Lift lifts p as a program of type t. The result's Helpers hold what the
// Lifter knows after this program; the caller sets the final table with Helpers.
// An error is a *LiftError.
func (l *Lifter) Lift(p *obj.Program, t abi.ProgType) (*Program, error) {
	out := &Program{Name: p.Name, Section: p.Section, Type: t.Name, Maps: l.object.Maps, Data: l.object.Data, Lines: p.Lines, License: l.object.License}
	s := &source{Lifter: l, typ: t, out: out, insns: p.Insns, refs: p.Refs, names: p.Funcs, title: p.Name}
	if err := s.lift(); err != nil {
		return nil, err
	}
	out.Helpers = l.helpers
	return out, nil
}

// source is one sequence of instructions being lifted: a program, or the body of a helper.
type source struct {
	*Lifter
	typ    abi.ProgType
	out    *Program
	insns  []isa.Insn
	refs   []obj.Ref
	names  []obj.FuncInfo
	title  string
	body   bool            // a helper's body: its instructions have no Pos
	first  int             // index in out.Funcs of its first function
	starts []int           // first slots of functions, ascending; a last element holds len(insns)
	bodies map[int32]int32 // helper index → index in out.Funcs, of bodies linked in
}

// lift appends the functions of s to the program.
func (s *source) lift() error {
	if len(s.insns) == 0 {
		return s.fail(CodeEmpty, -1, "the program has no instructions")
	}
	if err := isa.Check(s.insns); err != nil {
		return s.badInsn(err)
	}
	if err := s.findFunctions(); err != nil {
		return err
	}
	s.first = len(s.out.Funcs)
	n := len(s.starts) - 1
	for i := range n {
		f := &Func{Name: s.funcName(i), Pos: s.pos(s.starts[i])}
		if info := s.info(i); info != nil && i > 0 {
			f.Global, f.Params = info.Global, info.Params
		}
		s.out.Funcs = append(s.out.Funcs, f)
	}
	if s.bodies == nil {
		s.bodies = map[int32]int32{}
	}
	for i := range n {
		if err := s.liftFunc(i); err != nil {
			return err
		}
	}
	return nil
}

// fail makes a LiftError about the instruction at slot.
func (s *source) fail(c LiftCode, slot int, format string, args ...any) *LiftError {
	e := &LiftError{Code: c, Slot: slot, Msg: fmt.Sprintf(format, args...), Unsupported: c == CodeNotSupported || c == CodeExtern}
	if s.body {
		e.Msg, e.Slot = fmt.Sprintf("body of helper %s, insn %d: %s", s.title, slot, e.Msg), -1
		if !e.Unsupported {
			e.Code = CodeHelperBody
		}
	} else if slot >= 0 && len(s.starts) > 1 {
		e.Func = s.funcName(s.funcAt(slot))
	}
	return e
}

// unsupported is the LiftError for an instruction that this version cannot run.
func (s *source) unsupported(at int) *LiftError {
	return s.fail(CodeNotSupported, at, "%s is not supported in this version", s.insns[at])
}

// badInsn is the LiftError for what isa.Check refuses.
func (s *source) badInsn(err error) *LiftError {
	e, ok := err.(*isa.Error)
	if !ok {
		return s.fail(CodeBadInsn, -1, "%v", err)
	}
	code := CodeBadInsn
	switch e.Code {
	case isa.CodeJumpRange, isa.CodeJumpIntoLddw:
		code = CodeJumpOut
	case isa.CodeCallRange, isa.CodeFuncRange:
		code = CodeCallTarget
	}
	return s.fail(code, e.Slot, "%s", e.Text)
}

// pos is the Pos of the instruction at slot.
func (s *source) pos(slot int) Pos {
	if s.body {
		return NoPos
	}
	return Pos(slot)
}

// findFunctions collects the first slots of functions: the entry, every target of
// a local call or function address, and those that the object names.
func (s *source) findFunctions() *LiftError {
	s.starts = append(s.starts, 0)
	refs := s.refs
	for i := range s.insns {
		switch isa.Table[s.insns[i].Op].Kind {
		case isa.KindCallLocal, isa.KindLoadImm64:
			for len(refs) > 0 && refs[0].Slot < i {
				refs = refs[1:]
			}
			if len(refs) > 0 && refs[0].Slot == i { // its immediate means nothing
				continue
			}
			if t, ok := s.insns[i].Target(i); ok {
				s.starts = append(s.starts, t)
			}
		}
	}
	for _, r := range s.refs {
		if r.Kind == obj.RefFunc {
			s.starts = append(s.starts, r.Index)
		}
	}
	for _, f := range s.names {
		s.starts = append(s.starts, f.Slot)
	}
	slices.Sort(s.starts)
	s.starts = slices.Compact(s.starts)
	for _, at := range s.starts {
		if at < 0 || at >= len(s.insns) || s.insns[at].Op == isa.Pad {
			s.starts = nil
			return s.fail(CodeCallTarget, -1, "a function is said to begin at slot %d, where there is no instruction", at)
		}
	}
	s.starts = append(s.starts, len(s.insns))
	return nil
}

// funcAt is the index of the function that slot belongs to.
func (s *source) funcAt(slot int) int {
	i, exact := slices.BinarySearch(s.starts, slot)
	if !exact {
		i--
	}
	return i
}

// info is what the object says about function i, nil if it says nothing.
func (s *source) info(i int) *obj.FuncInfo {
	j, ok := slices.BinarySearchFunc(s.names, s.starts[i], func(f obj.FuncInfo, at int) int { return f.Slot - at })
	if !ok {
		return nil
	}
	return &s.names[j]
}

// funcName names function i: as the object does, else by its first slot.
func (s *source) funcName(i int) string {
	if info := s.info(i); info != nil {
		return info.Name
	}
	if start := s.starts[i]; start > 0 {
		return fmt.Sprintf("func_%d", start)
	}
	return s.title
}

// funcIndex is the index in Program.Funcs of the function that starts at slot.
func (s *source) funcIndex(slot, target int) (int32, error) {
	i, ok := slices.BinarySearch(s.starts[:len(s.starts)-1], target)
	if !ok {
		return 0, s.fail(CodeCallTarget, slot, "instruction %d is not the first one of a function", target)
	}
	return int32(s.first + i), nil
}

// Marks of slots while the blocks of a function are found.
const (
	reached = 1 << iota
	leader
)

// liftFunc lifts function i of the source.
func (s *source) liftFunc(i int) error {
	lo, hi := s.starts[i], s.starts[i+1]
	marks, err := s.trace(lo, hi)
	if err != nil {
		return err
	}
	ids, n := s.number(lo, hi, marks)
	f := s.out.Funcs[s.first+i]
	b := builder{source: s, lo: lo, ids: ids, slab: make([]Insn, 0, hi-lo+n), refs: s.refsFrom(lo)}
	blocks := make([]Block, n)
	f.Blocks = make([]*Block, n)
	for j := range blocks {
		blocks[j].ID = BlockID(j)
		f.Blocks[j] = &blocks[j]
	}
	if ids[0] != 0 { // a branch leads back to the first instruction: the entry is a block of its own
		blocks[0].Insns = append(blocks[0].Insns, Insn{Op: OpJmp, Then: ids[0], Pos: s.pos(lo)})
	}
	return b.fill(blocks, hi, marks)
}

// refsFrom returns the references from slot on.
func (s *source) refsFrom(slot int) []obj.Ref {
	i, _ := slices.BinarySearchFunc(s.refs, slot, func(r obj.Ref, at int) int { return r.Slot - at })
	return s.refs[i:]
}

// trace follows control flow from the function's first slot and marks what it
// reaches and where blocks begin; every instruction must be reached.
func (s *source) trace(lo, hi int) ([]byte, error) {
	marks := make([]byte, hi-lo)
	work := append(make([]int, 0, 16), lo)
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		for at >= 0 {
			if at == hi {
				return nil, s.fail(CodeFallThrough, s.lastInsn(lo, hi), "execution runs past the end of the function: end it with exit or a jump")
			}
			if marks[at-lo]&reached != 0 {
				break
			}
			marks[at-lo] |= reached
			if s.insns[at].Row().Kind == isa.KindGotoReg { // where it leads is not known, so nothing can be said to be unreachable
				return nil, s.unsupported(at)
			}
			next, target := s.flow(at)
			if target >= 0 {
				if target < lo || target >= hi {
					return nil, s.fail(CodeJumpOut, at, "jump to instruction %d, outside the function (instructions %d to %d)", target, lo, hi-1)
				}
				marks[target-lo] |= leader
				work = append(work, target)
				if next >= 0 && next < hi {
					marks[next-lo] |= leader
				}
			}
			at = next
		}
	}
	for at := lo; at < hi; at++ {
		if marks[at-lo]&reached == 0 && s.insns[at].Op != isa.Pad {
			return nil, s.fail(CodeUnreachable, at, "no path reaches this instruction: remove it")
		}
	}
	return marks, nil
}

// lastInsn is the slot of the last instruction before hi.
func (s *source) lastInsn(lo, hi int) int {
	if hi-2 >= lo && s.insns[hi-1].Op == isa.Pad {
		return hi - 2
	}
	return hi - 1
}

// flow returns where execution goes after the instruction at slot: the next slot and the jump's target, -1 for none.
func (s *source) flow(at int) (next, target int) {
	in := &s.insns[at]
	switch isa.Table[in.Op].Kind {
	case isa.KindExit, isa.KindGotoReg:
		return -1, -1
	case isa.KindJump:
		target, _ = in.Target(at)
		return -1, target
	case isa.KindBranch, isa.KindMayGoto:
		target, _ = in.Target(at)
		return at + 1, target
	case isa.KindLoadImm64:
		return at + 2, -1
	}
	return at + 1, -1
}

// number gives blocks their IDs in order of slots. Block 0 begins at lo, unless a branch leads there: then it is
// empty but for a jump and the code begins with block 1.
func (s *source) number(lo, hi int, marks []byte) (ids []BlockID, n int) {
	ids = make([]BlockID, hi-lo)
	if marks[0]&leader != 0 {
		n = 1
	}
	marks[0] |= leader
	for i := range ids {
		if marks[i]&leader != 0 {
			ids[i] = BlockID(n)
			n++
		}
	}
	return ids, n
}

// builder fills the blocks of one function.
type builder struct {
	*source
	lo    int
	ids   []BlockID // by slot - lo, of leaders
	slab  []Insn    // all instructions of the function; blocks are parts of it
	first int       // where the block at hand begins in slab
	refs  []obj.Ref // those not yet passed

	numbers [R10 + 1]*int64 // what the block at hand is known to leave in registers, up to slab[seen]
	seen    int
}

// fill translates the instructions from b.lo to hi.
func (b *builder) fill(blocks []Block, hi int, marks []byte) error {
	for at := b.lo; at < hi; {
		id, first := b.ids[at-b.lo], len(b.slab)
		b.first = first
		for {
			if err := b.insn(at); err != nil {
				return err
			}
			at += b.insns[at].Slots()
			if at >= hi || marks[at-b.lo]&leader != 0 {
				break
			}
		}
		if last := len(b.slab) - 1; last < first || b.slab[last].Op.Info().Effects&Term == 0 {
			b.slab = append(b.slab, Insn{Op: OpJmp, Then: b.ids[at-b.lo], Pos: b.slab[len(b.slab)-1].Pos})
		}
		blocks[id].Insns = b.slab[first:len(b.slab):len(b.slab)]
	}
	return nil
}

// ref returns the reference of the instruction at slot, nil if it has none.
func (b *builder) ref(at int) *obj.Ref {
	for len(b.refs) > 0 && b.refs[0].Slot < at {
		b.refs = b.refs[1:]
	}
	if len(b.refs) > 0 && b.refs[0].Slot == at {
		return &b.refs[0]
	}
	return nil
}

// The IR's names of isa operations.
var (
	arithOps = [...]Op{
		isa.Add: OpAdd, isa.Sub: OpSub, isa.Mul: OpMul, isa.Div: OpDiv, isa.SDiv: OpSDiv, isa.Or: OpOr, isa.And: OpAnd,
		isa.Lsh: OpLsh, isa.Rsh: OpRsh, isa.Mod: OpMod, isa.SMod: OpSMod, isa.Xor: OpXor, isa.Mov: OpMov, isa.Arsh: OpArsh,
	}
	atomicOps = [...]Op{
		isa.AtomicAdd: OpAtomicAdd, isa.AtomicOr: OpAtomicOr, isa.AtomicAnd: OpAtomicAnd,
		isa.AtomicXor: OpAtomicXor, isa.AtomicXchg: OpAtomicXchg, isa.AtomicCmpXchg: OpAtomicCmpXchg,
	}
)

// insn appends the translation of the instruction at slot.
func (b *builder) insn(at int) error {
	in := b.insns[at]
	row := in.Row()
	dst, src := FromBPF(in.Dst), FromBPF(in.Src)
	b.slab = append(b.slab, Insn{Width: 64, Size: row.Size, Pos: b.pos(at)})
	o := &b.slab[len(b.slab)-1]
	switch row.Kind {
	case isa.KindALU:
		o.alu(row, dst, src, in.Imm)
	case isa.KindNeg:
		o.Op, o.Width, o.Dst, o.A = OpNeg, row.Width, dst, dst
	case isa.KindMovSX:
		o.Op, o.Width, o.Dst, o.A = OpSext, row.Width, dst, src
	case isa.KindEnd, isa.KindSwap:
		o.swap(row, dst)
	case isa.KindLoadImm64:
		o.Dst = dst
		return b.loadImm64(o, at, row)
	case isa.KindLoad, isa.KindLoadSX, isa.KindLoadAcq:
		o.Op, o.Dst, o.Base, o.Disp = OpLoad, dst, src, int32(in.Off)
		o.Sign = row.Kind == isa.KindLoadSX
		if row.Kind == isa.KindLoadAcq {
			o.Order = Acquire
		}
	case isa.KindStore, isa.KindStoreImm, isa.KindStoreRel:
		o.store(row, dst, src, in)
	case isa.KindAtomic:
		o.atomic(row, dst, src, in.Off)
	case isa.KindLoadAbs:
		b.also(b.typ.Loads)
		o.Op, o.Dst, o.Imm = OpLoadAbs, R0, in.Imm
	case isa.KindLoadInd:
		b.also(b.typ.Loads)
		o.Op, o.Dst, o.A, o.Imm = OpLoadInd, R0, src, in.Imm
	case isa.KindJump, isa.KindBranch, isa.KindMayGoto:
		b.jump(o, at, row, dst, src)
	case isa.KindExit:
		o.Op = OpExit
	case isa.KindCallReg:
		return b.callReg(at, o, dst)
	case isa.KindCallHelper, isa.KindCallLocal, isa.KindCallKfunc:
		return b.call(at, row)
	default:
		return b.unsupported(at)
	}
	return nil
}

func (o *Insn) alu(row *isa.Row, dst, src Reg, imm int64) {
	o.Op, o.Width, o.Dst, o.Size = arithOps[row.Arith], row.Width, dst, 0
	if row.SrcReg {
		o.B = src
	} else {
		o.Imm = imm
	}
	if o.Op != OpMov {
		o.A = dst
	}
}

// swap translates byte-order conversions for a little-endian memory (RFC 9669
// section 4.2): le truncates, be and bswap reverse.
func (o *Insn) swap(row *isa.Row, dst Reg) {
	o.Dst, o.A = dst, dst
	switch {
	case row.Kind == isa.KindSwap || row.Big:
		o.Op = OpBswap
	case row.Size == 8:
		o.Op, o.A, o.B, o.Size = OpMov, None, dst, 0
	default:
		o.Op = OpZext
	}
}

func (o *Insn) store(row *isa.Row, dst, src Reg, in isa.Insn) {
	o.Op, o.Base, o.Disp = OpStore, dst, int32(in.Off)
	if row.Kind == isa.KindStoreImm {
		o.Imm = in.Imm
	} else {
		o.A = src
	}
	if row.Kind == isa.KindStoreRel {
		o.Order = Release
	}
}

func (o *Insn) atomic(row *isa.Row, dst, src Reg, off int16) {
	o.Op, o.A, o.Base, o.Disp, o.Order = atomicOps[row.Atomic], src, dst, int32(off), Relaxed
	if row.Fetch || row.Atomic >= isa.AtomicXchg {
		o.Dst, o.Order = src, SeqCst
	}
	if row.Atomic == isa.AtomicCmpXchg {
		o.Dst, o.B = R0, R0
	}
}

func (b *builder) jump(o *Insn, at int, row *isa.Row, dst, src Reg) {
	in := b.insns[at]
	target, _ := in.Target(at)
	o.Then, o.Size = b.ids[target-b.lo], 0
	switch row.Kind {
	case isa.KindJump:
		o.Op = OpJmp
		return
	case isa.KindMayGoto:
		o.Op = OpMayGoto
	default:
		o.Op, o.Width, o.Cond, o.A = OpBr, row.Width, row.Cond, dst
		if row.SrcReg {
			o.B = src
		} else {
			o.Imm = in.Imm
		}
	}
	o.Else = b.ids[at+1-b.lo]
}

// loadImm64 translates the sub-types of lddw.
func (b *builder) loadImm64(o *Insn, at int, row *isa.Row) error {
	o.Size = 0
	if r := b.ref(at); r != nil {
		return b.address(o, at, r)
	}
	switch row.Sub {
	case isa.SubImm64:
		o.Op, o.Imm = OpMov, b.insns[at].Imm
		return nil
	case isa.SubFunc:
		target, _ := b.insns[at].Target(at)
		i, err := b.funcIndex(at, target)
		o.Op, o.Ref = OpAddr, Ref{RefFunc, i}
		return err
	case isa.SubMapIdx, isa.SubMapValIdx:
		if b.body {
			return b.fail(CodeHelperBody, at, "a helper's body has no maps")
		}
		i := int32(b.insns[at].Imm)
		if i < 0 || int(i) >= len(b.out.Maps) {
			return b.fail(CodeMapRef, at, "map index %d: the object has %d maps", i, len(b.out.Maps))
		}
		kind := [...]obj.RefKind{isa.SubMapIdx: obj.RefMap, isa.SubMapValIdx: obj.RefMapValue}[row.Sub]
		return b.address(o, at, &obj.Ref{Kind: kind, Index: int(i), Addend: b.insns[at].Imm >> 32})
	case isa.SubVar:
		return b.fail(CodeNotSupported, at, "address of a kernel variable: there is no kernel here")
	}
	return b.fail(CodeMapRef, at, "a map by file descriptor %d means nothing outside the process that made it: use an object with maps", int32(b.insns[at].Imm))
}

// address translates an lddw with a symbolic operand.
func (b *builder) address(o *Insn, at int, r *obj.Ref) error {
	o.Op, o.Imm = OpAddr, r.Addend
	n := len(b.out.Maps)
	switch r.Kind {
	case obj.RefMap:
		o.Ref = Ref{RefMap, int32(r.Index)}
	case obj.RefMapValue:
		o.Ref = Ref{RefMapValue, int32(r.Index)}
	case obj.RefData:
		o.Ref, n = Ref{RefData, int32(r.Index)}, len(b.out.Data)
	case obj.RefFunc:
		i, err := b.funcIndex(at, r.Index)
		o.Ref = Ref{RefFunc, i}
		return err
	default:
		return b.fail(CodeExtern, at, "%q is not data, a map or a function of this object", r.Name)
	}
	if r.Index < 0 || r.Index >= n {
		return b.fail(CodeMapRef, at, "reference to number %d of %d", r.Index, n)
	}
	return nil
}

// call translates calls of functions, helpers and externs. Its Insn is the last of the slab.
func (b *builder) call(at int, row *isa.Row) error {
	in, r := b.insns[at], b.ref(at)
	var h *abi.Helper
	switch {
	case row.Kind == isa.KindCallLocal && r == nil:
		target, _ := in.Target(at)
		i, err := b.funcIndex(at, target)
		b.setCall(OpCall, Ref{RefFunc, i})
		return err
	case r != nil && r.Kind == obj.RefFunc:
		i, err := b.funcIndex(at, r.Index)
		b.setCall(OpCall, Ref{RefFunc, i})
		return err
	case r != nil:
		if h = b.helperNamed(r.Name); h == nil {
			return b.absent(b.fail(CodeExtern, at, "%q is defined neither in the object nor by a helper set (sets: %s)", r.Name, b.set.Name))
		}
	case row.Kind == isa.KindCallKfunc:
		return b.absent(b.fail(CodeNotSupported, at, "call of kernel function %d by BTF id: there is no kernel here", in.Imm))
	case in.Imm == obj.Poison:
		why := b.fail(CodeHelper, at, "the field, type or value that this instruction is about does not exist in the kernel's types (CO-RE)")
		why.Hint = "ask whether it exists before"
		return b.absent(why)
	default:
		if h = b.set.HelperFor(&b.typ, uint32(in.Imm)); h == nil {
			return b.absent(b.fail(CodeHelper, at, "no helper set declares helper %d (sets: %s)", uint32(in.Imm), b.set.Name))
		}
	}
	return b.callHelper(at, h)
}

// absent keeps a call that cannot be made: it is an error only if a path leads there, which
// compilers and loaders know to avoid. The body of a helper has no such excuse.
func (b *builder) absent(why *LiftError) error {
	if b.body {
		return why
	}
	if b.out.Absent == nil {
		b.out.Absent = map[Pos]*LiftError{}
	}
	b.out.Absent[b.pos(why.Slot)] = why
	b.setCall(OpCallHelper, Ref{RefHelper, b.helper("", &abi.Helper{})})
	return nil
}

// helper is the index of h in the table of helpers, by key.
func (b *builder) helper(key string, h *abi.Helper) int32 {
	i, ok := b.index[key]
	if !ok {
		i = int32(len(b.helpers))
		b.helpers = append(b.helpers, *h)
		b.index[key] = i
		b.also(h.With)
	}
	return i
}

// also adds a helper that lowerings call.
func (b *builder) also(name string) {
	if h := b.set.HelperByName(name); name != "" && h != nil {
		b.helper(name, h)
	}
}

func (b *builder) setCall(op Op, r Ref) {
	o := &b.slab[len(b.slab)-1]
	o.Op, o.Ref = op, r
}

// helperNamed finds a helper by its full name, or by the part after the set's name if only one set has it.
func (b *builder) helperNamed(name string) *abi.Helper {
	if h := b.set.HelperByName(name); h != nil {
		return h
	}
	var found *abi.Helper
	for i := range b.set.Helpers {
		h := &b.set.Helpers[i]
		if len(h.Name) > len(name) && h.Name[len(h.Name)-len(name)-1:] == "/"+name {
			if found != nil {
				return nil
			}
			found = h
		}
	}
	return found
}

// callHelper translates the call of h: a call of its body, linked into the program, or of the helper itself.
func (b *builder) callHelper(at int, h *abi.Helper) error {
	if !b.typ.MayCall(h) {
		return b.absent(b.fail(CodeHelper, at, "programs of type %s may not call %s", b.typ.Name, h.Name))
	}
	key := h.Name
	if h != b.set.HelperByName(h.Name) { // as this type alone has it
		key += " " + b.typ.Name
	}
	i := b.helper(key, h)
	if h.Impl != abi.ImplBody {
		b.setCall(OpCallHelper, Ref{RefHelper, i})
		return nil
	}
	f, err := b.link(at, i, h)
	b.setCall(OpCall, Ref{RefFunc, f})
	return err
}

// link appends the body of helper i to the program, once, and returns the index of its function.
func (b *builder) link(at int, i int32, h *abi.Helper) (int32, error) {
	if f, ok := b.bodies[i]; ok {
		return f, nil
	}
	insns, err := isa.Decode(h.Body)
	if err != nil {
		return 0, b.fail(CodeHelperBody, at, "body of helper %s: %v", h.Name, err)
	}
	f := int32(len(b.out.Funcs))
	b.bodies[i] = f
	body := &source{Lifter: b.Lifter, typ: b.typ, out: b.out, insns: insns, title: h.Name, body: true, bodies: b.bodies}
	return f, body.lift()
}

// callReg translates a call through a register. A number that the block itself
// puts there names a helper, as in a call through a constant function pointer
// that the compiler did not fold; anything else is a function's value.
func (b *builder) callReg(at int, o *Insn, r Reg) error {
	o.Op, o.A = OpCallReg, r
	n := b.constant(r)
	if n == nil {
		return nil
	}
	h := b.set.HelperFor(&b.typ, uint32(*n))
	if h == nil || *n != int64(uint32(*n)) {
		return b.fail(CodeHelper, at, "no helper set declares helper %d (sets: %s)", *n, b.set.Name)
	}
	o.A = None
	return b.callHelper(at, h)
}

// constant returns the number that the block at hand, but for its last
// instruction, leaves in r; nil if it is not known. Each instruction is looked at once.
func (b *builder) constant(r Reg) *int64 {
	if b.seen < b.first {
		b.seen, b.numbers = b.first, [len(b.numbers)]*int64{}
	}
	for ; b.seen < len(b.slab)-1; b.seen++ {
		in := &b.slab[b.seen]
		_, def := in.UseDef()
		for r := R0; r < R10; r++ {
			if def.Has(r) {
				b.numbers[r] = nil
			}
		}
		if in.Op == OpMov && in.B == None && in.Dst < R10 {
			n := in.Imm
			if in.Width == 32 {
				n = int64(uint32(n))
			}
			b.numbers[in.Dst] = &n
		}
	}
	return b.numbers[r]
}
