package objfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
)

// object is an ELF64 relocatable file in the making, little-endian.
type object struct {
	machine  elf.Machine
	sections []*section
	locals   []symbol
	globals  []symbol
}

// section is a section of the object. Its index in the file is its index in
// object.sections plus one.
type section struct {
	name   string
	typ    elf.SectionType
	flags  elf.SectionFlag
	align  uint64
	data   []byte
	size   uint64 // of SHT_NOBITS; otherwise it is len(data)
	relas  []rela
	symbol symRef // STT_SECTION
	link   uint32
	info   uint32
	entry  uint64 // size of an entry
}

// symRef names a symbol before the table is laid out: the index of a local one,
// or the complement of the index of a global one.
type symRef int

type symbol struct {
	name    string
	typ     elf.SymType
	bind    elf.SymBind
	section elf.SectionIndex
	value   uint64
	size    uint64
}

type rela struct {
	offset uint64
	typ    elf.R_X86_64
	symbol symRef
	addend int64
}

// The sizes of ELF64's structures (System V gABI, chapters 4 and 5).
const (
	headerSize  = 64
	sectionSize = 64
	symbolSize  = 24
	relaSize    = 24
)

// add appends a section and makes its symbol.
func (o *object) add(s section) *section {
	o.sections = append(o.sections, &s)
	s.symbol = o.local(symbol{typ: elf.STT_SECTION, section: o.last()})
	return &s
}

// last is the index of the section added last.
func (o *object) last() elf.SectionIndex { return elf.SectionIndex(len(o.sections)) }

func (o *object) local(s symbol) symRef {
	s.bind = elf.STB_LOCAL
	o.locals = append(o.locals, s)
	return symRef(len(o.locals) - 1)
}

// global adds a symbol of binding STB_GLOBAL or STB_WEAK.
func (o *object) global(s symbol) symRef {
	o.globals = append(o.globals, s)
	return symRef(^(len(o.globals) - 1))
}

// index is a symbol's index in the file's table: after the null symbol come
// local ones, then global ones.
func (o *object) index(r symRef) uint32 {
	if r < 0 {
		return uint32(1 + len(o.locals) + int(^r))
	}
	return uint32(1 + r)
}

func (s *section) rela(offset uint64, typ elf.R_X86_64, sym symRef, addend int64) {
	s.relas = append(s.relas, rela{offset, typ, sym, addend})
}

// bytes is the file: header, contents of the sections, section headers.
func (o *object) bytes() []byte {
	all := o.withTables()
	out := bytes.NewBuffer(make([]byte, headerSize))
	var heads bytes.Buffer
	names := newStrings()
	write(&heads, elf.Section64{})
	for _, s := range all {
		names.add(s.name)
	}
	all[len(all)-1].data = names.bytes
	for _, s := range all {
		pad(out, s.align)
		write(&heads, s.header(names.add(s.name), uint64(out.Len())))
		out.Write(s.data)
	}
	pad(out, 8)
	head := o.header(out.Len(), len(all)+1)
	out.Write(heads.Bytes())
	file := out.Bytes()
	copy(file, head)
	return file
}

// withTables is the object's sections with the relocation, symbol and string tables; the last one's content is still missing.
func (o *object) withTables() []*section {
	all := append([]*section(nil), o.sections...)
	symtab := uint32(len(all) + 1)
	for _, s := range o.sections {
		if len(s.relas) > 0 {
			symtab++
		}
	}
	for i, s := range o.sections {
		if len(s.relas) > 0 {
			all = append(all, &section{name: ".rela" + s.name, typ: elf.SHT_RELA, flags: elf.SHF_INFO_LINK,
				align: 8, data: o.relaBytes(s), link: symtab, info: uint32(i + 1), entry: relaSize})
		}
	}
	syms, strs := o.symbolBytes()
	return append(all,
		&section{name: ".symtab", typ: elf.SHT_SYMTAB, align: 8, data: syms, link: symtab + 1, info: uint32(1 + len(o.locals)), entry: symbolSize},
		&section{name: ".strtab", typ: elf.SHT_STRTAB, align: 1, data: strs},
		&section{name: ".shstrtab", typ: elf.SHT_STRTAB, align: 1})
}

func (o *object) relaBytes(s *section) []byte {
	var out bytes.Buffer
	for _, r := range s.relas {
		write(&out, elf.Rela64{Off: r.offset, Info: elf.R_INFO(o.index(r.symbol), uint32(r.typ)), Addend: r.addend})
	}
	return out.Bytes()
}

func (o *object) symbolBytes() (syms, strs []byte) {
	var out bytes.Buffer
	names := newStrings()
	write(&out, elf.Sym64{})
	for _, list := range [...][]symbol{o.locals, o.globals} {
		for _, s := range list {
			write(&out, elf.Sym64{Name: names.add(s.name), Info: elf.ST_INFO(s.bind, s.typ), Shndx: uint16(s.section), Value: s.value, Size: s.size})
		}
	}
	return out.Bytes(), names.bytes
}

func (s *section) header(name uint32, offset uint64) elf.Section64 {
	size := uint64(len(s.data))
	if s.typ == elf.SHT_NOBITS {
		size = s.size
	}
	return elf.Section64{Name: name, Type: uint32(s.typ), Flags: uint64(s.flags), Off: offset, Size: size,
		Link: s.link, Info: s.info, Addralign: s.align, Entsize: s.entry}
}

func (o *object) header(sections, count int) []byte {
	h := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(o.machine), Version: uint32(elf.EV_CURRENT),
		Shoff: uint64(sections), Ehsize: headerSize, Shentsize: sectionSize, Shnum: uint16(count), Shstrndx: uint16(count - 1)}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	h.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var out bytes.Buffer
	write(&out, h)
	return out.Bytes()
}

// write appends a structure of fixed size; that cannot fail for those of debug/elf.
func write(out *bytes.Buffer, v any) {
	_ = binary.Write(out, binary.LittleEndian, v)
}

func pad(out *bytes.Buffer, align uint64) {
	for align > 1 && uint64(out.Len())%align != 0 {
		out.WriteByte(0)
	}
}

// stringTable is a string table; equal strings are stored once.
type stringTable struct {
	bytes []byte
	at    map[string]uint32
}

func newStrings() *stringTable {
	return &stringTable{bytes: []byte{0}, at: map[string]uint32{"": 0}}
}

// add returns the offset of s, or of its part before a zero byte.
func (t *stringTable) add(s string) uint32 {
	s = cString(s)
	if at, ok := t.at[s]; ok {
		return at
	}
	at := uint32(len(t.bytes))
	t.at[s] = at
	t.bytes = append(append(t.bytes, s...), 0)
	return at
}

// cString is the part of s before its first zero byte, which would end it for every reader.
func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}
