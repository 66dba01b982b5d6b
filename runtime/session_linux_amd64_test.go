package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

func openSession(t testing.TB, spec codegen.Spec) *Session {
	s, err := OpenSession(context.Background(), spec, Native{})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Close(); !errors.Is(err, ErrClosed) {
			require.NoError(t, err)
		}
	})
	return s
}

func goHelpers() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{"ask": func(_ codegen.Call, r1, _, _, _, r5 uint64) uint64 { return r1 + r5 }}
}

func TestBatch(t *testing.T) {
	ctx := context.Background()
	s := openSession(t, codegen.Spec{CPUs: 1, Helpers: goHelpers()})
	ids, err := s.Load(ctx, artifact(t, constant, length, guarded))
	require.NoError(t, err)
	require.Equal(t, []codegen.ProgID{1, 2, 3}, ids)

	a, b := []byte{1, 2}, []byte{9}
	res, err := s.Run(ctx, ids[1], codegen.Batch{Inputs: []codegen.Input{{Mem: a}, {Mem: b}}, Repeat: 3})
	require.NoError(t, err)
	require.Equal(t, 6, res.Runs)
	require.Equal(t, []codegen.Result{{Ret: 5, Mem: []byte{4, 2}}, {Ret: 12, Mem: []byte{12}}}, res.Results)
	require.Equal(t, []byte{4, 2}, a, "in place")

	good := make([]byte, 8)
	res, err = s.Run(ctx, ids[2], codegen.Batch{Inputs: []codegen.Input{{Mem: []byte{1}}, {Mem: good}}, Repeat: 5})
	require.NoError(t, err, "a fault is a result, the next input follows")
	require.Equal(t, ir.RuleMemory, res.Results[0].Fault.Rule)
	require.Nil(t, res.Results[1].Fault)
	require.Equal(t, 6, res.Runs, "a fault ends the repetition")

	_, err = s.Run(ctx, ids[1], codegen.Batch{Inputs: []codegen.Input{{}}})
	require.ErrorContains(t, err, "at least 1 bytes")
	_, err = s.Run(ctx, 77, codegen.Batch{})
	require.ErrorIs(t, err, ErrUnloaded)
}

func TestBatchFuelAndCancellation(t *testing.T) {
	ctx := context.Background()
	s := openSession(t, codegen.Spec{CPUs: 1, Helpers: goHelpers()})
	ids, err := s.Load(ctx, artifact(t, forever))
	require.NoError(t, err)
	in := codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: 3 * SliceTurns}
	res, err := s.Run(ctx, ids[0], in)
	require.NoError(t, err)
	require.Equal(t, ir.RuleFuel, res.Results[0].Fault.Rule)

	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	in.Fuel = -1
	res, err = s.Run(short, ids[0], in)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, res.Results)
}

func TestWaitingForAWorkerIsCancelled(t *testing.T) {
	r := open(t, 1)
	p := load(t, r, constant)[0]
	w, err := p.Worker(context.Background())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = p.RunBatch(ctx, codegen.Batch{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	w.Release()
	_, err = w.Run(nil)
	require.ErrorIs(t, err, errReleased)
	_, err = p.RunBatch(context.Background(), codegen.Batch{})
	require.NoError(t, err)
}

func TestMaps(t *testing.T) {
	ctx := context.Background()
	s := openSession(t, codegen.Spec{CPUs: 1, Helpers: goHelpers()})
	ids, err := s.Load(ctx, artifact(t, element, counter))
	require.NoError(t, err)
	for range 3 {
		_, err = s.Run(ctx, ids[0], codegen.Batch{Inputs: []codegen.Input{{}}})
		require.NoError(t, err)
	}
	key := func(i uint32) []byte { return binary.LittleEndian.AppendUint32(nil, i) }
	value := func(first byte) []byte { return append([]byte{first}, make([]byte, 11)...) }
	spec := abi.MapSpec{Name: "counts", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 12, MaxEntries: 3}
	data := abi.MapSpec{Name: ".data", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	rodata := abi.MapSpec{Name: ".rodata", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: abi.MapFlagReadOnlyProg}

	cases := []struct {
		name string
		op   codegen.MapOp
		want codegen.MapResult
	}{
		{"get", codegen.MapOp{Kind: codegen.MapGet, Map: "counts", Key: key(0)}, codegen.MapResult{Entries: []codegen.MapEntry{{Map: spec, Key: key(0), Value: value(3)}}}},
		{"put", codegen.MapOp{Kind: codegen.MapPut, Map: "counts", Key: key(2), Value: value(9)}, codegen.MapResult{}},
		{"get beyond", codegen.MapOp{Kind: codegen.MapGet, Map: "counts", Key: key(3)}, codegen.MapResult{Err: "ENOENT"}},
		{"put beyond", codegen.MapOp{Kind: codegen.MapPut, Map: "counts", Key: key(3), Value: value(9)}, codegen.MapResult{Err: "E2BIG"}},
		{"short value", codegen.MapOp{Kind: codegen.MapPut, Map: "counts", Key: key(1), Value: []byte{1}}, codegen.MapResult{Err: "EINVAL"}},
		{"long key", codegen.MapOp{Kind: codegen.MapGet, Map: "counts", Key: make([]byte, 8)}, codegen.MapResult{Err: "EINVAL"}},
		{"delete", codegen.MapOp{Kind: codegen.MapDelete, Map: "counts", Key: key(0)}, codegen.MapResult{Err: "EINVAL"}},
		{"no map", codegen.MapOp{Kind: codegen.MapGet, Map: "nothing", Key: key(0)}, codegen.MapResult{Err: "EBADF"}},
		{"iterate", codegen.MapOp{Kind: codegen.MapIterate, Map: "counts"}, codegen.MapResult{Entries: []codegen.MapEntry{
			{Map: spec, Key: key(0), Value: value(3)}, {Map: spec, Key: key(1), Value: value(0)}, {Map: spec, Key: key(2), Value: value(9)}}}},
		{"read-only section", codegen.MapOp{Kind: codegen.MapPut, Map: ".rodata", Key: key(0), Value: make([]byte, 8)}, codegen.MapResult{Err: "EPERM"}},
		{"section", codegen.MapOp{Kind: codegen.MapPut, Map: ".data", Key: key(0), Value: []byte{50, 0, 0, 0, 0, 0, 0, 0}}, codegen.MapResult{}},
		{"list", codegen.MapOp{Kind: codegen.MapList}, codegen.MapResult{Entries: []codegen.MapEntry{{Map: spec, Value: []byte{1, 0, 0, 0}}, {Map: rodata}, {Map: data}}}},
	}
	for _, c := range cases {
		c.op.Prog = ids[0]
		got, err := s.Maps(ctx, []codegen.MapOp{c.op})
		require.NoError(t, err, c.name)
		require.Equal(t, []codegen.MapResult{c.want}, got, c.name)
	}
	res, err := s.Run(ctx, ids[1], codegen.Batch{Inputs: []codegen.Input{{}}})
	require.NoError(t, err)
	require.EqualValues(t, 151, res.Results[0].Ret, "the section as written, incremented, and the constant")
	_, err = s.Maps(ctx, []codegen.MapOp{{Prog: 99}})
	require.ErrorIs(t, err, ErrUnloaded)
}

func TestLoadRefuses(t *testing.T) {
	digest := func(def any) [32]byte {
		d, err := abi.Digest(def)
		require.NoError(t, err)
		return d
	}
	mem := abi.ProgType{Name: "mem", Sections: []string{"mem"}, Context: abi.Context{Kind: abi.CtxMemory}}
	set := &abi.Set{Types: []abi.ProgType{mem}, MapKinds: []abi.MapKind{{Name: "hash", Type: 1}}}
	cases := []struct {
		name   string
		change func(*codegen.Artifact)
		want   string // "" if it loads
	}{
		{"unchanged", func(a *codegen.Artifact) {}, ""},
		{"same type", func(a *codegen.Artifact) {
			a.Items = []codegen.Item{{Kind: "type", Name: "mem", Digest: digest(mem)}}
		}, ""},
		{"other type", func(a *codegen.Artifact) { a.Items = []codegen.Item{{Kind: "type", Name: "mem"}} },
			"type mem is not the one that it was compiled with"},
		{"no such helper", func(a *codegen.Artifact) { a.Items = []codegen.Item{{Kind: "helper", Name: "x/y"}} },
			"helper x/y, which it was compiled with, is not known here"},
		{"architecture", func(a *codegen.Artifact) { a.Arch = "arm64" }, "code for arm64 on amd64 is not supported"},
		{"CPU level", func(a *codegen.Artifact) { a.CPU = "x86-64-v9" }, `code for CPU level "x86-64-v9" is not supported: this machine has`},
		{"map kind of a map that nothing refers to", func(a *codegen.Artifact) { a.Maps[0].Type = 33 }, ""},
		{"map key", func(a *codegen.Artifact) { a.Maps[0].KeySize = 8 }, "its keys have 8 bytes: an index has 4"},
		{"many maps", func(a *codegen.Artifact) {
			for len(a.Maps) <= 60 {
				a.Maps = append(a.Maps, a.Maps[0])
			}
		}, "an object of 61 maps is not supported"},
		{"huge map", func(a *codegen.Artifact) { a.Maps[0].MaxEntries, a.Maps[0].ValueSize = 1<<32-1, 1<<32-1 }, "make them smaller"},
		{"helper without implementation", func(a *codegen.Artifact) { a.Helpers[0].Impl = abi.ImplNone }, ""},
		{"Go helper of another name", func(a *codegen.Artifact) { a.Helpers[0].Name = "unknown" }, "helper unknown is not supported: it is a Go function"},
		{"remote helper", func(a *codegen.Artifact) { a.Helpers[0].Name, a.Helpers[0].Impl = "far", abi.ImplRemote }, "was not given the plugin"},
		{"native helper of another target", func(a *codegen.Artifact) { a.Helpers[1].NativeTarget = "arm64" }, `machine code is for "arm64"`},
		{"stack", func(a *codegen.Artifact) { a.Entries[0].StackSize, a.StackSize = 1<<20, 1<<20 }, "uses 1048576 bytes of stack"},
		{"context", func(a *codegen.Artifact) { a.Entries[0].Context = abi.CtxStruct }, "its type has another kind of context"},
		{"no programs", func(a *codegen.Artifact) { a.Entries = nil }, "it has no programs"},
		{"alignment", func(a *codegen.Artifact) { a.Data[0].Align = 3 }, "alignment 3"},
		{"not machine code", func(a *codegen.Artifact) { a.Arch = "" }, "as machine code is not supported"},
	}
	for _, c := range cases {
		s := openSession(t, codegen.Spec{CPUs: 1, Set: set, Helpers: goHelpers()})
		a := artifact(t, constant)
		c.change(a)
		a.Seal()
		_, err := s.Load(context.Background(), a)
		if c.want == "" {
			require.NoError(t, err, c.name)
		} else {
			require.ErrorContains(t, err, c.want, c.name)
			require.ErrorContains(t, err, "loading test.o: ", c.name)
		}
		if c.want != "" {
			free := s.runtime.arena.free
			require.Equal(t, s.runtime.workers[0].pages.end(), free[0].off, "%s: a refused artifact takes no memory", c.name)
		}
	}
	s := openSession(t, codegen.Spec{CPUs: 1, Helpers: goHelpers()})
	a := artifact(t, constant)
	a.Code[0] ^= 1
	_, err := s.Load(context.Background(), a)
	var d *codegen.DigestError
	require.ErrorAs(t, err, &d)
}

func TestUnloadWaitsForRuns(t *testing.T) {
	r := open(t, 2)
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.sets.helpers["ask"] = func(_ codegen.Call, _, _, _, _, _ uint64) uint64 {
		once.Do(func() { close(inside) })
		<-leave
		return 5
	}
	p := load(t, r, asks)[0]
	type result struct {
		res codegen.Results
		err error
	}
	done := make(chan result)
	go func() {
		res, err := p.RunBatch(context.Background(), codegen.Batch{Inputs: make([]codegen.Input, 3)})
		res.Elapsed = 0
		done <- result{res, err}
	}()
	<-inside
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Unload(ctx), context.DeadlineExceeded)
	require.Len(t, r.retired, 1, "its memory is not freed yet")
	_, err := p.Run(nil)
	require.ErrorIs(t, err, ErrUnloaded)
	other := load(t, r, constant)[0]
	got, err := other.Run(nil)
	require.NoError(t, err)
	require.EqualValues(t, 42, got)
	close(leave)
	require.Equal(t, result{codegen.Results{Results: []codegen.Result{{Ret: 5}, {Ret: 5}, {Ret: 5}}, Runs: 3}, nil}, <-done, "a batch is finished")
	require.NoError(t, other.Unload(context.Background()))
	require.Empty(t, r.retired)
}

func TestHeldWorkerKeepsItsProgram(t *testing.T) {
	r := open(t, 2)
	p, other := load(t, r, constant)[0], load(t, r, counter)[0]
	w, err := p.Worker(context.Background())
	require.NoError(t, err)
	require.NoError(t, other.Unload(context.Background()), "a held worker holds its own program only")
	unloaded := make(chan error)
	go func() { unloaded <- p.Unload(context.Background()) }()
	for {
		if _, err = w.Run(nil); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, ErrUnloaded, "a loop of runs notices")
	w.Release()
	w.Release()
	require.NoError(t, <-unloaded)
}

func TestCloseEndsRuns(t *testing.T) {
	r := open(t, 2)
	p := load(t, r, forever)[0]
	done := make(chan error)
	for range 4 { // two of them wait for a worker
		go func() {
			_, err := p.RunBatch(context.Background(), codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: -1})
			done <- err
		}()
	}
	time.Sleep(5 * time.Millisecond)
	require.NoError(t, r.Close())
	for range 4 {
		require.ErrorIs(t, <-done, ErrClosed)
	}
	require.ErrorIs(t, r.Close(), ErrClosed)
	_, err := p.Run(nil)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, p.Unload(context.Background()), ErrClosed)
	_, err = p.Map(&codegen.MapOp{Kind: codegen.MapList})
	require.ErrorIs(t, err, ErrClosed)
	_, err = r.Load(artifact(t, constant), Native{})
	require.ErrorIs(t, err, ErrClosed)
}

func TestCloseWithHeldWorker(t *testing.T) {
	r := open(t, 1)
	p := load(t, r, constant)[0]
	w, err := p.Worker(context.Background())
	require.NoError(t, err)
	require.ErrorContains(t, r.Close(), "1 workers are still held")
	_, err = w.Run(nil)
	require.ErrorIs(t, err, ErrClosed)
	require.False(t, r.gone)
	w.Release()
	require.True(t, r.gone)
}

func TestPanicInHelperFreesTheWorker(t *testing.T) {
	r := open(t, 1)
	ask := r.sets.helpers["ask"]
	fail := true
	r.sets.helpers["ask"] = func(_ codegen.Call, r1, r2, r3, r4, r5 uint64) uint64 {
		if fail {
			panic("helper")
		}
		return ask(nil, r1, r2, r3, r4, r5)
	}
	p := load(t, r, asks)[0]
	require.PanicsWithValue(t, "helper", func() { _, _ = p.Run(nil) })
	fail = false
	got, err := p.Run(nil)
	require.NoError(t, err)
	require.EqualValues(t, 12345, got)
}

func TestManyGoroutinesShareWorkers(t *testing.T) {
	r := open(t, 3)
	var mu sync.Mutex
	p := load(t, r, length)[0]
	q := load(t, r, asks, element)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mem := bytes.Repeat([]byte{byte(g)}, 10+g)
			for i := range 300 {
				mem[0] = byte(i)
				got, err := p.Run(mem)
				expect(t, &mu, err == nil && got == uint64(10+g+int(byte(i))), "%d %v", got, err)
				got, err = q[0].Run(nil)
				expect(t, &mu, err == nil && got == 12345, "%d %v", got, err)
				_, err = q[1].Run(nil)
				expect(t, &mu, err == nil, "%v", err)
			}
		}()
	}
	wg.Wait()
	got, err := q[1].Run(nil)
	require.NoError(t, err)
	require.EqualValues(t, 2401, got)
}

// expect is an assertion that goroutines may make.
func expect(t *testing.T, mu *sync.Mutex, ok bool, format string, args ...any) {
	if !ok {
		mu.Lock()
		defer mu.Unlock()
		t.Errorf(format, args...)
	}
}

// TestSwapUnderLoad replaces a program again and again while others run it.
func TestSwapUnderLoad(t *testing.T) {
	r := open(t, 2)
	var mu sync.RWMutex
	current := load(t, r, constant)[0]
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.RLock()
				p := current
				mu.RUnlock()
				if got, err := p.Run(nil); !errors.Is(err, ErrUnloaded) && (err != nil || got != 42) {
					t.Errorf("%d %v", got, err)
					return
				}
			}
		}()
	}
	a := artifact(t, constant)
	for range 100 {
		ps, err := r.Load(a, Native{})
		require.NoError(t, err)
		mu.Lock()
		old := current
		current = ps[0]
		mu.Unlock()
		require.NoError(t, old.Unload(context.Background()))
	}
	close(stop)
	wg.Wait()
	require.NoError(t, current.Unload(context.Background()))
	require.Len(t, r.arena.free, 1, "everything is free again, in one piece")
}

// usage is what the process holds of the system.
type usage struct{ mappings, descriptors, rss int }

func measure(t *testing.T) (u usage) {
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	u.mappings = bytes.Count(maps, []byte("\n"))
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	u.descriptors = len(fds)
	status, err := os.ReadFile("/proc/self/smaps_rollup")
	require.NoError(t, err)
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Rss:" {
			for _, c := range f[1] {
				u.rss = u.rss*10 + int(c-'0')
			}
		}
	}
	return u
}

func TestLoadCloseCyclesLeaveNothing(t *testing.T) {
	n := 500
	if os.Getenv("BPFC_LONG") != "" {
		n = 10_000
	}
	r := open(t, 1)
	a := artifact(t, constant, counter, native, asks)
	cycle := func() {
		ps, err := r.Load(a, Native{})
		require.NoError(t, err)
		_, err = ps[1].Run(nil)
		require.NoError(t, err)
		for _, p := range ps {
			require.NoError(t, p.Unload(context.Background()))
		}
	}
	for range 50 {
		cycle()
	}
	before := measure(t)
	for range n {
		cycle()
	}
	after := measure(t)
	t.Logf("%d cycles: %+v, then %+v (RSS in KiB)", n, before, after)
	require.LessOrEqual(t, after.mappings, before.mappings+8, "the collector maps a little now and then")
	require.Equal(t, before.descriptors, after.descriptors)
	require.Less(t, after.rss, before.rss+16<<10)
	require.Len(t, r.arena.free, 1)
}

func TestRuntimesLeaveNothing(t *testing.T) {
	cycle := func() {
		s, err := OpenSession(context.Background(), codegen.Spec{CPUs: 2, Helpers: goHelpers()}, Native{})
		require.NoError(t, err)
		_, err = s.Load(context.Background(), artifact(t, constant))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	cycle()
	before := measure(t)
	for range 50 {
		cycle()
	}
	require.LessOrEqual(t, measure(t).mappings, before.mappings+8)
}
