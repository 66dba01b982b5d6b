// Package asm builds BPF programs in Go: instructions by constructors, one for
// each opcode, labels, functions, maps and helpers by name. Build checks the
// whole and returns an object like the front ends do.
package asm

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// What a user of this package needs of the compiler's own types.
type (
	// Object is the result of Build, the input of a compile.
	Object = obj.Object
	// Map describes a map.
	Map = abi.MapSpec
	// Data is a data section.
	Data = obj.Data
	// DataSymbol is a variable in a data section.
	DataSymbol = obj.DataSymbol
	// Reg is a register.
	Reg = isa.Reg
	// RawInsn is an instruction with all its fields, for Raw.
	RawInsn = isa.Insn
)

// The registers. R10 is the read-only frame pointer.
const (
	R0  = isa.R0
	R1  = isa.R1
	R2  = isa.R2
	R3  = isa.R3
	R4  = isa.R4
	R5  = isa.R5
	R6  = isa.R6
	R7  = isa.R7
	R8  = isa.R8
	R9  = isa.R9
	R10 = isa.R10
)

// Insn is an instruction whose label, function or map is still a name.
// The zero value is no instruction; Build refuses it.
type Insn struct {
	insn   isa.Insn
	kind   symbolKind
	symbol string
	addend int64
}

// symbolKind says what the symbol of an instruction names.
type symbolKind uint8

const (
	symNone symbolKind = iota
	symLabel
	symFunc
	symFuncAddress
	symHelper
	symKfunc
	symMap
	symMapValue
	symData
)

// Raw returns an instruction as it is: offsets of jumps count slots, and
// references to maps are by descriptor. lddw is laid out with both its slots.
func Raw(in RawInsn) Insn { return Insn{insn: in} }

// String returns the instruction in the dialect of Linux and LLVM, with its symbol.
func (i Insn) String() string { return i.insn.Format(i.symbol) }

// Error says which call of the Builder made what Build refuses.
type Error struct {
	Call    int    // of the Builder's methods, counted from 1; 0 if no call is to blame
	Method  string // that was called
	Index   int    // of the instruction in a call of Add, from 0
	Insn    string // the instruction, "" if the call added none
	Program string
	Text    string // what is wrong
	Err     error  // the cause, if another package found it
}

// Error returns one line.
func (e *Error) Error() string {
	at := ""
	if e.Call > 0 {
		at = fmt.Sprintf("call %d, %s", e.Call, e.Method)
	}
	if e.Insn != "" {
		at += fmt.Sprintf(", instruction %d (%s)", e.Index, e.Insn)
	}
	if at == "" {
		return "asm: " + e.Text
	}
	return fmt.Sprintf("asm: %s: %s", at, e.Text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Builder collects programs, maps and data. Its methods return the Builder, so
// that calls can be chained; they record mistakes for Build. The zero value is
// ready for use. A Builder is for one goroutine.
type Builder struct {
	object   obj.Object
	programs []*program
	calls    int
	err      error // the first mistake that a method saw
}

// program is a program while it is built.
type program struct {
	out    obj.Program
	call   int
	stmts  []stmt
	labels map[string]int
	funcs  map[string]int
	starts []function
}

// function begins at a slot.
type function struct {
	name string
	slot int
	call int
}

// stmt is one slot and the call that made it.
type stmt struct {
	Insn
	call, index int
}

// New returns a Builder for an object with this name, which appears in messages.
func New(name string) *Builder { return &Builder{object: obj.Object{Name: name}} }

// called counts a call and, if text is not empty, records it as a mistake.
func (b *Builder) called(method, text string) *Builder {
	b.calls++
	if text != "" && b.err == nil {
		b.err = &Error{Call: b.calls, Method: method, Text: text}
	}
	return b
}

// License sets the license, for helpers that ask for one.
func (b *Builder) License(text string) *Builder {
	b.object.License = text
	return b.called("License", "")
}

// Map defines a map, to be used by its name.
func (b *Builder) Map(m Map) *Builder {
	text := ""
	switch {
	case m.Name == "":
		text = "the map has no name"
	case b.mapIndex(m.Name) >= 0:
		text = fmt.Sprintf("there is already a map %q", m.Name)
	}
	b.object.Maps = append(b.object.Maps, m)
	return b.called("Map", text)
}

func (b *Builder) mapIndex(name string) int {
	return slices.IndexFunc(b.object.Maps, func(m Map) bool { return m.Name == name })
}

// Data defines a data section, to be used by its name or its symbols'. d is not copied.
func (b *Builder) Data(d Data) *Builder {
	text := ""
	if d.Align == 0 {
		d.Align = 1
	}
	switch {
	case d.Name == "":
		text = "the data section has no name"
	case d.Align&(d.Align-1) != 0:
		text = fmt.Sprintf("the alignment %d of %q is no power of two", d.Align, d.Name)
	case slices.ContainsFunc(b.object.Data, func(o Data) bool { return o.Name == d.Name }):
		text = fmt.Sprintf("there is already a data section %q", d.Name)
	}
	b.object.Data = append(b.object.Data, d)
	return b.called("Data", text)
}

// Program begins a program. Type is a program type ("mem/64", "xdp") or "" if
// section, the name of an ELF section ("xdp/frags"), tells it; either may be empty.
func (b *Builder) Program(name, typ, section string) *Builder {
	text := ""
	switch {
	case name == "":
		text = "the program has no name"
	case slices.ContainsFunc(b.programs, func(p *program) bool { return p.out.Name == name }):
		text = fmt.Sprintf("there is already a program %q", name)
	}
	b.called("Program", text)
	p := &program{call: b.calls, labels: map[string]int{}, funcs: map[string]int{name: 0}}
	p.out = obj.Program{Name: name, Type: typ, Section: section}
	p.starts = []function{{name, 0, b.calls}}
	b.programs = append(b.programs, p)
	return b
}

// last returns the current program, nil before the first.
func (b *Builder) last() *program {
	if len(b.programs) == 0 {
		return nil
	}
	return b.programs[len(b.programs)-1]
}

const noProgram = "there is no program yet; call Program first"

// Func begins another function of the current program.
func (b *Builder) Func(name string) *Builder {
	p := b.last()
	if p == nil {
		return b.called("Func", noProgram)
	}
	if _, ok := p.funcs[name]; ok || name == "" {
		return b.called("Func", fmt.Sprintf("the function %q has no name of its own", name))
	}
	b.called("Func", "")
	p.funcs[name] = len(p.stmts)
	p.starts = append(p.starts, function{name, len(p.stmts), b.calls})
	return b
}

// Label names the next instruction as a target of jumps. Labels belong to their program.
func (b *Builder) Label(name string) *Builder {
	p := b.last()
	if p == nil {
		return b.called("Label", noProgram)
	}
	if _, ok := p.labels[name]; ok || name == "" {
		return b.called("Label", fmt.Sprintf("the label %q is already defined, or empty", name))
	}
	p.labels[name] = len(p.stmts)
	return b.called("Label", "")
}

// Add appends instructions to the current function.
func (b *Builder) Add(insns ...Insn) *Builder {
	p := b.last()
	if p == nil {
		return b.called("Add", noProgram)
	}
	b.called("Add", "")
	for i, in := range insns {
		p.stmts = append(p.stmts, stmt{in, b.calls, i})
		if in.insn.Op != isa.Invalid && int(in.insn.Op) < isa.NumOps && in.insn.Slots() == 2 {
			p.stmts = append(p.stmts, stmt{Raw(isa.Insn{Op: isa.Pad}), b.calls, i})
		}
	}
	return b
}

// Build checks everything and returns the object: every name is defined once,
// operands fit their fields, jumps reach their targets within their function.
// Whether the programs are safe is for the verifier to say. An error is an
// *Error. The Builder can be used further; the object is independent of it but for the bytes of Data.
func (b *Builder) Build() (*Object, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.programs) == 0 {
		return nil, &Error{Text: noProgram}
	}
	out := b.object
	out.Maps, out.Data, out.Programs = slices.Clone(out.Maps), slices.Clone(out.Data), nil
	for _, p := range b.programs {
		built, err := b.link(p)
		if err != nil {
			return nil, err
		}
		out.Programs = append(out.Programs, built)
	}
	return &out, nil
}
