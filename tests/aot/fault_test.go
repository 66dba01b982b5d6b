package aot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// merge makes one object of the programs of several.
func merge(name string, objects ...*obj.Object) *obj.Object {
	out := &obj.Object{Name: name}
	for _, o := range objects {
		out.Programs = append(out.Programs, o.Programs...)
	}
	return out
}

// faults has a program for each way to fault, and one that does not.
func faults(t *testing.T) *obj.Object {
	return merge("faults.o",
		assemble(t, "fine", "mem", `
			r0 = 7
			exit`),
		assemble(t, "reads", "mem", `
			r6 = r1
			r7 = r2
			r6 += r7
			r0 = *(u32 *)(r6 + 0)
			exit`),
		assemble(t, "writes", "mem", `
			r6 = 11
			r7 = 12
			r8 = 13
			r9 = 14
			call inner
			exit
		inner:
			r1 = 4096
			r6 = 21
			r7 = 22
			r8 = 23
			r9 = 24
			*(u64 *)(r1 + 16) = 1
			r0 = 0
			exit`),
		assemble(t, "odd", "mem", `
			lock *(u32 *)(r1 + 1) += r2
			r0 = 0
			exit`),
		assemble(t, "promised", "mem/64", `
			r0 = *(u64 *)(r1 + 56)
			exit`),
	)
}

// faultsC prints what each program of faults gives. The registers that its
// caller owns are filled before every call and compared after it.
const faultsC = `
#include <stdio.h>
#include <string.h>
#include "prog.h"

static char mem[64] __attribute__((aligned(64)));

#ifdef HOOK
void bpfc_fault(const struct bpfc_fault *f)
{
	printf("hook %u %u %u %u %s\n", f->rule, (int)f->insn, f->size, f->write, f->program);
}
#endif

/* kept calls fn with its arguments, and returns whether rbx, rbp and r12 to r15 are as they were. */
int kept(int64_t *ret, void *fn, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
__asm__(
	".globl kept\n"
	"kept:\n"
	" push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
	" mov %rsi, %rax; mov %rdx, %rdi; mov %rcx, %rsi; mov %r8, %rdx; mov %r9, %rcx\n"
	" mov $101, %rbx; mov $102, %rbp; mov $103, %r12; mov $104, %r13; mov $105, %r14; mov $106, %r15\n"
	" call *%rax\n"
	" sub $101, %rbx; sub $102, %rbp; sub $103, %r12; sub $104, %r13; sub $105, %r14; sub $106, %r15\n"
	" or %rbp, %rbx; or %r12, %rbx; or %r13, %rbx; or %r14, %rbx; or %r15, %rbx\n"
	" pop %rdi; mov %rax, (%rdi); xor %eax, %eax; test %rbx, %rbx; sete %al\n"
	" pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
	" .section .note.GNU-stack,\"\",@progbits\n .text\n");

#define TEST(name, len) test(#name, (void *)name, (void *)name##_checked, len)

static void test(const char *name, void *plain, void *checked, uint64_t len)
{
	struct bpfc_fault f;
	uint64_t ret = 99;
	int64_t got;
	int ok = kept(&got, plain, (uint64_t)mem, len, 0, 0);
	printf("%s %lld %s\n", name, (long long)got, ok ? "kept" : "LOST");
	memset(&f, 0x55, sizeof f);
	ok = kept(&got, checked, (uint64_t)mem, len, (uint64_t)&ret, (uint64_t)&f);
	printf("%s %d %llu %s", name, (int)got, (unsigned long long)ret, ok ? "kept" : "LOST");
	if ((int)got != 0)
		printf(" rule %u insn %d at %s%lld size %u write %u %s", f.rule, (int)f.insn,
		       f.address - (uint64_t)mem <= 128 ? "mem+" : "", (long long)(f.address - (uint64_t)mem <= 128 ? f.address - (uint64_t)mem : f.address),
		       f.size, f.write, f.program);
	putchar('\n');
	ok = kept(&got, checked, (uint64_t)mem, len, 0, 0); /* nobody wants to know */
	printf("%s %d %s\n", name, (int)got, ok ? "kept" : "LOST");
}

int main(void)
{
	TEST(fine, 0);
	TEST(reads, 64);
	TEST(writes, 64);
	TEST(odd, 64);
	TEST(promised, 64);
	TEST(promised, 63);
	TEST(promised, 0);
	return 0;
}
`

const faultsWant = `fine 7 kept
fine 0 7 kept
fine 0 kept
reads -1 kept
reads -1 99 kept rule 1 insn 3 at mem+64 size 4 write 0 reads
reads -1 kept
writes -1 kept
writes -1 99 kept rule 1 insn 11 at 4112 size 8 write 1 writes
writes -1 kept
odd -1 kept
odd -1 99 kept rule 4 insn 0 at mem+1 size 4 write 1 odd
odd -1 kept
promised 0 kept
promised 0 0 kept
promised 0 kept
promised -1 kept
promised -1 99 kept rule 1 insn -1 at mem+0 size 0 write 0 promised
promised -1 kept
promised -1 kept
promised -1 99 kept rule 1 insn -1 at mem+0 size 0 write 0 promised
promised -1 kept
`

const hooksWant = `hook 1 3 4 0 reads
reads -1 kept
`

// A fault fills the structure, calls the hook if there is one, and leaves the caller's registers as they were.
func TestFaults(t *testing.T) {
	need(t, "cc")
	o := faults(t)
	for _, features := range [][]string{nil, builtin.AMD64().Target().Features} {
		f := newFolder(t)
		f.object(compileFor(t, o, nil, true, features...))
		f.cc(faultsC)
		require.Equal(t, faultsWant, f.main())
		f.cc(faultsC, "-DHOOK")
		require.Contains(t, f.main(), hooksWant)
	}

	here := newHome(t, o)
	for i, want := range []*codegen.Fault{
		nil,
		{Program: "reads", Rule: 1, Insn: 3, Size: 4},
		{Program: "writes", Rule: 1, Insn: 11, Size: 8, Write: true},
		{Program: "odd", Rule: 4, Insn: 0, Size: 4, Write: true},
	} {
		got := here.run(i, make([]byte, 64)).Fault
		if got != nil {
			got.Address, got.Source = 0, nil
		}
		require.Equal(t, want, got, "in this process")
	}
}

// The budget of an object is that of a run in this process. Counting to 2^32
// takes seconds: the code that is run has a smaller number in its place.
func TestFuel(t *testing.T) {
	need(t, "cc")
	f := newFolder(t)
	a := compile(t, assemble(t, "forever", "mem", `
		r0 = 0
	again:
		r0 += 1
		goto again`), nil)
	budget := func(n int64) []byte { return binary.LittleEndian.AppendUint64([]byte{0x48, 0xb8}, uint64(n)) } // mov rax, n
	require.Equal(t, 1, bytes.Count(a.Code, budget(codegen.DefaultFuel)))
	a.Code = bytes.Replace(a.Code, budget(codegen.DefaultFuel), budget(codegen.DefaultFuel>>22), 1)
	a.Seal()
	f.object(a)
	f.cc(`
#include <stdio.h>
#include "prog.h"
int main(void)
{
	struct bpfc_fault f;
	uint64_t ret;
	printf("%d", forever_checked(0, 0, &ret, &f));
	printf(" %u %u %s", f.rule, f.insn, f.program);
	printf(" %lld\n", (long long)forever(0, 0));
	return 0;
}`)
	require.Equal(t, "-1 3 1 forever -1\n", f.main())
}

// Every size of access is inside or outside to the byte, at both ends of memory of every length.
func TestBounds(t *testing.T) {
	need(t, "cc")
	var objects []*obj.Object
	var table, want strings.Builder
	for _, size := range []int{1, 2, 4, 8} {
		for _, write := range []bool{false, true} {
			for _, at := range []int{-1, 0, 4} {
				name := fmt.Sprintf("p%d", len(objects))
				access := fmt.Sprintf("r3 = *(u%d *)(r1 %+d)", 8*size, at)
				if write {
					access = fmt.Sprintf("*(u%d *)(r1 %+d) = 1", 8*size, at)
				}
				objects = append(objects, assemble(t, name, "mem", access+"\nr0 = 0\nexit"))
				fmt.Fprintf(&table, "\t%s_checked,\n", name)
				for length := range 17 {
					want.WriteByte("01"[btoi(at < 0 || at+size > length)])
				}
				want.WriteByte('\n')
			}
		}
	}
	f := newFolder(t)
	f.object(compile(t, merge("bounds.o", objects...), nil))
	f.cc(`
#include <stdio.h>
#include "prog.h"
static int (*const all[])(void *, uint64_t, uint64_t *, struct bpfc_fault *) = {
` + table.String() + `};
int main(void)
{
	static char mem[64];
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
		for (int len = 0; len <= 16; len++)
			putchar('0' - all[i](mem + 16, len, 0, 0));
		putchar('\n');
	}
	return 0;
}`)
	require.Equal(t, want.String(), f.main())
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
