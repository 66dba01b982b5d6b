package aot

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// The indexes of dataObject's tables.
const (
	bss, rodata, initialised = 0, 1, 2
	totals                   = 0
)

// program assembles a program whose 64-bit loads, in order, are the addresses of refs.
func program(t *testing.T, name, text string, refs ...obj.Ref) *obj.Object {
	o := assemble(t, name, "mem", text)
	p := &o.Programs[0]
	next := 0
	for slot := range p.Insns {
		if p.Insns[slot].Op == isa.LddwImm64 && next < len(refs) {
			refs[next].Slot = slot
			next++
		}
	}
	require.Len(t, refs, next)
	p.Refs = refs
	return o
}

// counts adds step to a count of calls, that to a sum, and that to an element of a map.
const counts = `
	r1 = 0 ll
	r0 = *(u64 *)(r1 + 0)
	r0 += 1
	*(u64 *)(r1 + 0) = r0
	r1 = 0 ll
	r2 = *(u32 *)(r1 + 0)
	r0 += r2
	r1 = 0 ll
	r2 = *(u64 *)(r1 + 0)
	r2 += r0
	*(u64 *)(r1 + 0) = r2
	r1 = 0 ll
	lock *(u64 *)(r1 + 0) += r2
	exit`

// writes stores to where it may not.
const writes = `
	r1 = 0 ll
	*(u32 *)(r1 + 0) = 1
	r0 = 0
	exit`

// dataObject has two programs that share all data, and one that writes what is read-only.
func dataObject(t *testing.T) *obj.Object {
	data := func(index int, addend int64) obj.Ref { return obj.Ref{Kind: obj.RefData, Index: index, Addend: addend} }
	value := func(index int, addend int64) obj.Ref {
		return obj.Ref{Kind: obj.RefMapValue, Index: index, Addend: addend}
	}
	shared := func() []obj.Ref {
		return []obj.Ref{data(bss, 8), data(rodata, 4), data(initialised, 0), value(totals, 0)}
	}
	o := merge("data.o",
		program(t, "one", counts, shared()...),
		program(t, "two", counts, shared()...),
		program(t, "constant", writes, data(rodata, 4)),
	)
	o.Data = []obj.Data{
		{Name: ".bss", Bytes: make([]byte, 16), Align: 8, Symbols: []obj.DataSymbol{{Name: "calls", Offset: 8, Size: 8}}},
		{Name: ".rodata", Bytes: []byte{1, 2, 3, 4, 100, 0, 0, 0}, ReadOnly: true, Align: 4, Symbols: []obj.DataSymbol{{Name: "step", Offset: 4, Size: 4}}},
		{Name: ".data.sums", Bytes: []byte{0x40, 0x42, 0x0f, 0, 0, 0, 0, 0}, Align: 8, Symbols: []obj.DataSymbol{{Name: "sum", Size: 8}}},
	}
	o.Maps = []abi.MapSpec{totals: {Name: "totals", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 2}}
	return o
}

const dataC = `
#include <stdio.h>
#include <string.h>
#include "prog.h"

extern uint64_t calls, sum;
extern const uint32_t step;

static uint64_t total(int i)
{
	uint64_t v;
	memcpy(&v, bpfc_map_totals[i], sizeof v);
	return v;
}

int main(void)
{
	struct bpfc_fault f;
	printf("%llu", (unsigned long long)one(0, 0));
	printf(" %llu", (unsigned long long)two(0, 0));
	calls = 10;
	printf(" %llu\n", (unsigned long long)one(0, 0));
	printf("%llu %llu %u %llu %llu\n", (unsigned long long)calls, (unsigned long long)sum, step, (unsigned long long)total(0), (unsigned long long)total(1));
	printf("%d", constant_checked(0, 0, 0, &f));
	printf(" %d %s\n", f.address == (uint64_t)&step, f.program);
	return 0;
}
`

// Programs of one object share data sections and maps with one another and with C; read-only data stays so.
func TestData(t *testing.T) {
	need(t, "cc")
	set := builtin.Conformance()
	set.MapKinds = []abi.MapKind{{Name: "array", Type: 2}}
	o := dataObject(t)
	f := newFolder(t)
	f.object(compile(t, o, set))
	for _, flags := range linkings {
		f.cc(dataC, flags...)
		require.Equal(t, "101 102 111\n11 1000314 100 3000618 0\n-1 1 constant\n", f.main(), flags)
	}
}

// A write to what is read-only faults in this process as well.
func TestReadOnlyInThisProcess(t *testing.T) {
	need(t)
	got := newHome(t, dataObject(t)).run(2, nil).Fault
	require.NotNil(t, got)
	require.Equal(t, &codegen.Fault{Program: "constant", Rule: ir.RuleMemory, Insn: 2, Size: 4, Write: true, Address: got.Address, Source: got.Source}, got)
}

// Maps whose values the code cannot treat as they want are refused.
func TestMapsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		spec abi.MapSpec
		want string
	}{
		{abi.MapSpec{Name: "m", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: 1 << 7}, "BPF_F_RDONLY_PROG"},
		{abi.MapSpec{Name: "m", Type: 2, KeySize: 4, ValueSize: 8}, "0 values of 8 bytes"},
	} {
		o := program(t, "frozen", writes, obj.Ref{Kind: obj.RefMapValue})
		o.Maps = []abi.MapSpec{c.spec}
		var refused *objfile.UnsupportedError
		require.ErrorAs(t, objfile.Write(io.Discard, compile(t, o, nil), objfile.Options{}), &refused)
		require.ErrorContains(t, refused, c.want)
	}
}

// linkings are the ways to link a C program.
var linkings = [][]string{
	{"-pie", "-fPIE"}, {"-no-pie", "-fno-pie"}, {"-static", "-fno-pie"}, {"-static-pie", "-fPIE"}, {"-pie", "-fPIE", "-Wl,-z,now", "-Wl,--gc-sections"},
}

// Two objects, each with programs and data of its own, some of it of the same name, go into one program, or into a library.
func TestTwoObjects(t *testing.T) {
	need(t, "cc")
	first, second := dataObject(t), dataObject(t)
	for i := range second.Programs {
		second.Programs[i].Name = "second_" + second.Programs[i].Name
		second.Programs[i].Funcs = nil
	}
	second.Data[rodata].Symbols = nil
	second.Maps[totals].Name = "others"
	f := newFolder(t)
	f.objectAs("second", compile(t, second, nil))
	f.object(compile(t, first, nil))
	const source = `
#include <stdio.h>
#include "prog.h"
#include "second.h"
int main(void)
{
	printf("%llu", (unsigned long long)one(0, 0));
	printf(" %llu", (unsigned long long)one(0, 0));
	printf(" %llu\n", (unsigned long long)second_one(0, 0));
	return 0;
}`
	f.cc(source, "second.o")
	require.Equal(t, "101 102 101\n", f.main())
	f.run("cc", "-shared", "-Wl,--fatal-warnings", "-Wl,-z,defs", "-o", "libsecond.so", "second.o")
	f.cc(source, "-L.", "-Wl,-rpath,"+f.dir, "-Wl,--no-as-needed", "-lsecond")
	require.Equal(t, "101 102 101\n", f.main())
}
