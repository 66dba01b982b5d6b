//go:build linux && amd64

package plugins_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/sdk/sdktest"
)

// inTiny runs the go command in the folder of the tiny back end, a module of its own.
func inTiny(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = "tinybackend"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
}

// tiny builds the tiny back end and returns the directory that it is in.
func tiny(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	inTiny(t, "build", "-mod=readonly", "-o", filepath.Join(dir, "bpfc-backend-tiny"), ".")
	return dir
}

func startTiny(t *testing.T, dir string) sdk.Backend {
	p, err := host.Open(t.Context(), "bpfc-backend-tiny", host.Options{Dirs: []string{dir}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p.Backend()
}

// The module's own tests run the suite on the back end as it is linked.
func TestTinyBackendLinked(t *testing.T) { inTiny(t, "test", "-mod=readonly", "./...") }

func TestTinyBackendIsSmall(t *testing.T) {
	files, err := filepath.Glob("tinybackend/*.go")
	require.NoError(t, err)
	lines := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		lines += bytes.Count(b, []byte("\n"))
	}
	require.Positive(t, lines)
	require.Less(t, lines, 300)
}

// TestTinyBackendPlugin runs the back end of a third party, built from the SDK
// alone, in a process of its own.
func TestTinyBackendPlugin(t *testing.T) {
	dir := tiny(t)
	b := startTiny(t, dir)
	t.Run("Suite", func(t *testing.T) { sdktest.TestBackend(t, b, sdktest.Options{Parts: sdktest.ALU64}) })
	t.Run("Refuses", func(t *testing.T) { testTinyRefuses(t, b) })
	t.Run("Conformance", func(t *testing.T) { testTinyConformance(t, b) })
	t.Run("Command", func(t *testing.T) { testTinyCommand(t, dir) })
}

// testTinyRefuses compiles programs with memory and branches.
func testTinyRefuses(t *testing.T, b sdk.Backend) {
	files, err := filepath.Glob("../../examples/*/*.o")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking(), builtin.Tracing())
	require.NoError(t, err)
	for _, f := range files {
		o, err := builtin.ReadFile(t.Context(), f, builtin.ReadOptions{})
		require.NoError(t, err)
		_, err = sdk.Compile(t.Context(), o, b, sdk.Options{Set: set, Policy: sdk.Guard})
		require.ErrorAs(t, err, new(*sdk.UnsupportedError), f)
		require.Contains(t, err.Error(), "back end tiny compiles arithmetic without branches", f)
	}
}

// conformanceProgram is a program of the public suite, assembled.
type conformanceProgram struct{ Name, Prog, Mem, Result string }

// arithmetic matches the suite's names of programs that are 64-bit arithmetic without branches.
var arithmetic = regexp.MustCompile(`^(add64|lddw2?|exit|(arsh|lsh|rsh|div|mod|mul|sdiv|smod|neg)64(-by-zero|-negative)?(-imm|-reg)?)$`)

func publicSuite(t *testing.T) (all []conformanceProgram) {
	dir := os.Getenv("BPFC_CONFORMANCE")
	if dir == "" {
		t.Skip("set BPFC_CONFORMANCE to the directory of the suite's programs.json")
	}
	text, err := os.ReadFile(filepath.Join(dir, "programs.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// testTinyConformance runs the public suite: each program gives what it should,
// or is refused, but those of 64-bit arithmetic are not.
func testTinyConformance(t *testing.T, b sdk.Backend) {
	right, wanted := 0, 0
	for _, p := range publicSuite(t) {
		o, err := builtin.ReadObject(t.Context(), p.Name+".hex", []byte(p.Prog), builtin.ReadOptions{})
		require.NoError(t, err, p.Name)
		loaded, err := sdk.Load(t.Context(), o, b, sdk.Options{Set: builtin.Conformance(), Policy: sdk.Guard, Type: "mem", CPUs: 1})
		must := arithmetic.MatchString(p.Name)
		if !must && errors.As(err, new(*sdk.UnsupportedError)) {
			continue
		}
		require.NoError(t, err, p.Name)
		mem, err := hex.DecodeString(p.Mem)
		require.NoError(t, err, p.Name)
		got, err := loaded.Run(mem)
		require.NoError(t, err, p.Name)
		require.Equal(t, p.want(t), got, p.Name)
		require.NoError(t, loaded.Close(), p.Name)
		right++
		if must {
			wanted++
		}
	}
	require.GreaterOrEqual(t, wanted, 20)
	t.Logf("%d programs right, %d of them 64-bit arithmetic; the others are refused", right, wanted)
}

func (p *conformanceProgram) want(t *testing.T) uint64 {
	want, err := strconv.ParseUint(p.Result, 0, 64)
	require.NoError(t, err, p.Name)
	return want
}

// testTinyCommand gives the command line the directory of the plugin.
func testTinyCommand(t *testing.T, dir string) {
	bpfc := filepath.Join(dir, "bpfc")
	out, err := exec.Command("go", "build", "-o", bpfc, "../../cmd/bpfc").CombinedOutput()
	require.NoError(t, err, "%s", out)
	conformance := func(program string) (string, string, int) {
		cmd := exec.Command(bpfc, "conformance", "--plugin-dir", dir, "--backend", "tiny")
		var out, messages bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(program), &out, &messages
		if err := cmd.Run(); err != nil {
			require.ErrorAs(t, err, new(*exec.ExitError))
		}
		return out.String(), messages.String(), cmd.ProcessState.ExitCode()
	}
	// r0 = 6; r0 *= 7; exit
	got, messages, code := conformance("b700000006000000 2700000007000000 9500000000000000")
	require.Zero(t, code, messages)
	require.Equal(t, "2a\n", got)
	// r0 = *(u8 *)(r1 + 0); exit
	got, messages, code = conformance("7110000000000000 9500000000000000")
	require.Equal(t, 3, code, messages)
	require.Empty(t, got)
	require.Contains(t, messages, "back end tiny compiles arithmetic without branches")
}
