package networking_test

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"slices"
	"testing"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk"
	linked "github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

// The scripts of the other tests as programs: verified, compiled and run on both
// back ends, with the kernel beside them.

// object is a script's program as a front end would hand it over.
func (k *kernelSide) object(t *testing.T, typ *abi.ProgType, script []scripted, fields []loadable) *obj.Object {
	var b bytes.Buffer
	code := k.code(typ, script, fields)
	require.NoError(t, code.Marshal(&b, binary.LittleEndian))
	insns, err := isa.Decode(b.Bytes())
	require.NoError(t, err)
	return &obj.Object{
		Name: "script", License: "GPL",
		Programs: []obj.Program{{Name: "script", Type: typ.Name, Insns: insns, Refs: []obj.Ref{{Slot: 1, Kind: obj.RefMapValue}}}},
		Maps:     []abi.MapSpec{{Name: "memory", Type: 2, KeySize: 4, ValueSize: memorySize, MaxEntries: 1}},
	}
}

// compiled is the script as a program of a back end.
func (k *kernelSide) compiled(t *testing.T, b codegen.Backend, set *abi.Set, typ *abi.ProgType, script []scripted, fields []loadable, ctx, packet []byte) outcome {
	a, err := sdk.Compile(t.Context(), k.object(t, typ, script, fields), b, sdk.Options{Set: set})
	require.NoError(t, err, "%s", show(script))
	s, err := b.(codegen.Runner).Open(t.Context(), codegen.Spec{CPUs: 1, Set: set, Env: map[string][]byte{"devices": []byte("[]")}})
	require.NoError(t, err)
	defer s.Close()
	ids, err := s.Load(t.Context(), a)
	require.NoError(t, err, "%s", show(script))
	key := make([]byte, 4)
	put, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapPut, Prog: ids[0], Map: "memory", Key: key, Value: fresh(script)}})
	require.NoError(t, err)
	require.Empty(t, put[0].Err)
	r, err := s.Run(t.Context(), ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: slices.Clone(packet), Ctx: ctx}}})
	if err != nil {
		return outcome{err: err.Error()}
	}
	require.Nil(t, r.Results[0].Fault, "%s", show(script))
	got, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapGet, Prog: ids[0], Map: "memory", Key: key}})
	require.NoError(t, err)
	return outcome{memory: got[0].Entries[0].Value, packet: r.Results[0].Mem, ctx: r.Results[0].Ctx}
}

func TestProgramsDoWhatTheKernelsDo(t *testing.T) {
	k := needTestRun(t)
	set, err := sdk.MergeSets(linked.Base(), linked.Networking())
	require.NoError(t, err)
	for _, name := range append([]string{"xdp"}, skbTypes...) {
		typ := k.typ(name)
		names, fields := k.drawable(typ), loadables(&typ.Context, "napi_id")
		t.Run(name, func(t *testing.T) {
			for seed := range rounds(30) {
				d := draw{rand.New(rand.NewSource(int64(1_000_000 + seed)))}
				packet, ctx := d.packet(), []byte(nil)
				if name != "xdp" {
					ctx = make([]byte, 192)
				}
				script := d.script(names, len(packet))
				want := k.run(t, typ, script, fields, ctx, packet)
				for _, b := range []codegen.Backend{linked.Interp(), linked.AMD64()} {
					got := k.compiled(t, b, set, typ, script, fields, ctx, packet)
					require.Equal(t, want.err != "", got.err != "", "seed %d: %s %s", seed, want.err, got.err)
					require.Equal(t, want.memory, got.memory, "seed %d, %s: %x%s", seed, b.Target().Name, packet, show(script))
					require.Equal(t, want.packet, got.packet, "seed %d, %s: %x%s", seed, b.Target().Name, packet, show(script))
				}
			}
		})
	}
}
