package tracing_test

import (
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

// kernelTypes is types of a kernel with one structure.
func kernelTypes(t *testing.T, s *btf.Struct) *btf.Spec {
	b, err := btf.NewBuilder([]btf.Type{s}, nil)
	require.NoError(t, err)
	spec, err := b.Spec()
	require.NoError(t, err)
	return spec
}

var (
	char  = &btf.Int{Name: "char", Size: 1, Encoding: btf.Char}
	index = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	long  = &btf.Int{Name: "long", Size: 8}
)

func TestRecordNamesTheMembers(t *testing.T) {
	spec := kernelTypes(t, &btf.Struct{Name: "trace_event_raw_example", Size: 48, Members: []btf.Member{
		{Name: "ent", Type: &btf.Struct{Name: "trace_entry", Size: 8}, Offset: 0},
		{Name: "comm", Type: &btf.Array{Index: index, Type: char, Nelems: 16}, Offset: 8 * 8},
		{Name: "pid", Type: index, Offset: 24 * 8},
		{Name: "bits", Type: index, Offset: 28 * 8, BitfieldSize: 3},
		{Name: "args", Type: &btf.Array{Index: index, Type: &btf.Typedef{Name: "u64", Type: long}, Nelems: 2}, Offset: 32 * 8},
		{Name: "__data", Type: &btf.Array{Index: index, Type: char}, Offset: 48 * 8},
	}})
	c, err := tracing.Record(spec, "example")
	require.NoError(t, err)
	require.Equal(t, "trace_event_raw_example", c.Name)
	require.EqualValues(t, 48, c.Size)
	require.Equal(t, []abi.Field{
		{Name: "comm", Offset: 8, Size: 16, Unit: 1, Narrow: true},
		{Name: "pid", Offset: 24, Size: 4, Unit: 4, Signed: true, Narrow: true},
		{Name: "args", Offset: 32, Size: 16, Unit: 8, Narrow: true},
		{Name: "record", Offset: 8, Size: 40, Unit: 8, Narrow: true},
	}, c.Fields)
}

func TestRecordSaysWhatIsMissing(t *testing.T) {
	_, err := tracing.Record(kernelTypes(t, &btf.Struct{Name: "trace_event_raw_other", Size: 8}), "example")
	require.ErrorContains(t, err, "no struct trace_event_raw_example")
	_, err = tracing.Record(kernelTypes(t, &btf.Struct{Name: "trace_event_raw_large", Size: 9000, Members: []btf.Member{
		{Name: "all", Type: &btf.Array{Index: index, Type: char, Nelems: 8185}, Offset: 8 * 8},
	}}), "large")
	require.ErrorContains(t, err, "member all is 8185 bytes at 8")
}

// The running kernel's types and a known tracepoint: 16 bytes of name, then numbers.
func TestRecordOfTheRunningKernel(t *testing.T) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("the running kernel has no BTF: %v", err)
	}
	c, err := tracing.Record(spec, "sched_switch")
	if err != nil {
		t.Skipf("the running kernel has no such tracepoint: %v", err)
	}
	f, err := c.Access(8, 1, false)
	require.NoError(t, err)
	require.Equal(t, "prev_comm", f.Name)
	f, err = c.Access(24, 4, false)
	require.NoError(t, err)
	require.Equal(t, "prev_pid", f.Name)
}
