package elf

import (
	"cmp"
	stdelf "debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
)

// unit is a stretch of code that is linked as a whole: a function as its symbol
// describes it, or what lies between two of them.
type unit struct {
	name       string
	section    *section // nil for a built-in function
	start, end int      // slots of the section
	global     bool
	hidden     bool       // its symbol is
	insns      []isa.Insn // those slots
	rel        []reloc    // those in the unit
	others     []*unit    // other names of the same function
}

// where is the name of the unit's section.
func (u *unit) where() string {
	if u.section == nil {
		return ""
	}
	return u.section.name
}

// readCode decodes the executable sections and divides them into units.
func (f *file) readCode() error {
	for i := range f.sections {
		s := &f.sections[i]
		if !s.code() {
			continue
		}
		insns, err := isa.DecodeInsns(s.data)
		if err != nil {
			e := malformed(CodeInsn, "%v", err)
			var cause *isa.Error
			if errors.As(err, &cause) {
				e = malformed(CodeInsn, "%s", cause.Text).in(s.name, cause.Slot)
			}
			e.Section, e.Err = s.name, err
			return e
		}
		s.insns = insns
		if err := f.divide(s, i); err != nil {
			return err
		}
	}
	return nil
}

// divide makes the units of a section, without gaps and in order.
func (f *file) divide(s *section, number int) error {
	named, err := f.functions(s, number)
	if err != nil {
		return err
	}
	at := 0
	for i, u := range named {
		if i > 0 && u.start == named[i-1].start && u.end == named[i-1].end {
			last := s.units[len(s.units)-1]
			last.others = append(last.others, u)
			continue
		}
		if u.start < at {
			return malformed(CodeFunction, "the function overlaps the one before it").in(s.name, u.start).on(u.name)
		}
		if err := s.add(&unit{start: at, end: u.start}); err != nil {
			return err
		}
		if err := s.add(u); err != nil {
			return err
		}
		at = u.end
	}
	return s.add(&unit{start: at, end: len(s.insns)})
}

// add completes a unit and appends it; an empty one is left out.
func (s *section) add(u *unit) error {
	if u.start == u.end {
		return nil
	}
	if s.insns[u.start].Op == isa.Pad {
		return malformed(CodeFunction, "a function begins at the second slot of an lddw").in(s.name, u.start).on(u.name)
	}
	if u.name == "" {
		u.name = fmt.Sprintf("%s+%d", s.name, u.start)
	}
	u.section, u.insns = s, s.insns[u.start:u.end]
	first, _ := slices.BinarySearchFunc(s.rel, uint64(u.start)*isa.SlotSize, byOffset)
	last, _ := slices.BinarySearchFunc(s.rel, uint64(u.end)*isa.SlotSize, byOffset)
	u.rel = s.rel[first:last]
	s.units = append(s.units, u)
	return nil
}

func byOffset(r reloc, offset uint64) int { return cmp.Compare(r.offset, offset) }

// functions returns the functions of a section by position. Where no symbol is
// marked as a function, as in hand-written assembler and in objects of old
// compilers, every global symbol is taken for one; without symbols the section
// is one function of its own name.
func (f *file) functions(s *section, number int) ([]*unit, error) {
	list, err := f.symbolUnits(s, number, stdelf.STT_FUNC)
	if err == nil && len(list) == 0 {
		list, err = f.symbolUnits(s, number, stdelf.STT_NOTYPE)
	}
	if err != nil {
		return nil, err
	}
	if len(list) == 0 && len(s.insns) > 0 {
		return []*unit{{name: s.name, end: len(s.insns), global: true}}, nil
	}
	slices.SortStableFunc(list, func(a, b *unit) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(rank(a), rank(b)))
	})
	for i := range list {
		list[i].close(list[i+1:], len(s.insns))
	}
	return list, nil
}

// rank puts global names before local ones for the same place.
func rank(u *unit) int {
	if u.global {
		return 0
	}
	return 1
}

// close gives a function without size its end: the next function or the end of the section.
func (u *unit) close(next []*unit, end int) {
	if u.end > u.start {
		return
	}
	u.end = end
	for _, n := range next {
		if n.start > u.start {
			u.end = n.start
			return
		}
	}
}

// symbolUnits makes a unit of every symbol of one type in a section; of symbols
// without type only the global ones.
func (f *file) symbolUnits(s *section, number int, typ stdelf.SymType) ([]*unit, error) {
	var list []*unit
	for _, i := range f.defined[number] {
		y := &f.symbols[i]
		bind := stdelf.ST_BIND(y.Info)
		global := bind == stdelf.STB_GLOBAL || bind == stdelf.STB_WEAK
		if stdelf.ST_TYPE(y.Info) != typ || typ == stdelf.STT_NOTYPE && (!global || y.Name == "") {
			continue
		}
		if y.Value%isa.SlotSize != 0 || y.Size%isa.SlotSize != 0 || y.Value >= s.size || !within(y.Value, y.Size, s.data) {
			return nil, malformed(CodeSymbol, "the function (%d bytes at %#x) is not within its section or not made of whole instructions", y.Size, y.Value).in(s.name, -1).on(y.Name)
		}
		start := int(y.Value / isa.SlotSize)
		list = append(list, &unit{name: y.Name, start: start, end: start + int(y.Size/isa.SlotSize), global: global, hidden: hiddenSymbol(y)})
	}
	return list, nil
}

// at returns the unit that a slot belongs to, nil if there is none.
func (s *section) at(slot int) *unit {
	i, found := slices.BinarySearchFunc(s.units, slot, func(u *unit, slot int) int { return cmp.Compare(u.start, slot) })
	if !found {
		i--
	}
	if i < 0 || slot < 0 || slot >= s.units[i].end {
		return nil
	}
	return s.units[i]
}

// entry is a program: a function and the name that it has as a program.
type entry struct {
	name string
	unit *unit
}

// entries returns the functions that are programs: the global ones of all
// sections but .text, or those of .text if there are no others.
func (f *file) entries() ([]entry, error) {
	for _, kind := range []sectionKind{kindProgram, kindText} {
		var list []entry
		for i := range f.sections {
			if s := &f.sections[i]; s.kind == kind {
				for _, u := range s.units {
					list = u.entries(list)
				}
			}
		}
		if len(list) > 0 {
			return list, unique(list)
		}
	}
	if len(f.maps) > 0 {
		return nil, nil // a library of maps
	}
	return nil, malformed(CodeNoProgram, "there is no program: no global function in an executable section")
}

// entries appends the global names of the function to list.
func (u *unit) entries(list []entry) []entry {
	for _, named := range append([]*unit{u}, u.others...) {
		if named.global {
			list = append(list, entry{named.name, u})
		}
	}
	return list
}

// unique refuses two programs of one name.
func unique(list []entry) error {
	names := map[string]bool{}
	for _, e := range list {
		if names[e.name] {
			return malformed(CodeFunction, "two programs have this name").in(e.unit.where(), e.unit.start).on(e.name)
		}
		names[e.name] = true
	}
	return nil
}

// sectionName splits the name of a program's section into the name that tells
// its type and whether the program is off unless it is named.
func sectionName(name string) (string, bool) { return strings.CutPrefix(name, "?") }
