package isa

import "fmt"

// Op is an opcode: the index of a row of Table. What an encoding tells by its
// code byte together with src, off or imm is one Op here.
type Op uint16

// The opcodes, one per row of Table. Names end in Imm or Reg after their second
// operand; 32 marks the 32-bit form of an instruction that also has a 64-bit one.
const (
	Invalid Op = iota // the zero Insn; never encoded
	Pad               // second slot of an lddw

	// Arithmetic, RFC 9669 section 4.1.
	AddImm
	AddReg
	Add32Imm
	Add32Reg
	SubImm
	SubReg
	Sub32Imm
	Sub32Reg
	MulImm
	MulReg
	Mul32Imm
	Mul32Reg
	DivImm
	DivReg
	Div32Imm
	Div32Reg
	SDivImm
	SDivReg
	SDiv32Imm
	SDiv32Reg
	OrImm
	OrReg
	Or32Imm
	Or32Reg
	AndImm
	AndReg
	And32Imm
	And32Reg
	LshImm
	LshReg
	Lsh32Imm
	Lsh32Reg
	RshImm
	RshReg
	Rsh32Imm
	Rsh32Reg
	ModImm
	ModReg
	Mod32Imm
	Mod32Reg
	SModImm
	SModReg
	SMod32Imm
	SMod32Reg
	XorImm
	XorReg
	Xor32Imm
	Xor32Reg
	MovImm
	MovReg
	Mov32Imm
	Mov32Reg
	ArshImm
	ArshReg
	Arsh32Imm
	Arsh32Reg
	MovSX8
	MovSX16
	MovSX32
	MovSX8W
	MovSX16W
	Neg
	Neg32

	// Byte swaps, section 4.2.
	Le16
	Le32
	Le64
	Be16
	Be32
	Be64
	Swap16
	Swap32
	Swap64

	// 64-bit immediates, section 5.4.
	LddwImm64
	LddwMapFD
	LddwMapValueFD
	LddwVar
	LddwFunc
	LddwMapIdx
	LddwMapValIdx

	// Loads and stores, sections 5.1 and 5.2.
	LdxB
	LdxH
	LdxW
	LdxDW
	LdxSB
	LdxSH
	LdxSW
	StB
	StH
	StW
	StDW
	StxB
	StxH
	StxW
	StxDW

	// Atomics, section 5.3.
	LockAdd
	LockAdd32
	FetchAdd
	FetchAdd32
	LockOr
	LockOr32
	FetchOr
	FetchOr32
	LockAnd
	LockAnd32
	FetchAnd
	FetchAnd32
	LockXor
	LockXor32
	FetchXor
	FetchXor32
	Xchg
	Xchg32
	CmpXchg
	CmpXchg32

	// Load-acquire and store-release, beyond RFC 9669 (Linux 6.15).
	LdAcqB
	LdAcqH
	LdAcqW
	LdAcqDW
	StRelB
	StRelH
	StRelW
	StRelDW

	// Legacy packet access, section 5.5.
	LdAbsB
	LdAbsH
	LdAbsW
	LdIndB
	LdIndH
	LdIndW

	// Jumps, section 4.3.
	Ja
	Ja32
	JEQImm
	JEQReg
	JEQ32Imm
	JEQ32Reg
	JNEImm
	JNEReg
	JNE32Imm
	JNE32Reg
	JGTImm
	JGTReg
	JGT32Imm
	JGT32Reg
	JGEImm
	JGEReg
	JGE32Imm
	JGE32Reg
	JLTImm
	JLTReg
	JLT32Imm
	JLT32Reg
	JLEImm
	JLEReg
	JLE32Imm
	JLE32Reg
	JSGTImm
	JSGTReg
	JSGT32Imm
	JSGT32Reg
	JSGEImm
	JSGEReg
	JSGE32Imm
	JSGE32Reg
	JSLTImm
	JSLTReg
	JSLT32Imm
	JSLT32Reg
	JSLEImm
	JSLEReg
	JSLE32Imm
	JSLE32Reg
	JSETImm
	JSETReg
	JSET32Imm
	JSET32Reg
	MayGoto

	// Calls and exit, sections 4.3.1 and 4.3.2.
	Call
	CallLocal
	CallKfunc
	CallReg
	Exit
	GotoX

	// Address spaces, beyond RFC 9669 (Linux 6.9).
	AddrSpaceCast

	numOps
)

// NumOps is the number of rows of Table.
const NumOps = int(numOps)

// String returns the name of the opcode, as its constant is named.
func (o Op) String() string {
	if o >= numOps {
		return fmt.Sprintf("Op(%d)", uint16(o))
	}
	return Table[o].Name
}
