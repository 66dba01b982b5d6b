package tests

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/backends/amd64"
	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/obj"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// Every value of every program that there is, is proved to be where its readers look for it, at every CPU level.
func TestAllocationOfAllPrograms(t *testing.T) {
	backend := &amd64.Backend{CheckAllocation: true}
	for _, o := range allObjects(t) {
		set := builtin.Linux()
		if strings.HasSuffix(o.Name, suiteSuffix) {
			set = builtin.Conformance()
		}
		for _, cpu := range backend.Target().CPUs {
			_, err := core.Compile(t.Context(), o, set, backend, core.Options{Policy: verifier.Guard, CPU: cpu})
			require.NoError(t, err, "%s %s", o.Name, cpu)
		}
	}
}

// suiteSuffix marks the programs of the public suite, which has a helper set of its own.
const suiteSuffix = ".suite"

// allObjects are the committed objects, and the programs of the public suite if BPFC_CONFORMANCE says where they are.
func allObjects(t *testing.T) (all []*obj.Object) {
	for _, path := range sources(t) {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		o, err := builtin.ReadObject(t.Context(), path, b, builtin.ReadOptions{})
		require.NoError(t, err)
		all = append(all, o)
	}
	dir := os.Getenv("BPFC_CONFORMANCE")
	if dir == "" {
		t.Log("without the conformance suite: BPFC_CONFORMANCE is not set")
		return all
	}
	b, err := os.ReadFile(filepath.Join(dir, "programs.json"))
	require.NoError(t, err)
	var suite []struct{ Name, Prog string }
	require.NoError(t, json.Unmarshal(b, &suite))
	require.NotEmpty(t, suite)
	for _, p := range suite {
		code, err := hex.DecodeString(p.Prog)
		require.NoError(t, err, p.Name)
		o, err := builtin.ReadObject(t.Context(), p.Name+suiteSuffix, code, builtin.ReadOptions{})
		require.NoError(t, err, p.Name)
		for i := range o.Programs {
			o.Programs[i].Type = "mem"
		}
		all = append(all, o)
	}
	return all
}
