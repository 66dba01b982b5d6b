package opt

import (
	"math/bits"
	"math/rand/v2"

	"github.com/bpfc/bpfc/core/ir"
)

// machine runs straight code in the plainest way: what the passes must not change.
type machine struct {
	regs    [ir.T2 + 1]uint64
	touched []access // by memory operands, in order
	limit   region   // that guards check
	fault   int      // index in the original code of the guard that failed, -1 if none
}

// access is one use of a memory operand.
type access struct {
	op   ir.Op
	addr uint64
	size uint8
}

// region is one range of addresses.
type region struct {
	base, size uint64
	writable   bool
}

// run executes the instructions; their Pos is their index in the original code.
func (m *machine) run(insns []ir.Insn) {
	m.fault = -1
	for i := range insns {
		in := &insns[i]
		switch {
		case in.Op == ir.OpGuardMem && !m.limit.holds(m.address(in), in):
			m.fault = int(in.Pos)
			return
		case in.Op == ir.OpGuardMem: // dropping one changes nothing that is seen
		case in.Op == ir.OpLea:
			m.regs[in.Dst] = m.address(in)
		case in.Op.Info().Has(ir.UseMem):
			m.touched = append(m.touched, access{in.Op, m.address(in), in.Size})
			if in.Dst != ir.None { // a load gives something that depends on the address alone
				m.regs[in.Dst] = extend(m.address(in)*0x9e3779b97f4a7c15, uint(in.Size)*8, in.Sign)
			}
		case in.Op == ir.OpCallHelper:
			for r := ir.R0; r <= ir.R5; r++ {
				m.regs[r] = uint64(in.Pos)*31 + uint64(r)
			}
		default:
			m.regs[in.Dst] = m.compute(in)
		}
	}
}

func (m *machine) address(in *ir.Insn) uint64 {
	return m.regs[in.Base] + m.regs[in.Index]*uint64(in.Scale) + uint64(int64(in.Disp))
}

func (r region) holds(addr uint64, in *ir.Insn) bool {
	off := addr - r.base
	return off < r.size && r.size-off >= uint64(in.Size) && (r.writable || !in.Write)
}

// extend keeps the low n bits and extends them.
func extend(v uint64, n uint, sign bool) uint64 {
	if sign {
		return uint64(int64(v<<(64-n)) >> (64 - n))
	}
	return v << (64 - n) >> (64 - n)
}

// compute is the result of arithmetic, from the text of RFC 9669.
func (m *machine) compute(in *ir.Insn) uint64 {
	w := uint(in.Width)
	a, b := m.regs[in.A], uint64(in.Imm)
	if in.B != ir.None {
		b = m.regs[in.B]
	}
	switch in.Op {
	case ir.OpZext:
		return extend(a, uint(in.Size)*8, false)
	case ir.OpSext:
		return extend(extend(a, uint(in.Size)*8, true), w, false)
	case ir.OpBswap:
		return bits.ReverseBytes64(a) >> (64 - uint(in.Size)*8)
	}
	ua, ub := extend(a, w, false), extend(b, w, false)
	sa, sb := int64(extend(a, w, true)), int64(extend(b, w, true))
	return extend(arithmetic(in.Op, ua, ub, sa, sb, uint(b)&(w-1)), w, false)
}

func arithmetic(op ir.Op, ua, ub uint64, sa, sb int64, shift uint) uint64 {
	switch op {
	case ir.OpMov:
		return ub
	case ir.OpAdd:
		return ua + ub
	case ir.OpSub:
		return ua - ub
	case ir.OpMul:
		return ua * ub
	case ir.OpOr:
		return ua | ub
	case ir.OpAnd:
		return ua & ub
	case ir.OpXor:
		return ua ^ ub
	case ir.OpLsh:
		return ua << shift
	case ir.OpRsh:
		return ua >> shift
	case ir.OpArsh:
		return uint64(sa >> shift)
	case ir.OpNeg:
		return -ua
	case ir.OpDiv:
		return byOrElse(ub, 0, func() uint64 { return ua / ub })
	case ir.OpMod:
		return byOrElse(ub, ua, func() uint64 { return ua % ub })
	case ir.OpSDiv:
		return byOrElse(ub, 0, func() uint64 { return uint64(sa / sb) })
	case ir.OpSMod:
		return byOrElse(ub, ua, func() uint64 { return uint64(sa % sb) })
	}
	panic("model: " + op.String())
}

func byOrElse(divisor, zero uint64, f func() uint64) uint64 {
	if divisor == 0 {
		return zero
	}
	return f()
}

var arithmeticOps = []ir.Op{ir.OpMov, ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpDiv, ir.OpSDiv, ir.OpMod, ir.OpSMod, ir.OpOr, ir.OpAnd, ir.OpXor,
	ir.OpLsh, ir.OpLsh, ir.OpRsh, ir.OpArsh, ir.OpNeg, ir.OpSext, ir.OpZext, ir.OpBswap, ir.OpMov, ir.OpAdd}

var immediates = []int64{0, 1, -1, 2, 3, 4, 8, 12, 16, 24, 31, 32, 33, 48, 56, 63, 64, 255, 1 << 31, 1<<31 - 1, -1 << 31, 1<<32 - 1, 1 << 32, -1 << 63}

// dice draws code and machines. Sequences are cheap and many; a failure prints its own.
type dice struct{ *rand.Rand }

func (d dice) reg(hi ir.Reg) ir.Reg { return ir.R1 + ir.Reg(d.IntN(int(hi-ir.R1)+1)) }

// one is true in one of n cases.
func (d dice) one(n int) bool { return d.IntN(n) == 0 }

func of[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// few is the highest register that is often drawn, so that registers meet again.
const few = ir.R3

// code draws straight code: arithmetic, memory operands, guards, calls.
func (d dice) code() []ir.Insn {
	insns := make([]ir.Insn, 1+d.IntN(10))
	for i := range insns {
		insns[i] = d.insn()
		if i > 0 && d.one(4) {
			insns[i] = d.sequel(insns[i-1], insns[i])
		}
		insns[i].Pos = ir.Pos(i)
	}
	return insns
}

// sequel makes in go on with what prev has computed, as code that folds does.
func (d dice) sequel(prev, in ir.Insn) ir.Insn {
	switch {
	case prev.Op == ir.OpLsh && prev.B == ir.None:
		return ir.Insn{Op: of(d, ir.OpRsh, ir.OpArsh), Width: of(d, prev.Width, prev.Width, prev.Width, 64), Dst: prev.Dst, A: prev.Dst, Imm: prev.Imm + of[int64](d, 0, 0, 1, 8)}
	case prev.Op == ir.OpGuardMem: // a near one
		in = prev
		switch d.IntN(4) {
		case 0:
			in.Size = of[uint8](d, 1, 2, 4, 8)
		case 1:
			in.Disp += of[int32](d, -1, 1, 2)
		case 2:
			in.Write = !in.Write
		case 3:
			if in.Index != ir.None {
				in.Scale = of[uint8](d, 1, 2, 4, 8)
			}
		}
	case prev.Dst != ir.None && d.one(3):
		return ir.Insn{Op: ir.OpMov, Width: 32, Dst: prev.Dst, B: prev.Dst}
	case prev.Dst != ir.None && in.Base != ir.None:
		in.Base = prev.Dst
	case prev.Dst != ir.None && in.A != ir.None:
		in.Dst, in.A = prev.Dst, prev.Dst
	case prev.Dst != ir.None && in.Op == ir.OpMov && in.B != ir.None:
		in.B = prev.Dst
		if d.one(2) {
			in.Dst = prev.Dst
		}
	}
	return in
}

func (d dice) insn() ir.Insn {
	switch d.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		return d.memory()
	case 6:
		return ir.Insn{Op: ir.OpCallHelper, Width: 64}
	}
	op := arithmeticOps[d.IntN(len(arithmeticOps))]
	in := ir.Insn{Op: op, Width: of[uint8](d, 32, 64, 64), Dst: d.reg(few)}
	if op != ir.OpMov {
		in.A = in.Dst
	}
	switch op {
	case ir.OpZext:
		in.Width, in.Size = 64, of[uint8](d, 1, 2, 4)
		return in
	case ir.OpSext:
		in.Size = of[uint8](d, 1, 2, 4)
		return in
	case ir.OpBswap:
		in.Width, in.Size = 64, of[uint8](d, 2, 4, 8)
		return in
	case ir.OpNeg:
		return in
	}
	if d.one(2) {
		in.Imm = immediates[d.IntN(len(immediates))]
	} else {
		in.B = d.reg(of(d, few, ir.R10))
	}
	return in
}

func (d dice) memory() ir.Insn {
	in := ir.Insn{Op: of(d, ir.OpLoad, ir.OpStore, ir.OpGuardMem, ir.OpGuardMem, ir.OpGuardMem, ir.OpLea), Width: 64,
		Base: d.reg(few), Disp: of[int32](d, 0, 0, 1, 2, 4, 8, -1, 1<<31-1)}
	if d.one(3) {
		in.Index, in.Scale = d.reg(few), of[uint8](d, 1, 2, 4, 8)
	}
	if in.Op != ir.OpLea {
		in.Size = of[uint8](d, 1, 2, 4, 8)
	}
	switch in.Op {
	case ir.OpLoad, ir.OpLea:
		in.Dst = d.reg(few)
		in.Sign = in.Op == ir.OpLoad && in.Size < 8 && d.one(2)
	case ir.OpGuardMem:
		in.Write, in.Rule = d.one(2), ir.RuleMemory
	}
	return in
}

// start draws registers of which many are near one another, and a region around them.
func (d dice) start() machine {
	var m machine
	base := d.Uint64()
	for r := ir.R0; r <= ir.T2; r++ {
		m.regs[r] = of(d, base+uint64(d.IntN(16)), base+uint64(d.IntN(16)), uint64(d.IntN(6)), uint64(d.IntN(6)), d.Uint64())
	}
	m.limit = region{base - uint64(d.IntN(8)), uint64(d.IntN(48)), !d.one(3)}
	return m
}
