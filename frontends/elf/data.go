package elf

import (
	"cmp"
	stdelf "debug/elf"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
	"github.com/cilium/ebpf/btf"
)

// readData makes an obj.Data of every data section that is not empty, and one of all common symbols.
func (f *file) readData() error {
	total := uint64(0)
	for i := range f.sections {
		s := &f.sections[i]
		if s.kind != kindData || s.size == 0 {
			continue
		}
		if total += s.size; s.size > maxData || total > maxData {
			return unsupported(CodeLimit, "the data sections claim more than %d MiB together", maxData>>20).in(s.name, -1)
		}
		if s.align > maxAlign || s.align&(s.align-1) != 0 {
			return malformed(CodeSection, "its alignment is %d, which is no power of two up to %d", s.align, maxAlign).in(s.name, -1)
		}
		s.index = len(f.data)
		d := obj.Data{Name: s.name, Bytes: make([]byte, s.size), Align: uint32(max(s.align, 1)), ReadOnly: family(s.name, ".rodata")}
		copy(d.Bytes, s.data)
		f.data = append(f.data, d)
	}
	if err := f.readVariables(); err != nil {
		return err
	}
	if err := f.markSpecial(); err != nil {
		return err
	}
	return f.readCommon(maxData - total)
}

// readVariables adds the named variables to their data sections.
func (f *file) readVariables() error {
	for i := range f.symbols {
		y := &f.symbols[i]
		s := f.sectionOf(y)
		if s == nil || s.index < 0 || stdelf.ST_TYPE(y.Info) != stdelf.STT_OBJECT {
			continue
		}
		if !within(y.Value, y.Size, f.data[s.index].Bytes) {
			return malformed(CodeSymbol, "the variable (%d bytes at %#x) is not within its section", y.Size, y.Value).in(s.name, -1).on(y.Name)
		}
		d := &f.data[s.index]
		d.Symbols = append(d.Symbols, obj.DataSymbol{Name: y.Name, Offset: uint32(y.Value), Size: uint32(y.Size)})
	}
	for i := range f.data {
		slices.SortStableFunc(f.data[i].Symbols, func(a, b obj.DataSymbol) int {
			return cmp.Or(cmp.Compare(a.Offset, b.Offset), strings.Compare(a.Name, b.Name))
		})
	}
	return nil
}

// readCommon gives the common symbols (int x; of -fcommon) a place each. For
// them the symbol's value is its alignment (System V gABI, chapter 4).
func (f *file) readCommon(room uint64) error {
	d := obj.Data{Name: "COMMON", Align: 1}
	size := uint64(0)
	for i := range f.symbols {
		y := &f.symbols[i]
		if y.Section != stdelf.SHN_COMMON {
			continue
		}
		align := max(y.Value, 1)
		if align > maxAlign || align&(align-1) != 0 {
			return malformed(CodeSymbol, "its alignment is %d, which is no power of two up to %d", align, maxAlign).on(y.Name)
		}
		at := (size + align - 1) &^ (align - 1)
		if y.Size > room || at+y.Size > room {
			return unsupported(CodeLimit, "the data sections claim more than %d MiB together", maxData>>20).on(y.Name)
		}
		size = at + y.Size
		f.put(i, place{len(f.data), at})
		d.Align = max(d.Align, uint32(align))
		d.Symbols = append(d.Symbols, obj.DataSymbol{Name: y.Name, Offset: uint32(at), Size: uint32(y.Size)})
	}
	if len(f.placed) > 0 {
		d.Bytes = make([]byte, size)
		f.data = append(f.data, d)
	}
	return nil
}

// place is where a symbol is: offset bytes into data[index].
type place struct {
	index  int
	offset uint64
}

// place finds the data that a relocation refers to: Addend bytes into
// data[index]. ok is false if the symbol is not in a data section.
func (f *file) place(r reloc, addend int64) (index int, at int64, ok bool) {
	i := int(r.symbol) - 1
	y := &f.symbols[i]
	if p, ok := f.placed[i]; ok {
		return p.index, int64(p.offset) + addend, true
	}
	s := f.sectionOf(y)
	if s == nil || s.index < 0 {
		return 0, 0, false
	}
	return s.index, int64(y.Value) + addend, true
}

// inData refuses an address outside the data that it should be in. One behind
// the last byte is an address too.
func (f *file) inData(s *section, r reloc, index int, at int64) error {
	if d := &f.data[index]; at < 0 || at > int64(len(d.Bytes)) {
		return malformed(CodeReloc, "the relocation at %#x leads to offset %d of %s, which has %d bytes", r.offset, at, d.Name, len(d.Bytes)).in(s.name, -1)
	}
	return nil
}

// relocateData turns the relocations in data sections into obj.DataRelocs.
func (f *file) relocateData() error {
	for i := range f.sections {
		s := &f.sections[i]
		if s.kind != kindData || s.index < 0 {
			continue
		}
		for _, r := range s.rel {
			err := f.relocateWord(s, r)
			var e *Error
			switch {
			case errors.As(err, &e) && e.Unsupported:
				f.spoil(s.index, e)
			case err != nil:
				return err
			}
		}
	}
	f.spoilReferring()
	return nil
}

// spoil marks data with an address that has no meaning here. It matters only if a program refers to the data:
// what compilers of Rust put there for their own use mostly does not.
func (f *file) spoil(index int, e *Error) {
	if f.spoiled == nil {
		f.spoiled = map[int]*Error{}
	}
	if f.spoiled[index] == nil {
		f.spoiled[index] = e
	}
}

// spoilReferring marks the data from which addresses lead to such data.
func (f *file) spoilReferring() {
	if len(f.spoiled) == 0 {
		return
	}
	from, work := map[int][]int{}, []int{}
	for i := range f.data {
		for _, r := range f.data[i].Relocs {
			from[r.Index] = append(from[r.Index], i)
		}
		if f.spoiled[i] != nil {
			work = append(work, i)
		}
	}
	for len(work) > 0 {
		bad := work[len(work)-1]
		work = work[:len(work)-1]
		for _, i := range from[bad] {
			if f.spoiled[i] == nil {
				f.spoil(i, f.spoiled[bad])
				work = append(work, i)
			}
		}
	}
}

// relocateWord handles one address in a data section.
func (f *file) relocateWord(s *section, r reloc) error {
	y, err := f.symbolOf(s, r)
	if err != nil {
		return err
	}
	d := &f.data[s.index]
	if !within(r.offset, 8, d.Bytes) {
		return malformed(CodeReloc, "the relocation at %#x is not within the section", r.offset).in(s.name, -1)
	}
	if r.typ != relocAbs64 {
		return unsupported(CodeReloc, "relocation type %d in data is not supported", r.typ).in(s.name, -1).on(f.title(y))
	}
	word := d.Bytes[r.offset : r.offset+8]
	addend := int64(binary.LittleEndian.Uint64(word))
	if r.explicit {
		addend = r.addend
	}
	index, at, ok := f.place(r, addend)
	if !ok {
		return f.foreignWord(s, y)
	}
	if err := f.inData(s, r, index, at); err != nil {
		return err
	}
	clear(word)
	d.Relocs = append(d.Relocs, obj.DataReloc{Offset: uint32(r.offset), Index: index, Addend: at})
	return nil
}

// foreignWord refuses an address in data that is not one of data.
func (f *file) foreignWord(s *section, y *stdelf.Symbol) error {
	to := f.sectionOf(y)
	var e *Error
	switch {
	case to == nil:
		e = unsupported(CodeExtern, "data holds the address of an extern, which nothing here defines")
	case to.code():
		e = unsupported(CodeFuncData, "data holds the address of a function; take it in the program instead, or use a switch")
	case to.kind == kindMaps || to.kind == kindOldMaps:
		e = unsupported(CodeFuncData, "data holds the address of a map; name the map in the program instead")
	default:
		e = unsupported(CodeReloc, "data holds an address in section %s, which is not data", to.name)
	}
	return e.in(s.name, -1).on(f.title(y))
}

// put remembers where a symbol that no section defines has been placed.
func (f *file) put(symbol int, p place) {
	if f.placed == nil {
		f.placed = map[int]place{}
	}
	f.placed[symbol] = p
}

// markSpecial finds the variables that only helpers may touch.
func (f *file) markSpecial() error {
	if f.types == nil {
		return nil
	}
	for i := range f.sections {
		s := &f.sections[i]
		if s.kind != kindData || s.index < 0 {
			continue
		}
		members, err := f.types.members(s.name)
		if err != nil {
			continue // compilers of C write no BTF for sections of constants of their own
		}
		if err := f.markSection(s, i, members); err != nil {
			return err.in(s.name, -1)
		}
	}
	return nil
}

// markSection marks the special fields of the variables of one section.
func (f *file) markSection(s *section, number int, members map[string]btf.Type) *Error {
	all := specials{members: &f.members}
	for _, i := range f.defined[number] {
		y := &f.symbols[i]
		if t := typeOfVar(members, y.Name); t != nil && stdelf.ST_TYPE(y.Info) == stdelf.STT_OBJECT {
			if err := all.walk(t, y.Value, 0); err != nil {
				return err.on(y.Name)
			}
		}
	}
	f.data[s.index].Special = all.sorted()
	return nil
}
