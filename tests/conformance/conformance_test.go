// Package conformance runs the public bpf_conformance suite on every back end:
// linked, in a process of its own through the SDK, and through the command line
// as the public runner does.
//
// BPFC_CONFORMANCE names the directory with programs.json, the suite's programs
// assembled; without it the tests are skipped.
package conformance

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/command"
	"github.com/stretchr/testify/require"
)

// programCount is the number of programs in the suite's release that is used here.
const programCount = 313

type program struct{ Name, Prog, Mem, Result string }

// suite reads the programs.
func suite(t *testing.T) []program {
	t.Helper()
	dir := os.Getenv("BPFC_CONFORMANCE")
	if dir == "" {
		t.Skip("set BPFC_CONFORMANCE to the directory of the suite's programs.json")
	}
	b, err := os.ReadFile(filepath.Join(dir, "programs.json"))
	require.NoError(t, err)
	var programs []program
	require.NoError(t, json.Unmarshal(b, &programs))
	require.Len(t, programs, programCount)
	return programs
}

func runsHere(backend string) bool {
	return backend != "amd64" || runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
}

func TestLinked(t *testing.T) {
	programs := suite(t)
	for _, name := range builtin.Backends() {
		if b, _ := builtin.Backend(name); runsHere(name) {
			t.Run(name, func(t *testing.T) { runAll(t, programs, b) })
		}
	}
}

func TestIsolated(t *testing.T) {
	programs := suite(t)
	path := command.Build(t)
	for _, name := range builtin.Backends() {
		if !runsHere(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p, err := host.Start(t.Context(), command.Backend(path, name), host.Options{})
			require.NoError(t, err)
			defer p.Close()
			runAll(t, programs, p.Backend())
		})
	}
}

// runAll runs every program on b, without its features and with all of them.
func runAll(t *testing.T, programs []program, b codegen.Backend) {
	runWith(t, programs, b, nil)
	if all := b.Target().Features; len(all) > 0 {
		runWith(t, programs, b, all)
	}
}

// runWith runs every program on b. Programs of the suite have one name, so that each is an artifact of its own.
func runWith(t *testing.T, programs []program, b codegen.Backend, features []string) {
	for _, p := range programs {
		o, err := builtin.ReadObject(t.Context(), p.Name+".hex", []byte(p.Prog), builtin.ReadOptions{})
		require.NoError(t, err, p.Name)
		loaded, err := sdk.Load(t.Context(), o, b, sdk.Options{Set: builtin.Conformance(), Policy: sdk.Guard, Type: "mem", CPUs: 1, Features: features})
		require.NoError(t, err, p.Name)
		mem, err := hex.DecodeString(p.Mem)
		require.NoError(t, err, p.Name)
		got, err := loaded.Run(mem)
		require.NoError(t, err, p.Name)
		want, err := strconv.ParseUint(p.Result, 0, 64)
		require.NoError(t, err, p.Name)
		require.Equal(t, want, got, p.Name)
		require.NoError(t, loaded.Close(), p.Name)
	}
}

// TestCommand runs every twentieth program through the protocol of the public
// runner, with the memory before and after the options.
func TestCommand(t *testing.T) {
	programs := suite(t)
	path := command.Build(t)
	for i := 0; i < len(programs); i += 20 {
		p := programs[i]
		for _, name := range builtin.Backends() {
			if !runsHere(name) {
				continue
			}
			args := []string{"conformance", "--backend", name}
			if p.Mem != "" && i%40 == 0 {
				args = []string{"conformance", p.Mem, "--backend", name}
			} else if p.Mem != "" {
				args = append(args, p.Mem[:2]+" "+p.Mem[2:])
			}
			cmd := exec.Command(path, args...)
			cmd.Stdin = strings.NewReader(p.Prog[:2] + "\n " + p.Prog[2:] + "\n")
			var out, messages bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &messages
			require.NoError(t, cmd.Run(), "%s on %s: %s", p.Name, name, &messages)
			got, err := strconv.ParseUint(strings.TrimSpace(out.String()), 16, 64)
			require.NoError(t, err)
			want, err := strconv.ParseUint(p.Result, 0, 64)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s on %s", p.Name, name)
		}
	}
}
