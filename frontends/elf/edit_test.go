package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

func edit(t testing.TB, name string) *editor {
	b, err := os.ReadFile("testdata/" + name + ".o")
	require.NoError(t, err)
	return &editor{b, t}
}

// same parses the edited bytes and requires the object that the original gave.
func same(t *testing.T, name string, b []byte) {
	t.Helper()
	o, e := parse(t, b)
	require.Nil(t, e)
	want := fixture(t, name)
	want.Name = o.Name
	require.Equal(t, want, o)
}

// TestRela turns SHT_REL into SHT_RELA: the addends move from the relocated
// bytes, where something else stands then, into the table.
func TestRela(t *testing.T) {
	for name, sections := range map[string][]string{"calls": {"mem", "other"}, "data": {"mem", ".data"}, "function": {"mem"}} {
		e := edit(t, name)
		for _, s := range sections {
			content := e.content(s)
			var table []byte
			for p := e.content(".rel" + s); len(p) > 0; p = p[relSize:] {
				table = append(table, p[:relSize]...)
				table = binary.LittleEndian.AppendUint64(table, uint64(takeAddend(content, p)))
			}
			h := e.header(".rel" + s)
			binary.LittleEndian.PutUint32(h[4:], uint32(stdelf.SHT_RELA))
			e.replace(".rel"+s, table)
		}
		same(t, name, e.b)
	}
}

// takeAddend reads the addend of a relocation from the section and overwrites it.
func takeAddend(content, rel []byte) int64 {
	le := binary.LittleEndian
	at := content[le.Uint64(rel):]
	switch le.Uint32(rel[8:]) {
	case relocImm64:
		defer le.PutUint32(at[4:], 0x7777)
		return int64(int32(le.Uint32(at[4:])))
	case relocCall32:
		defer le.PutUint32(at[4:], 0x7777)
		return (int64(int32(le.Uint32(at[4:]))) + 1) * 8
	default:
		defer le.PutUint64(at, 0x7777)
		return int64(le.Uint64(at))
	}
}

func TestMachineZero(t *testing.T) {
	e := edit(t, "calls")
	binary.LittleEndian.PutUint16(e.b[18:], 0)
	same(t, "calls", e.b)
}

// TestOldExtHeader: clang 8 and 9 wrote .BTF.ext without the fields of CO-RE.
func TestOldExtHeader(t *testing.T) {
	e := edit(t, "calls")
	ext := bytes.Clone(e.content(".BTF.ext"))
	require.Equal(t, uint32(extHeaderCORE), binary.LittleEndian.Uint32(ext[4:]))
	binary.LittleEndian.PutUint32(ext[4:], extHeaderSize)
	e.replace(".BTF.ext", append(ext[:extHeaderSize:extHeaderSize], ext[extHeaderCORE:]...))
	same(t, "calls", e.b)
}

// TestNames: source text in another encoding is made readable, names are refused.
func TestNames(t *testing.T) {
	e := edit(t, "calls")
	at := bytes.Index(e.content(".BTF"), []byte("return leaf(x) + 1"))
	copy(e.content(".BTF")[at:], "\xe9\x1b")
	o, err := parse(t, e.b)
	require.Nil(t, err)
	var lines []string
	for _, l := range o.Programs[1].Lines {
		lines = append(lines, l.Text)
	}
	require.Contains(t, lines, "NOINLINE u64 global(u64 x) { \ufffd\ufffdturn leaf(x) + 1; }")

	for old, code := range map[string]Code{"second\x00": CodeSymbol, "other\x00": CodeSection} {
		for _, bad := range []string{"\xff", "\n"} {
			e := edit(t, "calls")
			at := bytes.Index(e.content(".strtab"), []byte(old))
			copy(e.content(".strtab")[at:], bad)
			_, err := parse(t, e.b)
			require.NotNil(t, err)
			require.Equal(t, code, err.Code, "%v", err)
			require.NotContains(t, err.Error(), bad)
		}
	}
}

// TestWithoutExt: without .BTF.ext there are no lines and no global functions, and nothing else is missing.
func TestWithoutExt(t *testing.T) {
	e := edit(t, "calls")
	e.replace(".BTF.ext", nil)
	o, err := parse(t, e.b)
	require.Nil(t, err)
	want := fixture(t, "calls")
	for i, p := range o.Programs {
		require.Empty(t, p.Lines)
		require.Equal(t, want.Programs[i].Insns, p.Insns)
		for n, f := range want.Programs[i].Funcs {
			require.Equal(t, obj.FuncInfo{Slot: f.Slot, Name: f.Name}, p.Funcs[n])
		}
	}
}

// TestHeaders: files that are not what this package reads.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name        string
		edit        func(b []byte) []byte
		code        Code
		unsupported bool
	}{
		{"empty", func(b []byte) []byte { return nil }, CodeNotELF, false},
		{"text", func(b []byte) []byte { return []byte("r0 = 0; exit") }, CodeNotELF, false},
		{"magic only", func(b []byte) []byte { return b[:5] }, CodeHeader, false},
		{"32 bits", func(b []byte) []byte { b[4] = 1; return b }, CodeHeader, false},
		{"big-endian", func(b []byte) []byte { b[5] = 2; return b }, CodeEndian, true},
		{"no byte order", func(b []byte) []byte { b[5] = 0; return b }, CodeHeader, false},
		{"x86-64", func(b []byte) []byte { b[18] = 62; return b }, CodeMachine, false},
		{"executable", func(b []byte) []byte { b[16] = 2; return b }, CodeMachine, false},
		{"no sections", func(b []byte) []byte { clear(b[40:48]); return b }, CodeHeader, false},
		{"section table elsewhere", func(b []byte) []byte { b[46] = 1; return b }, CodeHeader, false},
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }, CodeHeader, false},
	} {
		_, e := parse(t, c.edit(edit(t, "calls").b))
		require.NotNil(t, e, c.name)
		require.Equal(t, c.code, e.Code, c.name)
		require.Equal(t, c.unsupported, e.Unsupported, c.name)
	}
}

// TestSections: sections that claim more than there is.
func TestSections(t *testing.T) {
	put := func(section string, field int, v uint64) func(e *editor) {
		return func(e *editor) { binary.LittleEndian.PutUint64(e.header(section)[field:], v) }
	}
	for _, c := range []struct {
		name, fixture string
		edit          func(e *editor)
		code          Code
	}{
		{"2^40 bytes of code", "calls", put("mem", 32, 1<<40), CodeHeader},
		{"2^64-1 bytes of code", "calls", put("mem", 32, 1<<64-1), CodeHeader},
		{"2^40 bytes of .bss", "data", put(".bss.own", 32, 1<<40), CodeLimit},
		{"odd alignment", "data", put(".data", 48, 3), CodeSection},
		{"huge alignment", "data", put(".data", 48, 1<<40), CodeSection},
		{"compressed code", "calls", put("mem", 8, uint64(stdelf.SHF_ALLOC|stdelf.SHF_EXECINSTR|stdelf.SHF_COMPRESSED)), CodeSection},
		{"compressed symbols", "calls", put(".symtab", 8, uint64(stdelf.SHF_COMPRESSED)), CodeHeader},
		{"half an instruction", "calls", put("mem", 32, 84), CodeInsn},
		{"relocations of nothing", "calls", func(e *editor) { e.header(".relmem")[44] = 200 }, CodeReloc},
		{"half a relocation", "calls", put(".relmem", 32, 24), CodeReloc},
		{"unknown symbol", "calls", func(e *editor) { e.content(".relmem")[12] = 200 }, CodeReloc},
		{"unknown type", "calls", func(e *editor) { e.content(".relmem")[8] = 77 }, CodeReloc},
		{"wrong type", "calls", func(e *editor) { e.content(".relmem")[8] = relocImm64 }, CodeReloc},
		{"within an instruction", "calls", func(e *editor) { e.content(".relmem")[0]++ }, CodeReloc},
		{"twice", "calls", func(e *editor) { e.content(".relmem")[16] = e.content(".relmem")[0] }, CodeReloc},
		{"behind the section", "calls", func(e *editor) { e.content(".relmem")[34] = 1 }, CodeReloc},
		{"unknown opcode", "calls", func(e *editor) { e.content("mem")[0] = 0xff }, CodeInsn},
		{"call into nowhere", "calls", func(e *editor) { e.content("mem")[14] = 1 }, CodeReloc},
		{"in-section call into nowhere", "calls", func(e *editor) { e.content(".text")[6] = 1 }, CodeFunction},
		{"data address into nowhere", "data", func(e *editor) { e.content("mem")[13*8+6] = 1 }, CodeReloc},
		{"address in data into nowhere", "data", func(e *editor) { e.content(".data")[44] = 1 }, CodeReloc},
		{"no BTF magic", "maps", func(e *editor) { e.content(".BTF")[0] = 0 }, CodeBTF},
		{"BTF strings elsewhere", "maps", func(e *editor) { e.content(".BTF")[19] = 1 }, CodeBTF},
		{"maps without BTF", "maps", func(e *editor) { e.replace(".BTF", nil) }, CodeMap},
		{"no .BTF.ext magic", "maps", func(e *editor) { e.content(".BTF.ext")[0] = 0 }, CodeBTF},
		{"lines elsewhere", "maps", func(e *editor) { e.content(".BTF.ext")[19] = 1 }, CodeBTF},
		{"CO-RE elsewhere", "maps", func(e *editor) { e.content(".BTF.ext")[27] = 1 }, CodeBTF},
	} {
		e := edit(t, c.fixture)
		c.edit(e)
		_, err := parse(t, e.b)
		require.NotNil(t, err, c.name)
		require.Equal(t, c.code, err.Code, "%s: %v", c.name, err)
	}
}

// TestFunctions: how functions are found where symbols are poor, and what is refused.
func TestFunctions(t *testing.T) {
	ret, call := isa.Return(), isa.CallFunc
	mov := isa.Mov64Imm(isa.R0, 1)
	untyped := func(name string, at int) sym {
		return sym{name, stdelf.STT_NOTYPE, stdelf.STB_GLOBAL, 1, uint64(at) * 8, 0}
	}
	for _, c := range []struct {
		name    string
		insns   []isa.Insn
		symbols []sym
		want    []string // functions of each program
		code    Code
	}{
		{"no symbols", []isa.Insn{mov, ret}, nil, []string{"xdp@0"}, ""},
		{"untyped symbols", []isa.Insn{mov, ret, mov, ret}, []sym{untyped("b", 2), untyped("a", 0)}, []string{"a@0", "b@0"}, ""},
		{"untyped next to typed", []isa.Insn{mov, ret, mov, ret}, []sym{function("a", 0, 4), untyped("b", 2)}, []string{"a@0"}, ""},
		{"sizes missing", []isa.Insn{call(1), ret, mov, ret}, []sym{function("a", 0, 0), function("b", 2, 0)}, []string{"a@0 b@2", "b@0"}, ""},
		{"function without symbol", []isa.Insn{call(1), ret, mov, ret}, []sym{function("a", 0, 2)}, []string{"a@0 xdp+2@2"}, ""},
		{"call within a function", []isa.Insn{call(1), ret, mov, ret}, []sym{function("a", 0, 4)}, []string{"a@0 a+2@2"}, ""},
		{"recursion", []isa.Insn{call(-1), ret}, []sym{function("a", 0, 2)}, []string{"a@0"}, ""},
		{"two names", []isa.Insn{mov, ret}, []sym{function("a", 0, 2), function("b", 0, 2)}, []string{"a@0", "a@0"}, ""},
		{"gap before", []isa.Insn{mov, ret, mov, ret}, []sym{function("a", 2, 2)}, []string{"a@0"}, ""},
		{"one name twice", []isa.Insn{mov, ret, mov, ret}, []sym{function("a", 0, 2), function("a", 2, 2)}, nil, CodeFunction},
		{"overlap", []isa.Insn{mov, ret, mov, ret}, []sym{function("a", 0, 3), function("b", 2, 2)}, nil, CodeFunction},
		{"jump out", []isa.Insn{isa.Jump(1), ret, mov, ret}, []sym{function("a", 0, 2), function("b", 2, 2)}, nil, CodeFunction},
		{"jump back out", []isa.Insn{mov, ret, isa.EQ.Imm(isa.R1, 0, -3), ret}, []sym{function("a", 0, 2), function("b", 2, 2)}, nil, CodeFunction},
		{"jump into lddw", []isa.Insn{isa.Jump(1), isa.LoadImm64(isa.R0, 1), ret}, []sym{function("a", 0, 4)}, nil, CodeFunction},
		{"call into lddw", []isa.Insn{call(2), ret, isa.LoadImm64(isa.R0, 1), ret}, []sym{function("a", 0, 5)}, nil, CodeFunction},
		{"begins in lddw", []isa.Insn{isa.LoadImm64(isa.R0, 1), ret}, []sym{function("a", 1, 2)}, nil, CodeFunction},
		{"too long", []isa.Insn{mov, ret}, []sym{function("a", 0, 3)}, nil, CodeSymbol},
		{"outside", []isa.Insn{mov, ret}, []sym{function("a", 9, 0)}, nil, CodeSymbol},
		{"only local", []isa.Insn{mov, ret}, []sym{{"a", stdelf.STT_FUNC, stdelf.STB_LOCAL, 1, 0, 16}}, nil, CodeNoProgram},
	} {
		o, e := parse(t, image{[]part{code(t, "xdp", c.insns...)}, c.symbols}.bytes())
		if c.code != "" {
			require.NotNil(t, e, c.name)
			require.Equal(t, c.code, e.Code, "%s: %v", c.name, e)
			continue
		}
		require.Nil(t, e, c.name)
		require.Len(t, o.Programs, len(c.want), c.name)
		for i, want := range c.want {
			require.Equal(t, want, functions(o.Programs[i]), c.name)
		}
	}
}

// TestLddwFunc: a function address that was resolved by the assembler is
// retargeted like a call.
func TestLddwFunc(t *testing.T) {
	ret := isa.Return()
	// a: slots 0-2; unused: 3; b: 4
	o, e := parse(t, image{
		[]part{code(t, "xdp", isa.LoadFunc(isa.R1, 3), ret, ret, ret)},
		[]sym{function("a", 0, 3), function("unused", 3, 1), function("b", 4, 1)},
	}.bytes())
	require.Nil(t, e)
	p := o.Programs[0]
	require.Equal(t, "a@0 b@3", functions(p))
	require.Equal(t, []obj.Ref{{Slot: 0, Kind: obj.RefFunc, Index: 3}}, p.Refs)
	require.Equal(t, isa.LoadFunc(isa.R1, 2), p.Insns[0])
}

// TestLarge: a million instructions are linked, one more is refused, in linear time and memory.
func TestLarge(t *testing.T) {
	insns := make([]isa.Insn, maxInsns+1)
	for i := range insns {
		insns[i] = isa.Mov64Imm(isa.R0, 1)
	}
	insns[maxInsns-1], insns[maxInsns] = isa.Return(), isa.Return()
	p := code(t, "xdp", insns...)
	o, e := parse(t, image{[]part{p}, []sym{function("a", 0, maxInsns)}}.bytes())
	require.Nil(t, e)
	require.Len(t, o.Programs[0].Insns, maxInsns)
	_, e = parse(t, image{[]part{p}, []sym{function("a", 0, maxInsns+1)}}.bytes())
	require.NotNil(t, e)
	require.Equal(t, CodeLimit, e.Code)
	require.True(t, e.Unsupported)
	_, err := Parse("x", image{[]part{p}, []sym{function("a", 0, 11)}}.bytes(), Options{MaxInsns: 10})
	require.ErrorContains(t, err, "more than 10 instructions")
}

// TestSharedSubprograms: many small programs that call one large function are
// refused before they fill the memory.
func TestSharedSubprograms(t *testing.T) {
	const programs, size = 20, 300_000
	var insns []isa.Insn
	var symbols []sym
	for i := range programs {
		insns = append(insns, isa.CallFunc(int32(2*(programs-i)-1)), isa.Return())
		symbols = append(symbols, function("p"+string(rune('a'+i)), 2*i, 2))
	}
	for range size {
		insns = append(insns, isa.Mov64Imm(isa.R0, 1))
	}
	insns = append(insns, isa.Return())
	_, e := parse(t, image{[]part{code(t, "xdp", insns...)}, symbols}.bytes())
	require.NotNil(t, e)
	require.Equal(t, CodeLimit, e.Code)
}

// TestDeepCalls: a chain of 100,000 functions is walked without recursion.
func TestDeepCalls(t *testing.T) {
	const n = 100_000
	var insns []isa.Insn
	var symbols []sym
	for range n {
		insns = append(insns, isa.CallFunc(1), isa.Return())
	}
	insns = append(insns, isa.Return())
	for i := range n + 1 {
		symbols = append(symbols, sym{"f", stdelf.STT_FUNC, stdelf.STB_LOCAL, 1, uint64(i) * 16, 0})
	}
	symbols[0].bind = stdelf.STB_GLOBAL
	o, e := parse(t, image{[]part{code(t, "xdp", insns...)}, symbols}.bytes())
	require.Nil(t, e)
	require.Len(t, o.Programs[0].Funcs, n+1)
}

// TestDeepTypes: BTF nested as deep as the limit allows is read, and does not
// exhaust the stack of the library's recursion; deeper is refused.
func TestDeepTypes(t *testing.T) {
	nest := func(n int) []byte {
		const kindConst = 10
		le := binary.LittleEndian
		var types []byte
		for i := range n {
			types = le.AppendUint32(le.AppendUint32(le.AppendUint32(types, 0), kindConst<<24), uint32((i+2)%(n+1)))
		}
		b := le.AppendUint16(nil, btfMagic)
		b = append(b, 1, 0)
		for _, v := range []int{btfHeaderSize, 0, len(types), len(types), 1} {
			b = le.AppendUint32(b, uint32(v))
		}
		return append(append(b, types...), 0)
	}
	ty, err := newTypes(nest(maxTypes))
	require.NoError(t, err)
	start := time.Now()
	_, err = ty.spec.TypeByID(1)
	require.NoError(t, err)
	t.Log(time.Since(start))
	_, err = newTypes(nest(maxTypes + 1))
	require.ErrorContains(t, err, "the limit is")
}
