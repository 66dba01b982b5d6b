package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/objfile"
	"github.com/bpfc/bpfc/core/verifier"
	"github.com/bpfc/bpfc/frontends/asm"
	"github.com/bpfc/bpfc/frontends/elf"
	"github.com/bpfc/bpfc/frontends/raw"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/stretchr/testify/require"
)

func TestCodeOf(t *testing.T) {
	fault := &codegen.Fault{Rule: ir.RuleMemory}
	reject := &verifier.Error{Verdict: verifier.Reject}
	plugin := &host.Error{Kind: host.Crash}
	for _, c := range []struct {
		name string
		err  error
		want exitCode
	}{
		{"nothing", nil, exitOK},
		{"reject", reject, exitRejected},
		{"unsupported program", &verifier.Error{Verdict: verifier.Unsupported}, exitUnsupported},
		{"unsupported option", &codegen.UnsupportedError{}, exitUnsupported},
		{"unsupported object", &objfile.UnsupportedError{}, exitUnsupported},
		{"malformed artifact", &objfile.MalformedError{}, exitPlugin},
		{"malformed object", &elf.Error{}, exitRejected},
		{"unsupported ELF", &elf.Error{Unsupported: true}, exitUnsupported},
		{"no clang", &elf.Error{Code: elf.CodeNoClang}, exitUsage},
		{"no C file", &elf.Error{Code: elf.CodeClangFile}, exitUsage},
		{"wrong C", &elf.Error{Code: elf.CodeClang}, exitRejected},
		{"malformed assembly", &asm.Error{}, exitRejected},
		{"unsupported assembly", &asm.Error{Unsupported: true}, exitUnsupported},
		{"malformed hex", &raw.Error{}, exitRejected},
		{"names that are no text", &builtin.NameError{}, exitRejected},
		{"damaged artifact", &codegen.DigestError{}, exitRejected},
		{"missing file", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, exitUsage},
		{"wrong flag", usage("x"), exitUsage},
		{"plugin", plugin, exitPlugin},
		{"plugin's deadline", &host.Error{Kind: host.Timeout, Err: context.DeadlineExceeded}, exitPlugin},
		{"fault", fault, exitFault},
		{"timeout", &timeoutError{}, exitFault},
		{"lowering broke the IR", &ir.CheckError{}, exitInternal},
		{"wrapped", fmt.Errorf("x: %w", reject), exitRejected},
		{"internal and plugin", errors.Join(plugin, &bugError{}), exitInternal},
		{"plugin and usage", errors.Join(usage("x"), plugin), exitPlugin},
		{"usage and reject", errors.Join(reject, usage("x")), exitUsage},
		{"reject and unsupported", errors.Join(&codegen.UnsupportedError{}, reject), exitRejected},
		{"unsupported and fault", errors.Join(fault, &codegen.UnsupportedError{}), exitUnsupported},
		{"joined twice", errors.Join(errors.Join(fault, reject), fault), exitRejected},
	} {
		require.Equal(t, c.want, codeOf(c.err), c.name)
	}
}

// TestWorse compares with the order in the contract: 70, 4, 2, 1, 3, 5, 0.
func TestWorse(t *testing.T) {
	order := []exitCode{70, 4, 2, 1, 3, 5, 0}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, order[min(i, j)], worse(a, b), "%d and %d", a, b)
		}
	}
}

func breakDown() error { panic("out of cheese") }

func TestPanicIsReportedOnce(t *testing.T) {
	var messages bytes.Buffer
	a := &app{messages: &messages, shared: shared{color: "never"}}
	err := func() (err error) {
		defer func() { err = bug(recover()) }()
		return breakDown()
	}()
	require.Equal(t, exitInternal, a.report(err))
	require.Contains(t, messages.String(), "cmd/bpfc.breakDown: out of cheese")
	require.NotContains(t, messages.String(), "goroutine")
	require.Contains(t, fmt.Sprintf("%+v", err), "exit_test.go")
}

// TestPanicInParallel: a panic in another goroutine is one in the caller, and keeps its place.
func TestPanicInParallel(t *testing.T) {
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok)
		require.ErrorContains(t, bug(err), "cmd/bpfc.breakDown: out of cheese")
	}()
	_ = parallel(func() error { return nil }, breakDown)
	require.Fail(t, "no panic")
}

func TestParallelReturnsTheFirstErrorInOrder(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	require.Equal(t, first, parallel(func() error { return nil }, func() error { return first }, func() error { return second }))
	require.NoError(t, parallel())
}
