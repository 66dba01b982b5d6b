// Package asm is the front end for BPF assembly in three dialects, and the
// disassembler: what it prints it reads back as the same instructions.
// docs/ASSEMBLY.md describes the dialects and the directives.
package asm

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Options of Parse.
type Options struct {
	Dialect Dialect // Auto: the dialect that fits the lines
}

// Parse assembles a source. Name is the input's, for messages and for the name
// of a program that has none. src is not kept. An error is an *Error.
//
// A source without directives is one program, from its first instruction to its
// last. The directive .program begins another one. In a compiler's output
// (.section, .globl, .type) every global function of a section is a program,
// linked with the functions that it calls.
func Parse(name string, src []byte, o Options) (*obj.Object, error) {
	p := &parser{
		file: name, source: strings.Split(string(src), "\n"), object: &obj.Object{Name: name},
		sections: map[string]*block{}, global: map[string]bool{}, function: map[string]bool{},
		dataAt: map[string]*data{}, dataLabel: map[string]dataPlace{}, mapAt: map[string]int{},
	}
	d, err := p.chooseDialect(o.Dialect)
	if err != nil {
		return nil, err
	}
	p.syntax = syntaxes[d]()
	p.enter(&block{implicit: true, linked: true})
	if err := p.parse(); err != nil {
		return nil, err
	}
	if err := p.link(); err != nil {
		return nil, err
	}
	return p.object, nil
}

// parser holds the state of one Parse.
type parser struct {
	file   string
	source []string
	syntax *syntax
	object *obj.Object
	line   int // 0-based, of the line being read
	tokens []token

	blocks   []*block
	sections map[string]*block // code sections by name
	cur      *block            // nil outside code
	data     *data             // nil outside data
	ignore   bool              // within a section that is skipped

	global, function map[string]bool // symbols by .globl and .type
	datas            []*data
	dataAt           map[string]*data
	dataLabel        map[string]dataPlace
	dataSize         uint64 // of all sections
	mapAt            map[string]int
	inner            []pendingName // .map options that name other maps
}

// block is a piece of code: a program of its own (linked) or a section whose functions are linked later.
type block struct {
	name     string // of the program; of the section if it is not linked
	section  string
	typ      string
	off      bool
	linked   bool
	implicit bool // begun without a directive
	stmts    []stmt
	labels   map[string]label
	at       map[int][]string // labels by slot, in the order of the source
	targets  map[string]bool  // labels that jumps name
	exit     int              // slot of the first exit, -1 without one
}

// label is a place in a block.
type label struct {
	slot, line int
	implied    bool // by .program, which names its first instruction
}

// stmt is one slot.
type stmt struct {
	insn isa.Insn
	line int
	ref  *reference // nil without a symbol
}

// reference is a symbol that is not resolved yet.
type reference struct {
	use    use
	name   string
	col    int
	addend int64
}

// pendingName is a name that is looked up when all lines are read.
type pendingName struct {
	name      string
	line, col int
	to        int
}

// enter makes b the place where instructions go.
func (p *parser) enter(b *block) {
	if b.labels == nil {
		b.labels, b.at, b.targets, b.exit = map[string]label{}, map[int][]string{}, map[string]bool{}, -1
		p.blocks = append(p.blocks, b)
	}
	p.cur, p.data, p.ignore = b, nil, false
}

// at completes a fault with the place in the line.
func (p *parser) at(line int, f *fault) error {
	return &Error{
		File: p.file, Line: line + 1, Col: f.col + 1, Source: strings.TrimRight(p.source[line], "\r"),
		Text: f.text, Unsupported: f.unsupported, Err: f.err,
	}
}

// programName is the name of the input without its directory and extension.
func programName(input string) string {
	base := filepath.Base(input)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	switch base {
	case "", "-", ".", "/", "<stdin>":
		return "main"
	}
	return base
}

// chooseDialect returns the dialect to read: the wanted one, or the first that
// reads every instruction, or else the one that held out longest.
func (p *parser) chooseDialect(want Dialect) (Dialect, error) {
	if _, ok := dialects[want]; ok {
		return want, nil
	}
	if want != Auto {
		return "", &Error{File: p.file, Text: fmt.Sprintf("there is no dialect %q; the dialects are kernel, ubpf and 2014", want)}
	}
	alive := Dialects()
	p.eachLine(func(l line) bool {
		alive = readers(alive, l)
		return len(alive) > 1
	})
	return alive[0], nil
}

// readers returns the dialects that can read a line; all of them if none can.
func readers(list []Dialect, l line) []Dialect {
	if l.directive || l.code == "" {
		return list
	}
	tokens, f := lex(l.code, nil)
	if f != nil || len(tokens) == 0 {
		return list
	}
	var out []Dialect
	for _, d := range list {
		if _, f := syntaxes[d]().read(tokens, l.hint); f == nil {
			out = append(out, d)
		}
	}
	if len(out) == 0 {
		return list
	}
	return out
}
