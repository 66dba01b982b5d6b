// Package run runs the objects of the corpus, and some of its own, in the running kernel (BPF_PROG_TEST_RUN) and with every
// back end, and compares what comes out: return values, packets, contexts, maps, records of buffers. Programs that the kernel
// does not run this way are compared between the back ends.
//
// BPFC_LONG is how long more inputs are drawn after the first; BPFC_RUN_ONLY is a part of the names of the objects that run.
package run

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/command"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

var update = flag.Bool("update", false, "write refused.txt")

// objects are the patterns of the objects that run.
var objects = []string{"testdata/*.o", "../corpus/net/*.o", "../corpus/lang/*.o", "../corpus/trace/*.o"}

// Every isolated-th object, some 98 of them, runs in the back ends' processes, too.
const isolated = 3

// batch is how many objects the kernel is asked about at once: while it answers, others wait.
const batch = 24

// trial is one comparison of many objects.
type trial struct {
	*kernel.Verifier
	spy     *abi.Set // with a lookup in Go
	engines []engine // those in processes of their own last
	linked  int      // how many are not
	inputs  int      // of each program

	mu      sync.Mutex
	counts  map[string]int
	skips   map[string]int
	refused []string
}

// engine is a back end that runs programs.
type engine struct {
	name string
	codegen.Backend
	codegen.Runner
}

func newTrial(t testing.TB) *trial {
	x := &trial{counts: map[string]int{}, skips: map[string]int{}, inputs: 4}
	var err error
	x.Verifier, err = kernel.New()
	require.NoError(t, err)
	spy, err := kernel.New()
	require.NoError(t, err)
	x.spy = spy.Set
	x.spy.HelperByName("bpf_map_lookup_elem").Intrinsic = abi.IntrinsicNone
	for _, name := range []string{"interp", "amd64"} {
		if b, _ := builtin.Backend(name); runsHere(b) {
			x.engines = append(x.engines, engine{name, b, b.(codegen.Runner)})
		}
	}
	x.linked = len(x.engines)
	if testing.Short() {
		x.inputs /= 2
	}
	path := command.Build(t)
	for _, e := range x.engines[:x.linked] {
		p, err := host.Start(t.Context(), command.Backend(path, e.name), host.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = p.Close() })
		b := p.Backend()
		x.engines = append(x.engines, engine{"isolated " + e.name, b, b.(codegen.Runner)})
	}
	return x
}

// runsHere reports whether this machine runs what a back end makes.
func runsHere(b codegen.Backend) bool {
	arch := b.Target().Arch
	return arch == "" || arch == runtime.GOARCH && runtime.GOOS == "linux"
}

func (x *trial) count(what string, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.counts[what] += n
}

func (x *trial) skip(why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.skips[why]++
}

// sequence is runs of programs of one object.
type sequence struct {
	*subject
	index  int
	puts   []kernel.Put
	steps  []kernel.Step
	answer *kernel.SessionAnswer // nil if the kernel is not asked
}

func TestObjectsRunAsInTheKernel(t *testing.T) {
	x := newTrial(t)
	subjects := x.subjects(t)
	o, err := kernel.Open()
	if err != nil {
		t.Logf("the back ends are compared with one another alone: %v", err)
		for _, s := range subjects {
			s.kernel = false
		}
	} else {
		defer func() { _ = o.Close() }()
	}
	x.round(t, o, subjects, 0)
	long, _ := time.ParseDuration(cmp.Or(os.Getenv("BPFC_LONG"), "0s"))
	for begin, seed := time.Now(), uint64(1); time.Since(begin) < long && !t.Failed(); seed++ {
		x.round(t, o, subjects, seed)
	}
	x.report(t)
	if o != nil { // without its types, objects that are adapted to a kernel are refused, too
		x.checkRefused(t)
	}
}

// round runs all objects once, with inputs that follow from the seed.
func (x *trial) round(t *testing.T, o *kernel.Oracle, subjects []*subject, seed uint64) {
	var mu sync.Mutex
	var asked, alone []*sequence
	parallel(len(subjects), func(i int) {
		q := x.draw(t, subjects[i], i, seed)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case q == nil:
		case subjects[i].kernel:
			asked = append(asked, q)
		default:
			alone = append(alone, q)
		}
	})
	for part := range slices.Chunk(asked, batch) {
		x.ask(t, o, part)
		parallel(len(part), func(i int) { x.judge(t, part[i]) })
	}
	parallel(len(alone), func(i int) { x.judge(t, alone[i]) })
}

// parallel calls f for 0 to n-1.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// subjects are the objects with the programs that run: of each object those that the kernel runs, and the others.
func (x *trial) subjects(t *testing.T) (all []*subject) {
	var paths []string
	for _, pattern := range objects {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	only := os.Getenv("BPFC_RUN_ONLY")
	paths = slices.DeleteFunc(paths, func(p string) bool { return !strings.Contains(p, only) })
	found := make([][]*subject, len(paths))
	parallel(len(paths), func(i int) { found[i] = x.read(t.Context(), paths[i]) })
	return slices.Concat(found...)
}

// read reads an object and finds the programs that run.
func (x *trial) read(ctx context.Context, path string) (both []*subject) {
	o, refused := x.Read(path)
	s := subject{name: filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path), object: o, set: x.Set}
	if refused != nil {
		x.refuse(&s, "", refused.Message)
		return nil
	}
	x.count("objects", 1)
	x.count("programs", len(o.Programs))
	s.tame()
	asked, alone := s, s
	asked.kernel = true
	for i := range o.Programs {
		if why := s.skipped(&o.Programs[i]); why != "" {
			x.skip(why)
			alone.programs = append(alone.programs, &o.Programs[i])
		} else {
			asked.programs = append(asked.programs, &o.Programs[i])
		}
	}
	for _, s := range []*subject{&asked, &alone} {
		if s.programs = x.runnable(ctx, s, s.programs); len(s.programs) > 0 {
			both = append(both, s)
		}
	}
	return both
}

// runnable are the programs that run here; the others are noted with the reason.
func (x *trial) runnable(ctx context.Context, s *subject, programs []*obj.Program) []*obj.Program {
	if len(programs) == 0 {
		return nil
	}
	err := x.try(ctx, s, programs)
	switch {
	case err == nil:
		return programs
	case len(programs) == 1:
		x.refuses(s, programs[0].Name, err)
		return nil
	}
	half := len(programs) / 2
	return slices.Concat(x.runnable(ctx, s, programs[:half]), x.runnable(ctx, s, programs[half:]))
}

// try compiles and loads programs.
func (x *trial) try(ctx context.Context, s *subject, programs []*obj.Program) error {
	a, err := s.compile(ctx, x.engines[0], x.Set, programs)
	if err != nil {
		return err
	}
	h, err := s.open(ctx, x.engines[0], a, codegen.Spec{Set: x.Set})
	if err != nil {
		return err
	}
	return h.session.Close()
}

// refuses takes note of a program that does not run here.
func (x *trial) refuses(s *subject, program string, err error) {
	var v *verifier.Error
	if errors.As(err, &v) {
		x.skip("our verifier does not accept it, which tests/kernel compares")
		return
	}
	x.refuse(s, program, err.Error())
}

func (x *trial) refuse(s *subject, program, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused = append(x.refused, s.name+" "+program+"\t"+oneLine("%s", why))
}

// choice is how many inputs are drawn for each that is kept: those that lead a program to new instructions.
const choice = 10

// draw makes runs of the subject's programs.
func (x *trial) draw(t *testing.T, s *subject, index int, seed uint64) *sequence {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %v %d", s.name, s.kernel, seed)
	q := &sequence{subject: s, index: index}
	if err := x.prepare(t.Context(), q, newDraw(h.Sum64())); err != nil {
		t.Errorf("%s: looking for keys and inputs: %v", s.name, err)
		return nil
	}
	return q
}

// prepare draws inputs and what is in the maps: twice it looks which keys are asked for, and then how far each input leads.
func (x *trial) prepare(ctx context.Context, q *sequence, d draw) error {
	a, err := q.compile(ctx, x.engines[0], x.spy, q.programs)
	if err != nil {
		return err
	}
	drawn := q.draws(d, x.inputs*choice)
	asked, s := map[string][][]byte{}, &spy{}
	for _, n := range []int{len(drawn) / 4, len(drawn) / 4, len(drawn)} {
		q.puts = q.fill(d, asked)
		if s, err = q.spy(ctx, x.engines[0], a, x.spy, q.puts, drawn[:n]); err != nil {
			return err
		}
		for name, keys := range s.asked {
			asked[name] = append(asked[name], keys...)
		}
	}
	q.steps = q.choose(drawn, s.reached, x.inputs)
	return nil
}

// ask runs sequences in the kernel.
func (x *trial) ask(t *testing.T, o *kernel.Oracle, part []*sequence) {
	var q kernel.Question
	for _, s := range part {
		session, err := s.session()
		require.NoError(t, err, s.name)
		q.Sessions = append(q.Sessions, *session)
	}
	begin := time.Now()
	a := o.Ask(q)
	x.count("ms of waiting for the kernel", int(time.Since(begin).Milliseconds()))
	require.Len(t, a.Sessions, len(part), "%s", a.Message)
	for i := range part {
		part[i].answer = &a.Sessions[i]
	}
}

// judge compares the kernel's answer with each back end or, if it was not asked, the back ends with the first of them.
func (x *trial) judge(t *testing.T, q *sequence) {
	steps, want, ok := q.steps, outcome{}, q.answer != nil
	if ok {
		if q.answer.Err != "" {
			x.skip("the kernel: " + q.answer.Err)
			t.Logf("%s: the kernel: %s", q.name, q.answer.Err)
			return
		}
		x.verdicts(t, q)
		steps, want = q.reference(x.count)
	}
	engines := x.engines[:x.linked]
	if q.index%isolated == 0 {
		engines = x.engines
	}
	for _, e := range engines {
		out, err := x.ours(t.Context(), q, e, steps)
		if err != nil {
			t.Errorf("%s on %s: %v", q.name, e.name, err)
			return
		}
		if !ok {
			want, ok = out, true
		}
		if diff := q.differ(&want, steps, &out); diff != "" {
			t.Errorf("%s on %s: %s", q.name, e.name, diff)
			return
		}
		side := "the kernel and "
		if q.answer == nil {
			side = "the back ends and "
		}
		x.count("runs compared of "+side+e.name, len(steps))
	}
}

// verdicts counts what the kernel says of the programs.
func (x *trial) verdicts(t *testing.T, q *sequence) {
	for i, v := range q.answer.Verdicts {
		if v.Verdict == kernel.Accepted {
			x.count("programs compared with the kernel, in all rounds", 1)
			continue
		}
		x.skip("the kernel refuses the program, which tests/kernel compares")
		t.Logf("%s %s: the kernel refuses it: %s %s", q.name, q.programs[i].Name, v.Errno, v.Message)
	}
}

// ours runs a sequence with a back end.
func (x *trial) ours(ctx context.Context, q *sequence, e engine, steps []kernel.Step) (out outcome, err error) {
	a, err := q.compile(ctx, e, x.Set, q.programs)
	if err != nil {
		return out, fmt.Errorf("it does not compile what another back end runs: %w", err)
	}
	process := &kernel.Process{PID: 1, TID: 1}
	if q.answer != nil {
		process = &q.answer.Process
	}
	h, err := q.open(ctx, e, a, codegen.Spec{Set: x.Set, Env: environment(process)})
	if err != nil {
		return out, fmt.Errorf("it does not load what another back end runs: %w", err)
	}
	defer h.session.Close()
	return h.run(ctx, q.puts, steps)
}

func (x *trial) report(t *testing.T) {
	for _, what := range slices.Sorted(maps.Keys(x.counts)) {
		t.Logf("%6d %s", x.counts[what], what)
	}
	for _, what := range slices.Sorted(maps.Keys(x.skips)) {
		t.Logf("%6d skipped: %s", x.skips[what], what)
	}
	t.Logf("%6d refused, see refused.txt", len(x.refused))
}

// checkRefused compares what does not run here with the list of it.
func (x *trial) checkRefused(t *testing.T) {
	if os.Getenv("BPFC_RUN_ONLY") != "" {
		return
	}
	slices.Sort(x.refused)
	text := strings.Join(x.refused, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("refused.txt", []byte(text), 0o666))
	}
	want, err := os.ReadFile("refused.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), text, "what does not run here: write the list with -update, and look at the difference")
}
