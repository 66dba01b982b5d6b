package sdk_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/stretchr/testify/require"
)

var options = sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, Type: "mem"}

func read(t *testing.T, source string) *sdk.Object {
	t.Helper()
	o, err := builtin.ReadObject(t.Context(), "test.s", []byte(source), builtin.ReadOptions{})
	require.NoError(t, err)
	return o
}

const twoPrograms = `
.program add, section="mem"
	r1 = counter ll
	r0 = *(u64 *)(r1 + 0)
	r0 += 1
	*(u64 *)(r1 + 0) = r0
	exit
.program get, section="mem"
	r1 = counter ll
	r0 = *(u64 *)(r1 + 0)
	exit
.data
counter:
	.quad 5
`

func TestProgramsOfAnArtifactShareData(t *testing.T) {
	a, err := sdk.Compile(t.Context(), read(t, twoPrograms), builtin.Interp(), options)
	require.NoError(t, err)
	all, err := sdk.LoadArtifact(t.Context(), a, builtin.Interp(), options)
	require.NoError(t, err)
	require.Len(t, all, 2)
	add, get := all[0], all[1]
	require.Equal(t, "add", add.Info().Name)
	_, err = add.Run(nil)
	require.NoError(t, err)
	require.NoError(t, add.Close())
	_, err = add.Run(nil)
	require.Error(t, err, "a closed program runs")
	got, err := get.Run(nil)
	require.NoError(t, err)
	require.Equal(t, uint64(6), got)

	r, err := get.Maps(t.Context(), sdk.MapOp{Kind: sdk.MapGet, Map: ".data", Key: make([]byte, 4)})
	require.NoError(t, err)
	require.Equal(t, []byte{6, 0, 0, 0, 0, 0, 0, 0}, r[0].Entries[0].Value)
	require.NoError(t, get.Close())
	require.NoError(t, get.Close(), "Close twice")
	_, err = get.Run(nil)
	require.Error(t, err, "a closed program runs")
}

func TestLoadTakesOneProgram(t *testing.T) {
	o := read(t, twoPrograms)
	_, err := sdk.Load(t.Context(), o, builtin.Interp(), options)
	require.ErrorContains(t, err, "add, get")
	one := options
	one.Programs = []string{"get"}
	p, err := sdk.Load(t.Context(), o, builtin.Interp(), one)
	require.NoError(t, err)
	defer p.Close()
	got, err := p.Run(nil)
	require.NoError(t, err)
	require.Equal(t, uint64(5), got)
	one.Programs = []string{"put"}
	_, err = sdk.Load(t.Context(), o, builtin.Interp(), one)
	require.ErrorContains(t, err, "put")
}

func TestRunIsSafeForConcurrentUse(t *testing.T) {
	p, err := sdk.Load(t.Context(), read(t, "r0 = *(u8 *)(r1 + 0)\n*(u8 *)(r1 + 1) = r0\nexit"), builtin.Interp(), options)
	require.NoError(t, err)
	defer p.Close()
	var wait sync.WaitGroup
	for g := range byte(8) {
		wait.Go(func() {
			for range 50 {
				mem := []byte{g, 0}
				got, err := p.Run(mem)
				if err != nil || got != uint64(g) || mem[1] != g {
					t.Errorf("goroutine %d: %d, %v, memory %v", g, got, err, mem)
					return
				}
			}
		})
	}
	wait.Wait()
}

// remote hides that its sessions are in this process.
type remote struct{ codegen.Session }

type remoteRunner struct{ codegen.Backend }

func (r remoteRunner) Open(ctx context.Context, s codegen.Spec) (codegen.Session, error) {
	session, err := r.Backend.(codegen.Runner).Open(ctx, s)
	return remote{session}, err
}

// TestProgramsInAnotherProcess: memory comes back in place, there is no worker.
func TestProgramsInAnotherProcess(t *testing.T) {
	p, err := sdk.Load(t.Context(), read(t, "*(u8 *)(r1 + 0) = 9\nr0 = 3\nexit"), remoteRunner{builtin.Interp()}, options)
	require.NoError(t, err)
	defer p.Close()
	mem := []byte{1, 2}
	got, err := p.Run(mem)
	require.NoError(t, err)
	require.Equal(t, uint64(3), got)
	require.Equal(t, []byte{9, 2}, mem)
	_, err = p.Run(nil)
	var fault *sdk.Fault
	require.ErrorAs(t, err, &fault)
	_, err = p.Worker(t.Context())
	var unsupported *sdk.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
}

func TestBackendsThatOnlyCompile(t *testing.T) {
	_, err := sdk.Load(t.Context(), read(t, "r0 = 1\nexit"), struct{ codegen.Backend }{builtin.Interp()}, options)
	var unsupported *sdk.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
}

// TestNoPluginsInTheDependencies: an embedder that links its back end gets no gRPC.
func TestNoPluginsInTheDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".", "./builtin", "./asm").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "github.com/bpfc/bpfc/core/codegen")
	for _, dep := range strings.Fields(string(out)) {
		for _, banned := range []string{"hashicorp", "google.golang.org", "sdk/host", "sdk/plugin", "sdk/internal"} {
			require.NotContains(t, dep, banned)
		}
	}
}
