package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/cover"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/spf13/cobra"
)

type runFlags struct {
	backend   string
	opt       int
	mem       string
	ctx       string
	env       string
	pcap      string
	pcapOut   string
	events    string
	maps      []string
	dumpMaps  bool
	repeat    int
	fuel      int64
	expect    string
	trace     bool
	cover     string
	inProcess bool
	format    string
	input     inputFlags
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run IN [-- CLANG-FLAGS]",
		Short: "Run a program and print what it returns",
		Long: "Run a program and print what it returns.\n\n" +
			"Programs of type mem get the memory of --mem. Programs of the kernel's types get a context, whose fields --ctx\n" +
			"gives by name, and those on packets the packet of --mem, as BPF_PROG_TEST_RUN gives them to the kernel's: it\n" +
			"begins with an Ethernet header. --pcap runs on each packet of a capture, --events on each context of a file.\n" +
			"--env is the world that helpers see: clock, tasks, routes; without it, a fixed one.",
		Example: "  bpfc run examples/fnv/fnv.o --mem 68656c6c6f\n" +
			"  bpfc run examples/fnv/fnv.o --mem @file --trace\n" +
			"  bpfc run filter.o --helpers networking --pcap traffic.pcap --pcap-out left.pcapng\n" +
			"  bpfc run probe.o --helpers tracing --ctx '{\"rdi\": 42}' --env '{\"seed\": 7}' --dump-maps",
		Args: f.input.one,
		RunE: func(c *cobra.Command, args []string) error {
			in, clang := split(c, args)
			return a.run(c.Context(), f.input.inputs(in)[0], clang, &f, c.Flags().Changed("backend"))
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.backend, "backend", "amd64", "back end to run with, a `NAME`: amd64, interp")
	fl.IntVarP(&f.opt, "opt", "O", 0, "optimisation `LEVEL`: 0 or 2")
	fl.StringVar(&f.mem, "mem", "", "memory of the program, or the packet beside its context: `HEX`, or @FILE")
	fl.StringVar(&f.ctx, "ctx", "", "context of the program, an object of its fields in `JSON` or its bytes in hex, or @FILE")
	fl.StringVar(&f.env, "env", "", "what helpers see of the world, an object of parts in `JSON`, or @FILE")
	fl.StringVar(&f.pcap, "pcap", "", "run on each packet of a capture `FILE`: pcap or pcapng")
	fl.StringVar(&f.pcapOut, "pcap-out", "", "write the packets of --pcap as they left to a `FILE` in pcapng, with what the program returned as comments")
	fl.StringVar(&f.events, "events", "", "run on each context of a `FILE` of JSON lines; of filters of system calls also on records of 64 bytes")
	fl.StringArrayVar(&f.maps, "map", nil, "set a map or data section before the run: `NAME=@FILE.json`")
	fl.BoolVar(&f.dumpMaps, "dump-maps", false, "print maps and data sections after the run")
	fl.IntVar(&f.repeat, "repeat", 1, "run `N` times")
	fl.Int64Var(&f.fuel, "fuel", codegen.DefaultFuel, "budget of each run, in `TURNS` of loops; -1 for none")
	fl.StringVar(&f.expect, "expect", "", "exit with 1 unless the program returns `RET`")
	fl.BoolVar(&f.trace, "trace", false, "print each instruction and what it changed (back end interp)")
	fl.StringVar(&f.cover, "cover", "", "write to a `FILE` how often each source line was run, as a Go cover profile (back end interp)")
	fl.BoolVar(&f.inProcess, "in-process", false, "run in this process, not in the back end's")
	fl.StringVar(&f.format, "format", "text", "`text|json`")
	f.input.add(c, "dialect")
	return c
}

// check refuses what cannot be done before anything is started.
func (f *runFlags) check(chosen bool) error {
	if err := checkFormat(f.format, "text", "json"); err != nil {
		return err
	}
	if f.trace && chosen && f.backend != "interp" {
		return usage("--trace needs --backend interp: machine code does not say what it does")
	}
	if f.cover != "" && chosen && f.backend != "interp" {
		return usage("--cover needs --backend interp: machine code does not say which lines it runs")
	}
	if f.cover != "" && f.trace {
		return usage("--cover and --trace: choose one of them")
	}
	if f.repeat < 1 {
		return usage("--repeat is %d: it is at least 1", f.repeat)
	}
	if f.fuel == 0 {
		return usage("--fuel is 0: it is a number of turns, or -1 for no limit")
	}
	if err := f.checkInputs(); err != nil {
		return err
	}
	return checkOpt(f.opt)
}

// checkInputs refuses flags that say different things of the inputs.
func (f *runFlags) checkInputs() error {
	switch {
	case f.pcap != "" && f.events != "":
		return usage("--pcap and --events: the inputs come from one of them")
	case f.pcap != "" && f.mem != "":
		return usage("--pcap and --mem: the packets come from one of them")
	case f.events != "" && f.ctx != "":
		return usage("--events and --ctx: the contexts come from one of them")
	case f.pcapOut != "" && f.pcap == "":
		return usage("--pcap-out is where the packets of --pcap go: name a capture with --pcap")
	case f.pcapOut == "-":
		return usage("--pcap-out -: standard output is for the results; name a file")
	}
	return nil
}

// many reports whether a run has a number of inputs.
func (f *runFlags) many() bool { return f.pcap != "" || f.events != "" }

func (a *app) run(ctx context.Context, in string, clang []string, f *runFlags, chosen bool) error {
	if err := f.check(chosen); err != nil {
		return err
	}
	expect, err := parseExpect(f.expect)
	if err != nil {
		return err
	}
	ctx, cancel := a.within(ctx)
	defer cancel()
	args, err := a.arguments(ctx, f)
	if err != nil {
		return err
	}
	a.chooseBackend(f, chosen)
	r, err := a.prepare(ctx, in, clang, f, &args)
	if err != nil {
		return err
	}
	defer r.session.Close()
	inputs, err := args.source(f, &r.typ)
	if err != nil {
		return r.ended(orCause(ctx, err))
	}
	return a.runInputs(ctx, r, inputs, f, expect)
}

// runInputs runs the inputs and prints what came of them.
func (a *app) runInputs(ctx context.Context, r *running, inputs inputSource, f *runFlags, expect *uint64) error {
	p, err := a.newPrinter(r, inputs, f, expect)
	if err != nil {
		return err
	}
	ended := r.runAll(ctx, inputs, f, p)
	if f.dumpMaps && p.complete(ended) {
		if r.maps, err = r.dumpMaps(ctx); err != nil {
			return errors.Join(ended, err)
		}
	}
	return errors.Join(ended, p.finish(ended), r.writeProfile(f.cover, p.complete(ended)))
}

// writeProfile writes --cover, if there were runs.
func (r *running) writeProfile(path string, complete bool) error {
	if path == "" || !complete {
		return nil
	}
	return writeFile(path, r.coverage.Format(""))
}

// chooseBackend falls back to the interpreter where machine code does not run, and for a trace or coverage.
func (a *app) chooseBackend(f *runFlags, chosen bool) {
	switch {
	case f.trace || f.cover != "":
		f.backend = "interp"
	case f.backend == "amd64" && !nativeHost():
		f.backend = "interp"
		a.note("warning: %s/%s runs no amd64 code; the interpreter runs the program", runtime.GOOS, runtime.GOARCH)
	case !chosen:
		f.backend = "amd64"
	}
}

// nativeHost reports whether this machine runs the code of back end amd64.
func nativeHost() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }

// running is a program that is loaded in a session, and what came of it.
type running struct {
	object  *obj.Object
	program *obj.Program
	set     *abi.Set
	typ     abi.ProgType
	backend string
	session codegen.Session
	id      codegen.ProgID
	entry   codegen.Entry
	// programs are the numbers of all that are loaded: the program, and those that it may call by tail calls.
	programs map[string]codegen.ProgID
	entries  map[string]codegen.Entry // the same
	infos    []codegen.EntryInfo      // the same
	open     []opened
	cpus     int
	limit    time.Duration // --timeout
	maps     map[string]mapJSON
	coverage *cover.Profile // nil without --cover
}

// prepare reads, compiles and loads the one program to run.
func (a *app) prepare(ctx context.Context, in string, clang []string, f *runFlags, args *arguments) (*running, error) {
	return a.prepareWith(ctx, f, args, func() (*obj.Object, error) { return a.readObject(ctx, in, &f.input, clang) })
}

// prepareWith is prepare for an object that read returns.
func (a *app) prepareWith(ctx context.Context, f *runFlags, args *arguments, read func() (*obj.Object, error)) (*running, error) {
	r := &running{backend: f.backend, limit: a.timeout, cpus: 1}
	if f.cover != "" {
		r.coverage = &cover.Profile{}
	}
	var backend codegen.Backend
	err := parallel(
		func() (err error) {
			if r.object, err = read(); err == nil {
				r.program, err = a.one(r.object)
			}
			return err
		},
		func() (err error) { r.set, err = a.plugins.set(ctx, a); return err },
		func() (err error) { backend, err = a.plugins.backend(ctx, a, f.backend); return err },
	)
	if err != nil {
		return nil, err
	}
	maps, err := setData(r.object, args.maps)
	if err != nil {
		return nil, err
	}
	opts := a.options()
	opts.Opt, opts.Programs, opts.CPU, opts.Plain = f.opt, r.wanted(maps), runCPU(a.cpu, backend.Target()), f.trace || f.cover != ""
	artifact, err := core.Compile(ctx, r.object, r.set, backend, opts)
	if err != nil {
		return nil, err
	}
	if err := r.load(ctx, a, backend, artifact, f, args.env); err != nil {
		return nil, err
	}
	if err := r.fill(ctx, maps); err != nil {
		r.session.Close()
		return nil, err
	}
	return r, nil
}

// load opens a session with the programs of an artifact.
func (r *running) load(ctx context.Context, a *app, b codegen.Backend, artifact *codegen.Artifact, f *runFlags, env map[string][]byte) (err error) {
	if r.session, err = a.open(ctx, b, codegen.Spec{CPUs: r.cpus, Set: r.set, Env: env}, f); err != nil {
		return err
	}
	ids, err := r.session.Load(ctx, artifact)
	if err != nil {
		r.session.Close()
		return err
	}
	r.programs, r.entries = map[string]codegen.ProgID{}, map[string]codegen.Entry{}
	for i, e := range artifact.Entries {
		r.programs[e.Name], r.entries[e.Name] = ids[i], e
		r.infos = append(r.infos, e.EntryInfo)
	}
	r.id, r.entry = r.programs[r.program.Name], r.entries[r.program.Name]
	r.typ, _ = r.set.Type(r.entry.Type) // the compiler has found it
	return nil
}

// wanted are the names of the program and of those that it may go on in: they are in maps of programs that it and they
// refer to, by the object or by --map.
func (r *running) wanted(files []mapFile) []string {
	names := []string{r.program.Name}
	for i := 0; i < len(names); i++ {
		p := program(r.object, names[i])
		if p == nil {
			continue // --map has named what there is not: see mapForm.parseObject
		}
		for _, ref := range p.Refs {
			if ref.Kind == obj.RefMap {
				names = appendNew(names, r.held(ref.Index, files))
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return program(r.object, name) == nil })
}

// held are the programs that a map holds when the run begins.
func (r *running) held(index int, files []mapFile) (names []string) {
	for _, s := range r.object.Slots {
		if s.Map == index && s.Program != "" {
			names = append(names, s.Program)
		}
	}
	for i := range files {
		if r.object.Maps[index].Type != mapProgArray || files[i].name != r.object.Maps[index].Name {
			continue
		}
		for _, e := range files[i].entries {
			if name, err := strconv.Unquote(string(e.Value)); err == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

func appendNew(list, more []string) []string {
	for _, name := range more {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// fill sets what maps hold when the run begins: what the object says, then what --map says.
func (r *running) fill(ctx context.Context, files []mapFile) (err error) {
	if r.open, err = r.openMaps(ctx); err != nil {
		return err
	}
	if err := codegen.Fill(ctx, r.session, r.id, r.object, r.programs); err != nil {
		return err
	}
	return r.putMaps(ctx, files)
}

// ended tells a run that --timeout or the user has ended from a plugin that failed.
func (r *running) ended(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded): // maybe by the plugin's clock, before ours
		return fail(exitFault, "%s did not end within --timeout %v", r.entry.Name, r.limit)
	case errors.Is(err, context.Canceled):
		return fail(exitFault, "%s was interrupted", r.entry.Name)
	}
	return err
}

// memory reads --mem: hex with blanks, or the content of a file.
func (a *app) memory(ctx context.Context, arg string) ([]byte, error) {
	if file, ok := strings.CutPrefix(arg, "@"); ok {
		return a.readBytes(ctx, file)
	}
	return parseHex("--mem", arg)
}

// parseHex decodes hex digits, blanks ignored. No digits are nil.
func parseHex(what, text string) ([]byte, error) {
	digits := strings.Join(strings.Fields(text), "")
	digits = strings.TrimPrefix(digits, "0x")
	if digits == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		or := ""
		if strings.HasPrefix(what, "--") {
			or = ", or @FILE"
		}
		return nil, usage("%s %q: it is an even number of hex digits%s (%v)", what, shorten(text), or, err)
	}
	return b, nil
}

func shorten(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}

// parseExpect reads --expect: a 64-bit number, signed or not, in any base of Go.
func parseExpect(text string) (*uint64, error) {
	if text == "" {
		return nil, nil
	}
	v, err := parseNumber(text)
	if err != nil {
		return nil, usage("--expect %q: it is a 64-bit number such as 42, -1 or 0x2a", text)
	}
	return &v, nil
}

// value returns the part of R0 that is the program's return value.
func (r *running) value(ret uint64) uint64 {
	if r.entry.Return32 {
		return uint64(uint32(ret))
	}
	return ret
}

func hexNumber(v uint64) string { return fmt.Sprintf("%#x", v) }
