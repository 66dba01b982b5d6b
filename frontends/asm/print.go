package asm

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Print writes an object as assembly that Parse reads back to the same
// instructions, maps and data; Auto is Kernel. Source lines become comments,
// except those of the input itself. BTF is not written. It returns an error if
// a name cannot stand for what it names, because something else has it too.
func Print(o *obj.Object, d Dialect) (string, error) {
	if d == Auto {
		d = Kernel
	}
	compiled, ok := syntaxes[d]
	if !ok {
		return "", fmt.Errorf("there is no dialect %q; the dialects are kernel, ubpf and 2014", d)
	}
	p := &printer{syntax: compiled(), object: o, symbols: symbolsOf(o)}
	p.index()
	if o.License != "" {
		fmt.Fprintf(&p.b, ".license %s\n", quote(o.License))
	}
	for _, m := range o.Maps {
		p.mapDef(m)
	}
	for i := range o.Data {
		if err := p.section(i); err != nil {
			return "", err
		}
	}
	for i := range o.Programs {
		if err := p.program(&o.Programs[i]); err != nil {
			return "", err
		}
	}
	return p.b.String(), nil
}

// printer holds the state of one Print.
type printer struct {
	*syntax
	object    *obj.Object
	symbols   map[string]int // how often a name is defined outside programs
	variables map[variable]string
	b         strings.Builder
}

// variable is a place in data.
type variable struct {
	section int
	offset  int64
}

// index names the places in data that have a name of their own.
func (p *printer) index() {
	p.variables = map[variable]string{}
	for i, d := range p.object.Data {
		for _, v := range d.Symbols {
			if p.symbols[v.Name] == 1 {
				p.variables[variable{i, int64(v.Offset)}] = v.Name
			}
		}
	}
}

// symbolsOf counts the names of maps, data sections and variables.
func symbolsOf(o *obj.Object) map[string]int {
	names := map[string]int{}
	for _, m := range o.Maps {
		names[m.Name]++
	}
	for _, d := range o.Data {
		names[d.Name]++
		for _, s := range d.Symbols {
			names[s.Name]++
		}
	}
	return names
}

// mapDef writes the .map of a map.
func (p *printer) mapDef(m abi.MapSpec) {
	fmt.Fprintf(&p.b, ".map %s, type=%s, key=%d, value=%d, entries=%d", symbolText(m.Name), mapTypeText(m.Type), m.KeySize, m.ValueSize, m.MaxEntries)
	if m.Flags != 0 {
		fmt.Fprintf(&p.b, ", flags=%d", m.Flags)
	}
	if m.Inner != 0 && int(m.Inner) <= len(p.object.Maps) {
		fmt.Fprintf(&p.b, ", inner=%s", symbolText(p.object.Maps[m.Inner-1].Name))
	}
	if m.Pinning != 0 {
		fmt.Fprintf(&p.b, ", pinning=%d", m.Pinning)
	}
	p.b.WriteByte('\n')
}

// section writes a data section.
func (p *printer) section(index int) error {
	d := &p.object.Data[index]
	if p.symbols[d.Name] != 1 {
		return fmt.Errorf("the data section %s shares its name with something else", d.Name)
	}
	flags := "aw"
	if d.ReadOnly {
		flags = "a"
	}
	fmt.Fprintf(&p.b, ".section %s, %q\n", quote(d.Name), flags)
	if d.Align > 1 {
		fmt.Fprintf(&p.b, "\t.p2align %d\n", bits.TrailingZeros32(d.Align))
	}
	symbols := slices.Clone(d.Symbols)
	slices.SortStableFunc(symbols, func(a, b obj.DataSymbol) int { return cmp.Compare(a.Offset, b.Offset) })
	relocs, at := d.Relocs, uint32(0)
	for {
		for len(symbols) > 0 && symbols[0].Offset <= at {
			p.symbol(symbols[0])
			symbols = symbols[1:]
		}
		if at >= uint32(len(d.Bytes)) {
			return nil
		}
		if len(relocs) > 0 && relocs[0].Offset == at {
			if err := p.reloc(relocs[0]); err != nil {
				return err
			}
			relocs, at = relocs[1:], at+8
			continue
		}
		end := uint32(len(d.Bytes))
		if len(symbols) > 0 {
			end = min(end, symbols[0].Offset)
		}
		if len(relocs) > 0 {
			end = min(end, max(relocs[0].Offset, at+1))
		}
		p.bytes(d.Bytes[at:end])
		at = end
	}
}

// symbol writes the label of a variable, unless its name is not its own.
func (p *printer) symbol(s obj.DataSymbol) {
	if p.symbols[s.Name] != 1 || s.Name == "" {
		return
	}
	fmt.Fprintf(&p.b, "%s:\n", symbolText(s.Name))
	if s.Size != 0 {
		fmt.Fprintf(&p.b, "\t.size %s, %d\n", symbolText(s.Name), s.Size)
	}
}

// reloc writes an address in data.
func (p *printer) reloc(r obj.DataReloc) error {
	if r.Index < 0 || r.Index >= len(p.object.Data) {
		return fmt.Errorf("an address in data refers to section %d, which does not exist", r.Index)
	}
	fmt.Fprintf(&p.b, "\t.quad %s%+d\n", symbolText(p.object.Data[r.Index].Name), r.Addend)
	return nil
}

// bytes writes data, with long runs of zeros in short.
func (p *printer) bytes(b []byte) {
	for len(b) > 0 {
		n := 0
		for n < len(b) && b[n] == 0 {
			n++
		}
		if n >= 16 || n == len(b) {
			fmt.Fprintf(&p.b, "\t.zero %d\n", n)
			b = b[n:]
			continue
		}
		n = min(16, len(b))
		p.b.WriteString("\t.byte ")
		for i, c := range b[:n] {
			if i > 0 {
				p.b.WriteString(", ")
			}
			fmt.Fprintf(&p.b, "%d", c)
		}
		p.b.WriteByte('\n')
		b = b[n:]
	}
}

// scope is what a program adds to the printer: its labels.
type scope struct {
	*printer
	prog   *obj.Program
	funcs  map[int]string // by slot
	names  map[string]bool
	copies map[string]int // of functions with the same name
	jumps  map[int]bool   // slots that jumps lead to
	label  string         // prefix of jump labels
	refs   map[int]obj.Ref
}

// program writes one program.
func (p *printer) program(prog *obj.Program) error {
	s := &scope{printer: p, prog: prog, funcs: map[int]string{}, names: map[string]bool{}, copies: map[string]int{}, jumps: map[int]bool{}, refs: map[int]obj.Ref{}}
	for _, r := range prog.Refs {
		s.refs[r.Slot] = r
	}
	s.collect()
	s.header()
	lines := prog.Lines
	for slot, in := range prog.Insns {
		if in.Op == isa.Pad {
			continue
		}
		if slot > 0 && s.funcs[slot] != "" {
			fmt.Fprintf(&p.b, "%s:\n", symbolText(s.funcs[slot]))
		}
		if s.jumps[slot] {
			fmt.Fprintf(&p.b, "%s%d:\n", s.label, slot)
		}
		for ; len(lines) > 0 && lines[0].Slot <= slot; lines = lines[1:] {
			s.comment(lines[0])
		}
		text, err := s.insn(slot, in)
		if err != nil {
			return fmt.Errorf("program %s, instruction %d: %w", prog.Name, slot, err)
		}
		fmt.Fprintf(&p.b, "\t%s\n", text)
	}
	return nil
}

// comment writes a source line, unless it is of the input itself.
func (s *scope) comment(l obj.Line) {
	if text := strings.TrimSpace(l.Text); text != "" && l.File != s.object.Name {
		fmt.Fprintf(&s.b, "; %s\n", text)
	}
}

// header begins the program: by its label alone, if it is all that the object has.
func (s *scope) header() {
	o, prog := s.object, s.prog
	if len(o.Programs) == 1 && len(o.Data) == 0 && prog.Section == "" && prog.Type == "" && !prog.Off {
		fmt.Fprintf(&s.b, "%s:\n", symbolText(s.funcs[0]))
		return
	}
	fmt.Fprintf(&s.b, ".program %s", symbolText(prog.Name))
	for _, option := range []struct{ key, value string }{{"section", prog.Section}, {"type", prog.Type}} {
		if option.value != "" {
			fmt.Fprintf(&s.b, ", %s=%s", option.key, quote(option.value))
		}
	}
	if prog.Off {
		s.b.WriteString(", off")
	}
	s.b.WriteByte('\n')
}

// collect names the functions and finds the targets of jumps.
func (s *scope) collect() {
	s.name(0, s.prog.Name)
	for _, f := range s.prog.Funcs {
		if f.Slot != 0 {
			s.name(f.Slot, f.Name)
		}
	}
	for slot, in := range s.prog.Insns {
		if int(in.Op) >= isa.NumOps {
			continue
		}
		to, ok := in.Target(slot)
		if r := s.refs[slot]; r.Kind == obj.RefFunc {
			to = r.Index
		}
		if !ok || to < 0 || to >= len(s.prog.Insns) {
			continue
		}
		if k := in.Row().Kind; k == isa.KindCallLocal || k == isa.KindLoadImm64 {
			if s.funcs[to] == "" {
				s.name(to, fmt.Sprintf("func_%d", to))
			}
		} else {
			s.jumps[to] = true
		}
	}
	s.label = "L"
	for s.taken(s.label) {
		s.label = "." + s.label + "_"
	}
}

// name names the function at a slot, apart from other functions.
func (s *scope) name(slot int, name string) {
	if name == "" {
		name = fmt.Sprintf("func_%d", slot)
	}
	unique := name
	for s.names[unique] {
		s.copies[name]++
		unique = fmt.Sprintf("%s.%d", name, s.copies[name]+1)
	}
	s.names[unique] = true
	s.funcs[slot] = unique
}

// taken reports whether a name begins like the labels of jumps would.
func (s *scope) taken(prefix string) bool {
	begins := func(name string) bool {
		return len(name) > len(prefix) && strings.HasPrefix(name, prefix) && name[len(prefix)] >= '0' && name[len(prefix)] <= '9'
	}
	for name := range s.names {
		if begins(name) {
			return true
		}
	}
	return slices.ContainsFunc(s.prog.Refs, func(r obj.Ref) bool { return begins(r.Name) })
}

// insn writes one instruction with its symbol.
func (s *scope) insn(slot int, in isa.Insn) (string, error) {
	if int(in.Op) >= isa.NumOps || in.Op == isa.Invalid {
		return "", fmt.Errorf("%v is no instruction", in.Op)
	}
	if r, ok := s.refs[slot]; ok {
		return s.reference(in, r)
	}
	to, ok := in.Target(slot)
	if !ok || to < 0 || to >= len(s.prog.Insns) || s.prog.Insns[to].Op == isa.Pad {
		return s.write(in, symbolic{})
	}
	switch in.Row().Kind {
	case isa.KindCallLocal:
		return s.write(in, symbolic{use: useLocal, name: s.funcs[to]})
	case isa.KindLoadImm64:
		return s.write(in, symbolic{use: useSymbol, name: s.funcs[to]})
	}
	return s.write(in, symbolic{use: useJump, name: fmt.Sprintf("%s%d", s.label, to)})
}

// reference writes an instruction with a Ref.
func (s *scope) reference(in isa.Insn, r obj.Ref) (string, error) {
	switch r.Kind {
	case obj.RefHelper:
		if s.names[r.Name] {
			return "", fmt.Errorf("the helper %s has the name of a function of the program", r.Name)
		}
		return s.write(isa.CallHelper(0), symbolic{use: useCall, name: r.Name})
	case obj.RefKfunc:
		if in.Row().Kind == isa.KindLoadImm64 {
			return "", fmt.Errorf("the address of the extern %s has no notation", r.Name)
		}
		return s.write(isa.CallKernel(0, 0), symbolic{use: useKfunc, name: r.Name})
	case obj.RefFunc:
		if s.funcs[r.Index] == "" {
			return "", fmt.Errorf("no function begins at instruction %d, whose address is taken", r.Index)
		}
		return s.write(isa.LoadFunc(in.Dst, 0), symbolic{use: useSymbol, name: s.funcs[r.Index]})
	case obj.RefMap, obj.RefMapValue:
		return s.mapReference(in, r)
	case obj.RefData:
		return s.dataReference(in, r)
	}
	return "", fmt.Errorf("unknown reference of kind %d", r.Kind)
}

func (s *scope) mapReference(in isa.Insn, r obj.Ref) (string, error) {
	if r.Index < 0 || r.Index >= len(s.object.Maps) {
		return "", fmt.Errorf("there is no map with index %d", r.Index)
	}
	name := s.object.Maps[r.Index].Name
	if r.Kind == obj.RefMap {
		return s.write(isa.LoadMapFD(in.Dst, 0), symbolic{use: useMap, name: name})
	}
	return s.write(isa.LoadMapValueFD(in.Dst, 0, 0), symbolic{use: useMapValue, name: name, addend: r.Addend})
}

// dataReference writes the address of a variable, or of a byte of a section.
func (s *scope) dataReference(in isa.Insn, r obj.Ref) (string, error) {
	if r.Index < 0 || r.Index >= len(s.object.Data) {
		return "", fmt.Errorf("there is no data section with index %d", r.Index)
	}
	d := &s.object.Data[r.Index]
	sym := symbolic{use: useSymbol, name: d.Name, addend: r.Addend}
	if v := s.variables[variable{r.Index, r.Addend}]; v != "" && !s.names[v] {
		sym.name, sym.addend = v, 0
	}
	if s.names[sym.name] {
		return "", fmt.Errorf("the data section %s has the name of a function of the program", d.Name)
	}
	return s.write(isa.LoadMapValueFD(in.Dst, 0, 0), sym)
}
