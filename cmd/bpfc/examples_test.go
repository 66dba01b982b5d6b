package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

func builtinSets(t *testing.T) *abi.Set {
	var all []*abi.Set
	for _, name := range []string{"base", "networking", "tracing"} {
		s, ok := builtin.Set(name)
		require.True(t, ok)
		all = append(all, s)
	}
	set, err := sdk.MergeSets(all...)
	require.NoError(t, err)
	return set
}

// The example of each code breaks that rule and no other, as people get it who paste it into a file.
func TestExamples(t *testing.T) {
	set := builtinSets(t)
	without := []verifier.Code{"BV001", "BV005", "BV006", "BV011", "BV025", "BV046", "BV056"} // see examples
	for _, r := range verifier.Rules() {
		e, ok := examples[r.Code]
		require.Equal(t, slices.Contains(without, r.Code), !ok, "%s: an example is missing, or there is one now", r.Code)
		if !ok {
			continue
		}
		t.Run(string(r.Code), func(t *testing.T) {
			o, err := asm.Parse("example.s", []byte(e.text+"\n"), asm.Options{Dialect: asm.Kernel})
			require.NoError(t, err)
			reports, err := core.Verify(o, set, core.Options{Type: e.typ, NoLeaks: e.leaks})
			require.NoError(t, err)
			require.NotNil(t, reports[0].Err, "accepted")
			require.Equal(t, r.Code, reports[0].Err.Code, reports[0].Err)
			require.NotContains(t, reports[0].Err.Error(), "%!", "the message is well formed")
		})
	}
	require.Len(t, examples, len(verifier.Rules())-len(without))
}

// An analysis that goes on for long ends with the command, and says so.
func TestVerifyIsStopped(t *testing.T) {
	e := examples[verifier.CodeTooComplex]
	o, err := asm.Parse("long.s", []byte(e.text+"\n"), asm.Options{Dialect: asm.Kernel})
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&timeoutError{time.Second})
	var out outcomes
	err = out.verify(ctx, []string{"long.s"}, []*obj.Object{o}, builtinSets(t), core.Options{Type: e.typ, Stop: stopping(ctx)})
	require.EqualError(t, err, `long.s: program "long" was not decided: it took longer than --timeout 1s`)
	require.Equal(t, exitFault, codeOf(err))
	require.Empty(t, out.verdicts)
}

func TestParsePolicy(t *testing.T) {
	for text, want := range map[string][2]bool{"strict": {true, false}, "guard": {false, false}, "strict,no-leaks": {true, true}} {
		policy, noLeaks, err := parsePolicy(text)
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{policy == verifier.Strict, noLeaks}, text)
	}
	for _, text := range []string{"", "lax", "guard,no-leaks", "strict,", "strict,leaks"} {
		_, _, err := parsePolicy(text)
		require.Error(t, err, text)
	}
}
