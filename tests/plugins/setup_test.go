//go:build linux

package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk/host"
)

// program is the file of the misbehaving plugin.
var program string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "misbehave")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "bpfc-backend-fake")
	build := exec.Command("go", "build", "-o", program, "./misbehave")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the misbehaving plugin:", err)
		return 1
	}
	return m.Run()
}

// misbehave refers to the plugin in a mode.
func misbehave(args ...string) host.Ref {
	return host.Ref{Name: "bpfc-backend-fake", Path: program, Args: args}
}

// options have deadlines far below bound, and a place for sockets that is checked, with the
// list of processes, when the test ends.
func options(t *testing.T) host.Options {
	temp, err := os.MkdirTemp("", "bp")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Empty(t, processes(t), "no process is left")
		requireEmptyDir(t, temp)
		require.NoError(t, os.RemoveAll(temp))
	})
	return host.Options{TempDir: temp, Timeout: 25 * time.Second, StartTimeout: 25 * time.Second}
}

func requireEmptyDir(t *testing.T, dir string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "no socket is left")
}

// start starts the plugin in a mode; it is closed when the test ends.
func start(t *testing.T, args ...string) *host.Plugin {
	return startWith(t, options(t), args...)
}

func startWith(t *testing.T, o host.Options, args ...string) *host.Plugin {
	ref := misbehave(args...)
	if args[0] == "helpers" {
		ref.Name, ref.Role = "bpfc-helpers-fake", host.HelpersRole
	}
	p, err := host.Start(context.Background(), ref, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// processes are the numbers of all living processes of the program.
func processes(t *testing.T) (pids []string) {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(t, err)
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && exe == program {
			pids = append(pids, filepath.Base(filepath.Dir(link)))
		}
	}
	return pids
}

func isFailure(err error) bool {
	return errors.As(err, new(*host.Error)) && !errors.Is(err, context.DeadlineExceeded)
}

// requireFailure demands a failure of a kind, told in one sentence.
func requireFailure(t *testing.T, err error, kind host.Kind, sentence string) {
	t.Helper()
	var e *host.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Kind, err.Error())
	require.Contains(t, err.Error(), sentence)
	require.False(t, strings.Contains(err.Error(), "\n"), "one line: %q", err.Error())
	require.Less(t, len(err.Error()), 500)
	require.Regexp(t, `^plugin \S+ \w`, err.Error())
	t.Log(err)
}
