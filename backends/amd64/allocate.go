package amd64

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/regalloc"
)

// The optimising tier: a function in SSA form gets registers from regalloc and becomes one in register form, in which
// each register of the IR stands for its home (convention.go) and values beyond them are in slots of the
// control stack. The emitter is that of the direct tier.

// preferred are the registers that values may have, those that a function need not save first.
var preferred = []regalloc.PReg{
	regalloc.PReg(asm.RAX), regalloc.PReg(asm.RDX), regalloc.PReg(asm.RCX), regalloc.PReg(asm.RSI), regalloc.PReg(asm.RDI), regalloc.PReg(asm.R8),
	regalloc.PReg(asm.R9), regalloc.PReg(asm.R10), regalloc.PReg(asm.R11),
	regalloc.PReg(asm.RBX), regalloc.PReg(asm.R13), regalloc.PReg(asm.R14), regalloc.PReg(asm.R15),
}

// The slots of a function are bounded, so that the control stack holds the frames of every run. A frame is 48 bytes and its
// slots; ir.MaxActive functions are active at the end of a run, 17 KiB with maxSlots. Each of 33 tail calls from functions may leave seven
// frames above it, 41 KiB with tailSlots.
const (
	maxSlots  = 128
	tailSlots = 16
)

// registerOf is the IR's register whose home is p.
var registerOf = func() (t [16]ir.Reg) {
	for r, p := range registers {
		if ir.Reg(r) != ir.None {
			t[p] = ir.Reg(r)
		}
	}
	return t
}()

// allocate is p with registers for the values of its functions in SSA form.
func (b *Backend) allocate(p *ir.Program) (*ir.Program, error) {
	out, most := *p, maxSlots
	if slices.ContainsFunc(p.Funcs[1:], tailCalls) {
		most = tailSlots
	}
	out.Funcs = make([]*ir.Func, len(p.Funcs))
	calls := ir.NewCallArgs(p)
	for i, f := range p.Funcs {
		if out.Funcs[i] = f; f.Virtual == 0 {
			continue
		}
		v := newValues(f, calls, calls.OfFunc(int32(i)))
		r, err := regalloc.Allocate(v, preferred)
		if err == nil && b.CheckAllocation {
			err = regalloc.Check(v, r)
		}
		if err != nil {
			return nil, fmt.Errorf("amd64: program %s, function %s: %w", p.Name, f.Name, err)
		}
		if r.NumSlots > most {
			return nil, &codegen.UnsupportedError{What: fmt.Sprintf("program %s, function %s: %d values at once that are in no register", p.Name, f.Name, r.NumSlots),
				Msg: fmt.Sprintf("there is room for %d: use -O 0", most)}
		}
		out.Funcs[i] = v.assigned(r)
	}
	return &out, nil
}

// tailCalls reports whether a function makes tail calls.
func tailCalls(f *ir.Func) bool {
	return slices.ContainsFunc(f.Blocks, func(b *ir.Block) bool {
		return slices.ContainsFunc(b.Insns, func(in ir.Insn) bool { return in.Op == ir.OpTailCall || in.Op == ir.OpTailSlot })
	})
}

// values shows a function in SSA form to regalloc. R0 to R5, which are between moves and the calls and exits that they
// belong to, are virtual registers of their own for each time that they are set.
type values struct {
	f       *ir.Func
	entries []regalloc.Entry
	insns   []selected
	ops     []operandOf
	first   []regalloc.Inst
	preds   [][]regalloc.Block
	succs   [][]regalloc.Block
	params  [][]regalloc.VReg
	args    [][2][]regalloc.VReg
	n       int // virtual registers
}

// selected is an instruction with its operands.
type selected struct {
	in         *ir.Insn
	first, end int32 // in values.ops
	clobbers   regalloc.PRegSet
}

// operandOf is an operand, and the fields of its instruction that it is.
type operandOf struct {
	regalloc.Operand
	fields field
}

// field is a set of register fields of an instruction.
type field uint8

const (
	fieldDst field = 1 << iota
	fieldA
	fieldB
	fieldBase
	fieldIndex
)

var _ regalloc.View = (*values)(nil)

// frameRegister is the virtual register for R10.
const frameRegister = regalloc.VReg(0)

// valueOf is the virtual register of a value.
func valueOf(r ir.Reg) regalloc.VReg {
	if r == ir.R10 {
		return frameRegister
	}
	return regalloc.VReg(r-ir.FirstVirtual) + 1
}

func valuesOf(regs []ir.Reg) (list []regalloc.VReg) {
	for _, r := range regs {
		list = append(list, valueOf(r))
	}
	return list
}

// newValues selects the instructions of f, which reads args of R1 to R5.
func newValues(f *ir.Func, calls *ir.CallArgs, args ir.RegSet) *values {
	n := len(f.Blocks)
	v := &values{f: f, n: 1 + int(f.Virtual), preds: make([][]regalloc.Block, n), succs: make([][]regalloc.Block, n),
		params: make([][]regalloc.VReg, n), args: make([][2][]regalloc.VReg, n)}
	v.entries = append(v.entries, regalloc.Entry{VReg: frameRegister, PReg: regalloc.PReg(reg(ir.R10))})
	var held [ir.R5 + 1]regalloc.VReg // what R0 to R5 have
	for r := ir.R1; r <= ir.R5; r++ {
		if args.Has(r) {
			held[r] = v.fresh()
			v.entries = append(v.entries, regalloc.Entry{VReg: held[r], PReg: regalloc.PReg(reg(r))})
		}
	}
	for i, b := range f.Blocks {
		v.first = append(v.first, regalloc.Inst(len(v.insns)))
		for j := range b.Insns {
			v.selectInsn(&b.Insns[j], &held, calls)
		}
		succs, k := b.Succs()
		for _, s := range succs[:k] {
			v.succs[i] = append(v.succs[i], regalloc.Block(s))
			v.preds[s] = append(v.preds[s], regalloc.Block(i))
		}
		v.params[i] = valuesOf(b.Params)
		v.args[i] = [2][]regalloc.VReg{valuesOf(b.Args[0]), valuesOf(b.Args[1])}
	}
	v.first = append(v.first, regalloc.Inst(len(v.insns)))
	return v
}

func (v *values) fresh() regalloc.VReg {
	v.n++
	return regalloc.VReg(v.n - 1)
}

// selectInsn lists the operands of an instruction. What its code uses as scratch is none of them.
func (v *values) selectInsn(in *ir.Insn, held *[ir.R5 + 1]regalloc.VReg, calls *ir.CallArgs) {
	first := len(v.ops)
	s := selected{in: in, first: int32(first), clobbers: clobbered(in)}
	switch {
	case in.Op.Info().Has(ir.CallsOut):
		reads := calls.Of(in)
		for r := ir.R1; r <= ir.R5; r++ {
			if reads.Has(r) {
				v.operand(held[r], regalloc.Use, r, 0)
			}
		}
		held[ir.R0] = v.fresh()
		v.operand(held[ir.R0], regalloc.Def, ir.R0, 0)
	case in.Op == ir.OpExit:
		v.operand(held[ir.R0], regalloc.Use, ir.R0, 0)
	default:
		for _, u := range [...]struct {
			reg ir.Reg
			as  field
		}{{in.A, fieldA}, {in.B, fieldB}, {in.Base, fieldBase}, {in.Index, fieldIndex}} {
			v.use(in, u.reg, u.as, held, first)
		}
		v.define(in, held)
		for k := first; k < len(v.ops) && s.clobbers != 0; k++ {
			v.ops[k].Away = v.ops[k].Kind == regalloc.Use && v.ops[k].VReg != frameRegister
		}
	}
	s.end = int32(len(v.ops))
	v.insns = append(v.insns, s)
}

// operand adds an operand, in the home of r unless that is None.
func (v *values) operand(x regalloc.VReg, kind regalloc.Kind, r ir.Reg, as field) {
	o := regalloc.Operand{VReg: x, Kind: kind, Constraint: regalloc.AnyReg, PReg: regalloc.NoPReg}
	if r != ir.None {
		o.Constraint, o.PReg = regalloc.FixedReg, regalloc.PReg(reg(r))
	}
	v.ops = append(v.ops, operandOf{o, as})
}

// use adds a register that is read, once for all the fields in which it is.
func (v *values) use(in *ir.Insn, r ir.Reg, as field, held *[ir.R5 + 1]regalloc.VReg, first int) {
	switch {
	case r == ir.None:
	case r < ir.R10:
		v.operand(held[r], regalloc.Use, r, as)
	case in.Op == ir.OpAtomicCmpXchg && as == fieldB:
		v.operand(valueOf(r), regalloc.Use, ir.R0, as)
	default:
		for k := first; k < len(v.ops); k++ {
			if o := &v.ops[k]; o.VReg == valueOf(r) && o.Constraint == regalloc.AnyReg {
				o.fields |= as
				return
			}
		}
		v.operand(valueOf(r), regalloc.Use, ir.None, as)
	}
}

// define adds the register that is written, if there is one.
func (v *values) define(in *ir.Insn, held *[ir.R5 + 1]regalloc.VReg) {
	switch d := in.Dst; {
	case d == ir.None:
	case d < ir.R10:
		held[d] = v.fresh()
		v.operand(held[d], regalloc.Def, d, fieldDst)
	case in.Op == ir.OpAtomicCmpXchg:
		v.operand(valueOf(d), regalloc.Def, ir.R0, fieldDst)
	default:
		v.operand(valueOf(d), regalloc.Def, ir.None, fieldDst)
	}
}

func (v *values) NumVRegs() int                                     { return v.n }
func (v *values) NumInsts() int                                     { return len(v.insns) }
func (v *values) NumBlocks() int                                    { return len(v.f.Blocks) }
func (v *values) Entries() []regalloc.Entry                         { return v.entries }
func (v *values) Insts(b regalloc.Block) (first, end regalloc.Inst) { return v.first[b], v.first[b+1] }
func (v *values) Succs(b regalloc.Block) []regalloc.Block           { return v.succs[b] }
func (v *values) Preds(b regalloc.Block) []regalloc.Block           { return v.preds[b] }
func (v *values) Params(b regalloc.Block) []regalloc.VReg           { return v.params[b] }
func (v *values) Args(b regalloc.Block, succ int) []regalloc.VReg   { return v.args[b][succ] }
func (v *values) Clobbers(i regalloc.Inst) regalloc.PRegSet         { return v.insns[i].clobbers }
func (v *values) Allocatable() regalloc.PRegSet                     { return 0xffff &^ pregs(asm.RSP, runctx, asm.RBP) }
func (v *values) IsMove(i regalloc.Inst) bool                       { return isMove(v.insns[i].in) }
func (v *values) Operands(i regalloc.Inst, ops []regalloc.Operand) []regalloc.Operand {
	for _, o := range v.ops[v.insns[i].first:v.insns[i].end] {
		ops = append(ops, o.Operand)
	}
	return ops
}

func (v *values) Pinned(r regalloc.VReg) regalloc.PReg {
	if r == frameRegister {
		return regalloc.PReg(reg(ir.R10))
	}
	return regalloc.NoPReg
}

func isMove(in *ir.Insn) bool { return in.Op == ir.OpMov && in.Width == 64 && in.B != ir.None }

// assigned is the function in register form, as r has it.
func (v *values) assigned(r *regalloc.Result) *ir.Func {
	out := *v.f
	out.Virtual, out.Slots, out.Blocks = 0, int32(r.NumSlots), make([]*ir.Block, len(v.f.Blocks))
	edits := r.Edits
	for i, b := range v.f.Blocks {
		to := &ir.Block{ID: b.ID, Insns: make([]ir.Insn, 0, len(b.Insns)+2)}
		for n := v.first[i]; n < v.first[i+1]; n++ {
			in := v.insns[n].in
			edits = addEdits(to, edits, n, false, in.Pos)
			v.addInsn(to, n, r)
			edits = addEdits(to, edits, n, true, in.Pos)
		}
		out.Blocks[i] = to
	}
	ir.ThreadJumps(&out)
	return &out
}

// addEdits adds the first edits, if they belong before or after instruction n, and returns the others.
func addEdits(to *ir.Block, edits []regalloc.Edit, n regalloc.Inst, after bool, pos ir.Pos) []regalloc.Edit {
	for len(edits) > 0 && edits[0].Inst == n && edits[0].After == after {
		to.Insns = append(to.Insns, editInsn(edits[0], pos))
		edits = edits[1:]
	}
	return edits
}

func editInsn(e regalloc.Edit, pos ir.Pos) ir.Insn {
	from, fromReg := e.From.PReg()
	dst, toReg := e.To.PReg()
	switch {
	case !toReg:
		slot, _ := e.To.Slot()
		return ir.Insn{Op: ir.OpSpill, Width: 64, A: registerOf[from], Imm: int64(slot), Pos: pos}
	case !fromReg:
		slot, _ := e.From.Slot()
		return ir.Insn{Op: ir.OpReload, Width: 64, Dst: registerOf[dst], Imm: int64(slot), Pos: pos}
	}
	return ir.Insn{Op: ir.OpMov, Width: 64, Dst: registerOf[dst], B: registerOf[from], Pos: pos}
}

// addInsn adds instruction n with its registers, unless it is a move to where its value is.
func (v *values) addInsn(to *ir.Block, n regalloc.Inst, r *regalloc.Result) {
	s := &v.insns[n]
	in := *s.in
	for k, o := range v.ops[s.first:s.end] {
		p, _ := r.Loc(n, k, o.VReg).PReg()
		if o.VReg == frameRegister {
			p = regalloc.PReg(reg(ir.R10))
		}
		for f, field := range [...]*ir.Reg{&in.Dst, &in.A, &in.B, &in.Base, &in.Index} {
			if o.fields>>f&1 != 0 {
				*field = registerOf[p]
			}
		}
	}
	if !isMove(&in) || in.Dst != in.B {
		to.Insns = append(to.Insns, in)
	}
}
