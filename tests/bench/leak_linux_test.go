package bench

import (
	"bytes"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
	"github.com/bpfc/bpfc/tests/bench/programs"
)

// use is what this process uses of the system.
type use struct {
	resident    float64 // kilobytes, of which garbage is returned first
	virtual     float64 // kilobytes
	descriptors int
	mappings    int
}

func usage(t *testing.T) use {
	debug.FreeOSMemory()
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return use{status(os.Getpid(), "VmRSS"), status(os.Getpid(), "VmSize"), len(fds), bytes.Count(maps, []byte("\n"))}
}

// The slack that Go's own memory needs; what is leaked by each cycle is many times that after all of them.
const (
	slackResident = 8 << 10 // kilobytes: less than a kilobyte a cycle
	slackVirtual  = 1 << 20 // kilobytes: half of one runtime's address range
	slackMappings = 32
)

// TestLoadAndClose: ten thousand times loading, running and closing leave memory,
// descriptors and mappings as they were.
func TestLoadAndClose(t *testing.T) {
	cycles := 10_000
	if testing.Short() {
		cycles = 1_000
	}
	all, err := programs.All()
	require.NoError(t, err)
	p := all[slices.IndexFunc(all, func(p programs.Program) bool { return p.Name == "trivial" })]
	o, err := builtin.ReadObject(t.Context(), p.Name+".o", p.Object, builtin.ReadOptions{})
	require.NoError(t, err)
	for _, e := range engines() {
		opts := sdk.Options{Set: builtin.Conformance(), Policy: sdk.Guard, CPU: e.cpu}
		a, err := sdk.Compile(t.Context(), o, e.backend, opts)
		require.NoError(t, err)
		t.Run(e.name+"/Program", func(t *testing.T) {
			leavesNothing(t, cycles, func() {
				loaded, err := sdk.LoadArtifact(t.Context(), a, e.backend, opts)
				require.NoError(t, err)
				got, err := loaded[0].Run(make([]byte, 2048))
				require.NoError(t, err)
				require.Equal(t, p.Want, got)
				require.NoError(t, loaded[0].Close())
			})
		})
		t.Run(e.name+"/Session", func(t *testing.T) {
			s, err := e.backend.(sdk.Runner).Open(t.Context(), sdk.Spec{Set: opts.Set})
			require.NoError(t, err)
			defer s.Close()
			leavesNothing(t, cycles, func() {
				ids, err := s.Load(t.Context(), a)
				require.NoError(t, err)
				require.NoError(t, s.Unload(t.Context(), ids[0]))
			})
		})
	}
}

// leavesNothing compares the use of the system before and after many cycles, behind some to warm up.
func leavesNothing(t *testing.T, cycles int, cycle func()) {
	for range cycles / 20 {
		cycle()
	}
	before := usage(t)
	for range cycles {
		cycle()
	}
	after := usage(t)
	t.Logf("%d cycles: resident %.0f to %.0f kB, virtual %.0f to %.0f kB, descriptors %d to %d, mappings %d to %d", cycles,
		before.resident, after.resident, before.virtual, after.virtual, before.descriptors, after.descriptors, before.mappings, after.mappings)
	require.Less(t, after.resident-before.resident, float64(slackResident))
	require.Less(t, after.virtual-before.virtual, float64(slackVirtual))
	require.Equal(t, before.descriptors, after.descriptors)
	require.Less(t, after.mappings-before.mappings, slackMappings)
}
