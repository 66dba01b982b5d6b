// Package verifier tests the verifier's rules on assembly: for each code a
// program that breaks the rule, and the nearest one that does not.
package verifier

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/plugins/helpers/base"
)

// set is the base set with helpers and types that some rules need.
func set(t *testing.T) *abi.Set {
	body := func(insns ...isa.Insn) []byte {
		b, err := isa.Encode(isa.Prog(insns...))
		require.NoError(t, err)
		return b
	}
	any := [5]abi.ArgKind{abi.ArgAny}
	s := base.Set()
	s.Types[0].Helpers = []string{"test/good", "test/gone", "test/mem", "test/result", "test/bad", "test/cast", "test/loop"}
	s.Types = append(s.Types, abi.ProgType{Name: "fields", Sections: []string{"fields"}, Context: abi.Context{Kind: abi.CtxStruct, Size: 8}})
	s.Helpers = []abi.Helper{
		{ID: 1, Name: "test/good", Args: any, Impl: abi.ImplBody, Body: body(isa.Mov.Reg(isa.R0, isa.R1), isa.Return())},
		{ID: 2, Name: "test/gone", Args: any},
		{ID: 3, Name: "test/mem", Args: [5]abi.ArgKind{abi.ArgMem, abi.ArgSize}, Impl: abi.ImplGo},
		{ID: 4, Name: "test/result", Ret: abi.RetMapValueOrNull, Impl: abi.ImplGo},
		{ID: 5, Name: "test/bad", Impl: abi.ImplBody, Body: body(isa.Mov.Reg(isa.R0, isa.R1))},
		{ID: 6, Name: "test/cast", Impl: abi.ImplBody, Body: body(isa.CastAddr(isa.R0, isa.R1, 0, 1), isa.Return())},
		{ID: 7, Name: "test/secret", Impl: abi.ImplGo},
		{ID: 8, Name: "test/loop", Impl: abi.ImplBody, Body: body(isa.CallHelper(8), isa.Return())},
	}
	return s
}

// nested is a chain of n functions, the entry included.
func nested(n int) string {
	text := "call f1\nexit\n"
	for i := 1; i < n; i++ {
		text += fmt.Sprintf("f%d:\n", i)
		if i < n-1 {
			text += fmt.Sprintf("call f%d\n", i+1)
		}
		text += "r0 = 0\nexit\n"
	}
	return text
}

// behind calls the chain's f1 also through another function.
func behind(chain string) string {
	return strings.Replace(chain, "call f1\n", "call f1\ncall g\n", 1) + "g:\ncall f1\nexit\n"
}

const (
	arrayMap = ".map m, type=array, key=4, value=8, entries=1\n"
	hashMap  = ".map m, type=hash, key=4, value=8, entries=1\n"
	section  = ".data\n.globl d\nd: .quad 1\n.text\n"
)

// rules are programs that break a rule, at an instruction (-1: none in particular), and the nearest that do not.
var rules = []struct {
	code       verifier.Code
	slot       int
	bad, good  string
	typ        string // "mem/8" if empty
	unsafeOnly bool   // the good program is not accepted either, for another reason
}{
	{code: "BV002", slot: 3, bad: "call f\nexit\nf: r0 = 0\ngoto g\nexit\nh: exit\ng: call h\nexit\nx: call g\nexit", good: "call f\nexit\nf: r0 = 0\ngoto g\ng: exit"},
	{code: "BV003", slot: 0, bad: "r0 = 0", good: "r0 = 0\nexit"},
	{code: "BV003", slot: 0, bad: "r0 = 0 ll", good: "r0 = 0 ll\nexit"},
	{code: "BV003", slot: 1, bad: "call f\nif r0 == 0 goto -2\nf: exit", good: "call f\ngoto -2\nf: exit"},
	{code: "BV003", slot: 1, bad: "exit\nf: call f", good: "call f\nexit\nf: exit"},
	{code: "BV004", slot: 2, bad: "r0 = 0\nexit\nr0 = 1\nexit", good: "r0 = 0\nif r0 == 0 goto +1\nexit\nr0 = 1\nexit"},
	{code: "BV004", slot: 1, bad: "goto +1\nr0 = 0\nexit", good: "may_goto +1\nr0 = 0\nexit"},
	{code: "BV007", slot: 0, bad: "r1 = addr_space_cast(r1, 0, 1)\nexit", good: "r1 = r1\nexit"},
	{code: "BV007", slot: 1, bad: "r1 = 0\ngotox r1\nr0 = 0\nexit", good: "r1 = 0\ngoto +0\nr0 = 0\nexit"},
	{code: "BV008", slot: 1, bad: "r0 = 0\ncall 999\nexit", good: "r0 = 0\ncall 1\nexit"},
	{code: "BV008", slot: 0, bad: "call 7\nexit", good: "call 1\nexit"},
	{code: "BV008", slot: 1, bad: "r1 = 999\ncallx r1\nexit", good: "r1 = 1\ncallx r1\nexit"},
	{code: "BV009", slot: 0, bad: "call missing\nexit", good: "call good\nexit"},
	{code: "BV010", slot: 0, bad: "r1 = map[fd:3] ll\nexit", good: arrayMap + "r1 = map[m][0] ll\nexit"},
	{code: "BV010", slot: 0, bad: "r1 = map[fd:3][0]+0 ll\nexit", good: arrayMap + "r1 = map[m][0] ll\nexit"},
	{code: "BV010", slot: 0, bad: arrayMap + "r1 = map[idx:1][0]+0 ll\nexit", good: arrayMap + "r1 = map[idx:0][0]+0 ll\nexit"},
	{code: "BV011", slot: -1, bad: "call 5\nexit", good: "call 1\nexit"},
	{code: "BV007", slot: -1, bad: "call 6\nexit", good: "call 1\nexit"},
	{code: "BV012", slot: 0, bad: "r10 = 0\nexit", good: "r9 = 0\nexit"},
	{code: "BV012", slot: 0, bad: "r10 = *(u64 *)(r1 + 0)\nexit", good: "r9 = *(u64 *)(r1 + 0)\nexit"},
	{code: "BV012", slot: 0, bad: "r10 = atomic_fetch_add((u64 *)(r1 + 0), r10)\nexit", good: "lock *(u64 *)(r1 + 0) += r10\nexit"},
	{code: "BV013", slot: 2, bad: "call f\nexit\nf: call f\nexit", good: "call f\nexit\nf: call g\nexit\ng: exit"},
	{code: "BV013", slot: 4, bad: "call f\nexit\nf: call g\nexit\ng: call f\nexit", good: "call f\ncall g\nexit\nf: call g\nexit\ng: exit"},
	{code: "BV013", slot: 0, bad: "call pc-1\nexit", good: "call pc+1\nexit\nexit"},
	{code: "BV013", slot: 4, bad: "r1 = f ll\ncall f\nexit\nf: callx r1\nexit", good: "r1 = f ll\ncallx r1\nexit\nf: exit"},
	{code: "BV013", slot: -1, bad: "call 8\nexit", good: "call 1\nexit"},
	{code: "BV014", slot: 20, bad: nested(9), good: nested(8)},
	{code: "BV014", slot: 23, bad: behind(nested(8)), good: behind(nested(7))}, // the chain is known already when it is called one deeper
	{code: "BV015", slot: 0, bad: "*(u8 *)(r10 - 513) = 0\nexit", good: "*(u8 *)(r10 - 512) = 0\nexit"},
	{code: "BV015", slot: 0, bad: "r1 = r10\nr1 += -513\nexit", good: "r1 = r10\nr1 += -512\nexit"},
	{code: "BV015", slot: 0, bad: "r2 = 0x8000000000000000 ll\nr1 = r10\nr1 += r2\n*(u8 *)(r1 + 0) = 0\nexit", good: "r2 = -512 ll\nr1 = r10\nr1 += r2\n*(u8 *)(r1 + 0) = 0\nexit"},
	{code: "BV015", slot: 0, bad: "*(u8 *)(r10 - 256) = 0\ncall f\nexit\nf: *(u8 *)(r10 - 257) = 0\nexit", good: "*(u8 *)(r10 - 256) = 0\ncall f\nexit\nf: *(u8 *)(r10 - 256) = 0\nexit"},
	{code: "BV016", slot: 0, bad: "r0 = *(u8 *)skb[0]\nexit", good: "r0 = *(u8 *)(r1 + 0)\nexit"},
	{code: "BV016", slot: 0, bad: "r0 = *(u16 *)skb[r1 + 0]\nexit", good: "r0 = *(u16 *)(r1 + 0)\nexit"},
	{code: "BV020", slot: 0, bad: hashMap + "r1 = map[m][0] ll\nexit", good: arrayMap + "r1 = map[m][0] ll\nexit"},
	{code: "BV021", slot: -1, bad: "exit", good: "exit", typ: "xdp", unsafeOnly: true},
	{code: "BV024", slot: 0, bad: arrayMap + "r1 = map[m][0]+9 ll\nexit", good: arrayMap + "r1 = map[m][0]+8 ll\nexit"},
}

// verify verifies the one program of a source.
func verify(t *testing.T, text, typ string, policy verifier.Policy) *verifier.Error {
	t.Helper()
	o, err := asm.Parse("x.s", []byte(text), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err, text)
	return verifyObject(t, o, typ, policy)
}

func verifyObject(t *testing.T, o *obj.Object, typ string, policy verifier.Policy) *verifier.Error {
	t.Helper()
	if typ == "" {
		typ = "mem/8"
	}
	reports, err := core.Verify(o, set(t), core.Options{Policy: policy, Type: typ})
	require.NoError(t, err)
	require.Len(t, reports, 1)
	return reports[0].Err
}

func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(fmt.Sprintf("%s/%s", r.code, strings.ReplaceAll(r.bad, "\n", "; ")), func(t *testing.T) {
			e := verify(t, r.bad, r.typ, verifier.Guard)
			require.NotNil(t, e, "accepted")
			require.Equal(t, r.code, e.Code, e)
			require.Equal(t, r.slot, e.Slot, e)
			rule, ok := verifier.RuleOf(e.Code)
			require.True(t, ok)
			want := verifier.Reject
			if rule.Unsupported {
				want = verifier.Unsupported
			}
			require.Equal(t, want, e.Verdict, e)
			require.NotContains(t, e.Error(), "%!", "the message is well formed")
			if !r.unsafeOnly {
				good := verify(t, r.good, r.typ, verifier.Guard)
				require.Nil(t, good, "%v", good)
			}
		})
	}
}

// TestRulesAreComplete: codes ascend without a gap, every one that the packages
// name is there, and every one that a program can break has a test.
func TestRulesAreComplete(t *testing.T) {
	last := ""
	for _, r := range verifier.Rules() {
		require.Greater(t, string(r.Code), last, "ascending, each once")
		last = string(r.Code)
		for _, text := range []string{r.Name, r.Text, r.Fix} {
			require.NotEmpty(t, text, r.Code)
		}
		require.NotContains(t, verifier.Retired(), r.Code)
	}
	_, ok := verifier.RuleOf("BV999")
	require.False(t, ok)
}

// malformed are programs that the assembler refuses to write, but bytecode and objects can hold.
var malformed = []struct {
	code      verifier.Code
	slot      int
	bad, good []isa.Insn
}{
	{"BV001", -1, nil, isa.Prog(isa.Return())},
	{"BV002", 0, isa.Prog(isa.Jump(1), isa.Return()), isa.Prog(isa.Jump(0), isa.Return())},
	{"BV002", 0, isa.Prog(isa.Jump32(-2), isa.Return()), isa.Prog(isa.MayJump(-1), isa.Return())},
	{"BV002", 1, isa.Prog(isa.Return(), isa.EQ.Imm(isa.R0, 0, -3), isa.Return()), isa.Prog(isa.EQ.Imm(isa.R0, 0, -1), isa.Return())},
	{"BV002", 0, isa.Prog(isa.Jump(1), isa.LoadImm64(isa.R0, 1), isa.Return()), isa.Prog(isa.Jump(0), isa.LoadImm64(isa.R0, 1), isa.Return())},
	{"BV005", 0, isa.Prog(isa.CallFunc(1), isa.Return()), isa.Prog(isa.CallFunc(1), isa.Return(), isa.Return())},
	{"BV005", 0, isa.Prog(isa.CallFunc(2), isa.Return(), isa.LoadImm64(isa.R0, 1), isa.Return()), isa.Prog(isa.CallFunc(1), isa.Return(), isa.LoadImm64(isa.R0, 1), isa.Return())},
	{"BV005", 0, isa.Prog(isa.LoadFunc(isa.R1, -2), isa.Return()), isa.Prog(isa.LoadFunc(isa.R1, -1), isa.Return())},
	{"BV006", 0, []isa.Insn{{Op: isa.Pad}, isa.Return()}, isa.Prog(isa.Return())},
	{"BV006", 0, []isa.Insn{isa.LoadImm64(isa.R0, 1), isa.Return()}, isa.Prog(isa.LoadImm64(isa.R0, 1), isa.Return())},
	{"BV006", 0, isa.Prog(isa.Mov.Reg(isa.R0, 11), isa.Return()), isa.Prog(isa.Mov.Reg(isa.R0, 10), isa.Return())},
	{"BV006", 0, []isa.Insn{{}, isa.Return()}, isa.Prog(isa.Return())},
	{"BV006", 0, []isa.Insn{{Op: 60000}, isa.Return()}, isa.Prog(isa.Return())},
}

func TestMalformed(t *testing.T) {
	program := func(insns []isa.Insn) *obj.Object {
		return &obj.Object{Name: "x", Programs: []obj.Program{{Name: "main", Insns: insns}}}
	}
	for _, m := range malformed {
		e := verifyObject(t, program(m.bad), "", verifier.Guard)
		require.NotNil(t, e, "%v", m.bad)
		require.Equal(t, m.code, e.Code, "%v: %v", m.bad, e)
		require.Equal(t, m.slot, e.Slot, "%v: %v", m.bad, e)
		require.Equal(t, verifier.Reject, e.Verdict)
		good := verifyObject(t, program(m.good), "", verifier.Guard)
		require.Nil(t, good, "%v: %v", m.good, good)
	}
}

// Under strict the broken rule comes first, then what the version lacks.
func TestStrict(t *testing.T) {
	for text, code := range map[string]verifier.Code{
		"r0 = 0":                                 "BV003",
		"r10 = 0\nexit":                          "BV012",
		"call pc-1\nexit":                        "BV013",
		"r0 = r6\nexit":                          "BV026",
		"r0 = *(u8 *)(r1 + 9000)\nexit":          "BV029",
		"r0 = *(u64 *)(r10 - 520)\nexit":         "BV033",
		"l: goto l\nexit":                        "BV004",
		"r0 = 1\nl: if r0 != 0 goto l\nexit":     "BV040",
		"r0 = 1\nr0 /= 0\nexit":                  "BV057",
		"r1 = 4096\nr0 = *(u64 *)(r1 + 0)\nexit": "BV027",
	} {
		e := verify(t, text, "", verifier.Strict)
		require.NotNil(t, e, text)
		require.Equal(t, code, e.Code, text)
	}
	require.Nil(t, verify(t, "r0 = 0\nexit", "", verifier.Strict))
}

// Calls through registers are bounded, before they are multiplied out.
func TestManyIndirectCalls(t *testing.T) {
	chain := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "r6 = f%d ll\n", i)
		}
		b.WriteString(strings.Repeat("callx r6\n", n) + "exit\n")
		for i := range n {
			fmt.Fprintf(&b, "f%d: exit\n", i)
		}
		return b.String()
	}
	require.Nil(t, verify(t, chain(20), "", verifier.Guard))
	e := verify(t, chain(400), "", verifier.Guard)
	require.Equal(t, verifier.CodeIndirect, e.Code)
	require.Equal(t, verifier.Unsupported, e.Verdict)
}

// The message of an error names file, program, function, instruction, source line, rule, and what to do.
func TestMessages(t *testing.T) {
	e := verify(t, "main: call f\nexit\nf: r10 = 0\nexit", "", verifier.Guard)
	require.Equal(t, `x.s: program "main", function "f", insn 2 (x.s:3): R10 is the frame pointer and read-only [BV012]`, e.Error())
	require.Equal(t, e.Error(), fmt.Sprintf("%v", e))
	require.Equal(t, e.Error(), fmt.Sprintf("%s", e))
	require.Equal(t, e.Error()+"\n  x.s:3: f: r10 = 0\n  hint: Copy R10 to another register and change the copy.", fmt.Sprintf("%+v", e))
	e = verify(t, "exit", "xdp", verifier.Guard)
	require.Contains(t, e.Error(), `"xdp"`)
	require.Contains(t, e.Error(), "--type")
}

// Verify refuses the type before it looks further, and knows no program without one.
func TestUnknownType(t *testing.T) {
	p, err := ir.Parse("x", "func@0 \"main\" pos 0 frame 0 {\nb0:\n  exit @0\n}\n")
	require.NoError(t, err)
	_, err = verifier.Verify(p, base.Set(), verifier.Guard)
	var e *verifier.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, verifier.CodeType, e.Code)
}
