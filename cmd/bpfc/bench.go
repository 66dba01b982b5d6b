package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/spf13/cobra"
)

type benchFlags struct {
	backends []string
	mem      string
	ctx      string
	env      string
	maps     []string
	count    int
	time     time.Duration
	input    inputFlags
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench IN [-- CLANG-FLAGS]",
		Short: "Measure a program; the output is for benchstat",
		Args:  f.input.one,
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.bench(c.Context(), f.input.inputs(in)[0], clang, &f)
		},
	}
	c.Flags().StringSliceVar(&f.backends, "backend", []string{"amd64", "interp"}, "back ends to measure, in turn: `NAMES`")
	c.Flags().StringVar(&f.mem, "mem", "", "memory of the program, or the packet beside its context: `HEX`, or @FILE; without it, an Ethernet frame of 64 zero bytes for programs on packets")
	c.Flags().StringVar(&f.ctx, "ctx", "", "context of the program, an object of its fields in `JSON` or its bytes in hex, or @FILE")
	c.Flags().StringVar(&f.env, "env", "", "what helpers see of the world, an object of parts in `JSON`, or @FILE")
	c.Flags().StringArrayVar(&f.maps, "map", nil, "set a map or data section before the runs: `NAME=@FILE.json`")
	c.Flags().IntVar(&f.count, "count", 6, "measure each back end `N` times")
	c.Flags().DurationVar(&f.time, "benchtime", 200*time.Millisecond, "duration of one measurement")
	f.input.add(c, "dialect")
	return c
}

func (a *app) bench(ctx context.Context, in string, clang []string, f *benchFlags) error {
	if f.count < 1 || f.time <= 0 {
		return usage("--count and --benchtime are positive")
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	args, err := a.arguments(ctx, &runFlags{mem: f.mem, ctx: f.ctx, env: f.env, maps: f.maps})
	if err != nil {
		return err
	}
	o, err := a.readObject(ctx, in, &f.input, clang)
	if err != nil {
		return err
	}
	var all []*benchmark
	for _, name := range a.backends(f.backends) {
		b, err := a.prepareBench(ctx, o, name, &args, f)
		if err != nil {
			return err
		}
		defer b.session.Close()
		all = append(all, b)
	}
	fmt.Fprintf(a.out, "goos: %s\ngoarch: %s\npkg: %s\n", runtime.GOOS, runtime.GOARCH, in)
	for range f.count {
		for _, b := range all {
			if err := b.measure(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// backends leaves out machine code where it does not run.
func (a *app) backends(wanted []string) []string {
	if nativeHost() || !slices.Contains(wanted, "amd64") {
		return wanted
	}
	a.note("warning: %s/%s runs no amd64 code; the interpreter is measured", runtime.GOOS, runtime.GOARCH)
	others := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return name == "amd64" })
	if !slices.Contains(others, "interp") {
		others = append(others, "interp")
	}
	return others
}

// benchmark is a program on one back end.
type benchmark struct {
	*running
	input   codegen.Input
	repeats int
}

// prepareBench loads the program and finds out how often it runs in the time of one measurement.
func (a *app) prepareBench(ctx context.Context, o *obj.Object, backend string, args *arguments, f *benchFlags) (*benchmark, error) {
	r, err := a.prepareWith(ctx, &runFlags{backend: backend}, args, func() (*obj.Object, error) { return o, nil })
	if err != nil {
		return nil, err
	}
	b := &benchmark{running: r, repeats: 1}
	if b.input, err = r.benchInput(args); err != nil {
		r.session.Close()
		return nil, err
	}
	for b.repeats < maxRepeats {
		took, err := b.once(ctx)
		if err != nil {
			r.session.Close()
			return nil, err
		}
		if took >= f.time/2 {
			break
		}
		b.repeats = nextRepeats(b.repeats, took, f.time)
	}
	return b, nil
}

// frameSize is the least that an Ethernet frame has, in bytes.
const frameSize = 64

// benchInput is the input of a benchmark: what the flags say, or an empty frame for programs on packets.
func (r *running) benchInput(args *arguments) (codegen.Input, error) {
	c, err := args.context(&r.typ)
	in := codegen.Input{Mem: args.mem, Ctx: c}
	if args.mem == nil && frameTypes[r.typ.Kernel] {
		in.Mem = make([]byte, frameSize)
	}
	return in, err
}

// maxRepeats bounds a batch: 10^9 runs of the shortest program are a few seconds.
const maxRepeats = 1_000_000_000

// nextRepeats aims at the wanted time, at most a hundredfold at once, as package testing does.
func nextRepeats(n int, took, wanted time.Duration) int {
	next := min(float64(n)*float64(wanted)/float64(max(took, 1)), maxRepeats)
	return min(max(int(next), n+1), 100*n, maxRepeats)
}

// once runs a batch and returns the time spent in the program.
func (b *benchmark) once(ctx context.Context) (time.Duration, error) {
	out, err := b.session.Run(ctx, b.id, codegen.Batch{Inputs: []codegen.Input{{Mem: append([]byte(nil), b.input.Mem...), Ctx: b.input.Ctx}}, Repeat: b.repeats})
	if err != nil {
		return 0, b.ended(err)
	}
	if f := out.Results[0].Fault; f != nil {
		return 0, fmt.Errorf("%s: %w", b.object.Name, f)
	}
	return out.Elapsed, nil
}

// measure prints one line in the format of Go's benchmarks.
func (b *benchmark) measure(ctx context.Context, a *app) error {
	took, err := b.once(ctx)
	if err != nil {
		return err
	}
	first, n := utf8.DecodeRuneInString(b.entry.Name)
	name := string(unicode.ToUpper(first)) + b.entry.Name[n:]
	_, err = fmt.Fprintf(a.out, "Benchmark%s/backend=%s-%d\t%8d\t%12.2f ns/op\n",
		name, b.backend, runtime.GOMAXPROCS(0), b.repeats, float64(took.Nanoseconds())/float64(b.repeats))
	return err
}
