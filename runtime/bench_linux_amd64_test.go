package runtime

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
)

func benchWorker(b *testing.B, c code) *Worker {
	w, err := load(b, open(b, 1), c)[0].Worker(context.Background())
	require.NoError(b, err)
	b.Cleanup(w.Release)
	return w
}

// BenchmarkWorkerRun is entry and return from Go.
func BenchmarkWorkerRun(b *testing.B) {
	w := benchWorker(b, constant)
	b.ReportAllocs()
	for b.Loop() {
		if v, err := w.Run(nil); v != 42 || err != nil {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkEnter is the entry stub alone.
func BenchmarkEnter(b *testing.B) {
	w := benchWorker(b, constant)
	for b.Loop() {
		if enter(w, w.rc) != 42 {
			b.Fatal()
		}
	}
}

// BenchmarkWorkerRunMemory alternates between two buffers.
func BenchmarkWorkerRunMemory(b *testing.B) {
	w := benchWorker(b, length)
	bufs := [2][]byte{make([]byte, 64), make([]byte, 64)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := w.Run(bufs[i&1]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkProgramRun leases a worker for each run.
func BenchmarkProgramRun(b *testing.B) {
	p := load(b, open(b, 1), length)[0]
	mem := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(mem); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGoHelper is BenchmarkWorkerRun with one exit to a Go function.
func BenchmarkGoHelper(b *testing.B) {
	w := benchWorker(b, asks)
	w.native.code.exits[0].call = func(_ codegen.Call, r1, _, _, _, _ uint64) uint64 { return r1 + 12344 }
	b.ReportAllocs()
	for b.Loop() {
		if v, err := w.Run(nil); v != 12345 || err != nil {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkNativeHelper is BenchmarkWorkerRun with one call of a native helper.
func BenchmarkNativeHelper(b *testing.B) {
	w := benchWorker(b, native)
	for b.Loop() {
		if _, err := w.Run(nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is loading and unloading an artifact of two programs.
func BenchmarkLoad(b *testing.B) {
	r := open(b, 1)
	a := artifact(b, constant, counter)
	for b.Loop() {
		ps, err := r.Load(a, Native{})
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range ps {
			if err := p.Unload(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
}
