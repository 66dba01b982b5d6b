package verifier

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/verifier"
)

// What compilers make of ordinary programs is understood, and what looks alike but is wrong is refused.
func TestPrecision(t *testing.T) {
	const (
		xdp  = "r7 = *(u32 *)(r1 + 0)\nr8 = *(u32 *)(r1 + 4)\n"
		ring = ".map r, type=ringbuf, key=0, value=0, entries=4096\nr1 = map[r] ll\nr2 = 512\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 != 0 goto +2\nr0 = 0\nexit\nr6 = r0\n"
		done = "r1 = r6\nr2 = 0\ncall bpf_ringbuf_discard\nr0 = 0\nexit"
	)
	for _, c := range []struct {
		name, text string
		code       verifier.Code
	}{
		{"the same comparison again", xdp + "r2 = r7\nr2 += 34\nr9 = 0\nif r2 > r8 goto again\nr9 = r7\nagain: if r2 > r8 goto out\nr0 = *(u8 *)(r9 + 33)\nout: r0 = 0\nexit", ""},
		{"the same comparison again, of a larger pointer", xdp + "r2 = r7\nr2 += 34\nr3 = r7\nr3 += 40\nr9 = 0\nif r2 > r8 goto again\nr9 = r7\nagain: if r3 > r8 goto out\nr0 = *(u8 *)(r9 + 39)\nout: r0 = 0\nexit", ""},
		{"the same comparison again, of a smaller pointer", xdp + "r2 = r7\nr2 += 34\nr3 = r7\nr3 += 30\nr9 = 0\nif r2 > r8 goto again\nr9 = r7\nagain: if r3 > r8 goto out\nr0 = *(u8 *)(r9 + 29)\nout: r0 = 0\nexit", verifier.CodeNull},
		{"equal is not beyond", xdp + "r2 = r7\nr2 += 34\nr9 = 0\nif r2 >= r8 goto again\nr9 = r7\nagain: if r2 > r8 goto out\nr0 = *(u8 *)(r9 + 0)\nout: r0 = 0\nexit", verifier.CodeNull},
		{"32-bit length", xdp + "w3 = w8\nw3 -= w7\nif w3 > 64 goto out\nr2 = r7\nr2 += r3\nif r2 > r8 goto out\nr0 = 0\nout: r0 = 0\nexit", ""},
		{"rows and columns", ring + "r2 = 0\nr9 = *(u32 *)(r6 + 0)\nif r9 > 16 goto out\nr7 = r6\nrow: if r2 >= r9 goto out\nr5 = 0\ncolumn: r3 = r7\nr3 += r5\n*(u8 *)(r3 + 0) = 1\nr5 += 1\nif r5 < 32 goto column\nr7 += 32\nr2 += 1\ngoto row\nout: " + done, ""},
		{"rows and columns, one too many", ring + "r2 = 0\nr9 = *(u32 *)(r6 + 0)\nif r9 > 17 goto out\nr7 = r6\nrow: if r2 >= r9 goto out\nr5 = 0\ncolumn: r3 = r7\nr3 += r5\n*(u8 *)(r3 + 0) = 1\nr5 += 1\nif r5 < 32 goto column\nr7 += 32\nr2 += 1\ngoto row\nout: " + done, verifier.CodeBounds},
	} {
		require.Equal(t, c.code, codeOf(t, c.text, "xdp"), c.name)
	}
}

// What a comparison says about a number that the length was compared with, it says about the length.
func TestLengthOverRelations(t *testing.T) {
	const start = "r0 = 0\nif r2 < 4 goto out\nr4 = *(u8 *)(r1 + 0)\nr4 &= 60\nr5 = r4\nr5 += 67\nif r5 > r2 goto out\n"
	const end = "out: exit"
	for name, middle := range map[string]string{
		"one":   "if r4 == 0 goto out\nif r2 < 68 goto out\nr0 = *(u8 *)(r1 + 67)\n",
		"chain": "r3 = *(u8 *)(r1 + 1)\nr3 &= r4\nif r3 < 60 goto out\nr5 = r1\nr5 += r4\nr0 = *(u8 *)(r5 + 66)\n",
	} {
		require.Nil(t, verify(t, start+middle+end, "mem", verifier.Strict), name)
	}
}
