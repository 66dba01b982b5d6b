package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// twins are programs alike that read their memory, and one that may be a hook of them. Their guards make them take a worker.
const twins = `
.program never, section="mem"
	r0 = *(u64 *)(r1 + 0)
	exit
.program left, section="mem"
	r0 = *(u64 *)(r1 + 0)
	exit
.program bpf, section="mem"
	r0 = *(u64 *)(r1 + 0)
	exit
.program both, section="mem"
	r0 = *(u64 *)(r1 + 0)
	exit
.program func, section="mem"
	r0 = *(u64 *)(r1 + 0)
	exit
.program hook, section="mem"
	r0 = 0
	exit
`

// BenchmarkHooks is a run of programs alike: one that never had a hook, one whose hook has left, one with a
// hook in BPF at its entry, one with another at its exit as well, one with a Go function at its entry; and Fire with 0, 1 and 4 programs.
func BenchmarkHooks(b *testing.B) {
	o, err := builtin.ReadObject(b.Context(), "twins.s", []byte(twins), builtin.ReadOptions{})
	require.NoError(b, err)
	c, err := sdk.LoadCollection(b.Context(), o, builtin.AMD64(), sdk.Options{Set: builtin.Base(), Policy: sdk.Guard, CPU: sdk.HostCPU(), CPUs: 1})
	require.NoError(b, err)
	defer c.Close()
	attach := func(name string, sites ...sdk.Site) (links []*sdk.Link) {
		for _, s := range sites {
			l, err := c.Programs[name].Attach(s, c.Programs["hook"])
			require.NoError(b, err)
			links = append(links, l)
		}
		return links
	}
	require.NoError(b, attach("left", sdk.AtEntry)[0].Detach(b.Context()))
	attach("bpf", sdk.AtEntry)
	attach("both", sdk.AtEntry, sdk.AtExit)
	_, err = c.Programs["func"].AttachFunc(sdk.AtEntry, func(*sdk.Visit) {})
	require.NoError(b, err)
	mem := make([]byte, 8)
	var all []*contestant
	for _, name := range []string{"never", "left", "bpf", "both", "func"} {
		p := c.Programs[name]
		all = append(all, &contestant{name: name, run: func(int) error { _, err := p.Run(mem); return err }})
	}
	for _, n := range []int{0, 1, 4} {
		all = append(all, &contestant{name: fmt.Sprint("fire", n), run: fire(b, c, n, mem)})
	}
	inTurns(b, all...)
	for _, c := range all {
		b.ReportMetric(c.median(), c.name+"-ns")
		b.ReportMetric(c.min(), c.name+"-min-ns")
	}
}

// fire runs a hook with n programs.
func fire(b testing.TB, c *sdk.Collection, n int, mem []byte) func(int) error {
	t, ok := builtin.Base().Type("mem")
	require.True(b, ok)
	h := sdk.NewHook(t, sdk.All)
	for i, name := range []string{"never", "left", "bpf", "func"}[:n] {
		require.NoError(b, h.Attach(c.Programs[name], i))
	}
	in := sdk.Input{Mem: mem}
	return func(int) error { _, err := h.Fire(in); return err }
}
