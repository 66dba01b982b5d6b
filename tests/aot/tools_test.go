// Package aot links what bpfc compiles ahead of time with C programs, by the
// system's own tools, and compares what they do with runs in this process.
package aot

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// need skips the test without the tools that it takes.
func need(t *testing.T, tools ...string) {
	t.Helper()
	if goruntime.GOOS != "linux" || goruntime.GOARCH != "amd64" {
		t.Skip("the objects are for linux/amd64")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// folder is a directory in which C is compiled and run.
type folder struct {
	*testing.T
	dir string
}

func newFolder(t *testing.T) folder { return folder{t, t.TempDir()} }

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) write(name string, b []byte) {
	f.Helper()
	require.NoError(f, os.WriteFile(f.path(name), b, 0o600))
}

// run runs a command in the folder and returns what it prints.
func (f folder) run(name string, args ...string) string {
	f.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBUGINFOD_URLS=")
	out, err := cmd.CombinedOutput()
	require.NoError(f, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

// cc links the C program with the object called prog.o; flags come before the inputs.
func (f folder) cc(source string, flags ...string) {
	f.Helper()
	f.write("main.c", []byte(source))
	f.run("cc", append(append([]string{"-O1", "-Wall", "-Werror", "-o", "main"}, flags...), "main.c", "prog.o")...)
}

// main runs the program that cc linked.
func (f folder) main(args ...string) string {
	f.Helper()
	return f.run(f.path("main"), args...)
}

// object writes prog.o and prog.h.
func (f folder) object(a *codegen.Artifact) {
	f.Helper()
	f.objectAs("prog", a)
}

// objectAs writes name.o and name.h.
func (f folder) objectAs(name string, a *codegen.Artifact) {
	f.Helper()
	var o, h bytes.Buffer
	require.NoError(f, objfile.Write(&o, a, objfile.Options{Debug: true}))
	require.NoError(f, objfile.Header(&h, a, name+".h", nil))
	f.write(name+".o", o.Bytes())
	f.write(name+".h", h.Bytes())
}

// compile compiles an object with C entries. set may be nil for the built-in one.
func compile(t *testing.T, o *obj.Object, set *abi.Set) *codegen.Artifact {
	t.Helper()
	return compileFor(t, o, set, true)
}

func compileFor(t *testing.T, o *obj.Object, set *abi.Set, c bool, features ...string) *codegen.Artifact {
	t.Helper()
	if set == nil {
		set = builtin.Conformance()
	}
	a, err := core.Compile(t.Context(), o, set, builtin.AMD64(), core.Options{Policy: verifier.Guard, Object: c, Features: features})
	require.NoError(t, err)
	return a
}

// read reads a file of the tree.
func read(t *testing.T, path string) *obj.Object {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	o, err := builtin.ReadObject(t.Context(), path, b, builtin.ReadOptions{})
	require.NoError(t, err)
	return o
}

// assemble makes an object of one program of type typ, called name, from assembly.
func assemble(t *testing.T, name, typ, text string) *obj.Object {
	t.Helper()
	o, err := builtin.ReadObject(t.Context(), name+".s", []byte(text), builtin.ReadOptions{Dialect: "kernel"})
	require.NoError(t, err)
	require.Len(t, o.Programs, 1)
	o.Programs[0].Name, o.Programs[0].Type = name, typ
	if len(o.Programs[0].Funcs) > 0 {
		o.Programs[0].Funcs[0].Name = name
	}
	return o
}

// home runs the programs of an object in this process.
type home struct {
	*testing.T
	session codegen.Session
	ids     []codegen.ProgID
}

func newHome(t *testing.T, o *obj.Object) home {
	t.Helper()
	a := compileFor(t, o, nil, false)
	s, err := builtin.AMD64().(codegen.Runner).Open(t.Context(), codegen.Spec{CPUs: 1, Set: builtin.Conformance()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ids, err := s.Load(t.Context(), a)
	require.NoError(t, err)
	return home{t, s, ids}
}

// run runs program i on a copy of mem.
func (h home) run(i int, mem []byte) codegen.Result {
	h.Helper()
	res, err := h.session.Run(h.Context(), h.ids[i], codegen.Batch{Inputs: []codegen.Input{{Mem: append([]byte(nil), mem...)}}})
	require.NoError(h, err)
	return res.Results[0]
}
