package elf

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// coreReloc marks an instruction whose value depends on the types of the kernel
// that runs it: a CO-RE relocation (Linux include/uapi/linux/bpf.h, struct
// bpf_core_relo, 6.18).
type coreReloc struct {
	slot int
	typ  btf.TypeID
	path string // "0:1:2", indexes of members from the type down
	kind uint32
}

// coreLocalType asks for the number of a type in the object's own BTF
// (BPF_CORE_TYPE_ID_LOCAL): the compiler's value is right.
const coreLocalType = 6

func (f *file) readCORE(s *section, slot int, r []byte) error {
	le := binary.LittleEndian
	path, ok := f.types.text(le.Uint32(r[8:]))
	if !ok {
		return malformed(CodeBTF, "the CO-RE relocation of instruction %d of section %s has no access string", slot, s.name).in(".BTF.ext", -1)
	}
	if kind := le.Uint32(r[12:]); kind != coreLocalType {
		s.adapts = append(s.adapts, coreReloc{slot: slot, typ: btf.TypeID(le.Uint32(r[4:])), path: path, kind: kind})
	}
	return nil
}

// checkCORE refuses a function with an instruction that has to be adapted to a
// kernel: run as compiled it could read the wrong member without a word.
func (f *file) checkCORE(s *section, u *unit) error {
	i, _ := slices.BinarySearchFunc(s.adapts, u.start, func(c coreReloc, slot int) int { return c.slot - slot })
	if i == len(s.adapts) || s.adapts[i].slot >= u.end {
		return nil
	}
	c := s.adapts[i]
	return unsupported(CodeCORE, "CO-RE relocation of %s at instruction %d: needs --btf, not in this version",
		clean(f.types.access(c)), c.slot).in(s.name, c.slot).on(u.name)
}

// access writes what a CO-RE relocation refers to as "struct.member.member".
func (t *types) access(c coreReloc) string {
	typ, err := t.spec.TypeByID(c.typ)
	if err != nil {
		return fmt.Sprintf("type %d", c.typ)
	}
	typ = btf.UnderlyingType(typ)
	path := strings.Split(c.path, ":")
	if e, ok := typ.(*btf.Enum); ok {
		return named(typ) + memberName(enumNames(e), path[0])
	}
	text := named(typ)
	for _, step := range path[1:] {
		var name string
		if name, typ = member(typ, step); name == "" {
			break
		}
		text += name
	}
	return text
}

// member follows one step of a path: the text to add, "" if it leads nowhere, and the type there.
func member(typ btf.Type, step string) (string, btf.Type) {
	var members []btf.Member
	switch t := btf.UnderlyingType(typ).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	case *btf.Array:
		return "[" + step + "]", t.Type
	}
	i, err := strconv.Atoi(step)
	if err != nil || i < 0 || i >= len(members) {
		return "", nil
	}
	return memberName([]string{members[i].Name}, "0"), members[i].Type
}

func enumNames(e *btf.Enum) []string {
	names := make([]string, len(e.Values))
	for i, v := range e.Values {
		names[i] = v.Name
	}
	return names
}

// memberName is "." and the name with that index, or the index if there is none.
func memberName(names []string, index string) string {
	if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(names) && names[i] != "" {
		return "." + names[i]
	}
	return "." + index
}

func named(t btf.Type) string {
	if t.TypeName() != "" {
		return t.TypeName()
	}
	return "an unnamed type"
}

// Types are the types of a kernel, for Options.Kernel. They are safe for concurrent use.
type Types struct {
	spec *btf.Spec
}
