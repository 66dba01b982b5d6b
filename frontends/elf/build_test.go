package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/stretchr/testify/require"
)

// image is an object to be written by a test: just what Parse reads.
type image struct {
	sections []part
	symbols  []sym
}

// part is a section of an image. Its index in the file is its index here plus one.
type part struct {
	name  string
	typ   stdelf.SectionType
	flags stdelf.SectionFlag
	data  []byte
	size  uint64 // SHT_NOBITS
	align uint64
	rel   []rel
}

type sym struct {
	name        string
	typ         stdelf.SymType
	bind        stdelf.SymBind
	section     int // index in image.sections plus one, or a special index
	value, size uint64
}

type rel struct {
	offset uint64
	typ    uint32
	symbol int // index in image.symbols
}

// code makes an executable section.
func code(t testing.TB, name string, insns ...isa.Insn) part {
	b, err := isa.Encode(isa.Prog(insns...))
	require.NoError(t, err)
	return part{name: name, typ: stdelf.SHT_PROGBITS, flags: stdelf.SHF_ALLOC | stdelf.SHF_EXECINSTR, data: b}
}

// function makes a symbol for a function of the first section.
func function(name string, start, slots int) sym {
	return sym{name, stdelf.STT_FUNC, stdelf.STB_GLOBAL, 1, uint64(start) * 8, uint64(slots) * 8}
}

// bytes writes the object: header, section contents, section table.
func (im image) bytes() []byte {
	names, texts := []byte{0}, []byte{0}
	var symbols []byte
	symbols = append(symbols, make([]byte, 24)...)
	le := binary.LittleEndian
	for _, y := range im.symbols {
		symbols = le.AppendUint32(symbols, uint32(len(texts)))
		symbols = append(symbols, stdelf.ST_INFO(y.bind, y.typ), 0)
		symbols = le.AppendUint16(symbols, uint16(y.section))
		symbols = le.AppendUint64(le.AppendUint64(symbols, y.value), y.size)
		texts = append(append(texts, y.name...), 0)
	}
	out := make([]byte, headerSize)
	table := make([]byte, sectionSize)
	add := func(p part, link, info int, entry uint64) {
		align := max(p.align, 1)
		size := uint64(len(p.data))
		if p.typ == stdelf.SHT_NOBITS {
			size = p.size
		}
		table = le.AppendUint32(table, uint32(len(names)))
		names = append(append(names, p.name...), 0)
		table = le.AppendUint32(table, uint32(p.typ))
		for _, v := range []uint64{uint64(p.flags), 0, uint64(len(out)), size} {
			table = le.AppendUint64(table, v)
		}
		table = le.AppendUint32(le.AppendUint32(table, uint32(link)), uint32(info))
		table = le.AppendUint64(le.AppendUint64(table, align), entry)
		out = append(out, p.data...)
	}
	n := len(im.sections)
	for _, p := range im.sections {
		add(p, 0, 0, 0)
	}
	add(part{name: ".symtab", typ: stdelf.SHT_SYMTAB, data: symbols}, n+2, 1, 24)
	add(part{name: ".strtab", typ: stdelf.SHT_STRTAB, data: texts}, 0, 0, 0)
	for i, p := range im.sections {
		var b []byte
		for _, r := range p.rel {
			b = le.AppendUint64(le.AppendUint64(b, r.offset), uint64(r.symbol+1)<<32|uint64(r.typ))
		}
		if len(b) > 0 {
			add(part{name: ".rel" + p.name, typ: stdelf.SHT_REL, data: b}, n+1, i+1, relSize)
		}
	}
	names = append(names, "\x00.shstrtab"...)
	add(part{name: ".shstrtab", typ: stdelf.SHT_STRTAB, data: append(names, ".shstrtab\x00"...)}, 0, 0, 0)
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], uint16(stdelf.ET_REL))
	le.PutUint16(out[18:], machineBPF)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[40:], uint64(len(out)))
	le.PutUint16(out[52:], headerSize)
	le.PutUint16(out[58:], sectionSize)
	le.PutUint16(out[60:], uint16(len(table)/sectionSize))
	le.PutUint16(out[62:], uint16(len(table)/sectionSize-1))
	return append(out, table...)
}

// editor changes the section table of an existing object.
type editor struct {
	b []byte
	t testing.TB
}

// header returns the header of the section of that name.
func (e editor) header(name string) []byte {
	f, err := stdelf.NewFile(bytes.NewReader(e.b))
	require.NoError(e.t, err)
	table := binary.LittleEndian.Uint64(e.b[40:])
	for i, s := range f.Sections {
		if s.Name == name {
			return e.b[table+uint64(i)*sectionSize:][:sectionSize]
		}
	}
	require.Fail(e.t, "no section "+name)
	return nil
}

// content returns the bytes of the section.
func (e editor) content(name string) []byte {
	h := e.header(name)
	at, size := binary.LittleEndian.Uint64(h[24:]), binary.LittleEndian.Uint64(h[32:])
	return e.b[at : at+size]
}

// replace puts new bytes for a section at the end of the file.
func (e *editor) replace(name string, data []byte) {
	h := e.header(name)
	binary.LittleEndian.PutUint64(h[24:], uint64(len(e.b)))
	binary.LittleEndian.PutUint64(h[32:], uint64(len(data)))
	e.b = append(e.b, data...)
}
