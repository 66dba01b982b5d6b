// Package isa describes the eBPF instruction set: one opcode table that the
// decoder, the encoder, the printers and the documentation read.
//
// Facts are from RFC 9669 (BPF Instruction Set Architecture) and, for what lies
// beyond it (callx, may_goto, load-acquire, store-release, addr_space_cast,
// gotox), from Linux's Documentation/bpf/standardization and
// include/uapi/linux/bpf.h, 6.12 to 6.18.
package isa

// Reg is a BPF register, R0 to R10 (RFC 9669 section 2.2).
type Reg uint8

// The eleven registers. R10 is the read-only frame pointer.
const (
	R0 Reg = iota
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	R10
)

// Insn is one decoded instruction. A decoded program is a []Insn with one
// element per 8-byte slot, so that an index is the slot number that Linux
// prints: the second slot of an lddw is an Insn{Op: Pad}.
//
// What the encoding uses to tell instructions apart (off = 1 of sdiv, off = 8
// of movsx, imm of atomics, src of lddw and call) is in Op and not repeated:
// those fields are zero here.
type Insn struct {
	Op  Op
	Dst Reg
	Src Reg
	// Off is the jump offset in slots (relative to the next slot) or the
	// displacement in bytes of a memory access.
	Off int16
	// Imm is the 64-bit constant of lddw (for its other sub-types: low half
	// first imm, high half second imm), the jump offset in slots of ja32, else
	// the 32-bit immediate, sign-extended.
	Imm int64
}

// Slots is the number of 8-byte slots that the instruction takes: 1, or 2 for lddw.
func (i Insn) Slots() int {
	if i.Row().Kind == KindLoadImm64 {
		return 2
	}
	return 1
}

// Row returns the table row of the instruction. Op must be a valid opcode.
func (i Insn) Row() *Row { return &Table[i.Op] }

// Kind groups the instructions whose operands are read in the same way.
type Kind uint8

// The kinds of instructions.
const (
	KindInvalid    Kind = iota
	KindPad             // second slot of lddw
	KindALU             // dst = dst Arith src|imm; mov: dst = src|imm
	KindNeg             // dst = -dst
	KindMovSX           // dst = sign-extended low Size bytes of src
	KindEnd             // le, be: convert the low Size bytes of dst; zero-extended
	KindSwap            // bswap: reverse the low Size bytes of dst; zero-extended
	KindLoadImm64       // lddw, sub-type Sub (RFC 9669 section 5.4)
	KindLoad            // dst = *(uSize *)(src + off)
	KindLoadSX          // dst = *(sSize *)(src + off)
	KindStoreImm        // *(uSize *)(dst + off) = imm
	KindStore           // *(uSize *)(dst + off) = src
	KindAtomic          // Atomic on *(uSize *)(dst + off) with src
	KindLoadAcq         // dst = load_acquire(*(uSize *)(src + off))
	KindStoreRel        // store_release(*(uSize *)(dst + off), src)
	KindLoadAbs         // R0 = big-endian packet[imm]
	KindLoadInd         // R0 = big-endian packet[src + imm]
	KindJump            // goto +off (ja) or +imm (ja32)
	KindBranch          // if dst Cond src|imm goto +off, Width 32 or 64
	KindMayGoto         // may_goto +off
	KindCallHelper      // call helper number imm
	KindCallLocal       // call +imm (BPF function)
	KindCallKfunc       // call kernel function by BTF id imm
	KindCallReg         // callx dst
	KindExit            // return R0
	KindGotoReg         // gotox dst
	KindAddrSpace       // dst = addr_space_cast(src, imm)
)

// Arith names the operation of a KindALU row.
type Arith uint8

// The arithmetic operations (RFC 9669 table 4).
const (
	NoArith Arith = iota
	Add
	Sub
	Mul
	Div
	SDiv
	Or
	And
	Lsh
	Rsh
	Mod
	SMod
	Xor
	Mov
	Arsh
)

// Cond is the condition of a KindBranch row (RFC 9669 table 6).
type Cond uint8

// The conditions. S marks signed comparisons.
const (
	NoCond Cond = iota
	EQ
	NE
	GT
	GE
	LT
	LE
	SGT
	SGE
	SLT
	SLE
	SET // dst & src != 0
)

// AtomicOp names the operation of a KindAtomic row (RFC 9669 section 5.3).
type AtomicOp uint8

// The atomic operations; Fetch of the row says whether the old value is returned.
const (
	NoAtomic AtomicOp = iota
	AtomicAdd
	AtomicOr
	AtomicAnd
	AtomicXor
	AtomicXchg
	AtomicCmpXchg
)

// Sub-types of lddw, the src field of its first slot (RFC 9669 table 12).
const (
	SubImm64      = 0
	SubMapFD      = 1
	SubMapValueFD = 2
	SubVar        = 3
	SubFunc       = 4
	SubMapIdx     = 5
	SubMapValIdx  = 6
)
