package elf

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
)

// Maps of old objects are structures of 32-bit words in sections `maps` or
// `maps/NAME`, one after the other. Where symbols have no size, they are all as
// long as the size of the section over the number of its symbols, as in libbpf
// before 1.0 and iproute2. The first words are common to all; missing ones are 0:
//
//	word  0 type  1 key size  2 value size  3 entries  4 flags        libbpf: 20 bytes
//	      5 inner map, by position  6 node                            kernel samples: 24, 28, 32 bytes
//	      5 id  6 pinning                                             iproute2: 28 bytes
//	      5 id  6 pinning  7 id of the inner map  8 key in the outer  iproute2: 36 bytes
//	      5 pinning, then a name of 256 bytes                         gobpf: 280 bytes
//
// Only maps of maps need words behind the fifth; pinning and node have no effect here.
const (
	oldWords      = 4  // at least
	oldFlags      = 4  // the word
	oldInnerIndex = 5  // kernel samples
	oldID         = 5  // iproute2
	oldInnerID    = 7  // iproute2
	oldInnerKey   = 8  // iproute2
	oldElfMap     = 36 // bytes of iproute2's struct bpf_elf_map
	// maxOldMaps is far above the 64 that iproute2 takes (ELF_MAX_MAPS).
	maxOldMaps = 1024
)

// Maps that hold programs and maps (enum bpf_map_type, include/uapi/linux/bpf.h, Linux 6.18).
const (
	progArray   = 3
	arrayOfMaps = 12
	hashOfMaps  = 13
)

// isOldMaps reports whether a section of this name holds maps in the old form.
func isOldMaps(name string) bool { return name == "maps" || strings.HasPrefix(name, "maps/") }

// oldMap is a map in the old form while its neighbours are read.
type oldMap struct {
	words []uint32
	index int // in file.maps
}

func (m *oldMap) word(i int) uint32 {
	if i < len(m.words) {
		return m.words[i]
	}
	return 0
}

// elfMap reports whether it has the layout of iproute2.
func (m *oldMap) elfMap() bool { return 4*len(m.words) == oldElfMap }

// nested reports whether it is a map of maps.
func (m *oldMap) nested() bool {
	return m.word(0) == arrayOfMaps || m.word(0) == hashOfMaps
}

// readOldMaps reads the maps of one section and appends them to list.
func (f *file) readOldMaps(s *section, number int, list []oldMap) ([]oldMap, error) {
	var symbols []mapSymbol
	for _, y := range f.mapSymbols(number) {
		if n := len(symbols); n == 0 || symbols[n-1].at != y.at {
			symbols = append(symbols, y)
		}
	}
	if len(symbols) == 0 {
		return list, nil
	}
	if len(list)+len(symbols) > maxOldMaps {
		return nil, unsupported(CodeLimit, "there are more than %d maps", maxOldMaps).in(s.name, -1)
	}
	stride := uint64(len(s.data)) / uint64(len(symbols))
	s.mapAt = map[uint64]int{}
	for _, y := range symbols {
		size := y.size
		if size == 0 {
			size = stride
		}
		if size < 4*oldWords || !within(y.at, size, s.data) || y.size == 0 && y.at%stride != 0 {
			return nil, malformed(CodeMap, "the map (%d bytes at %d) is too small, not within the section, or not where one begins", size, y.at).in(s.name, -1).on(y.name)
		}
		m := oldMap{words: words(s.data[y.at : y.at+size]), index: len(f.maps)}
		if m.word(0) == 0 {
			return nil, malformed(CodeMap, "the definition has no type").in(s.name, -1).on(y.name)
		}
		s.mapAt[y.at] = m.index
		list = append(list, m)
		f.maps = append(f.maps, abi.MapSpec{
			Name: y.name, Type: m.word(0), KeySize: m.word(1), ValueSize: m.word(2), MaxEntries: m.word(3), Flags: m.word(oldFlags),
		})
	}
	return list, nil
}

// words reads as many 32-bit words as there are.
func words(b []byte) []uint32 {
	list := make([]uint32, len(b)/4)
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return list
}

// nestOldMaps connects maps of maps with what they hold. A map of maps without
// template stays so: loaders of that time gave it one by hand.
func (f *file) nestOldMaps(list []oldMap) error {
	for i := range list {
		outer := &list[i]
		switch {
		case outer.word(0) == progArray && outer.elfMap() && outer.word(oldID) != 0:
			if f.tails == nil {
				f.tails = map[uint32]int{}
			}
			f.tails[outer.word(oldID)] = outer.index
		case !outer.nested():
		case outer.elfMap():
			f.nestByID(list, outer)
		case len(outer.words) > oldInnerIndex:
			n := uint64(outer.word(oldInnerIndex))
			if n >= uint64(len(list)) || list[n].nested() {
				return malformed(CodeMap, "the inner map is number %d, of %d", n, len(list)).on(f.maps[outer.index].Name)
			}
			f.maps[outer.index].Inner = uint32(list[n].index + 1)
		}
	}
	return nil
}

// nestByID finds the maps with the id that outer asks for: the first is the
// template, each is an element unless its key is -1 (iproute2, lib/bpf_legacy.c).
func (f *file) nestByID(list []oldMap, outer *oldMap) {
	id := outer.word(oldInnerID)
	for i := range list {
		inner := &list[i]
		if id == 0 || !inner.elfMap() || inner.nested() || inner.word(oldID) != id {
			continue
		}
		if f.maps[outer.index].Inner == 0 {
			f.maps[outer.index].Inner = uint32(inner.index + 1)
		}
		if key := inner.word(oldInnerKey); int32(key) != -1 {
			f.slots = append(f.slots, obj.Slot{Map: outer.index, Key: key, Inner: inner.index})
		}
	}
}

// fillTails fills the maps of programs of iproute2: the program of the section "ID/KEY" is
// element KEY of the map with that id (lib/bpf_legacy.c).
func (f *file) fillTails() {
	for i := range f.sections {
		s := &f.sections[i]
		if len(f.tails) == 0 || s.kind != kindProgram || len(s.units) == 0 || !s.units[0].global {
			continue
		}
		id, key, ok := tailSection(s.name)
		if m, found := f.tails[id]; ok && found {
			f.slots = append(f.slots, obj.Slot{Map: m, Key: key, Program: s.units[0].name})
		}
	}
}

// tailSection reads the name of a section "ID/KEY".
func tailSection(name string) (id, key uint32, ok bool) {
	left, right, _ := strings.Cut(name, "/")
	a, err1 := strconv.ParseUint(left, 0, 32)
	b, err2 := strconv.ParseUint(right, 0, 32)
	return uint32(a), uint32(b), err1 == nil && err2 == nil
}
