// Package run runs the objects of the corpus, and some of its own, in the running kernel (BPF_PROG_TEST_RUN) and with every
// back end, and compares what comes out: return values, packets, contexts, maps, records of ring buffers.
package run

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
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
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

// objects are the patterns of the objects that run.
var objects = []string{"testdata/*.o", "../corpus/net/*.o", "../corpus/lang/*.o", "../corpus/trace/*.o"}

// spySet is the sets with a lookup in Go.
var spySet *abi.Set

// trial is one comparison of many objects.
type trial struct {
	*kernel.Verifier
	oracle  *kernel.Oracle
	engines []engine
	inputs  int

	mu      sync.Mutex
	counts  map[string]int
	skips   map[string]int
	refused map[string]string
}

// engine is a back end that runs programs.
type engine struct {
	name string
	codegen.Backend
	codegen.Runner
	sampled bool // only some objects
}

func newEngine(name string, b codegen.Backend) engine {
	return engine{name: name, Backend: b, Runner: b.(codegen.Runner)}
}

func newTrial(t testing.TB) *trial {
	x := &trial{oracle: kernel.Need(t), counts: map[string]int{}, skips: map[string]int{}, refused: map[string]string{}, inputs: 4}
	var err error
	x.Verifier, err = kernel.New()
	require.NoError(t, err)
	spy, err := kernel.New()
	require.NoError(t, err)
	spySet = spy.Set
	spySet.HelperByName("bpf_map_lookup_elem").Intrinsic = abi.IntrinsicNone
	x.engines = []engine{newEngine("interp", builtin.Interp()), newEngine("amd64", builtin.AMD64())}
	return x
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

func TestObjectsRunAsInTheKernel(t *testing.T) {
	x := newTrial(t)
	var paths []string
	for _, pattern := range objects {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	if only := os.Getenv("BPFC_RUN_ONLY"); only != "" {
		paths = slices.DeleteFunc(paths, func(p string) bool { return !strings.Contains(p, only) })
	}
	for _, path := range paths {
		x.compare(t, path)
	}
	x.report(t)
}

// read reads an object and finds the programs that both sides may run.
func (x *trial) read(t *testing.T, path string) *subject {
	o, refused := x.Read(path)
	s := &subject{name: filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path), object: o, set: x.Set}
	if refused != nil {
		x.refuse(s, "", refused.Message)
		return nil
	}
	x.count("objects", 1)
	s.tame()
	var wanted []*obj.Program
	for i := range o.Programs {
		p := &o.Programs[i]
		x.count("programs", 1)
		if why := s.skipped(p); why != "" {
			x.skip(why)
			continue
		}
		wanted = append(wanted, p)
	}
	s.programs = x.runnable(t.Context(), s, wanted)
	if len(s.programs) == 0 {
		return nil
	}
	return s
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
		x.refuse(s, programs[0].Name, err.Error())
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

func (x *trial) refuse(s *subject, program, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.refused[s.name+" "+program] = oneLine("%s", why)
}

// compare runs an object on all sides.
func (x *trial) compare(t *testing.T, path string) {
	s := x.read(t, path)
	if s == nil {
		return
	}
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(s.name))
	if !x.once(t, s, s.programs, newDraw(seed.Sum64()), true) {
		return
	}
}

// once runs programs of an object with inputs that are drawn.
func (x *trial) once(t *testing.T, s *subject, programs []*obj.Program, d draw, report bool) bool {
	ctx := t.Context()
	s.programs = programs
	steps := s.steps(d, x.inputs)
	puts, err := x.prepare(ctx, s, d, steps)
	if err != nil {
		t.Errorf("%s: looking for keys: %v", s.name, err)
		return false
	}
	q, err := s.kernelSession(programs)
	if err != nil {
		x.skip("the kernel: " + err.Error())
		return true
	}
	q.Puts, q.Steps = puts, steps
	begin := time.Now()
	a := x.oracle.Ask(kernel.Question{Session: q}).Session
	x.count("ms in the kernel", int(time.Since(begin).Milliseconds()))
	switch {
	case a == nil:
		t.Errorf("%s: the process that asks the kernel died", s.name)
		return false
	case a.Err != "":
		for _, p := range programs {
			x.skip("the kernel: " + a.Err)
			t.Logf("%s %s: %s", s.name, p.Name, a.Err)
		}
		return true
	}
	return x.sides(t, s, a, puts, steps, report)
}

// sides compares the kernel's answer with each back end.
func (x *trial) sides(t *testing.T, s *subject, a *kernel.SessionAnswer, puts []kernel.Put, steps []kernel.Step, report bool) bool {
	ctx := t.Context()
	done := x.done(t, s, a, steps)
	for _, e := range x.engines {
		artifact, err := s.compile(ctx, e, x.Set, s.programs)
		if err != nil {
			t.Errorf("%s: %s compiles what the other back end runs: %v", s.name, e.name, err)
			return false
		}
		h, err := s.open(ctx, e, artifact, codegen.Spec{Set: x.Set, Env: environment(&a.Process)})
		if err != nil {
			t.Errorf("%s: %s loads what the other back end runs: %v", s.name, e.name, err)
			return false
		}
		out, err := h.run(ctx, puts, done)
		_ = h.session.Close()
		if err != nil {
			t.Errorf("%s: %s: %v", s.name, e.name, err)
			return false
		}
		if diff := s.differ(a, puts, done, &out); diff != "" {
			if report {
				t.Errorf("%s on %s: %s", s.name, e.name, diff)
			}
			return false
		}
	}
	x.count("runs compared", len(done))
	return true
}

// done are the steps that the kernel has run, and leaves in the answer what came of those.
func (x *trial) done(t *testing.T, s *subject, a *kernel.SessionAnswer, steps []kernel.Step) (done []kernel.Step) {
	for i, v := range a.Verdicts {
		if v.Verdict != kernel.Accepted {
			x.skip("the kernel refuses the program")
			t.Logf("%s %s: the kernel refuses it: %s %s", s.name, s.programs[i].Name, v.Errno, v.Message)
			continue
		}
		x.count("programs compared", 1)
	}
	var rans []kernel.Ran
	for i := range a.Steps {
		if r := &a.Steps[i]; r.Err != "" {
			x.count("runs that the kernel refuses: "+r.Err, 1)
			continue
		}
		done, rans = append(done, steps[i]), append(rans, a.Steps[i])
	}
	a.Steps = rans
	return done
}

// steps are runs of all programs, in an order that is drawn.
func (s *subject) steps(d draw, inputs_ int) (steps []kernel.Step) {
	for range inputs_ {
		for i, p := range s.programs {
			st := kernel.Step{Program: i}
			st.Data, st.Context = inputs[s.typeOf(p).Kernel](d)
			steps = append(steps, st)
		}
	}
	d.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	return steps
}

// prepare draws what is in the maps: twice it looks which keys are asked for.
func (x *trial) prepare(ctx context.Context, s *subject, d draw, steps []kernel.Step) (puts []kernel.Put, err error) {
	if len(s.object.Maps) == 0 {
		return nil, nil
	}
	a, err := s.compile(ctx, x.engines[0], spySet, s.programs)
	if err != nil {
		return nil, err
	}
	all := map[string][][]byte{}
	for range 2 {
		puts = s.fill(d, all)
		asked, err := s.spy(ctx, x.engines[0], a, puts, steps)
		if err != nil {
			return nil, err
		}
		for name, keys := range asked {
			all[name] = append(all[name], keys...)
		}
	}
	return s.fill(d, all), nil
}

func (x *trial) report(t *testing.T) {
	for _, what := range slices.Sorted(maps.Keys(x.counts)) {
		t.Logf("%6d %s", x.counts[what], what)
	}
	for _, what := range slices.Sorted(maps.Keys(x.skips)) {
		t.Logf("skipped %4d: %s", x.skips[what], what)
	}
	reasons := map[string][]string{}
	for p, why := range x.refused {
		reasons[why] = append(reasons[why], p)
	}
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		slices.Sort(reasons[why])
		t.Logf("refused %4d: %s: %s", len(reasons[why]), why, strings.Join(reasons[why], ", "))
	}
}

var (
	_ = errors.As
	_ = fmt.Sprint
	_ *verifier.Error
)
