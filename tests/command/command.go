// Package command builds the command for the tests that run it.
package command

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/sdk/host"
)

// Build builds bpfc and returns its path, in a directory that ends with the test.
func Build(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	watch(t, root)
	path := filepath.Join(t.TempDir(), "bpfc")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/bpfc")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("bpfc does not build: %v\n%s", err, out)
	}
	return path
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// watch makes the test depend on the sources: `go test` sees which directories a
// test reads, but not what a command that it starts does, and would repeat an
// old result.
func watch(t testing.TB, root string) {
	t.Helper()
	for _, dir := range []string{"backends", "cmd", "core", "frontends", "plugins", "runtime", "sdk"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Backend refers to a built-in back end of the bpfc at path, as a plugin.
func Backend(path, name string) host.Ref {
	return host.Ref{
		Name: "bpfc-backend-" + name, Role: host.BackendRole, Path: path, Builtin: true,
		Args: []string{"plugin", "serve", string(host.BackendRole), name},
	}
}
