package isa

// Constructors, one for each group of rows. They check nothing: an operand
// that no row has (a size of 3 bytes, a 32-bit bswap of 8) gives an Insn with
// Op Invalid, which Encode and Check refuse. Offsets of jumps are in slots,
// displacements and sizes in bytes.

// Prog lays out instructions as a program: each lddw gets its second slot.
func Prog(insns ...Insn) []Insn {
	p := make([]Insn, 0, len(insns))
	for _, in := range insns {
		p = append(p, in)
		if in.Op < numOps && in.Slots() == 2 {
			p = append(p, Insn{Op: Pad})
		}
	}
	return p
}

// pick returns the opcode among four in table order: 64-bit imm, 64-bit reg, 32-bit imm, 32-bit reg.
func pick(first Op, base, last, index int, variant Op) Op {
	if index < base || index > last {
		return Invalid
	}
	return first + Op(index-base)*4 + variant
}

func (a Arith) op(variant Op) Op { return pick(AddImm, int(Add), int(Arsh), int(a), variant) }

// Imm returns dst = dst a imm, 64 bits; for Mov dst = imm, sign-extended.
func (a Arith) Imm(dst Reg, imm int32) Insn { return Insn{Op: a.op(0), Dst: dst, Imm: int64(imm)} }

// Reg returns dst = dst a src, 64 bits; for Mov dst = src.
func (a Arith) Reg(dst, src Reg) Insn { return Insn{Op: a.op(1), Dst: dst, Src: src} }

// Imm32 is Imm on the lower 32 bits; the upper half of dst becomes zero.
func (a Arith) Imm32(dst Reg, imm int32) Insn { return Insn{Op: a.op(2), Dst: dst, Imm: int64(imm)} }

// Reg32 is Reg on the lower 32 bits; the upper half of dst becomes zero.
func (a Arith) Reg32(dst, src Reg) Insn { return Insn{Op: a.op(3), Dst: dst, Src: src} }

// Mov64Imm returns dst = imm, sign-extended: the same as Mov.Imm.
func Mov64Imm(dst Reg, imm int32) Insn { return Mov.Imm(dst, imm) }

// Mov64Reg returns dst = src: the same as Mov.Reg.
func Mov64Reg(dst, src Reg) Insn { return Mov.Reg(dst, src) }

// Extend64 returns dst = src, sign-extended from size 1, 2 or 4 bytes to 64 bits.
func Extend64(dst, src Reg, size uint8) Insn {
	return Insn{Op: bySize(size, MovSX8, MovSX16, MovSX32, Invalid), Dst: dst, Src: src}
}

// Extend32 returns dst = src, sign-extended from size 1 or 2 bytes to 32 bits; the upper half becomes zero.
func Extend32(dst, src Reg, size uint8) Insn {
	return Insn{Op: bySize(size, MovSX8W, MovSX16W, Invalid, Invalid), Dst: dst, Src: src}
}

// Negate returns dst = -dst, 64 bits.
func Negate(dst Reg) Insn { return Insn{Op: Neg, Dst: dst} }

// Negate32 returns dst = -dst on the lower 32 bits; the upper half becomes zero.
func Negate32(dst Reg) Insn { return Insn{Op: Neg32, Dst: dst} }

// ToLE returns the conversion of the low size (2, 4, 8) bytes of dst to little-endian, zero-extended.
func ToLE(dst Reg, size uint8) Insn {
	return Insn{Op: bySize(size, Invalid, Le16, Le32, Le64), Dst: dst}
}

// ToBE returns the conversion of the low size (2, 4, 8) bytes of dst to big-endian, zero-extended.
func ToBE(dst Reg, size uint8) Insn {
	return Insn{Op: bySize(size, Invalid, Be16, Be32, Be64), Dst: dst}
}

// ByteSwap returns the reversal of the low size (2, 4, 8) bytes of dst, zero-extended.
func ByteSwap(dst Reg, size uint8) Insn {
	return Insn{Op: bySize(size, Invalid, Swap16, Swap32, Swap64), Dst: dst}
}

// LoadImm64 returns dst = imm, two slots.
func LoadImm64(dst Reg, imm int64) Insn { return Insn{Op: LddwImm64, Dst: dst, Imm: imm} }

// LoadMapFD returns dst = the map with this descriptor.
func LoadMapFD(dst Reg, fd int32) Insn { return Insn{Op: LddwMapFD, Dst: dst, Imm: halves(fd, 0)} }

// LoadMapValueFD returns dst = the address off bytes into the first value of the map with this descriptor.
func LoadMapValueFD(dst Reg, fd, off int32) Insn {
	return Insn{Op: LddwMapValueFD, Dst: dst, Imm: halves(fd, off)}
}

// LoadVar returns dst = the address of the kernel variable with this BTF id in the module with descriptor fd, 0 for vmlinux.
func LoadVar(dst Reg, id, fd int32) Insn { return Insn{Op: LddwVar, Dst: dst, Imm: halves(id, fd)} }

// LoadFunc returns dst = the function off slots after the slot that follows this one.
func LoadFunc(dst Reg, off int32) Insn { return Insn{Op: LddwFunc, Dst: dst, Imm: halves(off, 0)} }

// LoadMapIdx returns dst = the map with this index in the loader's list.
func LoadMapIdx(dst Reg, idx int32) Insn { return Insn{Op: LddwMapIdx, Dst: dst, Imm: halves(idx, 0)} }

// LoadMapValIdx returns dst = the address off bytes into the first value of the map with this index.
func LoadMapValIdx(dst Reg, idx, off int32) Insn {
	return Insn{Op: LddwMapValIdx, Dst: dst, Imm: halves(idx, off)}
}

// halves joins the immediates of the two slots of an lddw.
func halves(low, high int32) int64 { return int64(high)<<32 | int64(uint32(low)) }

// bySize picks an opcode by the number of bytes.
func bySize(size uint8, b, h, w, dw Op) Op {
	switch size {
	case 1:
		return b
	case 2:
		return h
	case 4:
		return w
	case 8:
		return dw
	}
	return Invalid
}

// LoadMem returns dst = *(src + off), size bytes, zero-extended.
func LoadMem(dst, src Reg, off int16, size uint8) Insn {
	return Insn{Op: bySize(size, LdxB, LdxH, LdxW, LdxDW), Dst: dst, Src: src, Off: off}
}

// LoadMemSX returns dst = *(src + off), size 1, 2 or 4 bytes, sign-extended.
func LoadMemSX(dst, src Reg, off int16, size uint8) Insn {
	return Insn{Op: bySize(size, LdxSB, LdxSH, LdxSW, Invalid), Dst: dst, Src: src, Off: off}
}

// StoreImm returns *(dst + off) = imm, size bytes; 8 bytes are sign-extended from 4.
func StoreImm(dst Reg, off int16, imm int32, size uint8) Insn {
	return Insn{Op: bySize(size, StB, StH, StW, StDW), Dst: dst, Off: off, Imm: int64(imm)}
}

// StoreMem returns *(dst + off) = src, size bytes.
func StoreMem(dst Reg, off int16, src Reg, size uint8) Insn {
	return Insn{Op: bySize(size, StxB, StxH, StxW, StxDW), Dst: dst, Src: src, Off: off}
}

// Mem returns the atomic *(dst + off) = *(dst + off) a src, size 4 or 8 bytes.
// For AtomicXchg and AtomicCmpXchg, which always return the old value, it is Fetch.
func (a AtomicOp) Mem(dst Reg, off int16, src Reg, size uint8) Insn {
	if a >= AtomicXchg {
		return a.Fetch(dst, off, src, size)
	}
	return a.insn(0, dst, off, src, size)
}

// Fetch is Mem that also returns the old value: in src, for AtomicCmpXchg in R0.
func (a AtomicOp) Fetch(dst Reg, off int16, src Reg, size uint8) Insn {
	return a.insn(2, dst, off, src, size)
}

func (a AtomicOp) insn(variant Op, dst Reg, off int16, src Reg, size uint8) Insn {
	op := pick(LockAdd, int(AtomicAdd), int(AtomicXor), int(a), variant)
	switch a {
	case AtomicXchg:
		op = Xchg
	case AtomicCmpXchg:
		op = CmpXchg
	}
	if op != Invalid {
		op = bySize(size, Invalid, Invalid, op+1, op)
	}
	return Insn{Op: op, Dst: dst, Src: src, Off: off}
}

// LoadAcquire returns dst = *(src + off), size bytes, ordered before all later accesses.
func LoadAcquire(dst, src Reg, off int16, size uint8) Insn {
	return Insn{Op: bySize(size, LdAcqB, LdAcqH, LdAcqW, LdAcqDW), Dst: dst, Src: src, Off: off}
}

// StoreRelease returns *(dst + off) = src, size bytes, ordered after all earlier accesses.
func StoreRelease(dst Reg, off int16, src Reg, size uint8) Insn {
	return Insn{Op: bySize(size, StRelB, StRelH, StRelW, StRelDW), Dst: dst, Src: src, Off: off}
}

// LoadAbs returns R0 = size (1, 2, 4) bytes of the packet at off, big-endian.
func LoadAbs(off int32, size uint8) Insn {
	return Insn{Op: bySize(size, LdAbsB, LdAbsH, LdAbsW, Invalid), Imm: int64(off)}
}

// LoadInd returns R0 = size (1, 2, 4) bytes of the packet at src + off, big-endian.
func LoadInd(src Reg, off int32, size uint8) Insn {
	return Insn{Op: bySize(size, LdIndB, LdIndH, LdIndW, Invalid), Src: src, Imm: int64(off)}
}

// Jump returns a jump over off slots, counted from the next one.
func Jump(off int16) Insn { return Insn{Op: Ja, Off: off} }

// Jump32 returns a jump over off slots with a 32-bit offset.
func Jump32(off int32) Insn { return Insn{Op: Ja32, Imm: int64(off)} }

// MayJump returns may_goto: a jump over off slots once the budget of loop turns is spent.
func MayJump(off int16) Insn { return Insn{Op: MayGoto, Off: off} }

func (c Cond) op(variant Op) Op { return pick(JEQImm, int(EQ), int(SET), int(c), variant) }

// Imm returns a jump over off slots if dst c imm, 64 bits; imm is sign-extended.
func (c Cond) Imm(dst Reg, imm int32, off int16) Insn {
	return Insn{Op: c.op(0), Dst: dst, Imm: int64(imm), Off: off}
}

// Reg returns a jump over off slots if dst c src, 64 bits.
func (c Cond) Reg(dst, src Reg, off int16) Insn {
	return Insn{Op: c.op(1), Dst: dst, Src: src, Off: off}
}

// Imm32 is Imm on the lower 32 bits.
func (c Cond) Imm32(dst Reg, imm int32, off int16) Insn {
	return Insn{Op: c.op(2), Dst: dst, Imm: int64(imm), Off: off}
}

// Reg32 is Reg on the lower 32 bits.
func (c Cond) Reg32(dst, src Reg, off int16) Insn {
	return Insn{Op: c.op(3), Dst: dst, Src: src, Off: off}
}

// CallHelper returns the call of a helper by number.
func CallHelper(id int32) Insn { return Insn{Op: Call, Imm: int64(id)} }

// CallFunc returns the call of the function off slots after the next one.
func CallFunc(off int32) Insn { return Insn{Op: CallLocal, Imm: int64(off)} }

// CallKernel returns the call of a kernel function by BTF id; fd is the index
// of its module's BTF descriptor, 0 for vmlinux.
func CallKernel(id int32, fd int16) Insn { return Insn{Op: CallKfunc, Imm: int64(id), Off: fd} }

// CallThrough returns callx: the call of the function whose value dst holds.
func CallThrough(dst Reg) Insn { return Insn{Op: CallReg, Dst: dst} }

// Return returns exit: the end of the function, R0 is its result.
func Return() Insn { return Insn{Op: Exit} }

// JumpThrough returns gotox: a jump to the address in dst.
func JumpThrough(dst Reg) Insn { return Insn{Op: GotoX, Dst: dst} }

// CastAddr returns dst = src converted from address space from to address space to.
func CastAddr(dst, src Reg, to, from uint16) Insn {
	return Insn{Op: AddrSpaceCast, Dst: dst, Src: src, Imm: int64(int32(uint32(to)<<16 | uint32(from)))}
}
