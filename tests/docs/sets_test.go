package docs

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/cheader"
)

// docs/HELPERS.md and docs/CONTEXTS.md are what the built-in sets declare; -update writes them.

var generated = map[string]func([]*abi.Set) string{"docs/HELPERS.md": helpersText, "docs/CONTEXTS.md": contextsText}

func TestGeneratedDocuments(t *testing.T) {
	sets := []*abi.Set{builtin.Base(), builtin.Networking(), builtin.Tracing()}
	for _, name := range slices.Sorted(maps.Keys(generated)) {
		path, want := filepath.Join(root, filepath.FromSlash(name)), generated[name](sets)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		}
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(have), "%s is not what the sets declare: go test ./tests/docs -update", name)
	}
}

// text collects a document.
type text struct{ strings.Builder }

func (w *text) linef(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// row prints a row of a table.
func (w *text) row(cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
	}
	w.linef("| %s |", strings.Join(cells, " | "))
}

func (w *text) head(cells ...string) {
	w.linef("")
	w.row(cells...)
	w.linef("|%s", strings.Repeat("---|", len(cells)))
}

func code(s string) string { return "`" + s + "`" }

func codes(names []string) string {
	list := slices.Clone(names)
	for i := range list {
		list[i] = code(list[i])
	}
	return strings.Join(list, ", ")
}

var flagNames = []struct {
	flag abi.Flags
	name string
}{
	{abi.FlagGPL, "GPL only"}, {abi.FlagPacket, "packet memory"}, {abi.FlagInvalidatesPackets, "packet pointers die"},
	{abi.FlagAcquires, "acquires"}, {abi.FlagReleases, "releases"}, {abi.FlagReturnsLength, "returns a length"},
	{abi.FlagTailCall, "does not return"}, {abi.FlagLock, "locks"}, {abi.FlagUnlock, "unlocks"}, {abi.FlagSleeps, "sleeps"},
	{abi.FlagReadOnly, "read-only result"}, {abi.FlagIterNew, "begins an iterator"}, {abi.FlagIterNext, "next of an iterator"},
	{abi.FlagIterDestroy, "ends an iterator"}, {abi.FlagFastcall, "fastcall"}, {abi.FlagPure, "pure"},
}

func flags(h *abi.Helper) string {
	var list []string
	for _, f := range flagNames {
		if h.Flags&f.flag != 0 {
			list = append(list, f.name)
		}
	}
	return strings.Join(list, ", ")
}

var implNames = map[abi.Impl]string{abi.ImplNone: "no", abi.ImplIntrinsic: "expanded", abi.ImplBody: "body", abi.ImplNative: "native", abi.ImplGo: "Go", abi.ImplRemote: "remote"}

// expandedFor says of which calls the expansion does all, "" for every one; the others are calls of the helper.
var expandedFor = map[abi.Intrinsic]string{
	abi.IntrinsicMapLookup: "for arrays, hashes and tries", abi.IntrinsicMapUpdate: "for arrays",
	abi.IntrinsicPacketLoad: "inside the packet", abi.IntrinsicPacketStore: "inside the packet",
}

// runs says how the helper runs here.
func runs(h *abi.Helper) string {
	way := implNames[h.Impl]
	if h.Intrinsic == abi.IntrinsicNone {
		return way
	}
	if only := expandedFor[h.Intrinsic]; only != "" {
		return "expanded " + only + ", else " + way
	}
	return "expanded"
}

// callers says which types may call the helper.
func callers(sets []*abi.Set, h *abi.Helper) string {
	if h.Flags&abi.FlagAnyType != 0 {
		return "every type"
	}
	var names []string
	for _, s := range sets {
		for i := range s.Types {
			if t := &s.Types[i]; t.MayCall(h) && t.Unsupported == "" && !slices.Contains(t.Helpers, "*") {
				names = append(names, t.Name)
			}
		}
	}
	if len(names) == 0 {
		return "only types that are not decided"
	}
	return codes(names)
}

// number is what `call` uses, or a dash for helpers that are called by name.
func number(h *abi.Helper) string {
	if h.ID >= 1<<16 {
		return "–"
	}
	return fmt.Sprint(h.ID)
}

func helpersText(sets []*abi.Set) string {
	w := &text{}
	w.linef("# Helpers\n")
	w.linef("The helpers that the built-in sets declare, generated from the sets (`go test ./tests/docs -update`). Numbers, names and prototypes are the kernel's;")
	w.linef("a dash stands for a kernel function, which is called by name. `bpfc plugin header base networking tracing` prints them as a C header. Programs of type")
	w.linef("`mem` may call every helper. A helper that does not run here can be verified; running a program that calls it is refused. What is *expanded* is part of")
	w.linef("the program's code. In an object file for C that is so of loops, tail calls, the CPU's number and lookups in arrays; the others are calls.")
	for _, s := range sets {
		w.linef("\n## Set %s", s.Name)
		w.head("number", "prototype", "who may call it", "rules", "runs here")
		list := slices.Clone(s.Helpers)
		slices.SortFunc(list, func(a, b abi.Helper) int { return cmp.Compare(a.ID, b.ID) })
		for i := range list {
			h := &list[i]
			w.row(number(h), code(cheader.Prototype(h)), callers(sets, h), flags(h), runs(h))
		}
		variantsText(w, s)
	}
	mapsText(w, sets)
	return w.String()
}

// variantsText lists the helpers that are others for some types.
func variantsText(w *text, s *abi.Set) {
	byProto := map[string][]string{}
	for i := range s.Types {
		for j := range s.Types[i].Variants {
			v := &s.Types[i].Variants[j]
			if h := s.HelperByID(v.ID); h != nil && h.Args == v.Args && h.Intrinsic != v.Intrinsic { // what differs is how it runs
				continue
			}
			key := shape(v)
			byProto[key] = append(byProto[key], s.Types[i].Name)
		}
	}
	if len(byProto) == 0 {
		return
	}
	w.linef("\nSome types have other prototypes under the same numbers:")
	w.head("helper", "types")
	for _, key := range slices.Sorted(maps.Keys(byProto)) {
		w.row(code(key), codes(byProto[key]))
	}
}

// shape is the helper with what its arguments lead to.
func shape(h *abi.Helper) string {
	bare := *h
	bare.C = ""
	return cheader.Prototype(&bare)
}

func mapsText(w *text, sets []*abi.Set) {
	w.linef("\n## Kinds of maps")
	w.head("number", "kind", "helpers that take it", "a lookup gives")
	values := map[abi.MapValues]string{abi.ValuesNone: "", abi.ValuesMemory: "the value", abi.ValuesMap: "the inner map"}
	for _, s := range sets {
		for _, k := range s.MapKinds {
			gives := values[k.Values]
			if k.Struct != "" {
				gives = code("struct " + k.Struct)
			}
			if k.Values == abi.ValuesStruct {
				gives += ", to be released"
			}
			w.row(fmt.Sprint(k.Type), code(k.Name), codes(k.Helpers), gives)
		}
	}
}

func contextsText(sets []*abi.Set) string {
	w := &text{}
	w.linef("# Program types and contexts\n")
	w.linef("The program types of the built-in sets and what their programs get, generated from the sets (`go test ./tests/docs -update`). Offsets and sizes are")
	w.linef("in bytes, as programs see them. A field is accessed whole, or in units of the size that stands behind it; *narrow* fields may also be loaded in part,")
	w.linef("*wide* ones two units at a time. What is not listed is refused. Programs of type `tracepoint` may read any record; `--tracepoint` names")
	w.linef("those whose programs may read their own record only, as Linux demands when they are attached.")
	for _, s := range sets {
		w.linef("\n## Set %s", s.Name)
		w.head("type", "sections", "context", "packet", "returns", "kernel type, attach type")
		for i := range s.Types {
			t := &s.Types[i]
			w.row(code(t.Name), codes(t.Sections), typeContext(t), packetNames[t.Packet], rangeText(&t.Returns), kernelNumbers(t))
		}
	}
	for _, s := range sets {
		viewsText(w, s)
	}
	w.linef("\n## Structures\n\nWhat fields and helpers lead to.")
	for _, s := range sets {
		for i := range s.Structs {
			structureText(w, &s.Structs[i])
		}
	}
	return w.String()
}

var packetNames = map[abi.PacketAccess]string{abi.PacketNone: "", abi.PacketRead: "read", abi.PacketReadWrite: "read, write"}

func typeContext(t *abi.ProgType) string {
	switch {
	case t.Unsupported != "":
		return "not decided: " + t.Unsupported
	case t.Context.Kind == abi.CtxMemory:
		return "memory and its length"
	case t.Context.Kind == abi.CtxNone:
		return "none"
	}
	return code("struct " + t.Context.Name)
}

func rangeText(r *abi.Range) string {
	var parts []string
	if r.Bounded() {
		parts = append(parts, fmt.Sprintf("%d to %d", r.Min, r.Max))
	}
	var names []string
	for _, v := range slices.Sorted(maps.Keys(r.Names)) {
		names = append(names, fmt.Sprintf("%d %s", v, r.Names[v]))
	}
	if len(names) > 0 {
		parts = append(parts, strings.Join(names, ", "))
	}
	return cmp.Or(strings.Join(parts, ": "), "any number")
}

func kernelNumbers(t *abi.ProgType) string {
	if t.Kernel == 0 {
		return ""
	}
	return fmt.Sprintf("%d, %d", t.Kernel, t.Attach)
}

// viewsText prints the contexts of a set's types; types that see the same share a table.
func viewsText(w *text, s *abi.Set) {
	var order []string
	views, types := map[string]*abi.Context{}, map[string][]string{}
	for i := range s.Types {
		t := &s.Types[i]
		if t.Unsupported != "" || t.Context.Kind != abi.CtxStruct {
			continue
		}
		key := fmt.Sprint(t.Context)
		if views[key] == nil {
			order = append(order, key)
			views[key] = &t.Context
		}
		types[key] = append(types[key], t.Name)
	}
	for _, key := range order {
		w.linef("\n### struct %s of %s", views[key].Name, strings.Join(types[key], ", "))
		fieldsText(w, views[key])
	}
}

func structureText(w *text, c *abi.Context) {
	w.linef("\n### struct %s", c.Name)
	if c.Opaque {
		w.linef("\nNothing describes its fields: programs that use them are not decided.")
		return
	}
	if c.Kind == abi.CtxMemory {
		w.linef("\nPlain memory of %d bytes: every byte may be read and written in any piece.", c.Size)
	}
	fieldsText(w, c)
}

func fieldsText(w *text, c *abi.Context) {
	w.head("offset", "size", "field", "access", "parts")
	for i := range c.Fields {
		f := &c.Fields[i]
		w.row(fmt.Sprint(f.Offset), sizeText(f), code(f.Name)+kindText(f), accessNames[f.Access], partsText(f))
	}
}

var accessNames = map[abi.Access]string{abi.ReadOnly: "read", abi.ReadWrite: "read, write", abi.WriteOnly: "write"}

func sizeText(f *abi.Field) string {
	if f.Unit != 0 && f.Unit != f.Size {
		return fmt.Sprintf("%d × %d", f.Size/f.Unit, f.Unit)
	}
	return fmt.Sprint(f.Size)
}

func kindText(f *abi.Field) string {
	kinds := map[abi.FieldKind]string{abi.FieldPacketStart: ", start of the packet", abi.FieldPacketEnd: ", end of the packet", abi.FieldPacketMeta: ", start of its metadata"}
	s := kinds[f.Kind]
	if f.Struct != "" && f.Kind != abi.FieldScalar {
		s = ", pointer to " + code("struct "+f.Struct)
	}
	if f.OrNull {
		s += " or null"
	}
	return s
}

func partsText(f *abi.Field) string {
	var parts []string
	if f.Narrow || f.NarrowFirst {
		parts = append(parts, map[bool]string{true: "narrow", false: "narrow, from its start"}[f.Narrow])
	}
	if f.NarrowWrite {
		parts = append(parts, "narrow stores")
	}
	if f.Wide != 0 {
		parts = append(parts, fmt.Sprintf("wide (%d)", f.Wide))
	}
	return strings.Join(parts, ", ")
}
