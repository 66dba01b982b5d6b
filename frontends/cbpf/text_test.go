package cbpf_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// What bpf_asm of the kernel reads, and its encoding.
func TestAssemble(t *testing.T) {
	anc := func(n uint32) uint32 { return 0xfffff000 + n }
	for text, want := range map[string]cbpf.Insn{
		"ld #5":                {Code: 0x00, K: 5},
		"ldi #5":               {Code: 0x00, K: 5},
		"ldi 5":                {Code: 0x00, K: 5},
		"ldi -1":               {Code: 0x00, K: 0xffffffff},
		"ld #-2147483648":      {Code: 0x00, K: 0x80000000},
		"ld #017":              {Code: 0x00, K: 15},
		"ld #0b101":            {Code: 0x00, K: 5},
		"ld #0xFFffFFff":       {Code: 0x00, K: 0xffffffff},
		"ld [12]":              {Code: 0x20, K: 12},
		"ldh [0xc]":            {Code: 0x28, K: 12},
		"ldb [23]":             {Code: 0x30, K: 23},
		"ldb [-4096]":          {Code: 0x30, K: 0xfffff000},
		"ld [x + 14]":          {Code: 0x40, K: 14},
		"ld [x+14]":            {Code: 0x40, K: 14},
		"ldh [%x + 14]":        {Code: 0x48, K: 14},
		"ldb [ x + -2 ]":       {Code: 0x50, K: 0xfffffffe},
		"ld M[15]":             {Code: 0x60, K: 15},
		"ld #len":              {Code: 0x80},
		"ld len":               {Code: 0x80},
		"ldx #5":               {Code: 0x01, K: 5},
		"ldxi 5":               {Code: 0x01, K: 5},
		"ldx M[3]":             {Code: 0x61, K: 3},
		"ldx #len":             {Code: 0x81},
		"ldx 4*([14]&0xf)":     {Code: 0xb1, K: 14},
		"ldxb 4*([14]&0xf)":    {Code: 0xb1, K: 14},
		"ldxb 4 * ([14] & 15)": {Code: 0xb1, K: 14},
		"st M[0]":              {Code: 0x02},
		"stx M[1]":             {Code: 0x03, K: 1},
		"add #1":               {Code: 0x04, K: 1},
		"add x":                {Code: 0x0c},
		"sub %x":               {Code: 0x1c},
		"mul #3":               {Code: 0x24, K: 3},
		"div x":                {Code: 0x3c},
		"mod #7":               {Code: 0x94, K: 7},
		"or x":                 {Code: 0x4c},
		"and #0xf":             {Code: 0x54, K: 15},
		"xor x":                {Code: 0xac},
		"lsh #2":               {Code: 0x64, K: 2},
		"rsh x":                {Code: 0x7c},
		"neg":                  {Code: 0x84},
		"tax":                  {Code: 0x07},
		"txa":                  {Code: 0x87},
		"ret #-1":              {Code: 0x06, K: 0xffffffff},
		"ret a":                {Code: 0x16},
		"ret %a":               {Code: 0x16},
		"ret x":                {Code: 0x0e},
		"ret %x":               {Code: 0x0e},
		"ld #proto":            {Code: 0x20, K: anc(0)},
		"ld proto":             {Code: 0x20, K: anc(0)},
		"ldh #type":            {Code: 0x28, K: anc(4)},
		"ldb ifidx":            {Code: 0x30, K: anc(8)},
		"ld #nla":              {Code: 0x20, K: anc(12)},
		"ld #nlan":             {Code: 0x20, K: anc(16)},
		"ld #mark":             {Code: 0x20, K: anc(20)},
		"ld #queue":            {Code: 0x20, K: anc(24)},
		"ld #hatype":           {Code: 0x20, K: anc(28)},
		"ld #rxhash":           {Code: 0x20, K: anc(32)},
		"ld #cpu":              {Code: 0x20, K: anc(36)},
		"ld #vlan_tci":         {Code: 0x20, K: anc(44)},
		"ld #vlan_avail":       {Code: 0x20, K: anc(48)},
		"ld #vlan_pr":          {Code: 0x20, K: anc(48)},
		"ld #poff":             {Code: 0x20, K: anc(52)},
		"ld #rand":             {Code: 0x20, K: anc(56)},
		"ld #vlan_tpid":        {Code: 0x20, K: anc(60)},
		"ld [0xfffff028]":      {Code: 0x20, K: anc(40)},

		".insn 0xffff, 255, 1, 0xffffffff": {Code: 0xffff, Jt: 255, Jf: 1, K: 0xffffffff},
	} {
		f, err := cbpf.Parse("t", []byte(text), cbpf.Asm)
		require.NoError(t, err, text)
		require.Equal(t, []cbpf.Insn{want}, f.Insns, text)
	}
}

// Jumps: both forms, and the mnemonics that stand for the inverse of others.
func TestAssembleJumps(t *testing.T) {
	for text, want := range map[string]cbpf.Insn{
		"jeq #0x800, aa, bb": {Code: 0x15, Jt: 0, Jf: 1, K: 0x800},
		"jeq #1,bb,aa":       {Code: 0x15, Jt: 1, Jf: 0, K: 1},
		"jeq #1, bb":         {Code: 0x15, Jt: 1, K: 1},
		"jeq x, bb":          {Code: 0x1d, Jt: 1},
		"jeq %x, bb, aa":     {Code: 0x1d, Jt: 1},
		"jne #1, bb":         {Code: 0x15, Jf: 1, K: 1},
		"jneq x, bb":         {Code: 0x1d, Jf: 1},
		"jlt #1, bb":         {Code: 0x35, Jf: 1, K: 1},
		"jle x, bb":          {Code: 0x2d, Jf: 1},
		"jgt #1, bb, aa":     {Code: 0x25, Jt: 1, K: 1},
		"jge x, aa, bb":      {Code: 0x3d, Jf: 1},
		"jset #1, bb":        {Code: 0x45, Jt: 1, K: 1},
		"jset x, bb":         {Code: 0x4d, Jt: 1},
		"ja bb":              {Code: 0x05, K: 1},
		"jmp bb":             {Code: 0x05, K: 1},
		"jmp here":           {Code: 0x05, K: 0xffffffff},
	} {
		f, err := cbpf.Parse("t", []byte("here: "+text+" ; a comment\naa: /* two\nlines */ ret #1\nbb:\n\tret #2 // the end"), cbpf.Asm)
		require.NoError(t, err, text)
		require.Equal(t, []cbpf.Insn{want, {Code: 0x06, K: 1}, {Code: 0x06, K: 2}}, f.Insns, text)
		require.Equal(t, []int{1, 3, 5}, f.Lines, text)
	}
}

func TestAssembleErrors(t *testing.T) {
	far := "jeq #1, end\n" + strings.Repeat("tax\n", 256) + "end: ret #0"
	for text, want := range map[string]string{
		"ret #0\n  foo #1":    `t:2:3: instruction 1: there is no instruction "foo" [syntax]`,
		"ret":                 `t:1:4: instruction 0: the end where an operand is expected [syntax]`,
		"ret [3]":             `t:1:1: instruction 0: "ret" does not take this operand: it takes #k, a, x [syntax]`,
		"ldh M[3]":            `t:1:1: instruction 0: "ldh" does not take this operand: it takes [k], [x + k] [syntax]`,
		"ldb #5":              `t:1:1: instruction 0: "ldb" does not take this operand: it takes [k], [x + k] [syntax]`,
		"ld #foo":             `t:1:5: instruction 0: "foo" after #: it is a number, len or the name of an ancillary load [syntax]`,
		"ld #4294967296":      `t:1:5: instruction 0: "4294967296" is no number of 32 bits [syntax]`,
		"ld #09":              `t:1:5: instruction 0: "09" is no number of 32 bits [syntax]`,
		"ld #1_0":             `t:1:5: instruction 0: "1_0" is no number of 32 bits [syntax]`,
		"ldx 5*([1]&0xf)":     `t:1:5: instruction 0: 5*([k]&0xf): the instruction that there is has 4*([k]&0xf) [syntax]`,
		"ld [x - 1]":          `t:1:7: instruction 0: "-" where "+" is expected [syntax]`,
		"ld [1":               `t:1:6: instruction 0: the end where "]" is expected [syntax]`,
		"ja there":            `t:1:4: instruction 0: there is no label "there" [syntax]`,
		"a1: ret a\na1: tax":  `t:2:1: instruction 1: the label "a1" is there twice [syntax]`,
		"ja end\nend:":        `t:1:4: instruction 0: no instruction follows the label "end" [syntax]`,
		"b1: jeq #1, b1":      `t:1:13: instruction 0: the label "b1" is before the jump: a conditional jump goes forward [syntax]`,
		far:                   `t:1:9: instruction 0: the label "end" is 256 instructions on: a conditional jump skips 255 at most; go on with a ja [syntax]`,
		"ret #0 $":            `t:1:8: "$" has no meaning here [syntax]`,
		".insn 65536, 0, 0,0": `t:1:7: instruction 0: code is 65536: it has 16 bits [syntax]`,
		"jeq #1 L":            `t:1:8: instruction 0: "L" where "," is expected [syntax]`,
		"12":                  `t:1:1: instruction 0: "12" where an instruction is expected [syntax]`,
	} {
		_, err := cbpf.Parse("t", []byte(text), cbpf.Asm)
		require.EqualError(t, err, want, text)
	}
}

// The rule that a text breaks is reported with its line.
func TestCheckLines(t *testing.T) {
	f, err := cbpf.Parse("t.cbpf", []byte("ld [0]\n\nmod #0\nret a"), cbpf.Auto)
	require.NoError(t, err)
	require.EqualError(t, f.Check(cbpf.Linux), "t.cbpf:3: instruction 1: mod by the constant 0 [divisor]")
	require.EqualError(t, f.Check(cbpf.Seccomp), "t.cbpf:3: instruction 1: `mod #k` is not in the dialect seccomp [opcode]; have it run under another with --dialect, or write it without this instruction")
}

// tcp port 80 in some words, and all that is printed of it.
var sample = []cbpf.Insn{
	{Code: 0x28, K: 12}, {Code: 0x15, Jf: 8, K: 0x800}, {Code: 0x30, K: 23}, {Code: 0x15, Jf: 6, K: 6}, {Code: 0x28, K: 20}, {Code: 0x45, Jt: 4, K: 0x1fff},
	{Code: 0xb1, K: 14}, {Code: 0x48, K: 14}, {Code: 0x15, Jt: 2, Jf: 1, K: 80}, {Code: 0x05}, {Code: 0x06}, {Code: 0x06, K: 262144},
}

func TestPrint(t *testing.T) {
	require.Equal(t, `	ldh [12]
	jne #0x800, L10
	ldb [23]
	jne #0x6, L10
	ldh [20]
	jset #0x1fff, L10
	ldxb 4*([14]&0xf)
	ldh [x + 14]
	jeq #0x50, L11, L10
	ja L10
L10:
	ret #0
L11:
	ret #262144
`, cbpf.Print(sample))
}

// Every format is read back as what it was written from, and recognised; none is taken for another.
func TestFormats(t *testing.T) {
	for _, format := range []cbpf.Format{cbpf.Decimal, cbpf.CArray, cbpf.OneLine, cbpf.Asm, cbpf.Binary} {
		b := cbpf.Write(sample, format)
		got, sure := cbpf.Detect(b)
		require.Equal(t, format, got)
		require.Equal(t, format != cbpf.Binary, sure, format)
		for _, how := range []cbpf.Format{cbpf.Auto, format} {
			f, err := cbpf.Parse("t", b, how)
			require.NoError(t, err, format)
			require.Equal(t, sample, f.Insns, format)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	for _, c := range []struct {
		text   string
		format cbpf.Format
		want   string
	}{
		{"", cbpf.Decimal, "t: the number of instructions is missing [form]"},
		{"2\n6 0 0 0\n", cbpf.Decimal, "t: the filter has 1 instructions, and says that it has 2; is the file whole? [form]"},
		{"1\n6 0 0\n", cbpf.Decimal, "t:2: an instruction has 3 numbers: it is `code jt jf k` [form]"},
		{"1\n6 0 256 0\n", cbpf.Decimal, `t:2: "256" is no number of 8 bits: it is the jf of an instruction [form]`},
		{"1\n-6 0 0 0\n", cbpf.Decimal, `t:2: "-6" is no number of 16 bits: it is the code of an instruction [form]`},
		{"x\n", cbpf.Decimal, `t:1: the first line is "x": it is the number of instructions [form]`},
		{"2,6 0 0 0,", cbpf.OneLine, "t: the filter has 1 instructions, and says that it has 2; is the file whole? [form]"},
		{"1,6 0 0 0,,", cbpf.OneLine, "t:1: an instruction has 0 numbers: it is `code jt jf k` [form]"},
		{"{ 6, 0, 0 }", cbpf.CArray, `t:1:11: instruction 0: "}" where "," is expected [form]`},
		{"{ 6, 0, 0, 0 } { 6, 0, 0, 0 }", cbpf.CArray, `t:1: a comma is missing before "{" [form]`},
		{"123456789", cbpf.Binary, "t: instruction 1: 1 bytes follow the last whole instruction, which has 8 [form]; is the file whole?"},
	} {
		_, err := cbpf.Parse("t", []byte(c.text), c.format)
		require.EqualError(t, err, c.want, "%q", c.text)
	}
}

// What is assembly of eBPF, hex or an object is not taken for a classic filter.
func TestDetectOthers(t *testing.T) {
	for _, text := range []string{
		"r0 = 0\nexit\n", "mov %r0, 1\nexit\n", "mov r0, 1\nret\n", "ldxb %r1, [%r6+8]\nexit\n", "ldb r1, 8(r6)\nret", "b7 00 00 00 01 00 00 00\n95 00 00 00 00 00 00 00\n",
		"stxw [%r10-4], %r1\n", "jeq %r1, 4, L\n", "jeqi r1, 4 goto L\n", "r0 = *(u8 *)skb[12]\n", "ldabsh 12\n", "jne %r1, %r2, +4", "tail: call 12", "st 8(r1), r2",
	} {
		_, sure := cbpf.Detect([]byte(text))
		require.False(t, sure, text)
	}
}

// FuzzClassic: reading, checking and printing bytes of any kind does not panic, and what is printed in any format is read
// back as the same instructions.
func FuzzClassic(f *testing.F) {
	for format := cbpf.Auto; format <= cbpf.Binary; format++ {
		f.Add(cbpf.Write(sample, format))
	}
	f.Add([]byte("lb: .insn 0xffff, 1, 2, 3 jmp lb ld #rand ret x"))
	f.Add(binary.LittleEndian.AppendUint64(nil, 0xfffffff000000005))
	f.Fuzz(func(t *testing.T, b []byte) {
		for format := cbpf.Auto; format <= cbpf.Binary; format++ {
			filter, err := cbpf.Parse("f", b, format)
			if err != nil {
				require.NotEmpty(t, err.Error())
				continue
			}
			for d := cbpf.Pcap; d <= cbpf.Seccomp; d++ {
				_ = filter.Check(d)
			}
			for to := cbpf.Decimal; to <= cbpf.Binary; to++ {
				again, err := cbpf.Parse("f", cbpf.Write(filter.Insns, to), to)
				require.NoError(t, err)
				require.True(t, bytes.Equal(cbpf.Encode(filter.Insns), cbpf.Encode(again.Insns)), "%s: %v, %v", to, filter.Insns, again.Insns)
			}
		}
	})
}
