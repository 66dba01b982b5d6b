package amd64

import (
	"fmt"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
)

// emitters says how each op is emitted. Ops that lowering removes have none; ir.Check refuses the others.
var emitters = [len(ir.Ops)]func(*emitter, *ir.Insn){
	ir.OpMov:           (*emitter).mov,
	ir.OpAddr:          (*emitter).addr,
	ir.OpLea:           (*emitter).lea,
	ir.OpAdd:           (*emitter).add,
	ir.OpSub:           (*emitter).sub,
	ir.OpMul:           (*emitter).mul,
	ir.OpDiv:           (*emitter).div,
	ir.OpSDiv:          (*emitter).div,
	ir.OpMod:           (*emitter).div,
	ir.OpSMod:          (*emitter).div,
	ir.OpOr:            (*emitter).logic,
	ir.OpAnd:           (*emitter).logic,
	ir.OpXor:           (*emitter).logic,
	ir.OpLsh:           (*emitter).shift,
	ir.OpRsh:           (*emitter).shift,
	ir.OpArsh:          (*emitter).shift,
	ir.OpNeg:           (*emitter).neg,
	ir.OpSext:          (*emitter).sext,
	ir.OpZext:          (*emitter).zext,
	ir.OpBswap:         (*emitter).bswap,
	ir.OpLoad:          (*emitter).load,
	ir.OpStore:         (*emitter).store,
	ir.OpAtomicAdd:     (*emitter).atomicAdd,
	ir.OpAtomicOr:      (*emitter).atomicLogic,
	ir.OpAtomicAnd:     (*emitter).atomicLogic,
	ir.OpAtomicXor:     (*emitter).atomicLogic,
	ir.OpAtomicXchg:    (*emitter).atomicXchg,
	ir.OpAtomicCmpXchg: (*emitter).atomicCmpXchg,
	ir.OpLoadAbs:       (*emitter).refuse,
	ir.OpLoadInd:       (*emitter).refuse,
	ir.OpCall:          (*emitter).call,
	ir.OpCallHelper:    (*emitter).callHelper,
	ir.OpCallReg:       (*emitter).refuse,
	ir.OpJmp:           (*emitter).jmp,
	ir.OpBr:            (*emitter).br,
	ir.OpMayGoto:       (*emitter).refuse,
	ir.OpExit:          (*emitter).epilogue,
	ir.OpGuardMem:      (*emitter).guardMem,
	ir.OpGuardAlign:    (*emitter).guardAlign,
	ir.OpPoll:          (*emitter).poll,
	ir.OpZero:          (*emitter).zero,
	ir.OpFault:         (*emitter).fault,
	ir.OpCPU:           (*emitter).cpu,
	ir.OpState:         (*emitter).state,
	ir.OpSpill:         (*emitter).spill,
	ir.OpReload:        (*emitter).reload,
	ir.OpTailCall:      (*emitter).tailCall,
	ir.OpTailSlot:      (*emitter).tailSlot,
}

// refuse reports an instruction that lowering was to remove.
func (e *emitter) refuse(in *ir.Insn) {
	if e.err == nil {
		e.err = &codegen.UnsupportedError{What: fmt.Sprintf("program %s, insn %d: op %s", e.p.Name, in.Pos, in.Op), Msg: "the amd64 back end has no code for it"}
	}
}

// width is the operand width of in.
func width(in *ir.Insn) asm.Width { return asm.Width(in.Width / 8) }

func fits32(n int64) bool { return n == int64(int32(n)) }

// imm32 is the immediate of in as an instruction of its width takes it; ok is false if it needs a register.
func imm32(in *ir.Insn) (int32, bool) {
	return int32(in.Imm), in.Width == 32 || fits32(in.Imm)
}

// operandB is the register of the second operand; an immediate that fits no instruction is loaded to scratch0.
func (e *emitter) operandB(in *ir.Insn) asm.Reg {
	if in.B != ir.None {
		return reg(in.B)
	}
	e.asm.MovRI(scratch0, in.Imm)
	return scratch0
}

func (e *emitter) mov(in *ir.Insn) {
	dst := reg(in.Dst)
	switch {
	case in.B != ir.None:
		e.asm.MovRR(width(in), dst, reg(in.B))
	case in.Imm == 0 || in.Width == 32 && uint32(in.Imm) == 0:
		e.asm.AluRR(asm.Xor, asm.W32, dst, dst)
	case in.Width == 32:
		e.asm.MovRI(dst, int64(uint32(in.Imm)))
	default:
		e.asm.MovRI(dst, in.Imm)
	}
}

// copyTo makes dst equal to src.
func (e *emitter) copyTo(dst, src asm.Reg, w asm.Width) {
	if dst != src {
		e.asm.MovRR(w, dst, src)
	}
}

func (e *emitter) lea(in *ir.Insn) { e.asm.Lea(asm.W64, reg(in.Dst), mem(in)) }

func (e *emitter) addr(in *ir.Insn) {
	dst := reg(in.Dst)
	switch in.Ref.Kind {
	case ir.RefData:
		e.asm.Lea(asm.W64, dst, asm.RIPSym(e.ref(codegen.RelocData, in.Ref.Index), int32(in.Imm)))
	case ir.RefMapValue:
		e.asm.Lea(asm.W64, dst, asm.RIPSym(e.ref(codegen.RelocMapValue, in.Ref.Index), int32(in.Imm)))
	case ir.RefMap:
		e.asm.Lea(asm.W64, dst, asm.RIPSym(e.ref(codegen.RelocMap, in.Ref.Index), int32(in.Imm)))
	case ir.RefFunc:
		e.asm.MovRI(dst, ir.FuncValue+int64(in.Ref.Index))
	default:
		e.refuse(in)
	}
}

// notes records that the flags now compare r with zero.
func (e *emitter) notes(r asm.Reg, w asm.Width, logic bool) {
	e.flags = flags{e.asm.Len(), r, w == asm.W64, logic}
}

func (e *emitter) add(in *ir.Insn) {
	w, dst, a := width(in), reg(in.Dst), reg(in.A)
	imm, short := imm32(in)
	switch {
	case in.B == ir.None && short && dst == a:
		e.asm.AluRI(asm.Add, w, dst, imm)
		e.notes(dst, w, false)
	case in.B == ir.None && short:
		e.asm.Lea(w, dst, asm.Mem{Base: a, Disp: imm})
	default:
		b := e.operandB(in)
		switch dst {
		case a:
			e.asm.AluRR(asm.Add, w, dst, b)
			e.notes(dst, w, false)
		case b:
			e.asm.AluRR(asm.Add, w, dst, a)
			e.notes(dst, w, false)
		default:
			e.asm.Lea(w, dst, asm.Mem{Base: a, Index: b, Scale: 1})
		}
	}
}

func (e *emitter) sub(in *ir.Insn) {
	w, dst, a := width(in), reg(in.Dst), reg(in.A)
	if imm, short := imm32(in); in.B == ir.None && short {
		if dst != a && imm != -1<<31 {
			e.asm.Lea(w, dst, asm.Mem{Base: a, Disp: -imm})
			return
		}
		e.copyTo(dst, a, w)
		e.asm.AluRI(asm.Sub, w, dst, imm)
		e.notes(dst, w, false)
		return
	}
	b := e.operandB(in)
	if dst == b && dst != a { // dst = a - dst
		e.asm.UnaryR(asm.Neg, w, dst)
		e.asm.AluRR(asm.Add, w, dst, a)
	} else {
		e.copyTo(dst, a, w)
		e.asm.AluRR(asm.Sub, w, dst, b)
	}
	e.notes(dst, w, false)
}

func logicOp(op ir.Op) asm.Alu {
	return [...]asm.Alu{asm.Or, asm.And, asm.Xor}[op-ir.OpOr]
}

func (e *emitter) logic(in *ir.Insn) {
	w, dst, a, op := width(in), reg(in.Dst), reg(in.A), logicOp(in.Op)
	imm, short := imm32(in)
	switch {
	case in.B == ir.None && in.Op == ir.OpAnd && in.Imm == 0xff:
		e.asm.MovzxRR(asm.W8, dst, a)
		return
	case in.B == ir.None && in.Op == ir.OpAnd && in.Imm == 0xffff:
		e.asm.MovzxRR(asm.W16, dst, a)
		return
	case in.B == ir.None && in.Op == ir.OpAnd && in.Imm == 0xffffffff:
		e.asm.MovRR(asm.W32, dst, a)
		return
	case in.B == ir.None && short && in.Op == ir.OpXor && imm == -1:
		e.copyTo(dst, a, w)
		e.asm.UnaryR(asm.Not, w, dst)
		return
	case in.B == ir.None && short:
		e.copyTo(dst, a, w)
		e.asm.AluRI(op, w, dst, imm)
	default:
		b := e.operandB(in)
		if dst == b {
			a, b = b, a
		}
		e.copyTo(dst, a, w)
		e.asm.AluRR(op, w, dst, b)
	}
	e.notes(dst, w, true)
}

func (e *emitter) mul(in *ir.Insn) {
	w, dst, a := width(in), reg(in.Dst), reg(in.A)
	if imm, short := imm32(in); in.B == ir.None && short {
		e.asm.ImulRRI(w, dst, a, imm)
		return
	}
	b := e.operandB(in)
	if dst == b {
		a, b = b, a
	}
	e.copyTo(dst, a, w)
	e.asm.ImulRR(w, dst, b)
}

func (e *emitter) neg(in *ir.Insn) {
	e.copyTo(reg(in.Dst), reg(in.A), width(in))
	e.asm.UnaryR(asm.Neg, width(in), reg(in.Dst))
}

func (e *emitter) sext(in *ir.Insn) {
	if in.Size == 4 && in.Width == 32 {
		e.asm.MovRR(asm.W32, reg(in.Dst), reg(in.A))
		return
	}
	e.asm.MovsxRR(asm.Width(in.Size), width(in), reg(in.Dst), reg(in.A))
}

func (e *emitter) zext(in *ir.Insn) {
	e.asm.MovzxRR(asm.Width(in.Size), reg(in.Dst), reg(in.A))
}

func (e *emitter) bswap(in *ir.Insn) {
	dst := reg(in.Dst)
	if in.Size == 2 {
		e.asm.MovzxRR(asm.W16, dst, reg(in.A))
		e.asm.ShiftRI(asm.Rol, asm.W16, dst, 8)
		return
	}
	w := asm.Width(in.Size)
	e.copyTo(dst, reg(in.A), w)
	e.asm.Bswap(w, dst)
}

func shiftOp(op ir.Op) asm.Shift {
	return [...]asm.Shift{asm.Shl, asm.Shr, asm.Sar}[op-ir.OpLsh]
}

// shift emits shifts; the amount counts modulo the width, as in hardware.
func (e *emitter) shift(in *ir.Insn) {
	w, dst, a, op := width(in), reg(in.Dst), reg(in.A), shiftOp(in.Op)
	switch {
	case in.B == ir.None:
		e.copyTo(dst, a, w)
		n := uint8(in.Imm) & (in.Width - 1)
		if n != 0 {
			e.asm.ShiftRI(op, w, dst, n)
			e.notes(dst, w, false)
		} else if w == asm.W32 && dst == a {
			e.asm.MovRR(w, dst, dst)
		}
	case e.v3:
		e.asm.ShiftX(op, w, dst, a, reg(in.B))
	default:
		e.shiftByCL(in, op)
	}
}

// shiftByCL shifts by a register without BMI2: the amount has to be in cl, the home of R4.
func (e *emitter) shiftByCL(in *ir.Insn, op asm.Shift) {
	w, dst, a, b := width(in), reg(in.Dst), reg(in.A), reg(in.B)
	if b == asm.RCX && dst != asm.RCX {
		e.copyTo(dst, a, w)
		e.asm.ShiftRC(op, w, dst)
		return
	}
	if dst == asm.RCX || dst == b {
		e.asm.MovRR(w, scratch1, a)
		e.saveRCX(in, b, dst)
		e.asm.ShiftRC(op, w, scratch1)
		e.restoreRCX(in, b, dst)
		e.asm.MovRR(w, dst, scratch1)
		return
	}
	e.copyTo(dst, a, w)
	e.saveRCX(in, b, dst)
	e.asm.ShiftRC(op, w, dst)
	e.restoreRCX(in, b, dst)
}

// saveRCX puts the amount b into cl and keeps R4 in scratch0 if it is needed afterwards.
func (e *emitter) saveRCX(in *ir.Insn, b, dst asm.Reg) {
	if b == asm.RCX {
		return
	}
	if dst != asm.RCX && !e.dead(ir.R4) {
		e.asm.MovRR(asm.W64, scratch0, asm.RCX)
	}
	e.asm.MovRR(asm.W32, asm.RCX, b)
}

func (e *emitter) restoreRCX(in *ir.Insn, b, dst asm.Reg) {
	if b != asm.RCX && dst != asm.RCX && !e.dead(ir.R4) {
		e.asm.MovRR(asm.W64, asm.RCX, scratch0)
	}
}

func (e *emitter) jmp(in *ir.Insn) {
	if in.Then != e.block.ID+1 {
		e.asm.Jmp(e.blocks[in.Then])
	}
}

// conditions is the hardware's condition for a compare of A with B.
var conditions = [...]asm.Cond{
	isa.EQ: asm.CondE, isa.NE: asm.CondNE, isa.GT: asm.CondA, isa.GE: asm.CondAE, isa.LT: asm.CondB, isa.LE: asm.CondBE,
	isa.SGT: asm.CondG, isa.SGE: asm.CondGE, isa.SLT: asm.CondL, isa.SLE: asm.CondLE, isa.SET: asm.CondNE,
}

func (e *emitter) br(in *ir.Insn) {
	e.compare(in)
	c := conditions[in.Cond]
	switch next := e.block.ID + 1; {
	case in.Else == next:
		e.asm.Jcc(c, e.blocks[in.Then])
	case in.Then == next:
		e.asm.Jcc(c.Negate(), e.blocks[in.Else])
	default:
		e.asm.Jcc(c, e.blocks[in.Then])
		e.asm.Jmp(e.blocks[in.Else])
	}
}

// compare sets the flags for the condition of in.
func (e *emitter) compare(in *ir.Insn) {
	w, a := width(in), reg(in.A)
	imm, short := imm32(in)
	switch {
	case in.Cond == isa.SET && in.B == ir.None && short:
		e.asm.TestRI(w, a, imm)
	case in.Cond == isa.SET:
		e.asm.TestRR(w, a, e.operandB(in))
	case in.B == ir.None && short && imm == 0:
		if !e.flagsHold(in, a, w) {
			e.asm.TestRR(w, a, a)
		}
	case in.B == ir.None && short:
		e.asm.AluRI(asm.Cmp, w, a, imm)
	default:
		e.asm.AluRR(asm.Cmp, w, a, e.operandB(in))
	}
}

// flagsHold reports whether the flags already are those of a compare of a with zero, as far as in's condition needs.
func (e *emitter) flagsHold(in *ir.Insn, a asm.Reg, w asm.Width) bool {
	f := e.flags
	if f.at != e.asm.Len() || f.reg != a {
		return false
	}
	equality := in.Cond == isa.EQ || in.Cond == isa.NE
	if f.wide != (w == asm.W64) { // a 32-bit result is zero-extended: as a whole it is zero when its half is
		return equality && !f.wide
	}
	return equality || f.logic
}

func (e *emitter) call(in *ir.Insn) {
	frame := e.f.Frame
	if frame != 0 {
		e.asm.AluRI(asm.Sub, asm.W64, asm.RBP, frame)
	}
	e.asm.Call(e.funcs[in.Ref.Index])
	if frame != 0 {
		e.asm.AluRI(asm.Add, asm.W64, asm.RBP, frame)
	}
}

// slot is a slot of the function's control stack.
func slot(in *ir.Insn) asm.Mem { return asm.Mem{Base: asm.RSP, Disp: 8 * int32(in.Imm)} }

func (e *emitter) spill(in *ir.Insn)  { e.asm.MovMR(asm.W64, slot(in), reg(in.A)) }
func (e *emitter) reload(in *ir.Insn) { e.asm.MovRM(asm.W64, reg(in.Dst), slot(in)) }

// cpu loads the number of the virtual CPU.
func (e *emitter) cpu(in *ir.Insn) { e.asm.MovRM(asm.W32, reg(in.Dst), runContext(codegen.RunCPU)) }

func (e *emitter) state(in *ir.Insn) { e.asm.Lea(asm.W64, reg(in.Dst), runContext(codegen.RunState)) }

// tailCall jumps to the entry at index edx of the prog array at rsi, with rdi as it is, as if this function had not
// been called. An index too large, the limit of a run and an empty slot, in this order, fall through
// (bpf_tail_call, kernel/bpf/core.c; an empty slot does not count).
func (e *emitter) tailCall(*ir.Insn) {
	a, out := &e.asm, e.asm.NewLabel()
	array, index := reg(ir.R2), reg(ir.R3)
	a.MovRR(asm.W32, scratch0, index)
	a.AluRM(asm.Cmp, asm.W32, scratch0, asm.Mem{Base: array, Disp: codegen.MapMaxEntries})
	a.Jcc(asm.CondAE, out)
	a.AluMI(asm.Cmp, asm.W64, runContext(codegen.RunTails), ir.MaxTailCalls)
	a.Jcc(asm.CondAE, out)
	a.MovRM(asm.W64, asm.RCX, asm.Mem{Base: array, Disp: codegen.MapTable})
	a.MovRM(asm.W64, asm.RCX, asm.Mem{Base: asm.RCX, Index: scratch0, Scale: 8})
	e.goOn(out)
}

// tailSlot is tailCall for a slot that the array has: its word has a place that is known.
func (e *emitter) tailSlot(in *ir.Insn) {
	a, out := &e.asm, e.asm.NewLabel()
	a.AluMI(asm.Cmp, asm.W64, runContext(codegen.RunTails), ir.MaxTailCalls)
	a.Jcc(asm.CondAE, out)
	a.MovRM(asm.W64, asm.RCX, asm.RIPSym(e.ref(codegen.RelocTable, in.Ref.Index), 8*int32(in.Imm)))
	e.goOn(out)
}

// goOn ends a tail call to where rcx says, unless it is 0: then, and from out, control falls through.
func (e *emitter) goOn(out asm.Label) {
	a := &e.asm
	a.TestRR(asm.W64, asm.RCX, asm.RCX)
	a.Jcc(asm.CondE, out)
	a.UnaryM(asm.Inc, asm.W64, runContext(codegen.RunTails))
	body := e.unwindState()
	e.leaveFrame()
	e.jumpRCX()
	e.cfa(body.cfa, body.saved)
	a.Bind(out)
}
