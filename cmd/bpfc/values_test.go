package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseHex(t *testing.T) {
	for text, want := range map[string][]byte{
		"":               nil,
		" \n":            nil,
		"0102":           {1, 2},
		" 01  02\n0a ":   {1, 2, 10},
		"0x0102":         {1, 2},
		"0 1 0 2":        {1, 2},
		"aAbBcCdDeEfF00": {0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0},
	} {
		got, err := parseHex("--mem", text)
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, got, "%q", text)
	}
	for _, text := range []string{"0", "012", "0g", "é"} {
		_, err := parseHex("--mem", text)
		require.Equal(t, exitUsage, codeOf(err), "%q", text)
	}
}

func TestParseExpect(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "42": 42, "0x2a": 42, "-1": 1<<64 - 1, "0xffffffffffffffff": 1<<64 - 1, "18446744073709551615": 1<<64 - 1,
		"-9223372036854775808": 1 << 63,
	} {
		got, err := parseExpect(text)
		require.NoError(t, err, text)
		require.Equal(t, want, *got, text)
	}
	for _, text := range []string{"x", "1.5", "18446744073709551616", "--1"} {
		_, err := parseExpect(text)
		require.Equal(t, exitUsage, codeOf(err), text)
	}
}

func TestMapBytes(t *testing.T) {
	for _, c := range []struct {
		text string
		size uint32
		want []byte
	}{
		{`1`, 4, []byte{1, 0, 0, 0}},
		{`258`, 2, []byte{2, 1}},
		{`-1`, 2, []byte{0xff, 0xff}},
		{`-128`, 1, []byte{0x80}},
		{`255`, 1, []byte{0xff}},
		{`-2`, 10, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{`18446744073709551615`, 8, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{`"0a0b"`, 2, []byte{10, 11}},
		{`"0a 0b"`, 2, []byte{10, 11}},
		{`[10, 11]`, 2, []byte{10, 11}},
	} {
		got, err := mapBytes(json.RawMessage(c.text), c.size)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
	for _, c := range []struct {
		text string
		size uint32
	}{
		{`256`, 1}, {`-129`, 1}, {`1.5`, 4}, {`"0a"`, 2}, {`"0a0b0c"`, 2}, {`[1]`, 2}, {`[256, 0]`, 2}, {`[-1, 0]`, 2}, {`true`, 1}, {`null`, 1}, {`"zz"`, 1},
	} {
		_, err := mapBytes(json.RawMessage(c.text), c.size)
		require.Error(t, err, c.text)
	}
}

func TestParseEntries(t *testing.T) {
	want := []entryJSON{{json.RawMessage(`0`), json.RawMessage(`7`)}, {json.RawMessage(`1`), json.RawMessage(`"08"`)}}
	for _, text := range []string{
		`[7, "08"]`,
		`[7, {"key": 1, "value": "08"}]`,
		`{"type": "array", "entries": [{"key": 0, "value": 7}, {"key": 1, "value": "08"}]}`,
	} {
		got, err := parseEntries([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{``, `[`, `7`, `[{"key": 1}]`, `[{"value": 1}]`, `{"entries": 3}`} {
		_, err := parseEntries([]byte(text))
		require.Error(t, err, text)
	}
}

func TestBaseName(t *testing.T) {
	for out, want := range map[string]string{
		"prog.o": "prog", "prog.native.o": "prog.native", "prog.native": "prog.native", "dir.o/prog": "dir.o/prog", "prog.lst": "prog", ".o": ".o",
	} {
		require.Equal(t, want, baseName(out))
	}
}

func TestNextRepeats(t *testing.T) {
	require.Equal(t, 100, nextRepeats(1, 0, time.Second), "at most a hundredfold")
	require.Equal(t, 20, nextRepeats(10, time.Second, 2*time.Second))
	require.Equal(t, 11, nextRepeats(10, time.Second, time.Millisecond), "always more")
	require.Equal(t, maxRepeats, nextRepeats(maxRepeats/2, time.Nanosecond, time.Hour))
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	require.NoError(t, writeFile(path, []byte("one")))
	require.NoError(t, writeFile(path, []byte("two")))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(b))

	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	require.Error(t, writeFile(filepath.Join(dir, "folder"), []byte("x")))
	require.NoError(t, writeFile(os.DevNull, []byte("x")), "devices are written in place")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "temporary files are left")
}
