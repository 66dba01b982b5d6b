package isa

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRows(t *testing.T) {
	seen := map[Op]bool{}
	for _, row := range rows {
		b, err := Encode(Prog(row.insn))
		require.NoError(t, err, row.text)
		require.Equal(t, row.hex, hex.EncodeToString(b), row.text)
		require.Equal(t, row.text, row.insn.String())
		back, err := DecodeInsns(b)
		require.NoError(t, err, row.text)
		require.Equal(t, Prog(row.insn), back, row.text)
		seen[row.insn.Op] = true
	}
	for op := Pad + 1; op < numOps; op++ {
		require.True(t, seen[op], "no test row for %v", op)
	}
}

// TestTableAgreesWithConstants compares the names in the table with the names of the constants.
func TestTableAgreesWithConstants(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "op.go", nil, 0)
	require.NoError(t, err)
	var names []string
	ast.Inspect(f.Decls[2], func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			names = append(names, spec.Names[0].Name)
		}
		return true
	})
	require.Len(t, names, NumOps+1)
	for i, r := range Table {
		require.Equal(t, names[i], r.Name)
		require.Equal(t, Op(i), r.Op)
		require.Equal(t, names[i], Op(i).String())
	}
	require.Contains(t, Op(9999).String(), "9999")
}

// TestEncodingsAreUnique makes sure that no two rows can match the same bytes.
func TestEncodingsAreUnique(t *testing.T) {
	for code, ops := range byCode {
		for i, a := range ops {
			for _, b := range ops[i+1:] {
				x, y := Table[a], Table[b]
				differ := x.SrcUse == Fixed && y.SrcUse == Fixed && x.SrcVal != y.SrcVal ||
					x.OffUse == Fixed && y.OffUse == Fixed && x.OffVal != y.OffVal ||
					x.ImmUse == Fixed && y.ImmUse == Fixed && x.ImmVal != y.ImmVal
				require.True(t, differ, "code 0x%02x: %v and %v", code, a, b)
			}
		}
	}
}

func TestGroups(t *testing.T) {
	for _, c := range []struct {
		op    Op
		group Group
		name  string
	}{
		{AddImm, GroupBase64, "base64"}, {Add32Imm, GroupBase32, "base32"},
		{SDivReg, GroupDivMul64, "divmul64"}, {Mul32Imm, GroupDivMul32, "divmul32"},
		{Swap16, GroupBase32, "base32"}, {Swap64, GroupBase64, "base64"}, {Le64, GroupBase64, "base64"},
		{LdxW, GroupBase32, "base32"}, {LdxDW, GroupBase64, "base64"}, {LdxSB, GroupBase64, "base64"},
		{LockAdd, GroupAtomic64, "atomic64"}, {CmpXchg32, GroupAtomic32, "atomic32"},
		{LdAbsB, GroupPacket, "packet"}, {LdAcqB, GroupBeyond, "beyond"}, {CallReg, GroupBeyond, "beyond"},
		{Ja32, GroupBase32, "base32"}, {JEQImm, GroupBase64, "base64"}, {JEQ32Imm, GroupBase32, "base32"},
	} {
		require.Equal(t, c.group, Table[c.op].Group, "%v", c.op)
		require.Equal(t, c.name, c.group.String())
		require.Equal(t, c.group == GroupBeyond, Table[c.op].Section == "", "%v", c.op)
	}
}

// code returns the code of an error, "" for none.
func code(t *testing.T, err error) (Code, int) {
	t.Helper()
	if err == nil {
		return "", 0
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), "\n")
	return e.Code, e.Slot
}

func TestDecodeRefuses(t *testing.T) {
	const exit = "9500000000000000"
	for _, c := range []struct {
		name, hex string
		code      Code
		slot      int
		text      string
	}{
		{"no bytes", "", CodeEmpty, 0, "empty"},
		{"half a slot", exit + "950000", CodeTruncated, 1, "3 bytes are left"},
		{"lddw at the end", "1801000001000000", CodeTruncated, 0, "second slot"},
		{"code 0xff", exit + "ff00000000000000", CodeUnknownOpcode, 1, "0xff"},
		{"call in jmp32", "8600000000000000", CodeUnknownOpcode, 0, "0x86"},
		{"exit in jmp32", "9600000000000000", CodeUnknownOpcode, 0, "0x96"},
		{"lddw with src 7", "18710000010000000000000000000000", CodeUnknownOpcode, 0, "src 7"},
		{"call with src 3", "8530000001000000", CodeUnknownOpcode, 0, "src 3"},
		{"mov with off 3", "bf12030000000000", CodeUnknownOpcode, 0, "off 3"},
		{"32-bit movsx of 32 bits", "bc12200000000000", CodeUnknownOpcode, 0, "off 32"},
		{"div with off 2", "3712020000000000", CodeUnknownOpcode, 0, "off 2"},
		{"le24", "d401000018000000", CodeUnknownOpcode, 0, "imm 0x18"},
		{"bswap with src bit", "df01000010000000", CodeUnknownOpcode, 0, "0xdf"},
		{"atomic sub", "db21000010000000", CodeUnknownOpcode, 0, "imm 0x10"},
		{"cmpxchg without fetch", "db210000f0000000", CodeUnknownOpcode, 0, "imm 0xf0"},
		{"8-bit atomic add", "d321000000000000", CodeUnknownOpcode, 0, "0xd3"},
		{"sign-extending load of 64 bits", "9921000000000000", CodeUnknownOpcode, 0, "0x99"},
		{"add imm with src", "0721000001000000", CodeReserved, 0, "src is 2"},
		{"add reg with imm", "0f21000001000000", CodeReserved, 0, "imm is 1"},
		{"add with off", "0701010001000000", CodeReserved, 0, "off is 1"},
		{"load with imm", "6121000001000000", CodeReserved, 0, "imm is 1"},
		{"exit with dst", "9501000000000000", CodeReserved, 0, "dst is 1"},
		{"exit with off", "9500010000000000", CodeReserved, 0, "off is 1"},
		{"helper call with off", "8500010001000000", CodeReserved, 0, "off is 1"},
		{"ja with imm", "0500000001000000", CodeReserved, 0, "imm is 1"},
		{"ja32 with off", "0600010000000000", CodeReserved, 0, "off is 1"},
		{"may_goto with src 1", "e510000000000000", CodeReserved, 0, "src is 1"},
		{"callx with imm", "8d01000001000000", CodeReserved, 0, "imm is 1"},
		{"ldabs with dst", "3001000000000000", CodeReserved, 0, "dst is 1"},
		{"code in the second slot of lddw", "18010000010000009500000000000000", CodeReserved, 1, "second slot"},
		{"off in the second slot of lddw", "18010000010000000000010000000000", CodeReserved, 1, "second slot"},
		{"upper half of a map descriptor", "18110000010000000000000001000000", CodeReserved, 1, "src 1"},
		{"dst r11", "b70b000000000000", CodeRegister, 0, "register 11"},
		{"src r15", "bff0000000000000", CodeRegister, 0, "register 15"},
		{"callx r12", "8d0c000000000000", CodeRegister, 0, "register 12"},
		{"jump past the end", exit + "0500000000000000", CodeJumpRange, 1, "instruction 2"},
		{"jump before the start", "0500feff00000000" + exit, CodeJumpRange, 0, "instruction -1"},
		{"ja32 far away", "06000000ffffff7f" + exit, CodeJumpRange, 0, "leaves the program"},
		{"branch past the end", "1501050000000000" + exit, CodeJumpRange, 0, "instruction 6"},
		{"may_goto past the end", "e500050000000000" + exit, CodeJumpRange, 0, "instruction 6"},
		{"jump into lddw", "0500010000000000" + "18010000010000000000000000000000" + exit, CodeJumpIntoLddw, 0, "instruction 2"},
		{"call past the end", "8510000001000000" + exit, CodeCallRange, 0, "call to instruction 2"},
		{"call into lddw", "8510000001000000" + "18010000010000000000000000000000" + exit, CodeCallRange, 0, "second slot"},
		{"function past the end", "18410000020000000000000000000000" + exit, CodeFuncRange, 0, "instruction 3"},
		{"function in lddw", "18410000000000000000000000000000" + exit, CodeFuncRange, 0, "second slot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(c.hex)
			require.NoError(t, err)
			_, err = Decode(b)
			require.Error(t, err)
			got, slot := code(t, err)
			require.Equal(t, c.code, got, "%v", err)
			require.Equal(t, c.slot, slot, "%v", err)
			require.Contains(t, err.Error(), c.text)
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		insns []Insn
		code  Code
		slot  int
	}{
		{"the zero Insn", []Insn{{}}, CodeUnknownOpcode, 0},
		{"an opcode above the table", []Insn{Return(), {Op: numOps}}, CodeUnknownOpcode, 1},
		{"a constructor with a wrong size", []Insn{LoadMem(R0, R1, 0, 3)}, CodeUnknownOpcode, 0},
		{"bswap of one byte", []Insn{ByteSwap(R0, 1)}, CodeUnknownOpcode, 0},
		{"16-bit atomic", []Insn{AtomicAdd.Mem(R0, 0, R1, 2)}, CodeUnknownOpcode, 0},
		{"NoArith", []Insn{NoArith.Imm(R0, 1)}, CodeUnknownOpcode, 0},
		{"a condition above the table", []Insn{(SET + 1).Imm(R0, 1, 0)}, CodeUnknownOpcode, 0},
		{"an atomic above the table", []Insn{(AtomicCmpXchg + 1).Mem(R0, 0, R1, 8)}, CodeUnknownOpcode, 0},
		{"lddw without Pad", []Insn{LoadImm64(R0, 1)}, CodeSlot, 0},
		{"Pad without lddw", []Insn{Return(), {Op: Pad}}, CodeSlot, 1},
		{"Pad with operands", []Insn{LoadImm64(R0, 1), {Op: Pad, Imm: 1}}, CodeReserved, 1},
		{"wide immediate", []Insn{{Op: AddImm, Imm: 1 << 31}}, CodeImmediate, 0},
		{"register 11", []Insn{Mov64Imm(11, 0)}, CodeRegister, 0},
		{"src of an immediate form", []Insn{{Op: AddImm, Src: R1}}, CodeReserved, 0},
		{"off of an exit", []Insn{{Op: Exit, Off: 1}}, CodeReserved, 0},
		{"imm of an atomic", []Insn{{Op: LockAdd, Imm: 1}}, CodeReserved, 0},
		{"off of a movsx", []Insn{{Op: MovSX8, Off: 8}}, CodeReserved, 0},
		{"src of a local call", []Insn{{Op: CallLocal, Src: R1}}, CodeReserved, 0},
		{"upper half of a map index", []Insn{{Op: LddwMapIdx, Imm: 1 << 32}, {Op: Pad}}, CodeReserved, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Encode(c.insns)
			require.Error(t, err)
			got, slot := code(t, err)
			require.Equal(t, c.code, got, "%v", err)
			require.Equal(t, c.slot, slot, "%v", err)
		})
	}
}

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		insn Insn
		want int
		ok   bool
	}{
		{Jump(3), 14, true}, {Jump(-11), 0, true}, {Jump32(1 << 20), 11 + 1<<20, true}, {MayJump(1), 12, true},
		{EQ.Imm(R1, 0, -1), 10, true}, {SET.Reg32(R1, R2, 1), 12, true},
		{CallFunc(-2), 9, true}, {LoadFunc(R1, -2), 9, true}, {LoadFunc(R1, 2), 13, true},
		{LoadImm64(R1, 2), 0, false}, {CallHelper(1), 0, false}, {Return(), 0, false}, {Mov64Imm(R0, 1), 0, false},
	} {
		got, ok := c.insn.Target(10)
		require.Equal(t, c.ok, ok, "%v", c.insn)
		require.Equal(t, c.want, got, "%v", c.insn)
	}
}

func TestFormatWithSymbol(t *testing.T) {
	for _, c := range []struct {
		insn Insn
		want string
	}{
		{Jump(3), "goto L"}, {Jump32(3), "gotol L"}, {MayJump(3), "may_goto L"},
		{SGT.Imm32(R1, 4, 3), "if w1 s> 4 goto L"}, {CallFunc(3), "call L"}, {CallHelper(3), "call L"},
		{LoadMapFD(R1, 3), "r1 = L ll"}, {Add.Imm(R1, 3), "r1 += 3"},
	} {
		require.Equal(t, c.want, c.insn.Format("L"))
	}
	require.Equal(t, "Invalid", Insn{}.String())
	require.Equal(t, "Pad", Insn{Op: Pad}.String())
	require.Equal(t, "Op(65535)", Insn{Op: 65535}.String())
}

// drawInsn draws any instruction that can be encoded.
func drawInsn(t *rapid.T) Insn {
	r := &Table[rapid.IntRange(int(Pad)+1, NumOps-1).Draw(t, "op")]
	in := Insn{Op: r.Op}
	reg := rapid.IntRange(0, 10)
	if r.DstUse == Operand {
		in.Dst = Reg(reg.Draw(t, "dst"))
	}
	if r.SrcUse == Operand {
		in.Src = Reg(reg.Draw(t, "src"))
	}
	if r.OffUse == Operand {
		in.Off = rapid.Int16().Draw(t, "off")
	}
	if r.ImmUse == Operand {
		in.Imm = int64(rapid.Int32().Draw(t, "imm"))
	}
	if r.Kind == KindLoadImm64 {
		high := int32(0)
		if upperImm(r.Sub) {
			high = rapid.Int32().Draw(t, "high")
		}
		in.Imm = halves(int32(in.Imm), high)
	}
	return in
}

func TestEncodeDecodeIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Prog(rapid.SliceOfN(rapid.Custom(drawInsn), 1, 20).Draw(t, "insns")...)
		b, err := Encode(p)
		require.NoError(t, err)
		back, err := DecodeInsns(b)
		require.NoError(t, err)
		require.Equal(t, p, back)
	})
}

// TestEveryFieldIsReadOrRefused changes any bit of an encoded instruction: the
// result is another instruction or an error, never the same instruction.
func TestEveryFieldIsReadOrRefused(t *testing.T) {
	for _, row := range rows {
		b, err := Encode(Prog(row.insn))
		require.NoError(t, err)
		for bit := range len(b) * 8 {
			c := bytes.Clone(b)
			c[bit/8] ^= 1 << (bit % 8)
			back, err := DecodeInsns(c)
			if err == nil {
				require.NotEqual(t, Prog(row.insn), back, "%s, bit %d", row.text, bit)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, row := range rows {
		b, _ := hex.DecodeString(row.hex)
		f.Add(append(b, 0x95, 0, 0, 0, 0, 0, 0, 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		insns, err := Decode(b)
		if err != nil {
			code(t, err)
			return
		}
		for _, in := range insns {
			require.NotEmpty(t, in.String())
		}
		back, err := Encode(insns)
		require.NoError(t, err)
		require.Equal(t, b, back)
		require.Len(t, insns, len(b)/SlotSize)
	})
}

// TestConformancePrograms decodes and encodes every program of the conformance
// suite, whose directory is in BPFC_CONFORMANCE.
func TestConformancePrograms(t *testing.T) {
	dir := os.Getenv("BPFC_CONFORMANCE")
	if dir == "" {
		t.Skip("BPFC_CONFORMANCE is not set")
	}
	text, err := os.ReadFile(filepath.Join(dir, "programs.json"))
	require.NoError(t, err)
	var programs []struct{ Name, Prog string }
	require.NoError(t, json.Unmarshal(text, &programs))
	require.NotEmpty(t, programs)
	for _, p := range programs {
		b, err := hex.DecodeString(strings.TrimSpace(p.Prog))
		require.NoError(t, err, p.Name)
		insns, err := Decode(b)
		require.NoError(t, err, p.Name)
		back, err := Encode(insns)
		require.NoError(t, err, p.Name)
		require.Equal(t, b, back, p.Name)
	}
}

func TestMillionInstructions(t *testing.T) {
	var b []byte
	for range 1_000_000 {
		b = binary.LittleEndian.AppendUint64(b, 0x07) // r0 += 0
	}
	insns, err := Decode(b)
	require.NoError(t, err)
	require.Len(t, insns, 1_000_000)
}
