package soundness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/runtime"
)

// engines run programs on memory: the interpreter, as lifted and as optimised, and machine code.
type engines struct {
	set     *abi.Set
	runtime *runtime.Runtime
	buffer  []byte
	states  int // compared
}

func newEngines(t testing.TB) *engines {
	set := newSet(t)
	r, err := runtime.New(runtime.Options{Spec: codegen.Spec{CPUs: 1, Set: set}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return &engines{set: set, runtime: r, buffer: make([]byte, 256)}
}

// loaded is a program in one engine.
type loaded struct {
	name    string
	program *runtime.Program
}

// load compiles a sample for an engine under strict. No guard may be left.
func (e *engines) load(o *obj.Object, name string, b codegen.Backend, l runtime.Loader, plain bool) (loaded, error) {
	guards := 0
	opts := core.Options{Policy: verifier.Strict, Plain: plain, Dump: func(stage string, p *ir.Program) {
		if stage == "lift" {
			return
		}
		guards = 0
		for _, f := range p.Funcs {
			for _, b := range f.Blocks {
				for i := range b.Insns {
					if op := b.Insns[i].Op; op == ir.OpGuardMem || op == ir.OpGuardAlign {
						guards++
					}
				}
			}
		}
	}}
	a, err := core.Compile(context.Background(), o, e.set, b, opts)
	if err != nil {
		return loaded{}, err
	}
	if guards > 0 {
		return loaded{}, fmt.Errorf("%s: %d guards are left under strict", name, guards)
	}
	ps, err := e.runtime.Load(a, l)
	if err != nil {
		return loaded{}, err
	}
	return loaded{name, ps[0]}, nil
}

// outcome is what a run shows.
func (e *engines) run(p loaded, length int) (string, error) {
	for i := range e.buffer {
		e.buffer[i] = byte(0x1d*i*length + i>>3 + 1)
	}
	res, err := p.program.RunBatch(context.Background(), codegen.Batch{Inputs: []codegen.Input{{Mem: e.buffer[:length]}}, Fuel: 20_000})
	if err != nil {
		return "", err
	}
	r := &res.Results[0]
	if r.Fault != nil {
		if r.Fault.Rule == ir.RuleFuel {
			return "fuel", nil
		}
		return "", fmt.Errorf("%s: fault %s at insn %d, address %#x", p.name, r.Fault.Rule, r.Fault.Insn, r.Fault.Address)
	}
	return fmt.Sprintf("%#x %x", r.Ret, e.buffer), nil
}

// errRefused says that the sample is no accepted program on memory.
var errRefused = errors.New("refused")

// check compares all engines on one sample, and the interpreter's states with the verifier's.
func (e *engines) check(s *sample) error {
	o := s.object()
	o.Maps = nil // programs on memory use none
	p, err := lift(e.set, o)
	if err != nil || s.typ[:3] != "mem" {
		return errRefused
	}
	v, _, err := verifier.Analyse(p, e.set, verifier.Options{Keep: true, Steps: maxSteps})
	if err != nil {
		return errRefused
	}
	if _, _, err := verifier.Analyse(p, e.set, verifier.Options{Steps: maxSteps}); err != nil {
		return errRefused
	}
	watch := newWatcher(p, v, e.buffer)
	defer func() { e.states += watch.states }()
	var all []loaded
	defer func() {
		for _, l := range all {
			_ = l.program.Unload(context.Background())
		}
	}()
	for _, x := range e.list(watch) {
		l, err := e.load(o, x.name, x.backend, x.loader, x.plain)
		if err != nil {
			return err
		}
		all = append(all, l)
	}
	for _, length := range []int{64, 100, 77, 0, 3} {
		if uint32(length) < all[0].program.Info().CtxSize {
			continue
		}
		watch.begin(length)
		want, err := e.run(all[0], length)
		if err != nil {
			return err
		}
		for _, l := range all[1:] {
			got, err := e.run(l, length)
			if err != nil {
				return err
			}
			if got != want {
				return fmt.Errorf("%s gives %.60s…, the interpreter %.60s…", l.name, got, want)
			}
		}
	}
	return nil
}

type choice struct {
	name    string
	backend codegen.Backend
	loader  runtime.Loader
	plain   bool
}

func (e *engines) list(w *watcher) []choice {
	list := []choice{{"interp, watched", interp.New(), interp.Loader{Observer: w}, true}, {"interp", interp.New(), interp.Loader{}, false}}
	if goruntime.GOOS == "linux" && goruntime.GOARCH == "amd64" {
		list = append(list, choice{"amd64", amd64.New(), runtime.Native{}, false})
	}
	return list
}

// watcher compares the interpreter's registers with the verifier's states, before every instruction of the program.
type watcher struct {
	p      *ir.Program
	v      *verifier.Verified
	buffer []byte
	length int
	base   uint64
	at     map[place]position
	frames []verifier.ConcreteFrame
	last   []ir.Pos
	states int
}

type place struct {
	fn  string
	pos ir.Pos
}

// position is where an instruction is in the lifted program.
type position struct {
	fn, index int
	block     ir.BlockID
}

func newWatcher(p *ir.Program, v *verifier.Verified, buffer []byte) *watcher {
	w := &watcher{p: p, v: v, buffer: buffer, at: map[place]position{}}
	for fi, f := range p.Funcs {
		for _, b := range f.Blocks {
			for i := range b.Insns {
				k := place{f.Name, b.Insns[i].Pos}
				if _, ok := w.at[k]; !ok {
					w.at[k] = position{fi, i, b.ID}
				}
			}
		}
	}
	return w
}

func (w *watcher) begin(length int) { w.length, w.frames, w.last = length, nil, nil }

// Step implements interp.Observer.
func (w *watcher) Step(s *interp.State) error {
	if s.Depth >= len(w.frames) {
		w.frames, w.last = append(w.frames, verifier.ConcreteFrame{}), append(w.last, ir.NoPos)
	}
	w.frames, w.last = w.frames[:s.Depth+1], w.last[:s.Depth+1]
	pos, ok := w.at[place{s.Func.Name, s.Insn.Pos}]
	if !ok || w.last[s.Depth] == s.Insn.Pos || s.Insn.Op.Info().Effects&ir.Lowered != 0 {
		return nil // inside of what an instruction was lowered to
	}
	if len(w.frames) == 1 && w.last[0] == ir.NoPos {
		w.base = s.Regs[ir.R1]
	}
	w.last[s.Depth] = s.Insn.Pos
	f := &w.frames[s.Depth]
	f.Func, f.Block, f.Index = pos.fn, pos.block, pos.index
	copy(f.Regs[:], s.Regs[ir.R0:ir.R10+1])
	for i := range w.frames {
		w.frames[i].Stack = stackOf(s, w.frames[i].Regs[10])
	}
	w.states++
	return w.v.Holds(&verifier.Concrete{Frames: w.frames, Bases: w.bases})
}

// stackOf reads the bytes below R10; what is below the stack reads as 0.
func stackOf(s *interp.State, r10 uint64) []byte {
	b := make([]byte, ir.MaxStack)
	for i := 0; i < len(b); i += 8 {
		if v, ok := s.Mem.Load64(ir.RegionStack, r10-uint64(len(b)-i)); ok {
			write(b[i:i+8], v)
		}
	}
	return b
}

func (w *watcher) bases(a verifier.Area, i int) []uint64 {
	switch a {
	case verifier.AreaMemory:
		return []uint64{w.base}
	case verifier.AreaMemoryEnd:
		return []uint64{w.base + uint64(w.length)}
	case verifier.AreaFunc:
		return []uint64{uint64(ir.FuncValue) + uint64(i)}
	}
	return nil
}

// TestEngines: what strict accepts has no guard, never faults, gives the same on every engine, and the
// interpreter's registers and stack are in the verifier's states before every instruction.
func TestEngines(t *testing.T) {
	e, accepted := newEngines(t), 0
	for seed := uint64(0); accepted < 12; seed++ {
		s := generate(seed)
		err := e.check(s)
		switch {
		case err == nil:
			accepted++
		case !errors.Is(err, errRefused):
			small := shrink(s, func(c *sample) bool { err := e.check(c); return err != nil && !errors.Is(err, errRefused) })
			t.Errorf("seed %d: %v\n%s%v", seed, err, listing(small), e.check(small))
			accepted++
		}
	}
	require.Greater(t, e.states, 300)
}

// TestEnginesLong compares engines as BPFC_LONG says: for a duration, or on a number of accepted programs on memory.
func TestEnginesLong(t *testing.T) {
	limit, count := long(t)
	first, _ := strconv.ParseUint(os.Getenv("BPFC_SEED"), 10, 64)
	e, accepted, seed := newEngines(t), 0, first
	last := time.Now()
	for start := last; time.Since(start) < limit && accepted < count; seed++ {
		s := generate(seed)
		err := e.check(s)
		if errors.Is(err, errRefused) {
			continue
		}
		if accepted++; err != nil {
			t.Errorf("seed %d: %v\n%s", seed, err, listing(s))
		}
		if dir := os.Getenv("BPFC_FINDINGS"); dir != "" && time.Since(last) > 30*time.Second {
			last = time.Now()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "engines"), []byte(fmt.Sprintf("seed %d, %d accepted, failed %v\n", seed, accepted, t.Failed())), 0o644))
		}
	}
	t.Logf("%d programs on memory of %d of any type; %d states compared", accepted, seed-first, e.states)
}
