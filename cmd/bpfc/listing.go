package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"golang.org/x/arch/x86/x86asm"
)

// machineCode refuses artifacts that hold no x86-64 code.
func machineCode(u *compilation) (*codegen.Artifact, error) {
	a, err := u.artifact()
	if err == nil && a.Arch != "amd64" {
		return nil, &codegen.UnsupportedError{What: "assembly of back end " + a.Target, Msg: "it makes no machine code; use --backend amd64, or --emit ir"}
	}
	return a, err
}

// emitListing interleaves source lines, BPF instructions and machine code:
//
//	tcpport:
//	; tcpport.c:19:6          if (p + 34 > end)
//	    3: if r2 < 34 goto +5
//	      1c  48 83 fe 22           cmp $0x22,%rsi
func emitListing(u *compilation) ([]byte, error) {
	a, err := machineCode(u)
	if err != nil {
		return nil, err
	}
	guards, err := u.guards()
	if err != nil {
		return nil, err
	}
	l := &listing{artifact: a, object: u.object, guards: guards}
	for i := range a.Symbols {
		l.symbol(&a.Symbols[i])
	}
	return []byte(l.String()), nil
}

// guarded is an instruction of a program by the program's name.
type guarded struct {
	program string
	slot    int
}

// guards are the accesses that are checked at run time, and why.
func (u *compilation) guards() (map[guarded]*verifier.Unproved, error) {
	reports, err := core.Verify(u.object, u.set, u.opts)
	if err != nil {
		return nil, err
	}
	list := map[guarded]*verifier.Unproved{}
	for i := range reports {
		for k := range reports[i].Unproved {
			g := &reports[i].Unproved[k]
			list[guarded{reports[i].Name, g.Slot}] = g
		}
	}
	return list, nil
}

// emitAsm is the machine code as text in GNU syntax.
func emitAsm(u *compilation) ([]byte, error) {
	a, err := machineCode(u)
	if err != nil {
		return nil, err
	}
	l := &listing{artifact: a, plain: true, labels: labels(a.Code)}
	l.WriteString("# for reading: operands in other sections are comments; link the object file\n\t.text\n")
	for i := range a.Symbols {
		l.symbol(&a.Symbols[i])
	}
	return []byte(l.String()), nil
}

// listing writes an artifact's machine code as text.
type listing struct {
	strings.Builder
	artifact *codegen.Artifact
	object   *obj.Object
	plain    bool              // machine code only, with labels
	labels   map[uint64]string // plain: of the targets of branches
	shown    codegen.LineEntry
	source   *obj.Line
	guards   map[guarded]*verifier.Unproved
}

func (l *listing) symbol(s *codegen.Symbol) {
	if l.Len() > 0 && !l.plain {
		l.WriteString("\n")
	}
	if l.plain && s.Global {
		fmt.Fprintf(l, "\t.globl %s\n", s.Name)
	}
	fmt.Fprintf(l, "%s:\n", s.Name)
	l.shown, l.source = codegen.LineEntry{Prog: -1}, nil
	end := min(int(s.Offset)+int(s.Size), len(l.artifact.Code))
	for at := int(s.Offset); at < end; {
		at += l.insn(at, end)
	}
}

// insn writes the instruction at offset at and returns its length.
func (l *listing) insn(at, end int) int {
	code := l.artifact.Code[at:end]
	in, n, ok := decode(code)
	text := unknownInsn(code)
	if ok {
		names := l.name
		if slices.ContainsFunc(in.Args[:], isImmediate) { // a number, which x86asm would take for an address
			names = nil
		}
		// x86asm writes the absent index of an SIB byte as a register.
		text = strings.ReplaceAll(x86asm.GNUSyntax(in, uint64(at), names), ",%riz)", ")")
	}
	text += l.reloc(at, n)
	if l.plain {
		if name := l.labels[uint64(at)]; name != "" {
			fmt.Fprintf(l, "%s:\n", name)
		}
		fmt.Fprintf(l, "\t%s\n", text)
		return n
	}
	l.origin(at)
	fmt.Fprintf(l, "  %6x  %-30s %s\n", at, fmt.Sprintf("% x", code[:n]), text)
	return n
}

func isImmediate(a x86asm.Arg) bool {
	_, ok := a.(x86asm.Imm)
	return ok
}

// decode decodes one instruction; what x86asm does not know is one byte long,
// but for endbr64.
func decode(code []byte) (in x86asm.Inst, n int, ok bool) {
	in, err := x86asm.Decode(code, 64)
	switch {
	case strings.HasPrefix(string(code), endbr64):
		return in, len(endbr64), false
	case err != nil || in.Op == 0 || in.Len == 0:
		return in, 1, false
	}
	return in, in.Len, true
}

// labels names the targets of branches by their offsets.
func labels(code []byte) map[uint64]string {
	names := map[uint64]string{}
	for at := 0; at < len(code); {
		in, n, ok := decode(code[at:])
		at += n
		if rel, isRel := in.Args[0].(x86asm.Rel); ok && isRel {
			to := uint64(int64(at) + int64(rel))
			names[to] = fmt.Sprintf(".L%x", to)
		}
	}
	return names
}

// endbr64 is one of the instructions that x86asm does not know.
const endbr64 = "\xf3\x0f\x1e\xfa"

func unknownInsn(code []byte) string {
	if strings.HasPrefix(string(code), endbr64) {
		return "endbr64"
	}
	return fmt.Sprintf(".byte %#02x", code[0])
}

// origin writes the source line and the BPF instruction of the code at an offset where they change.
func (l *listing) origin(at int) {
	e := l.artifact.Line(uint32(at))
	if e == nil || e.Prog == l.shown.Prog && e.Pos == l.shown.Pos {
		return
	}
	l.shown = *e
	if e.Pos == ir.NoPos || e.Prog < 0 || int(e.Prog) >= len(l.artifact.Entries) {
		return
	}
	entry := &l.artifact.Entries[e.Prog]
	if s := entry.Source(int(e.Pos)); s != nil && (l.source == nil || *s != *l.source) {
		l.source = s
		fmt.Fprintf(l, "; %s:%d:%d\t%s\n", s.File, s.Line, s.Col, strings.TrimSpace(s.Text))
	}
	if p := program(l.object, entry.Name); p != nil && int(e.Pos) < len(p.Insns) {
		fmt.Fprintf(l, "%6d: %s\n", e.Pos, insnText(l.object, p, int(e.Pos)))
		if g := l.guards[guarded{entry.Name, int(e.Pos)}]; g != nil {
			fmt.Fprintf(l, "        ; guard: %s [%s]\n", g.Msg, g.Code)
		}
	}
}

// reloc describes what the linker puts into the n bytes at offset at.
func (l *listing) reloc(at, n int) string {
	for _, r := range l.artifact.Relocs {
		if int(r.Offset) < at || int(r.Offset) >= at+n {
			continue
		}
		return fmt.Sprintf("\t# %s%+d", relocName(l.artifact, r), r.Addend+int64(at+n)-int64(r.Offset))
	}
	return ""
}

func relocName(a *codegen.Artifact, r codegen.Reloc) string {
	i := int(r.Index)
	switch {
	case r.Kind == codegen.RelocData && i < len(a.Data):
		return a.Data[i].Name
	case r.Kind == codegen.RelocMapValue && i < len(a.Maps):
		return a.Maps[i].Name
	case r.Kind == codegen.RelocHelper && i < len(a.Helpers):
		return a.Helpers[i].Name
	case r.Kind == codegen.RelocRodata:
		return "constants"
	}
	return "?"
}

// name is x86asm's symbol look-up.
func (l *listing) name(addr uint64) (string, uint64) {
	if label := l.labels[addr]; label != "" && !l.starts(addr) {
		return label, addr
	}
	for _, s := range l.artifact.Symbols {
		if addr >= uint64(s.Offset) && addr < uint64(s.Offset)+uint64(s.Size) {
			return s.Name, uint64(s.Offset)
		}
	}
	return "", 0
}

// insnText is the BPF instruction at a slot in the kernel's dialect, with the
// names of what it refers to.
func insnText(o *obj.Object, p *obj.Program, slot int) string {
	in := p.Insns[slot]
	if in.Op == isa.Pad {
		return ""
	}
	for _, r := range p.Refs {
		if r.Slot == slot {
			return in.Format(refName(o, p, r))
		}
	}
	return in.String()
}

func refName(o *obj.Object, p *obj.Program, r obj.Ref) string {
	name := r.Name
	switch {
	case (r.Kind == obj.RefMap || r.Kind == obj.RefMapValue) && r.Index < len(o.Maps):
		name = o.Maps[r.Index].Name
	case r.Kind == obj.RefData && r.Index < len(o.Data):
		name = o.Data[r.Index].Name
	case r.Kind == obj.RefFunc:
		name = fmt.Sprintf("func_%d", r.Index)
		for _, f := range p.Funcs {
			if f.Slot == r.Index {
				name = f.Name
			}
		}
	}
	if r.Addend != 0 {
		name += fmt.Sprintf("%+d", r.Addend)
	}
	return name
}

// starts reports whether a symbol begins at the offset.
func (l *listing) starts(offset uint64) bool {
	return slices.ContainsFunc(l.artifact.Symbols, func(s codegen.Symbol) bool { return uint64(s.Offset) == offset })
}
