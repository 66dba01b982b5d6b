package elf

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/cilium/ebpf/btf"
)

// coreReloc marks an instruction whose value depends on the types of the kernel
// that runs it: a CO-RE relocation (Linux include/uapi/linux/bpf.h, struct
// bpf_core_relo, 6.18).
type coreReloc struct {
	slot int
	typ  btf.TypeID
	path string // "0:1:2", indexes of members from the type down
	kind coreKind
	fix  coreFix // the solution
	err  *Error  // why there is none
}

// coreKind says what a CO-RE relocation asks for (enum bpf_core_relo_kind, the same file).
type coreKind uint32

const (
	coreOffset      coreKind = iota // of a field, in bytes
	coreSize                        // of a field
	coreExists                      // whether there is the field
	coreSigned                      // whether it is signed
	coreShiftLeft                   // of a bit field within 64 bits
	coreShiftRight                  // back
	coreLocalType                   // the number of a type in the object's own BTF: the compiler's value is right
	coreKernelType                  // the number of a type in the kernel's BTF
	coreTypeExists                  // whether there is the type
	coreTypeSize                    // its size
	coreEnumExists                  // whether there is the enumerator
	coreEnumValue                   // its value
	coreTypeMatches                 // whether there is the type and its members are the same
	coreKinds
)

// field reports whether it is about a member.
func (k coreKind) field() bool { return k <= coreShiftRight }

// enumerator reports whether it is about a value of an enumeration.
func (k coreKind) enumerator() bool { return k == coreEnumExists || k == coreEnumValue }

func (f *file) readCORE(s *section, slot int, r []byte) error {
	le := binary.LittleEndian
	path, ok := f.types.text(le.Uint32(r[8:]))
	if !ok {
		return malformed(CodeBTF, "the CO-RE relocation of instruction %d of section %s has no access string", slot, s.name).in(".BTF.ext", -1)
	}
	if kind := coreKind(le.Uint32(r[12:])); kind != coreLocalType {
		s.adapts = append(s.adapts, coreReloc{slot: slot, typ: btf.TypeID(le.Uint32(r[4:])), path: path, kind: kind})
	}
	return nil
}

// solve finds the solutions of all CO-RE relocations. An error of one matters
// only if its function is linked.
func (f *file) solve() error {
	solver := coreSolver{local: f.types, kernel: f.options.Kernel, found: map[btf.TypeID][]btf.Type{}}
	for i := range f.sections {
		for j := range f.sections[i].adapts {
			if c := &f.sections[i].adapts[j]; solver.kernel == nil {
				c.err = unsupported(CodeCORE, "CO-RE relocation of %s: it needs the types of a kernel; give them with --btf FILE, such as /sys/kernel/btf/vmlinux", clean(f.types.access(*c)))
			} else if fix, err := solver.solve(c); err != nil {
				c.err = unsupported(CodeCORE, "CO-RE relocation of %s: %v", clean(f.types.access(*c)), err)
			} else {
				c.fix = fix
			}
		}
	}
	return nil
}

// adapt changes the instructions of u, which have been linked to insns, as its CO-RE
// relocations say. Without a solution it refuses u: run as compiled it could
// read the wrong member without a word.
func (u *unit) adapt(insns []isa.Insn) error {
	all := u.section.adapts
	i, _ := slices.BinarySearchFunc(all, u.start, func(c coreReloc, slot int) int { return c.slot - slot })
	for ; i < len(all) && all[i].slot < u.end; i++ {
		c, at := &all[i], all[i].slot-u.start
		e := c.err
		if e == nil {
			if err := c.fix.apply(insns, at); err != nil {
				e = malformed(CodeCORE, "CO-RE relocation: %v", err)
			}
		}
		if e != nil {
			return e.in(u.where(), c.slot).on(u.name)
		}
	}
	return nil
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
