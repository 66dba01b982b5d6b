package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/cilium/ebpf/btf"
)

// sectionKind says what a section is for.
type sectionKind uint8

const (
	kindOther   sectionKind = iota
	kindText                // subprograms: .text
	kindProgram             // programs: any other executable section
	kindData                // .data, .rodata, .bss and their like
	kindMaps                // .maps
	kindOldMaps             // maps, maps/NAME
)

// section is one section of the file. data is nil for one without bytes in the file.
type section struct {
	name  string
	kind  sectionKind
	size  uint64
	align uint64
	data  []byte
	rel   []reloc // ascending by offset

	index  int            // kindData: in file.data, -1 if the section is empty
	maps   []*mapDef      // kindMaps: ascending by offset
	mapAt  map[uint64]int // kindMaps and kindOldMaps: index in file.maps by offset
	insns  []isa.Insn     // kindText and kindProgram
	units  []*unit        // kindText and kindProgram: the functions, ascending and without gaps
	lines  []obj.Line     // kindText and kindProgram; Slot counts from the beginning of the section
	funcs  []funcRecord   // the same, ascending
	adapts []coreReloc
}

func (s *section) code() bool { return s.kind == kindText || s.kind == kindProgram }

// reloc is one relocation.
type reloc struct {
	offset uint64
	symbol uint32
	typ    uint32
	// addend is explicit in SHT_RELA; otherwise it stands in the bytes that are relocated.
	addend   int64
	explicit bool
}

// file is an object while it is read.
type file struct {
	sections []section
	symbols  []stdelf.Symbol     // the null symbol is left out
	defined  [][]int             // by section: indexes of the symbols that it defines
	named    map[string]*section // executable sections; the first of a name
	types    *types              // nil without .BTF
	maps     []abi.MapSpec
	slots    []obj.Slot
	members  int // looked at for special fields
	mapTypes []obj.MapTypes
	shown    map[btf.Type]*obj.Type // those described so far
	tails    map[uint32]int         // maps of programs by the ids that sections are named after
	data     []obj.Data
	placed   map[int]place   // symbols that no section defines and that have been given a place
	spoiled  map[int]*Error  // data that programs must not refer to, and why
	missing  map[string]bool // configuration that the caller has not given
	options  Options
	builtins map[string]*unit // those that have been called
}

// The parts of the ELF header that are checked before debug/elf sees the file.
const (
	headerSize  = 64 // Elf64_Ehdr
	sectionSize = 64 // Elf64_Shdr
	machineBPF  = 247
	relSize     = 16 // Elf64_Rel
	relaSize    = 24 // Elf64_Rela
)

// open reads sections, symbols and relocations.
func open(b []byte) (*file, error) {
	if err := checkHeader(b); err != nil {
		return nil, err
	}
	e, err := stdelf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, broken(CodeHeader, err)
	}
	f := &file{sections: make([]section, len(e.Sections))}
	for i, s := range e.Sections {
		if f.sections[i], err = newSection(s, b); err != nil {
			return nil, err
		}
	}
	f.symbols, err = e.Symbols()
	if err != nil && !errors.Is(err, stdelf.ErrNoSymbols) {
		return nil, broken(CodeSymbol, err)
	}
	if err := f.checkNames(); err != nil {
		return nil, err
	}
	f.index()
	for _, s := range e.Sections {
		if err := f.readRelocs(s, b); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// checkNames refuses names that could not be printed or passed on: names of
// sections and symbols are identifiers everywhere behind this package.
func (f *file) checkNames() error {
	for i := range f.sections {
		if name := f.sections[i].name; clean(name) != name {
			return malformed(CodeSection, "the name of section %d, %q, is not printable text", i, name)
		}
	}
	for i := range f.symbols {
		if name := f.symbols[i].Name; clean(name) != name {
			return malformed(CodeSymbol, "the name of symbol %d, %q, is not printable text", i+1, name)
		}
	}
	return nil
}

// clean replaces what is not UTF-8, and control characters but the tab, by U+FFFD.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// index makes the tables by which symbols and sections are found.
func (f *file) index() {
	f.defined = make([][]int, len(f.sections))
	for i := range f.symbols {
		if f.sectionOf(&f.symbols[i]) != nil {
			n := f.symbols[i].Section
			f.defined[n] = append(f.defined[n], i)
		}
	}
	f.named = map[string]*section{}
	for i := range f.sections {
		if s := &f.sections[i]; s.code() && f.named[s.name] == nil {
			f.named[s.name] = s
		}
	}
}

// broken wraps the error of a library.
func broken(c Code, err error) *Error {
	e := malformed(c, "%s", clean(strings.ReplaceAll(err.Error(), "\n", "; ")))
	e.Err = err
	return e
}

// checkHeader refuses what is not a little-endian relocatable BPF object, and
// section headers that claim what the file does not have.
func checkHeader(b []byte) error {
	le := binary.LittleEndian
	switch {
	case len(b) < 4 || string(b[:4]) != stdelf.ELFMAG:
		return malformed(CodeNotELF, "this is not an ELF file; a file of bytecode is called .bin, one of assembly .s")
	case len(b) < headerSize:
		return malformed(CodeHeader, "the file ends within the ELF header; it is cut off")
	case b[stdelf.EI_DATA] == byte(stdelf.ELFDATA2MSB):
		return unsupported(CodeEndian, "the object is big-endian; compile with -target bpf or bpfel")
	case b[stdelf.EI_CLASS] != byte(stdelf.ELFCLASS64) || b[stdelf.EI_DATA] != byte(stdelf.ELFDATA2LSB):
		return malformed(CodeHeader, "not a 64-bit little-endian ELF file (class %d, data %d)", b[stdelf.EI_CLASS], b[stdelf.EI_DATA])
	}
	// LLVM used e_machine 0 until BPF was given its number, 247.
	if m := le.Uint16(b[18:]); m != machineBPF && m != 0 {
		return malformed(CodeMachine, "the object is for machine %d (%v), not BPF; compile with -target bpf", m, stdelf.Machine(m))
	}
	if t := le.Uint16(b[16:]); t != uint16(stdelf.ET_REL) {
		return malformed(CodeMachine, "the file is of type %v, not a relocatable object; compile with -c", stdelf.Type(t))
	}
	return checkSections(b)
}

// checkSections checks the section table and that every section lies in the file.
func checkSections(b []byte) error {
	le := binary.LittleEndian
	offset, size, n := le.Uint64(b[40:]), le.Uint16(b[58:]), uint64(le.Uint16(b[60:]))
	if offset == 0 || size != sectionSize {
		return malformed(CodeHeader, "the file has no section table (at %#x, entries of %d bytes)", offset, size)
	}
	if !within(offset, n*sectionSize, b) {
		return malformed(CodeHeader, "the section table (%d entries at %#x) is not within the file; it is cut off", n, offset)
	}
	for i := range n {
		h := b[offset+i*sectionSize:]
		typ, flags := stdelf.SectionType(le.Uint32(h[4:])), stdelf.SectionFlag(le.Uint64(h[8:]))
		at, size := le.Uint64(h[24:]), le.Uint64(h[32:])
		switch {
		case typ == stdelf.SHT_NULL || typ == stdelf.SHT_NOBITS:
		case !within(at, size, b):
			return malformed(CodeHeader, "section %d claims %d bytes at %#x, the file has %d", i, size, at, len(b))
		case flags&stdelf.SHF_COMPRESSED != 0 && typ != stdelf.SHT_PROGBITS:
			return malformed(CodeHeader, "section %d is compressed, which its type %v does not allow", i, typ)
		}
	}
	return nil
}

// within reports whether b has size bytes at offset.
func within(offset, size uint64, b []byte) bool {
	end, carry := bits.Add64(offset, size, 0)
	return carry == 0 && end <= uint64(len(b))
}

// newSection takes over one section; its bytes are those of the file.
func newSection(s *stdelf.Section, b []byte) (section, error) {
	c := section{name: s.Name, size: s.Size, align: s.Addralign, kind: kindOf(s), index: -1}
	if s.Type == stdelf.SHT_NOBITS || s.Type == stdelf.SHT_NULL {
		return c, nil
	}
	if s.Flags&stdelf.SHF_COMPRESSED != 0 {
		if c.kind != kindOther || strings.HasPrefix(s.Name, ".BTF") {
			return c, unsupported(CodeSection, "the section is compressed; compile without -gz").in(s.Name, -1)
		}
		return c, nil
	}
	if !within(s.Offset, s.Size, b) {
		return c, malformed(CodeSection, "the section is not within the file").in(s.Name, -1)
	}
	c.data = b[s.Offset : s.Offset+s.Size]
	return c, nil
}

// kindOf classifies a section by type, flags and name, as libbpf 1.6 does.
func kindOf(s *stdelf.Section) sectionKind {
	loaded := s.Type == stdelf.SHT_PROGBITS || s.Type == stdelf.SHT_NOBITS
	switch {
	case !loaded:
		return kindOther
	case s.Name == ".maps":
		return kindMaps
	case s.Flags&stdelf.SHF_EXECINSTR != 0 && s.Type == stdelf.SHT_PROGBITS:
		if family(s.Name, ".text") {
			return kindText
		}
		return kindProgram
	case isOldMaps(s.Name) && s.Type == stdelf.SHT_PROGBITS:
		return kindOldMaps
	case s.Flags&stdelf.SHF_ALLOC != 0 && (family(s.Name, ".data") || family(s.Name, ".rodata") || family(s.Name, ".bss")):
		return kindData
	}
	return kindOther
}

// family reports whether name is base or one of its sub-sections, "base.…".
func family(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && (rest == "" || rest[0] == '.')
}

// bytesOf returns the bytes of the first section of this name, nil if there is none.
func (f *file) bytesOf(name string) []byte {
	for i := range f.sections {
		if f.sections[i].name == name {
			return f.sections[i].data
		}
	}
	return nil
}

// readRelocs adds the relocations in s to the section they apply to.
// Those of debug information and the like are left out.
func (f *file) readRelocs(s *stdelf.Section, b []byte) error {
	rela := s.Type == stdelf.SHT_RELA
	if !rela && s.Type != stdelf.SHT_REL {
		return nil
	}
	if int(s.Info) >= len(f.sections) {
		return malformed(CodeReloc, "its relocations are for section %d, which does not exist", s.Info).in(s.Name, -1)
	}
	to := &f.sections[s.Info]
	if to.kind == kindOther {
		return nil
	}
	entry := uint64(relSize)
	if rela {
		entry = relaSize
	}
	if s.Size%entry != 0 {
		return malformed(CodeReloc, "%d bytes are not a whole number of relocations of %d", s.Size, entry).in(s.Name, -1)
	}
	to.rel = slices.Grow(to.rel, int(s.Size/entry))
	for p := b[s.Offset : s.Offset+s.Size]; len(p) > 0; p = p[entry:] {
		if r := readReloc(p, rela); r.typ != relocNone {
			to.rel = append(to.rel, r)
		}
	}
	return to.sortRelocs()
}

func readReloc(p []byte, rela bool) reloc {
	info := binary.LittleEndian.Uint64(p[8:])
	r := reloc{offset: binary.LittleEndian.Uint64(p), symbol: uint32(info >> 32), typ: uint32(info), explicit: rela}
	if rela {
		r.addend = int64(binary.LittleEndian.Uint64(p[16:]))
	}
	return r
}

// sortRelocs orders the relocations and refuses two at one place and those
// behind the section.
func (s *section) sortRelocs() error {
	slices.SortStableFunc(s.rel, func(a, b reloc) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	for i := range s.rel {
		if s.rel[i].offset >= s.size {
			return malformed(CodeReloc, "the relocation at %#x is behind the section, which has %d bytes", s.rel[i].offset, s.size).in(s.name, -1)
		}
		if i > 0 && s.rel[i].offset == s.rel[i-1].offset {
			return malformed(CodeReloc, "two relocations at offset %#x", s.rel[i].offset).in(s.name, -1)
		}
	}
	return nil
}

// Relocation types (Linux Documentation/bpf/llvm_reloc.rst, 6.18).
const (
	relocNone   = 0
	relocImm64  = 1  // R_BPF_64_64: the immediate of an lddw
	relocAbs64  = 2  // R_BPF_64_ABS64: 8 bytes of data
	relocCall32 = 10 // R_BPF_64_32: the immediate of a call
)

// symbolOf returns the symbol that r refers to.
func (f *file) symbolOf(s *section, r reloc) (*stdelf.Symbol, error) {
	if r.symbol == 0 || int(r.symbol) > len(f.symbols) {
		return nil, malformed(CodeReloc, "the relocation at %#x refers to symbol %d, the file has %d", r.offset, r.symbol, len(f.symbols)).in(s.name, -1)
	}
	return &f.symbols[r.symbol-1], nil
}

// sectionOf returns the section that defines the symbol, nil for undefined,
// absolute and common symbols and for an index that does not exist.
func (f *file) sectionOf(y *stdelf.Symbol) *section {
	if y.Section == stdelf.SHN_UNDEF || y.Section >= stdelf.SHN_LORESERVE || int(y.Section) >= len(f.sections) {
		return nil
	}
	return &f.sections[y.Section]
}

// title is how messages call a symbol: by its name, a section's symbol by the section's.
func (f *file) title(y *stdelf.Symbol) string {
	if y.Name == "" {
		if s := f.sectionOf(y); s != nil {
			return s.name
		}
	}
	return y.Name
}

// refuse refuses objects with sections that would change what the rest means
// and that this version does not read.
func (f *file) refuse() error {
	for i := range f.sections {
		if s := &f.sections[i]; family(s.name, ".struct_ops") {
			return unsupported(CodeSection, "struct_ops are not supported in this version").in(s.name, -1)
		}
	}
	return nil
}
