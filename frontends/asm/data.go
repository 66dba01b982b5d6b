package asm

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
)

// maxData bounds the bytes of all data sections together, so that a short
// source cannot ask for all memory.
const maxData = 64 << 20

// data is a data section while it is read.
type data struct {
	obj.Data
	index  int // in the object, -1 if it is empty
	relocs []dataReloc
}

// dataReloc is an address in data whose symbol is not resolved yet.
type dataReloc struct {
	offset uint32
	ref    reference
	line   int
}

// dataPlace is a byte of a data section.
type dataPlace struct {
	d      *data
	offset uint32
	symbol int // index in d.Symbols
}

// openData continues or begins a data section.
func (p *parser) openData(name, flags string) {
	d := p.dataAt[name]
	if d == nil {
		readOnly := strings.HasPrefix(name, ".rodata")
		if flags != "" {
			readOnly = !strings.Contains(flags, "w")
		}
		d = &data{Data: obj.Data{Name: name, Align: 1, ReadOnly: readOnly}, index: -1}
		p.dataAt[name] = d
		p.datas = append(p.datas, d)
	}
	p.data = d
}

// define defines a variable at the end of the section.
func (d *data) define(p *parser, name string) *fault {
	if _, ok := p.dataLabel[name]; ok {
		return wrong(0, "the symbol %s is already defined", name)
	}
	p.dataLabel[name] = dataPlace{d, uint32(len(d.Bytes)), len(d.Symbols)}
	d.Symbols = append(d.Symbols, obj.DataSymbol{Name: name, Offset: uint32(len(d.Bytes))})
	return nil
}

// inData refuses a data directive outside data, and data beyond the limit.
func (p *parser) inData(col int, more uint64) *fault {
	if p.data == nil {
		return wrong(col, "data outside a data section; begin one with .data, .rodata, .bss or .section")
	}
	if p.dataSize += more; more > maxData || p.dataSize > maxData {
		return refused(col, "the data sections are larger than %d bytes together", maxData)
	}
	return nil
}

// numbers: .byte, .short, .long, .quad and their other names.
func (p *parser) numbers(args []arg, col, size int) *fault {
	if len(args) == 0 {
		return wrong(col, "expected numbers")
	}
	for _, a := range args {
		if f := p.inData(col, uint64(size)); f != nil {
			return f
		}
		v := int64(0)
		tokens, f := lex(a.text, nil)
		if f == nil && len(tokens) > 0 && (tokens[0].kind == tokWord || tokens[0].kind == tokString) {
			f = p.addressOf(tokens, a.col, size)
		} else {
			v, f = a.number(-1<<(8*size-1), math.MaxUint64>>(64-8*size))
		}
		if f != nil {
			return f
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(v))
		p.data.Bytes = append(p.data.Bytes, b[:size]...)
	}
	return nil
}

// addressOf notes the address SYMBOL or SYMBOL+N in data.
func (p *parser) addressOf(tokens []token, col, size int) *fault {
	addend, n, f := signed(tokens[1:], math.MaxInt32)
	switch {
	case f != nil:
		f.col += col
		return f
	case n+1 != len(tokens):
		return refused(col, "expected a number or SYMBOL+N; other expressions are not supported in data")
	case size != 8:
		return refused(col, "an address takes 8 bytes; use .quad")
	}
	ref := reference{useSymbol, tokens[0].text, col, addend}
	p.data.relocs = append(p.data.relocs, dataReloc{uint32(len(p.data.Bytes)), ref, p.line})
	return nil
}

// text: .ascii, .asciz, .string
func (p *parser) text(args []arg, col int, terminated bool) *fault {
	for _, a := range args {
		if !strings.HasPrefix(a.text, `"`) {
			return wrong(a.col, "expected a string")
		}
		t, n, f := quoted(a.text)
		if f != nil || n != len(a.text) {
			return wrong(a.col, "expected a string")
		}
		if terminated {
			t.text += "\x00"
		}
		if f := p.inData(col, uint64(len(t.text))); f != nil {
			return f
		}
		p.data.Bytes = append(p.data.Bytes, t.text...)
	}
	return nil
}

// zero: .zero SIZE[, FILL]
func (p *parser) zero(args []arg, col int) *fault {
	if f := want(args, col, 1, 2, ".zero BYTES[, FILL]"); f != nil {
		return f
	}
	n, f := args[0].number(0, maxData)
	if f != nil {
		return f
	}
	fill := int64(0)
	if len(args) == 2 {
		if fill, f = args[1].number(-128, 255); f != nil {
			return f
		}
	}
	if f := p.inData(col, uint64(n)); f != nil {
		return f
	}
	p.data.Bytes = append(p.data.Bytes, slices.Repeat([]byte{byte(fill)}, int(n))...)
	return nil
}

// align: .p2align EXPONENT, .align and .balign BYTES. Code is always aligned.
func (p *parser) align(args []arg, col int, exponent bool) *fault {
	if f := want(args, col, 1, 3, "an alignment"); f != nil {
		return f
	}
	v, f := args[0].number(0, 1<<16)
	if f != nil {
		return f
	}
	if exponent && v <= 16 {
		v = 1 << v
	} else if v == 0 || v&(v-1) != 0 || exponent {
		return wrong(args[0].col, "the alignment must be a power of two, at most 65536")
	}
	if p.data == nil {
		return nil
	}
	return p.pad(col, uint32(v))
}

// pad fills the section up to an alignment.
func (p *parser) pad(col int, align uint32) *fault {
	d := p.data
	n := -uint32(len(d.Bytes)) & (align - 1)
	if f := p.inData(col, uint64(n)); f != nil {
		return f
	}
	d.Bytes = append(d.Bytes, make([]byte, n)...)
	d.Align = max(d.Align, align)
	return nil
}

// size: .size NAME, BYTES. The sizes of functions, which are expressions, follow from the code.
func (p *parser) size(args []arg, col int) *fault {
	if f := want(args, col, 2, 2, ".size NAME, BYTES"); f != nil {
		return f
	}
	name, f := args[0].name()
	if f != nil {
		return f
	}
	at, ok := p.dataLabel[name]
	if !ok {
		return nil
	}
	n, f := args[1].number(0, math.MaxUint32)
	if f != nil {
		return nil
	}
	at.d.Symbols[at.symbol].Size = uint32(n)
	return nil
}

// comm: .comm NAME, BYTES[, ALIGN] defines a variable in .bss.
func (p *parser) comm(args []arg, col int) *fault {
	if f := want(args, col, 2, 3, ".comm NAME, BYTES[, ALIGN]"); f != nil {
		return f
	}
	cur, d, ignore := p.cur, p.data, p.ignore
	defer func() { p.cur, p.data, p.ignore = cur, d, ignore }()
	name, f := args[0].name()
	if f != nil {
		return f
	}
	n, f := args[1].number(0, maxData)
	if f != nil {
		return f
	}
	p.openData(".bss", "aw")
	if len(args) == 3 {
		if f := p.align(args[2:], col, false); f != nil {
			return f
		}
	}
	if f := p.data.define(p, name); f != nil {
		return f
	}
	p.data.Symbols[len(p.data.Symbols)-1].Size = uint32(n)
	return p.zero(args[1:2], col)
}

// finishData hands the sections over to the object: empty ones are left out, the license is a field of its own.
func (p *parser) finishData() error {
	for _, d := range p.datas {
		if d.Name == "license" {
			text, _, _ := strings.Cut(string(d.Bytes), "\x00")
			p.object.License = text
			continue
		}
		if len(d.Bytes) > 0 || len(d.Symbols) > 0 {
			d.index = len(p.object.Data)
			p.object.Data = append(p.object.Data, d.Data)
		}
	}
	for _, d := range p.datas {
		for _, r := range d.relocs {
			at, ok := p.findData(r.ref.name)
			if !ok || d.index < 0 {
				return p.at(r.line, refused(r.ref.col, "%s is no variable of a data section; other addresses are not supported in data", r.ref.name))
			}
			o := &p.object.Data[d.index]
			o.Relocs = append(o.Relocs, obj.DataReloc{Offset: r.offset, Index: at.d.index, Addend: int64(at.offset) + r.ref.addend})
		}
	}
	return nil
}

// findData finds a variable, or a section by its own name.
func (p *parser) findData(name string) (dataPlace, bool) {
	if at, ok := p.dataLabel[name]; ok {
		return at, at.d.index >= 0
	}
	d, ok := p.dataAt[name]
	return dataPlace{d: d}, ok && d.index >= 0
}
