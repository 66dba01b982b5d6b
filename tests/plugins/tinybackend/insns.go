package main

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/sdk"
)

// reg is a register by its number in machine code.
type reg byte

const (
	rax, rcx, rdx, rbx, rbp, rsi, rdi = reg(0), reg(1), reg(2), reg(3), reg(5), reg(6), reg(7)
	r8, r9, r10, r11                  = reg(8), reg(9), reg(10), reg(11)
	r13, r14, r15                     = reg(13), reg(14), reg(15)
)

// homes is where each BPF register lives. R1 and R2 come in, and R0 goes out, as
// the native convention wants it. r9 to r11 are scratch; r12 is the run context,
// which arithmetic does not need.
var homes = [...]reg{
	sdk.R0: rax, sdk.R1: rdi, sdk.R2: rsi, sdk.R3: rdx, sdk.R4: rcx, sdk.R5: r8,
	sdk.R6: rbx, sdk.R7: r13, sdk.R8: r14, sdk.R9: r15, sdk.R10: rbp,
}

// rows compute r11 = r11 op b, at width w. What is no row is refused.
var rows = map[sdk.Op]func(e *emitter, w byte, b reg){
	sdk.OpAdd: arith(0x01), sdk.OpSub: arith(0x29), sdk.OpOr: arith(0x09), sdk.OpAnd: arith(0x21), sdk.OpXor: arith(0x31),
	sdk.OpMul: func(e *emitter, w byte, b reg) { e.op(w, r11, b, 0x0f, 0xaf) },
	sdk.OpNeg: func(e *emitter, w byte, _ reg) { e.op(w, 3, r11, 0xf7) },
	sdk.OpLsh: shift(4), sdk.OpRsh: shift(5), sdk.OpArsh: shift(7),
	sdk.OpDiv: divide(rax, false), sdk.OpSDiv: divide(rax, true), sdk.OpMod: divide(rdx, false), sdk.OpSMod: divide(rdx, true),
}

// insn emits one instruction. It reports false if it cannot.
func (e *emitter) insn(in *sdk.IRInsn) bool {
	for _, r := range []sdk.Reg{in.Dst, in.A, in.B} {
		if int(r) >= len(homes) { // one of those that lowering uses for addresses
			return false
		}
	}
	switch row, ok := rows[in.Op]; {
	case in.Op == sdk.OpExit:
		e.restore()
	case in.Op == sdk.OpMov:
		e.move(width(in), homes[in.Dst], e.operand(in))
	case ok:
		b := e.operand(in)
		e.move(w64, r11, homes[in.A]) // not in place: dst may be b
		row(e, width(in), b)
		e.move(w64, homes[in.Dst], r11)
	default:
		return false
	}
	return true
}

// operand is the register that holds the second operand; r10 if it is a number.
func (e *emitter) operand(in *sdk.IRInsn) reg {
	if in.B != sdk.NoReg {
		return homes[in.B]
	}
	e.rex(w64, 0, r10)
	e.emit(0xb8 | byte(r10)&7) // mov r10, Imm
	e.code = binary.LittleEndian.AppendUint64(e.code, uint64(in.Imm))
	return r10
}

func arith(opcode byte) func(*emitter, byte, reg) {
	return func(e *emitter, w byte, b reg) { e.op(w, b, r11, opcode) }
}

// shift shifts by cl, of which the processor takes the low bits, as BPF does.
func shift(extension reg) func(*emitter, byte, reg) {
	return func(e *emitter, w byte, b reg) {
		e.move(w64, r9, rcx)
		e.move(w64, rcx, b)
		e.op(w, extension, r11, 0xd3)
		e.move(w64, rcx, r9)
	}
}

// divide divides rdx:rax by r11 and keeps what was in them in r10 and r9. The
// result, in rax or rdx, goes to r11.
func divide(result reg, signed bool) func(*emitter, byte, reg) {
	return func(e *emitter, w byte, b reg) {
		e.move(w64, r9, rax)
		e.move(w, rax, r11)
		if b == rax {
			b = r9
		}
		e.move(w, r11, b)
		e.move(w64, r10, rdx)
		e.quotient(w, signed)
		e.move(w, r11, result)
		e.move(w64, rax, r9)
		e.move(w64, rdx, r10)
	}
}

// quotient divides rax by r11. The processor traps on the divisor 0, and on -1 with
// the smallest number; BPF has x/0 = 0, x%0 = x, x/-1 = -x, x%-1 = 0 (RFC 9669 section 4.1).
func (e *emitter) quotient(w byte, signed bool) {
	e.op(w, r11, r11, 0x85) // test r11, r11
	nonzero := e.jump(0x75) // jne
	e.move(w, rdx, rax)
	e.op(w32, rax, rax, 0x31)   // xor eax, eax
	ends := []int{e.jump(0xeb)} // jmp
	e.land(nonzero)
	extension := reg(6) // div
	if signed {
		extension = 7         // idiv
		e.op(w, 7, r11, 0x83) // cmp r11, -1
		e.emit(0xff)
		other := e.jump(0x75)
		e.op(w, 3, rax, 0xf7)     // neg rax
		e.op(w32, rdx, rdx, 0x31) // xor edx, edx
		ends = append(ends, e.jump(0xeb))
		e.land(other)
		e.rex(w, 0, 0)
		e.emit(0x99) // cqo
	} else {
		e.op(w32, rdx, rdx, 0x31)
	}
	e.op(w, extension, r11, 0xf7)
	for _, end := range ends {
		e.land(end)
	}
}

// The widths of an operation, as bit W of the REX prefix.
const w32, w64 = byte(0), byte(8)

func width(in *sdk.IRInsn) byte { return in.Width / 64 * w64 }

func (e *emitter) emit(b ...byte) { e.code = append(e.code, b...) }

// rex emits the prefix that widens the operation and both register fields (Intel SDM volume 2, section 2.2.1).
func (e *emitter) rex(w byte, field, rm reg) {
	e.emit(0x40 | w | byte(field)>>3<<2 | byte(rm)>>3)
}

// op emits an instruction on two registers, or on rm with an extension of its opcode in field.
func (e *emitter) op(w byte, field, rm reg, opcode ...byte) {
	e.rex(w, field, rm)
	e.emit(opcode...)
	e.emit(0xc0 | byte(field)&7<<3 | byte(rm)&7)
}

// move is dst = src, at 32 bits with a zero upper half.
func (e *emitter) move(w byte, dst, src reg) { e.op(w, src, dst, 0x89) }

// jump emits a short jump to where land is called with its result.
func (e *emitter) jump(opcode byte) int {
	e.emit(opcode, 0)
	return len(e.code)
}

func (e *emitter) land(jump int) { e.code[jump-1] = byte(len(e.code) - jump) }
