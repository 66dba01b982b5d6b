package amd64

import (
	"math/bits"

	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// load and store: every ordinary access of amd64 has acquire and release order (Intel SDM volume 3A, section 9.2.2);
// only a sequentially consistent store needs more.
func (e *emitter) load(in *ir.Insn) {
	if in.Sign {
		e.asm.MovsxRM(asm.Width(in.Size), asm.W64, reg(in.Dst), mem(in))
	} else {
		e.asm.MovzxRM(asm.Width(in.Size), reg(in.Dst), mem(in))
	}
}

func (e *emitter) store(in *ir.Insn) {
	w := asm.Width(in.Size)
	switch {
	case in.A != ir.None:
		e.asm.MovMR(w, mem(in), reg(in.A))
	case w != asm.W64 || fits32(in.Imm):
		e.asm.MovMI(w, mem(in), truncated(in.Imm, in.Size))
	default:
		e.asm.MovRI(scratch0, in.Imm)
		e.asm.MovMR(w, mem(in), scratch0)
	}
	if in.Order == ir.SeqCst {
		e.asm.Op(asm.Mfence)
	}
}

// truncated is the value of size bytes that a store of imm writes, sign-extended.
func truncated(imm int64, size uint8) int32 {
	switch size {
	case 1:
		return int32(int8(imm))
	case 2:
		return int32(int16(imm))
	}
	return int32(imm)
}

func (e *emitter) atomicAdd(in *ir.Insn) {
	w, m := asm.Width(in.Size), mem(in)
	switch in.Dst {
	case ir.None:
		e.asm.Lock()
		e.asm.AluMR(asm.Add, w, m, reg(in.A))
	case in.A:
		e.asm.Lock()
		e.asm.XaddMR(w, m, reg(in.A))
	default:
		e.asm.MovRR(w, scratch0, reg(in.A))
		e.asm.Lock()
		e.asm.XaddMR(w, m, scratch0)
		e.asm.MovRR(w, reg(in.Dst), scratch0)
	}
}

// atomicLogic emits and, or, xor. There is no instruction that also returns the
// old value: that is a loop of compare and exchange, which works with rax, the home of R0.
func (e *emitter) atomicLogic(in *ir.Insn) {
	w, op := asm.Width(in.Size), [...]asm.Alu{asm.Or, asm.And, asm.Xor}[in.Op-ir.OpAtomicOr]
	if in.Dst == ir.None {
		e.asm.Lock()
		e.asm.AluMR(op, w, mem(in), reg(in.A))
		return
	}
	dst, a := reg(in.Dst), reg(in.A)
	keep := dst != asm.RAX && !e.dead(ir.R0)
	e.asm.Lea(asm.W64, scratch0, mem(in))
	if keep || a == asm.RAX {
		e.asm.MovRR(asm.W64, scratch2, asm.RAX)
	}
	if a == asm.RAX {
		a = scratch2
	}
	at := asm.Mem{Base: scratch0}
	again := e.asm.NewLabel()
	e.asm.MovRM(w, asm.RAX, at)
	e.asm.Bind(again)
	e.asm.MovRR(w, scratch1, asm.RAX)
	e.asm.AluRR(op, w, scratch1, a)
	e.asm.Lock()
	e.asm.CmpxchgMR(w, at, scratch1)
	e.asm.Jcc(asm.CondNE, again)
	e.copyTo(dst, asm.RAX, w)
	if keep {
		e.asm.MovRR(asm.W64, asm.RAX, scratch2)
	}
}

func (e *emitter) atomicXchg(in *ir.Insn) {
	w := asm.Width(in.Size)
	if in.Dst == in.A {
		e.asm.XchgMR(w, mem(in), reg(in.A))
		return
	}
	e.asm.MovRR(w, scratch0, reg(in.A))
	e.asm.XchgMR(w, mem(in), scratch0)
	e.asm.MovRR(w, reg(in.Dst), scratch0)
}

// atomicCmpXchg compares with and returns R0, whose home is rax, as the instruction does. A successful
// 32-bit exchange leaves the upper half of rax as it was: BPF clears it.
func (e *emitter) atomicCmpXchg(in *ir.Insn) {
	w := asm.Width(in.Size)
	e.asm.Lock()
	e.asm.CmpxchgMR(w, mem(in), reg(in.A))
	if w == asm.W32 {
		e.asm.MovRR(asm.W32, asm.RAX, asm.RAX)
	}
}

// address loads the address of in's memory operand.
func (e *emitter) address(dst asm.Reg, in *ir.Insn) {
	m := mem(in)
	if m.Scale == 0 && m.Disp == 0 {
		e.asm.MovRR(asm.W64, dst, m.Base)
		return
	}
	e.asm.Lea(asm.W64, dst, m)
}

// guardMem compares the address with the region that the access most likely
// touches; a miss searches all regions, out of line.
func (e *emitter) guardMem(in *ir.Insn) {
	region := in.Region
	if in.Write && region == ir.RegionRodata {
		region = ir.RegionData
	}
	c := e.later(in, (*emitter).guardMiss)
	e.address(scratch0, in)
	e.asm.AluRM(asm.Sub, asm.W64, scratch0, regionField(region, codegen.RegionBase))
	e.asm.AluRM(asm.Cmp, asm.W64, scratch0, regionField(region, countField(in.Size)))
	e.asm.Jcc(asm.CondAE, c.label)
	e.asm.Bind(c.back)
}

// guardMiss calls the search, which comes back or leaves for good.
func (e *emitter) guardMiss(c *cold) {
	e.address(scratch0, c.in)
	e.asm.Call(e.searchLabel(c.in.Size, c.in.Write))
	e.exit(c.in, codegen.ExitFault)
	e.asm.Jmp(c.back)
}

// searchLabel is the routine that searches the regions for an access of size bytes.
func (e *emitter) searchLabel(size uint8, write bool) asm.Label {
	w := 0
	if write {
		w = 1
	}
	l := &e.search[bits.TrailingZeros8(size)][w]
	if *l == 0 {
		*l = e.asm.NewLabel() + 1
	}
	return *l - 1
}

// searches emits the search routines that guards call, shared by all programs of the unit.
//
//	in: scratch0 = address; clobbers scratch1, scratch2; comes back if a region contains the access
func (e *emitter) searches() {
	for log, byWrite := range e.search {
		for w, l := range byWrite {
			if l != 0 {
				e.searchRoutine(l-1, uint8(1)<<log, w == 1)
			}
		}
	}
}

func (e *emitter) searchRoutine(l asm.Label, size uint8, write bool) {
	name := [...]string{1: "bpfc.search1", 2: "bpfc.search2", 4: "bpfc.search4", 8: "bpfc.search8"}[size]
	if write {
		name += "w"
	}
	e.routine(name, -1)
	next, miss := e.asm.NewLabel(), e.asm.NewLabel()
	loop := e.asm.NewLabel()
	e.asm.Bind(l)
	e.asm.Lea(asm.W64, scratch2, runContext(codegen.RunRegions))
	e.asm.Bind(loop)
	e.asm.AluRM(asm.Cmp, asm.W64, scratch2, runContext(codegen.RunRegionsEnd))
	e.asm.Jcc(asm.CondAE, miss)
	e.asm.MovRR(asm.W64, scratch1, scratch0)
	e.asm.AluRM(asm.Sub, asm.W64, scratch1, asm.Mem{Base: scratch2, Disp: codegen.RegionBase})
	e.asm.AluRM(asm.Cmp, asm.W64, scratch1, asm.Mem{Base: scratch2, Disp: countField(size)})
	e.asm.Jcc(asm.CondAE, next)
	if write {
		e.asm.AluMI(asm.Cmp, asm.W64, asm.Mem{Base: scratch2, Disp: codegen.RegionWritable}, 0)
		e.asm.Jcc(asm.CondE, next)
	}
	e.asm.Op(asm.Ret)
	e.asm.Bind(next)
	e.asm.AluRI(asm.Add, asm.W64, scratch2, codegen.RegionSize)
	e.asm.Jmp(loop)
	e.asm.Bind(miss)
	e.asm.MovMR(asm.W64, runContext(codegen.RunFaultAddr), scratch0)
	e.jumpExit()
	e.end()
}

func (e *emitter) guardAlign(in *ir.Insn) {
	c := e.later(in, (*emitter).leaveWithAddress)
	e.address(scratch0, in)
	e.asm.TestRI(asm.W32, scratch0, int32(in.Size-1))
	e.asm.Jcc(asm.CondNE, c.label)
}

// leaveWithAddress ends the run with a fault at the address in scratch0.
func (e *emitter) leaveWithAddress(c *cold) {
	e.asm.MovMR(asm.W64, runContext(codegen.RunFaultAddr), scratch0)
	e.leave(c.in, codegen.ExitFault)
}

// fault ends the run.
func (e *emitter) fault(in *ir.Insn) {
	if in.A != ir.None {
		e.asm.MovMR(asm.W64, runContext(codegen.RunFaultAddr), reg(in.A))
	} else {
		e.asm.MovMI(asm.W64, runContext(codegen.RunFaultAddr), 0)
	}
	e.leave(in, codegen.ExitFault)
}

// leave calls the exit routine.
func (e *emitter) leave(in *ir.Insn, code codegen.ExitCode) {
	e.callExit()
	e.exit(in, code)
}

// exit records that the code before this point leaves, on behalf of in.
func (e *emitter) exit(in *ir.Insn, code codegen.ExitCode) {
	x := codegen.Exit{Code: code, Prog: e.prog, Pos: in.Pos}
	switch code {
	case codegen.ExitHelper:
		x.Helper = in.Ref.Index
	case codegen.ExitPoll:
		x.Rule = ir.RuleFuel
	default:
		x.Rule, x.Size, x.Write = in.Rule, in.Size, in.Write
	}
	e.exits = append(e.exits, exit{e.asm.Mark(), x})
}

// poll counts a turn; below zero the code leaves and may be resumed.
func (e *emitter) poll(in *ir.Insn) {
	c := e.later(in, (*emitter).pollOut)
	e.asm.UnaryM(asm.Dec, asm.W64, runContext(codegen.RunSlice))
	e.asm.Jcc(asm.CondS, c.label)
	e.asm.Bind(c.back)
}

func (e *emitter) pollOut(c *cold) {
	e.leave(c.in, codegen.ExitPoll)
	e.asm.Jmp(c.back)
}

// zero clears stack; above this many bytes it loops.
const zeroUnrolled = 256

func (e *emitter) zero(in *ir.Insn) {
	n, m := int32(in.Imm), mem(in)
	if n >= 16 {
		e.asm.XorpsXX(0, 0)
	}
	if n > zeroUnrolled {
		again := e.asm.NewLabel()
		e.asm.Lea(asm.W64, scratch0, m)
		e.asm.MovRI(scratch1, int64(n/16))
		e.asm.Bind(again)
		e.asm.MovupsMX(asm.Mem{Base: scratch0}, 0)
		e.asm.AluRI(asm.Add, asm.W64, scratch0, 16)
		e.asm.AluRI(asm.Sub, asm.W32, scratch1, 1)
		e.asm.Jcc(asm.CondNE, again)
		m, n = asm.Mem{Base: scratch0}, n%16
	}
	for ; n >= 16; n -= 16 {
		e.asm.MovupsMX(m, 0)
		m.Disp += 16
	}
	if n > 0 {
		e.asm.MovMI(asm.W64, m, 0)
	}
}

// callHelper calls native code directly; a helper in the host process is an exit.
// In an object file all helpers are functions that the linker finds.
func (e *emitter) callHelper(in *ir.Insn) {
	if e.opts.Object || e.unit.Helpers[in.Ref.Index].Impl == abi.ImplNative {
		e.asm.CallSym(e.ref(codegen.RelocHelper, in.Ref.Index), 0)
		return
	}
	e.leave(in, codegen.ExitHelper)
}
