package elf

import (
	"cmp"
	"math"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/cilium/ebpf/btf"
)

// readMaps reads the definitions of all maps.
func (f *file) readMaps() error {
	found := false
	var old []oldMap
	for i := range f.sections {
		s := &f.sections[i]
		var err error
		switch {
		case s.kind == kindOldMaps:
			old, err = f.readOldMaps(s, i, old)
		case s.kind == kindMaps && found:
			err = malformed(CodeMap, "there are two sections of this name").in(s.name, -1)
		case s.kind == kindMaps:
			found = true
			err = f.readMapSection(s, i)
		}
		if err != nil {
			return err
		}
	}
	return f.nestOldMaps(old)
}

// readMapSection reads the definitions in .maps. A definition is a variable whose
// type is a structure; its members hold numbers and types in the shape of
// pointers, never values (libbpf 1.6, parse_btf_map_def):
//
//	int (*max_entries)[16]   a number: the length of the array
//	struct key *key          a type
//	struct inner *values[]   the maps or programs that it holds
func (f *file) readMapSection(s *section, number int) error {
	if f.types == nil {
		return unsupported(CodeMap, "the object has maps but no BTF; compile with -g").in(s.name, -1)
	}
	members, err := f.types.members(".maps")
	if err != nil {
		return err.in(s.name, -1)
	}
	s.mapAt = map[uint64]int{}
	for _, y := range f.mapSymbols(number) {
		t := typeOfVar(members, y.name)
		if _, twice := s.mapAt[y.at]; twice || t == nil || y.at >= s.size {
			return malformed(CodeMap, "the map is not described in BTF, not within its section, or has the place of another").in(s.name, -1).on(y.name)
		}
		def, err := f.addMap(y.name, t)
		if err != nil {
			return err.in(s.name, -1).on(y.name)
		}
		s.mapAt[y.at] = def.index
		def.at = y.at
		s.maps = append(s.maps, def)
	}
	return nil
}

// members are the variables and functions of a section by name.
func (t *types) members(section string) (map[string]btf.Type, *Error) {
	if found, ok := t.sections[section]; ok {
		return found, nil
	}
	var sec *btf.Datasec
	if err := t.spec.TypeByName(section, &sec); err != nil {
		return nil, broken(CodeBTF, err)
	}
	found := map[string]btf.Type{}
	for _, info := range sec.Vars {
		found[info.Type.TypeName()] = info.Type
	}
	t.sections[section] = found
	return found, nil
}

// typeOfVar is the type of a variable among the members of a section, nil if it is none.
func typeOfVar(members map[string]btf.Type, name string) btf.Type {
	if v, ok := members[name].(*btf.Var); ok {
		return v.Type
	}
	return nil
}

type mapSymbol struct {
	name     string
	at, size uint64
}

// mapSymbols returns the symbols in a section by position.
func (f *file) mapSymbols(section int) []mapSymbol {
	var list []mapSymbol
	for _, i := range f.defined[section] {
		if y := &f.symbols[i]; y.Name != "" {
			list = append(list, mapSymbol{y.Name, y.Value, y.Size})
		}
	}
	slices.SortStableFunc(list, func(a, b mapSymbol) int { return cmp.Compare(a.at, b.at) })
	return list
}

// addMap appends the map that typ defines, and the template of its inner maps
// behind it, and returns its definition.
func (f *file) addMap(name string, typ btf.Type) (*mapDef, *Error) {
	d, err := define(name, typ)
	if err != nil {
		return nil, err
	}
	if err := f.mark(d); err != nil {
		return nil, err
	}
	d.index = len(f.maps)
	f.noteTypes(d)
	f.maps = append(f.maps, d.spec)
	if d.inner == nil {
		return d, nil
	}
	// libbpf calls the template of an inner map so.
	inner, err := define(name+".inner", d.inner)
	if err != nil {
		return nil, err
	}
	if inner.inner != nil {
		return nil, malformed(CodeMap, "maps are nested more than twice")
	}
	if err := f.mark(inner); err != nil {
		return nil, err
	}
	f.noteTypes(inner)
	f.maps = append(f.maps, inner.spec)
	f.maps[d.index].Inner = uint32(d.index + 2)
	return d, nil
}

// mapDef is a definition while it is read.
type mapDef struct {
	spec  abi.MapSpec
	inner *btf.Struct // of a map of maps
	key   btf.Type    // nil if only its size is given
	value btf.Type    // the same

	index  int    // in file.maps
	at     uint64 // offset in .maps
	values uint64 // offset of the initial elements from there; 0 if it has none
}

// define reads one definition.
func define(name string, typ btf.Type) (*mapDef, *Error) {
	def, ok := btf.UnderlyingType(typ).(*btf.Struct)
	if !ok {
		return nil, malformed(CodeMap, "the definition is no structure")
	}
	d := &mapDef{spec: abi.MapSpec{Name: name}}
	for _, m := range def.Members {
		if err := d.member(m); err != nil {
			return nil, err
		}
	}
	if d.spec.Type == 0 {
		return nil, malformed(CodeMap, "the definition has no type; add __uint(type, BPF_MAP_TYPE_…)")
	}
	return d, nil
}

// member reads one member of a definition.
func (d *mapDef) member(m btf.Member) *Error {
	var node uint32 // of NUMA: a wish, without effect here
	numbers := map[string]*uint32{
		"type": &d.spec.Type, "key_size": &d.spec.KeySize, "value_size": &d.spec.ValueSize, "max_entries": &d.spec.MaxEntries,
		"map_flags": &d.spec.Flags, "pinning": &d.spec.Pinning, "numa_node": &node,
	}
	sizes := map[string]*uint32{"key": &d.spec.KeySize, "value": &d.spec.ValueSize}
	if to, ok := numbers[m.Name]; ok {
		n, ok := number(m.Type)
		if !ok || n > math.MaxUint32 {
			return malformed(CodeMap, "member %s is no 32-bit number; write __uint(%s, N)", m.Name, m.Name)
		}
		return set(to, uint32(n), m.Name)
	}
	if to, ok := sizes[m.Name]; ok {
		p, ok := btf.As[*btf.Pointer](m.Type)
		if !ok {
			return malformed(CodeMap, "member %s is no type; write __type(%s, T)", m.Name, m.Name)
		}
		n, err := btf.Sizeof(p.Target)
		if err != nil {
			return broken(CodeMap, err)
		}
		if uint64(n) > math.MaxUint32 {
			return malformed(CodeMap, "member %s is a type of %d bytes", m.Name, n)
		}
		if m.Name == "value" {
			d.value = p.Target
		} else {
			d.key = p.Target
		}
		return set(to, uint32(n), m.Name)
	}
	switch m.Name {
	case "values":
		d.values = uint64(m.Offset.Bytes())
		return d.holds(m.Type)
	case "map_extra":
		n, ok := number(m.Type)
		if !ok {
			return malformed(CodeMap, "member map_extra is no number; write __ulong(map_extra, N)")
		}
		d.spec.Extra = n
		return nil
	}
	return unsupported(CodeMap, "member %q of the definition is not known", clean(m.Name))
}

// set stores a number, which may have been given before in another way if it is the same.
func set(to *uint32, n uint32, name string) *Error {
	if *to != 0 && *to != n {
		return malformed(CodeMap, "member %s gives %d, another member %d", name, n, *to)
	}
	*to = n
	return nil
}

// number reads a number: a pointer to an array of that length (__uint), or an
// enumeration of one value (__ulong).
func number(t btf.Type) (uint64, bool) {
	if p, ok := btf.As[*btf.Pointer](t); ok {
		a, ok := btf.As[*btf.Array](p.Target)
		if !ok {
			return 0, false
		}
		return uint64(a.Nelems), true
	}
	e, ok := btf.As[*btf.Enum](t)
	if !ok || len(e.Values) != 1 {
		return 0, false
	}
	return e.Values[0].Value, true
}

// holds reads what a map holds: an array of pointers to a map's definition, or to functions.
func (d *mapDef) holds(t btf.Type) *Error {
	const slot = 4 // bytes of a descriptor, the value of such maps
	bad := malformed(CodeMap, "member values is no array of maps or functions; write __array(values, T)")
	a, ok := btf.As[*btf.Array](t)
	if !ok {
		return bad
	}
	p, ok := btf.As[*btf.Pointer](a.Type)
	if !ok {
		return bad
	}
	switch to := btf.UnderlyingType(p.Target).(type) {
	case *btf.FuncProto:
	case *btf.Struct:
		d.inner = to
	default:
		return bad
	}
	return set(&d.spec.ValueSize, slot, "values")
}
