package raw

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
)

const add = "b700000003000000 0700000004000000 9500000000000000"

func TestParse(t *testing.T) {
	want := isa.Prog(isa.Mov64Imm(isa.R0, 3), isa.Add.Imm(isa.R0, 4), isa.Return())
	b, err := isa.Encode(want)
	require.NoError(t, err)
	for _, c := range []struct {
		name, input string
		format      Format
	}{
		{"hex", add, Hex},
		{"hex found", add, Auto},
		{"capitals and lines", "B700000003000000\r\n\t0700000004000000\n9500000000000000\n", Auto},
		{"bytes with 0x", "0xb7 0x00 0x00 00 03 00 00 00 0X07 00 00 00 04 00 00 00\n0x9500000000000000", Auto},
		{"binary", string(b), Binary},
		{"binary found", string(b), Auto},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := Parse("dir/sum.bin", []byte(c.input), c.format)
			require.NoError(t, err)
			require.Equal(t, "dir/sum.bin", o.Name)
			require.Len(t, o.Programs, 1)
			require.Equal(t, "sum", o.Programs[0].Name)
			require.Empty(t, o.Programs[0].Section)
			require.Equal(t, want, o.Programs[0].Insns)
		})
	}
}

func TestProgramName(t *testing.T) {
	for in, want := range map[string]string{
		"<stdin>": "main", "-": "main", "": "main", "a/b/x.hex": "x", "x": "x", "x.y.bin": "x.y", ".hex": "main",
	} {
		require.Equal(t, want, programName(in), in)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, input string
		format      Format
		text        string
		code        isa.Code
	}{
		{"no digit", "9500\n00zz", Hex, `f:2:3: 'z' is no hex digit`, ""},
		{"odd number of digits", "95000", Hex, "f:1:6: the number of hex digits is odd: 5", ""},
		{"x within a word", "950x", Hex, "f:1:4: 'x'", ""},
		{"nothing", "", Auto, "f: instruction 0: the program is empty", isa.CodeEmpty},
		{"blanks", " \n", Hex, "the program is empty", isa.CodeEmpty},
		{"cut off", "95000000", Auto, "4 bytes are left", isa.CodeTruncated},
		{"unknown opcode", "9500000000000000ff00000000000000", Auto, "f: instruction 1: unknown opcode", isa.CodeUnknownOpcode},
		{"text", "hello, world", Auto, "f: instruction 0: unknown opcode 0x68", isa.CodeUnknownOpcode},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.input), c.format)
			require.ErrorContains(t, err, c.text)
			var e *Error
			require.ErrorAs(t, err, &e)
			var i *isa.Error
			if c.code != "" {
				require.ErrorAs(t, err, &i)
				require.Equal(t, c.code, i.Code)
			} else {
				require.NotErrorAs(t, err, &i)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(add), uint8(Auto))
	f.Add([]byte("\x95\x00\x00\x00\x00\x00\x00\x00"), uint8(Binary))
	f.Fuzz(func(t *testing.T, b []byte, format uint8) {
		o, err := Parse("f", b, Format(format%3))
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		bin, err := isa.Encode(o.Programs[0].Insns)
		require.NoError(t, err)
		again, err := Parse("f", []byte(hex.EncodeToString(bin)), Auto)
		require.NoError(t, err)
		require.Equal(t, o, again)
	})
}
