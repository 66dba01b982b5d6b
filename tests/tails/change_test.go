package tails

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk"
)

const (
	changing = ".program main\nr6 = r1\nr1 = r6\ncall f\nexit\nf: r6 = r1\nTAIL 0\nGO\nr0 = 3\nexit"
	one      = ".program main\nr0 = 1\nexit"
	two      = ".program main\nr0 = 2\nexit"
)

// Slots are filled, replaced and emptied, and what they held is unloaded, while eight goroutines run.
func TestSlotsChangeUnderWay(t *testing.T) {
	for _, e := range linked() {
		s := open(t, e, sdk.Strict, 4, changing)
		var runs sync.WaitGroup
		stop := make(chan struct{})
		for range 8 {
			runs.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					r, err := s.Run(t.Context(), s.ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: make([]byte, 64)}}, Repeat: 50})
					if err != nil || r.Results[0].Ret < 1 || r.Results[0].Ret > 3 {
						t.Errorf("%s: %v, %v", e.name, r.Results, err)
						return
					}
				}
			})
		}
		for range 8 {
			a, b := s.add(t, e, sdk.Strict, one), s.add(t, e, sdk.Strict, two)
			s.put(t, "j", 0, le(uint64(a), 4))
			require.NoError(t, s.Unload(t.Context(), a)) // it stays in its slot
			s.put(t, "j", 0, le(uint64(b), 4))
			require.NoError(t, s.Unload(t.Context(), b))
			r, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapDelete, Prog: s.ids[0], Map: "j", Key: le(0, 4)}})
			require.NoError(t, err)
			require.Empty(t, r[0].Err)
		}
		close(stop)
		runs.Wait()
		require.NoError(t, s.Close())
	}
}

// A program that is unloaded stays where a prog array has it, and is gone when nothing has it any more.
func TestUnloadedProgramsStayInSlots(t *testing.T) {
	for _, e := range linked() {
		s := open(t, e, sdk.Strict, 1, changing, one, two)
		require.EqualValues(t, 3, s.run(t, s.ids[0]).Ret)
		s.put(t, "j", 0, le(uint64(s.ids[1]), 4))
		require.NoError(t, s.Unload(t.Context(), s.ids[1]))
		require.EqualValues(t, 1, s.run(t, s.ids[0]).Ret, e.name)
		r, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapPut, Prog: s.ids[0], Map: "j", Key: le(1, 4), Value: le(uint64(s.ids[1]), 4)}})
		require.NoError(t, err)
		require.Equal(t, "EBADF", r[0].Err, "an unloaded program goes into no slot")
		s.put(t, "j", 0, le(uint64(s.ids[2]), 4))
		require.EqualValues(t, 2, s.run(t, s.ids[0]).Ret, e.name)
		require.NoError(t, s.Close())
	}
}
