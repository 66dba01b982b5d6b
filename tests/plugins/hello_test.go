//go:build linux && amd64

package plugins_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/sdk/host"
	"github.com/bpfc/bpfc/tests/command"
)

// goIn runs the go command in a folder that is a module of its own.
func goIn(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), out)
}

// hello builds the plugin of a third party's set and returns the directory that it is in.
func hello(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	goIn(t, "hello", "build", "-mod=readonly", "-o", filepath.Join(dir, "bpfc-helpers-hello"), "./bpfc-helpers-hello")
	return dir
}

// The module's own tests try its helpers out, and run it as an embedder that links it does.
func TestHelloLinked(t *testing.T) { goIn(t, "hello", "test", "-mod=readonly", "./...") }

// greeting is a program of the set's own type: greet its user, and put twice the length into the context.
const greeting = `
r6 = r1
r2 = r10
r2 += -32
r3 = 32
call hello/greet
if r0 s< 0 goto +4
r1 = r0
call hello/twice
*(u32 *)(r6 + 4) = r0
r0 = *(u8 *)(r10 - 25)
r0 = 1
exit
`

// TestHelloPlugin verifies a program against the set of a third party and runs it: in this process, whose calls of the
// remote helper go to the plugin; and in a back end's, whose calls go there by way of this one.
func TestHelloPlugin(t *testing.T) {
	dir := hello(t)
	o := options(t)
	o.Dirs = []string{dir}
	p, err := host.Open(t.Context(), "bpfc-helpers-hello", o)
	require.NoError(t, err)
	defer p.Close()
	set, err := p.HelperSet().Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, sdk.ImplRemote, set.Helpers[0].Impl)
	require.Equal(t, sdk.ImplBody, set.Helpers[1].Impl)

	backends := map[string]sdk.Backend{"amd64": builtin.AMD64(), "interp": builtin.Interp()}
	for name, b := range isolated(t, o) {
		backends["isolated "+name] = b
	}
	for name, b := range backends {
		t.Run(name, func(t *testing.T) { testGreeting(t, b, set, p.HelperSet().Implement) })
	}
}

// isolated are the built-in back ends in processes of their own: those of the command.
func isolated(t *testing.T, o host.Options) map[string]sdk.Backend {
	out := map[string]sdk.Backend{}
	for _, name := range builtin.Backends() {
		ref := host.Ref{Name: "bpfc-backend-" + name, Role: host.BackendRole, Path: command.Build(t), Args: []string{"plugin", "serve", "backend", name}, Builtin: true}
		p, err := host.Start(t.Context(), ref, o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		out[name] = p.Backend()
	}
	return out
}

func testGreeting(t *testing.T, b sdk.Backend, set *sdk.Set, open sdk.OpenSet) {
	ctx := context.Background()
	p := load(t, b, set, open, "hello", greeting)
	for range 3 {
		res, err := p.Exec(ctx, sdk.Input{Ctx: []byte{7, 0, 0, 0}})
		require.NoError(t, err)
		require.Equal(t, uint64(1), res.Ret)
		require.Equal(t, []byte{7, 0, 0, 0, 2 * byte(len("hello, user 7")), 0, 0, 0}, res.Ctx)
	}
	require.NoError(t, p.Close())
}

// load loads a program in text, of a type, that may call what a set and the base set have.
func load(t testing.TB, b sdk.Backend, set *sdk.Set, open sdk.OpenSet, typ, text string) *sdk.Program {
	t.Helper()
	merged, err := sdk.MergeSets(builtin.Base(), set)
	require.NoError(t, err)
	object, err := builtin.ReadObject(context.Background(), "program.s", []byte(text), builtin.ReadOptions{})
	require.NoError(t, err)
	p, err := sdk.Load(context.Background(), object, b, sdk.Options{Set: merged, Type: typ, CPUs: 2, Sets: []sdk.OpenSet{open}})
	require.NoError(t, err)
	return p
}
