package isa

import "encoding/binary"

// SlotSize is the size of an instruction slot in bytes; lddw takes two slots.
const SlotSize = 8

// slot holds the fields of one encoded slot, little-endian (RFC 9669 section 3.1):
//
//	byte   0      1         2  3     4  5  6  7
//	     +------+----+----+--------+------------+
//	     | code |src |dst |  off   |    imm     |
//	     +------+----+----+--------+------------+
//	             7..4 3..0
type slot struct {
	code     byte
	dst, src uint8
	off      int16
	imm      int32
}

func readSlot(b []byte) slot {
	return slot{
		code: b[0], dst: b[1] & 0xf, src: b[1] >> 4,
		off: int16(binary.LittleEndian.Uint16(b[2:])),
		imm: int32(binary.LittleEndian.Uint32(b[4:])),
	}
}

func (s slot) append(b []byte) []byte {
	b = append(b, s.code, s.src<<4|s.dst)
	b = binary.LittleEndian.AppendUint16(b, uint16(s.off))
	return binary.LittleEndian.AppendUint32(b, uint32(s.imm))
}

// Decode decodes a whole program in little-endian encoding and checks it with
// Check. The result has one element per slot. b is not kept. An error is an *Error.
func Decode(b []byte) ([]Insn, error) {
	insns, err := DecodeInsns(b)
	if err != nil {
		return nil, err
	}
	if err := Check(insns); err != nil {
		return nil, err
	}
	return insns, nil
}

// DecodeInsns decodes like Decode but leaves out Check: for code that is not
// linked yet, whose jumps and calls may still lead elsewhere.
func DecodeInsns(b []byte) ([]Insn, error) {
	insns := make([]Insn, len(b)/SlotSize)
	for at := 0; at < len(insns); at++ {
		rest := b[at*SlotSize:]
		in := &insns[at]
		if !in.decode(binary.LittleEndian.Uint64(rest)) {
			return nil, breach(readSlot(rest), at)
		}
		if r := in.Row(); r.Kind == KindLoadImm64 {
			imm, err := decodeLddw(r, readSlot(rest), rest[SlotSize:], at)
			if err != nil {
				return nil, err
			}
			in.Imm = imm
			at++
			insns[at].Op = Pad
		}
	}
	if n := len(b) % SlotSize; n != 0 {
		return nil, fail(CodeTruncated, len(insns), "%d bytes are left, an instruction takes %d; is the file cut off?", n, SlotSize)
	}
	return insns, nil
}

// decode fills in from a well-formed slot as a little-endian word; it reports false if the slot is not.
func (i *Insn) decode(word uint64) bool {
	if word>>8&0xf > uint64(R10) || word>>12&0xf > uint64(R10) {
		return false
	}
	for _, op := range byCode[byte(word)] {
		if l := &layouts[op]; word&l.mask == l.value {
			w := word &^ l.mask
			*i = Insn{Op: op, Dst: Reg(w >> 8 & 0xf), Src: Reg(w >> 12 & 0xf), Off: int16(w >> 16), Imm: int64(int32(w >> 32))}
			return true
		}
	}
	return false
}

// breach is the rule that a slot breaks which decode does not take.
func breach(s slot, at int) error {
	r, err := find(s, at)
	if err != nil {
		return err
	}
	return checkFields(r, s, at)
}

// decodeLddw reads the second slot of an lddw from b and returns the 64-bit immediate.
func decodeLddw(r *Row, first slot, b []byte, at int) (int64, error) {
	if len(b) < SlotSize {
		return 0, fail(CodeTruncated, at, "the second slot of lddw is missing")
	}
	s := readSlot(b)
	if s.code != 0 || s.dst != 0 || s.src != 0 || s.off != 0 {
		return 0, fail(CodeReserved, at+1, "code, dst, src and off of the second slot of lddw must be zero")
	}
	if s.imm != 0 && !upperImm(r.Sub) {
		return 0, fail(CodeReserved, at+1, "imm of the second slot is %d, must be zero for lddw with src %d", s.imm, r.Sub)
	}
	return int64(s.imm)<<32 | int64(uint32(first.imm)), nil
}

// upperImm reports whether an lddw of this sub-type uses the immediate of its
// second slot (RFC 9669 section 5.4; Linux 6.18 puts a module's BTF descriptor there for SubVar).
func upperImm(sub uint8) bool {
	switch sub {
	case SubImm64, SubMapValueFD, SubVar, SubMapValIdx:
		return true
	}
	return false
}

// find returns the row that s encodes.
func find(s slot, at int) (*Row, error) {
	rows := byCode[s.code]
	for _, op := range rows {
		if r := &Table[op]; r.fixed(s) {
			return r, nil
		}
	}
	if len(rows) == 0 {
		return nil, fail(CodeUnknownOpcode, at, "unknown opcode 0x%02x", s.code)
	}
	return nil, fail(CodeUnknownOpcode, at, "no instruction has opcode 0x%02x with src %d, off %d, imm %#x", s.code, s.src, s.off, s.imm)
}

// fixed reports whether s has the values of r's fixed fields.
func (r *Row) fixed(s slot) bool {
	return (r.SrcUse != Fixed || r.SrcVal == s.src) &&
		(r.OffUse != Fixed || r.OffVal == s.off) &&
		(r.ImmUse != Fixed || r.ImmVal == s.imm)
}

// checkFields refuses non-zero reserved fields and registers that do not exist.
func checkFields(r *Row, s slot, at int) error {
	for _, f := range [...]struct {
		name  string
		use   Use
		value int64
		reg   bool
	}{
		{"dst", r.DstUse, int64(s.dst), true},
		{"src", r.SrcUse, int64(s.src), true},
		{"off", r.OffUse, int64(s.off), false},
		{"imm", r.ImmUse, int64(s.imm), false},
	} {
		switch {
		case f.use == Reserved && f.value != 0:
			return fail(CodeReserved, at, "%s is %d, must be zero for opcode 0x%02x (%s)", f.name, f.value, r.Code, r.Name)
		case f.use == Operand && f.reg && f.value > int64(R10):
			return fail(CodeRegister, at, "%s is register %d, the last one is r10", f.name, f.value)
		}
	}
	return nil
}

// layout says which bits of a slot, as a little-endian word, are given by the
// row: its code, and its fixed and reserved fields.
type layout struct{ mask, value uint64 }

// layouts has the layout of every row, by opcode.
var layouts = makeLayouts()

func makeLayouts() (ls [NumOps]layout) {
	for i := range ls {
		r := &Table[i]
		l := layout{0xff, uint64(r.Code)}
		l.field(r.DstUse, 0, 0xf, 8)
		l.field(r.SrcUse, uint64(r.SrcVal), 0xf, 12)
		l.field(r.OffUse, uint64(uint16(r.OffVal)), 0xffff, 16)
		l.field(r.ImmUse, uint64(uint32(r.ImmVal)), 0xffffffff, 32)
		ls[i] = l
	}
	return ls
}

func (l *layout) field(use Use, value, mask uint64, shift int) {
	if use == Operand {
		return
	}
	l.mask |= mask << shift
	if use == Fixed {
		l.value |= value << shift
	}
}

// byCode lists the opcodes that share a code byte.
var byCode = indexByCode()

func indexByCode() (index [256][]Op) {
	for i := int(Pad) + 1; i < NumOps; i++ {
		c := Table[i].Code
		index[c] = append(index[c], Op(i))
	}
	return index
}
