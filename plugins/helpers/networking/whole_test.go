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
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

// The scripts of the other tests as programs: verified, compiled and run on both
// back ends, with the kernel beside them.

// object is a program as a front end would hand it over; refs are its references to the map.
func object(t testing.TB, typ string, code asm.Instructions, refs ...obj.Ref) *obj.Object {
	var b bytes.Buffer
	require.NoError(t, code.Marshal(&b, binary.LittleEndian))
	insns, err := isa.Decode(b.Bytes())
	require.NoError(t, err)
	return &obj.Object{
		Name: "script", License: "GPL",
		Programs: []obj.Program{{Name: "script", Type: typ, Insns: insns, Refs: refs}},
		Maps:     []abi.MapSpec{{Name: "memory", Type: 2, KeySize: 4, ValueSize: memorySize, MaxEntries: 1}},
	}
}

// bothSets are the sets of the programs.
func bothSets(t *testing.T) *abi.Set {
	set, err := mergedSets()
	require.NoError(t, err)
	return set
}

func mergedSets() (*abi.Set, error) { return sdk.MergeSets(linked.Base(), linked.Networking()) }

// loaded is a program in a session of a back end, on a machine that has no interface but the loopback one.
func loaded(t testing.TB, b codegen.Backend, set *abi.Set, o *obj.Object) (codegen.Session, codegen.ProgID) {
	a, err := sdk.Compile(t.Context(), o, b, sdk.Options{Set: set})
	require.NoError(t, err)
	s, err := b.(codegen.Runner).Open(t.Context(), codegen.Spec{CPUs: 1, Set: set, Env: map[string][]byte{"devices": []byte("[]")}})
	require.NoError(t, err)
	ids, err := s.Load(t.Context(), a)
	require.NoError(t, err)
	return s, ids[0]
}

// compiled is the script as a program of a back end.
func (k *kernelSide) compiled(t *testing.T, b codegen.Backend, set *abi.Set, typ *abi.ProgType, script []scripted, fields []loadable, ctx, packet []byte) outcome {
	s, id := loaded(t, b, set, object(t, typ.Name, k.code(typ, script, fields), obj.Ref{Slot: 1, Kind: obj.RefMapValue}))
	defer s.Close()
	key := make([]byte, 4)
	put, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapPut, Prog: id, Map: "memory", Key: key, Value: fresh(script)}})
	require.NoError(t, err)
	require.Empty(t, put[0].Err)
	r, err := s.Run(t.Context(), id, codegen.Batch{Inputs: []codegen.Input{{Mem: slices.Clone(packet), Ctx: ctx}}})
	if err != nil {
		return outcome{err: err.Error()}
	}
	require.Nil(t, r.Results[0].Fault, "%s", show(script))
	got, err := s.Maps(t.Context(), []codegen.MapOp{{Kind: codegen.MapGet, Prog: id, Map: "memory", Key: key}})
	require.NoError(t, err)
	return outcome{memory: got[0].Entries[0].Value, packet: r.Results[0].Mem, ctx: r.Results[0].Ctx}
}

func TestProgramsLoadPacketsAsTheKernels(t *testing.T) {
	k, set := needTestRun(t), bothSets(t)
	for _, name := range []string{"socket_filter", "sched_cls"} {
		for seed := range rounds(40) {
			d := draw{rand.New(rand.NewSource(int64(seed)))}
			packet := d.packet()
			code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R8, 7)}
			for range 1 + d.Intn(3) {
				size, at := pick(d, asm.Byte, asm.Half, asm.Word), d.classicOffset(pick(d, 4, 20, len(packet)))
				if d.Intn(2) == 0 {
					code = append(code, asm.LoadAbs(at, size))
				} else {
					code = append(code, asm.LoadImm(asm.R7, int64(at), asm.DWord), asm.LoadInd(asm.R0, asm.R7, int32(d.Intn(5)-2), size))
				}
				code = append(code, asm.Mul.Imm(asm.R8, 31), asm.Add.Reg(asm.R8, asm.R0))
			}
			code = append(code, asm.Mov.Reg32(asm.R0, asm.R8), asm.Return())
			want, _ := k.result(t, name, nil, packet, slices.Clone(code)...)
			for _, b := range []codegen.Backend{linked.Interp(), linked.AMD64()} {
				s, id := loaded(t, b, set, object(t, name, slices.Clone(code)))
				r, err := s.Run(t.Context(), id, codegen.Batch{Inputs: []codegen.Input{{Mem: slices.Clone(packet)}}})
				require.NoError(t, err)
				require.Nil(t, r.Results[0].Fault)
				require.EqualValues(t, want, r.Results[0].Ret, "seed %d, %s on %s: %x\n%v", seed, name, b.Target().Name, packet, code)
				require.NoError(t, s.Close())
			}
		}
	}
}

func TestProgramsDoWhatTheKernelsDo(t *testing.T) {
	k, set := needTestRun(t), bothSets(t)
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

// Values that belong to a socket or a cgroup: a program finds what it has written.
func TestStorageOfPrograms(t *testing.T) {
	k, set := needTestRun(t), bothSets(t)
	written := func(get asm.Instructions) asm.Instructions {
		code := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
		for range 2 {
			code = append(append(code, get...), asm.JEq.Imm(asm.R0, 0, "out"), asm.LoadMem(asm.R8, asm.R0, 0, asm.Word), asm.Add.Imm(asm.R8, 20), asm.StoreMem(asm.R0, 0, asm.R8, asm.Word))
		}
		return append(code, asm.And.Imm(asm.R8, 0x3f), asm.Mov.Reg(asm.R0, asm.R8), asm.RSh.Imm(asm.R0, 5), asm.Return(), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	}
	for _, x := range []struct {
		typ  string
		kind uint32
		key  uint32
		get  func(fd int) asm.Instructions
	}{
		{"cgroup_skb", 19, 8, func(fd int) asm.Instructions {
			return asm.Instructions{asm.LoadMapPtr(asm.R1, fd), asm.Mov.Imm(asm.R2, 0), asm.FnGetLocalStorage.Call()}
		}},
		{"sched_cls", 24, 4, func(fd int) asm.Instructions {
			return asm.Instructions{asm.LoadMem(asm.R1, asm.R6, 168, asm.DWord), asm.JEq.Imm(asm.R1, 0, "out"), asm.FnSkFullsock.Call(), asm.JEq.Imm(asm.R0, 0, "out"),
				asm.LoadMapPtr(asm.R1, fd), asm.Mov.Reg(asm.R2, asm.R0), asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, 1), asm.FnSkStorageGet.Call()}
		}},
	} {
		name := map[uint32]string{19: "bpf_get_local_storage", 24: "bpf_sk_storage_get"}[x.kind]
		m := mapOf(t, name)
		want, _ := k.result(t, x.typ, nil, ipPacket, written(x.get(m.FD()))...)
		require.EqualValues(t, 1, want)
		code := written(x.get(77))
		o := object(t, x.typ, code)
		o.Maps[0].Type, o.Maps[0].KeySize, o.Maps[0].ValueSize, o.Maps[0].MaxEntries, o.Maps[0].Flags = x.kind, x.key, 8, 0, 0
		if x.kind == 24 {
			o.Maps[0].Flags = 1 // BPF_F_NO_PREALLOC
		}
		for i, in := range o.Programs[0].Insns {
			if in.Op == isa.LddwMapFD {
				o.Programs[0].Refs = append(o.Programs[0].Refs, obj.Ref{Slot: i, Kind: obj.RefMap})
			}
		}
		for _, b := range []codegen.Backend{linked.Interp(), linked.AMD64()} {
			s, id := loaded(t, b, set, o)
			r, err := s.Run(t.Context(), id, codegen.Batch{Inputs: []codegen.Input{{Mem: slices.Clone(ipPacket)}}})
			require.NoError(t, err)
			require.Nil(t, r.Results[0].Fault)
			require.EqualValues(t, want, r.Results[0].Ret, "%s on %s", x.typ, b.Target().Name)
			require.NoError(t, s.Close())
		}
	}
}
