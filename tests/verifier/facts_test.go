package verifier

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
)

// verified is an accepted program with its facts.
func verified(t *testing.T, text, typ string) *verifier.Verified {
	t.Helper()
	set := kernelSet(t)
	o, err := asm.Parse("x.s", []byte(text), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err)
	pt, ok := set.Type(typ)
	require.True(t, ok)
	p, lerr := ir.NewLifter(o, set).Lift(&o.Programs[0], pt)
	require.Nil(t, lerr)
	v, _, err := verifier.Analyse(p, set, verifier.Options{})
	require.NoError(t, err)
	return v
}

// A helper that writes as many bytes as a number says may leave some as they were.
func TestPartOfBufferWritten(t *testing.T) {
	const program = "r4 = *(u32 *)(r1 + 8)\nr4 &= 7\nif r4 == 0 goto out\nSIZE\nr2 = 0\nr3 = r10\nr3 += -8\ncall 26\nr0 = *(u8 *)(r10 - 1)\nout: r0 = 0\nexit"
	require.True(t, verified(t, strings.ReplaceAll(program, "SIZE", "r4 += 1"), "sched_cls").Func(0).ZeroFrame)
	require.False(t, verified(t, strings.ReplaceAll(program, "SIZE", "r4 = 8"), "sched_cls").Func(0).ZeroFrame)
}

// The turns of a loop that is followed turn by turn count, though few of them leave a state.
func TestBoundOfManyTurns(t *testing.T) {
	v := verified(t, "r9 = 4\nh: r9 = bswap16 r9\nif r9 <= 7 goto a\nr9 -= 2\nif r9 > 0 goto h\na: if r9 s>= 8 goto out\nr9 += 1\ngoto a\nout: r0 = 0\nexit", "mem/64")
	require.GreaterOrEqual(t, v.Bound()-1, uint64(2048-1), "it runs 2048 instructions, or no bound is known")
}

// A number without bounds that goes up by 1 bounds no loop, though it is known to go up on one way.
func TestBoundOfTurns(t *testing.T) {
	v := verified(t, "r7 = r2\nr9 = 12\nr3 = 2\nh: goto +0\nif r9 s<= 0 goto e\nif r3 > 0 goto a\nr0 = 1073741824\nr8 = 2\na: r8 = r7\nif r8 & 2 goto b\nb: r9 += -1\nr3 += 1\ngoto h\ne: r0 = r8\nexit", "mem/16")
	require.GreaterOrEqual(t, v.Bound()-1, uint64(12*9), "it runs more than 100 instructions, or no bound is known")
}
