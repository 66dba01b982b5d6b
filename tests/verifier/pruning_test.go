package verifier

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
)

// twoWays is a program whose ways meet at a point where the verifier keeps a state. After it something is
// proved that holds on one way only: the other must not end there as one that is known to be safe.
type twoWays struct{ name, before, right, wrong, after string }

const (
	wrongByte = "\ngoto out\nbad: r0 = *(u8 *)(r1 + 9000)"
	someEnd   = "r3 = r1\nr3 += r2\n"
	twoBytes  = "r5 = *(u8 *)(r1 + 2)\nr7 = *(u8 *)(r1 + 3)\n"
)

var meetings = []twoWays{
	{"bound through a number at a distance from one without bounds", "", "r8 = r6\nr9 = r6\nr9 += 1", "r8 = *(u64 *)(r1 + 8)\nr9 = *(u64 *)(r1 + 0)\nr9 += 1",
		"r5 = r8\nr5 += 3\nif r5 > 10 goto out\nr9 += 2\nif r9 > 10 goto bad" + wrongByte},
	{"the length of memory", "", "r8 = r2", "r8 = r6", "if r8 < 40 goto out\nr0 = *(u8 *)(r1 + 39)"},
	{"the end of memory", "r5 = *(u8 *)(r1 + 2)\nr5 += 64\n", "r8 = r2", "r8 = r5", "r3 = r1\nr3 += r8\nr4 = r1\nr4 += 40\nif r4 > r3 goto out\nr0 = *(u8 *)(r1 + 39)"},
	{"a number that the length was compared with", "", "r8 = 40", "r8 = 1", "if r2 < r8 goto out\nr0 = *(u8 *)(r1 + 39)"},
	{"the length less a constant, as 32 bits", "r5 = r2\nif r5 > 100 goto out\n", "if r5 < 20 goto out", "", "w5 += -20\nif r5 < 40 goto out\nr0 = *(u8 *)(r1 + 59)"},
	{"the length less a constant", "r5 = r2\nif r5 > 100 goto out\n", "if r5 < 20 goto out", "", "r5 += -20\nif r5 < 40 goto out\nr0 = *(u8 *)(r1 + 59)"},
	{"an index that is in a pointer only", "r5 = *(u8 *)(r1 + 2)\nr8 = r1\nr8 += r5\n", "if r5 >= r2 goto out", "", "r0 = *(u8 *)(r8 + 0)"},
	{"the number that a pointer was moved by", twoBytes + someEnd, "r8 = r1\nr8 += r5", "r8 = r1\nr8 += r7", "r4 = r8\nr4 += 1\nif r4 > r3 goto out\nr9 = r1\nr9 += r5\nr0 = *(u8 *)(r9 + 0)"},
	{"two pointers moved by one number", twoBytes + someEnd, "r8 = r5", "r8 = r7", "r4 = r1\nr4 += r8\nr9 = r1\nr9 += r5\nr4 += 1\nif r4 > r3 goto out\nr0 = *(u8 *)(r9 + 0)"},
	{"a pointer that is made again, which a comparison has bounded", "r5 = *(u8 *)(r1 + 2)\n" + someEnd, "r8 = r1\nr8 += r5\nr8 += 69\nif r8 > r3 goto out", "r8 = r1",
		"r8 = 0\nr9 = r1\nr9 += r5\nr9 += 49\nif r9 > r3 goto bad" + wrongByte},
	{"bytes that are 0 beside a number on the stack", "r6 = 0\n*(u64 *)(r10 - 8) = r7\n",
		"*(u8 *)(r10 - 4) = r6\n*(u8 *)(r10 - 3) = r6\n*(u8 *)(r10 - 2) = r6\n*(u8 *)(r10 - 1) = r6\n*(u32 *)(r10 - 8) = r6", "*(u32 *)(r10 - 8) = r6",
		"r5 = *(u32 *)(r10 - 4)\nif r5 != 0 goto bad" + wrongByte},
	{"a number on the stack that is another, or bytes", "r8 = *(u32 *)(r1 + 4)\n", "*(u32 *)(r10 - 8) = r8\nr8 = *(u32 *)(r10 - 8)",
		"*(u16 *)(r10 - 8) = r6\n*(u16 *)(r10 - 6) = r7", "r5 = *(u32 *)(r10 - 8)\nr5 -= r8\nif r5 != 0 goto bad" + wrongByte},
	{"bytes that are 0", "r5 = 0\n*(u32 *)(r10 - 4) = r5\n", "*(u16 *)(r10 - 8) = r5\n*(u16 *)(r10 - 6) = r5", "*(u16 *)(r10 - 8) = r5\n*(u16 *)(r10 - 6) = r7",
		"r5 = *(u32 *)(r10 - 8)\nif r5 != 0 goto bad" + wrongByte},
	{"bytes that are 0, in part of a number", "r5 = 0\n*(u32 *)(r10 - 4) = r5\n", "*(u64 *)(r10 - 8) = r5", "*(u64 *)(r10 - 8) = r7",
		"*(u8 *)(r10 - 7) = r6\nr5 = *(u8 *)(r10 - 6)\nif r5 != 0 goto bad" + wrongByte},
	{"a byte in a number that is overwritten but for it", "", "*(u64 *)(r10 - 8) = 7", "*(u64 *)(r10 - 8) = r6", "*(u8 *)(r10 - 7) = r7\n*(u16 *)(r10 - 4) = r7\n*(u8 *)(r10 - 1) = r7\nr5 = *(u8 *)(r10 - 2)\nif r5 != 0 goto bad" + wrongByte},
	{"the upper half of a number", "r5 = 0\n", "*(u32 *)(r10 - 4) = r5\n*(u32 *)(r10 - 8) = r6", "*(u64 *)(r10 - 8) = r6", "*(u32 *)(r10 - 8) = r5\nr5 = *(u32 *)(r10 - 4)\nif r5 != 0 goto bad" + wrongByte},
	{"a number that was shifted left", "", "r8 = *(u8 *)(r1 + 1)\nr8 <<= 32", "r8 = r6", "r8 >>= 32\nif r8 > 255 goto bad" + wrongByte},
	{"a copy of 32 bits", "", "r8 = *(u8 *)(r1 + 1)", "r8 = r6", "w5 = w8\nr5 -= r8\nif r5 != 0 goto bad" + wrongByte},
	{"a copy of 32 bits, compared", "", "r8 = *(u8 *)(r1 + 1)", "r8 = r6", "w5 = w8\nif r5 != r8 goto bad" + wrongByte},
	{"a copy of 32 bits on the stack", "", "r8 = *(u8 *)(r1 + 1)", "r8 = r6", "*(u32 *)(r10 - 8) = r8\nr5 = *(u32 *)(r10 - 8)\nr5 -= r8\nif r5 != 0 goto bad" + wrongByte},
	{"a sum of 32 bits", "", "r8 = *(u8 *)(r1 + 1)", "r8 = r6", "r5 = r8\nw5 += 1\nr5 -= r8\nif r5 != 1 goto bad" + wrongByte},
	{"a number below another, less a constant", "", "if r6 > r7 goto out\nr8 = r6\nr8 += 5\nr6 = 0", "if r6 > r7 goto out\nr8 = r6\nr6 = 0", "r8 += -5\nif r8 > r7 goto bad" + wrongByte},
	{"a number between two that is gone", "r5 = *(u8 *)(r1 + 2)\n", "if r5 > r6 goto out\nif r6 > r7 goto out\nr6 = 0", "r6 = 0", "if r5 > r7 goto bad" + wrongByte},
	{"a number between two, compared as 32 bits", "r5 = *(u8 *)(r1 + 2)\n", "r8 = *(u8 *)(r1 + 1)", "r8 = r6", "w4 = w8\nif r5 > r8 goto out\nif r4 > r7 goto out\nif r5 > r7 goto bad" + wrongByte},
}

// wayOf is the program with one part on the way that jumps and the other on the way that does not.
func (m *twoWays) wayOf(jumps, falls string) string {
	lines := func(text string) string { return strings.TrimSuffix(text+"\n", "\n") + "\n" }
	return "r6 = *(u64 *)(r1 + 0)\nr7 = *(u64 *)(r1 + 8)\nr3 = 1\nr3 = 2\nr3 = 3\nr3 = 4\nr4 = *(u8 *)(r1 + 3)\nif r4 == 77 goto out\n" +
		m.before + "if r4 > 5 goto b\n" + lines(falls) + "goto j\nb: r4 = 0\n" + lines(jumps) + "j: r4 = 0\n" + m.after + "\nout: r0 = 0\nexit"
}

// What is proved behind a point where ways meet is proved of all of them.
func TestWaysMeet(t *testing.T) {
	for i := range meetings {
		m := &meetings[i]
		t.Run(m.name, func(t *testing.T) {
			require.NotNil(t, verify(t, m.wayOf(m.right, m.wrong), "mem/16", verifier.Strict))
			require.NotNil(t, verify(t, m.wayOf(m.wrong, m.right), "mem/16", verifier.Strict))
			require.Nil(t, verify(t, m.wayOf(m.right, m.right), "mem/16", verifier.Strict), "both ways are right")
		})
	}
}

// What a loop leaves as it was is still a demand on the turn that it was found in.
func TestSameNumberAfterTurn(t *testing.T) {
	program := func(tail string) string {
		return "r7 = r2\nr9 = 11\nr3 = 1\nr8 = r7\nif r8 & 1 goto a\nr3 += 1\na: if r9 s<= 0 goto e\nr0 = 2\nr0 = 2\nr0 = 2\nr0 = r7\nif r0 > 2 goto b\nr3 += 2\nb: r9 += -1\ngoto a\ne: r4 = 10\nif r2 & 1 goto f\nr4 += 2\nr0 = r3\nexit\nf: " + tail
	}
	require.NotNil(t, verify(t, program("r0 = *(u8 *)(r1 + 9000)\nexit"), "mem", verifier.Strict))
	require.Nil(t, verify(t, program("r0 = 0\nexit"), "mem", verifier.Strict))
}

// A turn that goes around the may_goto of its loop is not ended by it.
func TestWayAroundMayGoto(t *testing.T) {
	const text = "r7 = r2\na: goto l\nl: r3 = r7\nr3 &= 3\nr9 = 0\ngoto k\nk: if r9 >= r3 goto b\ngoto m\nm: may_goto b\nb: r9 -= 1\nif r9 != 0 goto a\nexit"
	require.NotNil(t, verify(t, text, "mem/16", verifier.Strict))
}

// An offset is not taken for a small one because the end of the access wraps.
func TestFarOffset(t *testing.T) {
	for _, at := range []string{"0x7ffffffffffffff8", "0x7ffffffffffffffc", "0x7fffffffffffffff", "0x8000000000000000", "0xffffffffffffffff", "0x4000000000000000"} {
		for _, r := range []string{"r1", "r10"} {
			require.NotNil(t, verify(t, "r3 = "+at+" ll\nr4 = "+r+"\nr4 += r3\nr0 = *(u64 *)(r4 + 0)\nexit", "mem/32", verifier.Strict), at)
		}
	}
}

// Nor with a part that varies.
func TestFarVaryingOffset(t *testing.T) {
	for at, accepted := range map[string]bool{"0x7fffffffffffffff": false, "0x8000000000000000": false, "128": true} {
		e := verify(t, "r5 = *(s8 *)(r1 + 15)\nr4 = r1\nr4 -= r5\nr3 = "+at+" ll\nr3 += r4\nr0 = *(u8 *)(r3 + 7)\nexit", "mem/512", verifier.Strict)
		require.Equal(t, accepted, e == nil, at)
	}
}

// Nor is an object on the stack.
func TestFarObject(t *testing.T) {
	for _, at := range []string{"0x7ffffffffffffff8", "0x7ffffffffffffff0", "0x8000000000000000"} {
		o, err := asm.Parse("x.s", []byte("r3 = "+at+" ll\nr1 = r10\nr1 += r3\nr2 = 0\nr3 = 4\ncall bpf_iter_num_new\nr0 = 0\nexit"), asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err)
		o.License = "GPL"
		reports, err := core.Verify(o, kernelSet(t), core.Options{Policy: verifier.Strict, Type: "xdp"})
		require.NoError(t, err)
		require.NotNil(t, reports[0].Err)
		require.Equal(t, verifier.CodeDynptr, reports[0].Err.Code, reports[0].Err)
	}
}

// A global function may move the packet in a callback that it passes on.
func TestPacketMovedByCallback(t *testing.T) {
	const program = "r6 = r1\nr7 = *(u32 *)(r6 + 0)\nr8 = *(u32 *)(r6 + 4)\nr3 = r7\nr3 += 4\nif r3 > r8 goto out\ncall g\nr0 = *(u8 *)(r7 + 0)\nout: r0 = 2\nexit\n" +
		"g: *(u64 *)(r10 - 8) = r1\nr1 = 1\nr2 = f ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall 181\nr0 = 0\nexit\n" +
		"f: r1 = *(u64 *)(r2 + 0)\nr2 = 0\ncall HELPER\nr0 = 0\nexit"
	for helper, code := range map[string]verifier.Code{"44": verifier.CodeStale, "7": ""} { // bpf_xdp_adjust_head, bpf_get_prandom_u32
		o, err := asm.Parse("x.s", []byte(strings.ReplaceAll(program, "HELPER", helper)), asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err)
		f := &o.Programs[0].Funcs[1]
		require.Equal(t, "g", f.Name)
		f.Global, f.Params = true, []obj.Param{{Kind: obj.ParamCtx}}
		reports, err := core.Verify(o, kernelSet(t), core.Options{Policy: verifier.Strict, Type: "xdp"})
		require.NoError(t, err)
		if code == "" {
			require.Nil(t, reports[0].Err)
			continue
		}
		require.NotNil(t, reports[0].Err)
		require.Equal(t, code, reports[0].Err.Code, reports[0].Err)
	}
}
