package elf

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/cilium/ebpf/btf"
)

// types is the content of .BTF.
type types struct {
	spec    *btf.Spec
	strings []byte
	// sections are what .BTF says of sections, as far as it has been asked.
	sections map[string]map[string]btf.Type
	cache    map[uint32]string // so that a million lines of few files share their strings
}

// Constants of the format (Linux include/uapi/linux/btf.h and
// tools/lib/bpf/libbpf_internal.h, 6.18).
const (
	btfMagic      = 0xeb9f
	btfHeaderSize = 24
	btfTypeSize   = 12
	// maxTypes bounds how deep types can be nested; the library reads them by recursion.
	maxTypes = 100_000
	maxBTF   = 16 << 20 // BTF_MAX_SIZE

	extHeaderSize   = 24 // without CO-RE, clang 8 and 9
	extHeaderCORE   = 32
	funcRecordSize  = 8
	lineRecordSize  = 16
	coreRecordSize  = 16
	lineColumnBits  = 10
	lineColumnMask  = 1<<lineColumnBits - 1
	extSectionBytes = 8 // name and count before the records of a section
)

// readTypes reads .BTF and what .BTF.ext says about the code.
func (f *file) readTypes() error {
	raw := f.bytesOf(".BTF")
	if len(raw) == 0 {
		return nil
	}
	t, err := newTypes(raw)
	if err != nil {
		return err
	}
	f.types = t
	if ext := f.bytesOf(".BTF.ext"); len(ext) > 0 {
		return f.readExt(ext)
	}
	return nil
}

func newTypes(raw []byte) (*types, error) {
	body, text, err := btfParts(raw, maxBTF)
	if err != nil {
		return nil, err
	}
	if n := len(body) / btfTypeSize; n > maxTypes {
		return nil, unsupported(CodeLimit, "up to %d types, the limit is %d", n, maxTypes).in(".BTF", -1)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, broken(CodeBTF, err).in(".BTF", -1)
	}
	return &types{spec: spec, strings: text, sections: map[string]map[string]btf.Type{}, cache: map[uint32]string{}}, nil
}

// btfParts returns the types and the strings of raw BTF of at most limit bytes.
func btfParts(raw []byte, limit int) (body, text []byte, err error) {
	bad := func(format string, args ...any) error { return malformed(CodeBTF, format, args...).in(".BTF", -1) }
	if len(raw) < btfHeaderSize || binary.LittleEndian.Uint16(raw) != btfMagic {
		return nil, nil, bad("the types do not begin with a little-endian BTF header")
	}
	if len(raw) > limit {
		return nil, nil, unsupported(CodeLimit, "%d bytes of types, the limit is %d", len(raw), limit).in(".BTF", -1)
	}
	header := uint64(binary.LittleEndian.Uint32(raw[4:]))
	part := func(at int) ([]byte, bool) {
		offset, size := header+uint64(binary.LittleEndian.Uint32(raw[at:])), uint64(binary.LittleEndian.Uint32(raw[at+4:]))
		if !within(offset, size, raw) {
			return nil, false
		}
		return raw[offset : offset+size], true
	}
	body, ok1 := part(8)
	text, ok2 := part(16)
	if !ok1 || !ok2 {
		return nil, nil, bad("types or strings are not within the section; the file is damaged")
	}
	return body, text, nil
}

// text returns the string at offset.
func (t *types) text(offset uint32) (string, bool) {
	if s, ok := t.cache[offset]; ok {
		return s, true
	}
	if uint64(offset) >= uint64(len(t.strings)) {
		return "", false
	}
	n := bytes.IndexByte(t.strings[offset:], 0)
	if n < 0 {
		return "", false
	}
	s := string(t.strings[offset : int(offset)+n])
	t.cache[offset] = s
	return s, true
}

// readExt reads .BTF.ext: a header and three tables, each a record size and then,
// per section, name, count and records. The first word of a record is the
// offset in bytes of an instruction.
func (f *file) readExt(b []byte) error {
	le := binary.LittleEndian
	if len(b) < extHeaderSize || le.Uint16(b) != btfMagic {
		return malformed(CodeBTF, "the section does not begin with its header").in(".BTF.ext", -1)
	}
	size := uint64(le.Uint32(b[4:]))
	if size < extHeaderSize || size > uint64(len(b)) {
		return malformed(CodeBTF, "the header claims %d bytes", size).in(".BTF.ext", -1)
	}
	for _, table := range []struct {
		at     int
		header uint64 // the shortest header that has this table
		record int
		read   func(*section, int, []byte) error
	}{
		{8, extHeaderSize, funcRecordSize, f.readFunc},
		{16, extHeaderSize, lineRecordSize, f.readLine},
		{24, extHeaderCORE, coreRecordSize, f.readCORE},
	} {
		if size < table.header {
			continue
		}
		offset, n := size+uint64(le.Uint32(b[table.at:])), uint64(le.Uint32(b[table.at+4:]))
		if !within(offset, n, b) {
			return malformed(CodeBTF, "a table is not within the section; the file is damaged").in(".BTF.ext", -1)
		}
		if err := f.readTable(b[offset:offset+n], table.record, table.read); err != nil {
			return err
		}
	}
	for i := range f.sections {
		f.sections[i].sortRecords()
	}
	return nil
}

// readTable calls read for each record of a table with its section and slot.
func (f *file) readTable(b []byte, least int, read func(*section, int, []byte) error) error {
	bad := func(what string) error { return malformed(CodeBTF, "%s", what).in(".BTF.ext", -1) }
	if len(b) == 0 {
		return nil
	}
	if len(b) < 4 {
		return bad("a table is shorter than its header")
	}
	record := uint64(binary.LittleEndian.Uint32(b))
	if record < uint64(least) {
		return bad("the records of a table are too short")
	}
	for b = b[4:]; len(b) > 0; {
		if len(b) < extSectionBytes {
			return bad("a table ends within the header of a section")
		}
		name, ok := f.types.text(binary.LittleEndian.Uint32(b))
		size := record * uint64(binary.LittleEndian.Uint32(b[4:]))
		if b = b[extSectionBytes:]; !ok || size > uint64(len(b)) {
			return bad("a table has a section without name or claims more records than there are")
		}
		s := f.named[name]
		for r := b[:size]; s != nil && len(r) > 0; r = r[record:] {
			offset := binary.LittleEndian.Uint32(r)
			if offset%isa.SlotSize != 0 || uint64(offset) >= s.size {
				return malformed(CodeBTF, "a record is for offset %#x of section %s, where no instruction begins", offset, name).in(".BTF.ext", -1)
			}
			if err := read(s, int(offset/isa.SlotSize), r); err != nil {
				return err
			}
		}
		b = b[size:]
	}
	return nil
}

// readLine reads a record of source position: offset, file name, line, and line << 10 | column.
func (f *file) readLine(s *section, slot int, r []byte) error {
	le := binary.LittleEndian
	name, ok1 := f.types.text(le.Uint32(r[4:]))
	text, ok2 := f.types.text(le.Uint32(r[8:]))
	if !ok1 || !ok2 {
		return malformed(CodeBTF, "the source line of instruction %d of section %s has no text", slot, s.name).in(".BTF.ext", -1)
	}
	at := le.Uint32(r[12:])
	s.lines = append(s.lines, obj.Line{
		Slot: slot, File: clean(name), Text: clean(strings.TrimRight(text, "\r\n")),
		Line: int(at >> lineColumnBits), Col: int(at & lineColumnMask),
	})
	return nil
}

// sortRecords orders the lines, of several for one instruction it keeps the
// first, and the CO-RE relocations.
func (s *section) sortRecords() {
	slices.SortStableFunc(s.funcs, func(a, b funcRecord) int { return a.slot - b.slot })
	slices.SortStableFunc(s.adapts, func(a, b coreReloc) int { return a.slot - b.slot })
	slices.SortStableFunc(s.lines, func(a, b obj.Line) int { return a.Slot - b.Slot })
	s.lines = slices.CompactFunc(s.lines, func(a, b obj.Line) bool { return a.Slot == b.Slot })
}
