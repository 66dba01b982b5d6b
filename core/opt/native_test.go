package opt

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/tests/bench/programs"
)

// benchSet declares what the benchmark programs need: memory, and helper 5 as native code.
var benchSet = &abi.Set{
	Name:    "bench",
	Types:   []abi.ProgType{{Name: "mem", Sections: []string{"mem", "mem/*"}, Context: abi.Context{Kind: abi.CtxMemory}, Helpers: []string{"*"}}},
	Helpers: []abi.Helper{{ID: 5, Name: "identity", Args: [5]abi.ArgKind{abi.ArgAny}, Impl: abi.ImplNative, NativeTarget: "amd64"}},
}

// object compiles a benchmark program to an ELF object, for a CPU level.
func object(t testing.TB, p programs.Program, cpu string, policy verifier.Policy, opts Options) []byte {
	o, err := elf.Parse(p.Name+".o", p.Object, elf.Options{})
	require.NoError(t, err)
	l := ir.NewLifter(o, benchSet)
	typ, _ := benchSet.SectionType(o.Programs[0].Section)
	lifted, err := l.Lift(&o.Programs[0], typ)
	require.NoError(t, err)
	v, err := verifier.Verify(lifted, benchSet, policy)
	require.NoError(t, err)
	u, err := Run(o, []*verifier.Verified{v}, l.Helpers(), opts)
	require.NoError(t, err)
	a, err := amd64.New().Compile(context.Background(), u, codegen.Options{CPU: cpu, Object: true})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, objfile.Write(&b, a, objfile.Options{}))
	return b.Bytes()
}

// driver runs native, optimised, strict, guarded and unguarded code of every program in turns and
// prints the medians in nanoseconds of thread CPU time.
const driver = `
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
__attribute__((noinline)) uint64_t helper5(uint64_t x) { __asm__("" : "+r"(x)); return x; }
uint64_t g_bpfc_helper_identity(uint64_t x) { __asm__("" : "+r"(x)); return x; }
uint64_t u_bpfc_helper_identity(uint64_t x) { __asm__("" : "+r"(x)); return x; }
uint64_t s_bpfc_helper_identity(uint64_t x) { __asm__("" : "+r"(x)); return x; }
uint64_t o_bpfc_helper_identity(uint64_t x) { __asm__("" : "+r"(x)); return x; }
typedef uint64_t fn(void *, uint64_t);
enum { ROUNDS = 21, ENGINES = 5 };
%s
static struct { const char *name; fn *f[ENGINES]; } all[] = {
%s};
static double now(void) { struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
static int cmp(const void *a, const void *b) { double x = *(double *)a, y = *(double *)b; return x < y ? -1 : x > y; }
int main(int argc, char **argv) {
	static unsigned char in[2048] __attribute__((aligned(64))), mem[2048] __attribute__((aligned(64)));
	FILE *f = fopen(argv[1], "rb");
	if (!f || fread(in, 1, 2048, f) != 2048) return 2;
	for (unsigned p = 0; p < sizeof all / sizeof *all; p++) {
		static double t[ENGINES][ROUNDS];
		long turns = 1;
		uint64_t r[ENGINES];
		for (int e = 0; e < ENGINES; e++) { memcpy(mem, in, 2048); r[e] = all[p].f[e](mem, 2048); }
		if (r[0] != r[1] || r[0] != r[2] || r[0] != r[3] || r[0] != r[4]) { printf("%%s differs\n", all[p].name); return 1; }
		for (double d = 0; d < 2e6; turns *= 2) { double s = now(); for (long i = 0; i < turns; i++) all[p].f[0](mem, 2048); d = now() - s; }
		for (int k = 0; k < ROUNDS; k++)
			for (int e = 0; e < ENGINES; e++) { double s = now(); for (long i = 0; i < turns; i++) all[p].f[e](mem, 2048); t[e][k] = (now() - s) / turns; }
		for (int e = 0; e < ENGINES; e++) qsort(t[e], ROUNDS, sizeof(double), cmp);
		printf("%%s %%.3f %%.3f %%.3f %%.3f %%.3f\n", all[p].name, t[0][ROUNDS/2], t[1][ROUNDS/2], t[2][ROUNDS/2], t[3][ROUNDS/2], t[4][ROUNDS/2]);
	}
	return 0;
}
`

// engines are the kinds of bpfc's code, by the prefix of their symbols.
var engines = []struct {
	prefix string
	policy verifier.Policy
	opts   Options
}{
	{"o_", verifier.Strict, Options{Level: 2}},
	{"s_", verifier.Strict, Options{}},
	{"g_", verifier.Guard, Options{}},
	{"u_", verifier.Guard, Options{unguarded: true}},
}

// BenchmarkNative compares bpfc's code, strict at level 2 and 0, guarded and unguarded, with clang -O2 of
// the same C: thread CPU time, engines in turns, medians. Unguarded code omits
// guards and polls, which no option of the product does.
func BenchmarkNative(b *testing.B) {
	clang := findClang(b)
	dir := b.TempDir()
	all, err := programs.All()
	require.NoError(b, err)
	cpu := os.Getenv("BPFC_BENCH_CPU")
	var decls, rows strings.Builder
	args := []string{"-O2", "-o", filepath.Join(dir, "bench"), filepath.Join(dir, "driver.c")}
	for _, p := range all {
		name := map[string]string{"log2": "log2_sum", "strcmp": "strcmp_", "switch": "switch_"}[p.Name]
		if name == "" {
			name = p.Name
		}
		fmt.Fprintf(&decls, "fn n_%[1]s, o_%[1]s, s_%[1]s, g_%[1]s, u_%[1]s;\n", name)
		fmt.Fprintf(&rows, "\t{%q, {n_%[2]s, o_%[2]s, s_%[2]s, g_%[2]s, u_%[2]s}},\n", p.Name, name)
		src := filepath.Join("..", "..", "tests", "bench", "programs", "c", p.Name+".c")
		native := filepath.Join(dir, "n_"+p.Name+".o")
		cc := []string{"-O2", "-fno-vectorize", "-fno-slp-vectorize", "-fno-builtin", "-D" + name + "=n_" + name, "-c", src, "-o", native}
		if cpu != "" {
			cc = append(cc, "-march="+cpu)
		}
		run(b, clang, cc...)
		args = append(args, native)
		for _, e := range engines {
			path := filepath.Join(dir, e.prefix+p.Name+".o")
			require.NoError(b, os.WriteFile(path, object(b, p, cpu, e.policy, e.opts), 0o600))
			run(b, "objcopy", "--prefix-symbols="+e.prefix, path)
			args = append(args, path)
		}
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "driver.c"), fmt.Appendf(nil, driver, decls.String(), rows.String()), 0o600))
	run(b, clang, args...)
	for b.Loop() {
		report(b, run(b, filepath.Join(dir, "bench"), filepath.Join("..", "..", "tests", "bench", "programs", "c", "input.bin")))
	}
}
