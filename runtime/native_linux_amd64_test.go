package runtime

import (
	"context"
	"errors"
	goruntime "runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// open makes a runtime with the Go helper of the tests' artifacts: it returns
// the decimal digits of its arguments.
func open(t testing.TB, cpus int) *Runtime {
	spec := codegen.Spec{CPUs: cpus, Helpers: map[string]codegen.GoHelper{"ask": func(_ codegen.Call, r1, r2, r3, r4, r5 uint64) uint64 {
		return r1*10000 + r2*1000 + r3*100 + r4*10 + r5
	}}}
	r, err := New(Options{Spec: spec})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := r.Close(); !errors.Is(err, ErrClosed) {
			require.NoError(t, err)
		}
	})
	return r
}

func load(t testing.TB, r *Runtime, programs ...code) []*Program {
	ps, err := r.Load(artifact(t, programs...), Native{})
	require.NoError(t, err)
	require.Len(t, ps, len(programs))
	return ps
}

func TestRun(t *testing.T) {
	r := open(t, 1)
	cases := []struct {
		code code
		mem  []byte
		want uint64
	}{
		{constant, nil, 42},
		{length, []byte{5, 0, 0}, 8},
		{count, make([]byte, 1000), 1000},
		{count, make([]byte, 3*SliceTurns+5), 3*SliceTurns + 5},
		{asks, nil, 12345},
		{guarded, []byte{1, 2, 0, 0, 0, 0, 0, 0}, 0x201},
		{native, nil, 0},
		{counter, nil, 108},
		{element, nil, 1},
	}
	var all []code
	for _, c := range cases {
		all = append(all, c.code)
	}
	for i, p := range load(t, r, all...) {
		got, err := p.Run(cases[i].mem)
		require.NoError(t, err, cases[i].code.name)
		require.Equal(t, cases[i].want, got, cases[i].code.name)
	}
}

func TestMemoryIsWrittenInPlace(t *testing.T) {
	p := load(t, open(t, 1), length)[0]
	mem := []byte{5, 6}
	for i := range 3 {
		got, err := p.Run(mem)
		require.NoError(t, err)
		require.EqualValues(t, 7+i, got)
	}
	require.Equal(t, []byte{8, 6}, mem)
}

func TestResumeRestoresRegisters(t *testing.T) {
	p := load(t, open(t, 1), saved)[0]
	got, err := p.Run(nil)
	require.NoError(t, err)
	require.EqualValues(t, 1<<14-1, got)
}

func TestNativeHelperGetsArguments(t *testing.T) {
	p := load(t, open(t, 1), native)[0]
	mem := make([]byte, 16)
	got, err := p.Run(mem)
	require.NoError(t, err)
	w, err := p.Worker(context.Background())
	require.NoError(t, err)
	defer w.Release()
	_, err = w.Run(mem)
	require.NoError(t, err)
	require.Equal(t, w.rc.r1+w.rc.r2, got)
	args := [...][5]uint64{{0, 10, 2, 0, 3}, {10, 20}}
	for index, want := range []uint64{10203, 30} {
		r0, on := w.CallHelper(index, &args[index])
		require.True(t, on)
		require.Equal(t, want, r0, "for an interpreter")
	}
}

func TestFaultMemory(t *testing.T) {
	p := load(t, open(t, 1), constant, guarded)[1]
	_, err := p.Run(make([]byte, 7))
	var f *codegen.Fault
	require.ErrorAs(t, err, &f)
	require.NotZero(t, f.Address)
	require.Equal(t, &p.info.Lines[1], f.Source)
	f.Address, f.Source = 0, nil
	require.Equal(t, &codegen.Fault{Rule: ir.RuleMemory, Program: "guarded", Insn: 2, Size: 8}, f)
}

func TestFaultFuel(t *testing.T) {
	ps := load(t, open(t, 1), count, forever)
	for _, fuel := range []int64{1, 2, 1000, SliceTurns, SliceTurns + 1, 2*SliceTurns + 9} {
		w, err := ps[0].Worker(context.Background())
		require.NoError(t, err)
		w.SetFuel(fuel)
		got, err := w.Run(make([]byte, fuel))
		require.NoError(t, err, "%d turns allowed", fuel)
		require.EqualValues(t, fuel, got)
		_, err = w.Run(make([]byte, fuel+1))
		var f *codegen.Fault
		require.ErrorAs(t, err, &f, "%d turns allowed, one more taken", fuel)
		require.Equal(t, &codegen.Fault{Rule: ir.RuleFuel, Program: "count", Insn: 3, Source: &ps[0].info.Lines[1]}, f)
		w.Release()
	}
}

func TestUnknownExitEndsTheRun(t *testing.T) {
	p := load(t, open(t, 1), asks)[0]
	p.unit.code.(*nativeCode).exits = nil
	_, err := p.Run(nil)
	require.EqualError(t, err, "machine code of test.o left at 0x23, which is no exit")
}

func TestBrokenCodeIsRefused(t *testing.T) {
	r := open(t, 1)
	for _, c := range []struct {
		change func(*codegen.Artifact)
		want   string
	}{
		{func(a *codegen.Artifact) { copy(a.Code, []byte{0x0f, 0x05}) }, "syscall"},
		{func(a *codegen.Artifact) { a.Exits[0].Helper = 1 }, "leaves for helper add, which is no Go function"},
		{func(a *codegen.Artifact) { a.Helpers[1].Impl = abi.ImplBody }, "refers to nothing"},
	} {
		a := artifact(t, asks, native)
		c.change(a)
		a.Seal()
		_, err := r.Load(a, Native{})
		require.ErrorContains(t, err, c.want)
	}
}

func TestShortMemoryIsRefused(t *testing.T) {
	p := load(t, open(t, 1), length)[0]
	_, err := p.Run(nil)
	require.EqualError(t, err, "length is of type mem: it needs memory of at least 1 bytes, got 0")
}

// TestWaitersAreNotForgotten has many goroutines wait for one worker, whose being given back may overlook one that has just
// begun to wait, and unloads the program among them.
func TestWaitersAreNotForgotten(t *testing.T) {
	p := load(t, open(t, 1), guarded)[0]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			mem := make([]byte, 8)
			for range 2000 {
				if _, err := p.Run(mem); err != nil {
					t.Error(err)
					return
				}
				goruntime.Gosched()
			}
		})
	}
	wg.Wait()
	for range 4 {
		wg.Go(func() {
			for {
				if _, err := p.Run(make([]byte, 8)); err != nil {
					if !errors.Is(err, ErrUnloaded) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	require.NoError(t, p.Unload(context.Background()))
	wg.Wait()
}

// TestOneAfterAnother leases the first worker from goroutines, whose stacks are at different places, that never run at the same time.
func TestOneAfterAnother(t *testing.T) {
	r := open(t, 4)
	var hold sync.WaitGroup
	stop := make(chan struct{})
	for range 64 {
		done := make(chan *Worker)
		hold.Go(func() {
			w := r.tryLease()
			r.giveBack(w)
			done <- w
			<-stop // keeps its stack, so that the next one has another
		})
		require.Zero(t, (<-done).cpu)
	}
	close(stop)
	hold.Wait()
}

// TestGoroutinesHaveWorkersOfTheirOwn leases two workers at once from one place: the second is remembered.
func TestGoroutinesHaveWorkersOfTheirOwn(t *testing.T) {
	r := open(t, 2)
	a := r.tryLease()
	b := r.tryLease()
	require.NotNil(t, a)
	require.NotNil(t, b)
	require.NotSame(t, a, b)
	require.Nil(t, r.tryLease(), "there are two")
	r.giveBack(a)
	r.giveBack(b)
}
