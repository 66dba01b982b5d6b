package sets

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/cheader"
)

// clang compiles a file to BPF, with warnings that count.
func clang(t *testing.T, source string, flags ...string) (object string) {
	t.Helper()
	path := ""
	for _, name := range []string{"clang", "clang-19", "clang-18", "clang-17"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("there is no clang: apt-get install clang")
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "prog.c")
	object = filepath.Join(dir, "prog.o")
	require.NoError(t, os.WriteFile(in, []byte(source), 0o600))
	args := append([]string{"-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-unused-const-variable", "-c", "-o", object}, flags...)
	out, err := exec.Command(path, append(args, in)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return object
}

func header(t *testing.T, s *abi.Set) string {
	var b bytes.Buffer
	require.NoError(t, cheader.Write(&b, s))
	var again bytes.Buffer
	require.NoError(t, cheader.Write(&again, s))
	require.Equal(t, b.String(), again.String(), "the same set, the same bytes")
	return b.String()
}

// asserts are C assertions that every field is where the set says.
func asserts(c *abi.Context, known func(field string) bool) string {
	var b strings.Builder
	for _, f := range c.Fields {
		if !known(f.Name) {
			continue
		}
		fmt.Fprintf(&b, "_Static_assert(__builtin_offsetof(struct %s, %s) == %d, \"%s.%s\");\n", c.Name, f.Name, f.Offset, c.Name, f.Name)
		if f.Kind == abi.FieldScalar && f.Struct == "" {
			of := fmt.Sprintf("((struct %s *)0)->%s", c.Name, f.Name)
			if f.Unit != 0 && f.Size > f.Unit && f.Unit > 2 {
				of += "[0]"
			}
			fmt.Fprintf(&b, "_Static_assert((((__typeof__(%s))-1) < 0) == %d, \"sign of %s.%s\");\n", of, map[bool]int{true: 1}[f.Signed], c.Name, f.Name)
		}
	}
	return b.String()
}

func always(string) bool { return true }

// The header of every set, alone and merged, compiles, and so does a program that
// asserts the place of every field.
func TestHeadersCompile(t *testing.T) {
	sets := []*abi.Set{Merged(t)}
	for _, name := range builtin.Sets() {
		s, _ := builtin.Set(name)
		sets = append(sets, s)
	}
	for _, s := range sets {
		t.Run(s.Name, func(t *testing.T) {
			source := header(t, s)
			for i := range s.Types {
				if typ := &s.Types[i]; typ.Unsupported == "" && typ.Context.Kind == abi.CtxStruct {
					source += asserts(&typ.Context, always)
				}
			}
			for i := range s.Structs {
				source += asserts(&s.Structs[i], always)
			}
			clang(t, source)
		})
	}
	t.Run("one after the other", func(t *testing.T) {
		clang(t, header(t, builtin.Base())+header(t, builtin.Networking())+header(t, builtin.Tracing()))
	})
}

// The structures are those of the kernel's own header, where this machine has it; it may be older and lack fields.
func TestStructuresAreThoseOfTheKernel(t *testing.T) {
	b, err := os.ReadFile("/usr/include/linux/bpf.h")
	if err != nil {
		t.Skip("there is no linux/bpf.h: apt-get install linux-libc-dev")
	}
	text := string(b)
	source, n := "#include <linux/bpf.h>\n", 0
	s := Merged(t)
	contexts := slices.Clone(s.Structs)
	for i := range s.Types {
		contexts = append(contexts, s.Types[i].Context)
	}
	for i := range contexts {
		c := &contexts[i]
		body := regexp.MustCompile(`(?s)\nstruct ` + c.Name + ` \{(.*?)\n\}`).FindStringSubmatch(text)
		if body == nil {
			continue
		}
		n++
		source += asserts(c, func(field string) bool {
			return regexp.MustCompile(`\b` + field + `\b`).MatchString(body[1])
		})
	}
	require.Greater(t, n, 12)
	clang(t, source, "-I/usr/include/x86_64-linux-gnu")
}

// Prototypes are those of libbpf's header, where this machine has it.
func TestPrototypesAreThoseOfLibbpf(t *testing.T) {
	b, err := os.ReadFile("/usr/include/bpf/bpf_helper_defs.h")
	if err != nil {
		t.Skip("there is no bpf/bpf_helper_defs.h: apt-get install libbpf-dev")
	}
	s, n := Merged(t), 0
	for _, m := range regexp.MustCompile(`(?m)^static (.*)\(\*(?: const)? ?(bpf_\w+)\)\((.*)\) = \(void \*\) (\d+);$`).FindAllStringSubmatch(string(b), -1) {
		h := s.HelperByName(m[2])
		if h == nil {
			continue
		}
		n++
		want := fmt.Sprintf("static %s(* const %s)(%s) = (void *) %s;", m[1], m[2], strings.ReplaceAll(m[3], "size_t", "unsigned long"), m[4])
		assert.Equal(t, want, cheader.Declaration(h))
	}
	require.Greater(t, n, 180)
}

// The macros of the header do what libbpf's do.
func TestMacros(t *testing.T) {
	s := Merged(t)
	source := header(t, s) + `
char _license[] SEC("license") = "GPL";
_Static_assert(bpf_htons(0x1234) == 0x3412 && bpf_ntohs(0x1234) == 0x3412, "16 bits");
_Static_assert(bpf_htonl(0x12345678) == 0x78563412 && bpf_ntohl(1) == 1 << 24, "32 bits");
_Static_assert(bpf_cpu_to_be64(1) == 1ULL << 56 && bpf_be64_to_cpu(1) == 1ULL << 56, "64 bits");
SEC("tc") int turns(struct __sk_buff *skb)
{
	int i, n = 0;
	bpf_for (i, 2, skb->len) {
		n ^= i;
		if (n == 77)
			break;
	}
	bpf_repeat (skb->mark)
		n ^= bpf_get_prandom_u32();
	barrier_var(n);
	while (can_loop && n)
		n ^= bpf_get_prandom_u32();
	for (;;) {
		cond_break;
		n ^= bpf_get_prandom_u32();
	}
	barrier();
	bpf_printk("none");
	bpf_printk("%d of %d", n, i);
	return n & 1;
}
`
	b, err := os.ReadFile(clang(t, source))
	require.NoError(t, err)
	o, err := builtin.ReadObject(t.Context(), "macros.o", b, builtin.ReadOptions{})
	require.NoError(t, err)
	reports, err := core.Verify(o, s, core.Options{Policy: verifier.Strict})
	require.NoError(t, err)
	require.Len(t, reports, 1)
	require.Nil(t, reports[0].Err, "%+v", reports[0].Err)
}
