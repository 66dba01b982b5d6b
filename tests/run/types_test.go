package run

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
)

// load compiles one program of an object and loads it.
func (x *trial) load(t *testing.T, e engine, session codegen.Session, path, program string) codegen.ProgID {
	o, refused := x.Read(path)
	require.Nil(t, refused)
	a, err := core.Compile(t.Context(), o, x.Set, e, core.Options{Programs: []string{program}})
	require.NoError(t, err)
	ids, err := session.Load(t.Context(), a)
	require.NoError(t, err)
	return ids[0]
}

// A tail call leads to programs of the caller's type only: another type's would find another context.
func TestProgArraysHoldOneType(t *testing.T) {
	x := newTrial(t)
	for _, e := range x.engines {
		session, err := e.Open(t.Context(), codegen.Spec{CPUs: 1, Set: x.Set})
		require.NoError(t, err)
		defer session.Close()
		start, step := x.load(t, e, session, "testdata/chains.o", "chain_start"), x.load(t, e, session, "testdata/chains.o", "chain_end")
		frame := x.load(t, e, session, "testdata/balancer.o", "translate")
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

// What a run leaves is the packet with its metadata, and a context in which no address of this process is.
func TestResultsHoldNoAddresses(t *testing.T) {
	const sk, data, meta = 168, 76, 8 // offsets in struct __sk_buff, bytes of metadata
	x := newTrial(t)
	for _, e := range x.engines {
		session, err := e.Open(t.Context(), codegen.Spec{CPUs: 1, Set: x.Set})
		require.NoError(t, err)
		defer session.Close()
		run := func(path, program string, in codegen.Input) codegen.Result {
			res, err := session.Run(t.Context(), x.load(t, e, session, path, program), codegen.Batch{Inputs: []codegen.Input{in}})
			require.NoError(t, err)
			return res.Results[0]
		}
		d := newDraw(1)
		packet := d.bytes(60)
		r := run("testdata/edits.o", "edit_target", codegen.Input{Mem: packet})
		require.Equal(t, make([]byte, 8), r.Ctx[sk:sk+8], e.name)
		require.Equal(t, make([]byte, 8), r.Ctx[data:data+8], e.name)
		require.Equal(t, packet, r.Mem, e.name)
		ctx := binary.LittleEndian.AppendUint32(nil, meta)
		r = run("testdata/dynptrs.o", "ring_three_ways", codegen.Input{Mem: packet, Ctx: binary.LittleEndian.AppendUint32(ctx, uint32(len(packet)))})
		require.Equal(t, packet, r.Mem, "%s: the metadata before the packet", e.name)
	}
}
