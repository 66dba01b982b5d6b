package cheader

import (
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
)

// structure is a C structure: the fields of all contexts and structures of one
// name, which are different views of one layout.
type structure struct {
	name   string
	size   uint32
	fields []abi.Field
}

// structures prints the contexts and structures of the set, each name once, in
// order of appearance. Those whose fields nobody describes are left to the helpers that use them.
func (h *header) structures() error {
	for _, s := range h.layouts() {
		if err := s.print(h); err != nil {
			return err
		}
	}
	return nil
}

// layouts are the structures that the header defines.
func (h *header) layouts() []*structure {
	var all []*structure
	add := func(c *abi.Context) {
		i := slices.IndexFunc(all, func(s *structure) bool { return s.name == c.Name })
		if i < 0 {
			i = len(all)
			all = append(all, &structure{name: c.Name})
		}
		all[i].size = max(all[i].size, c.Size)
		for _, f := range c.Fields {
			all[i].add(f)
		}
	}
	for i := range h.set.Structs {
		add(&h.set.Structs[i])
	}
	for i := range h.set.Types {
		if t := &h.set.Types[i]; t.Context.Kind == abi.CtxStruct && t.Unsupported == "" {
			add(&t.Context)
		}
	}
	return slices.DeleteFunc(all, func(s *structure) bool { return len(s.fields) == 0 || s.name != identifier(s.name) })
}

// defined are the names of the structures that the header defines.
func (h *header) defined() []string {
	names := slices.Clone(predefined)
	for _, s := range h.layouts() {
		names = append(names, s.name)
	}
	return names
}

// add adds a field, once. Of two descriptions of one field the whole one counts, not the one that names its parts.
func (s *structure) add(f abi.Field) {
	i := slices.IndexFunc(s.fields, func(g abi.Field) bool { return g.Name == f.Name })
	switch {
	case i < 0:
		s.fields = append(s.fields, f)
	case f.Offset == s.fields[i].Offset && count(&s.fields[i]) > 1 && count(&f) == 1:
		s.fields[i] = f
	}
}

// count is the number of units of a field.
func count(f *abi.Field) uint32 {
	if f.Unit == 0 {
		return 1
	}
	return max(f.Size/f.Unit, 1)
}

// print prints the structure. Fields that share bytes become an anonymous union.
func (s *structure) print(h *header) error {
	slices.SortStableFunc(s.fields, func(a, b abi.Field) int {
		if a.Offset != b.Offset {
			return int(a.Offset) - int(b.Offset)
		}
		return int(b.Size) - int(a.Size)
	})
	h.linef("\nstruct %s {", s.name)
	at := uint32(0)
	for first := 0; first < len(s.fields); {
		last, end := s.group(first)
		h.pad(at, s.fields[first].Offset)
		if last-first == 1 {
			h.linef("\t%s;", declare(h, &s.fields[first]))
		} else {
			h.union(s.fields[first:last])
		}
		first, at = last, end
	}
	h.pad(at, s.size)
	h.linef("} __attribute__((aligned(%d)));", s.alignment())
	return s.check()
}

// group finds the fields from first on that share bytes with one another, and where they end.
func (s *structure) group(first int) (last int, end uint32) {
	last, end = first+1, s.fields[first].Offset+s.fields[first].Size
	for last < len(s.fields) && s.fields[last].Offset < end {
		end = max(end, s.fields[last].Offset+s.fields[last].Size)
		last++
	}
	return last, end
}

func (h *header) pad(from, to uint32) {
	if from < to {
		h.linef("\t__u8 _pad_%d[%d];", from, to-from)
	}
}

// union prints fields that share bytes: neighbours in one structure, the others beside it.
func (h *header) union(fields []abi.Field) {
	start := fields[0].Offset
	h.linef("\tunion {")
	for rest := fields; len(rest) > 0; {
		var row, others []abi.Field
		at := start
		for _, f := range rest {
			if f.Offset >= at {
				row, at = append(row, f), f.Offset+f.Size
			} else {
				others = append(others, f)
			}
		}
		h.row(start, row)
		rest = others
	}
	h.linef("\t};")
}

// row prints one member of a union.
func (h *header) row(start uint32, row []abi.Field) {
	if len(row) == 1 && row[0].Offset == start {
		h.linef("\t\t%s;", declare(h, &row[0]))
		return
	}
	h.linef("\t\tstruct {")
	for i := range row {
		if row[i].Offset > start {
			h.linef("\t\t\t__u8 _pad_%s[%d];", row[i].Name, row[i].Offset-start)
		}
		h.linef("\t\t\t%s;", declare(h, &row[i]))
		start = row[i].Offset + row[i].Size
	}
	h.linef("\t\t};")
}

// check refuses what C cannot lay out at the described offsets.
func (s *structure) check() error {
	for i := range s.fields {
		f := &s.fields[i]
		if align := alignOf(f); f.Offset%align != 0 {
			return fmt.Errorf("struct %s: field %s at offset %d is no multiple of its size, %d", s.name, f.Name, f.Offset, align)
		}
	}
	return nil
}

func (s *structure) alignment() uint32 {
	most := uint32(1)
	for i := range s.fields {
		most = max(most, alignOf(&s.fields[i]))
	}
	return most
}

// alignOf is the alignment of the field's C type: that of a number, or 1 for bytes.
func alignOf(f *abi.Field) uint32 {
	switch unit := f.Size / count(f); unit {
	case 2, 4, 8:
		return unit
	default:
		return 1
	}
}

// known is the structure that C programs know: what is the part that several structures have in common is,
// for C, the one of the same size that has it.
func (h *header) known(name string) string {
	common := h.set.Struct(name)
	for i := range h.set.Structs {
		if s := &h.set.Structs[i]; common != nil && slices.Contains(s.Is, name) && s.Size == common.Size {
			return s.Name
		}
	}
	return name
}

// declare is the field as a C declaration.
func declare(h *header, f *abi.Field) string {
	pointer := f.Kind != abi.FieldScalar && f.Size == 8
	switch {
	case pointer && f.Struct != "":
		return fmt.Sprintf("__bpf_md_ptr(struct %s *, %s)", h.known(f.Struct), f.Name)
	case pointer:
		return fmt.Sprintf("__bpf_md_ptr(void *, %s)", f.Name)
	case f.Kind == abi.FieldScalar && f.Struct != "":
		return fmt.Sprintf("struct %s %s", f.Struct, f.Name)
	}
	n, name := count(f), f.Name
	if n > 1 {
		name += fmt.Sprintf("[%d]", n)
	}
	sign := 'u'
	if f.Signed {
		sign = 's'
	}
	switch unit := f.Size / n; unit {
	case 1, 2, 4, 8:
		return fmt.Sprintf("__%c%d %s", sign, 8*unit, name)
	default:
		return fmt.Sprintf("__u8 %s[%d]", f.Name, f.Size)
	}
}
