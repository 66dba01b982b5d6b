package asm

import "github.com/bpfc/bpfc/core/isa"

// One constructor for each opcode of core/isa, by the same name. Displacements
// are in bytes; a label is one of the same function.

// AddImm returns dst = dst + imm.
func AddImm(dst Reg, imm int32) Insn { return Raw(isa.Add.Imm(dst, imm)) }

// AddReg returns dst = dst + src.
func AddReg(dst, src Reg) Insn { return Raw(isa.Add.Reg(dst, src)) }

// Add32Imm returns dst = dst + imm, 32 bits; the upper half of dst becomes 0.
func Add32Imm(dst Reg, imm int32) Insn { return Raw(isa.Add.Imm32(dst, imm)) }

// Add32Reg returns dst = dst + src, 32 bits; the upper half of dst becomes 0.
func Add32Reg(dst, src Reg) Insn { return Raw(isa.Add.Reg32(dst, src)) }

// SubImm returns dst = dst - imm.
func SubImm(dst Reg, imm int32) Insn { return Raw(isa.Sub.Imm(dst, imm)) }

// SubReg returns dst = dst - src.
func SubReg(dst, src Reg) Insn { return Raw(isa.Sub.Reg(dst, src)) }

// Sub32Imm returns dst = dst - imm, 32 bits; the upper half of dst becomes 0.
func Sub32Imm(dst Reg, imm int32) Insn { return Raw(isa.Sub.Imm32(dst, imm)) }

// Sub32Reg returns dst = dst - src, 32 bits; the upper half of dst becomes 0.
func Sub32Reg(dst, src Reg) Insn { return Raw(isa.Sub.Reg32(dst, src)) }

// MulImm returns dst = dst * imm.
func MulImm(dst Reg, imm int32) Insn { return Raw(isa.Mul.Imm(dst, imm)) }

// MulReg returns dst = dst * src.
func MulReg(dst, src Reg) Insn { return Raw(isa.Mul.Reg(dst, src)) }

// Mul32Imm returns dst = dst * imm, 32 bits; the upper half of dst becomes 0.
func Mul32Imm(dst Reg, imm int32) Insn { return Raw(isa.Mul.Imm32(dst, imm)) }

// Mul32Reg returns dst = dst * src, 32 bits; the upper half of dst becomes 0.
func Mul32Reg(dst, src Reg) Insn { return Raw(isa.Mul.Reg32(dst, src)) }

// DivImm returns dst = dst / imm, unsigned.
func DivImm(dst Reg, imm int32) Insn { return Raw(isa.Div.Imm(dst, imm)) }

// DivReg returns dst = dst / src, unsigned.
func DivReg(dst, src Reg) Insn { return Raw(isa.Div.Reg(dst, src)) }

// Div32Imm returns dst = dst / imm, unsigned, 32 bits; the upper half of dst becomes 0.
func Div32Imm(dst Reg, imm int32) Insn { return Raw(isa.Div.Imm32(dst, imm)) }

// Div32Reg returns dst = dst / src, unsigned, 32 bits; the upper half of dst becomes 0.
func Div32Reg(dst, src Reg) Insn { return Raw(isa.Div.Reg32(dst, src)) }

// SDivImm returns dst = dst / imm, signed.
func SDivImm(dst Reg, imm int32) Insn { return Raw(isa.SDiv.Imm(dst, imm)) }

// SDivReg returns dst = dst / src, signed.
func SDivReg(dst, src Reg) Insn { return Raw(isa.SDiv.Reg(dst, src)) }

// SDiv32Imm returns dst = dst / imm, signed, 32 bits; the upper half of dst becomes 0.
func SDiv32Imm(dst Reg, imm int32) Insn { return Raw(isa.SDiv.Imm32(dst, imm)) }

// SDiv32Reg returns dst = dst / src, signed, 32 bits; the upper half of dst becomes 0.
func SDiv32Reg(dst, src Reg) Insn { return Raw(isa.SDiv.Reg32(dst, src)) }

// OrImm returns dst = dst | imm.
func OrImm(dst Reg, imm int32) Insn { return Raw(isa.Or.Imm(dst, imm)) }

// OrReg returns dst = dst | src.
func OrReg(dst, src Reg) Insn { return Raw(isa.Or.Reg(dst, src)) }

// Or32Imm returns dst = dst | imm, 32 bits; the upper half of dst becomes 0.
func Or32Imm(dst Reg, imm int32) Insn { return Raw(isa.Or.Imm32(dst, imm)) }

// Or32Reg returns dst = dst | src, 32 bits; the upper half of dst becomes 0.
func Or32Reg(dst, src Reg) Insn { return Raw(isa.Or.Reg32(dst, src)) }

// AndImm returns dst = dst & imm.
func AndImm(dst Reg, imm int32) Insn { return Raw(isa.And.Imm(dst, imm)) }

// AndReg returns dst = dst & src.
func AndReg(dst, src Reg) Insn { return Raw(isa.And.Reg(dst, src)) }

// And32Imm returns dst = dst & imm, 32 bits; the upper half of dst becomes 0.
func And32Imm(dst Reg, imm int32) Insn { return Raw(isa.And.Imm32(dst, imm)) }

// And32Reg returns dst = dst & src, 32 bits; the upper half of dst becomes 0.
func And32Reg(dst, src Reg) Insn { return Raw(isa.And.Reg32(dst, src)) }

// LshImm returns dst = dst << imm.
func LshImm(dst Reg, imm int32) Insn { return Raw(isa.Lsh.Imm(dst, imm)) }

// LshReg returns dst = dst << src.
func LshReg(dst, src Reg) Insn { return Raw(isa.Lsh.Reg(dst, src)) }

// Lsh32Imm returns dst = dst << imm, 32 bits; the upper half of dst becomes 0.
func Lsh32Imm(dst Reg, imm int32) Insn { return Raw(isa.Lsh.Imm32(dst, imm)) }

// Lsh32Reg returns dst = dst << src, 32 bits; the upper half of dst becomes 0.
func Lsh32Reg(dst, src Reg) Insn { return Raw(isa.Lsh.Reg32(dst, src)) }

// RshImm returns dst = dst >> imm, logical.
func RshImm(dst Reg, imm int32) Insn { return Raw(isa.Rsh.Imm(dst, imm)) }

// RshReg returns dst = dst >> src, logical.
func RshReg(dst, src Reg) Insn { return Raw(isa.Rsh.Reg(dst, src)) }

// Rsh32Imm returns dst = dst >> imm, logical, 32 bits; the upper half of dst becomes 0.
func Rsh32Imm(dst Reg, imm int32) Insn { return Raw(isa.Rsh.Imm32(dst, imm)) }

// Rsh32Reg returns dst = dst >> src, logical, 32 bits; the upper half of dst becomes 0.
func Rsh32Reg(dst, src Reg) Insn { return Raw(isa.Rsh.Reg32(dst, src)) }

// ModImm returns dst = dst % imm, unsigned.
func ModImm(dst Reg, imm int32) Insn { return Raw(isa.Mod.Imm(dst, imm)) }

// ModReg returns dst = dst % src, unsigned.
func ModReg(dst, src Reg) Insn { return Raw(isa.Mod.Reg(dst, src)) }

// Mod32Imm returns dst = dst % imm, unsigned, 32 bits; the upper half of dst becomes 0.
func Mod32Imm(dst Reg, imm int32) Insn { return Raw(isa.Mod.Imm32(dst, imm)) }

// Mod32Reg returns dst = dst % src, unsigned, 32 bits; the upper half of dst becomes 0.
func Mod32Reg(dst, src Reg) Insn { return Raw(isa.Mod.Reg32(dst, src)) }

// SModImm returns dst = dst % imm, signed.
func SModImm(dst Reg, imm int32) Insn { return Raw(isa.SMod.Imm(dst, imm)) }

// SModReg returns dst = dst % src, signed.
func SModReg(dst, src Reg) Insn { return Raw(isa.SMod.Reg(dst, src)) }

// SMod32Imm returns dst = dst % imm, signed, 32 bits; the upper half of dst becomes 0.
func SMod32Imm(dst Reg, imm int32) Insn { return Raw(isa.SMod.Imm32(dst, imm)) }

// SMod32Reg returns dst = dst % src, signed, 32 bits; the upper half of dst becomes 0.
func SMod32Reg(dst, src Reg) Insn { return Raw(isa.SMod.Reg32(dst, src)) }

// XorImm returns dst = dst ^ imm.
func XorImm(dst Reg, imm int32) Insn { return Raw(isa.Xor.Imm(dst, imm)) }

// XorReg returns dst = dst ^ src.
func XorReg(dst, src Reg) Insn { return Raw(isa.Xor.Reg(dst, src)) }

// Xor32Imm returns dst = dst ^ imm, 32 bits; the upper half of dst becomes 0.
func Xor32Imm(dst Reg, imm int32) Insn { return Raw(isa.Xor.Imm32(dst, imm)) }

// Xor32Reg returns dst = dst ^ src, 32 bits; the upper half of dst becomes 0.
func Xor32Reg(dst, src Reg) Insn { return Raw(isa.Xor.Reg32(dst, src)) }

// MovImm returns dst = imm, sign-extended.
func MovImm(dst Reg, imm int32) Insn { return Raw(isa.Mov.Imm(dst, imm)) }

// MovReg returns dst = src.
func MovReg(dst, src Reg) Insn { return Raw(isa.Mov.Reg(dst, src)) }

// Mov32Imm returns dst = imm, 32 bits; the upper half of dst becomes 0.
func Mov32Imm(dst Reg, imm int32) Insn { return Raw(isa.Mov.Imm32(dst, imm)) }

// Mov32Reg returns dst = src, 32 bits; the upper half of dst becomes 0.
func Mov32Reg(dst, src Reg) Insn { return Raw(isa.Mov.Reg32(dst, src)) }

// ArshImm returns dst = dst >> imm, arithmetic.
func ArshImm(dst Reg, imm int32) Insn { return Raw(isa.Arsh.Imm(dst, imm)) }

// ArshReg returns dst = dst >> src, arithmetic.
func ArshReg(dst, src Reg) Insn { return Raw(isa.Arsh.Reg(dst, src)) }

// Arsh32Imm returns dst = dst >> imm, arithmetic, 32 bits; the upper half of dst becomes 0.
func Arsh32Imm(dst Reg, imm int32) Insn { return Raw(isa.Arsh.Imm32(dst, imm)) }

// Arsh32Reg returns dst = dst >> src, arithmetic, 32 bits; the upper half of dst becomes 0.
func Arsh32Reg(dst, src Reg) Insn { return Raw(isa.Arsh.Reg32(dst, src)) }

// MovSX8 returns dst = src, sign-extended from 8 to 64 bits.
func MovSX8(dst, src Reg) Insn { return Raw(isa.Extend64(dst, src, 1)) }

// MovSX16 returns dst = src, sign-extended from 16 to 64 bits.
func MovSX16(dst, src Reg) Insn { return Raw(isa.Extend64(dst, src, 2)) }

// MovSX32 returns dst = src, sign-extended from 32 to 64 bits.
func MovSX32(dst, src Reg) Insn { return Raw(isa.Extend64(dst, src, 4)) }

// MovSX8W returns dst = src, sign-extended from 8 to 32 bits; the upper half becomes 0.
func MovSX8W(dst, src Reg) Insn { return Raw(isa.Extend32(dst, src, 1)) }

// MovSX16W returns dst = src, sign-extended from 16 to 32 bits; the upper half becomes 0.
func MovSX16W(dst, src Reg) Insn { return Raw(isa.Extend32(dst, src, 2)) }

// Neg returns dst = -dst.
func Neg(dst Reg) Insn { return Raw(isa.Negate(dst)) }

// Neg32 returns dst = -dst, 32 bits; the upper half becomes 0.
func Neg32(dst Reg) Insn { return Raw(isa.Negate32(dst)) }

// Le16 converts the low 16 bits of dst to little-endian and clears the rest.
func Le16(dst Reg) Insn { return Raw(isa.ToLE(dst, 2)) }

// Le32 converts the low 32 bits of dst to little-endian and clears the rest.
func Le32(dst Reg) Insn { return Raw(isa.ToLE(dst, 4)) }

// Le64 converts the low 64 bits of dst to little-endian and clears the rest.
func Le64(dst Reg) Insn { return Raw(isa.ToLE(dst, 8)) }

// Be16 converts the low 16 bits of dst to big-endian and clears the rest.
func Be16(dst Reg) Insn { return Raw(isa.ToBE(dst, 2)) }

// Be32 converts the low 32 bits of dst to big-endian and clears the rest.
func Be32(dst Reg) Insn { return Raw(isa.ToBE(dst, 4)) }

// Be64 converts the low 64 bits of dst to big-endian and clears the rest.
func Be64(dst Reg) Insn { return Raw(isa.ToBE(dst, 8)) }

// Swap16 reverses the bytes of the low 16 bits of dst and clears the rest.
func Swap16(dst Reg) Insn { return Raw(isa.ByteSwap(dst, 2)) }

// Swap32 reverses the bytes of the low 32 bits of dst and clears the rest.
func Swap32(dst Reg) Insn { return Raw(isa.ByteSwap(dst, 4)) }

// Swap64 reverses the bytes of the low 64 bits of dst and clears the rest.
func Swap64(dst Reg) Insn { return Raw(isa.ByteSwap(dst, 8)) }

// LddwImm64 returns dst = imm.
func LddwImm64(dst Reg, imm int64) Insn { return Raw(isa.LoadImm64(dst, imm)) }

// LddwMapFD returns dst = the map with this descriptor; LoadMap takes a name.
func LddwMapFD(dst Reg, fd int32) Insn { return Raw(isa.LoadMapFD(dst, fd)) }

// LddwMapValueFD returns dst = the address off bytes into the first value of the map with this descriptor; LoadMapValue takes a name.
func LddwMapValueFD(dst Reg, fd, off int32) Insn { return Raw(isa.LoadMapValueFD(dst, fd, off)) }

// LddwVar returns dst = the address of a kernel variable by BTF id.
func LddwVar(dst Reg, id, fd int32) Insn { return Raw(isa.LoadVar(dst, id, fd)) }

// LddwFunc returns dst = the function, as a value for CallReg and for helpers with callbacks.
func LddwFunc(dst Reg, function string) Insn {
	return Insn{insn: isa.LoadFunc(dst, 0), kind: symFuncAddress, symbol: function}
}

// LddwMapIdx returns dst = the map with this index in the loader's list.
func LddwMapIdx(dst Reg, idx int32) Insn { return Raw(isa.LoadMapIdx(dst, idx)) }

// LddwMapValIdx returns dst = the address off bytes into the first value of the map with this index.
func LddwMapValIdx(dst Reg, idx, off int32) Insn { return Raw(isa.LoadMapValIdx(dst, idx, off)) }

// LdxB returns dst = the 8-bit value at src + off, zero-extended.
func LdxB(dst, src Reg, off int16) Insn { return Raw(isa.LoadMem(dst, src, off, 1)) }

// LdxH returns dst = the 16-bit value at src + off, zero-extended.
func LdxH(dst, src Reg, off int16) Insn { return Raw(isa.LoadMem(dst, src, off, 2)) }

// LdxW returns dst = the 32-bit value at src + off, zero-extended.
func LdxW(dst, src Reg, off int16) Insn { return Raw(isa.LoadMem(dst, src, off, 4)) }

// LdxDW returns dst = the 64-bit value at src + off.
func LdxDW(dst, src Reg, off int16) Insn { return Raw(isa.LoadMem(dst, src, off, 8)) }

// LdxSB returns dst = the 8-bit value at src + off, sign-extended.
func LdxSB(dst, src Reg, off int16) Insn { return Raw(isa.LoadMemSX(dst, src, off, 1)) }

// LdxSH returns dst = the 16-bit value at src + off, sign-extended.
func LdxSH(dst, src Reg, off int16) Insn { return Raw(isa.LoadMemSX(dst, src, off, 2)) }

// LdxSW returns dst = the 32-bit value at src + off, sign-extended.
func LdxSW(dst, src Reg, off int16) Insn { return Raw(isa.LoadMemSX(dst, src, off, 4)) }

// StB stores the low 8 bits of imm at dst + off.
func StB(dst Reg, off int16, imm int32) Insn { return Raw(isa.StoreImm(dst, off, imm, 1)) }

// StH stores the low 16 bits of imm at dst + off.
func StH(dst Reg, off int16, imm int32) Insn { return Raw(isa.StoreImm(dst, off, imm, 2)) }

// StW stores the low 32 bits of imm at dst + off.
func StW(dst Reg, off int16, imm int32) Insn { return Raw(isa.StoreImm(dst, off, imm, 4)) }

// StDW stores imm, sign-extended to 64 bits, at dst + off.
func StDW(dst Reg, off int16, imm int32) Insn { return Raw(isa.StoreImm(dst, off, imm, 8)) }

// StxB stores the low 8 bits of src at dst + off.
func StxB(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreMem(dst, off, src, 1)) }

// StxH stores the low 16 bits of src at dst + off.
func StxH(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreMem(dst, off, src, 2)) }

// StxW stores the low 32 bits of src at dst + off.
func StxW(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreMem(dst, off, src, 4)) }

// StxDW stores the low 64 bits of src at dst + off.
func StxDW(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreMem(dst, off, src, 8)) }

// LockAdd atomically adds src to the 64-bit value at dst + off.
func LockAdd(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAdd.Mem(dst, off, src, 8)) }

// LockAdd32 atomically adds src to the 32-bit value at dst + off.
func LockAdd32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAdd.Mem(dst, off, src, 4)) }

// FetchAdd atomically adds src to the 64-bit value at dst + off and returns the old value in src.
func FetchAdd(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAdd.Fetch(dst, off, src, 8)) }

// FetchAdd32 atomically adds src to the 32-bit value at dst + off and returns the old value in src.
func FetchAdd32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAdd.Fetch(dst, off, src, 4)) }

// LockOr atomically ors src into the 64-bit value at dst + off.
func LockOr(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicOr.Mem(dst, off, src, 8)) }

// LockOr32 atomically ors src into the 32-bit value at dst + off.
func LockOr32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicOr.Mem(dst, off, src, 4)) }

// FetchOr atomically ors src into the 64-bit value at dst + off and returns the old value in src.
func FetchOr(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicOr.Fetch(dst, off, src, 8)) }

// FetchOr32 atomically ors src into the 32-bit value at dst + off and returns the old value in src.
func FetchOr32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicOr.Fetch(dst, off, src, 4)) }

// LockAnd atomically ands src into the 64-bit value at dst + off.
func LockAnd(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAnd.Mem(dst, off, src, 8)) }

// LockAnd32 atomically ands src into the 32-bit value at dst + off.
func LockAnd32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAnd.Mem(dst, off, src, 4)) }

// FetchAnd atomically ands src into the 64-bit value at dst + off and returns the old value in src.
func FetchAnd(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAnd.Fetch(dst, off, src, 8)) }

// FetchAnd32 atomically ands src into the 32-bit value at dst + off and returns the old value in src.
func FetchAnd32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicAnd.Fetch(dst, off, src, 4)) }

// LockXor atomically xors src into the 64-bit value at dst + off.
func LockXor(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicXor.Mem(dst, off, src, 8)) }

// LockXor32 atomically xors src into the 32-bit value at dst + off.
func LockXor32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicXor.Mem(dst, off, src, 4)) }

// FetchXor atomically xors src into the 64-bit value at dst + off and returns the old value in src.
func FetchXor(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicXor.Fetch(dst, off, src, 8)) }

// FetchXor32 atomically xors src into the 32-bit value at dst + off and returns the old value in src.
func FetchXor32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicXor.Fetch(dst, off, src, 4)) }

// Xchg atomically exchanges src with the 64-bit value at dst + off.
func Xchg(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicXchg.Mem(dst, off, src, 8)) }

// Xchg32 atomically exchanges src with the 32-bit value at dst + off.
func Xchg32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicXchg.Mem(dst, off, src, 4)) }

// CmpXchg atomically stores src at dst + off if the 64-bit value there equals R0, and returns the old value in R0.
func CmpXchg(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicCmpXchg.Mem(dst, off, src, 8)) }

// CmpXchg32 atomically stores src at dst + off if the 32-bit value there equals R0, and returns the old value in R0.
func CmpXchg32(dst Reg, off int16, src Reg) Insn { return Raw(isa.AtomicCmpXchg.Mem(dst, off, src, 4)) }

// LdAcqB returns dst = the 8-bit value at src + off, ordered before all later accesses.
func LdAcqB(dst, src Reg, off int16) Insn { return Raw(isa.LoadAcquire(dst, src, off, 1)) }

// LdAcqH returns dst = the 16-bit value at src + off, ordered before all later accesses.
func LdAcqH(dst, src Reg, off int16) Insn { return Raw(isa.LoadAcquire(dst, src, off, 2)) }

// LdAcqW returns dst = the 32-bit value at src + off, ordered before all later accesses.
func LdAcqW(dst, src Reg, off int16) Insn { return Raw(isa.LoadAcquire(dst, src, off, 4)) }

// LdAcqDW returns dst = the 64-bit value at src + off, ordered before all later accesses.
func LdAcqDW(dst, src Reg, off int16) Insn { return Raw(isa.LoadAcquire(dst, src, off, 8)) }

// StRelB stores the low 8 bits of src at dst + off, ordered after all earlier accesses.
func StRelB(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreRelease(dst, off, src, 1)) }

// StRelH stores the low 16 bits of src at dst + off, ordered after all earlier accesses.
func StRelH(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreRelease(dst, off, src, 2)) }

// StRelW stores the low 32 bits of src at dst + off, ordered after all earlier accesses.
func StRelW(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreRelease(dst, off, src, 4)) }

// StRelDW stores the low 64 bits of src at dst + off, ordered after all earlier accesses.
func StRelDW(dst Reg, off int16, src Reg) Insn { return Raw(isa.StoreRelease(dst, off, src, 8)) }

// LdAbsB returns R0 = the 8-bit big-endian value of the packet at off.
func LdAbsB(off int32) Insn { return Raw(isa.LoadAbs(off, 1)) }

// LdAbsH returns R0 = the 16-bit big-endian value of the packet at off.
func LdAbsH(off int32) Insn { return Raw(isa.LoadAbs(off, 2)) }

// LdAbsW returns R0 = the 32-bit big-endian value of the packet at off.
func LdAbsW(off int32) Insn { return Raw(isa.LoadAbs(off, 4)) }

// LdIndB returns R0 = the 8-bit big-endian value of the packet at src + off.
func LdIndB(src Reg, off int32) Insn { return Raw(isa.LoadInd(src, off, 1)) }

// LdIndH returns R0 = the 16-bit big-endian value of the packet at src + off.
func LdIndH(src Reg, off int32) Insn { return Raw(isa.LoadInd(src, off, 2)) }

// LdIndW returns R0 = the 32-bit big-endian value of the packet at src + off.
func LdIndW(src Reg, off int32) Insn { return Raw(isa.LoadInd(src, off, 4)) }

// Ja jumps to a label.
func Ja(label string) Insn { return Insn{insn: isa.Jump(0), kind: symLabel, symbol: label} }

// Ja32 jumps to a label that may be further away than 16 bits can say.
func Ja32(label string) Insn { return Insn{insn: isa.Jump32(0), kind: symLabel, symbol: label} }

// JEQImm jumps to a label if dst == imm.
func JEQImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.EQ.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JEQReg jumps to a label if dst == src.
func JEQReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.EQ.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JEQ32Imm jumps to a label if dst == imm, 32 bits.
func JEQ32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.EQ.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JEQ32Reg jumps to a label if dst == src, 32 bits.
func JEQ32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.EQ.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JNEImm jumps to a label if dst != imm.
func JNEImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.NE.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JNEReg jumps to a label if dst != src.
func JNEReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.NE.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JNE32Imm jumps to a label if dst != imm, 32 bits.
func JNE32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.NE.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JNE32Reg jumps to a label if dst != src, 32 bits.
func JNE32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.NE.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JGTImm jumps to a label if dst > imm, unsigned.
func JGTImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.GT.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JGTReg jumps to a label if dst > src, unsigned.
func JGTReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.GT.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JGT32Imm jumps to a label if dst > imm, unsigned, 32 bits.
func JGT32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.GT.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JGT32Reg jumps to a label if dst > src, unsigned, 32 bits.
func JGT32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.GT.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JGEImm jumps to a label if dst >= imm, unsigned.
func JGEImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.GE.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JGEReg jumps to a label if dst >= src, unsigned.
func JGEReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.GE.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JGE32Imm jumps to a label if dst >= imm, unsigned, 32 bits.
func JGE32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.GE.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JGE32Reg jumps to a label if dst >= src, unsigned, 32 bits.
func JGE32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.GE.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JLTImm jumps to a label if dst < imm, unsigned.
func JLTImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.LT.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JLTReg jumps to a label if dst < src, unsigned.
func JLTReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.LT.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JLT32Imm jumps to a label if dst < imm, unsigned, 32 bits.
func JLT32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.LT.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JLT32Reg jumps to a label if dst < src, unsigned, 32 bits.
func JLT32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.LT.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JLEImm jumps to a label if dst <= imm, unsigned.
func JLEImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.LE.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JLEReg jumps to a label if dst <= src, unsigned.
func JLEReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.LE.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JLE32Imm jumps to a label if dst <= imm, unsigned, 32 bits.
func JLE32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.LE.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JLE32Reg jumps to a label if dst <= src, unsigned, 32 bits.
func JLE32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.LE.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JSGTImm jumps to a label if dst > imm, signed.
func JSGTImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SGT.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSGTReg jumps to a label if dst > src, signed.
func JSGTReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SGT.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JSGT32Imm jumps to a label if dst > imm, signed, 32 bits.
func JSGT32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SGT.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSGT32Reg jumps to a label if dst > src, signed, 32 bits.
func JSGT32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SGT.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JSGEImm jumps to a label if dst >= imm, signed.
func JSGEImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SGE.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSGEReg jumps to a label if dst >= src, signed.
func JSGEReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SGE.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JSGE32Imm jumps to a label if dst >= imm, signed, 32 bits.
func JSGE32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SGE.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSGE32Reg jumps to a label if dst >= src, signed, 32 bits.
func JSGE32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SGE.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JSLTImm jumps to a label if dst < imm, signed.
func JSLTImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SLT.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSLTReg jumps to a label if dst < src, signed.
func JSLTReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SLT.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JSLT32Imm jumps to a label if dst < imm, signed, 32 bits.
func JSLT32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SLT.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSLT32Reg jumps to a label if dst < src, signed, 32 bits.
func JSLT32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SLT.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JSLEImm jumps to a label if dst <= imm, signed.
func JSLEImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SLE.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSLEReg jumps to a label if dst <= src, signed.
func JSLEReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SLE.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JSLE32Imm jumps to a label if dst <= imm, signed, 32 bits.
func JSLE32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SLE.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSLE32Reg jumps to a label if dst <= src, signed, 32 bits.
func JSLE32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SLE.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// JSETImm jumps to a label if dst & imm != 0.
func JSETImm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SET.Imm(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSETReg jumps to a label if dst & src != 0.
func JSETReg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SET.Reg(dst, src, 0), kind: symLabel, symbol: label}
}

// JSET32Imm jumps to a label if dst & imm != 0, 32 bits.
func JSET32Imm(dst Reg, imm int32, label string) Insn {
	return Insn{insn: isa.SET.Imm32(dst, imm, 0), kind: symLabel, symbol: label}
}

// JSET32Reg jumps to a label if dst & src != 0, 32 bits.
func JSET32Reg(dst, src Reg, label string) Insn {
	return Insn{insn: isa.SET.Reg32(dst, src, 0), kind: symLabel, symbol: label}
}

// MayGoto jumps to a label once the budget of loop turns is spent.
func MayGoto(label string) Insn { return Insn{insn: isa.MayJump(0), kind: symLabel, symbol: label} }

// Call calls a helper by number; CallHelper takes a name.
func Call(id int32) Insn { return Raw(isa.CallHelper(id)) }

// CallLocal calls a function of the program.
func CallLocal(function string) Insn {
	return Insn{insn: isa.CallFunc(0), kind: symFunc, symbol: function}
}

// CallKfunc calls a kernel function by BTF id; fd is the index of its module, 0 for vmlinux. CallExtern takes a name.
func CallKfunc(id int32, fd int16) Insn { return Raw(isa.CallKernel(id, fd)) }

// CallReg calls the function whose value dst holds (callx).
func CallReg(dst Reg) Insn { return Raw(isa.CallThrough(dst)) }

// Exit returns from the function with R0.
func Exit() Insn { return Raw(isa.Return()) }

// GotoX jumps to the address in dst (gotox).
func GotoX(dst Reg) Insn { return Raw(isa.JumpThrough(dst)) }

// AddrSpaceCast returns dst = src, converted from one address space to another.
func AddrSpaceCast(dst, src Reg, to, from uint16) Insn { return Raw(isa.CastAddr(dst, src, to, from)) }

// LoadMap returns dst = the map with this name.
func LoadMap(dst Reg, name string) Insn {
	return Insn{insn: isa.LoadMapFD(dst, 0), kind: symMap, symbol: name}
}

// LoadMapValue returns dst = the address off bytes into the value of key 0 of the map with this name.
func LoadMapValue(dst Reg, name string, off int32) Insn {
	return Insn{insn: isa.LoadMapValueFD(dst, 0, 0), kind: symMapValue, symbol: name, addend: int64(off)}
}

// LoadData returns dst = the address off bytes into a variable or data section.
func LoadData(dst Reg, name string, off int32) Insn {
	return Insn{insn: isa.LoadMapValueFD(dst, 0, 0), kind: symData, symbol: name, addend: int64(off)}
}

// CallHelper calls a helper by name: "bpf_…", or "set/name" of a third party's set.
func CallHelper(name string) Insn {
	return Insn{insn: isa.CallHelper(0), kind: symHelper, symbol: name}
}

// CallExtern calls a kernel function by name.
func CallExtern(name string) Insn {
	return Insn{insn: isa.CallKernel(0, 0), kind: symKfunc, symbol: name}
}
