// Package bench measures what users of bpfc notice: entry and exits, the two
// back ends on twelve programs, the command line, memory. docs/FIGURES.md has
// the results and the commands that give them.
//
// No time is asserted anywhere; what can fail here are results and leaks.
package bench

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/bench/programs"
)

// engine is a back end and the CPU level for it.
type engine struct {
	name    string
	backend sdk.Backend
	cpu     string
}

// engines are those that run here.
func engines() []engine {
	all := []engine{{"interp", builtin.Interp(), ""}}
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		all = append(all, engine{"amd64", builtin.AMD64(), sdk.HostCPU()})
	}
	return all
}

// load loads a program; it is closed when the benchmark ends.
func (e engine) load(b testing.TB, o *sdk.Object, opts sdk.Options) *sdk.Program {
	b.Helper()
	opts.Policy, opts.CPU, opts.CPUs = sdk.Guard, e.cpu, 1
	p, err := sdk.Load(b.Context(), o, e.backend, opts)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, p.Close()) })
	return p
}

// worker leases a worker of a program until the benchmark ends.
func worker(b testing.TB, p *sdk.Program) *sdk.Worker {
	w, err := p.Worker(b.Context())
	require.NoError(b, err)
	b.Cleanup(w.Release)
	return w
}

// helper is a set with one helper, a Go function.
func helper() *sdk.Set {
	s := builtin.Base()
	s.Helpers = []sdk.Helper{{ID: 1, Name: "next", Args: [5]sdk.ArgKind{sdk.ArgAny}, Impl: sdk.ImplGo}}
	return s
}

var helpers = map[string]sdk.GoHelper{"next": func(_ sdk.Call, r1, _, _, _, _ uint64) uint64 { return r1 + 1 }}

// straight makes a program that calls the helper n times, one call behind the other, and returns n.
func straight(b testing.TB, n int) *sdk.Object {
	p := asm.New("straight").Program("straight", "mem", "").Add(asm.MovImm(asm.R0, 0))
	for range n {
		p.Add(asm.MovReg(asm.R1, asm.R0), asm.Call(1))
	}
	return finish(b, p)
}

// loop makes a program whose loop turns n times, and calls the helper in each turn or adds one itself.
func loop(b testing.TB, n int32, call bool) *sdk.Object {
	p := asm.New("loop").Program("loop", "mem", "").Add(asm.MovImm(asm.R0, 0), asm.MovImm(asm.R6, n)).Label("turn")
	p.Add(asm.MovReg(asm.R1, asm.R0))
	if call {
		p.Add(asm.Call(1))
	} else {
		p.Add(asm.AddImm(asm.R0, 1))
	}
	return finish(b, p.Add(asm.SubImm(asm.R6, 1), asm.JNEImm(asm.R6, 0, "turn")))
}

// guarded makes a program that loads a byte of its memory behind a guard.
func guarded(b testing.TB) *sdk.Object {
	return finish(b, asm.New("guarded").Program("guarded", "mem", "").Add(asm.LdxB(asm.R0, asm.R1, 0)))
}

func finish(b testing.TB, p *asm.Builder) *sdk.Object {
	o, err := p.Add(asm.Exit()).Build()
	require.NoError(b, err)
	return o
}

// contestant is something to be measured in turn with others.
type contestant struct {
	name string
	run  func(turn int) error
	n    int // runs in one stint
	took []float64
}

// stint is the time that one contestant runs before it is another's turn.
const stint = 200 * time.Microsecond

// inTurns measures contestants in turn: thread CPU time where the system tells it.
func inTurns(b *testing.B, all ...*contestant) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range all {
		c.stint(b, 10)
		c.n = max(1, int(float64(stint)/c.stint(b, 10)))
	}
	for b.Loop() {
		for _, c := range all {
			c.took = append(c.took, c.stint(b, c.n))
		}
	}
	b.ReportMetric(0, "ns/op")
}

// stint is the time of one run of n, in nanoseconds.
func (c *contestant) stint(b *testing.B, n int) float64 {
	begin := cpuTime()
	for i := range n {
		if err := c.run(i); err != nil {
			b.Fatal(c.name, err)
		}
	}
	return float64(cpuTime()-begin) / float64(n)
}

func (c *contestant) median() float64 {
	s := slices.Sorted(slices.Values(c.took))
	return s[len(s)/2]
}

func (c *contestant) min() float64 { return slices.Min(c.took) }

// on is a run on a worker that is held.
func on(b testing.TB, p *sdk.Program, mem []byte) func(int) error {
	w := worker(b, p)
	return func(int) error { _, err := w.Run(mem); return err }
}

// nothing is a Go function of the form of Program.Run.
//
//go:noinline
func nothing([]byte) (uint64, error) { return 0, nil }

// BenchmarkEntry is a run of a program that does nothing, from Go and back: by the
// program itself, and with a worker that is held; on the same memory each time, and
// on another. It needs no worker, unlike one that has a guard. "go" is a call of a Go function.
func BenchmarkEntry(b *testing.B) {
	for _, e := range engines() {
		b.Run(e.name, func(b *testing.B) {
			opts := sdk.Options{Set: builtin.Base()}
			held, own, other := e.load(b, straight(b, 0), opts), e.load(b, straight(b, 0), opts), e.load(b, straight(b, 0), opts)
			turn, leased := e.load(b, guarded(b), opts), e.load(b, guarded(b), opts)
			mem := [2][]byte{make([]byte, 64), make([]byte, 64)}
			w := worker(b, other)
			all := []*contestant{
				{name: "worker", run: on(b, held, mem[0])},
				{name: "other-memory", run: func(turn int) error { _, err := w.Run(mem[turn&1]); return err }},
				{name: "program", run: func(int) error { _, err := own.Run(mem[0]); return err }},
				{name: "guarded-worker", run: on(b, turn, mem[0])},
				{name: "guarded-program", run: func(int) error { _, err := leased.Run(mem[0]); return err }},
				{name: "go", run: func(int) error { _, err := nothing(mem[0]); return err }},
			}
			inTurns(b, all...)
			for _, c := range all {
				b.ReportMetric(c.median(), c.name+"-ns")
				b.ReportMetric(c.min(), c.name+"-min-ns")
			}
		})
	}
}

// BenchmarkGoroutines is 1, 2, 4 and 8 goroutines with one program, on GOMAXPROCS processors: the processor time that a run
// takes, which grows where goroutines stand in one another's way, and how many runs there are in the time that one
// goroutine takes for one, which others on the machine lower. One program runs on its caller's stack, one leases a worker.
func BenchmarkGoroutines(b *testing.B) {
	const runs = 80_000
	counts := []int{1, 2, 4, 8}
	for _, e := range engines() {
		for _, o := range []*sdk.Object{straight(b, 0), guarded(b)} {
			b.Run(e.name+"/"+o.Name, func(b *testing.B) {
				p, err := sdk.Load(b.Context(), o, e.backend, sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, CPU: e.cpu})
				require.NoError(b, err)
				defer func() { require.NoError(b, p.Close()) }()
				cpu, wall := make([][]float64, len(counts)), make([][]float64, len(counts))
				for b.Loop() {
					for i, n := range counts {
						c, w := together(b, p, n, runs/n)
						cpu[i], wall[i] = append(cpu[i], c/runs), append(wall[i], w/runs)
					}
				}
				for i, n := range counts {
					slices.Sort(cpu[i])
					slices.Sort(wall[i])
					b.ReportMetric(cpu[i][len(cpu[i])/2], fmt.Sprintf("%d-cpu-ns/run", n))
					b.ReportMetric(wall[0][len(wall[0])/2]/wall[i][len(wall[i])/2], fmt.Sprintf("%d-times", n))
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// together is how long n goroutines take for so many runs each, in nanoseconds of processor time and in all.
func together(b *testing.B, p *sdk.Program, n, runs int) (cpu, wall float64) {
	var all sync.WaitGroup
	begin, used := time.Now(), processTime()
	for range n {
		all.Go(func() {
			mem := make([]byte, 64)
			for range runs {
				if _, err := p.Run(mem); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(processTime() - used), float64(time.Since(begin))
}

// BenchmarkGoHelper is an exit to a Go function and the way back, by call: in a
// loop, less the same loop without the call, and from a hundred places, less a
// program without any.
func BenchmarkGoHelper(b *testing.B) {
	const calls = 100
	for _, e := range engines() {
		b.Run(e.name, func(b *testing.B) {
			opts := sdk.Options{Set: helper(), Helpers: helpers}
			objects := []*sdk.Object{loop(b, calls, true), loop(b, calls, false), straight(b, calls), straight(b, 0)}
			var all []*contestant
			for i, o := range objects {
				p := e.load(b, o, opts)
				got, err := p.Run(nil)
				require.NoError(b, err)
				require.EqualValues(b, []int{calls, calls, calls, 0}[i], got)
				all = append(all, &contestant{name: o.Name, run: on(b, p, nil)})
			}
			inTurns(b, all...)
			for i := 0; i < len(all); i += 2 {
				b.ReportMetric((all[i].median()-all[i+1].median())/calls, all[i].name+"-ns/call")
				b.ReportMetric((all[i].min()-all[i+1].min())/calls, all[i].name+"-min-ns/call")
			}
		})
	}
}

// BenchmarkPrograms runs the engines on the twelve programs in turn: medians and
// minima, the interpreter's time by instruction, and how many times that of
// machine code it is. The last benchmark is their geometric mean without that of
// trivial, which has two instructions and measures entry.
func BenchmarkPrograms(b *testing.B) {
	all, err := programs.All()
	require.NoError(b, err)
	sums := map[string]float64{}
	for i := range all {
		b.Run(all[i].Name, func(b *testing.B) {
			for unit, v := range measure(b, &all[i]) {
				b.ReportMetric(v, unit)
				if all[i].Name != "trivial" {
					sums[unit] += math.Log(v) / float64(len(all)-1)
				}
			}
		})
	}
	b.Run("geomean", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(0, "ns/op")
		for unit, sum := range sums {
			b.ReportMetric(math.Exp(sum), unit)
		}
	})
}

// measure runs a program on all engines; the result is metrics by unit.
func measure(b *testing.B, p *programs.Program) map[string]float64 {
	o, err := builtin.ReadObject(b.Context(), p.Name+".o", p.Object, builtin.ReadOptions{})
	require.NoError(b, err)
	var all []*contestant
	for _, e := range engines() {
		mem, err := programs.Input()
		require.NoError(b, err)
		loaded := e.load(b, o, sdk.Options{Set: builtin.Conformance()})
		got, err := loaded.Run(mem)
		require.NoError(b, err)
		require.Equal(b, p.Want, got)
		all = append(all, &contestant{name: e.name, run: on(b, loaded, mem)})
	}
	inTurns(b, all...)
	insns := executed(b, o)
	metrics := map[string]float64{"interp-ns/insn": all[0].median() / insns, "interp-min-ns/insn": all[0].min() / insns}
	for _, c := range all {
		metrics[c.name+"-ns"], metrics[c.name+"-min-ns"] = c.median(), c.min()
		if c.name != "interp" {
			metrics["interp/"+c.name] = all[0].median() / c.median()
		}
	}
	return metrics
}

// executed is the number of BPF instructions that a run of the program executes, as its trace tells.
func executed(b *testing.B, o *sdk.Object) float64 {
	p := engines()[0].load(b, o, sdk.Options{Set: builtin.Conformance()})
	mem, err := programs.Input()
	require.NoError(b, err)
	out, err := p.RunBatch(b.Context(), sdk.Batch{Inputs: []sdk.Input{{Mem: mem}}, Trace: true})
	require.NoError(b, err)
	steps := 0
	last := sdk.TraceStep{Slot: -1}
	for _, s := range out.Results[0].Trace {
		if s.Slot != last.Slot || s.Func != last.Func {
			steps++
		}
		last = s
	}
	require.Positive(b, steps)
	return float64(steps)
}

// The programs give their results on every engine, also when benchmarks do not run.
func TestPrograms(t *testing.T) {
	all, err := programs.All()
	require.NoError(t, err)
	for _, p := range all {
		o, err := builtin.ReadObject(t.Context(), p.Name+".o", p.Object, builtin.ReadOptions{})
		require.NoError(t, err)
		for _, e := range engines() {
			mem, err := programs.Input()
			require.NoError(t, err)
			got, err := e.load(t, o, sdk.Options{Set: builtin.Conformance()}).Run(mem)
			require.NoError(t, err, "%s on %s", p.Name, e.name)
			require.Equal(t, p.Want, got, "%s on %s", p.Name, e.name)
		}
	}
}
