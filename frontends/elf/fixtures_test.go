package elf

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

// fixture parses one of the test objects.
func fixture(t testing.TB, name string) *obj.Object {
	t.Helper()
	return read(t, "testdata/"+name+".o")
}

// parse parses changed bytes and returns the *Error, nil if there is none.
func parse(t testing.TB, b []byte) (*obj.Object, *Error) {
	t.Helper()
	o, err := Parse("test.o", b, Options{})
	if err == nil {
		return o, nil
	}
	var e *Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, "test.o", e.File)
	require.NotEmpty(t, e.Msg)
	return nil, e
}

// functions writes the functions of a program as "name@slot …".
func functions(p obj.Program) string {
	var list []string
	for _, f := range p.Funcs {
		list = append(list, f.Name+"@"+strconv.Itoa(f.Slot))
	}
	return strings.Join(list, " ")
}

// calls writes the local calls of a program as "slot>target …".
func calls(p obj.Program) string {
	var list []string
	for i, in := range p.Insns {
		if in.Op == isa.CallLocal {
			to, _ := in.Target(i)
			list = append(list, strconv.Itoa(i)+">"+strconv.Itoa(to))
		}
	}
	return strings.Join(list, " ")
}

func TestCalls(t *testing.T) {
	o := fixture(t, "calls")
	require.Equal(t, "Apache-2.0", o.License)
	require.Len(t, o.Programs, 5)
	for i, want := range []struct {
		name, section, funcs, calls string
		off                         bool
		result                      uint64 // of a length of 10
	}{
		{"shared", "lib", "shared@0", "", false, memBase + 7},
		{"first", "mem", "first@0 outer@3 global@11 leaf@14", "1>3 4>11 8>14 11>14", false, 10*3 + 1 + 12*3},
		{"second", "mem", "second@0 shared@8 first@11 outer@14 global@22 leaf@25", "2>8 5>11 12>14 15>22 19>25 22>25", false, 17 + 67},
		{"third", "other", "third@0 beside@8 leaf@11", "2>8 5>11", false, 10 ^ 0x55 + 30},
		{"off", "mem/8", "off@0", "", true, 0},
	} {
		p := o.Programs[i]
		require.Equal(t, want.name, p.Name)
		require.Equal(t, want.section, p.Section, p.Name)
		require.Equal(t, want.off, p.Off, p.Name)
		require.Equal(t, want.funcs, functions(p), p.Name)
		require.Equal(t, want.calls, calls(p), p.Name)
		require.Empty(t, p.Refs)
		r0, err := evaluate(o, &p, make([]byte, 10))
		require.NoError(t, err)
		require.Equal(t, want.result, r0, p.Name)
	}
}

func TestTextOnly(t *testing.T) {
	o := fixture(t, "text")
	require.Len(t, o.Programs, 1)
	p := o.Programs[0]
	require.Equal(t, ".text", p.Section)
	require.Equal(t, "plain@0 helper@9", functions(p))
	r0, err := evaluate(o, &p, make([]byte, 10))
	require.NoError(t, err)
	require.Equal(t, uint64(11+21), r0)
}

func TestData(t *testing.T) {
	o := fixture(t, "data")
	byName := map[string]obj.Data{}
	for _, d := range o.Data {
		byName[d.Name] = d
	}
	require.Len(t, byName, 5)
	require.True(t, byName[".rodata"].ReadOnly)
	require.Equal(t, []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0}, byName[".rodata"].Bytes)
	require.Equal(t, []obj.DataSymbol{{Name: "counter", Size: 8}, {Name: "hidden", Offset: 8, Size: 24}, {Name: "pointers", Offset: 32, Size: 16}}, byName[".data"].Symbols)
	require.Equal(t, []obj.DataReloc{{Offset: 32, Index: 1, Addend: 0}, {Offset: 40, Index: 1, Addend: 16}}, byName[".data"].Relocs)
	require.False(t, byName[".data"].ReadOnly)
	require.Equal(t, make([]byte, 8), byName[".bss.own"].Bytes)
	require.Equal(t, uint32(8), byName[".data"].Align)
	require.Equal(t, []obj.DataSymbol{{Name: "zero", Size: 8}, {Name: "common", Offset: 8, Size: 4}}, byName["COMMON"].Symbols)
	for n, want := range map[int]uint64{0: 1 + 5 + 6 + 8 + 0 + 9 + 0 + 0 + 5, 3: 4 + 5 + 7 + 8 + 9 + 7} {
		r0, err := evaluate(o, &o.Programs[0], make([]byte, n))
		require.NoError(t, err)
		require.Equal(t, want, r0)
	}
}

func TestMaps(t *testing.T) {
	o := fixture(t, "maps")
	require.Equal(t, []abi.MapSpec{
		{Name: "hash", Type: 1, KeySize: 8, ValueSize: 8, MaxEntries: 16, Flags: 1, Pinning: 1},
		{Name: "array", Type: 2, KeySize: 4, ValueSize: 24, MaxEntries: 8},
		{Name: "ring", Type: 27, MaxEntries: 4096},
		{Name: "nested", Type: 13, KeySize: 4, ValueSize: 4, MaxEntries: 4, Inner: 5},
		{Name: "nested.inner", Type: 2, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		{Name: "progs", Type: 3, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	}, o.Maps)
	var used []string
	for _, r := range o.Programs[0].Refs {
		require.Equal(t, obj.RefMap, r.Kind)
		require.Equal(t, isa.LddwMapFD, o.Programs[0].Insns[r.Slot].Op)
		used = append(used, o.Maps[r.Index].Name)
	}
	require.Equal(t, []string{"hash", "array", "ring", "nested", "progs"}, used)
}

func TestExterns(t *testing.T) {
	p := fixture(t, "externs").Programs[0]
	var names []string
	for _, r := range p.Refs {
		require.Equal(t, obj.RefHelper, r.Kind)
		require.Equal(t, isa.Call, p.Insns[r.Slot].Op)
		names = append(names, r.Name)
	}
	require.Equal(t, []string{"third_party", "bpf_known"}, names)
	var funcs []string
	for _, f := range p.Funcs {
		funcs = append(funcs, f.Name)
	}
	require.Equal(t, []string{"externs", "memcpy", "memmove", "memset", "memcmp"}, funcs)
	for _, l := range p.Lines {
		if l.Slot >= p.Funcs[1].Slot {
			require.Equal(t, obj.Line{Slot: l.Slot}, l, "a built-in function has no source")
		}
	}
	require.Equal(t, p.Funcs[1].Slot, p.Lines[len(p.Lines)-4].Slot)
}

func TestFunctionAddress(t *testing.T) {
	p := fixture(t, "function").Programs[0]
	require.Equal(t, "function@0 callback@19 exported@27", functions(p))
	require.Equal(t, []obj.Ref{{Slot: 6, Kind: obj.RefFunc, Index: 19}, {Slot: 12, Kind: obj.RefFunc, Index: 27}}, p.Refs)
	for _, r := range p.Refs {
		require.Equal(t, isa.LoadFunc(isa.R2, int32(r.Index-r.Slot-1)), p.Insns[r.Slot])
	}
}

// TestRefused: what is well-formed but not handled says so, and names what it is about.
func TestRefused(t *testing.T) {
	for _, want := range []struct {
		name   string
		code   Code
		symbol string
		text   string
	}{
		{"core", CodeCORE, "core", "CO-RE relocation of inode.at[1].number: it needs the types of a kernel; give them with --btf FILE"},
		{"kconfig", CodeExtern, "CONFIG_HZ", "give it with --kconfig CONFIG_HZ=VALUE"},
		{"table", CodeFuncData, "", "the address of a function"},
	} {
		b, err := os.ReadFile("testdata/" + want.name + ".o")
		require.NoError(t, err)
		_, e := parse(t, b)
		require.NotNil(t, e, want.name)
		require.Equal(t, want.code, e.Code, want.name)
		require.True(t, e.Unsupported, want.name)
		if want.symbol != "" {
			require.Equal(t, want.symbol, e.Symbol)
		}
		require.Contains(t, e.Error(), want.text)
		require.True(t, strings.HasPrefix(e.Error(), "test.o: "), e.Error())
	}
}

// TestAgainstDisassembler compares the bytes of entry functions with those that
// llvm-objdump prints: linking changes nothing but the instructions that refer to something.
func TestAgainstDisassembler(t *testing.T) {
	tool := lookPath("llvm-objdump", "llvm-objdump-19")
	if tool == "" {
		t.Skip("llvm-objdump is not installed")
	}
	for _, name := range []string{"calls", "data", "maps", "externs", "function"} {
		path := "testdata/" + name + ".o"
		dump, err := exec.Command(tool, "-d", path).Output()
		require.NoError(t, err)
		for _, p := range fixture(t, name).Programs {
			want := dumped(t, string(dump), p.Name)
			require.NotEmpty(t, want)
			refs := map[int]bool{}
			for _, r := range p.Refs {
				refs[r.Slot] = true
			}
			got, err := isa.Encode(p.Insns)
			require.NoError(t, err)
			for at := range len(want) / isa.SlotSize {
				if op := p.Insns[at].Op; op != isa.CallLocal && !refs[at] {
					require.Equal(t, want[at*8:at*8+8], got[at*8:at*8+8], "%s: instruction %d", p.Name, at)
				}
			}
		}
	}
}

// dumped returns the bytes of one function in a disassembly.
func dumped(t *testing.T, dump, name string) []byte {
	_, rest, ok := strings.Cut(dump, "<"+name+">:\n")
	require.True(t, ok, name)
	var b []byte
	for line := range strings.Lines(rest) {
		_, text, ok := strings.Cut(line, ":\t")
		if !ok {
			break
		}
		text, _, _ = strings.Cut(text, "\t")
		for _, digits := range strings.Fields(text) {
			v, err := strconv.ParseUint(digits, 16, 8)
			require.NoError(t, err)
			b = append(b, byte(v))
		}
	}
	return b
}

// lookPath returns the first of the programs that is installed, "" if none is.
func lookPath(names ...string) string {
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	return ""
}
