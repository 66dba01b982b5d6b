package abi

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Merge composes sets into one. Two definitions of one program type, helper
// name, helper number or map kind are an error that names both sets.
func Merge(sets ...*Set) (*Set, error) {
	out := &Set{}
	owner := map[string]string{}
	claim := func(set, kind, name string) error {
		key := kind + " " + name
		if first, ok := owner[key]; ok && first == set {
			return fmt.Errorf("%s is declared twice by %s", key, set)
		} else if ok {
			return fmt.Errorf("%s is declared by both %s and %s: drop one of them", key, first, set)
		}
		owner[key] = set
		return nil
	}
	var names []string
	for _, s := range sets {
		names = append(names, s.Name)
		for _, t := range s.Types {
			if err := claim(s.Name, "program type", t.Name); err != nil {
				return nil, err
			}
			out.Types = append(out.Types, t)
		}
		for _, h := range s.Helpers {
			if err := claim(s.Name, "helper", h.Name); err != nil {
				return nil, err
			}
			if err := claim(s.Name, "helper number", strconv.FormatUint(uint64(h.ID), 10)); err != nil {
				return nil, err
			}
			out.Helpers = append(out.Helpers, h)
		}
		for _, c := range s.Structs {
			if err := claim(s.Name, "structure", c.Name); err != nil {
				return nil, err
			}
			out.Structs = append(out.Structs, c)
		}
		for _, k := range s.MapKinds {
			if err := claim(s.Name, "map kind", k.Name); err != nil {
				return nil, err
			}
			out.MapKinds = append(out.MapKinds, k)
		}
	}
	out.Name = strings.Join(names, "+")
	return out, nil
}

// Type returns the program type called name, which for memory types may carry
// a size: "mem/64" is the type "mem" whose host promises 64 bytes.
func (s *Set) Type(name string) (ProgType, bool) {
	base, size, sized := strings.Cut(name, "/")
	for _, t := range s.Types {
		if t.Name == name {
			return t, true
		}
		if sized && t.Name == base && t.Context.Kind == CtxMemory {
			n, err := strconv.ParseUint(size, 10, 31)
			if err != nil || strconv.FormatUint(n, 10) != size {
				return ProgType{}, false
			}
			t.Name, t.Context.Size = name, uint32(n)
			return t, true
		}
	}
	return ProgType{}, false
}

// SectionType returns the program type that an ELF section's name asks for: the
// one with the longest pattern that matches. The '*' of a pattern matches anything, slashes too.
func (s *Set) SectionType(section string) (ProgType, bool) {
	best, found := "", -1
	for i := range s.Types {
		for _, pat := range s.Types[i].Sections {
			if matches(pat, section) && (found < 0 || len(pat) > len(best)) {
				best, found = pat, i
			}
		}
	}
	if found < 0 {
		return ProgType{}, false
	}
	if t := s.Types[found]; t.Context.Kind != CtxMemory {
		return t, true
	}
	return s.Type(section)
}

// matches reports whether a pattern, which may have one '*', matches a section's name.
func matches(pattern, section string) bool {
	prefix, suffix, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == section
	}
	return len(section) >= len(prefix)+len(suffix) && strings.HasPrefix(section, prefix) && strings.HasSuffix(section, suffix)
}

// Struct returns the structure called name, nil if there is none.
func (s *Set) Struct(name string) *Context {
	for i := range s.Structs {
		if s.Structs[i].Name == name {
			return &s.Structs[i]
		}
	}
	return nil
}

// Behind returns the structure that programs of a type write through the field of kind FieldFlowKeys called name, nil if there
// is none: the layout of the record of that name that a run leaves.
func (s *Set) Behind(t *ProgType, name string) *Context {
	for i := range t.Context.Fields {
		if f := &t.Context.Fields[i]; f.Kind == FieldFlowKeys && f.Name == name {
			return s.Struct(f.Struct)
		}
	}
	return nil
}

// MapKind returns the kind with the kernel's number of the map type, nil if there is none.
func (s *Set) MapKind(typ uint32) *MapKind {
	for i := range s.MapKinds {
		if s.MapKinds[i].Type == typ {
			return &s.MapKinds[i]
		}
	}
	return nil
}

// HelperByID returns the helper with the number that `call` uses, nil if there is none.
func (s *Set) HelperByID(id uint32) *Helper {
	for i := range s.Helpers {
		if s.Helpers[i].ID == id {
			return &s.Helpers[i]
		}
	}
	return nil
}

// HelperFor returns the helper with the number that `call` uses as programs of
// type t have it, nil if there is none. Whether they may call it says MayCall.
func (s *Set) HelperFor(t *ProgType, id uint32) *Helper {
	for i := range t.Variants {
		if t.Variants[i].ID == id {
			return &t.Variants[i]
		}
	}
	return s.HelperByID(id)
}

// HelperByName returns the helper called name, nil if there is none.
func (s *Set) HelperByName(name string) *Helper {
	for i := range s.Helpers {
		if s.Helpers[i].Name == name {
			return &s.Helpers[i]
		}
	}
	return nil
}

// MayCall reports whether programs of type t may call the helper.
func (t *ProgType) MayCall(h *Helper) bool {
	if h.Flags&FlagInternal != 0 {
		return false
	}
	return h.Flags&FlagAnyType != 0 || slices.Contains(t.Helpers, h.Name) || slices.Contains(t.Helpers, "*")
}

// Digest is the SHA-256 of a definition (a ProgType, a Helper, …), over its JSON form.
func Digest(definition any) ([32]byte, error) {
	b, err := json.Marshal(definition)
	if err != nil {
		return [32]byte{}, fmt.Errorf("abi: digest: %w", err)
	}
	return sha256.Sum256(b), nil
}
