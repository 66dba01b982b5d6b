package runtime

import (
	"context"
	"io"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpfc/bpfc/core/codegen"
)

// TestSignalsAndCollector runs machine code while the collector runs all the
// time and every thread gets SIGURG and SIGPROF a thousand times a second.
// BPFC_LONG=60s makes it last.
func TestSignalsAndCollector(t *testing.T) {
	duration := 500 * time.Millisecond
	if d, err := time.ParseDuration(os.Getenv("BPFC_LONG")); err == nil {
		duration = d
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	goruntime.SetBlockProfileRate(1000)
	defer goruntime.SetBlockProfileRate(0)
	require.NoError(t, pprof.StartCPUProfile(io.Discard))
	defer pprof.StopCPUProfile()

	require.NoError(t, trace.Start(io.Discard)) // it walks stacks by frame pointers
	defer trace.Stop()

	r := open(t, 4)
	r.sets.helpers["ask"] = func(_ codegen.Call, r1, r2, r3, r4, r5 uint64) uint64 {
		a := [5]uint64{r1, r2, r3, r4, r5}
		grow(64, &a)
		return a[0]*10000 + a[1]*1000 + a[2]*100 + a[3]*10 + a[4]
	}
	ps := load(t, r, asks, count, saved, guarded, element, forever, slow, length)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	var runs, collections, signals atomic.Int64
	background := func(f func()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		}()
	}
	background(func() {
		goruntime.GC()
		collections.Add(1)
		time.Sleep(time.Millisecond)
	})
	background(func() {
		signals.Add(signalThreads(t))
		time.Sleep(time.Millisecond)
	})
	for range 3 {
		background(func() {
			stress(t, ps)
			runs.Add(1)
		})
	}
	time.Sleep(duration)
	close(stop)
	wg.Wait()
	t.Logf("%v: %d rounds of runs, %d collections, %d signals", duration, runs.Load(), collections.Load(), signals.Load())
	require.NotZero(t, runs.Load())
	require.NotZero(t, collections.Load())
	require.NotZero(t, signals.Load())
}

// TestStackMovesInHelper grows the goroutine's stack below machine code, shrinks
// it by collections, and walks it.
func TestStackMovesInHelper(t *testing.T) {
	r := open(t, 1)
	var names []string
	r.sets.helpers["ask"] = func(_ codegen.Call, r1, r2, r3, r4, r5 uint64) uint64 {
		a := [5]uint64{r1, r2, r3, r4, r5}
		grow(300, &a)
		goruntime.GC()
		goruntime.GC()
		grow(1000, &a)
		names = callers()
		return a[0]
	}
	p := load(t, r, asks)[0]
	done := make(chan struct{})
	go func() { // its stack is small
		defer close(done)
		got, err := p.Run(nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, got)
	}()
	<-done
	require.Contains(t, names, "github.com/bpfc/bpfc/runtime.exited", "what machine code called")
	require.Contains(t, names, "github.com/bpfc/bpfc/runtime.(*Program).Run", "what called machine code")
}

func callers() (names []string) {
	var pcs [100]uintptr
	frames := goruntime.CallersFrames(pcs[:goruntime.Callers(0, pcs[:])])
	for more := true; more; {
		var f goruntime.Frame
		f, more = frames.Next()
		names = append(names, f.Function)
	}
	return names
}

// grow uses some kilobytes of stack, so that it has to move, and leaves garbage.
//
//go:noinline
func grow(depth int, a *[5]uint64) (n int) {
	var frame [128]byte
	frame[depth&127] = byte(depth)
	if depth > 0 {
		n = grow(depth-1, a)
	}
	return n + len(make([]byte, 16+depth)) + int(frame[depth&127])
}

// stress runs every program once on a new goroutine, whose stack is small.
func stress(t *testing.T, ps []*Program) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		mem := make([]byte, 100_000)
		for i, want := range []uint64{12345, 100_000, 1<<14 - 1, 0} {
			in := mem
			if i == 0 || i == 2 {
				in = nil
			}
			if got, err := ps[i].Run(in); err != nil || got != want {
				t.Errorf("%s: %d %v", ps[i].info.Name, got, err)
			}
		}
		if _, err := ps[4].Run(nil); err != nil {
			t.Error(err)
		}
		for range 100 {
			if got, err := ps[6].Run(nil); err != nil || got != 7 {
				t.Errorf("a leaf: %d %v", got, err)
			}
			if got, err := ps[7].Run(make([]byte, 10)); err != nil || got != 10 {
				t.Errorf("a leaf that writes: %d %v", got, err)
			}
		}
		res, err := ps[5].RunBatch(context.Background(), codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: SliceTurns + 1})
		if err != nil || res.Results[0].Fault == nil {
			t.Error(res, err)
		}
	}()
	<-done
}

// signalThreads sends both signals to every thread of the process.
func signalThreads(t *testing.T) (sent int64) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Error(err)
	}
	for _, task := range tasks {
		tid := 0
		for _, c := range task.Name() {
			tid = tid*10 + int(c-'0')
		}
		for _, sig := range []syscall.Signal{unix.SIGURG, unix.SIGPROF} {
			if unix.Tgkill(os.Getpid(), tid, sig) == nil {
				sent++
			}
		}
	}
	return sent
}
