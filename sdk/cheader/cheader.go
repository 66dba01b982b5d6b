// Package cheader prints the C header of a helper set from its description:
// contexts and structures at the offsets that programs see, declarations of the
// helpers, kinds of maps, names of return values, and the macros of libbpf's
// headers for sections and maps, under the same names. Programs that include it
// need no other header.
package cheader

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// Write prints the header of a set, which may be several merged ones. The same
// set gives the same bytes. An error is that of w, or that the set's description
// is no C: two fields of one structure that contradict each other.
func Write(w io.Writer, s *abi.Set) error {
	h := &header{set: s}
	guard := "BPFC_" + strings.ToUpper(identifier(s.Name)) + "_H"
	h.linef("/* Declarations of the helper sets %s: made by bpfc, for C programs that clang compiles to BPF. */", strings.ReplaceAll(s.Name, "+", ", "))
	h.linef("#ifndef %s\n#define %s", guard, guard)
	h.linef("\n#ifndef BPFC_DECLARATIONS\n#define BPFC_DECLARATIONS%s#endif", preamble)
	h.mapTypes()
	if err := h.structures(); err != nil {
		return err
	}
	h.returns()
	h.helpers()
	h.linef("\n#endif /* %s */", guard)
	_, err := w.Write(h.Bytes())
	return err
}

type header struct {
	bytes.Buffer
	set *abi.Set
}

func (h *header) linef(format string, args ...any) { fmt.Fprintf(h, format+"\n", args...) }

// identifier is a name as a part of a C name.
func identifier(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}

// mapTypes prints enum bpf_map_type of the set's kinds of maps.
func (h *header) mapTypes() {
	if len(h.set.MapKinds) == 0 {
		return
	}
	h.linef("\nenum bpf_map_type {")
	for _, k := range h.set.MapKinds {
		h.linef("\tBPF_MAP_TYPE_%s = %d,", strings.ToUpper(identifier(k.Name)), k.Type)
	}
	h.linef("};")
}

// returns prints the names of the return values of all types. Names that are no
// C names are words for people.
func (h *header) returns() {
	seen := map[string]bool{}
	for i := range h.set.Types {
		t := &h.set.Types[i]
		var values []string
		for _, v := range slices.Sorted(maps.Keys(t.Returns.Names)) {
			name := t.Returns.Names[v]
			if seen[name] || name != identifier(name) || name != strings.ToUpper(name) {
				continue
			}
			seen[name] = true
			values = append(values, fmt.Sprintf("\t%s = %d,", name, v))
		}
		if len(values) > 0 {
			h.linef("\n/* What programs of type %s return. */\nenum {\n%s\n};", t.Name, strings.Join(values, "\n"))
		}
	}
}

// Numbers from here on are those of sets, not of the kernel: such helpers are called by name.
const firstPrivate = 1 << 16

// helpers prints the declarations of all helpers, by number.
func (h *header) helpers() {
	all := slices.Clone(h.set.Helpers)
	slices.SortStableFunc(all, func(a, b abi.Helper) int { return cmp.Compare(a.ID, b.ID) })
	for _, name := range h.undefined(all) {
		h.linef("%s", cmp.Or(records[name], "struct "+name+";"))
	}
	h.linef("")
	for i := range all {
		h.linef("%s", Declaration(&all[i]))
	}
}

var structName = regexp.MustCompile(`\bstruct (\w+)`)

// undefined is the structures that prototypes name and that the header has not defined yet.
func (h *header) undefined(all []abi.Helper) (names []string) {
	known := h.defined()
	for i := range all {
		for _, m := range structName.FindAllStringSubmatch(Prototype(&all[i]), -1) {
			if name := m[1]; !slices.Contains(known, name) {
				known, names = append(known, name), append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Prototype is the helper's prototype in C: the one that the set gives, or one
// made from its kinds, with numbers of 64 bits and pointers to void.
func Prototype(h *abi.Helper) string {
	if h.C != "" {
		return h.C
	}
	var args []string
	for i, k := range h.Args[:h.NumArgs()] {
		args = append(args, argument(h, i, k))
	}
	if len(args) == 0 {
		args = []string{"void"}
	}
	return fmt.Sprintf("%s%s(%s)", result(h), cName(h), strings.Join(args, ", "))
}

// cName is the name by which C programs call the helper.
func cName(h *abi.Helper) string { return h.Name[strings.LastIndexByte(h.Name, '/')+1:] }

var argumentNames = map[abi.ArgKind]string{
	abi.ArgCtx: "void *ctx", abi.ArgCtxOrNull: "void *ctx", abi.ArgConstMap: "void *map",
	abi.ArgMapKey: "const void *key", abi.ArgMapKeyOrNull: "const void *key",
	abi.ArgMapValue: "const void *value", abi.ArgMapValueOrNull: "const void *value", abi.ArgMapValueOut: "void *value",
	abi.ArgFunc: "void *callback_fn", abi.ArgStackOrNull: "void *callback_ctx",
	abi.ArgMem: "const void *mem%d", abi.ArgMemOrNull: "const void *mem%d", abi.ArgFixedMem: "const void *mem%d",
	abi.ArgMemWrite: "void *mem%d", abi.ArgMemWriteOrNull: "void *mem%d", abi.ArgFixedMemWrite: "void *mem%d",
	abi.ArgSize: "__u32 size%d", abi.ArgSizeOrZero: "__u32 size%d", abi.ArgAllocSize: "__u64 size", abi.ArgConst: "__u64 size%d",
	abi.ArgRecord: "void *data", abi.ArgConstString: "const char *string",
	abi.ArgSpinLock: "struct bpf_spin_lock *lock", abi.ArgTimer: "struct bpf_timer *timer",
	abi.ArgDynptr: "struct bpf_dynptr *ptr", abi.ArgDynptrInit: "struct bpf_dynptr *ptr", abi.ArgDynptrRecord: "struct bpf_dynptr *ptr",
	abi.ArgIter: "void *it", abi.ArgKptr: "void *map_value", abi.ArgFlagZero: "__u64 flags", abi.ArgMapIndex: "__u64 map_index",
}

func argument(h *abi.Helper, i int, k abi.ArgKind) string {
	if k == abi.ArgStruct || k == abi.ArgStructOrNull {
		return fmt.Sprintf("struct %s *arg%d", h.Structs[i], i+1)
	}
	name, ok := argumentNames[k]
	if !ok {
		name = "__u64 arg%d"
	}
	if strings.Contains(name, "%d") {
		return fmt.Sprintf(name, i+1)
	}
	return name
}

func result(h *abi.Helper) string {
	switch h.Ret {
	case abi.RetInteger:
		return "long "
	case abi.RetVoid:
		return "void "
	case abi.RetStruct, abi.RetStructOrNull:
		return "struct " + h.RetStruct + " *"
	}
	return "void *"
}

// Declaration is the C declaration by which programs call the helper: a constant
// pointer with the kernel's number, or an extern that is found by name.
func Declaration(h *abi.Helper) string {
	proto, name := Prototype(h), cName(h)
	before, after, _ := strings.Cut(proto, name+"(")
	switch {
	case strings.Contains(h.Name, "/"):
		return "extern " + proto + ";"
	case h.ID >= firstPrivate:
		return "extern " + proto + " __weak __ksym;"
	}
	return fmt.Sprintf("static %s(* const %s)(%s = (void *) %d;", before, name, after, h.ID)
}
