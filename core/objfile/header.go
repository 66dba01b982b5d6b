package objfile

import (
	"fmt"
	"io"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// faultStruct is struct bpfc_fault, of which codegen's CFault constants are the layout.
const faultStruct = `#ifndef BPFC_FAULT
#define BPFC_FAULT
/* Why a program did not return. */
struct bpfc_fault {
	uint32_t rule;       /* 1 memory, 2 call, 3 fuel, 4 alignment */
	uint32_t insn;       /* BPF instruction, UINT32_MAX if none */
	uint64_t address;    /* of the access, or the called value */
	uint32_t size;       /* bytes of the access, 0 if it was none */
	uint32_t write;      /* 1 for a write */
	const char *program; /* name of the program */
};
/* Called on a fault of a function that is not _checked, if you define it. */
void bpfc_fault(const struct bpfc_fault *fault);
#endif
`

// Header writes the C header of the object that Write makes of the artifact.
// name, the file's, is what the include guard is made of; set, which may be nil, describes the contexts of programs. Errors are those of Write.
func Header(w io.Writer, a *codegen.Artifact, name string, set *abi.Set) error {
	n, err := check(a)
	if err != nil {
		return err
	}
	guard := strings.ToUpper(sanitize(name))
	var out strings.Builder
	fmt.Fprintf(&out, "/* Made by bpfc from %s. */\n", comment(a.Name))
	fmt.Fprintf(&out, "#ifndef BPFC_HEADER_%s\n#define BPFC_HEADER_%s\n\n#include <stdint.h>\n\n", guard, guard)
	out.WriteString("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n" + faultStruct)
	for i := range a.Entries {
		out.WriteString(prototypes(&a.Entries[i], n.entries[i], set))
	}
	helpers(&out, a, n)
	storage(&out, a, n)
	out.WriteString("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n")
	_, err = io.WriteString(w, out.String())
	return err
}

// parameters is what C passes to a program, by kind of context.
var parameters = [...]string{
	abi.CtxNone:   "",
	abi.CtxMemory: "void *mem, uint64_t len",
	abi.CtxStruct: "void *ctx",
}

func prototypes(e *codegen.Entry, name string, set *abi.Set) string {
	params, checked := parameters[e.Context], "uint64_t *ret, struct bpfc_fault *fault"
	if params == "" {
		params = "void"
	} else {
		checked = params + ", " + checked
	}
	return fmt.Sprintf(`
/* Program %s (%s). Returns UINT64_MAX on a fault.%s */
uint64_t %s(%s);
/* Returns 0 and the result in *ret, or -1 and the fault in *fault. */
int %s%s(%s);
`, comment(e.Name), comment(e.Type), contextText(e, set), name, params, name, codegen.CheckedSuffix, checked)
}

// helpers declares what the object calls.
func helpers(out *strings.Builder, a *codegen.Artifact, n *names) {
	called := make([]bool, len(a.Helpers))
	for _, r := range a.Relocs {
		if r.Kind == codegen.RelocHelper {
			called[r.Index] = true
		}
	}
	for i := range a.Helpers {
		if called[i] {
			h := &a.Helpers[i]
			fmt.Fprintf(out, "\n/* You define helper %s. */\n%s %s(%s);\n", comment(h.Name), result(h), n.helpers[i], arguments(h))
		}
	}
}

func result(h *abi.Helper) string {
	if h.Ret == abi.RetVoid {
		return "void"
	}
	return "uint64_t"
}

func arguments(h *abi.Helper) string {
	if h.NumArgs() == 0 {
		return "void"
	}
	return strings.TrimSuffix(strings.Repeat("uint64_t, ", h.NumArgs()), ", ")
}

// storage declares the values of array maps.
func storage(out *strings.Builder, a *codegen.Artifact, n *names) {
	for i := range a.Maps {
		if m := &a.Maps[i]; m.Type == abi.MapTypeArray && m.ArrayBytes() > 0 {
			fmt.Fprintf(out, "\n/* Array map %s: %d values of %d bytes. */\nextern uint8_t %s[%d][%d];\n",
				comment(m.Name), m.MaxEntries, m.ValueSize, n.maps[i], m.MaxEntries, m.Stride())
		}
	}
}

// comment makes a name fit for a C comment.
func comment(s string) string {
	return strings.NewReplacer("*/", "*_", "\n", " ", "\r", " ", "\x00", "", "??/", "").Replace(s)
}

// contextText says what a program's context is in memory: see abi.Context.Place.
func contextText(e *codegen.Entry, set *abi.Set) string {
	if set == nil || e.Context != abi.CtxStruct {
		return ""
	}
	t, ok := set.Type(e.Type)
	if !ok {
		return ""
	}
	c := &t.Context
	text := fmt.Sprintf("\n   ctx has %d bytes: struct %s as programs see it, %d bytes", c.HostSize(), comment(c.Name), c.Size)
	for i := range c.Fields {
		if at, size := c.Place(i); at != c.Fields[i].Offset {
			text += fmt.Sprintf(";\n   the address of %s, %d bytes at %d", comment(c.Fields[i].Name), size, at)
		}
	}
	if c.Private > 0 {
		text += fmt.Sprintf(";\n   %d bytes of zeros at %d, which helpers use", c.Private, c.PrivateAt())
	}
	return text + "."
}
