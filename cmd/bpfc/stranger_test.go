package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// command runs a command line with these streams.
func command(ctx context.Context, in io.Reader, out io.Writer, args ...string) (exitCode, string) {
	var messages bytes.Buffer
	code := execute(ctx, args, in, out, &messages)
	return code, messages.String()
}

// file writes a file into a directory of the test's and returns its path.
func file(t *testing.T, name, content string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

const answer = "r0 = 42\nexit\n"

// Someone who waits for input, at a terminal or a pipe, is let go by Ctrl-C and by --timeout.
func TestReadingEnds(t *testing.T) {
	for _, args := range [][]string{{"asm", "-"}, {"inspect", "-"}, {"disasm", "-"}} {
		never, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		code, messages := command(ctx, never, io.Discard, args...)
		require.Equal(t, exitFault, code)
		require.Equal(t, "bpfc: interrupted\n", messages)
		code, messages = command(t.Context(), never, io.Discard, append(args, "--timeout", "10ms")...)
		require.Equal(t, exitFault, code)
		require.Equal(t, "bpfc: <stdin> was not read to its end: it took longer than --timeout 10ms\n", messages)
		require.NoError(t, w.Close())
	}
}

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A command whose result is lost does not end well.
func TestLostResults(t *testing.T) {
	in := file(t, "a.s", answer)
	for _, args := range [][]string{
		{"version"}, {"version", "--format", "json"}, {"--version"}, {"--help"}, {"explain"}, {"explain", "BV003"},
		{"asm", in}, {"asm", in, "--format", "hex"}, {"disasm", in}, {"completion", "bash"},
	} {
		code, messages := command(t.Context(), nil, full{}, args...)
		require.Equal(t, exitUsage, code, args)
		require.Equal(t, 1, strings.Count(messages, "no space left"), args)
	}
}

func TestTerminals(t *testing.T) {
	for _, path := range []string{"/dev/null", "/dev/full"} {
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			require.False(t, isTerminal(f), path)
			require.False(t, isTerminal(&output{Writer: f}), path)
			require.NoError(t, f.Close())
		}
	}
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here")
	}
	defer f.Close()
	require.True(t, isTerminal(f))
	require.True(t, isTerminal(&output{Writer: f}))
	code, messages := command(t.Context(), strings.NewReader(answer), f, "asm", "-")
	require.Equal(t, exitUsage, code)
	require.Contains(t, messages, "binary")
}

func TestOutputsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, writeFile(dir, nil), "-o "+dir+": it is a directory")
	path := filepath.Join(dir, "none", "x.o")
	require.ErrorContains(t, writeFile(path, nil), "-o "+path+": its directory cannot be written")
}

// What verify says to machines holds the inputs that are no programs too.
func TestReportsOfUnread(t *testing.T) {
	out := outcomes{unread: []unread{{"the file.s", fail(exitRejected, "malformed")}, {"/x", usage("missing")}}}
	b, err := json.Marshal(out.json())
	require.NoError(t, err)
	require.JSONEq(t, `{"schema": "bpfc/verify/v1", "programs": [], "errors": [
		{"file": "the file.s", "message": "malformed", "exit": 1}, {"file": "/x", "message": "missing", "exit": 2}]}`, string(b))
	call := out.sarif().Runs[0].Invocations[0]
	require.False(t, call.Successful)
	require.Equal(t, "the%20file.s", call.Notifications[0].Locations[0].Physical.Artifact.URI)
	require.Equal(t, "file:///x", call.Notifications[1].Locations[0].Physical.Artifact.URI)
	require.True(t, (&outcomes{}).sarif().Runs[0].Invocations[0].Successful)
}
