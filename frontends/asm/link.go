package asm

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// textSection is the section of functions that are no programs themselves.
const textSection = ".text"

// maxSlots bounds the instructions of all programs together: functions that
// many programs share multiply their size. Linux's own limit is a million for one.
const maxSlots = 1 << 22

// unit is what is linked as a whole: a function of a section, or a program of its own.
type unit struct {
	b          *block
	start, end int // slots of b
	name       string
	global     bool
	called     bool // by another unit
}

// place is a slot of a block.
type place struct {
	b    *block
	slot int
}

// linker joins the units into programs.
type linker struct {
	*parser
	shared map[string]place // labels of all sections
	units  map[*block][]*unit
	slots  int // of all programs
}

// link makes the programs of the object from the blocks.
func (p *parser) link() error {
	if err := p.finishData(); err != nil {
		return err
	}
	if err := p.finishMaps(); err != nil {
		return err
	}
	p.settleImplicit()
	l := &linker{parser: p, shared: map[string]place{}, units: map[*block][]*unit{}}
	if err := l.share(); err != nil {
		return err
	}
	if err := l.divide(); err != nil {
		return err
	}
	for _, entry := range l.entries() {
		if err := l.linkProgram(entry); err != nil {
			return err
		}
	}
	if len(p.object.Programs) == 0 {
		return &Error{File: p.file, Text: "there is no instruction in the input"}
	}
	return nil
}

// finishMaps resolves the names of inner maps.
func (p *parser) finishMaps() error {
	for _, n := range p.inner {
		at, ok := p.mapAt[n.name]
		if !ok {
			return p.at(n.line, wrong(n.col, "there is no map %s", n.name))
		}
		p.object.Maps[n.to].Inner = uint32(at) + 1
	}
	return nil
}

// settleImplicit decides what the code before the first directive is: a
// section like .text if symbols are declared as compilers do, else a program.
func (p *parser) settleImplicit() {
	b := p.blocks[0]
	if len(b.stmts) == 0 {
		p.blocks = p.blocks[1:]
		return
	}
	if len(p.global)+len(p.function) > 0 {
		b.linked, b.name = false, textSection
		return
	}
	b.name = programName(p.file)
	for _, name := range b.at[0] {
		if !b.targets[name] {
			b.name = name
			return
		}
	}
}

// share collects the labels of the sections, which see one another.
func (l *linker) share() error {
	for _, b := range l.blocks {
		if b.linked {
			continue
		}
		for slot := range len(b.stmts) + 1 {
			for _, name := range b.at[slot] {
				if old, ok := l.shared[name]; ok {
					return l.at(b.labels[name].line, wrong(0, "the label %s is already defined on line %d", name, old.b.labels[name].line+1))
				}
				l.shared[name] = place{b, slot}
			}
		}
	}
	return nil
}

// label finds a label that b sees.
func (l *linker) label(b *block, name string) (place, bool) {
	if at, ok := b.labels[name]; ok {
		return place{b, at.slot}, true
	}
	at, ok := l.shared[name]
	return at, ok && !b.linked
}

// firstExit: for jumps, the uBPF assembler predefines the label exit at the first
// exit instruction; a quarter of the conformance suite jumps there.
func (l *linker) firstExit(b *block, name string) (place, bool) {
	if l.syntax.name != UBPF || name != "exit" {
		return place{}, false
	}
	return place{b, b.exit}, b.exit >= 0
}

// callee returns the function that a statement calls or takes the address of.
func (l *linker) callee(b *block, slot int) (place, bool) {
	s := b.stmts[slot]
	if s.ref != nil {
		switch s.ref.use {
		case useCall, useLocal, useSymbol:
			return l.label(b, s.ref.name)
		}
		return place{}, false
	}
	if k := s.insn.Row().Kind; k == isa.KindCallLocal || k == isa.KindLoadImm64 {
		to, ok := s.insn.Target(slot)
		return place{b, to}, ok
	}
	return place{}, false
}

// divide splits every section into its functions. A program of its own stays whole.
func (l *linker) divide() error {
	starts := map[place]bool{}
	for _, b := range l.blocks {
		starts[place{b, 0}] = true
		for slot := range b.stmts {
			to, ok := l.callee(b, slot)
			if !ok {
				continue
			}
			if to.slot < 0 || to.slot >= len(to.b.stmts) || to.b.stmts[to.slot].insn.Op == isa.Pad {
				return l.at(b.stmts[slot].line, wrong(0, "no instruction begins at slot %d, where this leads to; there are slots 0 to %d", to.slot, len(to.b.stmts)-1))
			}
			starts[to] = true
		}
		for name, at := range b.labels {
			if l.function[name] || l.global[name] {
				starts[place{b, at.slot}] = true
			}
		}
	}
	for _, b := range l.blocks {
		l.units[b] = l.split(b, starts)
	}
	l.markCalled()
	return nil
}

// split makes the units of a block.
func (l *linker) split(b *block, starts map[place]bool) []*unit {
	if b.linked {
		return []*unit{{b: b, end: len(b.stmts), name: b.name, global: true}}
	}
	var units []*unit
	for slot := range b.stmts {
		if !starts[place{b, slot}] {
			continue
		}
		if n := len(units); n > 0 {
			units[n-1].end = slot
		}
		u := &unit{b: b, start: slot, end: len(b.stmts), name: l.funcName(b, slot)}
		u.global = l.global[u.name]
		units = append(units, u)
	}
	return units
}

// funcName names the function at a slot by its first label, declared ones
// first and those that compilers make for blocks last.
func (l *linker) funcName(b *block, slot int) string {
	best, rank := fmt.Sprintf("func_%d", slot), 0
	for _, name := range b.at[slot] {
		r := 2
		switch {
		case l.global[name]:
			r = 4
		case l.function[name]:
			r = 3
		case strings.HasPrefix(name, ".L"):
			r = 1
		}
		if r > rank {
			best, rank = name, r
		}
	}
	return best
}

// markCalled notes which functions are called by others.
func (l *linker) markCalled() {
	for _, b := range l.blocks {
		for slot := range b.stmts {
			if to, ok := l.callee(b, slot); ok {
				u := l.unitAt(to)
				u.called = u.called || u != l.unitAt(place{b, slot})
			}
		}
	}
}

// unitAt returns the unit that holds a place, which is an instruction.
func (l *linker) unitAt(at place) *unit {
	list := l.units[at.b]
	return list[sort.Search(len(list), func(i int) bool { return list[i].end > at.slot })]
}

// entries returns the functions that are programs: of each section the global
// ones, or without any those that nothing calls; of .text, which holds
// subprograms, only if no other section has a program.
func (l *linker) entries() []*unit {
	var out, text []*unit
	for _, b := range l.blocks {
		global := slices.ContainsFunc(l.units[b], func(u *unit) bool { return u.global })
		for _, u := range l.units[b] {
			switch {
			case b.name == textSection && !b.linked:
				if !u.called && (u.global || !global) {
					text = append(text, u)
				}
			case u.global || !global && !u.called:
				out = append(out, u)
			}
		}
	}
	if len(out) == 0 {
		out = text
	}
	for _, b := range l.blocks {
		if len(out) == 0 && len(l.units[b]) > 0 { // functions that call one another in a circle
			out = l.units[b][:1]
		}
	}
	return out
}

// program is a program that is being linked.
type program struct {
	*linker
	out   obj.Program
	base  map[*unit]int // slot of each unit's first instruction
	queue []*unit
	size  int            // slots of all units in the queue
	lines []int          // source line by slot
	funcs map[int]string // functions that were referred to, by slot
}

// linkProgram links an entry with the functions that it reaches, in the order in which it reaches them.
func (l *linker) linkProgram(entry *unit) error {
	b := entry.b
	p := &program{linker: l, base: map[*unit]int{}, funcs: map[int]string{0: entry.name}}
	p.out = obj.Program{Name: entry.name, Section: b.section, Type: b.typ, Off: b.off}
	if !b.linked && b.name != textSection {
		p.out.Section, p.out.Off = strings.CutPrefix(b.name, "?")
	}
	p.add(entry)
	for i := 0; i < len(p.queue); i++ {
		u := p.queue[i]
		if l.slots += u.end - u.start; l.slots > maxSlots {
			return &Error{File: l.file, Text: fmt.Sprintf("the programs have more than %d instructions together", maxSlots), Unsupported: true}
		}
		for slot := u.start; slot < u.end; slot++ {
			if err := p.step(u, slot); err != nil {
				return err
			}
		}
	}
	if err := isa.Check(p.out.Insns); err != nil {
		return p.explain(err)
	}
	p.finish()
	p.object.Programs = append(p.object.Programs, p.out)
	return nil
}

// add puts a unit at the end of the program, unless it is there, and returns its base.
func (p *program) add(u *unit) int {
	base, ok := p.base[u]
	if !ok {
		base = p.size
		p.base[u] = base
		p.size += u.end - u.start
		p.queue = append(p.queue, u)
	}
	return base
}

// slotOf returns where a place is in the program, adding its unit.
func (p *program) slotOf(at place) int {
	u := p.unitAt(at)
	return p.add(u) + at.slot - u.start
}

// step links one statement.
func (p *program) step(u *unit, slot int) error {
	s := u.b.stmts[slot]
	at := len(p.out.Insns)
	if to, ok := p.callee(u.b, slot); ok {
		p.refer(&s.insn, at, to)
	} else if f := p.symbol(u, slot, &s, at); f != nil {
		return p.at(s.line, f)
	}
	p.out.Insns = append(p.out.Insns, s.insn)
	p.lines = append(p.lines, s.line)
	return nil
}

// refer makes an instruction a call of a function, or a load of its address.
func (p *program) refer(in *isa.Insn, at int, to place) {
	target := p.slotOf(to)
	if p.funcs[target] == "" {
		p.funcs[target] = p.funcName(to.b, to.slot)
	}
	off := int32(target - at - 1)
	if in.Row().Kind != isa.KindLoadImm64 {
		*in = isa.CallFunc(off)
		return
	}
	*in = isa.LoadFunc(in.Dst, off)
	p.out.Refs = append(p.out.Refs, obj.Ref{Slot: at, Kind: obj.RefFunc, Index: target})
}

// symbol resolves everything but functions.
func (p *program) symbol(u *unit, slot int, s *stmt, at int) *fault {
	if s.ref == nil {
		return p.numericJump(u, slot, s.insn)
	}
	ref := obj.Ref{Slot: at, Addend: s.ref.addend}
	switch s.ref.use {
	case useJump:
		return p.jump(u, slot, s)
	case useLocal:
		return wrong(s.ref.col, "there is no function %s", s.ref.name)
	case useCall:
		s.insn = isa.CallHelper(0)
		ref.Kind, ref.Name = obj.RefHelper, s.ref.name
	case useKfunc:
		s.insn = isa.CallKernel(0, 0)
		ref.Kind, ref.Name = obj.RefKfunc, s.ref.name
	default:
		if f := p.variable(s, &ref); f != nil {
			return f
		}
	}
	p.out.Refs = append(p.out.Refs, ref)
	return nil
}

// variable resolves the symbol of an lddw that is no function.
func (p *program) variable(s *stmt, ref *obj.Ref) *fault {
	index, isMap := p.mapAt[s.ref.name]
	data, isData := p.findData(s.ref.name)
	isData = isData && s.ref.use == useSymbol
	switch {
	case isData:
		s.insn = isa.LoadMapValueFD(s.insn.Dst, 0, 0)
		ref.Kind, ref.Index, ref.Addend = obj.RefData, data.d.index, int64(data.offset)+s.ref.addend
	case isMap && s.ref.use == useMapValue:
		s.insn = isa.LoadMapValueFD(s.insn.Dst, 0, 0)
		ref.Kind, ref.Index = obj.RefMapValue, index
	case isMap && s.ref.addend == 0:
		s.insn = isa.LoadMapFD(s.insn.Dst, 0)
		ref.Kind, ref.Index = obj.RefMap, index
	case isMap:
		return wrong(s.ref.col, "nothing can be added to a map; write map[%s][0]%+d for its value", s.ref.name, s.ref.addend)
	case s.ref.use == useSymbol:
		return wrong(s.ref.col, "%s is not defined: there is no such function, map or variable", s.ref.name)
	default:
		return wrong(s.ref.col, "there is no map %s; define it with .map", s.ref.name)
	}
	return nil
}

// jump resolves the label of a jump, which must be in the same function.
func (p *program) jump(u *unit, slot int, s *stmt) *fault {
	to, ok := p.label(u.b, s.ref.name)
	if !ok {
		to, ok = p.firstExit(u.b, s.ref.name)
	}
	switch {
	case !ok:
		return wrong(s.ref.col, "the label %s is not defined", s.ref.name)
	case to.b == u.b && to.slot == len(u.b.stmts):
		return wrong(s.ref.col, "no instruction follows the label %s", s.ref.name)
	case to.b != u.b || to.slot < u.start || to.slot >= u.end:
		return wrong(s.ref.col, "the label %s is not within the function %s", s.ref.name, u.name)
	}
	off := int64(to.slot - slot - 1)
	if s.insn.Row().OffUse == isa.Operand && off != int64(int16(off)) {
		return wrong(s.ref.col, "%s is %d slots away, which does not fit into 16 bits; a 32-bit jump reaches further", s.ref.name, off)
	}
	setJump(&s.insn, off)
	return nil
}

// numericJump refuses a jump by offset that leaves its function.
func (p *program) numericJump(u *unit, slot int, in isa.Insn) *fault {
	to, ok := in.Target(slot)
	if ok && (to < u.start || to >= u.end) {
		return wrong(0, "the jump leads to instruction %d, outside %s", to, u.name)
	}
	return nil
}

// explain adds the source line to an error about a slot of the program.
func (p *program) explain(err error) error {
	var e *isa.Error
	if !errors.As(err, &e) || e.Slot >= len(p.lines) {
		return &Error{File: p.file, Text: err.Error(), Err: err}
	}
	f := wrong(0, "%s", e.Text)
	f.err = err
	return p.at(p.lines[e.Slot], f)
}

// finish sets functions and source lines.
func (p *program) finish() {
	for slot, name := range p.funcs {
		p.out.Funcs = append(p.out.Funcs, obj.FuncInfo{Slot: slot, Name: name})
	}
	slices.SortFunc(p.out.Funcs, func(a, b obj.FuncInfo) int { return a.Slot - b.Slot })
	for slot, line := range p.lines {
		if p.out.Insns[slot].Op == isa.Pad {
			continue
		}
		text := strings.TrimRight(p.source[line], "\r")
		p.out.Lines = append(p.out.Lines, obj.Line{Slot: slot, File: p.file, Line: line + 1, Text: text})
	}
}
