package cbpftest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
)

// The filters that libseccomp makes of policies decide as their rules say.
func TestLibseccomp(t *testing.T) {
	records := cbpftest.SeccompData(300)
	decided := map[uint32]int{}
	for n, p := range cbpftest.Policies(t, many(100, 2000)) {
		require.NoError(t, cbpf.Check(p.Insns, cbpf.Seccomp))
		for k := range len(records) + 200 {
			record := p.Near(uint64(n + 1000*k))
			if k < len(records) {
				record = records[k]
			}
			packet := cbpftest.Whole(record)
			got, _ := cbpftest.Run(p.Insns, cbpf.Seccomp, &packet, len(p.Insns))
			if want := p.Decide(record); want != got {
				t.Fatalf("policy %d, record %x: %#x, by its rules %#x\n%s", n, record, got, want, cbpf.Print(p.Insns))
			}
			decided[got]++
		}
	}
	t.Log(decided)
	require.Len(t, decided, 8)
}
