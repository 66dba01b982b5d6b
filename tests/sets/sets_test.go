package sets

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/builtin"
)

func TestSetsMeanSomething(t *testing.T) {
	for _, name := range builtin.Sets() {
		s, _ := builtin.Set(name)
		require.NoError(t, abi.Check(s))
	}
	require.NoError(t, abi.Check(Merged(t)))
}

// What a type, a structure or a kind of map names is declared by some set.
func TestNamesLeadSomewhere(t *testing.T) {
	s := Merged(t)
	structure := func(owner, name string) {
		if name != "" && s.Struct(name) == nil && !slices.ContainsFunc(s.Types, func(t abi.ProgType) bool { return t.Context.Name == name }) {
			t.Errorf("%s leads to struct %s, which no set describes", owner, name)
		}
	}
	helper := func(owner, name string) {
		if name != "*" && s.HelperByName(name) == nil {
			t.Errorf("%s names helper %s, which no set declares", owner, name)
		}
	}
	prototype := func(h *abi.Helper) {
		structure(h.Name, h.RetStruct)
		for _, name := range h.Structs {
			structure(h.Name, name)
		}
	}
	context := func(c *abi.Context) {
		for _, f := range c.Fields {
			structure(c.Name+"."+f.Name, f.Struct)
		}
		for _, name := range c.Is {
			structure(c.Name, name)
		}
	}
	for i := range s.Helpers {
		prototype(&s.Helpers[i])
	}
	for i := range s.Structs {
		context(&s.Structs[i])
	}
	for i := range s.Types {
		typ := &s.Types[i]
		context(&typ.Context)
		for _, name := range typ.Helpers {
			helper("program type "+typ.Name, name)
		}
		for j := range typ.Variants {
			prototype(&typ.Variants[j])
			require.NotNil(t, s.HelperByID(typ.Variants[j].ID), "%s of %s is a variant of nothing", typ.Variants[j].Name, typ.Name)
		}
	}
	for _, k := range s.MapKinds {
		structure("map kind "+k.Name, k.Struct)
		for _, name := range k.Helpers {
			helper("map kind "+k.Name, name)
		}
	}
}

// Every helper that takes a map has a kind of map to take.
func TestEveryHelperOfMapsHasAKind(t *testing.T) {
	s := Merged(t)
	for i := range s.Helpers {
		h := &s.Helpers[i]
		if slices.Contains(h.Args[:], abi.ArgConstMap) && h.Flags&abi.FlagInternal == 0 {
			require.True(t, slices.ContainsFunc(s.MapKinds, func(k abi.MapKind) bool { return slices.Contains(k.Helpers, h.Name) }), h.Name)
		}
	}
}
