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
	"github.com/bpfc/bpfc/core/abi"
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

// A built-in set is the same from its own process and linked, and so are all of them together.
func TestSetsAreTheSame(t *testing.T) {
	path := command.Build(t)
	var linked, isolated []*abi.Set
	for _, name := range builtin.Sets() {
		p, err := host.Start(t.Context(), host.Ref{Name: "bpfc-helpers-" + name, Role: host.HelpersRole, Path: path, Args: []string{"plugin", "serve", "helpers", name}}, host.Options{})
		require.NoError(t, err)
		defer p.Close()
		got, err := p.HelperSet().Describe(t.Context())
		require.NoError(t, err)
		want, ok := builtin.Set(name)
		require.True(t, ok)
		require.Equal(t, digest(t, want), digest(t, got), name)
		require.Equal(t, want, got, name)
		if name != "conformance" { // its helpers are base's under other numbers
			linked, isolated = append(linked, want), append(isolated, got)
		}
	}
	require.Greater(t, len(linked), 2)
	want, err := abi.Merge(linked...)
	require.NoError(t, err)
	got, err := abi.Merge(isolated...)
	require.NoError(t, err)
	require.Equal(t, digest(t, want), digest(t, got))
}

func digest(t *testing.T, s *abi.Set) any {
	d, err := abi.Digest(s)
	require.NoError(t, err)
	return d
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
		want, err := core.Compile(t.Context(), o, builtin.Linux(), linked, opts)
		require.NoError(t, err)
		got, err := core.Compile(t.Context(), o, builtin.Linux(), isolated, opts)
		require.NoError(t, err)
		require.NoError(t, got.CheckDigest(), path)
		require.Equal(t, want.Digest, got.Digest, path)
	}
}
