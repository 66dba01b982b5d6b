package objfile

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
)

// mainC uses everything that the sample's object offers.
const mainC = `
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "sample.h"

_Static_assert(offsetof(struct bpfc_fault, insn) == 4, "insn");
_Static_assert(offsetof(struct bpfc_fault, address) == 8, "address");
_Static_assert(offsetof(struct bpfc_fault, size) == 16, "size");
_Static_assert(offsetof(struct bpfc_fault, write) == 20, "write");
_Static_assert(offsetof(struct bpfc_fault, program) == 24, "program");
_Static_assert(sizeof(struct bpfc_fault) == 32, "size of all");

extern uint64_t calls;

uint64_t bpfc_helper_test_identity(uint64_t a, uint64_t b) { return a * 10 + b; }

#ifdef HOOK
void bpfc_fault(const struct bpfc_fault *f)
{
	printf("hook %u %u %llu %u %u %s\n", f->rule, f->insn, (unsigned long long)f->address, f->size, f->write, f->program);
}
#endif

int main(void)
{
	struct bpfc_fault f;
	uint64_t ret = 0;
	char mem[8];
	memset(&f, 0, sizeof f);
	*(uint64_t *)bpfc_map_config[1] = 1000;
	printf("sum %llu\n", (unsigned long long)sum(mem, sizeof mem));
	printf("checked %d", sum_checked(mem, sizeof mem, &ret, &f));
	printf(" %llu\n", (unsigned long long)ret);
	printf("calls %llu\n", (unsigned long long)calls);
	printf("trap %lld\n", (long long)trap(mem, sizeof mem));
	printf("checked %d", trap_checked(mem, sizeof mem, &ret, &f));
	printf(" %u %u %llu %u %u %s\n", f.rule, f.insn, (unsigned long long)f.address, f.size, f.write, f.program);
	return 0;
}
`

const withoutHook = `sum 10417
checked 0 10427
calls 2
trap -1
checked -1 1 7 12345 8 1 trap
`

// tool is the path of a program that the test needs; without it the test is skipped.
func tool(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func run(t *testing.T, dir, name string, args ...string) string {
	cmd := exec.Command(tool(t, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v\n%s", name, args, out)
	return string(out)
}

// files writes the sample's object and header and the C program, and returns their directory.
func files(t *testing.T, a *codegen.Artifact) string {
	dir := t.TempDir()
	var object, head bytes.Buffer
	require.NoError(t, Write(&object, a, Options{Debug: true}))
	require.NoError(t, Header(&head, a, "sample.h", nil))
	for name, data := range map[string][]byte{"sample.o": object.Bytes(), "sample.h": head.Bytes(), "main.c": []byte(mainC)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

func TestLinkAndRun(t *testing.T) {
	tool(t, "cc")
	dir := files(t, sample())
	for _, flags := range [][]string{
		{"-pie", "-fPIE"}, {"-no-pie", "-fno-pie"}, {"-static", "-fno-pie"}, {"-static-pie", "-fPIE"}, {"-pie", "-fPIE", "-Wl,-z,now", "-Wl,--gc-sections"},
	} {
		args := append([]string{"-Wall", "-Werror", "-Wl,--fatal-warnings", "-o", "main", "main.c", "sample.o"}, flags...)
		run(t, dir, "cc", args...)
		require.Equal(t, withoutHook, run(t, dir, filepath.Join(dir, "main")), flags)
		run(t, dir, "cc", append(args, "-DHOOK")...)
		require.Contains(t, run(t, dir, filepath.Join(dir, "main")), "hook 1 7 12345 8 1 trap\ntrap -1\n", flags)
	}
}

func TestLinkIntoSharedLibrary(t *testing.T) {
	tool(t, "cc")
	dir := files(t, sample())
	run(t, dir, "cc", "-shared", "-Wl,--fatal-warnings", "-o", "libsample.so", "sample.o")
	run(t, dir, "cc", "-o", "main", "main.c", "-L.", "-lsample", "-Wl,-rpath,"+dir, "-Wl,--export-dynamic")
	require.Contains(t, run(t, dir, filepath.Join(dir, "main")), "trap -1\nchecked -1 1 7 12345 8 1 trap\n")
}

func TestHeaderIsCAndCXX(t *testing.T) {
	tool(t, "cc")
	dir := files(t, sample())
	run(t, dir, "cc", "-std=c99", "-pedantic", "-Wall", "-Werror", "-fsyntax-only", "-x", "c", "sample.h")
	if exec.Command("c++", "--version").Run() == nil {
		run(t, dir, "c++", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", "sample.h")
	}
}

func TestReadelf(t *testing.T) {
	tool(t, "readelf")
	dir := files(t, sample())
	out := run(t, dir, "readelf", "-W", "-a", "--debug-dump=info,line,frames", "sample.o")
	require.NotContains(t, out, "readelf:", "a complaint")
	require.Contains(t, out, "DW_CFA_def_cfa_offset: 16\n  DW_CFA_offset: r3 (rbx) at cfa-16")
	require.Contains(t, out, "DW_CFA_restore: r3 (rbx)")
	require.Contains(t, out, "bpfc                 0x00000035")
}

func TestObjdumpShowsLines(t *testing.T) {
	tool(t, "objdump")
	out := run(t, files(t, sample()), "objdump", "-dlr", "sample.o")
	require.Regexp(t, `<sum>:\n(.*\n)*.*push +%rbx\n.*sample\.c:10\n`, out)
	require.Regexp(t, `inc\.h:300\n`, out)
	require.Regexp(t, `R_X86_64_PLT32\s+bpfc_helper_test_identity-0x4`, out)
	require.Regexp(t, `R_X86_64_GOTPCREL\s+bpfc_fault-0x4`, out)
}

func TestGDBStopsAtLinesAndUnwinds(t *testing.T) {
	tool(t, "gdb")
	tool(t, "cc")
	dir := files(t, sample())
	run(t, dir, "cc", "-g", "-DHOOK", "-o", "main", "main.c", "sample.o")
	out := run(t, dir, "gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "break sample.c:12", "-ex", "break bpfc_helper_test_identity",
		"-ex", "break bpfc_fault", "-ex", "break trap", "-ex", "run", "-ex", "bt", "-ex", "continue", "-ex", "bt",
		"-ex", "delete 1 2", "-ex", "continue", "-ex", "bt", "-ex", "continue", "-ex", "bt", "./main")
	if bytes.Contains([]byte(out), []byte("ptrace")) {
		t.Skip("gdb may not trace here")
	}
	require.Regexp(t, `#0 +(0x\w+ in )?sum \(\) at /src/sample\.c:12\n#1 .* main \(\) at main\.c`, out)
	require.Regexp(t, `#0 +bpfc_helper_test_identity \(.*\n#1 .* sum \(\) at /src/inc\.h:300\n#2 .* main \(\)`, out)
	require.Regexp(t, `#0 .*trap \(\).*\n#1 .*main \(\)`, out)
	require.Regexp(t, `#0 +bpfc_fault \(.*\n#1 .* trap \(\).*\n#2 .*main \(\)`, out)
}
