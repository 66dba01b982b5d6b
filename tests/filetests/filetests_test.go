// Package filetests runs the text tests in testdata. A file says in its first
// line what it tests; what follows up to the first `-- name --` is a comment:
//
//	test lift                   in.s → the program as lifted
//	test verify [strict] [TYPE] in.s or in.ir → the facts, or the error
//	test opt [strict] PASS [TYPE] in.s or in.ir → the functions before the pass and after it
//	test compile [TYPE]         in.s or in.ir → the machine code of amd64
//	test run [TYPE]             in.s, mem (hex) → the result, the same on every engine
//
// `go test ./tests/filetests -update` writes the expectations (want, before, after).
package filetests

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the expectations of the tests that differ")

// kinds of tests: each makes the output files of an input.
var kinds = map[string]func(t *testing.T, in *input) []txtar.File{
	"lift":    testLift,
	"verify":  testVerify,
	"opt":     testOpt,
	"compile": testCompile,
	"run":     testRun,
}

// input is a test as it is written.
type input struct {
	args  []string
	files map[string]string
}

// flag reports whether the header has the word, and removes it.
func (in *input) flag(word string) bool {
	i := slices.Index(in.args, word)
	if i < 0 {
		return false
	}
	in.args = slices.Delete(in.args, i, i+1)
	return true
}

// programType is the type that the header names, "mem" if none.
func (in *input) programType() string {
	if len(in.args) > 0 {
		return in.args[0]
	}
	return "mem"
}

func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { testFile(t, path) })
	}
}

// outputs are the files that a test writes; all others are its input.
var outputs = []string{"want", "before", "after"}

func testFile(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	a := txtar.Parse(b)
	header, _, _ := strings.Cut(string(a.Comment), "\n")
	words := strings.Fields(header)
	require.GreaterOrEqual(t, len(words), 2, "the first line is `test KIND`")
	require.Equal(t, "test", words[0])
	run := kinds[words[1]]
	require.NotNil(t, run, "no kind of test is called %q", words[1])
	in, want := &input{args: words[2:], files: map[string]string{}}, map[string]string{}
	made := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		if slices.Contains(outputs, f.Name) {
			want[f.Name] = string(f.Data)
			continue
		}
		in.files[f.Name] = string(f.Data)
		made.Files = append(made.Files, f)
	}
	got := run(t, in)
	if *update {
		made.Files = append(made.Files, got...)
		require.NoError(t, os.WriteFile(path, txtar.Format(made), 0o644))
		return
	}
	require.Len(t, want, len(got), "expectations missing: run with -update, and read what it wrote")
	for _, f := range got {
		require.Equal(t, want[f.Name], string(f.Data), f.Name)
	}
}
