package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/spf13/cobra"
)

// compileFlags are the flags of compile.
type compileFlags struct {
	out     string
	emit    []string
	backend string
	opt     int
	debug   bool
	times   bool
	input   inputFlags
}

func (a *app) compileCommand() *cobra.Command {
	var f compileFlags
	c := &cobra.Command{
		Use:   "compile IN [-- CLANG-FLAGS]",
		Short: "Compile programs to native code",
		Long: `Compile the programs of IN (C, ELF object, assembly, hex, bytecode, classic filters; "-" for
standard input) to native code. The result is an ELF object that C programs link:
uint64_t NAME(void *mem, uint64_t len) for each program, and NAME_checked, which
reports faults. A name that C cannot have is written with underscores; main is
main_. With several kinds in --emit, OUT is a base name to which each
kind's extension is added. bpf is the BPF bytecode of one program, bpfobj an
object with it that loaders of the kernel take.`,
		Example: "  bpfc compile examples/find/find.o -o find.native.o\n" +
			"  bpfc compile examples/find/find.o --emit listing",
		Args: f.input.one,
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.compile(c.Context(), f.input.inputs(in)[0], clang, &f)
		},
	}
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to `OUT` (- for standard output)")
	c.Flags().StringSliceVar(&f.emit, "emit", []string{"obj"}, "what to write, a list of `KINDS`: "+productNames())
	c.Flags().StringVar(&f.backend, "backend", "amd64", "back end to compile with, a `NAME`")
	c.Flags().IntVarP(&f.opt, "opt", "O", 0, "optimisation `LEVEL`: 0 or 2")
	c.Flags().BoolVarP(&f.debug, "debug", "g", false, "include a line table")
	c.Flags().BoolVar(&f.times, "time", false, "say how long each stage took")
	f.input.add(c, "dialect")
	return c
}

// checkOpt refuses optimisation levels that do not exist, or not yet.
func checkOpt(level int) error {
	switch level {
	case 0:
		return nil
	case 2:
		return notYet("-O 2", "use -O 0")
	}
	return usage("-O is %d: it is 0 or 2", level)
}

func (a *app) compile(ctx context.Context, in string, clang []string, f *compileFlags) error {
	wanted, err := products(f.emit)
	if err != nil {
		return err
	}
	if len(wanted) > 1 && (f.out == "" || f.out == "-") {
		return usage("several kinds of output need a base name: give one with -o")
	}
	if err := checkOpt(f.opt); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	unit, err := a.begin(ctx, in, clang, f, wanted)
	if err != nil {
		return err
	}
	return a.emit(unit, wanted, f)
}

// begin reads the input while the plugins that the products need are started.
func (a *app) begin(ctx context.Context, in string, clang []string, f *compileFlags, wanted []product) (*compilation, error) {
	u := &compilation{ctx: ctx, debug: f.debug, watch: newStopwatch(), opts: a.options()}
	u.opts.Stop = stopping(ctx)
	u.opts.Opt, u.opts.Object, u.headerName = f.opt, needsObject(wanted), headerName(in, f.out)
	needs := func(n need) bool {
		return slices.ContainsFunc(wanted, func(p product) bool { return p.needs >= n })
	}
	err := parallel(
		func() (err error) {
			u.object, err = a.readObject(ctx, in, &f.input, clang)
			return err
		},
		func() (err error) {
			if needs(needSet) {
				u.set, err = a.plugins.set(ctx, a)
			}
			return err
		},
		func() (err error) {
			if needs(needBackend) {
				u.backend, err = a.plugins.backend(ctx, a, f.backend)
			}
			return err
		},
	)
	if u.backend != nil {
		u.opts.CPU = resolveCPU(a.cpu, u.backend.Target())
	}
	u.watch.lap("read and start plugins")
	return u, err
}

// headerName is the output's file name, the input's if there is none.
func headerName(in, out string) string {
	if out == "" || out == "-" {
		out = in
	}
	if out == "-" {
		return "bpfc.h"
	}
	return strings.TrimSuffix(filepath.Base(out), filepath.Ext(out)) + ".h"
}

// emit makes the products and writes them: all are made before the first is written.
func (a *app) emit(u *compilation, wanted []product, f *compileFlags) error {
	made := make([][]byte, len(wanted))
	for i, p := range wanted {
		var err error
		if made[i], err = p.make(u); err != nil {
			return err
		}
	}
	u.watch.lap("emit")
	for i, p := range wanted {
		out := f.out
		if len(wanted) > 1 {
			out = baseName(out) + p.ext
		}
		if err := a.write(out, made[i], p.binary); err != nil {
			return err
		}
	}
	u.watch.lap("write")
	if f.times {
		u.watch.print(a.messages)
	}
	return nil
}

// baseName is out without the extension of a product, if it has one: ".bpf.o" is tried before ".o".
func baseName(out string) string {
	for _, p := range slices.Backward(allProducts) {
		if base, ok := strings.CutSuffix(out, p.ext); ok && base != "" {
			return base
		}
	}
	return out
}

// compilation is one object on its way through the compiler. Its results are
// made when they are first asked for.
type compilation struct {
	ctx     context.Context
	object  *obj.Object
	set     *abi.Set
	backend codegen.Backend
	opts    core.Options
	debug   bool
	watch   *stopwatch
	// headerName is the file name that the header's include guard is made of.
	headerName string

	made *codegen.Artifact
}

// artifact compiles the object, once: with C entries if any product needs them.
func (u *compilation) artifact() (*codegen.Artifact, error) {
	if u.made != nil {
		return u.made, nil
	}
	a, err := core.Compile(u.ctx, u.object, u.set, u.backend, u.opts)
	u.watch.lap("compile")
	u.made = a
	return a, err
}

// bare is the artifact without C entries.
func (u *compilation) bare() (*codegen.Artifact, error) {
	if !u.opts.Object {
		return u.artifact()
	}
	opts := u.opts
	opts.Object = false
	return core.Compile(u.ctx, u.object, u.set, u.backend, opts)
}

// parallel runs the functions at once and returns the first error in their
// order. A panic in one is raised again in the caller.
func parallel(functions ...func() error) error {
	errs := make([]error, len(functions))
	panics := make([]any, len(functions))
	var wait sync.WaitGroup
	for i, f := range functions {
		wait.Go(func() {
			defer func() {
				if panics[i] = recover(); panics[i] != nil {
					panics[i] = bug(panics[i])
				}
			}()
			errs[i] = f()
		})
	}
	wait.Wait()
	for i := range functions {
		if panics[i] != nil {
			panic(panics[i])
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
