package asm

import "math"

// Operand order is Intel's: destination first. In method names R is a register,
// M memory, I an immediate and C the register cl.

// Alu is a two-operand operation that sets all arithmetic flags. The value is
// its number in the opcode map.
type Alu uint8

const (
	Add Alu = iota
	Or
	Adc
	Sbb
	And
	Sub
	Xor
	Cmp
)

// AluRR is dst = dst op src.
func (a *Assembler) AluRR(op Alu, w Width, dst, src Reg) { a.rr(sized|opcode(op&7)<<3, w, src, dst) }

// AluRM is dst = dst op [m].
func (a *Assembler) AluRM(op Alu, w Width, dst Reg, m Mem) {
	a.rm(sized|opcode(op&7)<<3|2, w, dst, m, 0)
}

// AluMR is [m] = [m] op src.
func (a *Assembler) AluMR(op Alu, w Width, m Mem, src Reg) {
	a.rm(sized|opcode(op&7)<<3, w, src, m, 0)
}

// AluRI is dst = dst op imm; with W64 the immediate is sign-extended. An And of
// W64 with imm >= 0 is written as W32, which gives the same value and flags.
func (a *Assembler) AluRI(op Alu, w Width, dst Reg, imm int32) {
	imm, ok := a.narrow(w, imm)
	if !ok {
		return
	}
	if op == And && w == W64 && imm >= 0 {
		w = W32
	}
	if dst == RAX && (w == W8 || !fits8(int64(imm))) {
		if o := sized | opcode(op&7)<<3 | 4; a.check(o, w, 0) {
			a.put(prefix(o, w, 0, false))
			a.imm(w, imm)
		}
		return
	}
	o, size := aluImm(w, imm)
	a.rr(o, w, Reg(op&7), dst)
	a.imm(size, imm)
}

// AluMI is [m] = [m] op imm; with W64 the immediate is sign-extended.
func (a *Assembler) AluMI(op Alu, w Width, m Mem, imm int32) {
	imm, ok := a.narrow(w, imm)
	if !ok {
		return
	}
	o, size := aluImm(w, imm)
	a.rm(o, w, Reg(op&7), m, immSize(size))
	a.imm(size, imm)
}

// aluImm returns the opcode for an immediate and the width it is written with.
func aluImm(w Width, imm int32) (opcode, Width) {
	if w != W8 && fits8(int64(imm)) {
		return sized | digit | 0x82, W8 // 83 with the size bit
	}
	return sized | digit | 0x80, w
}

// immSize is the number of bytes that an immediate takes in an instruction of
// width w: no more than four.
func immSize(w Width) uint8 { return uint8(min(w, W32)) }

func (a *Assembler) imm(w Width, imm int32) { a.put(uint64(uint32(imm)), uint(immSize(w))) }

// TestRR sets the flags of x & y.
func (a *Assembler) TestRR(w Width, x, y Reg) { a.rr(sized|0x84, w, y, x) }

// TestMR sets the flags of [m] & x.
func (a *Assembler) TestMR(w Width, m Mem, x Reg) { a.rm(sized|0x84, w, x, m, 0) }

// TestRI sets the flags of x & imm; with W64 the immediate is sign-extended.
// Where fewer bytes of x give the same flags, the shorter width is written.
func (a *Assembler) TestRI(w Width, x Reg, imm int32) {
	imm, ok := a.narrow(w, imm)
	if !ok || !a.check(sized, w, 0) {
		return
	}
	switch {
	case imm >= 0 && imm < 0x80:
		w = W8
	case imm >= 0 && w == W64:
		w = W32
	}
	if x == RAX {
		a.put(prefix(sized|0xa8, w, 0, false))
	} else {
		a.rr(sized|digit|0xf6, w, 0, x)
	}
	a.imm(w, imm)
}

// TestMI sets the flags of [m] & imm; with W64 the immediate is sign-extended.
func (a *Assembler) TestMI(w Width, m Mem, imm int32) {
	imm, ok := a.narrow(w, imm)
	if !ok {
		return
	}
	a.rm(sized|digit|0xf6, w, 0, m, immSize(w))
	a.imm(w, imm)
}

// MovRR copies src to dst.
func (a *Assembler) MovRR(w Width, dst, src Reg) { a.rr(sized|0x88, w, src, dst) }

// MovRM loads dst from m. See MovzxRM for loads that clear the rest of dst.
func (a *Assembler) MovRM(w Width, dst Reg, m Mem) { a.rm(sized|0x8a, w, dst, m, 0) }

// MovMR stores src to m.
func (a *Assembler) MovMR(w Width, m Mem, src Reg) { a.rm(sized|0x88, w, src, m, 0) }

// MovMI stores imm to m; with W64 the immediate is sign-extended.
func (a *Assembler) MovMI(w Width, m Mem, imm int32) {
	imm, ok := a.narrow(w, imm)
	if !ok {
		return
	}
	a.rm(sized|digit|0xc6, w, 0, m, immSize(w))
	a.imm(w, imm)
}

// MovRI sets all 64 bits of dst to imm in the shortest form that leaves the
// flags alone: 5 bytes for 0..2^32-1, 7 for other signed 32-bit values, else 10
// (one byte more for r8 to r15 in the first form).
func (a *Assembler) MovRI(dst Reg, imm int64) {
	switch {
	case imm >= 0 && imm <= math.MaxUint32:
		if a.lowReg(plain|0xb8, W32, dst) {
			a.put(uint64(imm), 4)
		}
	case imm == int64(int32(imm)):
		a.rr(digit|0xc7, W64, 0, dst)
		a.put(uint64(uint32(imm)), 4)
	default:
		if a.lowReg(0xb8, W64, dst) {
			a.put(uint64(imm), 8)
		}
	}
}

// MovSym sets dst to the address of sym plus addend: a Reloc of kind Abs64.
func (a *Assembler) MovSym(dst Reg, sym int32, addend int64) {
	if a.lowReg(0xb8, W64, dst) {
		a.reloc(Abs64, sym, addend)
		a.put(0, 8)
	}
}

// lowReg encodes an instruction whose register is in the opcode byte.
func (a *Assembler) lowReg(o opcode, w Width, r Reg) bool {
	if r > R15 {
		a.badReg(r)
		return false
	}
	a.put(prefix(o|opcode(r&7), w, uint64(r>>3)*rexB, false))
	return true
}

// An extension is how a narrower operand is read into a full register.
type extension struct {
	op opcode
	w  Width
}

var zeroExtend = [9]extension{
	W8:  {byteRM | map0F | 0xb6, W32},
	W16: {map0F | 0xb7, W32},
	W32: {0x8b, W32},
	W64: {0x8b, W64},
}

var signExtend = [9]opcode{W8: byteRM | wide | map0F | 0xbe, W16: wide | map0F | 0xbf, W32: wide | 0x63}

// MovzxRM loads the from bytes at m and clears the rest of dst. All four widths
// are allowed; W32 and W64 are plain loads.
func (a *Assembler) MovzxRM(from Width, dst Reg, m Mem) {
	if e, ok := a.zext(from); ok {
		a.rm(e.op, e.w, dst, m, 0)
	}
}

// MovzxRR copies the low from bytes of src and clears the rest of dst. All four
// widths are allowed; W32 and W64 are plain moves.
func (a *Assembler) MovzxRR(from Width, dst, src Reg) {
	if from >= W32 {
		a.MovRR(from, dst, src)
	} else if e, ok := a.zext(from); ok {
		a.rr(e.op, e.w, dst, src)
	}
}

func (a *Assembler) zext(from Width) (e extension, ok bool) {
	if from <= W64 {
		e = zeroExtend[from]
	}
	if e.w == 0 {
		a.fail("zero extension from %d bytes", from)
	}
	return e, e.w != 0
}

// MovsxRM loads the from bytes at m, sign-extended to the to bytes of dst: from
// W8 or W16 to W32 or W64, or from W32 to W64. Upper bytes of dst are cleared.
func (a *Assembler) MovsxRM(from, to Width, dst Reg, m Mem) {
	if o, ok := a.sext(from, to); ok {
		a.rm(o, to, dst, m, 0)
	}
}

// MovsxRR is MovsxRM of a register.
func (a *Assembler) MovsxRR(from, to Width, dst, src Reg) {
	if o, ok := a.sext(from, to); ok {
		a.rr(o, to, dst, src)
	}
}

func (a *Assembler) sext(from, to Width) (opcode, bool) {
	if from < to && to <= W64 && signExtend[from] != 0 {
		return signExtend[from], true
	}
	a.fail("sign extension from %d to %d bytes", from, to)
	return 0, false
}

// Lea sets dst to the address of m; W32 truncates it.
func (a *Assembler) Lea(w Width, dst Reg, m Mem) { a.rm(wide|0x8d, w, dst, m, 0) }

// MovbeRM loads w bytes from m in reverse order: W16, W32 or W64 (MOVBE).
// W16 keeps the upper bits of dst.
func (a *Assembler) MovbeRM(w Width, dst Reg, m Mem) { a.rm(map0F38|0xf0, w, dst, m, 0) }

// MovbeMR stores the low w bytes of src to m in reverse order (MOVBE).
func (a *Assembler) MovbeMR(w Width, m Mem, src Reg) { a.rm(map0F38|0xf1, w, src, m, 0) }

// Bswap reverses the bytes of r: W32 or W64. For 16 bits use ShiftRI(Rol, W16, r, 8).
func (a *Assembler) Bswap(w Width, r Reg) {
	if a.check(wide, w, 0) {
		a.lowReg(map0F|0xc8, w, r)
	}
}

// Unary is an operation with one explicit operand.
type Unary uint8

const (
	Not  Unary = iota
	Neg        // sets carry unless the operand was 0
	Mul        // rdx:rax = rax * operand, unsigned
	Imul       // rdx:rax = rax * operand, signed
	Div        // rax, rdx = quotient and remainder of rdx:rax, unsigned
	Idiv       // rax, rdx = quotient and remainder of rdx:rax, signed
	Inc        // leaves the carry flag alone
	Dec        // leaves the carry flag alone
)

var unaries = [8]struct {
	op    opcode
	digit Reg
}{
	Not: {sized | digit | 0xf6, 2}, Neg: {sized | digit | 0xf6, 3},
	Mul: {sized | digit | 0xf6, 4}, Imul: {sized | digit | 0xf6, 5},
	Div: {sized | digit | 0xf6, 6}, Idiv: {sized | digit | 0xf6, 7},
	Inc: {sized | digit | 0xfe, 0}, Dec: {sized | digit | 0xfe, 1},
}

// UnaryR applies op to r.
func (a *Assembler) UnaryR(op Unary, w Width, r Reg) {
	a.rr(unaries[op&7].op, w, unaries[op&7].digit, r)
}

// UnaryM applies op to [m].
func (a *Assembler) UnaryM(op Unary, w Width, m Mem) {
	a.rm(unaries[op&7].op, w, unaries[op&7].digit, m, 0)
}

// ImulRR is dst = dst * src, the low half.
func (a *Assembler) ImulRR(w Width, dst, src Reg) { a.rr(map0F|0xaf, w, dst, src) }

// ImulRM is dst = dst * [m], the low half.
func (a *Assembler) ImulRM(w Width, dst Reg, m Mem) { a.rm(map0F|0xaf, w, dst, m, 0) }

// ImulRRI is dst = src * imm, the low half; with W64 the immediate is
// sign-extended.
func (a *Assembler) ImulRRI(w Width, dst, src Reg, imm int32) {
	if o, size, ok := a.imulImm(w, imm); ok {
		a.rr(o, w, dst, src)
		a.imm(size, imm)
	}
}

// ImulRMI is dst = [m] * imm, the low half.
func (a *Assembler) ImulRMI(w Width, dst Reg, m Mem, imm int32) {
	if o, size, ok := a.imulImm(w, imm); ok {
		a.rm(o, w, dst, m, immSize(size))
		a.imm(size, imm)
	}
}

func (a *Assembler) imulImm(w Width, imm int32) (o opcode, size Width, ok bool) {
	v, ok := a.narrow(w, imm)
	if fits8(int64(v)) {
		return 0x6b, W8, ok
	}
	return 0x69, w, ok
}

// Shift is a shift or rotation. The value is its number in the opcode map.
type Shift uint8

const (
	Rol Shift = 0
	Ror Shift = 1
	Shl Shift = 4
	Shr Shift = 5
	Sar Shift = 7
)

// ShiftRI shifts r by n, which is less than the number of bits.
func (a *Assembler) ShiftRI(op Shift, w Width, r Reg, n uint8) {
	switch {
	case n >= 8*uint8(w):
		a.fail("shift of %d bytes by %d", w, n)
	case n == 1:
		a.rr(sized|digit|0xd0, w, Reg(op&7), r)
	default:
		a.rr(sized|digit|0xc0, w, Reg(op&7), r)
		a.put(uint64(n), 1)
	}
}

// ShiftRC shifts r by cl, taken modulo 64 for W64 and 32 otherwise.
func (a *Assembler) ShiftRC(op Shift, w Width, r Reg) { a.rr(sized|digit|0xd2, w, Reg(op&7), r) }

// shiftX holds the BMI2 shifts that leave the flags alone.
var shiftX = [8]opcode{
	Shl: wide | map0F38 | p66 | 0xf7,
	Shr: wide | map0F38 | pF2 | 0xf7,
	Sar: wide | map0F38 | pF3 | 0xf7,
}

// ShiftX is dst = src shifted by the low 5 or 6 bits of count: Shl, Shr or Sar
// of W32 or W64 (BMI2). The flags stay as they are.
func (a *Assembler) ShiftX(op Shift, w Width, dst, src, count Reg) {
	if o := a.shiftX(op); o != 0 {
		a.vexRR(o, w, dst, count, src)
	}
}

// ShiftXM is ShiftX of [m].
func (a *Assembler) ShiftXM(op Shift, w Width, dst Reg, m Mem, count Reg) {
	if o := a.shiftX(op); o != 0 {
		a.vexRM(o, w, dst, count, m, 0)
	}
}

func (a *Assembler) shiftX(op Shift) opcode {
	if shiftX[op&7] == 0 {
		a.fail("shift %d has no three-operand form", op)
	}
	return shiftX[op&7]
}

// Rorx is dst = src rotated right by n (BMI2). The flags stay as they are.
func (a *Assembler) Rorx(w Width, dst, src Reg, n uint8) {
	if n >= 8*uint8(w) {
		a.fail("rotation of %d bytes by %d", w, n)
		return
	}
	a.vexRR(wide|map0F3A|pF2|0xf0, w, dst, 0, src)
	a.put(uint64(n), 1)
}

// Mulx is hi:lo = rdx * src, unsigned (BMI2). The flags stay as they are.
func (a *Assembler) Mulx(w Width, hi, lo, src Reg) { a.vexRR(wide|map0F38|pF2|0xf6, w, hi, lo, src) }

// BtRI sets the carry flag to bit n of r.
func (a *Assembler) BtRI(w Width, r Reg, n uint8) {
	if n >= 8*uint8(w) {
		a.fail("bit %d of %d bytes", n, w)
		return
	}
	a.rr(digit|map0F|0xba, w, 4, r)
	a.put(uint64(n), 1)
}

// BtRR sets the carry flag to the bit of r that n names, modulo the width.
func (a *Assembler) BtRR(w Width, r, n Reg) { a.rr(map0F|0xa3, w, n, r) }

// Count is a bit count.
type Count uint8

const (
	Popcnt Count = iota // POPCNT
	Lzcnt               // LZCNT; other processors read it as bsr
	Tzcnt               // BMI1; other processors read it as bsf
)

var counts = [4]opcode{Popcnt: pF3 | map0F | 0xb8, Lzcnt: pF3 | map0F | 0xbd, Tzcnt: pF3 | map0F | 0xbc}

// CountRR is dst = op(src).
func (a *Assembler) CountRR(op Count, w Width, dst, src Reg) {
	if op > Tzcnt {
		a.fail("bit count %d", op)
		return
	}
	a.rr(counts[op], w, dst, src)
}

// CmovRR copies src to dst if c holds; W32 clears the upper half of dst either way.
func (a *Assembler) CmovRR(c Cond, w Width, dst, src Reg) { a.rr(map0F|0x40|opcode(c&15), w, dst, src) }

// CmovRM is CmovRR from memory, which is read either way.
func (a *Assembler) CmovRM(c Cond, w Width, dst Reg, m Mem) {
	a.rm(map0F|0x40|opcode(c&15), w, dst, m, 0)
}

// SetR sets the low byte of r to 1 if c holds, to 0 if not.
func (a *Assembler) SetR(c Cond, r Reg) { a.rr(plain|digit|byteRM|map0F|0x90|opcode(c&15), W32, 0, r) }

// SetM sets the byte at m to 1 if c holds, to 0 if not.
func (a *Assembler) SetM(c Cond, m Mem) { a.rm(plain|digit|map0F|0x90|opcode(c&15), W32, 0, m, 0) }

// Lock makes the next instruction atomic: AluMR, AluMI, UnaryM (Not, Neg, Inc,
// Dec), XaddMR or CmpxchgMR. Other instructions fault with it.
func (a *Assembler) Lock() { a.put(0xf0, 1) }

// XaddMR exchanges src and [m], then stores the sum at m.
func (a *Assembler) XaddMR(w Width, m Mem, src Reg) { a.rm(sized|map0F|0xc0, w, src, m, 0) }

// CmpxchgMR stores src at m if [m] equals rax, and loads rax with [m] if not.
func (a *Assembler) CmpxchgMR(w Width, m Mem, src Reg) { a.rm(sized|map0F|0xb0, w, src, m, 0) }

// XchgMR exchanges r and [m], atomic without Lock.
func (a *Assembler) XchgMR(w Width, m Mem, r Reg) { a.rm(sized|0x86, w, r, m, 0) }

// XchgRR exchanges x and y.
func (a *Assembler) XchgRR(w Width, x, y Reg) {
	switch {
	case w == W8 || (x == RAX) == (y == RAX): // 90 is nop, not xchg eax, eax
		a.rr(sized|0x86, w, x, y)
	case a.check(0, w, 0):
		a.lowReg(0x90, w, x|y) // one of them is 0
	}
}

// Push pushes the 64 bits of r.
func (a *Assembler) Push(r Reg) { a.lowReg(plain|0x50, W64, r) }

// Pop pops 64 bits into r.
func (a *Assembler) Pop(r Reg) { a.lowReg(plain|0x58, W64, r) }

// PushM pushes the 64 bits at m.
func (a *Assembler) PushM(m Mem) { a.rm(plain|digit|0xff, W64, 6, m, 0) }

// PopM pops 64 bits into [m].
func (a *Assembler) PopM(m Mem) { a.rm(plain|digit|0x8f, W64, 0, m, 0) }

// PushI pushes imm, sign-extended to 64 bits.
func (a *Assembler) PushI(imm int32) {
	if fits8(int64(imm)) {
		a.put(0x6a|uint64(uint8(imm))<<8, 2)
		return
	}
	a.put(0x68|uint64(uint32(imm))<<8, 5)
}

// CallR calls the code at the address in r.
func (a *Assembler) CallR(r Reg) { a.rr(plain|digit|0xff, W64, 2, r) }

// CallM calls the code at the address stored at m.
func (a *Assembler) CallM(m Mem) { a.rm(plain|digit|0xff, W64, 2, m, 0) }

// JmpR jumps to the address in r.
func (a *Assembler) JmpR(r Reg) { a.rr(plain|digit|0xff, W64, 4, r) }

// JmpM jumps to the address stored at m.
func (a *Assembler) JmpM(m Mem) { a.rm(plain|digit|0xff, W64, 4, m, 0) }

// CallSym calls sym plus addend: a Reloc of kind Rel32.
func (a *Assembler) CallSym(sym int32, addend int64) { a.toSym(0xe8, 1, sym, addend) }

// JmpSym jumps to sym plus addend: a Reloc of kind Rel32.
func (a *Assembler) JmpSym(sym int32, addend int64) { a.toSym(0xe9, 1, sym, addend) }

// JccSym jumps to sym plus addend if c holds: a Reloc of kind Rel32.
func (a *Assembler) JccSym(c Cond, sym int32, addend int64) {
	a.toSym(0x800f+uint64(c&15)<<8, 2, sym, addend)
}

func (a *Assembler) toSym(op uint64, n uint, sym int32, addend int64) {
	a.put(op, n)
	a.reloc(Rel32, sym, addend-4)
	a.put(0, 4)
}

// Word is an instruction without operands.
type Word uint8

const (
	Ret      Word = iota
	Int3          // breakpoint
	Cdq           // edx = sign of eax
	Cqo           // rdx = sign of rax
	Ud2           // faults
	Endbr64       // the only legal target of indirect branches under CET
	Mfence        // orders all loads and stores
	Lfence        // waits for the instructions before it
	Pause         // in spin loops
	Rdtsc         // edx:eax = time stamp counter
	Cld           // clears the direction flag
	RepStosb      // rcx bytes of al to [rdi]
	RepStosq      // rcx words of rax to [rdi]
	RepMovsb      // rcx bytes from [rsi] to [rdi]
	RepMovsq      // rcx words from [rsi] to [rdi]
)

var words = [...]string{
	Ret:      "\xc3",
	Int3:     "\xcc",
	Cdq:      "\x99",
	Cqo:      "\x48\x99",
	Ud2:      "\x0f\x0b",
	Endbr64:  "\xf3\x0f\x1e\xfa",
	Mfence:   "\x0f\xae\xf0",
	Lfence:   "\x0f\xae\xe8",
	Pause:    "\xf3\x90",
	Rdtsc:    "\x0f\x31",
	Cld:      "\xfc",
	RepStosb: "\xf3\xaa",
	RepStosq: "\xf3\x48\xab",
	RepMovsb: "\xf3\xa4",
	RepMovsq: "\xf3\x48\xa5",
}

// Op appends the instruction w.
func (a *Assembler) Op(w Word) {
	if int(w) >= len(words) {
		a.fail("instruction word %d", w)
		return
	}
	a.buf = append(a.buf, words[w]...)
}

// MovupsXM loads 16 bytes from m, of any alignment.
func (a *Assembler) MovupsXM(x Xmm, m Mem) { a.rm(plain|map0F|0x10, W32, Reg(x), m, 0) }

// MovupsMX stores 16 bytes to m, of any alignment.
func (a *Assembler) MovupsMX(m Mem, x Xmm) { a.rm(plain|map0F|0x11, W32, Reg(x), m, 0) }

// XorpsXX is dst = dst xor src; with the same register twice it clears it.
func (a *Assembler) XorpsXX(dst, src Xmm) { a.rr(plain|map0F|0x57, W32, Reg(dst), Reg(src)) }
