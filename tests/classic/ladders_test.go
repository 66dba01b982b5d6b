package classic

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/frontends/cbpf"
)

// drawLadder is a filter that compares one word of a system call, or of a packet, with many constants, as policies and lists of ports do.
// It has about n instructions; each constant has one of some results.
func drawLadder(r *rand.Rand, d cbpf.Dialect, n int) []cbpf.Insn {
	load, span := cbpf.Insn{Code: 0x20}, uint32(1+r.IntN(4*n)) // ld [0]: of a system call, its number
	if d == cbpf.Pcap {
		load = [...]cbpf.Insn{{Code: 0x28, K: 12}, {Code: 0x20, K: 26}, {Code: 0x30, K: 23}, {Code: 0x28, K: 36}}[r.IntN(4)]
	}
	insns := []cbpf.Insn{load}
	results := 1 + r.IntN(3)
	for len(insns) < n-1 {
		k := r.Uint32N(span)
		if r.IntN(10) == 0 {
			k = r.Uint32() >> r.IntN(32)
		}
		insns = append(insns, cbpf.Insn{Code: 0x15, Jf: 1, K: k}, cbpf.Insn{Code: 6, K: uint32(1 + r.IntN(results))})
		if r.IntN(40) == 0 {
			insns = append(insns, load)
		}
	}
	return append(insns, cbpf.Insn{Code: 6, K: uint32(r.IntN(2))})
}

// TestLadders compares filters that become binary searches.
func TestLadders(t *testing.T) {
	engines := []*engine{newEngine(t, "amd64"), newEngine(t, "interp")}
	n := 40
	if long() {
		n = 2000
	}
	for _, d := range []cbpf.Dialect{cbpf.Pcap, cbpf.Seccomp} {
		for seed := range uint64(n) {
			r := rand.New(rand.NewPCG(seed, uint64(d)+30))
			size := 6 + r.IntN(120)
			if seed%40 == 39 {
				size = cbpf.MaxInsns - 8
			}
			insns := drawLadder(r, d, size)
			require.NoError(t, cbpf.Check(insns, d))
			packets := drawPackets(r, d, 60)
			for i := range packets {
				p := &packets[i]
				p.Wire = uint32(len(p.Bytes))
				for _, at := range []int{0, 12, 23, 26, 36} { // one of the constants, or close to it
					if k := insns[r.IntN(len(insns))].K + uint32(r.IntN(3)) - 1; len(p.Bytes) >= at+4 && r.IntN(4) > 0 {
						put := [4]byte{byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)}
						if d == cbpf.Pcap {
							put = [4]byte{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
							if at == 12 || at == 36 {
								put[0], put[1] = byte(k>>8), byte(k)
							}
						}
						copy(p.Bytes[at:], put[:])
					}
				}
			}
			compare(t, engines, insns, d, cbpf.Options{}, packets)
		}
	}
}
