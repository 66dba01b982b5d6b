// Package objfile writes compiled programs as ELF64 relocatable objects for
// x86-64 that a C linker takes, and the C header that goes with them; and BPF
// programs as objects that loaders of the kernel take (WriteBPF).
//
// An object has:
//
//	.text                 the code; per program the global functions NAME and NAME_checked
//	.rodata.bpfc          the back end's constants
//	.data* .bss* .rodata* the data sections of the program, with weak symbols for the variables
//	.bss.bpfc_map_NAME    the values of array maps
//	.note.bpfc            where the object comes from
//	.eh_frame             how to unwind
//	.debug_*              with Options.Debug, lines and functions (DWARF 4)
//
// Undefined symbols are bpfc_helper_NAME, for each helper that is called, and the weak bpfc_fault.
package objfile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// Options of an object.
type Options struct {
	// Debug adds line tables and functions for debuggers, if the artifact knows source lines.
	Debug bool
}

// UnsupportedError says why an artifact cannot be an object file.
type UnsupportedError struct {
	Name   string // of the artifact's object
	Reason string
}

// Error is one line.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s: cannot be written as an object file: %s", e.Name, e.Reason)
}

// MalformedError says that an artifact contradicts itself: a bug of the back end that made it.
type MalformedError struct {
	Name   string // of the artifact's object
	Detail string
}

// Error is one line.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s: the back end's artifact is malformed: %s", e.Name, e.Detail)
}

// NoteType is the type of the note in .note.bpfc. Its owner is "bpfc", its content:
// codegen.ArtifactSchema (uint32), the artifact's digest (32 bytes), and, each
// ended by a zero byte, the target's name and version and the CPU level.
const NoteType = 1

// Write writes the artifact as an object: same artifact and options, same bytes.
// The artifact must have C entries (codegen.Options.Object). Errors are an
// *UnsupportedError, a *MalformedError or those of w.
func Write(w io.Writer, a *codegen.Artifact, o Options) error {
	names, err := check(a)
	if err != nil {
		return err
	}
	b := &builder{object: object{machine: elf.EM_X86_64}, a: a, names: names}
	b.local(symbol{name: a.Name, typ: elf.STT_FILE, section: elf.SHN_ABS})
	b.sections()
	b.functions()
	b.relocate()
	b.note()
	b.ehFrame()
	if o.Debug {
		b.debug()
	}
	b.add(section{name: ".note.GNU-stack", typ: elf.SHT_PROGBITS, align: 1})
	_, err = w.Write(b.bytes())
	return err
}

type builder struct {
	object
	a      *codegen.Artifact
	names  *names
	text   *section
	rodata *section
	data   []*section
	maps   map[int32]*section // array maps by index
}

// Alignment of code and of the back end's constants: a cache line, the most that a back end may count on.
const imageAlign = 64

// textSection is the index of .text: it is added first.
const textSection = 1

func (b *builder) sections() {
	a := b.a
	b.text = b.add(section{name: ".text", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, align: imageAlign, data: a.Code})
	b.rodata = b.add(section{name: ".rodata.bpfc", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC, align: imageAlign, data: a.Rodata})
	for i := range a.Data {
		b.data = append(b.data, b.add(dataSection(&a.Data[i])))
		b.variables(&a.Data[i])
	}
	b.maps = map[int32]*section{}
	for i := range a.Maps {
		if m := &a.Maps[i]; m.Type == abi.MapTypeArray {
			name, size := b.names.maps[i], m.ArrayBytes()
			b.maps[int32(i)] = b.add(section{name: ".bss." + name, typ: elf.SHT_NOBITS, flags: elf.SHF_ALLOC | elf.SHF_WRITE, align: 16, size: size})
			b.global(symbol{name: name, typ: elf.STT_OBJECT, bind: elf.STB_GLOBAL, section: b.last(), size: size})
		}
	}
}

// dataSection is the ELF section of a data section. Read-only data with
// addresses in it is written by the dynamic linker and then protected: .data.rel.ro.
func dataSection(d *obj.Data) section {
	s := section{typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_WRITE, align: max(uint64(d.Align), 8), data: d.Bytes}
	switch {
	case d.ReadOnly && len(d.Relocs) > 0:
		s.name = ".data.rel.ro" + "." + sanitize(d.Name)
	case d.ReadOnly:
		s.name, s.flags = prefixed(".rodata", d.Name), elf.SHF_ALLOC
	case len(d.Relocs) == 0 && len(bytes.Trim(d.Bytes, "\x00")) == 0:
		s.name, s.typ, s.data, s.size = prefixed(".bss", d.Name), elf.SHT_NOBITS, nil, uint64(len(d.Bytes))
	default:
		s.name = prefixed(".data", d.Name)
	}
	return s
}

// prefixed is name if it is prefix or begins with it and a dot, else made so.
func prefixed(prefix, name string) string {
	if name == prefix || strings.HasPrefix(name, prefix+".") {
		return name
	}
	return prefix + "." + sanitize(name)
}

// variables makes the symbols of the data section added last. They are weak: it
// is not known which were static, and two objects may each have one of a name.
func (b *builder) variables(d *obj.Data) {
	for _, v := range d.Symbols {
		s := symbol{name: v.Name, typ: elf.STT_OBJECT, bind: elf.STB_WEAK, section: b.last(), value: uint64(v.Offset), size: uint64(v.Size)}
		if v.Name == "" || !b.names.claim(v.Name) {
			b.local(s)
		} else {
			b.global(s)
		}
	}
}

// functions makes the symbols of the code: those of C entries are global.
func (b *builder) functions() {
	for i := range b.a.Symbols {
		s := &b.a.Symbols[i]
		name, global := b.names.function(s)
		sym := symbol{name: name, typ: elf.STT_FUNC, bind: elf.STB_GLOBAL, section: textSection, value: uint64(s.Offset), size: uint64(s.Size)}
		if global {
			b.global(sym)
		} else {
			b.local(sym)
		}
	}
}

// relocate makes the relocations of code and data. References within the object
// are to sections, so that no other definition can take their place.
func (b *builder) relocate() {
	undefined := map[string]symRef{}
	extern := func(name string, bind elf.SymBind) symRef {
		if _, ok := undefined[name]; !ok {
			undefined[name] = b.global(symbol{name: name, bind: bind})
		}
		return undefined[name]
	}
	for _, r := range b.a.Relocs {
		typ, sym := elf.R_X86_64_PC32, symRef(0)
		switch r.Kind {
		case codegen.RelocData:
			sym = b.data[r.Index].symbol
		case codegen.RelocRodata:
			sym = b.rodata.symbol
		case codegen.RelocMapValue:
			sym = b.maps[r.Index].symbol
		case codegen.RelocMap: // an opaque argument of helpers, which the linker finds
			sym = extern(b.names.maps[r.Index], elf.STB_GLOBAL)
		case codegen.RelocHelper:
			typ, sym = elf.R_X86_64_PLT32, extern(b.names.helpers[r.Index], elf.STB_GLOBAL)
		case codegen.RelocFaultHook:
			typ, sym = elf.R_X86_64_GOTPCREL, extern(codegen.FaultHook, elf.STB_WEAK)
		}
		b.text.rela(uint64(r.Offset), typ, sym, r.Addend)
	}
	for i := range b.a.Data {
		for _, r := range b.a.Data[i].Relocs {
			b.data[i].rela(uint64(r.Offset), elf.R_X86_64_64, b.data[r.Index].symbol, r.Addend)
		}
	}
}

func (b *builder) note() {
	desc := binary.LittleEndian.AppendUint32(nil, codegen.ArtifactSchema)
	desc = append(desc, b.a.Digest[:]...)
	for _, s := range [...]string{b.a.Target, b.a.Version, b.a.CPU} {
		desc = append(append(desc, cString(s)...), 0)
	}
	const owner = "bpfc\x00"
	var out bytes.Buffer
	write(&out, [3]uint32{uint32(len(owner)), uint32(len(desc)), NoteType})
	out.WriteString(owner)
	pad(&out, 4)
	out.Write(desc)
	pad(&out, 4)
	b.add(section{name: ".note.bpfc", typ: elf.SHT_NOTE, flags: elf.SHF_ALLOC, align: 4, data: out.Bytes()})
}
