// Package script tests the command line: each file in testdata is a script of
// commands with the files they need, as rogpeppe/go-internal/testscript reads it.
package script

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/tests/command"
	"github.com/rogpeppe/go-internal/testscript"
)

// goDirs are the variables by which the go command of a script finds what has been built and fetched.
var goDirs = []string{"GOCACHE", "GOMODCACHE"}

func TestScripts(t *testing.T) {
	dir := filepath.Dir(command.Build(t))
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := filepath.Abs("objects")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", append([]string{"env"}, goDirs...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := strings.Fields(string(out))
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
			e.Setenv("EXAMPLES", examples)
			e.Setenv("OBJECTS", objects)
			e.Setenv("SOURCE", filepath.Dir(examples))
			e.Setenv("HOME", e.WorkDir)
			for i, name := range goDirs { // which are below HOME
				e.Setenv(name, dirs[i])
			}
			e.Setenv("GOPROXY", "off")
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "native":
				return runtime.GOOS == "linux" && runtime.GOARCH == "amd64", nil
			case "clang":
				return exec.Command("sh", "-c", "command -v clang || ls /usr/bin/clang-[12][0-9]").Run() == nil, nil
			}
			return false, errors.New("unknown condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "unhex": unhex, "cut": cut},
	})
}

// unhex writes the bytes that a file of hex digits, with comments behind #, stands for:
//
//	unhex FILE.hex FILE
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unhex FROM TO")
	}
	var digits strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		text, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(text), ""))
	}
	b, err := hex.DecodeString(digits.String())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// cut copies a file without its last bytes:
//
//	cut FROM TO BYTES
func cut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut FROM TO BYTES")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	b := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b[:len(b)-n]), 0o600))
}

// exits runs a command, whose exit code must be the first argument:
//
//	exits 2 bpfc run
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var status *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &status):
		got = status.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
