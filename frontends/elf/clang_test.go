package elf

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// clang skips the test without clang.
func clang(t *testing.T) Clang {
	var c Clang
	if _, err := c.Find(); err != nil {
		t.Skip("clang is not installed")
	}
	return c
}

// TestCompile compiles the fixtures anew, for every level of the instruction
// set and without optimisation, and links them.
func TestCompile(t *testing.T) {
	c := clang(t)
	for _, flags := range [][]string{{"-mcpu=v1"}, {"-mcpu=v2"}, {"-mcpu=v3"}, {"-mcpu=v4"}, {"-O1", "-g0"}, {"-ffunction-sections"}} {
		object, err := c.Compile(t.Context(), "testdata/calls.c", append(flags, "-fno-builtin"))
		require.NoError(t, err)
		o, err := Parse("calls", object, Options{})
		require.NoError(t, err)
		require.Len(t, o.Programs, 5, "%v", flags)
		results := map[string]uint64{}
		for _, p := range o.Programs {
			requireSound(t, &p)
			if results[p.Name], err = evaluate(o, &p, make([]byte, 10)); p.Name != "shared" {
				require.NoError(t, err, "%v %s", flags, p.Name)
			}
		}
		require.Equal(t, map[string]uint64{"shared": memBase + 7, "first": 67, "second": 84, "third": 125, "off": 0}, results, "%v", flags)
	}
}

func TestCompileErrors(t *testing.T) {
	code := func(err error) Code {
		var e *Error
		require.True(t, errors.As(err, &e), "%v", err)
		return e.Code
	}
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.c")
	require.NoError(t, os.WriteFile(bad, []byte("int f( {"), 0o600))

	_, err := Clang{Path: filepath.Join(dir, "no-such-clang")}.Compile(t.Context(), bad, nil)
	require.Equal(t, CodeNoClang, code(err))
	require.ErrorContains(t, err, "install")

	t.Setenv("PATH", dir)
	_, err = Clang{}.Compile(t.Context(), bad, nil)
	require.Equal(t, CodeNoClang, code(err))

	_, err = Clang{}.Compile(t.Context(), filepath.Join(dir, "missing.c"), nil)
	require.Equal(t, CodeClangFile, code(err))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCompileMessages(t *testing.T) {
	c := clang(t)
	bad := filepath.Join(t.TempDir(), "bad.c")
	require.NoError(t, os.WriteFile(bad, []byte("int f( {"), 0o600))
	var messages bytes.Buffer
	c.Stderr = &messages
	_, err := c.Compile(t.Context(), bad, nil)
	require.ErrorContains(t, err, "failed")
	require.Contains(t, messages.String(), "bad.c:1")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Compile(ctx, bad, nil)
	require.ErrorIs(t, err, context.Canceled)
}
