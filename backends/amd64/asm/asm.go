// Package asm encodes amd64 instructions. An Assembler appends to one byte
// slice and allocates nothing per instruction; branches to labels are written
// short and widened by Finish where the distance asks for it.
//
// Encodings follow the Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2. Every method picks the shortest encoding it knows; the
// method comment says so where that changes the form that a disassembler shows.
//
// The input is the output of our own instruction selection, so an operand that
// no encoding exists for is our bug. It never panics and never yields wrong
// code: the first such operand is kept and Finish returns it as an error.
package asm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// maxCode bounds the bytes of code before Finish, and separately the bytes of
// alignment. A branch at most triples, so the result stays below 2^30 and every
// displacement fits in 32 bits.
const maxCode = 1 << 28

// Label names a place that branches refer to. Labels are numbered from 0 and
// belong to the Assembler that made them.
type Label int32

// Mark is a position in the code that stays valid while Finish moves the code.
// It is a plain value: recording one costs nothing in the Assembler.
type Mark struct {
	pos   uint32 // in the buffer, before branches grow
	sites uint32 // number of sites that precede it
}

var unbound = Mark{pos: ^uint32(0)}

// RelocKind says how a loader computes and stores the field of a Reloc. S is
// the address of the symbol, A the addend, P the address of the field.
type RelocKind uint8

const (
	Rel32 RelocKind = iota // 4 bytes, S + A - P: a call or jump
	Rip32                  // 4 bytes, S + A - P: a data operand
	Abs64                  // 8 bytes, S + A
)

// Reloc is a field that a loader fills in. The addend follows the ELF rule: the
// distance from the field to the end of its instruction is already in it.
// The field itself is zero in Bytes.
type Reloc struct {
	Offset uint32 // of the field in Bytes
	Kind   RelocKind
	Sym    int32 // the caller's symbol index
	Addend int64
	sites  uint32 // as in Mark; zero after Finish
}

// Assembler collects code. The zero value is ready to use. It is not safe for
// concurrent use.
type Assembler struct {
	buf    []byte
	labels []Mark
	sites  []site
	relocs []Reloc
	err    error
	done   int // length of the finished code, 0 before Finish
}

// Grow makes room for n more bytes of code, so that appending them does not copy.
func (a *Assembler) Grow(n int) { a.buf = slices.Grow(a.buf, n) }

// Reset empties a and keeps its memory. Slices that Bytes and Relocs returned
// before become invalid.
func (a *Assembler) Reset() {
	a.buf, a.labels, a.sites, a.relocs = a.buf[:0], a.labels[:0], a.sites[:0], a.relocs[:0]
	a.err, a.done = nil, 0
}

// Len returns the number of bytes. Before Finish it is a lower bound, because
// branches may still grow and alignment is not yet counted.
func (a *Assembler) Len() int { return len(a.buf) }

// Bytes returns the code, owned by a and valid until Reset. It is the final
// code only after Finish returned nil.
func (a *Assembler) Bytes() []byte { return a.buf }

// Relocs returns the relocations in order of their offsets, owned by a and
// valid until Reset. Offsets are final only after Finish returned nil.
func (a *Assembler) Relocs() []Reloc { return a.relocs }

// NewLabel returns a label that is not bound yet.
func (a *Assembler) NewLabel() Label {
	a.labels = append(a.labels, unbound)
	return Label(len(a.labels) - 1)
}

// Bind places l here. A label is bound once.
func (a *Assembler) Bind(l Label) {
	switch {
	case !a.known(l):
	case a.labels[l] != unbound:
		a.fail("label %d is bound twice", l)
	default:
		a.labels[l] = a.Mark()
	}
}

// Mark returns the present position.
func (a *Assembler) Mark() Mark {
	return Mark{pos: uint32(len(a.buf)), sites: uint32(len(a.sites))}
}

// Offset returns the offset of m in the finished code, or -1 before Finish.
func (a *Assembler) Offset(m Mark) int {
	if a.done == 0 || int(m.sites) >= len(a.sites) {
		return -1
	}
	return int(a.final(m))
}

// LabelOffset returns the offset of l in the finished code, or -1 before
// Finish and for a label that was never bound.
func (a *Assembler) LabelOffset(l Label) int {
	if l < 0 || int(l) >= len(a.labels) || a.labels[l] == unbound {
		return -1
	}
	return a.Offset(a.labels[l])
}

func (a *Assembler) known(l Label) bool {
	if l >= 0 && int(l) < len(a.labels) {
		return true
	}
	a.fail("label %d does not exist: make it with NewLabel", l)
	return false
}

// fail keeps the first error for Finish.
func (a *Assembler) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("asm: at offset %#x: %w", len(a.buf), fmt.Errorf(format, args...))
	}
}

var errAfterFinish = errors.New("asm: code was added after Finish: call Reset first")

// put appends the low n bytes of v, n at most 8. It stores eight bytes at once,
// so the slice keeps that much spare capacity.
func (a *Assembler) put(v uint64, n uint) {
	p := len(a.buf)
	if cap(a.buf)-p < 8 {
		a.grow()
	}
	binary.LittleEndian.PutUint64(a.buf[p:p+8], v)
	a.buf = a.buf[:p+int(n)]
}

func (a *Assembler) grow() {
	b := make([]byte, len(a.buf), 2*cap(a.buf)+256)
	copy(b, a.buf)
	a.buf = b
}

func (a *Assembler) reloc(k RelocKind, sym int32, addend int64) {
	m := a.Mark()
	a.relocs = append(a.relocs, Reloc{Offset: m.pos, Kind: k, Sym: sym, Addend: addend, sites: m.sites})
}
