// Package backends runs the suite that every back end must pass on the built-in
// back ends in processes of their own, and compares what they make with what
// the linked ones make.
package backends

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/sdk/sdktest"
	"github.com/bpfc/bpfc/tests/command"
	"github.com/stretchr/testify/require"
)

func runsHere(name string) bool {
	return name != "amd64" || runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
}

func TestIsolated(t *testing.T) {
	path := command.Build(t)
	for _, name := range builtin.Backends() {
		t.Run(name, func(t *testing.T) {
			p, err := host.Start(t.Context(), command.Backend(path, name), host.Options{})
			require.NoError(t, err)
			defer p.Close()
			isolated := p.Backend()
			linked, ok := builtin.Backend(name)
			require.True(t, ok)
			require.Equal(t, linked.Target(), isolated.Target())
			t.Run("SameArtifacts", func(t *testing.T) { sameArtifacts(t, linked, isolated) })
			if runsHere(name) {
				sdktest.TestBackend(t, isolated, sdktest.Options{})
			}
		})
	}
}

// sameArtifacts compiles the examples with both back ends.
func sameArtifacts(t *testing.T, linked, isolated codegen.Backend) {
	objects, err := filepath.Glob("../../examples/*/*.o")
	require.NoError(t, err)
	require.NotEmpty(t, objects)
	for _, path := range objects {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		o, err := builtin.ReadObject(t.Context(), path, b, builtin.ReadOptions{})
		require.NoError(t, err)
		opts := core.Options{Policy: verifier.Guard}
		want, err := core.Compile(t.Context(), o, builtin.Base(), linked, opts)
		require.NoError(t, err)
		got, err := core.Compile(t.Context(), o, builtin.Base(), isolated, opts)
		require.NoError(t, err)
		require.NoError(t, got.CheckDigest(), path)
		require.Equal(t, want.Digest, got.Digest, path)
	}
}
