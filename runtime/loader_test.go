package runtime

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// script is a Loader and Executable whose program is a Go function, as an interpreter is.
type script struct {
	run    func(w *Worker, r1, r2 uint64) (uint64, error)
	image  *Image
	closed int
}

func (s *script) Load(img *Image) (Executable, error) {
	s.image = img
	return s, nil
}

func (s *script) Run(w *Worker, _ int, r1, r2 uint64) (uint64, error) { return s.run(w, r1, r2) }

func (s *script) RunTrace(w *Worker, _ int, r1, r2 uint64, step func(codegen.TraceStep)) (uint64, error) {
	step(codegen.TraceStep{Slot: 1})
	step(codegen.TraceStep{Slot: 2})
	return s.run(w, r1, r2)
}

func (s *script) Close() { s.closed++ }

func (s *script) Enter(_ int, id uint64) uint64 { return id }

// scripted is an artifact for a script.
func scripted(change func(*codegen.Artifact)) *codegen.Artifact {
	a := &codegen.Artifact{
		Target: "script", Name: "test.o", StackSize: 32,
		Entries: []codegen.Entry{{EntryInfo: codegen.EntryInfo{Name: "main", Type: "mem", Context: abi.CtxMemory, StackSize: 32, StackRegion: 32,
			Lines: []obj.Line{{Slot: 0, File: "test.c", Line: 7}}}}},
		Data: []obj.Data{
			{Name: ".rodata", Bytes: []byte("12345678"), ReadOnly: true, Align: 16},
			{Name: ".data", Bytes: make([]byte, 16), Align: 4, Relocs: []obj.DataReloc{{Offset: 8, Index: 0, Addend: 3}}},
			{Name: ".bss", Bytes: make([]byte, 5), Align: 1},
		},
		Maps:    []abi.MapSpec{{Name: "m", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 4, MaxEntries: 3}},
		Helpers: []abi.Helper{{Name: "ask", Impl: abi.ImplGo}},
	}
	if change != nil {
		change(a)
	}
	a.Seal()
	return a
}

// scriptedProgram loads a script into a runtime of its own.
func scriptedProgram(t testing.TB, s *script, change func(*codegen.Artifact)) *Program {
	r, err := New(Options{Spec: codegen.Spec{CPUs: 2, Helpers: map[string]codegen.GoHelper{"ask": func(_ codegen.Call, r1, _, _, _, r5 uint64) uint64 { return r1 + r5 }}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	ps, err := r.Load(scripted(change), s)
	require.NoError(t, err)
	return ps[0]
}

func TestScriptSeesItsRegions(t *testing.T) {
	s := &script{}
	s.run = func(w *Worker, r1, r2 uint64) (uint64, error) {
		m, img := w.Mem(), s.image
		for _, c := range []struct {
			region   int
			addr     uint64
			size     uint64
			writable bool
		}{
			{ir.RegionStack, w.StackTop() - 32, 32, true},
			{ir.RegionMemory, r1, r2, true},
			{ir.RegionRodata, img.Data[0], 8, false},
			{ir.RegionData, img.Data[1], 16 + 5, true}, // and .bss, which needs no alignment
			{ir.RegionMaps, img.MapValues[0], 24, true},
		} {
			for _, at := range []uint64{c.addr, c.addr + c.size - 1} {
				require.True(t, m.Check(c.region, at, 1, false), "%+v", c)
				require.Equal(t, c.writable, m.Check(c.region, at, 1, true), "%+v", c)
			}
			require.False(t, m.Check(c.region, c.addr-1, 1, false), "%+v", c)
			require.False(t, m.Check(c.region, c.addr+c.size, 1, false), "%+v", c)
		}
		v, ok := m.Load64(ir.RegionData, img.Data[1]+8)
		require.True(t, ok)
		require.Equal(t, img.Data[0]+3, v, "an address in a section")
		require.Equal(t, img.Data[1]+16, img.Data[2])
		require.Zero(t, img.Data[0]%16)
		r0, on := w.CallHelper(0, &[5]uint64{40, 0, 0, 0, 2})
		require.True(t, on)
		return r0, nil
	}
	p := scriptedProgram(t, s, nil)
	for range 2 {
		got, err := p.Run(make([]byte, 9))
		require.NoError(t, err)
		require.EqualValues(t, 42, got)
	}
}

func TestScriptArguments(t *testing.T) {
	var r1, r2 uint64
	s := &script{run: func(_ *Worker, a, b uint64) (uint64, error) {
		r1, r2 = a, b
		return 1<<40 | 7, nil
	}}
	p := scriptedProgram(t, s, func(a *codegen.Artifact) { a.Entries[0].Return32 = true })
	for _, mem := range [][]byte{nil, {}, make([]byte, 0, 8)} {
		got, err := p.Run(mem)
		require.NoError(t, err)
		require.EqualValues(t, 7, got, "the low half")
		require.Zero(t, r1)
		require.Zero(t, r2)
	}
	mem := words(24)
	_, err := p.Run(mem)
	require.NoError(t, err)
	require.Equal(t, []uint64{addr(mem), 24}, []uint64{r1, r2})

	p = scriptedProgram(t, s, func(a *codegen.Artifact) { a.Entries[0].Context = abi.CtxNone })
	_, err = p.Run(mem)
	require.NoError(t, err)
	require.Equal(t, []uint64{0, 0}, []uint64{r1, r2})
}

// turning is a script that loops turns times.
func turning(turns int64) *script {
	return &script{run: func(w *Worker, _, _ uint64) (uint64, error) {
		counter := w.Slice()
		for range turns {
			counter--
			if counter < 0 {
				var err error
				if counter, err = w.Refill(0, 4); err != nil {
					return 0, err
				}
			}
		}
		return uint64(turns), nil
	}}
}

func TestScriptFuel(t *testing.T) {
	ctx := context.Background()
	const turns = 2*SliceTurns + 3
	p := scriptedProgram(t, turning(turns), nil)
	res, err := p.RunBatch(ctx, codegen.Batch{Inputs: []codegen.Input{{}, {}}, Fuel: turns})
	require.NoError(t, err)
	require.Equal(t, []codegen.Result{{Ret: turns}, {Ret: turns}}, res.Results)
	res, err = p.RunBatch(ctx, codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: turns - 1})
	require.NoError(t, err)
	require.Equal(t, &codegen.Fault{Rule: ir.RuleFuel, Program: "main", Insn: 4, Source: &p.info.Lines[0]}, res.Results[0].Fault)
	_, err = p.RunBatch(ctx, codegen.Batch{Inputs: []codegen.Input{{}}, Fuel: -1})
	require.NoError(t, err)
}

func TestScriptIsCancelled(t *testing.T) {
	reason := errors.New("reason")
	ctx, cancel := context.WithCancelCause(context.Background())
	s := turning(1 << 40)
	turn := s.run
	s.run = func(w *Worker, r1, r2 uint64) (uint64, error) {
		cancel(reason)
		return turn(w, r1, r2)
	}
	p := scriptedProgram(t, s, nil)
	_, err := p.RunBatch(ctx, codegen.Batch{Inputs: []codegen.Input{{}}})
	require.ErrorIs(t, err, reason)
	_, err = p.RunBatch(ctx, codegen.Batch{Inputs: []codegen.Input{{}}})
	require.ErrorIs(t, err, reason)
}

func TestScriptTrace(t *testing.T) {
	p := scriptedProgram(t, &script{run: func(*Worker, uint64, uint64) (uint64, error) { return 3, nil }}, nil)
	res, err := p.RunBatch(context.Background(), codegen.Batch{Inputs: []codegen.Input{{}}, Trace: true, Repeat: 2})
	require.NoError(t, err)
	require.Equal(t, []codegen.Result{{Ret: 3, Trace: []codegen.TraceStep{{Slot: 1}, {Slot: 2}}}}, res.Results)
}

func TestScriptIsClosedOnce(t *testing.T) {
	s := &script{}
	p := scriptedProgram(t, s, nil)
	require.NoError(t, p.Unload(context.Background()))
	require.Equal(t, 1, s.closed)
	require.ErrorIs(t, p.Unload(context.Background()), ErrUnloaded)
}

func TestDataAddressOutsideIsRefused(t *testing.T) {
	for _, r := range []obj.DataReloc{{Offset: 9}, {Offset: 1<<32 - 1}, {Index: 3}, {Index: -1}} {
		rt, err := New(Options{Spec: codegen.Spec{CPUs: 1, Helpers: map[string]codegen.GoHelper{"ask": func(_ codegen.Call, _, _, _, _, _ uint64) uint64 { return 0 }}}})
		require.NoError(t, err)
		_, err = rt.Load(scripted(func(a *codegen.Artifact) { a.Data[1].Relocs[0] = r }), &script{})
		require.ErrorContains(t, err, "section .data: the address at", "%+v", r)
		require.NoError(t, rt.Close())
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Spec: codegen.Spec{CPUs: -1}}, {Reserve: 3 << 30}} {
		_, err := New(o)
		require.Error(t, err)
	}
	r, err := New(Options{Spec: codegen.Spec{CPUs: 130}, Reserve: reserveMinimum})
	require.NoError(t, err)
	require.Equal(t, 130, r.CPUs())
	require.NoError(t, r.Close())
	_, err = New(Options{Spec: codegen.Spec{CPUs: 1000}, Reserve: reserveMinimum})
	require.ErrorIs(t, err, errFull)
}
