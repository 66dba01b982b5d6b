package amd64

import (
	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/ir"
)

// div emits divisions and remainders. Hardware divides rdx:rax, the homes of R3
// and R0, which are kept in scratch registers if they are needed afterwards; it
// traps where BPF defines a result (RFC 9669 section 4.1), so divisors 0 and -1
// go another way.
func (e *emitter) div(in *ir.Insn) {
	w, dst, a := width(in), reg(in.Dst), reg(in.A)
	if in.B == ir.None && e.divByConstant(in) {
		return
	}
	b := e.divisor(in)
	keepRAX := dst != asm.RAX && !e.dead(ir.R0)
	keepRDX := dst != asm.RDX && !e.dead(ir.R3)
	end := e.asm.NewLabel()
	e.specialDivisors(in, b, end)
	if keepRAX {
		e.asm.MovRR(asm.W64, scratch2, asm.RAX)
	}
	if keepRDX {
		e.asm.MovRR(asm.W64, scratch1, asm.RDX)
	}
	e.copyTo(asm.RAX, a, w)
	e.divide(in, b)
	result := asm.RAX
	if in.Op == ir.OpMod || in.Op == ir.OpSMod {
		result = asm.RDX
	}
	e.copyTo(dst, result, w)
	if keepRAX {
		e.asm.MovRR(asm.W64, asm.RAX, scratch2)
	}
	if keepRDX {
		e.asm.MovRR(asm.W64, asm.RDX, scratch1)
	}
	e.asm.Bind(end)
	e.flags.at = -1
}

// divByConstant handles the divisors 0, 1 and -1; others are divided by as registers are.
func (e *emitter) divByConstant(in *ir.Insn) bool {
	n := in.Imm
	if in.Width == 32 {
		n = int64(int32(n))
	}
	signed := in.Op == ir.OpSDiv || in.Op == ir.OpSMod
	w, dst, a := width(in), reg(in.Dst), reg(in.A)
	switch quotient := in.Op == ir.OpDiv || in.Op == ir.OpSDiv; {
	case n == 0 && quotient, n == 1 && !quotient, n == -1 && signed && !quotient:
		e.asm.AluRR(asm.Xor, asm.W32, dst, dst)
	case n == 0, n == 1:
		e.asm.MovRR(w, dst, a)
	case n == -1 && signed:
		e.copyTo(dst, a, w)
		e.asm.UnaryR(asm.Neg, w, dst)
	default:
		return false
	}
	return true
}

// divisor is a register with the divisor that survives until the division.
func (e *emitter) divisor(in *ir.Insn) asm.Reg {
	if in.B == ir.None {
		n := in.Imm
		if in.Width == 32 {
			n = int64(uint32(n))
		}
		e.asm.MovRI(scratch0, n)
		return scratch0
	}
	b := reg(in.B)
	if b == asm.RAX || b == asm.RDX {
		e.asm.MovRR(width(in), scratch0, b)
		return scratch0
	}
	return b
}

// specialDivisors branches to cold code for divisors that may be 0, or -1 of a signed division.
func (e *emitter) specialDivisors(in *ir.Insn, b asm.Reg, end asm.Label) {
	if in.B == ir.None {
		return
	}
	w := width(in)
	zero := e.later(in, (*emitter).divByZero)
	e.cold[len(e.cold)-1].back = end
	e.asm.TestRR(w, b, b)
	e.asm.Jcc(asm.CondE, zero.label)
	if in.Op == ir.OpSDiv || in.Op == ir.OpSMod {
		minus := e.later(in, (*emitter).divByMinusOne)
		e.cold[len(e.cold)-1].back = end
		e.asm.AluRI(asm.Cmp, w, b, -1)
		e.asm.Jcc(asm.CondE, minus.label)
	}
}

// divide divides rax by b. A 64-bit division whose operands are below 2^32 is
// done in 32 bits, which is several times as fast before Ice Lake (Intel
// Optimization Reference Manual, appendix D) and no slower since.
func (e *emitter) divide(in *ir.Insn, b asm.Reg) {
	signed := in.Op == ir.OpSDiv || in.Op == ir.OpSMod
	if in.Width == 32 {
		e.divideBy(b, asm.W32, signed)
		return
	}
	small, done := e.asm.NewLabel(), e.asm.NewLabel()
	e.asm.MovRR(asm.W64, asm.RDX, asm.RAX)
	e.asm.AluRR(asm.Or, asm.W64, asm.RDX, b)
	e.asm.ShiftRI(asm.Shr, asm.W64, asm.RDX, 32)
	e.asm.Jcc(asm.CondE, small)
	e.divideBy(b, asm.W64, signed)
	e.asm.Jmp(done)
	e.asm.Bind(small)
	e.asm.UnaryR(asm.Div, asm.W32, b) // edx is 0
	e.asm.Bind(done)
}

func (e *emitter) divideBy(b asm.Reg, w asm.Width, signed bool) {
	switch {
	case !signed:
		e.asm.AluRR(asm.Xor, asm.W32, asm.RDX, asm.RDX)
		e.asm.UnaryR(asm.Div, w, b)
	case w == asm.W32:
		e.asm.Op(asm.Cdq)
		e.asm.UnaryR(asm.Idiv, w, b)
	default:
		e.asm.Op(asm.Cqo)
		e.asm.UnaryR(asm.Idiv, w, b)
	}
}

// divByZero is the cold path of a divisor 0: x/0 = 0, x%0 = x.
func (e *emitter) divByZero(c *cold) {
	dst := reg(c.in.Dst)
	if c.in.Op == ir.OpDiv || c.in.Op == ir.OpSDiv {
		e.asm.AluRR(asm.Xor, asm.W32, dst, dst)
	} else {
		e.asm.MovRR(width(c.in), dst, reg(c.in.A))
	}
	e.asm.Jmp(c.back)
}

// divByMinusOne is the cold path of a signed divisor -1: x/-1 = -x also for the smallest number, x%-1 = 0.
func (e *emitter) divByMinusOne(c *cold) {
	dst := reg(c.in.Dst)
	if c.in.Op == ir.OpSMod {
		e.asm.AluRR(asm.Xor, asm.W32, dst, dst)
	} else {
		e.copyTo(dst, reg(c.in.A), width(c.in))
		e.asm.UnaryR(asm.Neg, width(c.in), dst)
	}
	e.asm.Jmp(c.back)
}
