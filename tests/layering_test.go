package tests

import (
	"encoding/json"
	"errors"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk/builtin"
)

const module = "github.com/bpfc/bpfc/"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	SFiles     []string
	GoFiles    []string
}

// room is the package's path in the module.
func (p *pkg) room() string { return strings.TrimPrefix(p.ImportPath, module) }

// packages lists all packages of the module, for each platform that some of their files are for.
func packages(t *testing.T) (all []pkg) {
	for _, platform := range [][2]string{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}} {
		cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,SFiles,GoFiles", "./...")
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "GOOS="+platform[0], "GOARCH="+platform[1], "CGO_ENABLED=0")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p pkg
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			all = append(all, p)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// within reports whether path is room or below it.
func within(path string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return path == r || strings.HasPrefix(path, r+"/") })
}

// door says what packages may not import: from is a path in the module, to an import path.
type door struct {
	name string
	shut func(from, to string) bool
}

// own reports whether the import path to is one of the module's rooms, or below it.
func own(to string, rooms ...string) bool {
	room, ours := strings.CutPrefix(to, module)
	return ours && within(room, rooms...)
}

// Doors 1 to 4 of the plan.
var doors = []door{
	{"core imports core and the standard library", func(from, to string) bool {
		return within(from, "core") && !standard(to) && !own(to, "core")
	}},
	{"core/regalloc imports the standard library", func(from, to string) bool {
		return within(from, "core/regalloc") && !standard(to) && !own(to, "core/regalloc")
	}},
	{"core does no I/O and starts nothing", func(from, to string) bool {
		return within(from, "core") && within(to, "os", "net", "syscall", "os/exec", "plugin")
	}},
	{"back ends, front ends and helper sets import none of their kind or of the others", func(from, to string) bool {
		return leaf(from) != "" && leaf(strings.TrimPrefix(to, module)) != "" && !sameLeaf(from, to)
	}},
	{"only cmd/bpfc, sdk/builtin and tests import back ends, front ends and helper sets", func(from, to string) bool {
		return leaf(strings.TrimPrefix(to, module)) != "" && !sameLeaf(from, to) && !within(from, "cmd/bpfc", "sdk/builtin", "tests", "examples")
	}},
	{"go-plugin, gRPC and protobuf stay in the plugin part of the SDK", func(from, to string) bool {
		return within(to, "github.com/hashicorp", "google.golang.org/grpc", "google.golang.org/protobuf", module+"sdk/internal") &&
			!within(from, "sdk/plugin", "sdk/host", "sdk/internal", "cmd/bpfc", "tests")
	}},
	{"the SDK itself does not depend on plugins", func(from, to string) bool {
		return from == "sdk" && own(to, "sdk/plugin", "sdk/host", "sdk/builtin", "sdk/internal")
	}},
	{"unsafe stays in the runtime", func(from, to string) bool {
		return to == "unsafe" && !within(from, "runtime", "sdk/internal/pb", "tests")
	}},
	{"nothing imports the command or tests", func(from, to string) bool {
		return own(to, "cmd", "tests") && !within(from, "cmd", "tests")
	}},
}

// leaf is the back end, front end or helper set that a package is of, "" if none.
func leaf(room string) string {
	for dir, depth := range map[string]int{"backends": 2, "frontends": 2, "plugins/helpers": 3} {
		if within(room, dir) && room != dir {
			return strings.Join(strings.SplitN(room, "/", depth+1)[:depth], "/")
		}
	}
	return ""
}

func sameLeaf(from, to string) bool { return leaf(from) == leaf(strings.TrimPrefix(to, module)) }

func TestDoors(t *testing.T) {
	for _, p := range packages(t) {
		for _, to := range p.Imports {
			for _, d := range doors {
				require.False(t, d.shut(p.room(), to), "%s imports %s: %s", p.room(), to, d.name)
			}
		}
		if !within(p.room(), "runtime") {
			require.Empty(t, p.SFiles, "%s has assembly: it belongs to the runtime", p.room())
		}
	}
}

// Each door is one that some import could not pass.
func TestDoorsShut(t *testing.T) {
	for i, breach := range [][2]string{
		{"core/ir", module + "runtime"},
		{"core/regalloc", module + "core/ir"},
		{"core/objfile", "os"},
		{"backends/amd64", module + "backends/interp"},
		{"sdk", module + "frontends/elf"},
		{"runtime", "google.golang.org/grpc/codes"},
		{"sdk", module + "sdk/host"},
		{"backends/interp", "unsafe"},
		{"sdk/host", module + "tests/bench"},
	} {
		require.True(t, doors[i].shut(breach[0], breach[1]), doors[i].name)
	}
	require.Len(t, doors, 9)
	require.False(t, doors[3].shut("backends/amd64", module+"backends/amd64/asm"))
	require.False(t, doors[3].shut("plugins/helpers/base", module+"core/abi"))
	require.True(t, doors[3].shut("plugins/helpers/base", module+"plugins/helpers/conformance"))
}

// Door 5: third parties' plugins are modules of their own that import sdk and sdk/plugin, and sdk/asm for the bodies of
// their helpers.
func TestPluginsOfThirdPartiesImportOnlyTheSDK(t *testing.T) {
	mods, err := filepath.Glob("plugins/*/go.mod")
	require.NoError(t, err)
	if len(mods) == 0 {
		t.Skip("there is no such module yet")
	}
	for _, mod := range mods {
		dir := filepath.Dir(mod)
		require.FileExists(t, filepath.Join(dir, "go.sum"))
		cmd := exec.Command("go", "list", "-mod=mod", "-f", `{{join .Imports "\n"}}`, "./...")
		cmd.Dir = dir
		out, err := cmd.Output()
		require.NoError(t, err, dir)
		for _, to := range strings.Fields(string(out)) {
			if to, ours := strings.CutPrefix(to, module); ours {
				require.Contains(t, []string{"sdk", "sdk/plugin", "sdk/asm"}, to, "%s imports %s", dir, to)
			}
		}
	}
}

// Door 6: what a set declares is named by sets alone. The words are those of the built-in sets.
func TestCompilerNamesNothingThatSetsDeclare(t *testing.T) {
	words := declared(t)
	require.Contains(t, words, "mem")
	require.Contains(t, words, "identity")
	for _, p := range packages(t) {
		if !within(p.room(), "core", "backends", "runtime") {
			continue
		}
		for _, file := range p.GoFiles {
			path := filepath.Join(p.Dir, file)
			for _, s := range stringsOf(t, path) {
				require.Empty(t, named(s, words), "%s names what a helper set declares, in %q", path, s)
			}
		}
	}
}

// alike are words of the IR's text form that happen to be those of a set: kinds of arguments.
var alike = []string{"mem", "iter"}

// kindNames are those of kinds of maps, which the runtime has, that contain the name of a program type.
var kindNames = []string{"perf_event_array"}

// named returns the word that a string literal names: as a whole, as a sized
// type in a sentence ("mem/64"), or, if it looks like nothing else, anywhere in it.
func named(literal string, words map[string]string) string {
	if slices.Contains(kindNames, literal) {
		return ""
	}
	for w := range words {
		whole := literal == w && !slices.Contains(alike, w)
		if whole || strings.Contains(literal, w+"/") || strings.Contains(w, "_") && strings.Contains(literal, w) {
			return w
		}
	}
	if strings.Contains(literal, "bpf_") && !strings.HasPrefix(literal, "bpf_map") {
		return "bpf_"
	}
	return ""
}

func TestNamed(t *testing.T) {
	words := map[string]string{"mem": "base", "xdp_md": "networking"}
	require.Equal(t, "mem", named("use mem/64", words))
	require.Equal(t, "xdp_md", named("struct xdp_md *", words))
	require.Equal(t, "bpf_", named("call bpf_ktime_get_ns", words))
	require.Empty(t, named("guard.mem", words))
}

// declared are the names of helpers, program types, contexts and their fields, with the set that declares them.
func declared(t *testing.T) map[string]string {
	words := map[string]string{}
	for _, name := range builtin.Sets() {
		set, ok := builtin.Set(name)
		require.True(t, ok)
		for i := range set.Types {
			for _, w := range typeWords(&set.Types[i]) {
				words[w] = name
			}
		}
		for i := range set.Helpers {
			words[set.Helpers[i].Name] = name
		}
	}
	delete(words, "memory") // the name of a rule as well, and of what everybody has
	return words
}

func typeWords(t *abi.ProgType) []string {
	words := []string{t.Name, t.Context.Name}
	for _, s := range t.Sections {
		if !strings.ContainsAny(s, "* ") { // "e *" is a pattern, no word
			words = append(words, s)
		}
	}
	for _, f := range t.Context.Fields {
		if strings.Contains(f.Name, "_") { // "len" and "rax" are also words of everybody
			words = append(words, f.Name)
		}
	}
	return words
}

// stringsOf returns the string literals of a Go file.
func stringsOf(t *testing.T, path string) (list []string) {
	src, err := os.ReadFile(path)
	require.NoError(t, err)
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile(path, -1, len(src)), src, nil, 0)
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			return list
		}
		if tok == token.STRING {
			text, err := strconv.Unquote(lit)
			require.NoError(t, err, path)
			list = append(list, text)
		}
	}
}
