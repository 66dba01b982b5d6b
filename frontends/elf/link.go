package elf

import (
	"cmp"
	stdelf "debug/elf"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// link links every program of the object.
func (f *file) link(limit int) ([]obj.Program, error) {
	entries, err := f.entries()
	if err != nil {
		return nil, err
	}
	var programs []obj.Program
	total := 0
	for _, e := range entries {
		l := linker{file: f, limit: min(limit, maxLinked-total), base: map[*unit]int{}}
		if err := l.program(e.name, e.unit); err != nil {
			return nil, err
		}
		total += len(l.out.Insns)
		programs = append(programs, l.out)
	}
	return programs, nil
}

// linker builds one program. Units are appended in the order in which a
// depth-first walk over the calls first meets them, which is libbpf's, so that
// instruction numbers agree with those in the kernel's messages:
//
//	slot 0      entry
//	            first function that entry calls
//	            first function that this one calls …
//	            second function that entry calls …
type linker struct {
	file  *file
	limit int // slots
	out   obj.Program
	base  map[*unit]int // first slot of each unit that has been appended
	walk  []visit       // the units that are being walked, the innermost last
}

// visit is the state of the walk over one unit.
type visit struct {
	unit *unit
	base int
	next int // slot of the unit
	rel  int // first relocation not yet used
}

// program links u, called name, with everything that it reaches.
func (l *linker) program(name string, u *unit) error {
	l.out = obj.Program{Name: name}
	l.out.Section, l.out.Off = sectionName(u.section.name)
	if _, err := l.append(u); err != nil {
		return err
	}
	for len(l.walk) > 0 {
		v := &l.walk[len(l.walk)-1]
		if v.next == len(v.unit.insns) {
			if v.rel < len(v.unit.rel) {
				return misplaced(v.unit, v.unit.rel[v.rel])
			}
			l.walk = l.walk[:len(l.walk)-1]
			continue
		}
		if err := l.step(v); err != nil {
			return err
		}
	}
	l.order()
	return nil
}

// append adds a unit to the program and to the walk and returns its first slot.
func (l *linker) append(u *unit) (int, error) {
	if base, ok := l.base[u]; ok {
		return base, nil
	}
	base := len(l.out.Insns)
	if len(u.insns) > l.limit-base {
		return 0, unsupported(CodeLimit, "linked with the functions that it calls, the program %s has more than %d instructions", l.out.Name, l.limit).in(u.where(), max(u.start, 0)).on(u.name)
	}
	l.base[u] = base
	l.out.Insns = append(l.out.Insns, u.insns...)
	l.out.Funcs = append(l.out.Funcs, l.file.describe(u, base))
	if u.section != nil {
		if err := u.adapt(l.out.Insns[base:]); err != nil {
			return 0, err
		}
	}
	l.appendLines(u, base)
	l.walk = append(l.walk, visit{unit: u, base: base})
	return base, nil
}

// appendLines adds the source lines of a unit. A unit whose first instruction
// has none gets an empty line, which ends the last one of the unit before.
func (l *linker) appendLines(u *unit, base int) {
	lines := u.lines()
	if len(l.out.Lines) > 0 && (len(lines) == 0 || lines[0].Slot > u.start) {
		l.out.Lines = append(l.out.Lines, obj.Line{Slot: base})
	}
	for _, line := range lines {
		line.Slot += base - u.start
		l.out.Lines = append(l.out.Lines, line)
	}
}

// lines returns the source lines of the unit; their slots count from the beginning of the section.
func (u *unit) lines() []obj.Line {
	if u.section == nil {
		return nil
	}
	bySlot := func(a obj.Line, slot int) int { return cmp.Compare(a.Slot, slot) }
	all := u.section.lines
	first, _ := slices.BinarySearchFunc(all, u.start, bySlot)
	last, _ := slices.BinarySearchFunc(all, u.end, bySlot)
	return all[first:last]
}

// step links one instruction. It may append a unit and so move v.
func (l *linker) step(v *visit) error {
	u, i := v.unit, v.next
	in := &l.out.Insns[v.base+i]
	v.next += in.Slots()
	if v.rel < len(u.rel) {
		r := u.rel[v.rel]
		if at := uint64(u.start+i) * isa.SlotSize; r.offset < at {
			return misplaced(u, r)
		} else if r.offset == at {
			v.rel++
			return l.relocate(u, i, v.base+i, r)
		}
	}
	target, ok := in.Target(i)
	if !ok {
		return nil
	}
	switch in.Row().Kind {
	case isa.KindCallLocal, isa.KindLoadImm64:
		return l.refer(u, i, v.base+i, u.section, u.start+target)
	}
	if target < 0 || target >= len(u.insns) || u.insns[target].Op == isa.Pad {
		return malformed(CodeFunction, "the jump to instruction %d leaves the function or leads into an lddw", u.start+target).in(u.where(), u.start+i).on(u.name)
	}
	return nil
}

// misplaced refuses a relocation where no instruction begins.
func misplaced(u *unit, r reloc) error {
	return malformed(CodeReloc, "the relocation at %#x is not at the beginning of an instruction", r.offset).in(u.where(), -1).on(u.name)
}

// relocate links the instruction at slot i of u, which is slot at of the program, by r.
func (l *linker) relocate(u *unit, i, at int, r reloc) error {
	y, err := l.file.symbolOf(u.section, r)
	if err != nil {
		return err
	}
	kind := l.out.Insns[at].Row().Kind
	call := kind == isa.KindCallLocal || kind == isa.KindCallHelper
	switch {
	case r.typ == relocImm64 && kind == isa.KindLoadImm64:
		return l.address(u, i, at, r, y)
	case r.typ == relocCall32 && call:
		return l.call(u, i, at, r, y)
	case r.typ == relocImm64 || r.typ == relocCall32:
		return l.fail(malformed(CodeReloc, "a relocation of type %d does not fit the instruction %v", r.typ, l.out.Insns[at]), u, i, y)
	}
	return l.fail(unsupported(CodeReloc, "relocation type %d in code is not supported", r.typ), u, i, y)
}

// fail adds the place of the instruction and the symbol.
func (l *linker) fail(e *Error, u *unit, i int, y *stdelf.Symbol) error {
	return e.in(u.where(), u.start+i).on(l.file.title(y))
}

// call links a call: of a function of the object, of a built-in one, or of an
// extern that is resolved by name later.
func (l *linker) call(u *unit, i, at int, r reloc, y *stdelf.Symbol) error {
	in := &l.out.Insns[at]
	if y.Section == stdelf.SHN_UNDEF {
		if body, ok := builtins[y.Name]; ok {
			return l.builtin(y.Name, body, at)
		}
		if y.Name == "" {
			return l.fail(malformed(CodeReloc, "the call has no name"), u, i, y)
		}
		*in = isa.CallHelper(0)
		l.out.Refs = append(l.out.Refs, obj.Ref{Slot: at, Kind: l.file.externKind(y.Name), Name: y.Name})
		return nil
	}
	s := l.file.sectionOf(y)
	if s == nil || !s.code() {
		return l.fail(malformed(CodeReloc, "the call leads to a symbol that is no function"), u, i, y)
	}
	// In place, the addend is stored as the immediate of a call: in slots, less one.
	addend := (in.Imm + 1) * isa.SlotSize
	if r.explicit {
		addend = r.addend
	}
	to := int64(y.Value) + addend
	if to < 0 || to%isa.SlotSize != 0 || uint64(to) >= s.size {
		return l.fail(malformed(CodeReloc, "the call leads to offset %d of section %s, where no instruction begins", to, s.name), u, i, y)
	}
	*in = isa.CallFunc(0)
	return l.refer(u, i, at, s, int(to/isa.SlotSize))
}

// builtin links a call of one of the functions that this package supplies.
func (l *linker) builtin(name string, body []isa.Insn, at int) error {
	u := l.file.builtinUnit(name, body)
	base, err := l.append(u)
	if err != nil {
		return err
	}
	l.out.Insns[at] = isa.CallFunc(int32(base - at - 1))
	return nil
}

// refer points the call or lddw at slot at to a slot of section s, and links
// the function there. Slot numbers are below 2^22, so the differences fit.
func (l *linker) refer(u *unit, i, at int, s *section, slot int) error {
	to := s.at(slot)
	if to == nil || to.insns[slot-to.start].Op == isa.Pad {
		return malformed(CodeFunction, "instruction %d of the section is called or taken the address of, and is none", slot).in(u.where(), u.start+i).on(u.name)
	}
	base, err := l.append(to)
	if err != nil {
		return err
	}
	target := base + slot - to.start
	if slot != to.start {
		name := fmt.Sprintf("%s+%d", to.name, slot-to.start)
		l.out.Funcs = append(l.out.Funcs, obj.FuncInfo{Slot: target, Name: name})
	}
	in := &l.out.Insns[at]
	in.Imm = int64(target - at - 1)
	if in.Row().Kind == isa.KindLoadImm64 {
		*in = isa.LoadFunc(in.Dst, int32(target-at-1))
		l.out.Refs = append(l.out.Refs, obj.Ref{Slot: at, Kind: obj.RefFunc, Index: target})
	}
	return nil
}

// address links an lddw: the address of a map, of data or of a function.
func (l *linker) address(u *unit, i, at int, r reloc, y *stdelf.Symbol) error {
	f, in := l.file, &l.out.Insns[at]
	addend := inPlace(in.Imm)
	if r.explicit {
		addend = r.addend
	}
	if index, offset, ok := f.place(r, addend); ok {
		if err := f.inData(u.section, r, index, offset); err != nil {
			return err
		}
		if e := f.spoiled[index]; e != nil {
			return e
		}
		*in = isa.LoadMapValueFD(in.Dst, 0, 0)
		l.out.Refs = append(l.out.Refs, obj.Ref{Slot: at, Kind: obj.RefData, Index: index, Addend: offset})
		return nil
	}
	s := f.sectionOf(y)
	to := int64(y.Value) + addend
	switch {
	case y.Section == stdelf.SHN_UNDEF:
		return l.extern(u, i, at, addend, y)
	case s != nil && (s.kind == kindMaps || s.kind == kindOldMaps):
		index, ok := s.mapAt[uint64(to)]
		if !ok {
			return l.fail(malformed(CodeReloc, "no map begins at offset %d of %s", to, s.name), u, i, y)
		}
		*in = isa.LoadMapFD(in.Dst, 0)
		l.out.Refs = append(l.out.Refs, obj.Ref{Slot: at, Kind: obj.RefMap, Index: index})
		return nil
	case s != nil && s.code():
		if to < 0 || to%isa.SlotSize != 0 || uint64(to) >= s.size || s.at(int(to/isa.SlotSize)).start != int(to/isa.SlotSize) {
			return l.fail(unsupported(CodeReloc, "the address of offset %d of section %s is taken, where no function begins", to, s.name), u, i, y)
		}
		return l.refer(u, i, at, s, int(to/isa.SlotSize))
	case s != nil:
		return l.fail(unsupported(CodeSection, "the address is in section %s, which is neither data, maps nor code", s.name), u, i, y)
	}
	return l.fail(unsupported(CodeSymbol, "a symbol of section index %#x has no address here", int(y.Section)), u, i, y)
}

// inPlace reads the addend from the immediate of an lddw. clang fills the low
// half alone, with an offset that may be negative.
func inPlace(imm int64) int64 {
	if imm>>32 == 0 {
		return int64(int32(imm))
	}
	return imm
}

// order puts references and functions into ascending order, each once.
func (l *linker) order() {
	slices.SortFunc(l.out.Refs, func(a, b obj.Ref) int { return cmp.Compare(a.Slot, b.Slot) })
	slices.SortStableFunc(l.out.Funcs, func(a, b obj.FuncInfo) int { return cmp.Compare(a.Slot, b.Slot) })
	l.out.Funcs = slices.CompactFunc(l.out.Funcs, func(a, b obj.FuncInfo) bool { return a.Slot == b.Slot })
}
