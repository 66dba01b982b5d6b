package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// saved keeps R6 to R9 alive over what follows, and used reads them behind it.
const (
	saved = "r6 = *(u32 *)(r1 + 0)\nr7 = *(u32 *)(r1 + 4)\nr8 = *(u32 *)(r1 + 8)\nr9 = *(u32 *)(r1 + 16)\n"
	used  = "r0 += r6\nr0 += r7\nr0 += r8\nr0 += r9\n"
)

// hop is a program that tail-calls slot n of the prog array, directly or by an index that is not known when it is compiled. What is
// behind the call is reached if there is no program: it keeps what the call must save.
func hop(name string, n int, live, direct bool) string {
	before, behind := "", "r0 = 0\n"
	if live {
		before, behind = saved, behind+used
	}
	index := fmt.Sprintf("r3 = %d\n", n)
	if !direct {
		index = fmt.Sprintf("r3 = *(u32 *)(r1 + 8)\nr3 += %d\n", n)
	}
	return fmt.Sprintf(".program %s, section=\"tc\"\n%s%sr2 = jumps ll\ncall bpf_tail_call\n%sexit\n", name, before, index, behind)
}

// chain is an entry program that jumps through n others in turn, and returns from the last.
func chain(n int, live, direct bool) (text string, slots []string) {
	var b strings.Builder
	b.WriteString(".license \"GPL\"\n.map jumps, type=prog_array, key=4, value=4, entries=64\n")
	b.WriteString(hop("entry", 0, live, direct))
	for i := range n {
		name := fmt.Sprint("hop", i)
		if i < n-1 {
			b.WriteString(hop(name, i+1, live, direct))
		} else {
			b.WriteString(".program " + name + ", section=\"tc\"\nr0 = 0\nexit\n")
		}
		slots = append(slots, name)
	}
	return b.String(), slots
}

// long is the tail calls of a long chain: a run makes 33 at most.
const long = 33

// through is a program that tail-calls itself in a function, as often as a run may, and one that does nothing.
const through = `.license "GPL"
.map jumps, type=prog_array, key=4, value=4, entries=1
.program entry, section="tc"
	r6 = r1
	call sub
	r0 = 1
	exit
sub:
	r2 = jumps ll
	r3 = 0
	call bpf_tail_call
	r0 = 0
	exit
.program empty, section="tc"
	r0 = 0
	exit
`

// BenchmarkTails is what a tail call costs, from long chains less those of one, in nanoseconds a jump; and a run that makes
// as many as it may in a function, less a run of nothing.
func BenchmarkTails(b *testing.B) {
	packet := make([]byte, 64)
	var all []*contestant
	for _, live := range []int{0, 4} {
		for _, kind := range []string{"direct", "indirect"} {
			for _, n := range []int{1, long} {
				text, slots := chain(n, live > 0, kind == "direct")
				c := loadChain(b, text, slots)
				all = append(all, &contestant{name: fmt.Sprintf("%s-%d-%d", kind, live, n), run: func(int) error { _, err := c.Programs["entry"].Run(packet); return err }})
			}
		}
	}
	c := loadChain(b, through, []string{"entry"})
	for _, name := range []string{"empty", "entry"} {
		p := c.Programs[name]
		all = append(all, &contestant{name: "through-33", run: func(int) error { _, err := p.Run(packet); return err }})
	}
	inTurns(b, all...)
	empty, full := all[len(all)-2], all[len(all)-1]
	b.ReportMetric(full.median()-empty.median(), "through-33-ns")
	b.ReportMetric(full.min()-empty.min(), "through-33-min-ns")
	for i := 0; i < len(all)-2; i += 2 {
		one, many := all[i], all[i+1]
		name := strings.TrimSuffix(one.name, "-1")
		b.ReportMetric((many.median()-one.median())/(long-1), name+"-ns")
		b.ReportMetric((many.min()-one.min())/(long-1), name+"-min-ns")
	}
}

func loadChain(b testing.TB, text string, slots []string) *sdk.Collection {
	o, err := builtin.ReadObject(b.Context(), "chain.s", []byte(text), builtin.ReadOptions{})
	require.NoError(b, err)
	c, err := sdk.LoadCollection(b.Context(), o, builtin.AMD64(), sdk.Options{Set: builtin.Linux(), CPU: sdk.HostCPU(), CPUs: 1})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close()) })
	for i, name := range slots {
		require.NoError(b, c.Maps["jumps"].Put(uint32(i), c.Programs[name]))
	}
	return c
}
