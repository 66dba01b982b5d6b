package verifier

import (
	"testing"

	"github.com/bpfc/bpfc/core/verifier"
	"github.com/stretchr/testify/require"
)

// One way to the head of a loop, where the verifier keeps a state, has the same value in R7 and R8, the other has not: what the
// first proves about their difference must not be taken for the second.
func TestSameValueOnOneWayOnly(t *testing.T) {
	const head = "r5 = 2\nr6 = *(u64 *)(r1 + 0)\nr7 = *(u64 *)(r1 + 8)\n"
	const tail = "j: r9 = r7\nr9 -= r8\nif r9 != 0 goto bad\nr5 += -1\nif r5 != 0 goto j\nr0 = 0\nexit\nbad: r0 = *(u8 *)(r1 + 9000)\nexit"
	for name, middle := range map[string]string{
		"falls through": "if r6 > 5 goto a\nr8 = r7\ngoto j\na: r8 = r6\n",
		"jumps":         "if r6 > 5 goto a\nr8 = r6\ngoto j\na: r8 = r7\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := verify(t, head+middle+tail, "mem/16", verifier.Strict)
			require.NotNil(t, e)
			require.Equal(t, verifier.CodePacket, e.Code)
		})
	}
	require.Nil(t, verify(t, head+"if r6 > 5 goto a\nr8 = r7\ngoto j\na: r8 = r7\n"+tail, "mem/16", verifier.Strict))
}
