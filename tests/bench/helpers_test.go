//go:build linux && amd64

package bench

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/command"
	"github.com/bpfc/bpfc/tests/plugins/fake"
)

// BenchmarkHelper is the call of a helper in each of the five ways; "none" is the loop without it, to be taken off.
// "isolated" is the remote one from a back end's process: two hops.
func BenchmarkHelper(b *testing.B) {
	p := remotePlugin(b)
	remote, err := p.HelperSet().Describe(b.Context())
	require.NoError(b, err)
	set, err := sdk.MergeSets(builtin.Base(), fake.Ways(), remote)
	require.NoError(b, err)
	opts := sdk.Options{Set: set, CPU: sdk.HostCPU(), CPUs: 1, Sets: []sdk.OpenSet{p.HelperSet().Implement},
		Helpers: map[string]sdk.GoHelper{"ways/go": func(_ sdk.Call, x, _, _, _, _ uint64) uint64 { return x + 1 }}}
	for _, c := range []struct {
		name, helper string
		turns        int32
		backend      sdk.Backend
	}{
		{"none", "", 1000, builtin.AMD64()},
		{"expanded", "ways/expanded", 1000, builtin.AMD64()},
		{"body", "ways/body", 1000, builtin.AMD64()},
		{"native", "ways/native", 1000, builtin.AMD64()},
		{"go", "ways/go", 1000, builtin.AMD64()},
		{"remote", "fake/call", 10, builtin.AMD64()},
		{"isolated", "fake/call", 10, isolated(b)},
	} {
		b.Run(c.name, func(b *testing.B) {
			program, err := sdk.Load(context.Background(), callLoop(b, c.turns, c.helper), c.backend, opts)
			require.NoError(b, err)
			defer program.Close()
			for b.Loop() {
				ret, err := program.Run(nil)
				require.NoError(b, err)
				require.Equal(b, uint64(c.turns), ret)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.turns), "ns/call")
		})
	}
}

// callLoop makes a program that calls a helper in each of n turns and returns n.
func callLoop(b testing.TB, n int32, helper string) *sdk.Object {
	p := asm.New("loop").Program("loop", "mem", "").Add(asm.MovImm(asm.R6, 0)).Label("turn")
	p.Add(asm.MovImm(asm.R1, 5))
	if helper != "" {
		p.Add(asm.CallHelper(helper))
	}
	return finish(b, p.Add(asm.AddImm(asm.R6, 1), asm.JNEImm(asm.R6, n, "turn"), asm.MovReg(asm.R0, asm.R6)))
}

// remotePlugin is a plugin whose set has the remote helper fake/call(x), x + 1.
func remotePlugin(b *testing.B) *host.Plugin {
	path := filepath.Join(b.TempDir(), "bpfc-helpers-calls")
	out, err := exec.Command("go", "build", "-o", path, "../plugins/misbehave").CombinedOutput()
	require.NoError(b, err, "%s", out)
	p, err := host.Start(b.Context(), host.Ref{Name: "bpfc-helpers-calls", Role: host.HelpersRole, Path: path, Args: []string{"helper", "crash"}}, host.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.Close()) })
	return p
}

// isolated is the built-in back end in a process of its own.
func isolated(b *testing.B) sdk.Backend {
	ref := host.Ref{Name: "bpfc-backend-amd64", Role: host.BackendRole, Path: command.Build(b), Args: []string{"plugin", "serve", "backend", "amd64"}, Builtin: true}
	p, err := host.Start(b.Context(), ref, host.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.Close()) })
	return p.Backend()
}
