package tracing_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
	"github.com/bpfc/bpfc/sdk/cheader"
)

// withTracepoint is the set tracing with the type of one tracepoint.
func withTracepoint(t *testing.T, format string) *abi.Set {
	record, err := tracing.Format(format)
	require.NoError(t, err)
	s := tracing.Tracepoint("example", record)
	require.NoError(t, abi.Check(s))
	merged, err := abi.Merge(tracing.Set(), s)
	require.NoError(t, err)
	return merged
}

func TestSectionsOfATracepointGiveItsType(t *testing.T) {
	s := withTracepoint(t, switchFormat)
	for section, want := range map[string]string{
		"tracepoint/group/example": "tracepoint/example",
		"tp/group/example":         "tracepoint/example",
		"tp/example":               "tracepoint/example",
		"tp/group/other":           "tracepoint",
		"tp/group/example/more":    "tracepoint",
		"tp":                       "tracepoint",
		"raw_tp/example":           "raw_tracepoint",
	} {
		typ, ok := s.SectionType(section)
		require.True(t, ok, section)
		require.Equal(t, want, typ.Name, section)
	}
	typ, ok := s.Type("tracepoint/example")
	require.True(t, ok)
	generic, _ := s.Type("tracepoint")
	require.Equal(t, generic.Helpers, typ.Helpers)
	require.Equal(t, generic.Kernel, typ.Kernel)
	_, err := typ.Context.Access(int64(typ.Context.Size), 4, false)
	require.Error(t, err, "behind the record")
	_, err = generic.Context.Access(int64(typ.Context.Size), 4, false)
	require.NoError(t, err)
}

// The formats of the running kernel can all be read, and have a header.
func TestFormatsOfTheKernel(t *testing.T) {
	files, err := filepath.Glob("/sys/kernel/tracing/events/*/*/format")
	require.NoError(t, err)
	texts := []string{"name: short\n\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n", "name: odd\n\tfield:char a[13];\toffset:8;\tsize:13;\tsigned:0;\n", switchFormat}
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		texts = append(texts, string(b))
	}
	t.Logf("%d formats of the running kernel", len(files))
	for _, text := range texts {
		require.NoError(t, cheader.Write(new(bytes.Buffer), withTracepoint(t, text)), text)
	}
}
