package elf

import (
	"cmp"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/cilium/ebpf/btf"
)

// specialStructs are the structures that only helpers may touch
// (btf_get_field_type, kernel/bpf/btf.c, Linux 6.18). Nodes of lists and trees
// are not among them: in a map value they are plain bytes.
var specialStructs = map[string]abi.SpecialKind{
	"bpf_spin_lock":     abi.SpecialLock,
	"bpf_timer":         abi.SpecialTimer,
	"bpf_res_spin_lock": abi.SpecialOther,
	"bpf_wq":            abi.SpecialOther,
	"bpf_list_head":     abi.SpecialOther,
	"bpf_rb_root":       abi.SpecialOther,
	"bpf_refcount":      abi.SpecialOther,
	"bpf_task_work":     abi.SpecialOther,
}

// specialTags mark pointers to objects of the kernel (btf_get_kptr_type, the same file).
var specialTags = []string{"kptr", "kptr_untrusted", "percpu_kptr", "uptr"}

// Limits of a value's description. Linux allows 11 special fields and 32 types in one another.
const (
	maxSpecial = 64
	maxNesting = 32
	// maxMembers bounds the members looked at for all maps and data of an object.
	maxMembers = 10_000_000
)

// specials finds the special fields of a type.
type specials struct {
	found   []abi.Special
	members *int // looked at so far, in the whole object
}

// mark finds the special fields of a map's values.
func (f *file) mark(d *mapDef) *Error {
	s := specials{members: &f.members}
	if d.value != nil {
		if err := s.walk(d.value, 0, 0); err != nil {
			return err
		}
	}
	d.spec.Special = s.sorted()
	return nil
}

func (s *specials) sorted() []abi.Special {
	slices.SortStableFunc(s.found, func(a, b abi.Special) int { return cmp.Compare(a.Offset, b.Offset) })
	return s.found
}

// walk looks at the type at an offset in bytes and at what it is made of.
func (s *specials) walk(t btf.Type, at uint64, depth int) *Error {
	if depth > maxNesting {
		return unsupported(CodeLimit, "a value has structures nested deeper than %d", maxNesting)
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		if kind, ok := specialStructs[t.Name]; ok {
			return s.add(kind, at, uint64(t.Size))
		}
		return s.each(t.Members, at, depth)
	case *btf.Union:
		return s.each(t.Members, at, depth)
	case *btf.Array:
		return s.array(t, at, depth)
	case *btf.Pointer:
		if tag, ok := t.Target.(*btf.TypeTag); ok && slices.Contains(specialTags, tag.Value) {
			return s.add(abi.SpecialOther, at, 8)
		}
	}
	return nil
}

func (s *specials) add(kind abi.SpecialKind, at, size uint64) *Error {
	if len(s.found) == maxSpecial || at+size > maxData {
		return unsupported(CodeLimit, "a value has more than %d locks, timers and the like, or is larger than %d MiB", maxSpecial, maxData>>20)
	}
	s.found = append(s.found, abi.Special{Kind: kind, Offset: uint32(at), Size: uint32(size)})
	return nil
}

func (s *specials) each(members []btf.Member, at uint64, depth int) *Error {
	for _, m := range members {
		if *s.members++; *s.members > maxMembers {
			return unsupported(CodeLimit, "values and data have more than %d members together", maxMembers)
		}
		if err := s.walk(m.Type, at+uint64(m.Offset.Bytes()), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// array repeats what the first element has.
func (s *specials) array(a *btf.Array, at uint64, depth int) *Error {
	first := len(s.found)
	if a.Nelems == 0 {
		return nil
	}
	if err := s.walk(a.Type, at, depth+1); err != nil || len(s.found) == first {
		return err
	}
	size, err := btf.Sizeof(a.Type)
	if err != nil {
		return broken(CodeBTF, err)
	}
	element := slices.Clone(s.found[first:])
	for i := uint64(1); i < uint64(a.Nelems); i++ {
		for _, f := range element {
			if err := s.add(f.Kind, uint64(f.Offset)+i*uint64(size), uint64(f.Size)); err != nil {
				return err
			}
		}
	}
	return nil
}
