package elf

import (
	"bytes"
	stdelf "debug/elf"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// gnuResults are those of the same C natively, by length.
var gnuResults = []uint64{121, 125, 129, 132}

func TestObjectOfGCC(t *testing.T) {
	o := read(t, "testdata/gcc/gnu.o")
	require.Equal(t, []string{"gnu"}, []string{o.Programs[0].Name})
	for n, want := range gnuResults {
		r0, err := evaluate(o, &o.Programs[0], make([]byte, n))
		require.NoError(t, err)
		require.Equal(t, want, r0, "length %d", n)
	}
}

// Without the compiler's mark the object is read as one of clang: its words then lead elsewhere, or nowhere.
func TestStyleIsOfTheCompiler(t *testing.T) {
	b, err := os.ReadFile("testdata/gcc/gnu.o")
	require.NoError(t, err)
	require.True(t, bytes.Contains(b, []byte("GCC: (")))
	_, err = Parse("gnu.o", bytes.Replace(b, []byte("GCC: ("), []byte("XYZ: ("), 1), Options{})
	require.Error(t, err)
}

// gccStyled makes a file of one code section whose comment names a version of GCC.
func gccStyled(version string, rel reloc, value, imm uint64) *file {
	code := append([]byte{0x18, 0, 0, 0}, byte(imm), 0, 0, 0)
	if rel.typ == relocCall32 {
		code[0] = 0x85
	}
	f := &file{sections: []section{
		{name: ".text", kind: kindText, data: append(code, make([]byte, 8)...), rel: []reloc{rel}},
		{name: ".comment", data: []byte("GCC: (GNU) " + version + ".1.0")},
	}}
	f.symbols = append(f.symbols, stdelf.Symbol{Name: "x", Value: value})
	return f
}

func TestStyleOfRelocations(t *testing.T) {
	for _, c := range []struct {
		name       string
		version    string
		typ        uint32
		value, imm uint64
		explicit   bool
		addend     int64
	}{
		{"old by version", "12", relocImm64, 8, 8, true, 0},
		{"old with an addend", "12", relocImm64, 8, 24, true, 16},
		{"new by version", "14", relocImm64, 8, 8, false, 0},
		{"new since the word is less than the address", "12", relocImm64, 8, 0, false, 0},
		{"old since the call is in bytes", "14", relocCall32, 16, 15, true, 0},
		{"new since the call has no addend", "12", relocCall32, 16, 0xff, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := gccStyled(c.version, reloc{symbol: 1, typ: c.typ}, c.value, c.imm)
			if c.imm == 0xff {
				copy(f.sections[0].data[4:], []byte{0xff, 0xff, 0xff, 0xff})
			}
			require.NoError(t, f.fromGNU())
			require.Equal(t, c.explicit, f.sections[0].rel[0].explicit)
			require.Equal(t, c.addend, f.sections[0].rel[0].addend)
		})
	}
}
