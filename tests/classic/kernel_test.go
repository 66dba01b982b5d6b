package classic

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
	"github.com/bpfc/bpfc/tests/kernel"
)

func TestMain(m *testing.M) { kernel.Main(m) }

// kernelTypes are the numbers of the program types (enum bpf_prog_type, include/uapi/linux/bpf.h).
var kernelTypes = map[cbpf.Hook]uint32{cbpf.HookTC: 3, cbpf.HookXDP: 6}

// TestKernelHooks has the running kernel verify filters for its hooks, and run them.
func TestKernelHooks(t *testing.T) {
	oracle := kernel.Need(t)
	packets := frames(rand.New(rand.NewPCG(2, 1)), 60)
	ask := func(h cbpf.Hook, insns []cbpf.Insn, d cbpf.Dialect, p *cbpftest.Packet) {
		o, err := cbpf.Convert("filter", insns, d, cbpf.Options{Hook: h})
		if err != nil {
			return // compareAt knows which are refused
		}
		code, err := isa.Encode(o.Programs[0].Insns)
		require.NoError(t, err)
		in := atHook(h, p)
		a := oracle.Ask(kernel.Question{Code: &kernel.Code{Name: "filter", Type: kernelTypes[h], License: o.License, Insns: code}, Run: &kernel.Run{Data: in.Mem, Context: in.Ctx}})
		require.Equal(t, kernel.Accepted, a.Verdict, "%s: %s\n%s", a.Errno, a.Message, text(insns))
		require.NotNil(t, a.Ran)
		require.Empty(t, a.Ran.Err)
		ref, ended := cbpftest.Run(insns, d, p, 1<<20)
		require.True(t, ended)
		want := verdicts[h][0]
		if ref != 0 {
			want = verdicts[h][1]
		}
		require.Equal(t, want, a.Ran.Ret, "%s\npacket %x", text(insns), p.Bytes)
	}
	every := 12
	if long() {
		every = 1
	}
	for h := range verdicts {
		for i, expr := range cbpftest.Expressions() {
			if i%every != 0 {
				continue
			}
			if insns, ok := cbpftest.Compile(t, expr, i%2 == 0); ok {
				for k := range 3 {
					ask(h, insns, cbpf.Pcap, &packets[(i+7*k)%len(packets)])
				}
			}
		}
		for seed := range uint64(100) {
			r := rand.New(rand.NewPCG(seed, 40))
			if insns := cbpftest.Program(r, cbpf.Linux, 1+r.IntN(40)); !random(insns) {
				ask(h, insns, cbpf.Linux, &packets[r.IntN(len(packets))])
			}
		}
	}
}
