package elf

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/stretchr/testify/require"
)

const (
	examples  = "../../examples"
	benchmark = "../../tests/bench/programs/c"
)

// read parses a committed object.
func read(t testing.TB, path string) *obj.Object {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	o, err := Parse(filepath.Base(path), b, Options{})
	require.NoError(t, err)
	for _, p := range o.Programs {
		requireSound(t, &p)
	}
	return o
}

// requireSound checks what holds for every linked program.
func requireSound(t testing.TB, p *obj.Program) {
	t.Helper()
	require.NoError(t, isa.Check(p.Insns), p.Name)
	require.Equal(t, obj.FuncInfo{Slot: 0, Name: p.Name}, p.Funcs[0])
	starts := map[int]bool{}
	for i, f := range p.Funcs {
		starts[f.Slot] = true
		require.True(t, i == 0 || f.Slot > p.Funcs[i-1].Slot, "functions in order")
	}
	for i, l := range p.Lines {
		require.True(t, i == 0 || l.Slot > p.Lines[i-1].Slot, "lines in order")
		require.True(t, utf8.ValidString(l.File+l.Text+p.Name+p.Section), "text is UTF-8")
	}
	for i, r := range p.Refs {
		require.True(t, i == 0 || r.Slot > p.Refs[i-1].Slot, "references in order")
	}
	for i, in := range p.Insns {
		if in.Op == isa.CallLocal || in.Op == isa.LddwFunc {
			to, _ := in.Target(i)
			require.True(t, starts[to], "%s: instruction %d refers to %d, where no function begins", p.Name, i, to)
		}
	}
}

// cases reads lines of "name value…".
func cases(t *testing.T, path string) [][]string {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var list [][]string
	for line := range strings.Lines(string(text)) {
		list = append(list, strings.Fields(line))
	}
	require.NotEmpty(t, list)
	return list
}

// TestExamples runs the example objects and compares with what the same C gave natively.
func TestExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases(t, filepath.Join(examples, "cases.txt")) {
		name := c[0]
		seen[name] = true
		o := read(t, filepath.Join(examples, name, name+".o"))
		require.Len(t, o.Programs, 1)
		require.Equal(t, name, o.Programs[0].Name)
		mem, err := hex.DecodeString(c[1])
		require.NoError(t, err)
		r0, err := evaluate(o, &o.Programs[0], mem)
		require.NoError(t, err, name)
		require.Equal(t, c[2], fmt.Sprintf("%#x", r0), name)
	}
	objects, err := filepath.Glob(filepath.Join(examples, "*", "*.o"))
	require.NoError(t, err)
	for _, path := range objects {
		inGo, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*_test.go"))
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(path), ".o")
		require.True(t, seen[name] || len(inGo) > 0, "%s has neither a case nor a test in Go", name)
	}
}

// TestBenchmarkPrograms does the same with the benchmark programs.
func TestBenchmarkPrograms(t *testing.T) {
	input, err := os.ReadFile(filepath.Join(benchmark, "input.bin"))
	require.NoError(t, err)
	for _, c := range cases(t, filepath.Join(benchmark, "want.txt")) {
		o := read(t, filepath.Join(benchmark, c[0]+".o"))
		require.Equal(t, "mem/2048", o.Programs[0].Section)
		r0, err := evaluate(o, &o.Programs[0], bytes.Clone(input))
		require.NoError(t, err, c[0])
		require.Equal(t, c[1], fmt.Sprintf("%#x", r0), c[0])
	}
}

// TestObjectsNameNoMachine looks for absolute paths in the committed objects.
func TestObjectsNameNoMachine(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, pattern := range []string{examples + "/*/*.o", benchmark + "/*.o", "testdata/*.o"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, paths)
		for _, path := range paths {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, root := range []string{here, "/home/", "/root/", "/tmp/", "/usr/"} {
				require.NotContains(t, string(b), root, path)
			}
		}
	}
}

// TestSourceLines checks one line against the source file itself.
func TestSourceLines(t *testing.T) {
	p := read(t, filepath.Join(examples, "topk", "topk.o")).Programs[0]
	source, err := os.ReadFile(filepath.Join(examples, "topk", "topk.c"))
	require.NoError(t, err)
	lines := strings.Split(string(source), "\n")
	require.Greater(t, len(p.Lines), 20)
	for _, l := range p.Lines {
		require.Equal(t, "./topk.c", l.File)
		require.Equal(t, lines[l.Line-1], l.Text)
		require.LessOrEqual(t, l.Col, len(l.Text))
	}
	require.Equal(t, 0, p.Lines[0].Slot)
}
