//go:build linux && amd64

package bench

import (
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

// BenchmarkWays is the call of a helper in each of the five ways, less the same loop without the call. Those in this
// process are measured in turn, in thread CPU time; a remote one takes wall time: "isolated" is from a back end's
// process, two hops.
func BenchmarkWays(b *testing.B) {
	p := remotePlugin(b)
	remote, err := p.HelperSet().Describe(b.Context())
	require.NoError(b, err)
	set, err := sdk.MergeSets(builtin.Base(), fake.Ways(), remote)
	require.NoError(b, err)
	opts := sdk.Options{Set: set, CPU: sdk.HostCPU(), CPUs: 1, Sets: []sdk.OpenSet{p.HelperSet().Implement},
		Helpers: map[string]sdk.GoHelper{"ways/go": func(_ sdk.Call, x, _, _, _, _ uint64) uint64 { return x + 1 }}}
	b.Run("here", func(b *testing.B) { waysHere(b, opts) })
	for name, backend := range map[string]sdk.Backend{"remote": builtin.AMD64(), "isolated": isolated(b)} {
		b.Run(name, func(b *testing.B) {
			program := loadWay(b, backend, opts, 1, "fake/call")
			for b.Loop() {
				if _, err := program.Run(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// waysHere measures the ways that stay in this process.
func waysHere(b *testing.B, opts sdk.Options) {
	const turns = 1000
	var all []*contestant
	for _, name := range []string{"", "ways/expanded", "ways/body", "ways/native", "ways/go"} {
		all = append(all, &contestant{name: name, run: on(b, loadWay(b, builtin.AMD64(), opts, turns, name), nil)})
	}
	inTurns(b, all...)
	for _, c := range all[1:] {
		b.ReportMetric((c.median()-all[0].median())/turns, c.name+"-ns/call")
		b.ReportMetric((c.min()-all[0].min())/turns, c.name+"-min-ns/call")
	}
}

// loadWay loads a program that calls a helper in each of its turns, and runs it once.
func loadWay(b *testing.B, backend sdk.Backend, opts sdk.Options, turns int32, helper string) *sdk.Program {
	p, err := sdk.Load(b.Context(), callLoop(b, turns, helper), backend, opts)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.Close()) })
	ret, err := p.Run(nil)
	require.NoError(b, err)
	require.Equal(b, uint64(turns), ret)
	return p
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

// BenchmarkFastcall is ten calls in a loop with registers kept over each, two or all five: of a helper that is marked to
// keep registers, whose spills go, and of one that does the same and is not.
func BenchmarkFastcall(b *testing.B) {
	const turns, calls = 1000, 10
	set, err := sdk.MergeSets(builtin.Base(), fake.Ways())
	require.NoError(b, err)
	opts := sdk.Options{Set: set, CPU: sdk.HostCPU(), CPUs: 1}
	for regs, name := range map[int]string{2: "two", 5: "five"} {
		b.Run(name, func(b *testing.B) {
			var all []*contestant
			for _, helper := range []string{"ways/expanded", "bpf_get_smp_processor_id"} {
				p, err := sdk.Load(b.Context(), keepingLoop(b, turns, calls, regs, helper), builtin.AMD64(), opts)
				require.NoError(b, err)
				b.Cleanup(func() { require.NoError(b, p.Close()) })
				ret, err := p.Run(nil)
				require.NoError(b, err)
				require.Equal(b, uint64(turns+regs*(regs+1)/2), ret)
				all = append(all, &contestant{name: helper, run: on(b, p, nil)})
			}
			inTurns(b, all...)
			for i, what := range []string{"kept", "removed"} {
				b.ReportMetric(all[i].median()/turns/calls, what+"-ns/call")
				b.ReportMetric(all[i].min()/turns/calls, what+"-min-ns/call")
			}
		})
	}
}

// keepingLoop makes a program that keeps R1 and the registers after it, regs of them, over each of the calls in every turn.
func keepingLoop(b testing.TB, turns int32, calls, regs int, helper string) *sdk.Object {
	p := asm.New("loop").Program("loop", "mem", "").Add(asm.MovImm(asm.R6, 0), asm.MovImm(asm.R7, 0))
	for r := 1; r <= regs; r++ {
		p.Add(asm.MovImm(asm.Reg(r), int32(r)))
	}
	p.Label("turn")
	for range calls {
		for r := 1; r <= regs; r++ {
			p.Add(asm.StxDW(asm.R10, int16(-8*r), asm.Reg(r)))
		}
		p.Add(asm.CallHelper(helper))
		for r := regs; r > 0; r-- {
			p.Add(asm.LdxDW(asm.Reg(r), asm.R10, int16(-8*r)))
		}
		p.Add(asm.AddReg(asm.R7, asm.R0)) // which is 0
	}
	p.Add(asm.AddImm(asm.R6, 1), asm.JNEImm(asm.R6, turns, "turn"), asm.MovReg(asm.R0, asm.R6), asm.AddReg(asm.R0, asm.R7))
	for r := 1; r <= regs; r++ {
		p.Add(asm.AddReg(asm.R0, asm.Reg(r)))
	}
	return finish(b, p)
}
