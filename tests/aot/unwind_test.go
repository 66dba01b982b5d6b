package aot

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// probes is a set whose one helper the C program defines.
func probes() *abi.Set {
	return &abi.Set{
		Name:    "test",
		Types:   []abi.ProgType{{Name: "mem", Sections: []string{"mem"}, Helpers: []string{"*"}, Context: abi.Context{Kind: abi.CtxMemory, Name: "memory"}}},
		Helpers: []abi.Helper{{ID: 9, Name: "test/probe", Args: [5]abi.ArgKind{abi.ArgAny, abi.ArgAny}, Impl: abi.ImplGo}},
	}
}

// nested calls the helper at the end of a chain of functions that save different registers, and of which none is inlined.
const nested = `
	r6 = r1
	r7 = r2
	*(u64 *)(r10 - 8) = r1
	call middle
	r0 += r6
	r0 += r7
	exit
middle:
	r8 = 1
	*(u64 *)(r10 - 16) = r8
	r1 = 3
	call bottom
	r0 += r8
	exit
bottom:
	r9 = 2
	r6 = 5
	r8 = 6
	r2 = 4
	call 9
	r0 += r9
	exit`

// plain and leaving are the program without and with a guard: the first needs no run context in its C entry.
func unwound(t *testing.T) *codegen.Artifact {
	leaving := strings.Replace(nested, "*(u64 *)(r10 - 8) = r1", "r3 = *(u64 *)(r1 + 0)", 1)
	o := merge("unwound.o", assemble(t, "plain", "mem", nested), assemble(t, "leaving", "mem", leaving))
	return compile(t, o, probes())
}

const unwoundCC = `
#include <cstdio>
#include <cstdlib>
#include <unwind.h>
#include "prog.h"

static int deep, through;
static bool aligned = true;

static _Unwind_Reason_Code frame(struct _Unwind_Context *c, void *want)
{
	deep++;
	if (_Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(c)) == want)
		through = deep;
	return _URC_NO_REASON;
}

extern "C" uint64_t caller(uint64_t (*prog)(void *, uint64_t), void *mem, uint64_t n);
static bool raise;

uint64_t bpfc_helper_test_probe(uint64_t a, uint64_t b)
{
	char here __attribute__((aligned(16)));
	aligned = aligned && (uint64_t)__builtin_frame_address(0) % 16 == 0 && (uint64_t)&here % 16 == 0;
	deep = through = 0;
	_Unwind_Backtrace(frame, (void *)caller);
	if (raise)
		throw (int)(a * 10 + b);
	return a * 10 + b;
}

/* What caller keeps in registers must be there again after an exception has passed the program. */
__attribute__((noinline)) uint64_t caller(uint64_t (*prog)(void *, uint64_t), void *mem, uint64_t n)
{
	uint64_t a = n * 3, b = n * 5, c = n * 7, d = n * 11, e = n * 13;
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	uint64_t ret;
	try {
		ret = prog(mem, n);
	} catch (int thrown) {
		ret = 1000 + thrown;
	}
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	if (a != n * 3 || b != n * 5 || c != n * 7 || d != n * 11 || e != n * 13)
		printf("lost ");
	return ret;
}

int main()
{
	uint64_t mem[1] = {0};
	for (int i = 0; i < 4; i++) {
		raise = i & 1;
		uint64_t ret = caller(i < 2 ? plain : leaving, mem, 8);
		printf("%lld through %d deep %d aligned %d\n", (long long)(ret - (raise ? 0 : (uint64_t)mem)), through, deep > through, aligned);
	}
	return 0;
}
`

// An unwinder passes the program, its functions and its C entries: an exception that a helper throws arrives.
func TestExceptionsPassThrough(t *testing.T) {
	need(t, "g++")
	f := newFolder(t)
	f.object(unwound(t))
	f.write("main.cc", []byte(unwoundCC))
	for _, flags := range linkings {
		f.run("g++", append(append([]string{"-O2", "-fno-omit-frame-pointer", "-Wall", "-Werror", "-o", "main"}, flags...), "main.cc", "prog.o")...)
		// probe, bottom, middle, plain.bpf, plain, caller: 34 + 2 + 1 + 8 and the address of mem.
		require.Equal(t, strings.Join([]string{
			"45 through 6 deep 1 aligned 1",
			"1034 through 6 deep 1 aligned 1",
			"45 through 7 deep 1 aligned 1",
			"1034 through 7 deep 1 aligned 1",
			"",
		}, "\n"), f.main(), flags)
	}
}

// gdb runs commands on main and returns what it prints.
func (f folder) gdb(commands ...string) string {
	f.Helper()
	args := []string{"-nx", "-batch"}
	for _, c := range append([]string{"set debuginfod enabled off", "set width 0", "set confirm off"}, commands...) {
		args = append(args, "-ex", c)
	}
	out := f.run("gdb", append(args, "./main")...)
	if strings.Contains(out, "ptrace") {
		f.Skip("gdb may not trace here")
	}
	return out
}

func TestBacktraceFromHelper(t *testing.T) {
	need(t, "cc", "gdb")
	f := newFolder(t)
	f.object(unwound(t))
	f.cc(`
#include "prog.h"
uint64_t bpfc_helper_test_probe(uint64_t a, uint64_t b) { return a + b; }
int main(void)
{
	uint64_t mem[1] = {0};
	return (int)leaving(mem, 8);
}`, "-g", "-O0")
	out := f.gdb("break bpfc_helper_test_probe", "run", "bt", "finish", "up", "info registers rbp")
	require.Regexp(t, `#0 .*bpfc_helper_test_probe \(a=3, b=4\).*\n#1 .* bottom \(\).*\n#2 .* middle \(\).*\n#3 .* leaving\.bpf \(\).*\n#4 .* leaving_checked \(\).*\n#5 .* leaving \(\).*\n#6 .* main \(\)`, out)
	require.Contains(t, out, "Value returned is $1 = 7")
}

// Every instruction of an entry can be stopped at and unwound from: the frame's rules are right at each.
func TestUnwindAtEveryInstruction(t *testing.T) {
	need(t, "cc", "gdb")
	f := newFolder(t)
	f.object(unwound(t))
	f.cc(`
#include "prog.h"
uint64_t bpfc_helper_test_probe(uint64_t a, uint64_t b) { return a + b; }
int main(void)
{
	uint64_t mem[1] = {0};
	return plain(mem, 8) + leaving(mem, 8) == 0;
}`, "-g", "-O0")
	const stop = `python
import gdb
lost = steps = 0
names = set()
gdb.execute("break plain"); gdb.execute("run", to_string=True)
while True:
    try:
        f, n = gdb.newest_frame(), 0
        names.add(f.name())
        while f is not None and f.name() != "main" and n < 20:
            f, n = f.older(), n + 1
        if f is None or f.name() != "main": lost += 1; print("lost at", gdb.newest_frame().name(), hex(gdb.newest_frame().pc()))
        steps += 1
        if gdb.newest_frame().name() == "main" and steps > 150 or steps > 2000: break
        gdb.execute("stepi", to_string=True)
    except gdb.error as e:
        print("ended", e); break
print("steps", steps > 150, "lost", lost, sorted(n for n in names if n))
`
	f.write("walk.gdb", []byte(stop))
	out := f.gdb("python print('has', 'python')")
	if !strings.Contains(out, "has python") {
		t.Skip("this gdb has no Python")
	}
	out = f.gdb("source walk.gdb")
	require.Contains(t, out, "steps True lost 0 ", out)
	require.Contains(t, out, "'leaving_checked'")
	require.Contains(t, out, "'leaving.bpf'")
}

// With -g, gdb stops at lines of the BPF program's C source and shows where it is.
func TestBreakAtLine(t *testing.T) {
	need(t, "cc", "gdb")
	f := newFolder(t)
	o := read(t, "../../examples/tcpport/tcpport.o")
	line := o.Programs[0].Lines[len(o.Programs[0].Lines)/2]
	f.object(compile(t, o, nil))
	f.cc(strings.ReplaceAll(`
#include <string.h>
#include "prog.h"
int main(void)
{
	static const unsigned char packet[64] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, [23] = 6, [36] = 1, 0xbb};
	unsigned char mem[64];
	memcpy(mem, packet, sizeof mem);
	return PROG(mem, sizeof mem) != 443;
}`, "PROG", o.Programs[0].Name), "-g", "-O0")
	out := f.gdb("break tcpport.c:"+strconv.Itoa(line.Line), "run", "bt", "info line", "continue")
	require.Regexp(t, `Breakpoint 1, .*tcpport\.c:`+strconv.Itoa(line.Line), out)
	require.Regexp(t, `#0 .* at .*tcpport\.c:`+strconv.Itoa(line.Line)+`\n(#\d+ .*\n)*#\d+ .*main \(\)`, out)
	require.Contains(t, out, "exited normally")
}

// objdump decodes all code of all samples, and the symbols' sizes cover it.
func TestObjdump(t *testing.T) {
	need(t, "objdump", "readelf")
	for _, s := range samples(t) {
		f := newFolder(t)
		o := read(t, s.path)
		f.object(compile(t, o, nil))
		out := f.run("objdump", "-dlrw", "prog.o")
		require.NotContains(t, out, "(bad)", s.name)
		require.Regexp(t, `<`+o.Programs[0].Name+`_checked>:`, out)
		require.Regexp(t, `(?m)^\S*`+s.name+`\.c:\d+`, out, "source lines")
		all := f.run("readelf", "-W", "-a", "--debug-dump=info,line,frames", "prog.o")
		require.NotContains(t, all, "readelf:", "a complaint")
		require.Regexp(t, `FUNC +GLOBAL +DEFAULT +1 `+o.Programs[0].Name+`\n`, all)
		require.NotRegexp(t, ` 0 FUNC `, all, "a function without a size")
	}
}
