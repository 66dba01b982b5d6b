package trial_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/trial"
)

// calls tries out the one helper of a set on the interpreter.
func calls(t *testing.T, s *sdk.SetBuilder, f sdk.GoHelper, others ...*sdk.Set) trial.Result {
	t.Helper()
	set := s.Set()
	open := func(sdk.Home) (sdk.Implementation, error) {
		return sdk.Implementation{Helpers: map[string]sdk.GoHelper{set.Helpers[0].Name: f}}, nil
	}
	results, err := trial.Calls(t.Context(), set, others, builtin.Interp(), []sdk.OpenSet{open}, 32, 1)
	require.NoError(t, err)
	require.Len(t, results, 1)
	return results[0]
}

// The arguments of each kind are what the helper may rely on.
func TestArgumentsAreLegal(t *testing.T) {
	s := sdk.NewSet("s")
	s.Type("s", sdk.Struct("s_ctx", sdk.U32("a")))
	h := s.Go("f", sdk.Args{sdk.ArgCtx, sdk.ArgMemOrNull, sdk.ArgSizeOrZero, sdk.ArgFixedMemWrite, sdk.ArgAny})
	h.Sizes[3] = 20
	nulls, longest, numbers := 0, uint64(0), map[uint64]bool{}
	r := calls(t, s, func(c sdk.Call, _, mem, n, out, x uint64) uint64 {
		require.Len(t, c.Context(), 8)
		if mem == 0 {
			require.Zero(t, n)
			nulls++
		}
		require.Len(t, c.Bytes(mem, n, false), int(n))
		require.Len(t, c.Bytes(out, 20, true), 20)
		longest, numbers[x] = max(longest, n), true
		return 0
	})
	require.NoError(t, r.Err)
	require.Equal(t, trial.Result{Helper: "s/f", Calls: 32}, r)
	require.Equal(t, 8, nulls, "every fourth")
	require.Equal(t, uint64(96), longest)
	require.Greater(t, len(numbers), 16)
}

func TestMapsAreMadeUp(t *testing.T) {
	base := builtin.Base()
	s := sdk.NewSet("s")
	s.Go("f", sdk.Args{sdk.ArgConstMap, sdk.ArgMapKey, sdk.ArgMapValue})
	f := func(c sdk.Call, m, key, value, _, _ uint64) uint64 {
		require.NotNil(t, c.Map(m))
		require.Len(t, c.Bytes(key, 4, false), 4)
		require.Len(t, c.Bytes(value, 8, false), 8)
		return 0
	}
	require.Equal(t, "argument 1: no kind of map with keys and values takes the helper", calls(t, s, f).Skipped)
	for i := range base.MapKinds {
		base.MapKinds[i].Helpers = append(base.MapKinds[i].Helpers, "s/f")
	}
	require.Equal(t, trial.Result{Helper: "s/f", Calls: 32}, calls(t, s, f, base))
}

func TestBrokenPromisesAreFound(t *testing.T) {
	s := sdk.NewSet("s")
	s.Go("f", sdk.Args{sdk.ArgAny}).Returns = sdk.Range{Max: 10}
	r := calls(t, s, func(_ sdk.Call, x, _, _, _, _ uint64) uint64 { return x })
	require.ErrorContains(t, r.Err, "its prototype promises 0 to 10")
	require.Less(t, r.Calls, 32)

	s = sdk.NewSet("s")
	s.Go("f", sdk.Args{})
	r = calls(t, s, nil)
	require.ErrorContains(t, r.Err, "helper s/f is not supported: it is a Go function")

	s = sdk.NewSet("s")
	s.Go("f", sdk.Args{sdk.ArgSpinLock}).Flags = sdk.FlagLock
	require.Equal(t, "argument 1: its kind is not one that a trial makes up", calls(t, s, nil).Skipped)
}

func TestDescribe(t *testing.T) {
	body := func(args sdk.Args, insns ...asm.Insn) *sdk.SetBuilder {
		s := sdk.NewSet("s")
		s.Body("f", args, asm.MustBody(insns...))
		return s
	}
	native := func(arch string, code []byte) *sdk.SetBuilder {
		s := sdk.NewSet("s")
		s.Native("f", sdk.Args{}, arch, code)
		return s
	}
	elf := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	elf[16], elf[18], elf[20], elf[52] = 1, 183, 1, 64 // relocatable, for aarch64
	for name, c := range map[string]struct {
		set  *sdk.SetBuilder
		want string
	}{
		"reads":        {body(sdk.Args{sdk.ArgMem, sdk.ArgSize}, asm.LdxB(asm.R0, asm.R1, 0), asm.Exit()), ""},
		"reads beyond": {body(sdk.Args{sdk.ArgMem, sdk.ArgSize}, asm.LdxDW(asm.R0, asm.R1, 500), asm.Exit()), "its body does not verify"},
		"no result":    {body(sdk.Args{}, asm.Exit()), "its body does not verify"},
		"null":         {body(sdk.Args{sdk.ArgMemOrNull, sdk.ArgSizeOrZero}, asm.LdxB(asm.R0, asm.R1, 0), asm.Exit()), "its body does not verify"},
		"of another":   {body(sdk.Args{}, asm.Call(0xffff), asm.Exit()), ""},
		"this machine": {native(runtime.GOARCH, []byte{0xc3}), ""},
		"another":      {native("vax", []byte{0xc3}), `its machine code is for "vax", this machine is`},
		"a file":       {native(runtime.GOARCH, elf), "its machine code is an ELF file for EM_AARCH64: give the bytes of the function alone"},
	} {
		err := trial.Describe(c.set.Set())
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, "helper set s: helper s/f: ", name)
	}
}
