package aot

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/tests/bench/programs"
)

// driverC calls PROG and then PROG_checked for each argument, each on a copy of its own,
// and prints the results and the memory afterwards.
const driverC = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "prog.h"

#define CAT(a, b) a##b
#define CHECKED(p) CAT(p, _checked)

#ifdef IDENTITY
uint64_t bpfc_helper_identity(uint64_t a) { return a; }
#endif

static void print(const unsigned char *p, size_t n)
{
	putchar(' ');
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
}

static size_t parse(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		sscanf(hex + 2 * i, "%2x", &v);
		out[i] = (unsigned char)v;
	}
	return n;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unsigned char *a = malloc(strlen(argv[i]) + 1), *b = malloc(strlen(argv[i]) + 1);
		size_t n = parse(argv[i], a);
		struct bpfc_fault fault;
		uint64_t ret = 1;
		parse(argv[i], b);
		printf("%#llx", (unsigned long long)PROG(a, n));
		print(a, n);
		printf("\n%d ", CHECKED(PROG)(b, n, &ret, &fault));
		printf("%#llx", (unsigned long long)ret);
		print(b, n);
		putchar('\n');
	}
	return 0;
}
`

// sample is an object of the tree with the memories that it is run on.
type sample struct {
	name, path string
	mems       [][]byte
	want       []uint64 // results, if they do not depend on earlier runs
}

func samples(t *testing.T) (all []sample) {
	text, err := os.ReadFile("../../examples/cases.txt")
	require.NoError(t, err)
	byName := map[string]int{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		require.Len(t, f, 3)
		mem, err := hex.DecodeString(f[1])
		require.NoError(t, err)
		i, ok := byName[f[0]]
		if !ok {
			i = len(all)
			byName[f[0]] = i
			all = append(all, sample{name: f[0], path: filepath.Join("../../examples", f[0], f[0]+".o")})
		}
		all[i].mems = append(all[i].mems, mem)
	}
	bench, err := programs.All()
	require.NoError(t, err)
	for _, p := range bench {
		mem, err := programs.Input()
		require.NoError(t, err)
		all = append(all, sample{name: p.Name, path: "../bench/programs/c/" + p.Name + ".o", mems: [][]byte{mem}, want: []uint64{p.Want}})
	}
	return all
}

// What C gets from NAME and NAME_checked is what a run in this process gives; data
// sections keep what one run writes for the next, here as there.
func TestExamplesAndBenchmarks(t *testing.T) {
	need(t, "cc")
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := read(t, s.path)
			a := compile(t, o, nil)
			f := newFolder(t)
			f.object(a)
			flags := []string{"-DPROG=" + a.Entries[0].Name}
			for i := range a.Helpers {
				if a.Helpers[i].Name == "identity" && calls(a, i) {
					flags = append(flags, "-DIDENTITY")
				}
			}
			f.cc(driverC, flags...)
			var args []string
			var want strings.Builder
			here := newHome(t, o)
			for i, mem := range s.mems {
				args = append(args, hex.EncodeToString(mem))
				for twice := range 2 {
					r := here.run(0, mem)
					require.Nil(t, r.Fault)
					if s.want != nil {
						require.Equal(t, s.want[i], r.Ret)
					}
					fmt.Fprintf(&want, "%s%s %x\n", []string{"", "0 "}[twice], cHex(r.Ret), r.Mem)
				}
			}
			require.Equal(t, want.String(), f.main(args...))
		})
	}
}

// calls reports whether the code calls helper i by name: bodies are compiled in.
func calls(a *codegen.Artifact, i int) bool {
	for _, r := range a.Relocs {
		if r.Kind == codegen.RelocHelper && int(r.Index) == i {
			return true
		}
	}
	return false
}

// cHex is v as C's %#llx prints it.
func cHex(v uint64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", v)
}

// A program without a context takes no arguments; R1 and R2 are 0.
func TestWithoutContext(t *testing.T) {
	need(t, "cc")
	set := &abi.Set{Name: "test", Types: []abi.ProgType{{Name: "none", Context: abi.Context{Kind: abi.CtxNone}}}}
	f := newFolder(t)
	f.object(compile(t, merge("none.o", assemble(t, "sum", "none", `
		r0 = 5
		r0 += r1
		r0 += r2
		exit`), assemble(t, "deep", "none", `
		*(u64 *)(r10 - 8) = 6
		r0 = *(u64 *)(r10 - 8)
		r0 += r1
		exit`), assemble(t, "faults", "none", `
		r1 += r2
		r0 = *(u64 *)(r1 + 4096)
		exit`)), set))
	f.cc(`
#include <stdio.h>
#include "prog.h"
int main(void)
{
	struct bpfc_fault f;
	uint64_t ret = 0;
	printf("%llu %llu", (unsigned long long)sum(), (unsigned long long)deep());
	printf(" %d", sum_checked(&ret, &f));
	printf(" %llu", (unsigned long long)ret);
	printf(" %d", faults_checked(&ret, &f));
	printf(" %llu %lld\n", (unsigned long long)f.address, (long long)faults());
	return 0;
}`)
	require.Equal(t, "5 6 0 5 -1 4096 -1\n", f.main())
}
