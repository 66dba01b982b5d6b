package verifier

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// builtinSets are all built-in sets, composed.
func builtinSets(t *testing.T) *abi.Set {
	var all []*abi.Set
	for _, name := range []string{"base", "networking", "tracing"} {
		s, ok := builtin.Set(name)
		require.True(t, ok)
		all = append(all, s)
	}
	set, err := abi.Merge(all...)
	require.NoError(t, err)
	return set
}

// refusal is the Error of the one program of a source under strict.
func refusal(t *testing.T, text string, opts core.Options) *verifier.Error {
	t.Helper()
	o, err := asm.Parse("x.s", []byte(text+"\n"), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err, text)
	reports, err := core.Verify(o, builtinSets(t), opts)
	require.NoError(t, err)
	require.NotNil(t, reports[0].Err, "accepted: %s", text)
	return reports[0].Err
}

const (
	hash8  = ".map m, type=hash, key=4, value=64, entries=8\n"
	find   = "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[m] ll\ncall bpf_map_lookup_elem\n"
	found  = find + "if r0 != 0 goto +2\nr0 = 0\nexit\n"
	packet = "r7 = *(u32 *)(r1 + 0)\nr8 = *(u32 *)(r1 + 4)\n"
	ring   = ".map r, type=ringbuf, key=0, value=0, entries=4096\n"
	record = "r1 = map[r] ll\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 != 0 goto +2\nr0 = 0\nexit\nr6 = r0\n"
)

// fixes are programs with one mistake: with the fix that is shown they are accepted.
// The second one has another mistake beside it, so that the fix does not help and is not shown.
var fixes = []struct {
	name, typ string
	leaks     bool
	code      verifier.Code
	text      string
	fix       string // part of it
	hopeless  string
}{
	{"null", "xdp", false, verifier.CodeNull, hash8 + find + "r1 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
		"add `if (r0 == 0) return 0;` after insn", hash8 + find + "r1 = *(u64 *)(r0 + 64)\nr0 = 0\nexit"},
	{"packet", "xdp", false, verifier.CodePacket, packet + "r0 = *(u16 *)(r7 + 12)\nr0 = 0\nexit",
		"add `if (r7 + 14 > data_end) return 0;`", packet + "r0 = *(u16 *)(r7 + 12)\nr0 = 9\n*(u64 *)(r0 + 0) = 1\nexit"},
	{"packet, end not loaded", "xdp", false, verifier.CodePacket, "r7 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r7 + 0)\nr0 = 0\nexit",
		"add `if (r7 + 1 > data_end) return 0;`", "r7 = *(u32 *)(r1 + 0)\nr1 = 0\nr0 = *(u8 *)(r7 + 0)\nr0 = *(u8 *)(r0 + 0)\nexit"},
	{"packet, context gone", "xdp", false, verifier.CodePacket, "r1 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r1 + 3)\nr0 = *(u8 *)(r1 + 7)\nr0 = 0\nexit",
		"add `if (r1 + 8 > data_end) return 0;`", "r1 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r1 + 3)\nr0 = *(u8 *)(r0 + 0)\nexit"},
	{"memory", "mem", false, verifier.CodePacket, "r0 = *(u8 *)(r1 + 3)\nexit", "add `if (len < 4) return 0;`", "r0 = *(u8 *)(r1 + 3)\nr0 = *(u8 *)(r0 + 0)\nexit"},
	{"index", "xdp", false, verifier.CodeUnbounded, hash8 + "r6 = r1\n" + found + "r1 = *(u64 *)(r0 + 0)\nr1 <<= 3\nr0 += r1\nr0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
		"add `if (r1 >= 8) return 0;`", hash8 + "r6 = r1\n" + found + "r1 = *(u64 *)(r0 + 0)\nr1 <<= 3\nr0 += r1\nr0 = *(u64 *)(r0 + 0)\nr0 = *(u64 *)(r0 + 0)\nexit"},
	{"index of bytes", "xdp", false, verifier.CodeBounds, hash8 + found + "r1 = *(u8 *)(r0 + 0)\nr0 += r1\nr0 = *(u8 *)(r0 + 0)\nr0 = 0\nexit",
		"add `if (r1 >= 64) return 0;`", hash8 + found + "r1 = *(u8 *)(r0 + 0)\nr0 += r1\nr0 = *(u8 *)(r0 + 0)\nr0 = *(u8 *)(r0 + 0)\nexit"},
	{"stack", "xdp", true, verifier.CodeStackUnset, "r0 = *(u64 *)(r10 - 16)\nr0 &= 1\nexit", "initialise the variable that is at R10-16",
		"r0 = *(u64 *)(r10 - 16)\nr0 = *(u64 *)(r0 + 0)\nexit"},
	{"reference", "xdp", false, verifier.CodeRefLeak, ring + "r9 = *(u32 *)(r1 + 12)\n" + record + "if r9 == 3 goto leak\nr1 = r6\nr2 = 0\ncall bpf_ringbuf_submit\nr0 = 0\nexit\nleak: r0 = 1\nexit",
		"bpf_ringbuf_", ring + "r9 = *(u32 *)(r1 + 12)\n" + record + "if r9 == 3 goto bad\nr0 = 1\nexit\nbad: r0 = *(u64 *)(r9 + 0)\nexit"},
	{"reference without a register", "xdp", false, verifier.CodeRefLeak, ring + record + "r6 = 0\nr0 = 1\nexit", "bpf_ringbuf_discard", ring + "r9 = *(u32 *)(r1 + 12)\n" + record + "if r9 == 3 goto bad\nr6 = 0\nr0 = 1\nexit\nbad: r0 = *(u64 *)(r9 + 0)\nexit"},
	{"loop", "xdp", false, verifier.CodeEndless, "r6 = *(u32 *)(r1 + 12)\nl: r6 ^= 1\nif r6 != 0 goto l\nr0 = 0\nexit", "count the turns",
		"r6 = *(u32 *)(r1 + 12)\nl: r6 ^= 1\nif r6 != 0 goto l\nr0 = *(u64 *)(r6 + 0)\nexit"},
}

func TestFixes(t *testing.T) {
	for _, f := range fixes {
		t.Run(f.name, func(t *testing.T) {
			opts := core.Options{Type: f.typ, NoLeaks: f.leaks}
			e := refusal(t, f.text, opts)
			require.Equal(t, f.code, e.Code, e)
			require.NotNil(t, e.Fix, "no fix for %+v", e)
			require.Contains(t, e.Fix.Text, f.fix)
			require.Contains(t, fmt.Sprintf("%+v", e), e.Fix.Text)
			none := refusal(t, f.hopeless, opts)
			require.Equal(t, f.code, none.Code, none)
			require.Nil(t, none.Fix, "it does not help: %+v", none)
			require.Contains(t, fmt.Sprintf("%+v", none), "hint: ")
		})
	}
}

// The chain says where a value came from and where its bound was lost.
func TestChain(t *testing.T) {
	e := refusal(t, hash8+found+"r1 = *(u8 *)(r0 + 0)\nr1 &= 7\nr1 <<= 4\nr0 += r1\nr0 = *(u64 *)(r0 + 0)\nexit", core.Options{Type: "xdp"})
	require.Equal(t, verifier.CodeBounds, e.Code)
	var texts []string
	for _, s := range e.Chain {
		texts = append(texts, s.Text)
	}
	all := strings.Join(texts, "\n")
	require.Contains(t, all, "`call bpf_map_lookup_elem` returns a value of map m")
	require.Contains(t, all, "`r1 = *(u8 *)(r0 +0)` reads [0,255]")
	require.Contains(t, all, "`r1 <<= 4` makes it [0,112]")
	require.Equal(t, 1, strings.Count(all, "its bound is lost here"), all)
	require.Contains(t, e.Need, "an offset between 0 and 56")
	require.Equal(t, 1, strings.Count(e.Error(), "\n")+1, "Error is one line")
}

// The caret stands below the column of the source line.
func TestCaret(t *testing.T) {
	e := &verifier.Error{Program: "p", Slot: 1, Msg: "m", Code: "BV029", Source: &obj.Line{File: "x.c", Line: 7, Col: 9, Text: "\treturn *p;"}}
	require.Contains(t, fmt.Sprintf("%+v", e), "x.c:7: return *p;\n                ^")
}
