package sets

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// aMap is a map and what programs do with it, by the header's macros alone.
const aMap = `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); } counts SEC(".maps");
char _license[] SEC("license") = "GPL";
static __noinline void count(__u32 key)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &key), one = 1;
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
}
`

// plain is the type's first section that is no pattern, "" if it has none.
func plain(s *abi.Set, t *abi.ProgType) string {
	for _, name := range t.Sections {
		if found, ok := s.SectionType(name); ok && found.Name == t.Name && !strings.ContainsAny(name, "*?") {
			return name
		}
	}
	return ""
}

// program is a C function of the type that reads a field of its context, uses the map and returns what it may.
func program(t *abi.ProgType, section string, i int) string {
	if t.Context.Kind == abi.CtxMemory {
		return fmt.Sprintf("SEC(%q) __u64 prog_%d(void *mem, __u64 len)\n{\n\tcount(len);\n\treturn bpf_ktime_get_ns();\n}\n", section, i)
	}
	read := "0"
	for _, f := range t.Context.Fields {
		if f.Kind == abi.FieldScalar && f.Access != abi.WriteOnly && f.Struct == "" && (f.Unit == 0 || f.Unit == f.Size) {
			read = "ctx->" + f.Name
			break
		}
	}
	return fmt.Sprintf("SEC(%q) int prog_%d(struct %s *ctx)\n{\n\tcount(%s);\n\treturn %d;\n}\n", section, i, t.Context.Name, read, t.Returns.Min)
}

// One program of every type, compiled with the header alone, is accepted as a program of that type.
func TestAProgramOfEveryTypeIsAccepted(t *testing.T) {
	s := Merged(t)
	source, want := header(t, s)+aMap, map[string]string{}
	for i := range s.Types {
		typ := &s.Types[i]
		section := plain(s, typ)
		if typ.Unsupported != "" || section == "" {
			continue
		}
		want[fmt.Sprintf("prog_%d", i)] = typ.Name
		source += program(typ, section, i)
	}
	require.Greater(t, len(want), 50)
	b, err := os.ReadFile(clang(t, source))
	require.NoError(t, err)
	o, err := builtin.ReadObject(t.Context(), "prog.o", b, builtin.ReadOptions{})
	require.NoError(t, err)
	reports, err := core.Verify(o, s, core.Options{Policy: verifier.Strict})
	require.NoError(t, err)
	require.Len(t, reports, len(want))
	for _, r := range reports {
		if r.Err != nil {
			t.Errorf("%s (%s): %+v", want[r.Name], r.Section, r.Err)
		}
		require.Equal(t, want[r.Name], r.Type, r.Section)
	}
}
