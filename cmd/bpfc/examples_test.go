package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/isa"
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

// made are the objects of examples that are no text, with what else they take.
var made = map[verifier.Code]func(t *testing.T, e example, set *abi.Set, opts *core.Options) *obj.Object{
	"BV001": func(*testing.T, example, *abi.Set, *core.Options) *obj.Object {
		return &obj.Object{Programs: []obj.Program{{Name: "f"}}}
	},
	"BV005": func(*testing.T, example, *abi.Set, *core.Options) *obj.Object {
		return insns(isa.CallFunc(1), isa.Return())
	},
	"BV006": func(*testing.T, example, *abi.Set, *core.Options) *obj.Object {
		return insns(isa.Insn{}, isa.Return())
	},
	"BV011": func(_ *testing.T, _ example, set *abi.Set, _ *core.Options) *obj.Object {
		set.Helpers = append(set.Helpers, abi.Helper{ID: 0xd3400001, Name: "demo/f", Ret: abi.RetInteger, Impl: abi.ImplBody, Body: []byte("no code")})
		o := insns(isa.CallHelper(0), isa.Return())
		o.Programs[0].Refs = []obj.Ref{{Kind: obj.RefHelper, Name: "demo/f"}}
		return o
	},
	"BV025": func(t *testing.T, e example, _ *abi.Set, _ *core.Options) *obj.Object {
		generator, _, ok := strings.Cut(e.text, "| bpfc verify - --type mem")
		require.True(t, ok)
		text, err := exec.Command("sh", "-c", generator).Output()
		require.NoError(t, err)
		o, err := asm.Parse("example.s", text, asm.Options{Dialect: asm.Kernel})
		require.NoError(t, err)
		return o
	},
	"BV046": func(t *testing.T, e example, _ *abi.Set, opts *core.Options) *obj.Object {
		if _, err := exec.LookPath("clang"); err != nil {
			t.Skip("there is no clang: apt-get install clang")
		}
		name := filepath.Join(t.TempDir(), "example.c")
		require.NoError(t, os.WriteFile(name, []byte(e.text+"\n"), 0o600))
		o, err := builtin.ReadFile(t.Context(), name, builtin.ReadOptions{})
		require.NoError(t, err)
		opts.Type = ""
		return o
	},
	"BV056": func(_ *testing.T, _ example, _ *abi.Set, opts *core.Options) *obj.Object {
		opts.Stop = func() bool { return true }
		list := []isa.Insn{isa.Mov.Imm(isa.R0, 0)}
		for range 300 {
			list = append(list, isa.Add.Imm(isa.R0, 1))
		}
		return insns(append(list, isa.Return())...)
	},
}

func insns(list ...isa.Insn) *obj.Object {
	return &obj.Object{Programs: []obj.Program{{Name: "f", Insns: list}}}
}

// The example of each code breaks that rule and no other, as people get it who paste it into a file.
func TestExamples(t *testing.T) {
	for _, r := range verifier.Rules() {
		e, ok := examples[r.Code]
		require.True(t, ok, "%s has no example", r.Code)
		require.Equal(t, made[r.Code] != nil, e.how != "", r.Code)
		t.Run(string(r.Code), func(t *testing.T) {
			set, opts := builtinSets(t), core.Options{Type: e.typ, NoLeaks: e.leaks}
			var o *obj.Object
			if make := made[r.Code]; make != nil {
				o = make(t, e, set, &opts)
			} else {
				var err error
				o, err = asm.Parse("example.s", []byte(e.text+"\n"), asm.Options{Dialect: asm.Kernel})
				require.NoError(t, err)
			}
			reports, err := core.Verify(o, set, opts)
			require.NoError(t, err)
			require.NotNil(t, reports[0].Err, "accepted")
			require.Equal(t, r.Code, reports[0].Err.Code, reports[0].Err)
			require.NotContains(t, reports[0].Err.Error(), "%!", "the message is well formed")
		})
	}
	require.Len(t, examples, len(verifier.Rules()))
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
