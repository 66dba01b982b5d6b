package ir

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genProgram().Draw(t, "program")
		if err := Check(p, StageLowered); err != nil {
			t.Fatalf("the generator made an illegal program: %v", err)
		}
		text := String(p)
		back, err := Parse("p.ir", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		require.Equal(t, p, back, text)
	})
}

// sample has every statement of the text form, as String prints it.
const sample = `program "prog" section "mem/64" type "mem/64" license "GPL"
map "counts" type 2 key 4 value 8 entries 16 extra 18446744073709551615
  special lock 0 4
  special #9 4 4
data ".rodata" align 8 readonly
  bytes "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
  bytes "20"
  symbol "table" 0 4
  reloc 8 data@0 -4
  special timer 8 16
helper "test/identity"(any, none, mem) ret integer impl body id 5 flags 2
  body "9500000000000000"
  target "amd64"
  native "c3"
helper "test/each"(map, func, fixedmem) ret structornull impl none id 6 flags 131072 c "void *each(void)"
  arg 2 size 16
  result size 8 struct "sock"
  returns -1 3
  value -1 "LESS"
  value 3 "FULL"
  callback(map, none, scalar) async many returns 0 0 zero
  value 0 "GO"
  dynptr record
line 0 "prog.c" 12 9 "return \"x\";"
func@0 "main" pos 0 frame 16 {
b0:
  r1 = add64 r1, 8 @3
  r2 = mov32 r1 @4
  r2 = load.s16.acquire [r1+r3*4+8] @5
  store.u16 [r10-8], r1
  store.u8.release [r10], 255
  r0 = atomic.cmpxchg.u64.seqcst [r1], r2, r0
  atomic.add.u32.relaxed [r1], r2
  guard.mem.w32 [r1+4], region 1, rule memory
  guard.mem.r64 [r1+4], region 4, rule memory
  r2 = addr value@0, 4
  r3 = sext64.s8 r2
  r3 = bswap.u16 r3
  call func@1
  call.helper helper@0
  t0 = mov64 -9223372036854775808 @7
  zero [r10-16], 16
  poll
  br64 ugt r1, 4 -> b1, b2
b1:
  jmp -> b3
b2:
  fault rule call
b3:
  fault r1, rule memory
}
func@1 "sub" pos -1 frame 0 global (mem 16 struct "s" nonnull, ctx) {
b0(v32, r1):
  exit
}
`

func TestTextSample(t *testing.T) {
	p, err := Parse("sample.ir", sample)
	require.NoError(t, err)
	require.Equal(t, sample, String(p))
	require.Equal(t, "r1 = add64 r1, 8 @3", p.Funcs[0].Blocks[0].Insns[0].String())
}

func TestParseFriendly(t *testing.T) {
	p, err := Parse("x", "; a comment\r\nfunc@0 \"m\" pos 0 frame 0 {\n b0: ; entry\n\tr1=mov64 0xffffffffffffffff @ 3;;\n\n exit\n}")
	require.NoError(t, err)
	require.Equal(t, "r1 = mov64 -1 @3", p.Funcs[0].Blocks[0].Insns[0].String())
}

func TestParseErrors(t *testing.T) {
	in := func(s string) string { return "func@0 \"m\" pos 0 frame 0 {\nb0:\n" + s + "\nexit\n}\n" }
	for _, tt := range []struct{ text, want string }{
		{"frob", `x:1:1: expected a statement (program, map, data, helper, line or func), not "frob"`},
		{"program prog", `x:1:9: expected the program's name in "quotes", not "prog"`},
		{"map \"m\" type 4294967296", `x:1:14: type: "4294967296" is no number from 0 to 4294967295`},
		{"bytes \"00\"", `x:1:7: it belongs to a data section: put it after a data statement`},
		{"data \"d\"\nbytes \"0\"", `x:2:7: bytes in hex: encoding/hex: odd length hex string`},
		{"body \"00\"", `x:1:6: it belongs to a helper: put it after a helper statement`},
		{"helper \"h\"(any,any,any,any,any,any) ret void impl go", `x:1:32: a helper has at most 5 arguments`},
		{"helper \"h\"() ret void impl go flags 4294967296", `x:1:37: flags: "4294967296" is no number from 0 to 4294967295`},
		{"helper \"h\"() ret void impl go\ncallback(any) returns 0 0", `x:2:10: expected what a callback gets (none, scalar, map, mapkey, mapvalue, ctx, dynptr, unknown), not "any"`},
		{"helper \"h\"() ret void impl go\narg 5 size 4", `x:2:5: index of an argument: "5" is no number from 0 to 4`},
		{"special lock 0 4", `x:1:9: it belongs to a map or a data section: put it after a map or data statement`},
		{"value 0 \"x\"", `x:1:7: it belongs to a range: put it after a returns or callback statement`},
		{"data \"unclosed", `x:1:6: unexpected "\""`},
		{"$", `x:1:1: unexpected "$"`},
		{"func@1 \"m\"", `x:1:8: functions are in ascending order: this one is func@0`},
		{"func@0 \"m\" pos 0 frame 0 {\nb0:", `x:2:4: the function "m" is not closed: add a line with }`},
		{"func@0 \"m\" pos 0 frame 0 {\nexit", `x:2:1: an instruction outside of a block: begin with b0:`},
		{"func@0 \"m\" pos 0 frame 0 {\nb1:", `x:2:3: blocks are in ascending order: this one is b0`},
		{in("r1 = frob r2"), `x:3:6: unknown instruction "frob"`},
		{in("add64 r1, r2"), `x:3:1: add: it has a result: write REG = …`},
		{in("r1 = exit"), `x:3:6: exit: it has no result`},
		{in("r11 = mov64 1"), `x:3:1: expected a register (r0 to r10, t0 to t2), not "r11"`},
		{in("v1 = mov64 1"), `x:3:1: virtual registers begin with v32`},
		{in("r1 = mov64 18446744073709551616"), `x:3:12: immediate: "18446744073709551616" is no number from -9223372036854775808 to 9223372036854775807`},
		{in("r1 = add64 r1 8"), `x:3:15: expected ",", not "8"`},
		{in("r1 = load.u8 [r1+r2*3]"), `x:3:22: scale 3: it must be 1, 2, 4 or 8`},
		{in("br64 foo r1, 1 -> b0, b0"), `x:3:6: expected a condition (none, eq, ne, ugt, uge, ult, ule, sgt, sge, slt, sle, set), not "foo"`},
		{in("br64 eq r1, 1 b0, b0"), `x:3:15: expected "->", not "b0"`},
		{in("jmp -> c0"), `x:3:8: expected a block (b0, b1, …), not "c0"`},
		{in("exit exit"), `x:3:6: unexpected "exit" after the statement`},
		{in("call func 0"), `x:3:11: expected "@", not "0"`},
	} {
		_, err := Parse("x", tt.text)
		require.EqualError(t, err, tt.want, tt.text)
		var e *ParseError
		require.ErrorAs(t, err, &e)
		require.Equal(t, strings.Split(tt.text, "\n")[e.Line-1], e.Text)
	}
}

// Every legal mnemonic prints and parses to the same instruction, and Check
// allows none but these widths, sizes and orders.
func TestMnemonics(t *testing.T) {
	require.Greater(t, len(prototypes()), 100)
	for text, i := range prototypes() {
		require.Equal(t, text, i.mnemonic())
	}
	for op := OpInvalid + 1; op < numOps; op++ {
		require.NotEmpty(t, op.String(), "op %d has no row", op)
	}
}

// FuzzIR: Parse never panics; what it accepts prints and parses back to the
// same, in text and binary; Check never panics.
func FuzzIR(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("fuzz", text)
		if err != nil {
			return
		}
		back, err := Parse("fuzz", String(p))
		require.NoError(t, err, String(p))
		require.Equal(t, p, back)
		fromBytes, err := Unmarshal(Marshal(p))
		require.NoError(t, err)
		require.Equal(t, p, fromBytes)
		_ = Check(p, StageLowered)
	})
}
