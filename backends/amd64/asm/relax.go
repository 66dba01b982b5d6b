package asm

import (
	"encoding/binary"
	"fmt"
)

// A site is a place whose bytes Finish decides. Sites are recorded in the order
// of emission, so their positions ascend. While code is collected a branch
// takes its short size, and alignment takes no bytes:
//
//	buffer    …code… [eb ??] …code… | …code… [e8 ?? ?? ?? ??]
//	site              siteJmp       siteAlign    siteField
//	grow              0 or 3        padding      0
//
// Each site knows how many bytes the sites before it added (shift), so the
// final place of anything that was recorded after n sites is pos + sites[n].shift.
type site struct {
	pos   uint32
	shift uint32
	label Label
	kind  siteKind
	arg   uint8 // siteJcc: condition; siteAlign: n-1; siteField: bytes after the field
	grow  uint8 // bytes added to what the buffer holds
	max   uint8 // siteAlign: most bytes of padding
}

type siteKind uint8

const (
	siteJmp   siteKind = iota // eb rel8, or e9 rel32
	siteJcc                   // 70+cc rel8, or 0f 80+cc rel32
	siteField                 // a 32-bit displacement to a label, never moved apart
	siteAlign
	siteEnd // the end of the code, so that every Mark has a site
)

// siteSize is what a site occupies in the buffer, longGrowth what a long branch adds.
var (
	siteSize   = [...]uint32{siteJmp: 2, siteJcc: 2, siteField: 0, siteAlign: 0, siteEnd: 0}
	longGrowth = [...]uint8{siteJmp: 3, siteJcc: 4, siteField: 0, siteAlign: 0, siteEnd: 0}
)

func (s *site) isBranch() bool { return s.kind <= siteJcc }

// relaxPasses bounds the search for the smallest code. Compilers' output settles
// in two to four passes; what has not settled by then is decided in one more,
// for the worst case, so the time is linear whatever the input.
const relaxPasses = 8

// Finish decides the size of every branch, pads the alignments, moves the code
// and fills in the displacements. Afterwards Bytes, Relocs, Offset and
// LabelOffset give final values. The code is the smallest in which no branch is
// too short, except that adversarial chains may keep some branches long.
// Time and memory are linear in the code; the result depends on nothing but the
// calls that were made. It returns the first error of any call since Reset.
func (a *Assembler) Finish() error {
	if a.done != 0 && a.done != len(a.buf)+1 {
		return errAfterFinish
	}
	if a.err != nil || a.done != 0 {
		return a.err
	}
	if a.err = a.resolvable(); a.err != nil {
		return a.err
	}
	a.sites = append(a.sites, site{pos: uint32(len(a.buf)), kind: siteEnd})
	a.relax()
	a.move()
	for i := range a.relocs {
		r := &a.relocs[i]
		r.Offset, r.sites = a.final(Mark{r.Offset, r.sites}), 0
	}
	a.done = len(a.buf) + 1
	return nil
}

// resolvable refuses what relax could not resolve.
func (a *Assembler) resolvable() error {
	if len(a.buf) > maxCode {
		return fmt.Errorf("asm: %d bytes of code: the limit is %d", len(a.buf), maxCode)
	}
	padding := 0
	for i := range a.sites {
		s := &a.sites[i]
		if s.kind == siteAlign {
			padding += int(s.max)
		} else if a.labels[s.label] == unbound {
			return fmt.Errorf("asm: at offset %#x: label %d is used and never bound", s.pos, s.label)
		}
	}
	if padding > maxCode {
		return fmt.Errorf("asm: alignments may take %d bytes: the limit is %d", padding, maxCode)
	}
	return nil
}

func (a *Assembler) final(m Mark) uint32 { return m.pos + a.sites[m.sites].shift }

// relax grows branches from short until each fits. A branch that grew stays
// long, even where alignment would let it shrink again: that makes it end.
func (a *Assembler) relax() {
	for range relaxPasses {
		a.layout(false)
		if !a.widen() {
			return
		}
	}
	a.layout(true)
	a.widen()
	a.layout(false)
}

// layout computes the shifts. In the worst case every undecided branch is long
// and every alignment takes all it may: no distance can be larger than there,
// so a branch that fits there fits in every layout.
func (a *Assembler) layout(worst bool) {
	shift := uint32(0)
	for i := range a.sites {
		s := &a.sites[i]
		s.shift = shift
		switch {
		case s.kind == siteAlign && worst:
			s.grow = s.max
		case s.kind == siteAlign:
			s.grow = s.padding()
		case worst:
			shift += uint32(longGrowth[s.kind])
			continue
		}
		shift += uint32(s.grow)
	}
}

// padding returns the bytes up to the next boundary, or 0 if they are too many.
func (s *site) padding() uint8 {
	n := uint8(-(s.pos + s.shift)) & s.arg
	if n > s.max {
		return 0
	}
	return n
}

// widen makes the short branches long that do not reach in the present layout.
func (a *Assembler) widen() (changed bool) {
	for i := range a.sites {
		s := &a.sites[i]
		if s.isBranch() && s.grow == 0 && !fits8(int64(a.distance(s, 2))) {
			s.grow = longGrowth[s.kind]
			changed = true
		}
	}
	return changed
}

// distance returns the displacement from the byte that is n after the start of
// s to its label.
func (a *Assembler) distance(s *site, n uint32) int32 {
	return int32(a.final(a.labels[s.label]) - (s.pos + s.shift + n))
}

// move brings the code to its final place, last piece first so that nothing is
// overwritten before it moved, and writes the sites.
func (a *Assembler) move() {
	end := uint32(len(a.buf)) // of the piece after the site, in the old place
	total := int(a.sites[len(a.sites)-1].shift)
	for cap(a.buf) < len(a.buf)+total+8 {
		a.grow()
	}
	a.buf = a.buf[:len(a.buf)+total]
	for i := len(a.sites) - 1; i >= 0; i-- {
		s := &a.sites[i]
		from := s.pos + siteSize[s.kind]
		if shift := s.shift + uint32(s.grow); shift != 0 {
			copy(a.buf[from+shift:], a.buf[from:end])
		}
		end = s.pos
	}
	for i := range a.sites {
		a.write(&a.sites[i])
	}
}

// write stores the bytes of a site at its final place.
func (a *Assembler) write(s *site) {
	b := a.buf[s.pos+s.shift:]
	switch s.kind {
	case siteJmp:
		a.writeJump(s, b, 0xeb, 0xe9, 1)
	case siteJcc:
		a.writeJump(s, b, 0x70+uint64(s.arg), 0x800f+uint64(s.arg)<<8, 2)
	case siteField:
		addend := binary.LittleEndian.Uint32(b)
		binary.LittleEndian.PutUint32(b, addend+uint32(a.distance(s, 4+uint32(s.arg))))
	case siteAlign:
		fillNops(b[:s.grow])
	}
}

// writeJump stores the short or the long form; op is the opcode of the long
// form and n its length.
func (a *Assembler) writeJump(s *site, b []byte, short, op uint64, n uint32) {
	if s.grow == 0 {
		b[0], b[1] = byte(short), byte(a.distance(s, 2))
		return
	}
	for i := range n {
		b[i] = byte(op >> (8 * i))
	}
	binary.LittleEndian.PutUint32(b[n:], uint32(a.distance(s, n+4)))
}

// Align pads with nops to a multiple of n, a power of two up to 128, counted
// from the start of the code; the loader has to place the code on such a
// boundary. A Mark or Label recorded after it lies on the boundary.
func (a *Assembler) Align(n int) { a.AlignUpTo(n, n-1) }

// AlignUpTo is Align that leaves the place as it is where more than most bytes
// of padding would be needed.
func (a *Assembler) AlignUpTo(n, most int) {
	if n < 1 || n > 128 || n&(n-1) != 0 || most < 0 {
		a.fail("alignment to %d, at most %d bytes: want a power of two up to 128", n, most)
		return
	}
	if most > n-1 {
		most = n - 1
	}
	if most == 0 {
		return
	}
	m := a.Mark()
	a.sites = append(a.sites, site{pos: m.pos, kind: siteAlign, arg: uint8(n - 1), max: uint8(most)})
}

// Jmp jumps to l.
func (a *Assembler) Jmp(l Label) { a.branch(siteJmp, 0, l) }

// Jcc jumps to l if c holds.
func (a *Assembler) Jcc(c Cond, l Label) { a.branch(siteJcc, c&15, l) }

// Call calls the code at l.
func (a *Assembler) Call(l Label) {
	if a.known(l) {
		a.put(0xe8, 1)
		a.field(l, 0, 0)
	}
}

// branch writes a jump. The distance to a label behind can be known already:
// exactly if no site lies between, and as a lower bound otherwise.
func (a *Assembler) branch(k siteKind, c Cond, l Label) {
	if !a.known(l) {
		return
	}
	to, at := a.labels[l], a.Mark()
	d := int64(to.pos) - int64(at.pos) - 2
	switch {
	case to == unbound || to.sites != at.sites && d >= -128:
		a.sites = append(a.sites, site{pos: at.pos, label: l, kind: k, arg: uint8(c)})
		a.put(0, 2)
	case d >= -128:
		a.put(shortJump(k, c)|uint64(uint8(d))<<8, 2)
	default:
		a.longJump(k, c)
		a.field(l, 0, 0)
	}
}

func shortJump(k siteKind, c Cond) uint64 {
	if k == siteJmp {
		return 0xeb
	}
	return 0x70 + uint64(c)
}

func (a *Assembler) longJump(k siteKind, c Cond) {
	if k == siteJmp {
		a.put(0xe9, 1)
		return
	}
	a.put(0x800f+uint64(c)<<8, 2)
}

// field writes a 32-bit displacement to l plus addend; tail is the number of
// bytes between the field and the end of the instruction.
func (a *Assembler) field(l Label, addend int32, tail uint8) {
	to, at := a.labels[l], a.Mark()
	if to != unbound && to.sites == at.sites {
		a.put(uint64(to.pos-at.pos-4-uint32(tail)+uint32(addend)), 4)
		return
	}
	a.sites = append(a.sites, site{pos: at.pos, label: l, kind: siteField, arg: tail})
	a.put(uint64(uint32(addend)), 4)
}

// nops holds the recommended multi-byte nops (Intel SDM vol. 2B, NOP), by length.
var nops = [...]string{
	1: "\x90",
	2: "\x66\x90",
	3: "\x0f\x1f\x00",
	4: "\x0f\x1f\x40\x00",
	5: "\x0f\x1f\x44\x00\x00",
	6: "\x66\x0f\x1f\x44\x00\x00",
	7: "\x0f\x1f\x80\x00\x00\x00\x00",
	8: "\x0f\x1f\x84\x00\x00\x00\x00\x00",
	9: "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
}

// Nop appends n bytes of nops, as few instructions as possible.
func (a *Assembler) Nop(n int) {
	for ; n > 0; n -= 9 {
		a.buf = append(a.buf, nops[min(n, 9)]...)
	}
}

func fillNops(b []byte) {
	for len(b) > 0 {
		b = b[copy(b, nops[min(len(b), 9)]):]
	}
}
