package classic

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
	"github.com/bpfc/bpfc/frontends/cbpf/cbpftest"
	"github.com/bpfc/bpfc/sdk"
)

// verdicts are what programs of the kernel's hooks return for packets that do not match, and for those that do.
var verdicts = map[cbpf.Hook][2]uint32{cbpf.HookTC: {0, 0xffffffff}, cbpf.HookXDP: {1, 2}}

// frames are packets as both hooks take them: with a whole Ethernet header, and what the environment of a run knows about them.
func frames(r *rand.Rand, n int) (all []cbpftest.Packet) {
	for _, b := range cbpftest.Packets(2 * n) {
		if len(b) < 14 || len(all) == n {
			continue
		}
		p := cbpftest.Whole(b)
		p.Info.Values[cbpf.AncMark/4] = r.Uint32() >> r.IntN(32)
		p.Info.Values[cbpf.AncIfindex/4], p.Info.Device = 1, true
		p.Info.Link = 0
		all = append(all, p)
	}
	return all
}

// atHook is a packet as programs of a hook get it.
func atHook(h cbpf.Hook, p *cbpftest.Packet) sdk.Input {
	in := sdk.Input{Mem: append([]byte(nil), p.Bytes...)}
	if h == cbpf.HookTC { // struct __sk_buff: the mark
		in.Ctx = make([]byte, 192)
		binary.LittleEndian.PutUint32(in.Ctx[8:], p.Info.Values[cbpf.AncMark/4])
	}
	return in
}

// compareAt runs a filter at a hook and compares its verdicts with the reference's. It reports whether the hook has what the filter asks for.
func compareAt(t *testing.T, engines []*engine, h cbpf.Hook, insns []cbpf.Insn, d cbpf.Dialect, packets []cbpftest.Packet) bool {
	_, err := cbpf.Convert("filter", insns, d, cbpf.Options{Hook: h})
	if refused := (*cbpf.Error)(nil); errors.As(err, &refused) {
		require.Equal(t, cbpf.RuleAncillary, refused.Rule)
		require.Equal(t, cbpf.Linux, d)
		return false
	}
	for _, e := range engines {
		p := e.load(t, insns, d, cbpf.Options{Hook: h})
		var in sdk.Batch
		for i := range packets {
			in.Inputs = append(in.Inputs, atHook(h, &packets[i]))
		}
		out, err := p.RunBatch(context.Background(), in)
		require.NoError(t, err, "%s", text(insns))
		for i := range packets {
			ref, ended := cbpftest.Run(insns, d, &packets[i], 1<<20)
			require.True(t, ended)
			want := verdicts[h][0]
			if ref != 0 {
				want = verdicts[h][1]
			}
			if r := &out.Results[i]; r.Fault != nil || uint32(r.Ret) != want {
				t.Fatalf("%s, %s, packet %d: %#x, the reference has %#x, fault %v\n%spacket %x", e.name, p.Info().Type, i, r.Ret, ref, r.Fault, text(insns), packets[i].Bytes)
			}
		}
		require.NoError(t, p.Close())
	}
	return true
}

// random reports whether a filter's result is not the same each time, or depends on the processor.
func random(insns []cbpf.Insn) bool {
	for _, in := range insns {
		if a, ok := in.Anc(); ok && a != cbpf.AncMark && a != cbpf.AncIfindex && a != cbpf.AncXorX {
			return true
		}
	}
	return false
}

// TestHooks compares filters of tc and xdp.
func TestHooks(t *testing.T) {
	engines := []*engine{newEngine(t, "amd64"), newEngine(t, "interp")}
	for h := range verdicts {
		for _, d := range []cbpf.Dialect{cbpf.Pcap, cbpf.Linux} {
			n, done := 150, 0
			if long() {
				n = 5000
			}
			for seed := range uint64(n) {
				r := rand.New(rand.NewPCG(seed, uint64(d)+8))
				insns := cbpftest.Program(r, d, 1+r.IntN(60))
				if d == cbpf.Linux && random(insns) {
					continue
				}
				if compareAt(t, engines, h, insns, d, frames(r, 12)) {
					done++
				}
			}
			require.Greater(t, done, n/10)
		}
		every := 12
		if long() {
			every = 1
		}
		packets := frames(rand.New(rand.NewPCG(1, 1)), 60)
		for i, expr := range cbpftest.Expressions() {
			if i%every != 0 {
				continue
			}
			if insns, ok := cbpftest.Compile(t, expr, i%2 == 0); ok {
				require.True(t, compareAt(t, engines, h, insns, cbpf.Pcap, packets), expr)
			}
		}
	}
}
