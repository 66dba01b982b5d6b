package host

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
)

func TestRecorder(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	rec := newRecorder(isHandshake)
	rec.f = r
	long := strings.Repeat("x", 2*maxLine)
	go func() {
		_, _ = io.WriteString(w, "\n"+long+"\n1|1|unix|/s|grpc|\n2|2|unix|/s|grpc|\nrest")
		w.Close()
	}()
	all, err := io.ReadAll(rec)
	require.NoError(t, err)
	require.Len(t, all, len("\n"+long+"\n1|1|unix|/s|grpc|\n2|2|unix|/s|grpc|\nrest"), "everything passes")
	first, found := rec.text()
	require.Equal(t, long[:maxLine], first)
	require.Equal(t, "1|1|unix|/s|grpc|", found)
	require.True(t, within(rec.matched, time.Second))
	require.True(t, within(rec.eof, time.Second))
}

func TestIsHandshake(t *testing.T) {
	for line, want := range map[string]bool{
		"1|1|unix|/s|grpc|": true,
		"1|1|tcp|a":         true,
		"1|1|unix":          false,
		"a|b|c|d|e":         false,
		"hello":             false,
	} {
		require.Equal(t, want, isHandshake(line), line)
	}
}

func TestSocketPathsHaveALimit(t *testing.T) {
	_, err := makeSocketDir("/tmp/" + strings.Repeat("x", 60))
	require.ErrorContains(t, err, "too long for sockets; set TMPDIR to a shorter one")
	dir, err := makeSocketDir(tempDir())
	require.NoError(t, err)
	st, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), st.Mode().Perm())
	require.NoError(t, os.Remove(dir))
}

func TestDefaults(t *testing.T) {
	o := Options{}.withDefaults()
	require.Equal(t, DefaultTimeout, o.Timeout)
	require.Equal(t, DefaultMemory, o.Memory)
	none := Options{Memory: -1, CPUTime: -1}.withDefaults()
	require.Negative(t, none.Memory)
	require.NotContains(t, strings.Join(none.environment(), " "), "GOMEMLIMIT")
}

func TestErrorIsOneSentenceWithItsCause(t *testing.T) {
	cause := errors.New("cause")
	err := error(&Error{Plugin: "bpfc-backend-x", Op: "run", Kind: Crash, Msg: "crashed in run", Err: cause})
	require.EqualError(t, err, "plugin bpfc-backend-x crashed in run")
	require.ErrorIs(t, err, cause)
}

// What the table of an artifact may refer to, at its limits.
func TestArtifactLimits(t *testing.T) {
	u := &codegen.Unit{Entries: []codegen.EntryInfo{{Name: "p"}}}
	good := func() *codegen.Artifact {
		return &codegen.Artifact{Target: "t", Code: make([]byte, 8), Entries: []codegen.Entry{{EntryInfo: u.Entries[0], Offset: 8}}}
	}
	check := func(change func(*codegen.Artifact)) error {
		a := good()
		change(a)
		a.Seal()
		return checkArtifact(a, u, codegen.Target{Name: "t"})
	}
	require.NoError(t, check(func(*codegen.Artifact) {}))
	require.NoError(t, check(func(a *codegen.Artifact) { a.Relocs = []codegen.Reloc{{Offset: 4, Kind: codegen.RelocRodata}} }))
	for _, bad := range []func(*codegen.Artifact){
		func(a *codegen.Artifact) { a.Entries[0].Offset = 9 },
		func(a *codegen.Artifact) { a.Entries[0].StackSize = 1 },
		func(a *codegen.Artifact) { a.Relocs = []codegen.Reloc{{Offset: 5, Kind: codegen.RelocRodata}} },
		func(a *codegen.Artifact) { a.Relocs = []codegen.Reloc{{Offset: 0xfffffffe, Kind: codegen.RelocRodata}} },
		func(a *codegen.Artifact) { a.Relocs = []codegen.Reloc{{}} },
		func(a *codegen.Artifact) { a.Relocs = []codegen.Reloc{{Kind: codegen.RelocHelper, Index: -1}} },
		func(a *codegen.Artifact) { a.Exits = []codegen.Exit{{Code: codegen.ExitHelper}} },
		func(a *codegen.Artifact) { a.Exits = []codegen.Exit{{Prog: 1}} },
		func(a *codegen.Artifact) { a.Symbols = []codegen.Symbol{{Prog: -2}} },
	} {
		require.ErrorContains(t, check(bad), "out of range")
	}
}
