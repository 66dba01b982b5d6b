package asm

// An opcode describes one row of the opcode map:
//
//	31       16 15   12 11    10 9     8 7       0
//	   flags           prefix    map      byte
type opcode uint32

const (
	map0F   opcode = 1 << 8
	map0F38 opcode = 2 << 8
	map0F3A opcode = 3 << 8

	p66 opcode = 1 << 10
	pF3 opcode = 2 << 10
	pF2 opcode = 3 << 10

	sized  opcode = 1 << 16 // W8 allowed; bit 0 of the byte is set for the wider
	digit  opcode = 1 << 17 // the reg field extends the opcode
	byteRM opcode = 1 << 18 // r/m is a byte register whatever the width
	plain  opcode = 1 << 19 // no operand size: neither 66 nor REX.W
	wide   opcode = 1 << 20 // W32 and W64 only

	mandatory = pF2 // the bits of all three
)

// escapes holds the bytes of the four opcode maps, and how many bits they take.
var escapes = [4]struct {
	v uint64
	n uint
}{{0, 0}, {0x0f, 8}, {0x380f, 16}, {0x3a0f, 16}}

var prefixes = [4]uint64{0, 0x66, 0xf3, 0xf2}

const (
	rexW = 8
	rexR = 4
	rexX = 2
	rexB = 1
)

// prefix returns everything before the ModRM byte, and its length. rex holds the
// bits R, X and B; force asks for a REX prefix even without bits, which turns
// ah, ch, dh, bh into spl, bpl, sil, dil.
func prefix(o opcode, w Width, rex uint64, force bool) (v uint64, n uint) {
	if w == W64 && o&plain == 0 {
		rex |= rexW
	}
	if o&mandatory != 0 || w == W16 {
		v, n = legacy(o, w)
	}
	if rex != 0 || force {
		v |= (0x40 | rex) << (n & 63)
		n += 8
	}
	b := uint64(o & 0xff)
	if o&sized != 0 && w != W8 {
		b |= 1
	}
	e := &escapes[o>>8&3]
	v |= (e.v | b<<(e.n&63)) << (n & 63)
	return v, (n+e.n)/8 + 1
}

// legacy returns the operand size prefix and the mandatory prefix, and the
// number of bits they take. They come before REX.
func legacy(o opcode, w Width) (v uint64, bits uint) {
	if w == W16 && o&plain == 0 {
		v, bits = 0x66, 8
	}
	if p := o & mandatory >> 10; p != 0 {
		v |= prefixes[p] << bits
		bits += 8
	}
	return v, bits
}

// allows reports whether o has an encoding for w.
func (o opcode) allows(w Width) bool {
	return w == W32 || w == W64 || w == W16 && o&wide == 0 || w == W8 && o&sized != 0
}

func (a *Assembler) badWidth(o opcode, w Width) {
	a.fail("opcode %#x has no form of %d bytes", uint32(o&0xffff), w)
}

func (a *Assembler) badReg(r Reg) { a.fail("register %d: want 0 to 15", r) }

// check refuses a width that o has no encoding for, and registers above 15;
// r may be the union of several.
func (a *Assembler) check(o opcode, w Width, r Reg) bool {
	if o.allows(w) && r <= R15 {
		return true
	}
	if r > R15 {
		a.badReg(r)
	} else {
		a.badWidth(o, w)
	}
	return false
}

// rr encodes an instruction with the register rm as its r/m operand.
func (a *Assembler) rr(o opcode, w Width, reg, rm Reg) {
	if !a.check(o, w, reg|rm) {
		return
	}
	force := o&byteRM != 0 && rm >= RSP ||
		w == W8 && o&plain == 0 && (rm >= RSP || o&digit == 0 && reg >= RSP)
	v, n := prefix(o, w, uint64(reg>>3)*rexR|uint64(rm>>3)*rexB, force)
	a.put(v|modRM(3, reg, rm)<<(8*n), n+1)
}

// rm encodes an instruction with the memory operand m as its r/m operand. tail
// is the number of immediate bytes that the caller adds.
func (a *Assembler) rm(o opcode, w Width, reg Reg, m Mem, tail uint8) {
	m = m.shortest()
	if !a.check(o, w, reg) || !a.checkMem(m) {
		return
	}
	force := w == W8 && o&(plain|digit) == 0 && reg >= RSP
	v, n := prefix(o, w, uint64(reg>>3)*rexR|m.rex(), force)
	a.operand(v, n, reg, m, tail)
}

// narrow brings an immediate of width w to the signed value that the hardware
// extends; it refuses one that does not fit in w, signed or unsigned.
func (a *Assembler) narrow(w Width, imm int32) (v int32, ok bool) {
	v = imm
	switch w {
	case W8:
		v, ok = int32(int8(imm)), imm >= -1<<7 && imm < 1<<8
	case W16:
		v, ok = int32(int16(imm)), imm >= -1<<15 && imm < 1<<16
	default:
		return imm, true
	}
	if !ok {
		a.fail("immediate %d does not fit in %d bytes", imm, w)
	}
	return v, ok
}

func modRM(mod uint64, reg, rm Reg) uint64 {
	return mod<<6 | uint64(reg&7)<<3 | uint64(rm&7)
}

func (a *Assembler) checkMem(m Mem) bool {
	switch {
	case m.Base > NoBase || m.Base == rip && (m.ref == refNone || m.Scale != 0):
		a.fail("memory operand with base register %d", m.Base)
	case m.Scale != 0 && (m.Index == RSP || m.Index > R15):
		a.fail("memory operand with index register %v", m.Index)
	case m.Scale > 8 || m.Scale&(m.Scale-1) != 0:
		a.fail("memory operand with scale %d", m.Scale)
	case m.ref == refLabel:
		return a.known(Label(m.sym))
	default:
		return true
	}
	return false
}

// rex returns the bits X and B.
func (m Mem) rex() uint64 {
	var bits uint64
	if m.Base < rip {
		bits = uint64(m.Base>>3) * rexB
	}
	if m.Scale != 0 {
		bits |= uint64(m.Index>>3) * rexX
	}
	return bits
}

// scaleBits maps a scale to the two high bits of the SIB byte.
var scaleBits = [9]uint64{1: 0 << 6, 2: 1 << 6, 4: 2 << 6, 8: 3 << 6}

// operand appends the n bytes of v, then ModRM, SIB and displacement
// (Intel SDM vol. 2A, tables 2-2 and 2-3).
func (a *Assembler) operand(v uint64, n uint, reg Reg, m Mem, tail uint8) {
	if m.Base == rip {
		a.put(v|modRM(0, reg, 5)<<(8*n), n+1)
		a.ripField(m, tail)
		return
	}
	mod, size := dispMode(m)
	rm, base := m.Base, m.Base
	if m.Base == NoBase {
		mod, base = 0, RBP
	}
	needSIB := m.Scale != 0 || m.Base == NoBase || m.Base&7 == RSP
	if needSIB {
		rm = RSP
	}
	v |= modRM(mod, reg, rm) << (8 * n)
	n++
	if needSIB {
		index := RSP // none
		if m.Scale != 0 {
			index = m.Index
		}
		v |= (scaleBits[m.Scale] | uint64(index&7)<<3 | uint64(base&7)) << (8 * n)
		n++
	}
	a.put(v, n)
	if size != 0 {
		a.put(uint64(uint32(m.Disp)), size)
	}
}

// dispMode returns the mod field and the size of the displacement. The base
// numbers of rbp and r13 mean something else without a displacement.
func dispMode(m Mem) (mod uint64, size uint) {
	switch {
	case m.Base == NoBase:
		return 0, 4
	case m.Disp == 0 && m.Base&7 != RBP:
		return 0, 0
	case fits8(int64(m.Disp)):
		return 1, 1
	}
	return 2, 4
}

func (a *Assembler) ripField(m Mem, tail uint8) {
	if m.ref == refLabel {
		a.field(Label(m.sym), m.Disp, tail)
		return
	}
	a.reloc(Rip32, m.sym, int64(m.Disp)-4-int64(tail))
	a.put(0, 4)
}

// vex returns the three-byte VEX prefix and opcode, with length bit L clear
// (Intel SDM vol. 2A, section 2.3.5), which numbers maps and mandatory prefixes
// as opcode does. vvvv is the second source.
func vex(o opcode, w Width, rexRXB uint64, vvvv Reg) uint64 {
	b1 := uint64(o>>8&3) | (^rexRXB&7)<<5
	b2 := uint64(o>>10&3) | uint64(^vvvv&15)<<3 | (uint64(w)&rexW)<<4
	return 0xc4 | b1<<8 | b2<<16 | uint64(o&0xff)<<24
}

func (a *Assembler) vexRR(o opcode, w Width, reg, vvvv, rm Reg) {
	if a.check(o, w, reg|vvvv|rm) {
		v := vex(o, w, uint64(reg>>3)*rexR|uint64(rm>>3)*rexB, vvvv)
		a.put(v|modRM(3, reg, rm)<<32, 5)
	}
}

func (a *Assembler) vexRM(o opcode, w Width, reg, vvvv Reg, m Mem, tail uint8) {
	m = m.shortest()
	if a.check(o, w, reg|vvvv) && a.checkMem(m) {
		a.operand(vex(o, w, uint64(reg>>3)*rexR|m.rex(), vvvv), 4, reg, m, tail)
	}
}
