package objfile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

func header(t *testing.T, a *codegen.Artifact) string {
	var out strings.Builder
	require.NoError(t, Header(&out, a, "sample.h", nil))
	return out.String()
}

func TestHeader(t *testing.T) {
	text := header(t, sample())
	for _, want := range []string{
		"/* Made by bpfc from sample.bpf.o. */\n#ifndef BPFC_HEADER_SAMPLE_H\n#define BPFC_HEADER_SAMPLE_H\n",
		"uint64_t sum(void *mem, uint64_t len);\n",
		"int sum_checked(void *mem, uint64_t len, uint64_t *ret, struct bpfc_fault *fault);\n",
		"uint64_t trap(void *mem, uint64_t len);\n",
		"uint64_t bpfc_helper_test_identity(uint64_t, uint64_t);\n",
		"extern uint8_t bpfc_map_config[3][8];\n",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "flows")
	require.Equal(t, text, header(t, sample()))
}

func TestHeaderByContext(t *testing.T) {
	a := sample()
	a.Entries[0].Context, a.Entries[1].Context = abi.CtxNone, abi.CtxStruct
	text := header(t, a)
	require.Contains(t, text, "uint64_t sum(void);\n")
	require.Contains(t, text, "int sum_checked(uint64_t *ret, struct bpfc_fault *fault);\n")
	require.Contains(t, text, "uint64_t trap(void *ctx);\n")
	require.Contains(t, text, "int trap_checked(void *ctx, uint64_t *ret, struct bpfc_fault *fault);\n")
}

func TestHeaderDeclaresOnlyHelpersThatAreCalled(t *testing.T) {
	a := sample()
	a.Helpers = append(a.Helpers, abi.Helper{Name: "bpf_other"})
	require.NotContains(t, header(t, a), "bpf_other")
}

func TestHeaderCommentsStayComments(t *testing.T) {
	a := sample()
	a.Name = "a*/ int evil;\n#define x"
	require.True(t, strings.HasPrefix(header(t, a), "/* Made by bpfc from a*_ int evil; #define x. */\n"))
}

func TestEntryName(t *testing.T) {
	for in, want := range map[string]string{"main": "main_", "int": "int_", "mains": "mains", "Int": "Int", "a-b": "a_b", "файл 1": "_____1"} {
		require.Equal(t, want, entryName(in))
	}
}

func TestSanitize(t *testing.T) {
	for in, want := range map[string]string{"a/b.c-d": "a_b_c_d", "ok_9": "ok_9", "9p": "_9p", "": "_", "é": "_"} {
		require.Equal(t, want, sanitize(in))
	}
}

// A context is described as the code finds it: what the program sees, then addresses, then what helpers keep.
func TestHeaderDescribesContexts(t *testing.T) {
	set := &abi.Set{Types: []abi.ProgType{{Name: "frame", Context: abi.Context{Kind: abi.CtxStruct, Name: "frame_md", Size: 12, Private: 5, Fields: []abi.Field{
		{Name: "start", Offset: 0, Size: 4, Kind: abi.FieldPacketStart},
		{Name: "mark", Offset: 4, Size: 4},
		{Name: "end", Offset: 8, Size: 4, Kind: abi.FieldPacketEnd},
	}}}}}
	e := &codegen.Entry{EntryInfo: codegen.EntryInfo{Name: "p", Type: "frame", Context: abi.CtxStruct}}
	require.Equal(t, "\n   ctx has 40 bytes: struct frame_md as programs see it, 12 bytes;\n   the address of start, 8 bytes at 16;"+
		"\n   the address of end, 8 bytes at 24;\n   5 bytes of zeros at 32, which helpers use.", contextText(e, set))
	require.Empty(t, contextText(e, nil))
}
