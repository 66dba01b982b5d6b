package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// sources are the committed BPF objects.
func sources(t *testing.T) (paths []string) {
	for _, pattern := range []string{"../examples/*/*.o", "bench/programs/c/*.o"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		paths = append(paths, found...)
	}
	return paths
}

// output is one compile of one object.
type output struct {
	what     string
	artifact *codegen.Artifact
	files    [][]byte // what is written of it: object with and without debug information, header
}

// outputs compiles an object, from its bytes on, with every back end in all ways that its target offers.
func outputs(ctx context.Context, path string) (all []output, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for _, name := range builtin.Backends() {
		backend, _ := builtin.Backend(name)
		for _, cpu := range append([]string{""}, backend.Target().CPUs...) {
			for _, object := range []bool{false, true}[:1+btoi(backend.Target().Object)] {
				o, err := builtin.ReadObject(ctx, path, b, builtin.ReadOptions{})
				if err != nil {
					return nil, err
				}
				a, err := core.Compile(ctx, o, builtin.Linux(), backend, core.Options{Policy: verifier.Guard, CPU: cpu, Object: object})
				if _, unsupported := errors.AsType[*codegen.UnsupportedError](err); unsupported && object && len(o.Maps) > 0 {
					continue // programs whose maps are given to helpers run in a session only
				}
				if err != nil {
					return nil, err
				}
				out := output{what: path + " " + name + " " + cpu, artifact: a}
				if object {
					if out.files, err = written(a); err != nil {
						return nil, err
					}
				}
				all = append(all, out)
			}
		}
	}
	return all, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// written is what can be written of an artifact with C entries.
func written(a *codegen.Artifact) ([][]byte, error) {
	var plain, debug, header bytes.Buffer
	err := errors.Join(objfile.Write(&plain, a, objfile.Options{}), objfile.Write(&debug, a, objfile.Options{Debug: true}), objfile.Header(&header, a, "test.h", nil))
	return [][]byte{plain.Bytes(), debug.Bytes(), header.Bytes()}, err
}

// The same input and options give the same bytes, whatever else is compiled at the same time.
func TestSameInputSameBytes(t *testing.T) {
	const rounds = 4
	paths := sources(t)
	results := make([][rounds][]output, len(paths))
	errs := make([][rounds]error, len(paths))
	var wg sync.WaitGroup
	for round := range rounds {
		wg.Go(func() {
			for i := range paths {
				at := (i + round*len(paths)/rounds) % len(paths) // different ones at the same time
				results[at][round], errs[at][round] = outputs(t.Context(), paths[at])
			}
		})
	}
	wg.Wait()
	for i := range paths {
		want := results[i][0]
		require.NotEmpty(t, want, "%v", errs[i][0])
		for round := range rounds {
			require.NoError(t, errs[i][round], paths[i])
			got := results[i][round]
			require.Len(t, got, len(want))
			for k := range want {
				require.NoError(t, got[k].artifact.CheckDigest(), got[k].what)
				require.Equal(t, want[k].artifact, got[k].artifact, got[k].what)
				require.Equal(t, want[k].files, got[k].files, got[k].what)
			}
		}
	}
}

// Options that make a difference are in the digest, so that the test above cannot compare less than it says.
func TestDifferentOptionsDifferentDigests(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, path := range sources(t)[:3] {
		all, err := outputs(t.Context(), path)
		require.NoError(t, err)
		for _, o := range all {
			a := o.artifact
			what := fmt.Sprintf("%s %s object %v", o.what, a.CPU, a.Entries[0].HasC)
			if other, ok := seen[a.Digest]; ok { // "" is the name of the lowest level
				require.Contains(t, other, path)
				require.Contains(t, other, a.Target+" ")
				continue
			}
			seen[a.Digest] = what
		}
	}
	require.Greater(t, len(seen), 3*4)
}
