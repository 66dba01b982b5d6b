package frompb_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/sdk/internal/frompb"
	"github.com/bpfc/bpfc/sdk/internal/pb"
	"github.com/bpfc/bpfc/sdk/internal/topb"
)

// filler gives every field of a value another content, so that a field that the
// protocol forgets makes a test fail, one that is added later included.
type filler struct{ n int }

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(string(rune('a'+f.n%26)) + "text")
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n%200 + 1))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(f.n))
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 3 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key)
			f.fill(value)
			v.SetMapIndex(key, value)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	default:
		panic("no content for " + v.Type().String())
	}
}

func filled[T any]() *T {
	v := new(T)
	(&filler{}).fill(reflect.ValueOf(v).Elem())
	return v
}

// wire sends a message through its encoding.
func wire[M proto.Message](t *testing.T, m, empty M) M {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, proto.Unmarshal(b, empty))
	return empty
}

func TestArtifactCrosses(t *testing.T) {
	want := filled[codegen.Artifact]()
	got, err := frompb.Artifact(wire(t, topb.Artifact(want), &pb.Artifact{}))
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = frompb.Artifact(wire(t, topb.Artifact(&codegen.Artifact{}), &pb.Artifact{}))
	require.NoError(t, err)
	require.Equal(t, &codegen.Artifact{}, got)
}

func TestUnitCrosses(t *testing.T) {
	want := &codegen.Unit{
		Name:    "u",
		Entries: *filled[[]codegen.EntryInfo](),
		Maps:    *filled[[]abi.MapSpec](),
		Data:    *filled[[]obj.Data](),
		Helpers: *filled[[]abi.Helper](),
		Items:   *filled[[]codegen.Item](),
	}
	require.Equal(t, 7, reflect.TypeFor[codegen.Unit]().NumField(), "a field was added: send it")
	for range want.Entries {
		want.Programs = append(want.Programs, &ir.Program{Name: "p", Maps: want.Maps, Data: want.Data, Helpers: want.Helpers,
			Funcs: []*ir.Func{{Name: "p", Blocks: []*ir.Block{{Insns: []ir.Insn{{Op: ir.OpMov, Width: 64, Dst: ir.R0}, {Op: ir.OpExit}}}}}}})
	}
	got, err := frompb.Unit(wire(t, topb.Unit(want), &pb.Unit{}))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Same(t, &got.Data[0], &got.Programs[1].Data[0], "data is sent once")

	want.Programs[1].Data = []obj.Data{{Name: ".other"}}
	got, err = frompb.Unit(wire(t, topb.Unit(want), &pb.Unit{}))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestSetCrosses(t *testing.T) {
	want := filled[abi.Set]()
	first := topb.Set(want)
	got, err := frompb.Set(wire(t, first, &pb.Set{}))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.True(t, proto.Equal(first, topb.Set(want)), "one set has one encoding")
	none, err := frompb.Set(topb.Set(nil))
	require.NoError(t, err)
	require.Nil(t, none)
}

func TestSmallThingsCross(t *testing.T) {
	target := *filled[codegen.Target]()
	require.Equal(t, target, frompb.Target(wire(t, topb.Target(target), &pb.Target{})))
	options := *filled[codegen.Options]()
	require.Equal(t, options, frompb.Options(wire(t, topb.Options(options), &pb.Options{})))
	fault := filled[codegen.Fault]()
	got, err := frompb.Fault(wire(t, topb.Fault(fault), &pb.Fault{}))
	require.NoError(t, err)
	require.Equal(t, fault, got)
	ops := *filled[[]codegen.MapOp]()
	for i := range ops {
		ops[i].Prog = codegen.ProgID(i)
	}
	gotOps, err := frompb.MapOps(wire(t, &pb.MapsRequest{Ops: topb.MapOps(ops)}, &pb.MapsRequest{}).Ops)
	require.NoError(t, err)
	require.Equal(t, ops, gotOps)
	results := *filled[[]codegen.MapResult]()
	gotResults, err := frompb.MapResults(wire(t, &pb.MapsResponse{Results: topb.MapResults(results)}, &pb.MapsResponse{}).Results)
	require.NoError(t, err)
	require.Equal(t, results, gotResults)
}

func TestResultCrosses(t *testing.T) {
	want := filled[codegen.Result]()
	m := topb.Result(want)
	m.Trace = topb.Trace(want.Trace)
	got, err := frompb.Results([]*pb.Result{wire(t, m, &pb.Result{})})
	require.NoError(t, err)
	require.Equal(t, []codegen.Result{*want}, got)
	for _, mem := range [][]byte{nil, {}} {
		in := codegen.Input{Mem: mem}
		require.Equal(t, []codegen.Input{in}, frompb.Inputs([]*pb.Input{wire(t, topb.Input(&in), &pb.Input{})}))
	}
}

func TestRefusals(t *testing.T) {
	digest := make([]byte, 32)
	for _, c := range []struct {
		a    *pb.Artifact
		want string
	}{
		{nil, "there is no artifact"},
		{&pb.Artifact{}, "artifact has a digest of 0 bytes, not 32"},
		{&pb.Artifact{Digest: digest, Relocs: []*pb.Reloc{{Kind: 256}}}, "relocation kind 256 is out of range"},
		{&pb.Artifact{Digest: digest, Exits: []*pb.Exit{{Size: 1 << 20}}}, "access size 1048576 is out of range"},
		{&pb.Artifact{Digest: digest, Helpers: []*pb.Helper{{Name: "h", Args: make([]uint32, 6)}}}, "helper h has 6 arguments, at most 5 are possible"},
		{&pb.Artifact{Digest: digest, Items: []*pb.Item{{Kind: "type", Name: "mem"}}}, "type mem has a digest of 0 bytes, not 32"},
		{&pb.Artifact{Digest: digest, Entries: []*pb.Entry{{}, {Info: &pb.EntryInfo{Context: 300}}}}, "context kind 300 is out of range"},
	} {
		_, err := frompb.Artifact(c.a)
		require.EqualError(t, err, c.want)
	}
	_, err := frompb.Unit(nil)
	require.EqualError(t, err, "the request has no unit")
	_, err = frompb.Unit(&pb.Unit{Name: "u", Programs: []byte("x")})
	require.ErrorContains(t, err, "programs of u: ")
	_, err = frompb.Unit(&pb.Unit{Name: "u", Programs: ir.MarshalAll(nil), Entries: []*pb.EntryInfo{{}}})
	require.EqualError(t, err, "unit u has 0 programs and 1 entries")
	_, err = frompb.Unit(&pb.Unit{Name: "u", Programs: ir.MarshalAll([]*ir.Program{{Name: "p"}}), Entries: []*pb.EntryInfo{{}}})
	require.ErrorContains(t, err, "programs of u: ")
	require.ErrorContains(t, err, "has no function")
	_, err = frompb.Results([]*pb.Result{{Trace: []*pb.TraceStep{{Regs: make([]uint64, 12)}}}})
	require.EqualError(t, err, "a trace step has 12 registers, not 11")
}

// FuzzArtifact feeds bytes from a plugin to the conversion.
func FuzzArtifact(f *testing.F) {
	b, err := proto.Marshal(topb.Artifact(filled[codegen.Artifact]()))
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m pb.Artifact
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		a, err := frompb.Artifact(&m)
		if err != nil {
			return
		}
		again, err := frompb.Artifact(topb.Artifact(a))
		require.NoError(t, err)
		require.Equal(t, a.Digest, again.Digest)
		require.Equal(t, len(a.Entries), len(again.Entries))
	})
}
