package opt

import (
	"math/bits"

	"github.com/bpfc/bpfc/core/ir"
)

// peepholes are the rewritings of fold-shifts by op. Each makes in cheaper and
// reports whether in now also does the work of prev, the instruction before it,
// which then goes. prev is nil at the start of a block.
var peepholes = [...]func(in, prev *ir.Insn) (both bool){
	ir.OpAdd:  byZero,
	ir.OpSub:  byZero,
	ir.OpOr:   byZero,
	ir.OpXor:  byZero,
	ir.OpLsh:  byZero,
	ir.OpAnd:  byMask,
	ir.OpMul:  byPower,
	ir.OpDiv:  byPower,
	ir.OpMod:  byPower,
	ir.OpRsh:  shiftBack,
	ir.OpArsh: shiftBack,
	ir.OpMov:  ofCopy,
	ir.OpSext: ofCopy,
	ir.OpZext: ofCopy,
}

// foldShifts rewrites arithmetic by constants, extensions that are spelled as
// shifts, and drops moves of registers to themselves that change nothing.
func (p *program) foldShifts() {
	for _, f := range p.out.Funcs {
		for _, b := range f.Blocks {
			b.Insns = b.Insns[:foldBlock(b.Insns)]
		}
	}
}

// foldBlock rewrites the instructions of one block and returns how many are left.
func foldBlock(insns []ir.Insn) int {
	var narrow ir.RegSet // registers whose upper half is zero
	n := 0
	for i := range insns {
		in := &insns[i]
		for int(in.Op) < len(peepholes) && peepholes[in.Op] != nil && peepholes[in.Op](in, last(insns[:n])) {
			n--
		}
		if in.Op == ir.OpMov && in.B == in.Dst && (in.Width == 64 || narrow.Has(in.B)) {
			continue
		}
		_, def := in.UseDef()
		if zeroExtends(in, narrow) {
			narrow |= def
		} else {
			narrow &^= def
		}
		if n != i {
			insns[n] = *in
		}
		n++
	}
	return n
}

func last(insns []ir.Insn) *ir.Insn {
	if len(insns) == 0 {
		return nil
	}
	return &insns[len(insns)-1]
}

// constant returns the immediate operand in the width of in, false if there is none.
func constant(in *ir.Insn) (uint64, bool) {
	if in.Width == 32 {
		return uint64(uint32(in.Imm)), in.B == ir.None
	}
	return uint64(in.Imm), in.B == ir.None
}

// setMove makes in a move of its first operand.
func setMove(in *ir.Insn) { in.Op, in.A, in.B, in.Imm = ir.OpMov, ir.None, in.A, 0 }

// setZero makes in a move of 0.
func setZero(in *ir.Insn) { in.Op, in.A, in.Imm = ir.OpMov, ir.None, 0 }

// byZero rewrites what a second operand of 0 makes a move. Shift amounts are masked.
func byZero(in, _ *ir.Insn) bool {
	n, ok := constant(in)
	if in.Op == ir.OpLsh || in.Op == ir.OpRsh || in.Op == ir.OpArsh {
		n &= uint64(in.Width) - 1
	}
	if ok && n == 0 {
		setMove(in)
	}
	return false
}

// byMask rewrites masks of all bits and of none.
func byMask(in, _ *ir.Insn) bool {
	n, ok := constant(in)
	switch {
	case ok && n == 0:
		setZero(in)
	case ok && n == 1<<in.Width-1:
		setMove(in)
	}
	return false
}

// byPower rewrites unsigned arithmetic by 0 and by powers of two (x/0 = 0, x%0 = x).
func byPower(in, _ *ir.Insn) bool {
	n, ok := constant(in)
	switch {
	case !ok || n&(n-1) != 0:
	case n == 1 && in.Op != ir.OpMod || n == 0 && in.Op == ir.OpMod:
		setMove(in)
	case n <= 1:
		setZero(in)
	case in.Op == ir.OpMul:
		in.Op, in.Imm = ir.OpLsh, int64(bits.TrailingZeros64(n))
	case in.Op == ir.OpDiv:
		in.Op, in.Imm = ir.OpRsh, int64(bits.TrailingZeros64(n))
	case n <= 1<<31: // the mask fits the immediate of an instruction
		in.Op, in.Imm = ir.OpAnd, int64(n-1)
	}
	return false
}

// shiftBack rewrites a shift to the left and back, `r1 <<= 32; r1 >>= 32`, as the extension that it is.
func shiftBack(in, prev *ir.Insn) bool {
	byZero(in, nil)
	if in.Op == ir.OpMov || in.B != ir.None || prev == nil || prev.Op != ir.OpLsh || prev.B != ir.None ||
		prev.Width != in.Width || prev.Dst != in.A || in.Dst != in.A || prev.A > ir.R10 {
		return false
	}
	mask := int64(in.Width) - 1
	left, right := prev.Imm&mask, in.Imm&mask
	size := uint8(int64(in.Width)-left) / 8
	logical := in.Op == ir.OpRsh
	switch {
	case left == 32 && right > 32 && logical:
		in.Op, in.Width, in.A, in.Imm = ir.OpRsh, 32, prev.A, right-32
	case left != right || left%8 != 0 || size != 1 && size != 2 && size != 4:
		return false
	case logical && size == 4:
		in.Op, in.Width, in.A, in.B, in.Imm = ir.OpMov, 32, ir.None, prev.A, 0
	case logical:
		in.Op, in.Width, in.Size, in.A, in.Imm = ir.OpZext, 64, size, prev.A, 0
	default:
		in.Op, in.Size, in.A, in.Imm = ir.OpSext, size, prev.A, 0
	}
	return true
}

// ofCopy rewrites the extension of a copy in place, `r1 = r2; w1 = w1`, as one of the original.
func ofCopy(in, prev *ir.Insn) bool {
	src := &in.A
	if in.Op == ir.OpMov {
		src = &in.B
	}
	if *src != in.Dst || prev == nil || prev.Op != ir.OpMov || prev.Width != 64 || prev.Dst != in.Dst || prev.B == ir.None || prev.B > ir.R10 {
		return false
	}
	*src = prev.B
	return true
}

// zeroExtends reports whether the upper half of what in writes is zero, if it is so of the registers in narrow.
func zeroExtends(in *ir.Insn, narrow ir.RegSet) bool {
	imm := in.B == ir.None && uint64(in.Imm)>>32 == 0
	switch in.Op {
	case ir.OpLoad:
		return in.Size <= 4 && !in.Sign
	case ir.OpBswap, ir.OpAtomicAdd, ir.OpAtomicOr, ir.OpAtomicAnd, ir.OpAtomicXor, ir.OpAtomicXchg, ir.OpAtomicCmpXchg:
		return in.Size <= 4
	case ir.OpZext, ir.OpLoadAbs, ir.OpLoadInd:
		return true
	case ir.OpMov:
		return in.Width == 32 || imm || narrow.Has(in.B)
	case ir.OpAnd:
		return in.Width == 32 || imm || narrow.Has(in.A) || narrow.Has(in.B)
	case ir.OpOr, ir.OpXor:
		return in.Width == 32 || narrow.Has(in.A) && (imm || narrow.Has(in.B))
	case ir.OpDiv, ir.OpMod:
		return in.Width == 32 || narrow.Has(in.A)
	case ir.OpRsh:
		return in.Width == 32 || narrow.Has(in.A) || in.B == ir.None && in.Imm&63 >= 32
	case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpSDiv, ir.OpSMod, ir.OpLsh, ir.OpArsh, ir.OpNeg, ir.OpSext:
		return in.Width == 32
	}
	return false
}
