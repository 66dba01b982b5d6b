package run

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
)

// A tail call leads to programs of the caller's type only: another type's would find another context.
func TestProgArraysHoldOneType(t *testing.T) {
	x := newTrial(t)
	for _, e := range x.engines {
		session, err := e.Open(t.Context(), codegen.Spec{CPUs: 1, Set: x.Set})
		require.NoError(t, err)
		defer session.Close()
		load := func(path, program string) codegen.ProgID {
			o, refused := x.Read(path)
			require.Nil(t, refused)
			a, err := core.Compile(t.Context(), o, x.Set, e, core.Options{Programs: []string{program}})
			require.NoError(t, err)
			ids, err := session.Load(t.Context(), a)
			require.NoError(t, err)
			return ids[0]
		}
		start, step, frame := load("testdata/chains.o", "chain_start"), load("testdata/chains.o", "chain_end"), load("testdata/balancer.o", "translate")
		put := func(id codegen.ProgID) string {
			value := binary.LittleEndian.AppendUint32(nil, uint32(id))
			res, err := session.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapPut, Prog: start, Map: "stages", Key: make([]byte, 4), Value: value}})
			require.NoError(t, err)
			return res[0].Err
		}
		require.Equal(t, "EINVAL", put(frame), "%s: nothing was in the array yet, but a program of type tc refers to it", e.name)
		require.Empty(t, put(step), e.name)
	}
}
