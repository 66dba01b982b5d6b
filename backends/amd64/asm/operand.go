package asm

// Reg is a general-purpose register. The values 0..15 are the hardware numbers
// (Intel SDM vol. 2A, table 3-1); the width of an access is a separate operand.
type Reg uint8

// The sixteen registers, and the two values that only Mem.Base may take.
const (
	RAX Reg = iota
	RCX
	RDX
	RBX
	RSP
	RBP
	RSI
	RDI
	R8
	R9
	R10
	R11
	R12
	R13
	R14
	R15
	rip    // base of an instruction-relative operand; made by RIPLabel and RIPSym
	NoBase // [index*scale + disp32], or an absolute [disp32] without an index
)

var regNames = [...]string{
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "nobase",
}

// String returns the 64-bit name of r.
func (r Reg) String() string {
	if int(r) < len(regNames) {
		return regNames[r]
	}
	return "badreg"
}

// Xmm is a vector register, 0..15.
type Xmm uint8

// Width is the size of an operand in bytes: 1, 2, 4 or 8.
type Width uint8

// The four operand widths. A write of W32 to a register clears its upper half;
// writes of W8 and W16 keep the other bits.
const (
	W8  Width = 1
	W16 Width = 2
	W32 Width = 4
	W64 Width = 8
)

// Cond is a condition code as the hardware numbers it: setcc, cmovcc and jcc
// add it to their base opcode. Flipping bit 0 negates it.
type Cond uint8

// The sixteen conditions. B, AE, BE, A compare unsigned; L, GE, LE, G signed.
const (
	CondO Cond = iota
	CondNO
	CondB
	CondAE
	CondE
	CondNE
	CondBE
	CondA
	CondS
	CondNS
	CondP
	CondNP
	CondL
	CondGE
	CondLE
	CondG
)

// Negate returns the condition that holds exactly when c does not.
func (c Cond) Negate() Cond { return c ^ 1 }

// Mem is a memory operand [Base + Index*Scale + Disp]. Scale is 0 (no index),
// 1, 2, 4 or 8. RSP can not be an index unless Scale is 1 and Base is another
// register. Operands relative to the instruction come from RIPLabel and RIPSym.
type Mem struct {
	Base  Reg
	Index Reg
	Scale uint8
	ref   memRef
	Disp  int32
	sym   int32 // the label or symbol of ref
}

// memRef says what the displacement of an operand based on rip refers to.
type memRef uint8

const (
	refNone memRef = iota
	refLabel
	refSym
)

// RIPLabel is the operand at label l plus disp bytes.
func RIPLabel(l Label, disp int32) Mem {
	return Mem{Base: rip, ref: refLabel, sym: int32(l), Disp: disp}
}

// RIPSym is the operand at symbol sym plus disp bytes, found by the loader: it
// records a Reloc of kind Rip32.
func RIPSym(sym, disp int32) Mem {
	return Mem{Base: rip, ref: refSym, sym: sym, Disp: disp}
}

// shortest returns an operand with the same address and, where there is one,
// a shorter encoding: a base is cheaper than an index, and rbp and r13 as
// bases cost a displacement byte that they do not cost as indexes.
func (m Mem) shortest() Mem {
	switch {
	case m.Base == NoBase && m.Scale == 1:
		m.Base, m.Scale = m.Index, 0
	case m.Base == NoBase && m.Scale == 2:
		m.Base, m.Scale = m.Index, 1
	case m.Base < rip && m.Scale == 1 && m.swapPays():
		m.Base, m.Index = m.Index, m.Base
	}
	return m
}

func (m Mem) swapPays() bool {
	if m.Index == RSP {
		return m.Base != RSP
	}
	return m.Disp == 0 && m.Base&7 == RBP && m.Index&7 != RBP && m.Base != RSP
}

func fits8(v int64) bool { return v == int64(int8(v)) }
