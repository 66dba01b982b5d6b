package interp_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/interp"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/runtime"
)

// FuzzRun: any IR is refused or runs without harm, and observed as unobserved.
// Runs of more than some thousand instructions are left out.
func FuzzRun(f *testing.F) {
	for _, k := range kernels {
		f.Add(k.text, []byte("memory"), false)
	}
	f.Add(body("guard.mem.w64 [r10-8], region 0, rule memory @1\nstore.u64 [r10-8], 7 @1\nexit"), []byte{}, true)
	f.Add(body("r3 = mov64 1\natomic.add.u64.relaxed [r1+r3*4], r3\nr0 = lea [r1+r3*8-7]\nexit"), make([]byte, 16), true)
	rt, err := runtime.New(runtime.Options{Spec: codegen.Spec{CPUs: 1, Helpers: goHelpers}, Reserve: 64 << 20})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string, mem []byte, hidden bool) {
		p, err := ir.Parse("fuzz.ir", text)
		if err != nil {
			return
		}
		e := codegen.EntryInfo{Name: "fuzz", Context: abi.CtxMemory, StackSize: 512, StackRegion: 512}
		if hidden {
			e.StackRegion = 0
		}
		u := &codegen.Unit{Programs: []*ir.Program{p}, Entries: []codegen.EntryInfo{e}, Maps: p.Maps, Data: p.Data, Helpers: p.Helpers}
		a, err := interp.New().Compile(context.Background(), u, codegen.Options{})
		if err != nil {
			return
		}
		initial := bytes.Clone(mem)
		ret, err := runOnce(rt, a, interp.Loader{Observer: &watcher{limit: 5000}}, mem)
		if errors.Is(err, errEnough) || errors.Is(err, errNotLoaded) {
			return
		}
		after := bytes.Clone(mem)
		copy(mem, initial)
		ret2, err2 := runOnce(rt, a, interp.Loader{}, mem)
		require.Equal(t, ret, ret2)
		require.Equal(t, err, err2)
		require.Equal(t, after, mem)
	})
}

var errNotLoaded = errors.New("not loaded")

// runOnce loads, runs and unloads.
func runOnce(rt *runtime.Runtime, a *codegen.Artifact, l interp.Loader, mem []byte) (uint64, error) {
	ps, err := rt.Load(a, l)
	if err != nil {
		return 0, errNotLoaded
	}
	defer func() { _ = ps[0].Unload(context.Background()) }()
	w, err := ps[0].Worker(context.Background())
	if err != nil {
		return 0, err
	}
	defer w.Release()
	w.SetFuel(1000)
	return w.Run(mem)
}
