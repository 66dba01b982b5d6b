//go:build linux

// Package plugins_test runs what plugins do well and badly against the host: one
// suite over a linked, an attached and a real plugin, and one misbehaving plugin
// in all its modes.
package plugins_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/sdk/plugin"
	"github.com/bpfc/bpfc/tests/plugins/fake"
)

// The same back end behaves the same linked, attached and in a process.
func TestBackendIsTheSameEverywhere(t *testing.T) {
	for name, b := range map[string]codegen.Backend{
		"linked":   fake.Backend{},
		"attached": attached(t).Backend(),
		"process":  start(t, "good").Backend(),
	} {
		t.Run(name, func(t *testing.T) { testBackend(t, b) })
	}
}

func attached(t *testing.T) *host.Plugin {
	ctx, cancel := context.WithCancel(context.Background())
	reattach, done, err := plugin.DebugBackend(ctx, fake.Backend{})
	require.NoError(t, err)
	p, err := host.Start(ctx, host.Ref{Name: "bpfc-backend-fake"}, host.Options{Reattach: reattach})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.Close())
		cancel()
		<-done
	})
	return p
}

func testBackend(t *testing.T, b codegen.Backend) {
	ctx := context.Background()
	want := fake.Artifact(fake.Unit(), codegen.Options{CPU: "a", Object: true}, 0)
	require.Equal(t, fake.Backend{}.Target(), b.Target())
	a, err := b.Compile(ctx, fake.Unit(), codegen.Options{CPU: "a", Object: true})
	require.NoError(t, err)
	require.Equal(t, want, a)

	t.Run("errors", func(t *testing.T) { testErrors(t, b) })
	t.Run("session", func(t *testing.T) {
		s, err := b.(codegen.Runner).Open(ctx, codegen.Spec{CPUs: 2, Set: fake.Set()})
		require.NoError(t, err)
		ids, err := s.Load(ctx, a)
		require.NoError(t, err)
		require.Equal(t, []codegen.ProgID{1, 2}, ids)
		testRun(t, s, ids[1])
		testMaps(t, s)
		require.NoError(t, s.Unload(ctx, ids[0]))
		require.ErrorContains(t, s.Unload(ctx, ids[0]), "no program 1")
		require.NoError(t, s.Close())
	})
}

func testErrors(t *testing.T, b codegen.Backend) {
	ctx := context.Background()
	_, err := b.Compile(ctx, fake.Unit(), codegen.Options{Opt: 2})
	var unsupported *codegen.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Equal(t, &codegen.UnsupportedError{What: "optimisation level 2", Msg: "use 0"}, unsupported)

	_, err = b.Compile(ctx, fake.Unit(), codegen.Options{CPU: "unknown"})
	require.EqualError(t, err, "fake: unknown CPU level")
	require.False(t, isFailure(err), "an answer, not a failure of the plugin")

	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = b.Compile(short, fake.Unit(), codegen.Options{CPU: "wait"})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	stopped, cancel := context.WithCancel(ctx)
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = b.Compile(stopped, fake.Unit(), codegen.Options{CPU: "wait"})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, isFailure(err))
}

func testRun(t *testing.T, s codegen.Session, p codegen.ProgID) {
	ctx := context.Background()
	var in codegen.Batch
	for i := range 5000 {
		in.Inputs = append(in.Inputs, codegen.Input{Mem: []byte{byte(i % 200), 1, 2}})
	}
	in.Inputs[7].Mem, in.Inputs[8].Mem, in.Inputs[9].Mem = nil, []byte{}, []byte{fake.DoFault, 1}
	in.Inputs[10].Mem = bytes.Repeat([]byte{1}, 9<<20)
	in.Repeat, in.Fuel = 2, -1
	res, err := s.Run(ctx, p, in)
	require.NoError(t, err)
	require.Len(t, res.Results, 5000)
	require.Equal(t, codegen.Results{Results: res.Results, Elapsed: 50_000, Runs: 10_000}, res)
	require.Equal(t, codegen.Result{Ret: 5, Mem: []byte{2, 1, 3}}, res.Results[3])
	require.Equal(t, codegen.Result{Ret: ^uint64(0)}, res.Results[7])
	require.Equal(t, codegen.Result{Ret: ^uint64(0), Mem: []byte{}}, res.Results[8])
	require.Equal(t, "second: insn 7: memory: write of 8 bytes at 0x8000000000000001 is outside what the run may write (f.c:3)",
		res.Results[9].Fault.Error())
	require.Len(t, res.Results[10].Mem, 9<<20)
	require.Equal(t, []byte{0, 1, 2}, in.Inputs[0].Mem, "inputs stay as they are")

	in.Inputs[100].Mem[0] = fake.DoFail
	res, err = s.Run(ctx, p, in)
	require.EqualError(t, err, "fake: told to fail")
	require.Len(t, res.Results, 100, "results before an error come with it")

	testTrace(t, s, p)
	_, err = s.Run(ctx, 99, in)
	require.EqualError(t, err, "no program 99")
}

func testTrace(t *testing.T, s codegen.Session, p codegen.ProgID) {
	res, err := s.Run(context.Background(), p, codegen.Batch{Inputs: make([]codegen.Input, 2), Repeat: 1, Trace: true})
	require.NoError(t, err)
	for _, r := range res.Results {
		require.Len(t, r.Trace, fake.TraceSteps)
		for i, step := range r.Trace {
			if step != (codegen.TraceStep{Slot: i, Func: "second", Regs: [11]uint64{uint64(i), 10: ^uint64(0)}}) {
				require.Fail(t, "wrong step", "%d: %v", i, step)
			}
		}
	}
}

func testMaps(t *testing.T, s codegen.Session) {
	out, err := s.Maps(context.Background(), []codegen.MapOp{
		{Kind: codegen.MapGet, Prog: 1, Map: "m"},
		{Kind: codegen.MapPut, Prog: 1, Map: "m", Key: []byte{1}, Value: []byte{2, 3}},
		{Kind: codegen.MapGet, Prog: 1, Map: "m", Key: []byte{1}},
	})
	require.NoError(t, err)
	require.Equal(t, []codegen.MapResult{{Err: "ENOENT"}, {},
		{Entries: []codegen.MapEntry{{Map: abi.MapSpec{}, Key: []byte{1}, Value: []byte{2, 3}}}}}, out)
}

// helpers is the set's plugin, which ships machine code and so is trusted only if it is pinned.
func helpers(t *testing.T, sum string) *host.Plugin {
	ref := pinned("helpers", sum)
	ref.Name, ref.Role = "bpfc-helpers-fake", host.HelpersRole
	p, err := host.Start(t.Context(), ref, options(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestMachineCodeOfPluginsThatNobodyPinned(t *testing.T) {
	_, err := helpers(t, "").HelperSet().Describe(context.Background())
	var refused *codegen.UnsupportedError
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "not pinned by its checksum")
}

func TestHelperSetIsTheSame(t *testing.T) {
	sum, err := misbehave().Checksum()
	require.NoError(t, err)
	p := helpers(t, sum)
	require.Nil(t, p.Backend())
	require.Equal(t, host.HelpersRole, p.Role())
	set, err := p.HelperSet().Describe(context.Background())
	require.NoError(t, err)
	require.Equal(t, fake.Set(), set)
	want, err := abi.Digest(fake.Set())
	require.NoError(t, err)
	got, err := abi.Digest(set)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestCompilerHasNoSessions(t *testing.T) {
	o := options(t)
	_, runner := startWith(t, o, "compiler").Backend().(codegen.Runner)
	require.False(t, runner)
	_, runner = startWith(t, o, "good").Backend().(codegen.Runner)
	require.True(t, runner)
}

func TestManyStartTogetherAndCompileTogether(t *testing.T) {
	ref := misbehave("good")
	plugins, err := host.StartAll(context.Background(), []host.Ref{ref, ref, ref, ref}, options(t))
	require.NoError(t, err)
	defer host.CloseAll(plugins)
	errs := make(chan error)
	for i := range 40 {
		go func() {
			u := fake.Unit()
			u.Name = fmt.Sprint("prog", i)
			a, err := plugins[i%4].Backend().Compile(context.Background(), u, codegen.Options{})
			if err == nil && a.Name != u.Name {
				err = fmt.Errorf("asked for %s, got %s", u.Name, a.Name)
			}
			errs <- err
		}()
	}
	for range 40 {
		require.NoError(t, <-errs)
	}
}

func TestOneOfManyDoesNotStart(t *testing.T) {
	plugins, err := host.StartAll(context.Background(),
		[]host.Ref{misbehave("good"), misbehave("silent"), misbehave("not-a-plugin")}, options(t))
	require.Nil(t, plugins)
	requireFailure(t, err, host.NotPlugin, "ended without a handshake")
}
