package amd64

import (
	"fmt"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/regalloc"
)

// checkAllocation proves that the fixed homes of the direct tier, with what the
// emitted instructions clobber, keep every value of p where its readers look for it.
func checkAllocation(p *ir.Program) error {
	calls := ir.NewCallArgs(p)
	for _, f := range p.Funcs {
		v := newView(f, calls)
		if err := regalloc.Check(v, regalloc.Fixed(homes())); err != nil {
			return fmt.Errorf("amd64: program %s, function %s: %w", p.Name, f.Name, err)
		}
	}
	return nil
}

// vreg is the virtual register of the view for an IR register.
func vreg(r ir.Reg) regalloc.VReg { return regalloc.VReg(r - ir.R0) }

// homes is registers as regalloc's table.
func homes() []regalloc.PReg {
	t := make([]regalloc.PReg, ir.T2-ir.R0+1)
	for r := ir.R0; r <= ir.T2; r++ {
		t[vreg(r)] = regalloc.PReg(reg(r))
	}
	return t
}

func pregs(rs ...asm.Reg) (s regalloc.PRegSet) {
	for _, r := range rs {
		s |= regalloc.SetOf(regalloc.PReg(r))
	}
	return s
}

// What the emitted code of an op destroys beside its results.
var (
	scratch     = pregs(scratch0, scratch1, scratch2)
	callerSaved = scratch | pregs(asm.RDI, asm.RSI, asm.RDX, asm.RCX, asm.R8)
	clobbers    = [len(ir.Ops)]regalloc.PRegSet{
		ir.OpDiv: scratch, ir.OpSDiv: scratch, ir.OpMod: scratch, ir.OpSMod: scratch,
		ir.OpAdd: pregs(scratch0), ir.OpSub: pregs(scratch0), ir.OpMul: pregs(scratch0),
		ir.OpOr: pregs(scratch0), ir.OpAnd: pregs(scratch0), ir.OpXor: pregs(scratch0),
		ir.OpBr: pregs(scratch0), ir.OpStore: pregs(scratch0),
		ir.OpLsh: pregs(scratch0, scratch1), ir.OpRsh: pregs(scratch0, scratch1), ir.OpArsh: pregs(scratch0, scratch1),
		ir.OpAtomicAdd: scratch, ir.OpAtomicOr: scratch, ir.OpAtomicAnd: scratch, ir.OpAtomicXor: scratch, ir.OpAtomicXchg: scratch,
		ir.OpGuardMem: scratch, ir.OpGuardAlign: pregs(scratch0), ir.OpZero: scratch,
		ir.OpCall: callerSaved, ir.OpCallHelper: callerSaved, ir.OpTailCall: callerSaved, ir.OpTailSlot: callerSaved,
	}
)

// clobbered is what the code of in destroys. Arithmetic, branches and stores use a
// scratch register only for an immediate that no instruction takes.
func clobbered(in *ir.Insn) regalloc.PRegSet {
	switch in.Op {
	case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpOr, ir.OpAnd, ir.OpXor, ir.OpBr:
		if in.B != ir.None || in.Width == 32 || fits32(in.Imm) {
			return 0
		}
	case ir.OpStore:
		if in.A != ir.None || in.Size < 8 || fits32(in.Imm) {
			return 0
		}
	}
	return clobbers[in.Op]
}

// clobbersOperand reports whether in names a temporary whose home its own code
// uses: what it reads would be destroyed before, or what it writes after. No
// lowering makes such an instruction.
func clobbersOperand(in *ir.Insn) bool {
	if max(in.Dst, in.A, in.B, in.Base, in.Index) < ir.T0 {
		return false
	}
	var named ir.RegSet
	for _, r := range [...]ir.Reg{in.Dst, in.A, in.B, in.Base, in.Index} {
		named |= ir.Bit(r)
	}
	for r := ir.T0; r <= ir.T2; r++ {
		if named.Has(r) && clobbered(in).Has(regalloc.PReg(reg(r))) {
			return true
		}
	}
	return false
}

// view shows a function to regalloc: its selected instructions are those of the
// IR, each emitted as a whole, with what that clobbers.
type view struct {
	f     *ir.Func
	calls *ir.CallArgs
	first []regalloc.Inst // by block; a last element holds the number of instructions
	insns []*ir.Insn
	preds [][]regalloc.Block
	succs [][]regalloc.Block
}

var _ regalloc.View = (*view)(nil)

func newView(f *ir.Func, calls *ir.CallArgs) *view {
	n := len(f.Blocks)
	v := &view{f: f, calls: calls, preds: make([][]regalloc.Block, n), succs: make([][]regalloc.Block, n)}
	for i, b := range f.Blocks {
		v.first = append(v.first, regalloc.Inst(len(v.insns)))
		for j := range b.Insns {
			v.insns = append(v.insns, &b.Insns[j])
		}
		succs, k := b.Succs()
		for _, s := range succs[:k] {
			v.succs[i] = append(v.succs[i], regalloc.Block(s))
			v.preds[s] = append(v.preds[s], regalloc.Block(i))
		}
	}
	v.first = append(v.first, regalloc.Inst(len(v.insns)))
	return v
}

func (v *view) NumVRegs() int  { return int(ir.T2-ir.R0) + 1 }
func (v *view) NumInsts() int  { return len(v.insns) }
func (v *view) NumBlocks() int { return len(v.f.Blocks) }

func (v *view) Entries() (entries []regalloc.Entry) {
	for r := ir.R1; r <= ir.R5; r++ {
		entries = append(entries, regalloc.Entry{VReg: vreg(r), PReg: regalloc.PReg(reg(r))})
	}
	return append(entries, regalloc.Entry{VReg: vreg(ir.R10), PReg: regalloc.PReg(reg(ir.R10))})
}

func (v *view) Insts(b regalloc.Block) (first, end regalloc.Inst) { return v.first[b], v.first[b+1] }

func (v *view) Succs(b regalloc.Block) []regalloc.Block  { return v.succs[b] }
func (v *view) Preds(b regalloc.Block) []regalloc.Block  { return v.preds[b] }
func (v *view) Params(regalloc.Block) []regalloc.VReg    { return nil }
func (v *view) Args(regalloc.Block, int) []regalloc.VReg { return nil }
func (v *view) IsMove(i regalloc.Inst) bool              { return isMove(v.insns[i]) }
func (v *view) Allocatable() regalloc.PRegSet            { return 0xffff &^ pregs(asm.RSP, runctx, asm.RBP) }
func (v *view) Clobbers(i regalloc.Inst) regalloc.PRegSet {
	in := v.insns[i]
	c := clobbered(in)
	if d := in.Def(); d != ir.None && d < ir.T0 {
		c &^= pregs(reg(d))
	}
	return c
}

func (v *view) Pinned(r regalloc.VReg) regalloc.PReg {
	if r == vreg(ir.R10) {
		return regalloc.PReg(asm.RBP)
	}
	return regalloc.NoPReg
}

// Operands lists what the instruction reads and writes. Calls and exit have fixed registers, and so has
// compare and exchange, which works with rax.
func (v *view) Operands(i regalloc.Inst, ops []regalloc.Operand) []regalloc.Operand {
	in := v.insns[i]
	use, _ := in.UseDef()
	constraint := regalloc.AnyReg
	switch in.Op {
	case ir.OpCall, ir.OpCallHelper, ir.OpTailCall, ir.OpTailSlot:
		use, constraint = v.calls.Of(in), regalloc.FixedReg
	case ir.OpExit:
		constraint = regalloc.FixedReg
	}
	for r := ir.R0; r <= ir.T2; r++ {
		if use.Has(r) {
			o := operand(r, regalloc.Use, constraint)
			o.Away = r >= ir.T0 && clobbered(in).Has(regalloc.PReg(reg(r))) // code may read it when it has begun to overwrite what it clobbers
			ops = append(ops, o)
		}
	}
	if in.Op == ir.OpAtomicCmpXchg {
		constraint = regalloc.FixedReg
	}
	if d := in.Def(); d != ir.None {
		ops = append(ops, operand(d, regalloc.Def, constraint))
	}
	return ops
}

func operand(r ir.Reg, kind regalloc.Kind, c regalloc.Constraint) regalloc.Operand {
	o := regalloc.Operand{VReg: vreg(r), Kind: kind, Constraint: c, PReg: regalloc.NoPReg}
	if c == regalloc.FixedReg {
		o.PReg = regalloc.PReg(reg(r))
	}
	return o
}
