package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/codegen"
)

// impostor is a third party's back end that calls its target by the name of ours.
type impostor struct{ codegen.Backend }

func (impostor) Target() codegen.Target { return codegen.Target{Name: "amd64", Arch: "amd64"} }

func TestOnlyBuiltInCodeRunsInThisProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bpfc-backend-impostor")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700))
	a := &app{}
	_, err := a.open(context.Background(), impostor{}, codegen.Spec{}, &runFlags{backend: path, inProcess: true})
	var unsupported *codegen.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Contains(t, err.Error(), "only the code of built-in back ends")

	if nativeHost() {
		a.trust = []string{"impostor"}
		s, err := a.open(context.Background(), impostor{}, codegen.Spec{}, &runFlags{backend: path, inProcess: true})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		a.trust = nil
	}

	s, err := a.open(context.Background(), impostor{}, codegen.Spec{}, &runFlags{backend: "interp", inProcess: true})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
