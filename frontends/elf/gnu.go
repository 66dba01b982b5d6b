package elf

import (
	stdelf "debug/elf"
	"encoding/binary"
	"regexp"
	"strconv"
)

// Objects of GCC come from the GNU assembler. Until binutils 2.41 it had
// relocation types of its own (bfd/elf64-bpf.c of 2.40), and put into the bytes
// to be relocated the address of the symbol with the addend, where clang puts the
// addend alone; in calls of a symbol it is in bytes. Nothing in the file says which
// assembler made it; what it wrote mostly does, and else the compiler's version.
const (
	gnuAbs64 = 12 // R_BPF_DATA_64 of binutils 2.40: 8 bytes of data
	// lastOldGCC is the last version of GCC that is commonly used with such an assembler.
	lastOldGCC = 13
)

var gccVersion = regexp.MustCompile(`GCC: \([^)]*\) ([0-9]+)\.`)

// fromGNU makes the relocations of an old GNU assembler explicit, as those of clang would be.
func (f *file) fromGNU() error {
	m := gccVersion.FindSubmatch(f.bytesOf(".comment"))
	if m == nil {
		return nil
	}
	old, sure := f.gnuStyle()
	if !sure {
		version, _ := strconv.Atoi(string(m[1]))
		old = version <= lastOldGCC
	}
	if old {
		f.eachSymbolic(func(s *section, r *reloc, y *stdelf.Symbol, word int64) bool {
			switch {
			case r.typ == relocCall32 && word != int64(y.Value):
				return true // through the section's symbol, in slots
			case r.typ == gnuAbs64:
				r.typ = relocAbs64
			}
			r.explicit, r.addend = true, word-int64(y.Value)
			return true
		})
	}
	return nil
}

// gnuStyle looks for a relocation that can only be of one style: a type that no
// other assembler uses, or a word that is less than the symbol's address, or a
// call with just that address.
func (f *file) gnuStyle() (old, sure bool) {
	f.eachSymbolic(func(s *section, r *reloc, y *stdelf.Symbol, word int64) bool {
		switch {
		case r.typ == gnuAbs64:
			old, sure = true, true
		case y.Value == 0:
		case word < int64(y.Value):
			old, sure = false, true
		case r.typ == relocCall32 && word == int64(y.Value):
			old, sure = true, true
		}
		return !sure
	})
	return old, sure
}

// eachSymbolic visits the relocations whose addend is in place, with what is there in bytes, until visit returns false.
func (f *file) eachSymbolic(visit func(s *section, r *reloc, y *stdelf.Symbol, word int64) bool) {
	for i := range f.sections {
		s := &f.sections[i]
		for j := range s.rel {
			r := &s.rel[j]
			y, err := f.symbolOf(s, *r)
			if err != nil || r.explicit {
				continue
			}
			if word, ok := s.inPlaceWord(r); ok && !visit(s, r, y, word) {
				return
			}
		}
	}
}

// inPlaceWord is the number that a relocation finds in place; for a call, without the 1 that is taken off.
func (s *section) inPlaceWord(r *reloc) (int64, bool) {
	if s.code() && within(r.offset, 8, s.data) {
		word := int64(int32(binary.LittleEndian.Uint32(s.data[r.offset+4:])))
		if r.typ == relocCall32 {
			word++
		}
		return word, r.typ == relocCall32 || r.typ == relocImm64
	}
	if s.kind == kindData && within(r.offset, 8, s.data) {
		return int64(binary.LittleEndian.Uint64(s.data[r.offset:])), r.typ == relocAbs64 || r.typ == gnuAbs64
	}
	return 0, false
}
