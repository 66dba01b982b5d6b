package objfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// Constants of DWARF 4, section 7.
const (
	dwarfVersion = 4

	tagCompileUnit = 0x11
	tagSubprogram  = 0x2e

	attrName     = 0x03
	attrStmtList = 0x10
	attrLowPC    = 0x11
	attrHighPC   = 0x12
	attrLanguage = 0x13
	attrProducer = 0x25
	attrExternal = 0x3f

	formAddr      = 0x01
	formData8     = 0x07
	formString    = 0x08
	formData1     = 0x0b
	formFlag      = 0x0c
	formSecOffset = 0x17

	langC99 = 0x0c

	lineCopy       = 1
	lineAdvancePC  = 2
	lineAdvance    = 3
	lineSetFile    = 4
	lineSetColumn  = 5
	lineBase       = -5
	lineRange      = 14
	lineOpcodeBase = 13
)

// Abbreviations: code, tag, has children, attributes with forms.
var abbrevs = []byte{
	1, tagCompileUnit, 1,
	attrProducer, formString, attrLanguage, formData1, attrName, formString,
	attrStmtList, formSecOffset, attrLowPC, formAddr, attrHighPC, formData8, 0, 0,
	2, tagSubprogram, 0,
	attrName, formString, attrExternal, formFlag, attrLowPC, formAddr, attrHighPC, formData8, 0, 0,
	0,
}

// row is one row of the line table; line 0 is code that no source line made.
type row struct {
	offset    uint32
	file      int // 1-based index of files
	line, col int
}

// debug adds the DWARF sections, unless no source line is known.
func (b *builder) debug() {
	rows, files := lineRows(b.a)
	if len(files) == 0 {
		return
	}
	abbrev := b.add(debugSection(".debug_abbrev", abbrevs))
	line := debugSection(".debug_line", nil)
	line.lineProgram(rows, files, uint32(len(b.a.Code)), b.text.symbol)
	table := b.add(line)
	info := debugSection(".debug_info", nil)
	b.info(&info, files[0], abbrev.symbol, table.symbol)
	b.add(info)
}

func debugSection(name string, data []byte) section {
	return section{name: name, typ: elf.SHT_PROGBITS, align: 1, data: data}
}

// lineRows are the rows of the line table, without repetitions, and the files that they name.
func lineRows(a *codegen.Artifact) (rows []row, files []string) {
	number := map[string]int{}
	last := row{}
	for _, l := range a.Lines {
		r := row{}
		if src := sourceOf(a, &l); src != nil && src.File != "" {
			if number[src.File] == 0 {
				files = append(files, src.File)
				number[src.File] = len(files)
			}
			r = row{file: number[src.File], line: src.Line, col: src.Col}
		}
		if r != last {
			last = r
			r.offset = l.Offset
			rows = append(rows, r)
		}
	}
	return rows, files
}

func sourceOf(a *codegen.Artifact, l *codegen.LineEntry) *obj.Line {
	if l.Prog < 0 {
		return nil
	}
	return a.Entries[l.Prog].Source(int(l.Pos))
}

// lineProgram makes the content of .debug_line.
func (s *section) lineProgram(rows []row, files []string, end uint32, text symRef) {
	const unit, header = 4, 2 + 4 // bytes before what unit_length and header_length count
	head := []byte{1, 1, 1, 0x100 + lineBase, lineRange, lineOpcodeBase, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0}
	for _, f := range files {
		head = append(append(head, cString(f)...), 0, 0, 0, 0)
	}
	head = append(head, 0)
	program := []byte{0, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0} // DW_LNE_set_address
	s.rela(uint64(unit+header+len(head)+3), elf.R_X86_64_64, text, 0)
	program = append(program, rowBytes(rows, end)...)

	var out bytes.Buffer
	write(&out, uint32(header+len(head)+len(program)))
	write(&out, uint16(dwarfVersion))
	write(&out, uint32(len(head)))
	out.Write(head)
	out.Write(program)
	s.data = out.Bytes()
}

// rowBytes are the instructions for the rows, from the state that a sequence begins with.
func rowBytes(rows []row, end uint32) []byte {
	var out []byte
	at := row{file: 1, line: 1}
	for _, r := range rows {
		if r.line == 0 {
			r.file, r.col = at.file, 0
		}
		if r.file != at.file {
			out = binary.AppendUvarint(append(out, lineSetFile), uint64(r.file))
		}
		if r.col != at.col {
			out = binary.AppendUvarint(append(out, lineSetColumn), uint64(r.col))
		}
		out = append(out, rowStep(int(r.offset-at.offset), r.line-at.line)...)
		at = r
	}
	out = binary.AppendUvarint(append(out, lineAdvancePC), uint64(end-at.offset))
	return append(out, 0, 1, 1) // DW_LNE_end_sequence
}

// rowStep moves on and adds a row: a special opcode, if there is one for both distances.
func rowStep(pc, line int) []byte {
	if line >= lineBase && line < lineBase+lineRange {
		if op := line - lineBase + lineRange*pc + lineOpcodeBase; op <= 255 {
			return []byte{byte(op)}
		}
	}
	out := binary.AppendUvarint([]byte{lineAdvancePC}, uint64(pc))
	out = appendSleb(append(out, lineAdvance), int64(line))
	return append(out, lineCopy)
}

// appendSleb appends a number as signed LEB128 (DWARF 4 section 7.6).
func appendSleb(out []byte, v int64) []byte {
	for v < -64 || v > 63 {
		out = append(out, byte(v&0x7f|0x80))
		v >>= 7
	}
	return append(out, byte(v&0x7f))
}

// info makes the content of .debug_info: one unit with the functions.
func (b *builder) info(s *section, file string, abbrev, lines symRef) {
	s.data = append(s.data, 0, 0, 0, 0) // unit_length
	s.data = binary.LittleEndian.AppendUint16(s.data, dwarfVersion)
	s.offset32(abbrev)
	s.data = append(s.data, 8) // bytes of an address
	s.data = append(s.data, 1)
	s.cstring("bpfc " + b.a.Target + " " + b.a.Version)
	s.data = append(s.data, langC99)
	s.cstring(file)
	s.offset32(lines)
	s.pcRange(b.text.symbol, 0, uint64(len(b.a.Code)))
	for i := range b.a.Symbols {
		f := &b.a.Symbols[i]
		name, global := b.names.function(f)
		s.data = append(s.data, 2)
		s.cstring(name)
		s.data = append(s.data, flag(global))
		s.pcRange(b.text.symbol, int64(f.Offset), uint64(f.Size))
	}
	s.data = append(s.data, 0)
	binary.LittleEndian.PutUint32(s.data, uint32(len(s.data)-4))
}

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func (s *section) cstring(v string) { s.data = append(append(s.data, cString(v)...), 0) }

// offset32 appends the begin of a section as a 32-bit offset.
func (s *section) offset32(sym symRef) {
	s.rela(uint64(len(s.data)), elf.R_X86_64_32, sym, 0)
	s.data = append(s.data, 0, 0, 0, 0)
}

// pcRange appends DW_AT_low_pc and DW_AT_high_pc.
func (s *section) pcRange(text symRef, offset int64, size uint64) {
	s.rela(uint64(len(s.data)), elf.R_X86_64_64, text, offset)
	s.data = append(s.data, make([]byte, 8)...)
	s.data = binary.LittleEndian.AppendUint64(s.data, size)
}
