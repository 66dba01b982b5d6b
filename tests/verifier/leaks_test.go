package verifier

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

const (
	aPacket = "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr4 = *(u32 *)(r1 + 12)\n" // start, end, a number
	aSpill  = "*(u64 *)(r10 - 8) = r1\n"
	one     = "r0 &= 1\nexit"
	either  = " goto +2\nr0 = 1\nexit\nr0 = 2\nexit"
)

// leaks are programs that tell where memory is, with the nearest ones that do not. All are safe
// otherwise: policy strict accepts them.
var leaks = []mistake{
	{"compare a packet pointer with a number", "xdp", "BV050", aPacket + "if r2 > r4" + either, aPacket + "if r2 > r3" + either},
	{"compare the packet's end with a constant", "xdp", "BV050", aPacket + "if r3 > 4096" + either, aPacket + "if r4 > 4096" + either},
	{"compare pointers into different areas", "xdp", "BV050", aPacket + "if r2 > r10" + either, aPacket + "if r3 == r2" + either},
	{"compare bits of an address", "xdp", "BV050", "if r1 & 64" + either, aPacket + "if r4 & 64" + either},
	{"compare half of an address", "xdp", "BV050", "if w1 == 0" + either, "if r1 == 0" + either},
	{"the sign of an address", "xdp", "BV050", "if r1 s> 0" + either, "if r1 != 0" + either},
	{"the difference of areas", "xdp", "BV050", aPacket + "r0 = r10\nr0 -= r2\n" + one, aPacket + "r0 = r3\nr0 -= r2\n" + one},
	{"the difference of values of a map", "xdp", "BV050", someLookup + "r7 = r0\nr1 = map[m] ll\nr2 = r10\nr2 += -4\ncall 1\nif r0 == 0 goto out\nif r7 == 0 goto out\nr0 -= r7\n" + one + leave,
		someValue + "r7 = r0\nr0 += 8\nr0 -= r7\n" + one + leave},
	{"half of an address", "xdp", "BV050", "w0 = w1\n" + one, "r0 = 5\nw0 = w0\n" + one},
	{"a part of a spilled address", "xdp", "BV050", aSpill + "r0 = *(u32 *)(r10 - 8)\n" + one, aSpill + "r0 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r0 + 12)\n" + one},
	{"the upper part of a spilled address", "xdp", "BV050", aSpill + "r0 = *(u8 *)(r10 - 3)\n" + one, "*(u64 *)(r10 - 8) = 7\nr0 = *(u8 *)(r10 - 3)\n" + one},
	{"what is left of an overwritten address", "xdp", "BV054", aSpill + "*(u8 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\n" + one, aSpill + "*(u64 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\n" + one},
	{"what is left beside a number", "xdp", "BV054", aSpill + "*(u32 *)(r10 - 8) = 0\nr0 = *(u32 *)(r10 - 4)\n" + one, aSpill + "*(u32 *)(r10 - 8) = 0\nr0 = *(u32 *)(r10 - 8)\n" + one},
	{"an address overwritten somewhere", "xdp", "BV050", aPacket + aSpill + "r4 &= 7\nr2 = r10\nr2 += -8\nr2 += r4\n*(u8 *)(r2 + 0) = 0\nr0 = 1\nexit", aPacket + "*(u64 *)(r10 - 8) = 0\nr4 &= 7\nr2 = r10\nr2 += -8\nr2 += r4\n*(u8 *)(r2 + 0) = 0\nr0 = 1\nexit"},
	{"an address as a key", "xdp", "BV050", ".map m, type=hash, key=8, value=8, entries=1\n" + aSpill + "r1 = map[m] ll\nr2 = r10\nr2 += -8\ncall 1\nr0 = 1\nexit", ".map m, type=hash, key=8, value=8, entries=1\n*(u64 *)(r10 - 8) = 1\nr1 = map[m] ll\nr2 = r10\nr2 += -8\ncall 1\nr0 = 1\nexit"},
	{"what is left of an address as a key", "xdp", "BV054", ".map m, type=hash, key=8, value=8, entries=1\n" + aSpill + "*(u8 *)(r10 - 8) = 0\nr1 = map[m] ll\nr2 = r10\nr2 += -8\ncall 1\nr0 = 1\nexit", ".map m, type=hash, key=4, value=8, entries=1\n" + aSpill + "*(u32 *)(r10 - 8) = 0\nr1 = map[m] ll\nr2 = r10\nr2 += -8\ncall 1\nr0 = 1\nexit"},
	{"an address in a map", "xdp", "BV050", someValue + "*(u64 *)(r0 + 0) = r10" + leave, someValue + "*(u64 *)(r0 + 0) = 1" + leave},
	{"an address as the result", "mem", "BV050", "r0 = r1\nexit", "r0 = r2\nexit"},
}

func TestLeaks(t *testing.T) {
	set := kernelSet(t)
	judge := func(m *mistake, text string, noLeaks bool) *verifier.Error {
		o, err := asm.Parse("x.s", []byte(text), asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err, "%s:\n%s", m.name, text)
		reports, err := core.Verify(o, set, core.Options{Policy: verifier.Strict, NoLeaks: noLeaks, Type: m.typ})
		require.NoError(t, err, m.name)
		return reports[0].Err
	}
	for i := range leaks {
		m := &leaks[i]
		t.Run(m.name, func(t *testing.T) {
			if e := judge(m, m.bad, false); e != nil {
				t.Errorf("refused though it only leaks: %v", e)
			}
			bad := judge(m, m.bad, true)
			require.NotNil(t, bad, "accepted:\n%s", m.bad)
			require.Equal(t, m.code, bad.Code, bad)
			if good := judge(m, m.good, true); good != nil {
				t.Errorf("refused though it does not leak: %v\n%s", good, m.good)
			}
		})
	}
}

// careful are those that do not leak and that Linux refuses all the same, mostly for what a processor could do by speculation.
var careful = map[string]string{
	"compare pointers into different areas": "Linux compares pointers into a packet with its end only by order",
	"the difference of areas":               "Linux refuses every difference",
	"the difference of values of a map":     "Linux refuses every difference",
	"an address overwritten somewhere":      "Linux refuses offsets into the stack that vary",
	"compare half of an address":            "Linux compares with 0 only what may be null",
	"the sign of an address":                "Linux compares with 0 only what may be null",
	"what is left beside a number":          "Linux refuses to overwrite a part of an address",
	"what is left of an address as a key":   "Linux refuses to overwrite a part of an address",
}

// The kernel refuses what leaks, too, and accepts what does not.
func TestLeaksAreTheKernels(t *testing.T) {
	o := kernel.NeedLimited(t)
	ask := func(text string) kernel.Answer {
		p, err := asm.Parse("x.s", []byte(text), asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err)
		c, err := kernel.CodeOf(p, &p.Programs[0], nil)
		require.NoError(t, err)
		c.Type = 6 // xdp
		return o.Ask(kernel.Question{Code: c})
	}
	for _, m := range leaks {
		if m.typ != "xdp" {
			continue
		}
		bad, good := ask(m.bad), ask(m.good)
		want := kernel.Accepted
		if careful[m.name] != "" {
			want = kernel.Rejected
		}
		assert.Equal(t, kernel.Rejected, bad.Verdict, "%s: %s", m.name, bad.Message)
		assert.Equal(t, want, good.Verdict, "%s: %s", m.name, good.Message)
	}
}
