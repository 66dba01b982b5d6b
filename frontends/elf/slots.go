package elf

import (
	stdelf "debug/elf"
	"math"
	"sort"

	"github.com/bpfc/bpfc/core/obj"
)

// pointerSize is that of the pointers in which .maps names initial elements.
const pointerSize = 8

// fillMaps reads the initial elements of maps: addresses of maps and programs in .maps
// (libbpf 1.6, bpf_object__collect_map_relos).
func (f *file) fillMaps() error {
	f.fillTails()
	for i := range f.sections {
		s := &f.sections[i]
		if s.kind != kindMaps {
			continue
		}
		for _, r := range s.rel {
			if err := f.fillSlot(s, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillSlot reads one element.
func (f *file) fillSlot(s *section, r reloc) error {
	y, err := f.symbolOf(s, r)
	if err != nil {
		return err
	}
	slot, e := f.slotOf(s, r, y)
	if e != nil {
		return e.in(s.name, -1).on(f.title(y))
	}
	f.slots = append(f.slots, slot)
	return nil
}

func (f *file) slotOf(s *section, r reloc, y *stdelf.Symbol) (obj.Slot, *Error) {
	slot := obj.Slot{}
	n := sort.Search(len(s.maps), func(i int) bool { return s.maps[i].at > r.offset })
	if n == 0 {
		return slot, malformed(CodeMap, "the initial element at offset %d is in no map", r.offset)
	}
	d := s.maps[n-1]
	at := r.offset - d.at - d.values
	if d.values == 0 || r.offset < d.at+d.values || at%pointerSize != 0 || at/pointerSize > math.MaxUint32 || r.typ != relocAbs64 {
		return slot, malformed(CodeMap, "the relocation at offset %d is no initial element of a map", r.offset)
	}
	slot.Map, slot.Key = d.index, uint32(at/pointerSize)
	to := f.sectionOf(y)
	offset := y.Value + uint64(r.addend)
	switch {
	case to != nil && to.kind == kindMaps && d.inner != nil:
		inner, ok := to.mapAt[offset]
		if !ok {
			return slot, malformed(CodeMap, "no map begins at offset %d of %s", offset, to.name)
		}
		slot.Inner = inner
		return slot, nil
	case to != nil && to.kind == kindProgram && d.inner == nil:
		u := to.at(int(offset / 8))
		if u == nil || uint64(u.start)*8 != offset || !u.global {
			return slot, malformed(CodeMap, "no program begins at offset %d of section %s", offset, to.name)
		}
		slot.Program = u.name
		return slot, nil
	}
	return slot, malformed(CodeMap, "the initial element is no map or program of the kind that the map holds")
}
