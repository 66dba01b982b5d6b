package ir

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
)

// The text form, one statement a line; `;` begins a comment:
//
//	program "main" section "mem" type "mem" license "GPL"
//	map "counts" type 2 key 4 value 8 entries 16
//	  special lock 4 4
//	data ".rodata" align 8 readonly
//	  bytes "00010203"
//	  symbol "table" 0 4
//	  reloc 8 data@0 4
//	helper "test/each"(map, func, any) ret structornull id 5 impl go
//	  arg 0 size 8 struct "flow"
//	  result size 8 struct "sock"
//	  returns -1 3
//	  value 3 "FULL"
//	  callback(map, scalar) many returns 0 1
//	  dynptr local
//	line 0 "prog.c" 12 9 "return *p;"
//	func@0 "main" pos 0 frame 16 global (mem 16 nonnull, scalar) {
//	b0:
//	  r1 = addr value@0, 8 @0
//	  guard.mem.w32 [r1+r3*4+8], region 4, rule memory @2
//	  store.u32 [r1+r3*4+8], 7 @2
//	  br32 ugt r2, 4 -> b1, b2 @3
//	…
//	}
//	func@1 "in SSA form" pos 5 frame 0 virtual 3 {
//	b0:
//	  v32 = mov64 r1
//	  jmp -> b1(v32)
//	b1(v33):
//	…
//
// A mnemonic is the op's name, its width where it has one, and its size in bits
// (u, s: sign-extended; guards: r, w) and memory order. Attributes that are zero are left out; an instruction
// without @slot has NoPos. Where Width means nothing it is not printed, and
// parses as 64, which is what Lift sets.

// String is the program in the text form. Parse is its inverse for every
// program that passes Check.
func String(p *Program) string {
	w := &printer{}
	fmt.Fprintf(w, "program %q section %q type %q", p.Name, p.Section, p.Type)
	w.text("license", p.License)
	w.WriteByte('\n')
	for i := range p.Maps {
		w.mapSpec(&p.Maps[i])
	}
	for i := range p.Data {
		w.data(&p.Data[i])
	}
	for i := range p.Helpers {
		w.helper(&p.Helpers[i])
	}
	for _, l := range p.Lines {
		w.line("line %d %q %d %d %q", l.Slot, l.File, l.Line, l.Col, l.Text)
	}
	for i, f := range p.Funcs {
		w.function(i, f)
	}
	return w.String()
}

// String is the instruction as a line of the text form.
func (i *Insn) String() string {
	w := &printer{}
	w.insn(i, [2][]Reg{})
	return w.String()
}

// printer collects the text.
type printer struct{ strings.Builder }

func (w *printer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *printer) mapSpec(m *abi.MapSpec) {
	fmt.Fprintf(w, "map %q", m.Name)
	for _, a := range mapAttrs(m) {
		w.attr(a)
	}
	if m.Extra != 0 {
		fmt.Fprintf(w, " extra %d", m.Extra)
	}
	w.WriteByte('\n')
	w.special(m.Special)
}

func (w *printer) special(list []abi.Special) {
	for _, s := range list {
		w.line("  special %s %d %d", nameOf(specialNames[:], s.Kind), s.Offset, s.Size)
	}
}

// text prints a string that is not empty.
func (w *printer) text(name, value string) {
	if value != "" {
		fmt.Fprintf(w, " %s %q", name, value)
	}
}

// word prints a word that stands for true.
func (w *printer) word(is bool, word string) {
	if is {
		w.WriteString(" " + word)
	}
}

func (w *printer) attr(a attr) {
	if *a.value != 0 {
		fmt.Fprintf(w, " %s %d", a.name, *a.value)
	}
}

func (w *printer) data(d *obj.Data) {
	fmt.Fprintf(w, "data %q", d.Name)
	w.attr(attr{"align", &d.Align})
	if d.ReadOnly {
		w.WriteString(" readonly")
	}
	w.WriteByte('\n')
	w.bytes("bytes", d.Bytes)
	for _, s := range d.Symbols {
		w.line("  symbol %q %d %d", s.Name, s.Offset, s.Size)
	}
	for _, r := range d.Relocs {
		w.line("  reloc %d data@%d %d", r.Offset, r.Index, r.Addend)
	}
	w.special(d.Special)
}

// bytesPerLine keeps lines of bytes short enough to read.
const bytesPerLine = 32

func (w *printer) bytes(keyword string, b []byte) {
	for ; len(b) > bytesPerLine; b = b[bytesPerLine:] {
		w.line("  %s \"%x\"", keyword, b[:bytesPerLine])
	}
	if len(b) > 0 {
		w.line("  %s \"%x\"", keyword, b)
	}
}

func (w *printer) helper(h *abi.Helper) {
	flags := uint32(h.Flags)
	fmt.Fprintf(w, "helper %q%s ret %s impl %s", h.Name, kindList(h.Args[:], argNames[:]), nameOf(retNames[:], h.Ret), nameOf(implNames[:], h.Impl))
	w.attr(attr{"id", &h.ID})
	w.attr(attr{"flags", &flags})
	w.text("c", h.C)
	w.WriteByte('\n')
	for i := range h.Args {
		w.target(fmt.Sprintf("  arg %d", i), h.Sizes[i], h.Structs[i])
	}
	w.target("  result", h.RetSize, h.RetStruct)
	if r := &h.Returns; r.Min != 0 || r.Max != 0 || r.Zero || len(r.Names) > 0 {
		w.WriteString(" ")
		w.values(r)
	}
	if c := h.Callback; c != nil {
		w.WriteString("  callback" + kindList(c.Args[:], callbackNames[:]))
		w.word(c.Async, "async")
		w.word(c.Many, "many")
		w.values(&c.Returns)
	}
	if h.Dynptr != abi.DynptrNone {
		w.line("  dynptr %s", nameOf(dynptrNames[:], h.Dynptr))
	}
	if h.Intrinsic != abi.IntrinsicNone {
		w.WriteString("  intrinsic " + nameOf(intrinsicNames[:], h.Intrinsic))
		w.text("with", h.With)
		w.WriteByte('\n')
	}
	w.bytes("body", h.Body)
	if h.NativeTarget != "" {
		w.line("  target %q", h.NativeTarget)
	}
	w.bytes("native", h.Native)
}

// target prints what an argument or a result leads to, if there is something to say.
func (w *printer) target(what string, size uint32, structure string) {
	if size == 0 && structure == "" {
		return
	}
	w.WriteString(what)
	w.attr(attr{"size", &size})
	w.text("struct", structure)
	w.WriteByte('\n')
}

// values prints a range at the end of a line, and its names.
func (w *printer) values(r *abi.Range) {
	fmt.Fprintf(w, " returns %d %d", r.Min, r.Max)
	w.word(r.Zero, "zero")
	w.WriteByte('\n')
	for _, v := range slices.Sorted(maps.Keys(r.Names)) {
		w.line("  value %d %q", v, r.Names[v])
	}
}

// kindList is the kinds up to the last that is not none: "(map, any)".
func kindList[T ~uint8](kinds []T, names []string) string {
	for len(kinds) > 0 && kinds[len(kinds)-1] == 0 {
		kinds = kinds[:len(kinds)-1]
	}
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = nameOf(names, k)
	}
	return "(" + strings.Join(words, ", ") + ")"
}

func (w *printer) function(i int, f *Func) {
	fmt.Fprintf(w, "func@%d %q pos %d frame %d", i, f.Name, f.Pos, f.Frame)
	if f.Virtual != 0 {
		fmt.Fprintf(w, " virtual %d", f.Virtual)
	}
	w.word(f.Global, "global")
	w.params(f.Params)
	w.WriteString(" {\n")
	for _, b := range f.Blocks {
		w.label(b)
		for j := range b.Insns {
			w.WriteString("  ")
			w.insn(&b.Insns[j], b.Args)
			w.WriteByte('\n')
		}
	}
	w.line("}")
}

func (w *printer) params(list []obj.Param) {
	for i, p := range list {
		w.WriteString([...]string{" (", ", "}[min(i, 1)] + nameOf(paramNames[:], p.Kind))
		if p.Size != 0 {
			fmt.Fprintf(w, " %d", p.Size)
		}
		w.text("struct", p.Struct)
		w.word(p.NonNull, "nonnull")
	}
	if len(list) > 0 {
		w.WriteByte(')')
	}
}

func (w *printer) label(b *Block) {
	w.blockWith(b.ID, b.Params)
	w.WriteString(":\n")
}

// blockWith prints a block's name with its parameters, or with what an edge gives to them.
func (w *printer) blockWith(b BlockID, regs []Reg) {
	fmt.Fprintf(w, "b%d", b)
	if len(regs) > 0 {
		names := make([]string, len(regs))
		for i, r := range regs {
			names[i] = r.String()
		}
		fmt.Fprintf(w, "(%s)", strings.Join(names, ", "))
	}
}

// insn prints an instruction; args are those of its block, if it ends one.
func (w *printer) insn(i *Insn, args [2][]Reg) {
	if !i.Op.valid() {
		fmt.Fprintf(w, "invalid op %d", i.Op)
		return
	}
	if i.Dst != None {
		w.WriteString(i.Dst.String() + " = ")
	}
	w.WriteString(i.mnemonic())
	f := &forms[i.Op]
	if f.has(fCond) {
		w.WriteString(" " + nameOf(condNames[:], i.Cond))
	}
	for n, o := range i.operands() {
		w.WriteString([...]string{" ", ", "}[min(n, 1)] + o)
	}
	if f.has(fThen) {
		w.WriteString(" -> ")
		w.blockWith(i.Then, args[0])
	}
	if f.has(fElse) {
		w.WriteString(", ")
		w.blockWith(i.Else, args[1])
	}
	if i.Pos != NoPos {
		fmt.Fprintf(w, " @%d", i.Pos)
	}
}

// operands are the operands in their order; the parser reads the same order.
func (i *Insn) operands() (list []string) {
	f, e := &forms[i.Op], i.Op.Info().Effects
	add := func(used bool, text func() string) {
		if used {
			list = append(list, text())
		}
	}
	add(e.Has(UseMem), i.address)
	add(e.Has(UseRef), i.Ref.String)
	add(i.readsA(), i.A.String)
	add(i.readsB(), i.B.String)
	add(i.readsImm(), func() string { return strconv.FormatInt(i.Imm, 10) })
	add(f.has(fRegion), func() string { return fmt.Sprintf("region %d", i.Region) })
	add(f.has(fRule), func() string { return "rule " + nameOf(ruleNames[:], i.Rule) })
	return list
}

// address is the memory operand: "[r1+r2*8-4]".
func (i *Insn) address() string {
	s := "[" + i.Base.String()
	if i.Index != None {
		s += fmt.Sprintf("+%s*%d", i.Index, i.Scale)
	}
	if i.Disp != 0 {
		s += fmt.Sprintf("%+d", i.Disp)
	}
	return s + "]"
}

// mnemonic is the op with its width, size and order: "load.s16.acquire".
func (i *Insn) mnemonic() string {
	f, s := &forms[i.Op], i.Op.String()
	if f.has(fWidth) {
		s += strconv.Itoa(int(i.Width))
	}
	if f.sizes != 0 {
		s += fmt.Sprintf(".%c%d", i.sizeLetter(), 8*int(i.Size))
	}
	if i.Order != Plain {
		s += "." + i.Order.String()
	}
	return s
}

func (i *Insn) sizeLetter() byte {
	switch {
	case i.Sign || i.Op == OpSext:
		return 's'
	case i.Write:
		return 'w'
	case forms[i.Op].has(fWrite):
		return 'r'
	}
	return 'u'
}
