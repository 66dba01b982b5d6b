package objfile

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

func written(t *testing.T, a *codegen.Artifact, o Options) []byte {
	var out bytes.Buffer
	require.NoError(t, Write(&out, a, o))
	return out.Bytes()
}

func parsed(t *testing.T, a *codegen.Artifact, o Options) *elf.File {
	f, err := elf.NewFile(bytes.NewReader(written(t, a, o)))
	require.NoError(t, err)
	return f
}

func TestSameBytes(t *testing.T) {
	require.Equal(t, written(t, sample(), Options{Debug: true}), written(t, sample(), Options{Debug: true}))
	require.NotEqual(t, written(t, sample(), Options{}), written(t, sample(), Options{Debug: true}))
}

func TestFileHeader(t *testing.T) {
	f := parsed(t, sample(), Options{})
	require.Equal(t, elf.ET_REL, f.Type)
	require.Equal(t, elf.EM_X86_64, f.Machine)
	require.Equal(t, elf.ELFCLASS64, f.Class)
}

func TestSections(t *testing.T) {
	f := parsed(t, sample(), Options{Debug: true})
	type row struct {
		typ   elf.SectionType
		flags elf.SectionFlag
		size  uint64
	}
	const a, w, x = elf.SHF_ALLOC, elf.SHF_WRITE, elf.SHF_EXECINSTR
	code := uint64(len(sample().Code))
	for name, want := range map[string]row{
		".text":                {elf.SHT_PROGBITS, a | x, code},
		".rodata.bpfc":         {elf.SHT_PROGBITS, a, 13},
		".bss":                 {elf.SHT_NOBITS, a | w, 16},
		".data.rel.ro._rodata": {elf.SHT_PROGBITS, a | w, 8},
		".data.numbers":        {elf.SHT_PROGBITS, a | w, 12},
		".bss.bpfc_map_config": {elf.SHT_NOBITS, a | w, 24},
		".note.GNU-stack":      {elf.SHT_PROGBITS, 0, 0},
	} {
		s := f.Section(name)
		require.NotNil(t, s, name)
		require.Equal(t, want, row{s.Type, s.Flags, s.Size}, name)
	}
	require.Nil(t, f.Section(".bss.bpfc_map_flows"), "a map that is no array and not used")
	data, err := f.Section(".text").Data()
	require.NoError(t, err)
	require.Equal(t, sample().Code, data)
}

func TestSymbols(t *testing.T) {
	f := parsed(t, sample(), Options{})
	syms, err := f.Symbols()
	require.NoError(t, err)
	type row struct {
		bind    elf.SymBind
		typ     elf.SymType
		section string
		value   uint64
		size    uint64
	}
	got := map[string]row{}
	for _, s := range syms {
		r := row{bind: elf.ST_BIND(s.Info), typ: elf.ST_TYPE(s.Info), value: s.Value, size: s.Size}
		if s.Section > 0 && int(s.Section) < len(f.Sections) {
			r.section = f.Sections[s.Section].Name
		}
		got[s.Name] = r
	}
	a := sample()
	fn := func(i int, bind elf.SymBind) row {
		return row{bind, elf.STT_FUNC, ".text", uint64(a.Symbols[i].Offset), uint64(a.Symbols[i].Size)}
	}
	for name, want := range map[string]row{
		"sum":                       fn(0, elf.STB_GLOBAL),
		"sum_checked":               fn(1, elf.STB_GLOBAL),
		"trap.bpf":                  fn(2, elf.STB_LOCAL),
		"trap":                      fn(3, elf.STB_GLOBAL),
		"trap_checked":              fn(4, elf.STB_GLOBAL),
		"calls":                     {elf.STB_WEAK, elf.STT_OBJECT, ".bss", 8, 8},
		"seven":                     {elf.STB_WEAK, elf.STT_OBJECT, ".data.numbers", 4, 8},
		"bpfc_map_config":           {elf.STB_GLOBAL, elf.STT_OBJECT, ".bss.bpfc_map_config", 0, 24},
		"bpfc_helper_test_identity": {bind: elf.STB_GLOBAL},
		"bpfc_fault":                {bind: elf.STB_WEAK},
		"sample.bpf.o":              {bind: elf.STB_LOCAL, typ: elf.STT_FILE},
	} {
		require.Contains(t, got, name)
		require.Equal(t, want, got[name], name)
	}
}

func TestVariableThatIsCalledLikeAProgramIsLocal(t *testing.T) {
	a := sample()
	a.Data[0].Symbols[0].Name = "sum"
	syms, err := parsed(t, a, Options{}).Symbols()
	require.NoError(t, err)
	var binds []elf.SymBind
	for _, s := range syms {
		if s.Name == "sum" {
			binds = append(binds, elf.ST_BIND(s.Info))
		}
	}
	require.Equal(t, []elf.SymBind{elf.STB_LOCAL, elf.STB_GLOBAL}, binds)
}

func TestNote(t *testing.T) {
	a := sample()
	data, err := parsed(t, a, Options{}).Section(".note.bpfc").Data()
	require.NoError(t, err)
	want := "\x05\x00\x00\x00" + "\x35\x00\x00\x00" + "\x01\x00\x00\x00" + "bpfc\x00\x00\x00\x00" +
		"\x03\x00\x00\x00" + string(a.Digest[:]) + "amd64\x001.2\x00x86-64\x00" + "\x00\x00\x00"
	require.Equal(t, want, string(data))
}

func TestDebugLines(t *testing.T) {
	f := parsed(t, sample(), Options{Debug: true})
	d, err := f.DWARF()
	require.NoError(t, err)
	r := d.Reader()
	unit, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "/src/sample.c", unit.Val(dwarf.AttrName))
	lines, err := d.LineReader(unit)
	require.NoError(t, err)
	type row struct {
		addr uint64
		file string
		line int
		col  int
		end  bool
	}
	var got []row
	for e := (dwarf.LineEntry{}); ; {
		if err := lines.Next(&e); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		got = append(got, row{e.Address, e.File.Name, e.Line, e.Column, e.EndSequence})
	}
	a := sample()
	end := row{addr: uint64(len(a.Code)), end: true, file: "/src/inc.h"}
	require.Equal(t, []row{
		{1, "/src/sample.c", 10, 5, false},
		{15, "/src/sample.c", 12, 2, false},
		{29, "/src/inc.h", 300, 1, false},
		{uint64(a.Lines[4].Offset), "/src/inc.h", 0, 0, false},
		end,
	}, got)
}

func TestDebugFunctions(t *testing.T) {
	d, err := parsed(t, sample(), Options{Debug: true}).DWARF()
	require.NoError(t, err)
	a, r := sample(), d.Reader()
	_, err = r.Next()
	require.NoError(t, err)
	for i, name := range []string{"sum", "sum_checked", "trap.bpf", "trap", "trap_checked"} {
		e, err := r.Next()
		require.NoError(t, err)
		require.Equal(t, dwarf.TagSubprogram, e.Tag)
		require.Equal(t, name, e.Val(dwarf.AttrName))
		ranges, err := d.Ranges(e)
		require.NoError(t, err)
		s := a.Symbols[i]
		require.Equal(t, [][2]uint64{{uint64(s.Offset), uint64(s.Offset + s.Size)}}, ranges)
	}
}

func TestNoDebugWithoutSource(t *testing.T) {
	a := sample()
	a.Entries[0].Lines = nil
	require.Nil(t, parsed(t, a, Options{Debug: true}).Section(".debug_info"))
}

func TestUnwindRules(t *testing.T) {
	s := &codegen.Symbol{Offset: 16, CFA: []codegen.CFAStep{
		{Offset: 16, CFA: 8},
		{Offset: 17, CFA: 16, Saved: []codegen.SavedReg{{Reg: 3, Below: 16}}},
		{Offset: 100, CFA: 16, Saved: []codegen.SavedReg{{Reg: 3, Below: 16}}}, // no change
		{Offset: 300, CFA: 200, Saved: []codegen.SavedReg{{Reg: 3, Below: 16}, {Reg: 12, Below: 24}}},
		{Offset: 70000, CFA: 8},
	}}
	require.Equal(t, []byte{
		0x41, 0x0e, 16, 0x83, 2,
		0x03, 27, 1, 0x0e, 200, 1, 0x8c, 3,
		0x04, 0x44, 0x10, 1, 0, 0x0e, 8, 0xc3, 0xcc,
	}, unwindRules(s))
}

func TestUnsupported(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(a *codegen.Artifact)
		want   string
	}{
		{"another architecture", func(a *codegen.Artifact) { a.Arch = "" }, `its code is for "", objects are for amd64`},
		{"no C entry", func(a *codegen.Artifact) { a.Entries[1].HasC = false }, "back end amd64 made no C entry for program trap"},
		{"hash map in use", func(a *codegen.Artifact) { a.Relocs[2].Index = 1 }, "it uses map flows of kind 1; only array maps (kind 2) can be part of an object"},
		{"large map", func(a *codegen.Artifact) { a.Maps[0].MaxEntries = 1 << 31 }, "array map config needs 17179869184 bytes, more than the 1073741824 that code can reach"},
		{"large alignment", func(a *codegen.Artifact) { a.Data[0].Align = 1 << 17 }, "section .bss is aligned to 131072 bytes, an object allows 65536"},
		{"helper in Go", func(a *codegen.Artifact) { a.Exits = []codegen.Exit{{Code: codegen.ExitHelper}} }, "helper test/identity runs in Go; an object can only call native functions"},
		{"programs of one name", func(a *codegen.Artifact) { a.Entries[1].Name = "sum" }, "program sum (number 0) and program sum (number 1) would both be called sum; rename one"},
		{"program like an entry", func(a *codegen.Artifact) { a.Entries[1].Name = "sum_checked" },
			"the checked entry of program sum (number 0) and program sum_checked (number 1) would both be called sum_checked; rename one"},
		{"helpers alike", func(a *codegen.Artifact) { a.Helpers = append(a.Helpers, abi.Helper{Name: "test_identity"}) },
			"helper test/identity and helper test_identity would both be called bpfc_helper_test_identity; rename one"},
		{"the hook's name", func(a *codegen.Artifact) { a.Entries[1].Name = "bpfc_fault" }, "the fault hook and program bpfc_fault (number 1) would both be called bpfc_fault; rename one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sample()
			c.change(a)
			var e *UnsupportedError
			require.ErrorAs(t, Write(io.Discard, a, Options{}), &e)
			require.EqualError(t, e, "sample.bpf.o: cannot be written as an object file: "+c.want)
			require.ErrorAs(t, Header(io.Discard, a, "x", nil), &e)
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(a *codegen.Artifact)
		want   string
	}{
		{"function too long", func(a *codegen.Artifact) { a.Symbols[4].Size = 1000 }, "function trap_checked ends"},
		{"functions overlap", func(a *codegen.Artifact) { a.Symbols[0].Size = 70 }, "function sum_checked at 0x40 is empty or begins before the one before it ends"},
		{"frame steps", func(a *codegen.Artifact) { a.Symbols[0].CFA[0].Offset = 1000 }, "unwinding rule at 0x3e8 of sum is out of order"},
		{"frame too small", func(a *codegen.Artifact) { a.Symbols[0].CFA[0].CFA = 0 }, "0 bytes above rsp"},
		{"register on the return address", func(a *codegen.Artifact) { a.Symbols[0].CFA[0].Saved[0].Below = 8 }, "register 3 of sum is saved 8 bytes"},
		{"unknown register", func(a *codegen.Artifact) { a.Symbols[0].CFA[0].Saved[0].Reg = 16 }, "register 16 of sum"},
		{"no function at an entry", func(a *codegen.Artifact) { a.Entries[0].COffset = 1 }, "the C entries of program sum are not two functions"},
		{"entries in one place", func(a *codegen.Artifact) { a.Entries[0].COffset = a.Entries[0].CChecked }, "the C entries of program sum are not two functions"},
		{"entries of two programs in one place", func(a *codegen.Artifact) { a.Entries[1].COffset = a.Entries[0].CChecked }, "the C entries of program trap are not two functions"},
		{"context", func(a *codegen.Artifact) { a.Entries[0].Context = 9 }, "program sum has a context of kind 9"},
		{"relocation outside", func(a *codegen.Artifact) { a.Relocs[0].Offset = uint32(len(a.Code)) - 3 }, "relocation at"},
		{"relocation wraps", func(a *codegen.Artifact) { a.Relocs[0].Offset = 0xfffffffe }, "relocation at 0xfffffffe"},
		{"relocation kind", func(a *codegen.Artifact) { a.Relocs[0].Kind = 77 }, "of kind 77"},
		{"relocation index", func(a *codegen.Artifact) { a.Relocs[0].Index = 3 }, "index 3 of 3"},
		{"negative index", func(a *codegen.Artifact) { a.Relocs[2].Index = -1 }, "index -1 of 2"},
		{"exit's helper", func(a *codegen.Artifact) { a.Exits = []codegen.Exit{{Code: codegen.ExitHelper, Helper: 4}} }, "names helper 4 of 1"},
		{"lines out of order", func(a *codegen.Artifact) { a.Lines[3].Offset = 1 }, "line entry at 0x1 is out of order"},
		{"line's program", func(a *codegen.Artifact) { a.Lines[0].Prog = 2 }, "names program 2 of 2"},
		{"source line", func(a *codegen.Artifact) { a.Entries[0].Lines[0].Line = -1 }, "source line -1:5 of sum"},
		{"alignment", func(a *codegen.Artifact) { a.Data[0].Align = 12 }, "section .bss is aligned to 12"},
		{"variable outside", func(a *codegen.Artifact) { a.Data[0].Symbols[0].Size = 9 }, "variable calls is not within section .bss"},
		{"address outside", func(a *codegen.Artifact) { a.Data[1].Relocs[0].Offset = 1 }, "address at 0x1 is not within section .rodata"},
		{"address of nothing", func(a *codegen.Artifact) { a.Data[1].Relocs[0].Index = 3 }, "is of section 3 of 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sample()
			c.change(a)
			err := Write(io.Discard, a, Options{Debug: true})
			var e *MalformedError
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, "sample.bpf.o: the back end's artifact is malformed: ")
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestNoPanic changes every number of the sample to extremes: whatever the
// artifact, the answer is an object or an error of this package.
func TestNoPanic(t *testing.T) {
	a := sample()
	refused := 0
	eachNumber(reflect.ValueOf(a).Elem(), func(set func(uint64)) {
		for _, x := range []uint64{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 1 << 63, math.MaxUint64} {
			set(x)
			var u *UnsupportedError
			var m *MalformedError
			err := Write(io.Discard, a, Options{Debug: true})
			require.True(t, err == nil || errors.As(err, &u) || errors.As(err, &m), "%v", err)
			if Header(io.Discard, a, "x", nil) != nil {
				refused++
			}
		}
	})
	require.NoError(t, Write(io.Discard, a, Options{}), "restored")
	require.Greater(t, refused, 100)
}

// eachNumber calls f with every number in v but the bytes of images, restoring it afterwards.
func eachNumber(v reflect.Value, f func(set func(uint64))) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			eachNumber(v.Field(i), f)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		for i := range v.Len() {
			eachNumber(v.Index(i), f)
		}
	case v.CanInt():
		old := v.Int()
		f(func(x uint64) { v.SetInt(int64(x)) })
		v.SetInt(old)
	case v.CanUint():
		old := v.Uint()
		f(v.SetUint)
		v.SetUint(old)
	}
}

func TestDataSectionNames(t *testing.T) {
	one := []byte{1}
	reloc := []obj.DataReloc{{}}
	for _, c := range []struct {
		d    obj.Data
		want string
		typ  elf.SectionType
	}{
		{obj.Data{Name: ".rodata.str", ReadOnly: true}, ".rodata.str", elf.SHT_PROGBITS},
		{obj.Data{Name: "license", ReadOnly: true}, ".rodata.license", elf.SHT_PROGBITS},
		{obj.Data{Name: ".rodata", ReadOnly: true, Relocs: reloc}, ".data.rel.ro._rodata", elf.SHT_PROGBITS},
		{obj.Data{Name: ".data.x", Bytes: one}, ".data.x", elf.SHT_PROGBITS},
		{obj.Data{Name: ".data.x", Bytes: one[:0]}, ".bss._data_x", elf.SHT_NOBITS},
		{obj.Data{Name: ".bss", Bytes: one}, ".data._bss", elf.SHT_PROGBITS},
		{obj.Data{Name: ".database", Bytes: one}, ".data._database", elf.SHT_PROGBITS},
		{obj.Data{Name: ".bss", Bytes: make([]byte, 8), Relocs: reloc}, ".data._bss", elf.SHT_PROGBITS},
	} {
		s := dataSection(&c.d)
		require.Equal(t, c.want, s.name)
		require.Equal(t, c.typ, s.typ)
	}
}
