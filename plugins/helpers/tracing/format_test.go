package tracing_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/plugins/helpers/tracing"
)

const switchFormat = `name: sched_switch
ID: 314
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
	field:int prev_prio;	offset:28;	size:4;	signed:1;
	field:const void * where;	offset:32;	size:8;	signed:0;
	field:__data_loc char[] name;	offset:40;	size:4;	signed:0;
	field:unsigned long args[2];	offset:48;	size:16;	signed:0;
	field:struct timespec at;	offset:64;	size:12;	signed:0;
	field:u8 rest[];	offset:76;	size:0;	signed:0;

print fmt: "prev_comm=%s", REC->prev_comm
`

func TestFormatNamesTheFields(t *testing.T) {
	c, err := tracing.Format(switchFormat)
	require.NoError(t, err)
	require.Equal(t, "trace_event_raw_sched_switch", c.Name)
	require.EqualValues(t, 76, c.Size)
	var names []string
	for _, f := range c.Fields {
		names = append(names, f.Name)
	}
	require.Equal(t, []string{"prev_comm", "prev_pid", "prev_prio", "where", "name", "args", "at", "record", "record_72"}, names)
	for _, r := range []struct {
		off  int64
		size uint8
		want string // "" is refused
	}{
		{0, 4, ""}, {4, 4, ""}, {8, 1, "prev_comm"}, {23, 1, "prev_comm"}, {8, 8, "record"}, {24, 4, "prev_pid"}, {24, 8, "record"}, {26, 4, ""}, {25, 1, "prev_pid"},
		{32, 8, "where"}, {32, 4, "where"}, {40, 4, "name"}, {44, 4, "record"}, {48, 8, "args"}, {56, 8, "args"}, {60, 4, "args"}, {64, 4, "record"}, {72, 4, "record_72"},
		{72, 8, ""}, {76, 1, ""}, {-8, 8, ""},
	} {
		f, err := c.Access(r.off, r.size, false)
		require.Equal(t, r.want != "", err == nil, "%d bytes at %d: %v", r.size, r.off, err)
		if err == nil {
			require.Equal(t, r.want, f.Name, "%d bytes at %d", r.size, r.off)
		}
		_, err = c.Access(r.off, r.size, true)
		require.Error(t, err)
	}
}

func TestFormatRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no line \"name:\"",
		"hello":                           "no line \"name:\"",
		"name: x\nfield:int a":            "line 2: field \"int a\" does not end",
		"name: x\nfield:int a;":           "line 2: field a: there is no \"offset:\"",
		"name: x\nfield:int a; offset:8;": "field a: there is no \"size:\"",
		"name: x\nfield:int a; offset:-8; size:4;":          "offset \"-8\" is not a number",
		"name: x\nfield:int a; offset:8; size:four;":        "size \"four\" is not a number",
		"name: x\nfield:int a; offset:8190; size:4;":        "ends at byte 8194",
		"name: x\nfield:int *; offset:8; size:8;":           "declares no field",
		"name: x\nfield:; offset:8; size:8;":                "declares no field",
		"name: x\nfield:int a; offset:99999999999; size:8;": "is not a number from 0",
	} {
		_, err := tracing.Format(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func TestFormatWithoutFields(t *testing.T) {
	c, err := tracing.Format("name: empty\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n")
	require.NoError(t, err)
	require.Empty(t, c.Fields)
	require.Equal(t, abi.CtxStruct, c.Kind)
}

func FuzzFormat(f *testing.F) {
	f.Add(switchFormat)
	f.Add("name: x\nfield:int a[0]; offset:8; size:8;")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := tracing.Format(text)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "tracepoint format"))
			return
		}
		for _, at := range []int64{-1, 0, 7, 8, 64, int64(c.Size) - 1, int64(c.Size)} {
			f, err := c.Access(at, 1, false)
			if at < 8 || at >= int64(c.Size) {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.LessOrEqual(t, int64(f.Offset), at)
		}
	})
}
