package verifier

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
)

// decided is the verdict on a program for xdp, and how many instructions it took.
func decided(t *testing.T, text string) (*verifier.Error, int) {
	t.Helper()
	o, err := asm.Parse("x.s", []byte(text+"\n"), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err, text)
	reports, err := core.Verify(o, builtinSets(t), core.Options{Type: "xdp"})
	require.NoError(t, err)
	return reports[0].Err, reports[0].Stats.Processed
}

// maxUnending is more than it takes to see that a loop never ends.
const maxUnending = 20_000

// unending are loops of which all turns go the same way.
var unending = map[string]string{
	"nothing ends it":                "r0 = 0\nl: r0 += 1\ngoto l",
	"the counter is another":         "r6 = *(u32 *)(r1 + 12)\nr7 = 0\nl: r7 += 1\nif r6 != 0 goto l\nr0 = 0\nexit",
	"a constant ends it":             "r6 = 1\nr7 = 0\nl: r7 += 3\nif r6 != 0 goto l\nr0 = 0\nexit",
	"chance ends it":                 "r6 = 0\nl: call 7\nr6 += 1\nif r0 != 5 goto l\nr0 = 0\nexit",
	"chance ends it, in two ways":    "r6 = 0\nl: call 7\nr6 += 1\nif r0 == 5 goto out\ncall 7\nif r0 s> 5 goto l\nr6 += 2\ngoto l\nout: r0 = 0\nexit",
	"inside of one that ends":        "r7 = 0\no: r6 = 0\nl: call 7\nr6 += 1\nif r0 != 5 goto l\nr7 += 1\nif r7 != 100 goto o\nr0 = 0\nexit",
	"around one that ends":           "r7 = 0\no: r6 = 0\nl: r6 += 1\nif r6 != 100 goto l\nr7 += 1\ncall 7\nif r0 != 5 goto o\nr0 = 0\nexit",
	"the number ends with each turn": "r6 = 0\nl: call 7\nr0 &= 7\nr6 <<= 1\nr6 |= r0\nif r0 != 7 goto l\nr0 = 0\nexit",
}

// A loop that never ends is known not to, long before the limit.
func TestUnending(t *testing.T) {
	for name, text := range unending {
		e, steps := decided(t, text)
		require.NotNil(t, e, name)
		require.Equal(t, verifier.CodeEndless, e.Code, "%s: %v", name, e)
		require.Less(t, steps, maxUnending, name)
	}
}

// far are loops that end after many turns which looked alike: what ends them is known only where R6 is, so that they are followed turn by turn.
var far = []struct {
	name, loop string
	turns      int
}{
	{"by a shifted counter", "l: r6 += 1\nr8 = r6\nr8 >>= 10\nif r8 == 0 goto l", 1024},
	{"by a masked counter", "l: r6 += 1\nr8 = r6\nr8 &= 0x400\nif r8 == 0 goto l", 1024},
	{"by a quotient", "l: r6 += 1\nr8 = r6\nr8 /= 700\nif r8 == 0 goto l", 700},
	{"by a byte of one on the stack", "l: r6 += 1\n*(u64 *)(r10 - 8) = r6\nr8 = *(u8 *)(r10 - 7)\nif r8 != 2 goto l", 512},
	{"by a value that wanders", "r8 = 700\nr9 = 701\nl: r6 += 1\nr1 = r8\nr8 = r9\nr9 = r1\nif r6 != r8 goto l", 700},
	{"by a distance", "call 7\nr8 = r0\nr8 += 700\nl: r6 += 1\nr0 += 1\nif r0 != r8 goto l", 700},
	{"by the rest of a product", "r8 = 0\nl: r6 += 1\nr8 += 7\nr8 %= 1009\nif r8 != 1 goto l", 865},
}

// A loop is followed to its end though its turns are alike, as long as something may end it.
func TestFar(t *testing.T) {
	for _, f := range far {
		text := fmt.Sprintf("r6 = 0\n*(u64 *)(r10 - 8) = 0\n%s\nr6 -= %d\nr7 = r10\nr7 += r6\nr0 = *(u8 *)(r7 - 1)\nr0 = 0\nexit", f.loop, f.turns)
		e, steps := decided(t, text)
		require.Nil(t, e, "%s: %v", f.name, e)
		require.Greater(t, steps, f.turns, "%s: it was not followed turn by turn", f.name)
	}
}

// An analysis that gives up names the loops and branches that it spent its steps on, and how many on each.
func TestTooComplex(t *testing.T) {
	e, _ := decided(t, "call 7\nr8 = r0\nr8 <<= 32\ncall 7\nr8 |= r0\nr6 = 0\nr7 = 0\nl: call 7\nif r0 s> 9 goto +1\nr7 += r6\nr6 += 1\nif r6 < r8 goto l\nr0 = r7\nr0 &= 1\nexit")
	require.NotNil(t, e)
	require.Equal(t, verifier.CodeTooComplex, e.Code, e)
	require.Regexp(t, `: the loop at insn 7 .*of x \d+ times, the branch at insn \d+ .* in the loop at insn 7 \d+ times`, e.Msg)
}
