// Package platforms builds bpfc for the systems it supports and runs the
// interpreter of linux/arm64 under qemu-user. The builds take minutes where
// nothing is cached, so they are made only with BPFC_PLATFORMS=1.
package platforms

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// build runs `go COMMAND -o out pkg` for a system, "linux/arm64".
func build(t *testing.T, system, out, pkg string, command ...string) {
	t.Helper()
	goos, goarch, _ := strings.Cut(system, "/")
	cmd := exec.Command("go", append(command, "-o", out, pkg)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", system, text)
}

func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("BPFC_PLATFORMS") == "" {
		t.Skip("set BPFC_PLATFORMS=1 to build for other systems")
	}
}

func TestBuilds(t *testing.T) {
	wanted(t)
	for _, system := range []string{"linux/arm64", "darwin/arm64", "darwin/amd64"} {
		build(t, system, filepath.Join(t.TempDir(), "bpfc"), "../../cmd/bpfc", "build")
	}
}

func qemu(t *testing.T) string {
	t.Helper()
	wanted(t)
	for _, name := range []string{"qemu-aarch64", "qemu-aarch64-static"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs qemu-aarch64")
	return ""
}

// TestInterpOnArm64 runs the suite of back ends.
func TestInterpOnArm64(t *testing.T) {
	emulator := qemu(t)
	suite := filepath.Join(t.TempDir(), "suite.test")
	build(t, "linux/arm64", suite, "../../sdk/builtin", "test", "-c")
	out, err := exec.Command(emulator, suite, "-test.run", "Interp", "-test.v").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestInterpPassesTheSuite")
}

// TestCommandOnArm64 runs the command with plugins that are started through
// qemu, since the kernel itself may not know how to start them.
func TestCommandOnArm64(t *testing.T) {
	emulator, dir := qemu(t), t.TempDir()
	bpfc := filepath.Join(dir, "bpfc")
	build(t, "linux/arm64", bpfc, "../../cmd/bpfc", "build")
	wrap := func(role, name string) string {
		path := filepath.Join(dir, "bpfc-"+role+"-"+name)
		script := "#!/bin/sh\nexec " + emulator + " " + bpfc + " plugin serve " + role + " " + name + "\n"
		require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
		return path
	}
	run := func(args ...string) (string, string, error) {
		var out, messages bytes.Buffer
		cmd := exec.Command(emulator, append([]string{bpfc, "run", "../../examples/fnv/fnv.o", "--policy", "guard", "--mem", "0102"}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &messages
		err := cmd.Run()
		return out.String(), messages.String(), err
	}
	out, messages, err := run("--backend", wrap("backend", "interp"), "--helpers", wrap("helpers", "base"))
	require.NoError(t, err, messages)
	require.Equal(t, "0x82f2407b4e8902a\n", out)

	// Without --backend there is one warning; where the kernel can start the plugins, also the result.
	out, messages, err = run()
	require.Equal(t, 1, strings.Count(messages, "warning: linux/arm64 runs no amd64 code"), messages)
	if err == nil {
		require.Equal(t, "0x82f2407b4e8902a\n", out)
	}
}
