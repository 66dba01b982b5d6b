package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// packets is how many packets a batch has.
const packets = 256

// BenchmarkPackets is what a packet costs beyond an XDP program that passes everything: in a batch whose results are
// complete, by runs on a worker, and by Worker.RunEach; "memory" is a program that has no context, on the same packets.
func BenchmarkPackets(b *testing.B) {
	set, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	require.NoError(b, err)
	inputs, mems := make([]sdk.Input, packets), make([][]byte, packets)
	for i := range inputs {
		mems[i] = make([]byte, 64+i%8)
		inputs[i].Mem = mems[i]
	}
	rets := make([]uint64, packets)
	for _, e := range engines() {
		b.Run(e.name, func(b *testing.B) {
			load := func(typ string) *sdk.Program {
				return e.load(b, finish(b, asm.New(typ).Program("pass", typ, "").Add(asm.MovImm(asm.R0, 2))), sdk.Options{Set: set})
			}
			xdp, memory := load("xdp"), load("mem")
			one, each, plain := worker(b, load("xdp")), worker(b, load("xdp")), worker(b, memory)
			all := []*contestant{
				{name: "batch", run: func(int) error { _, err := xdp.RunBatch(b.Context(), sdk.Batch{Inputs: inputs}); return err }},
				{name: "worker", run: func(int) error {
					for _, m := range mems {
						if _, err := one.RunContext(nil, m); err != nil {
							return err
						}
					}
					return nil
				}},
				{name: "each", run: func(int) error { _, err := each.RunEach(mems, rets); return err }},
				{name: "memory", run: func(int) error { _, err := plain.RunEach(mems, rets); return err }},
			}
			inTurns(b, all...)
			for _, c := range all {
				b.ReportMetric(c.median()/packets, c.name+"-ns/packet")
				b.ReportMetric(c.min()/packets, c.name+"-min-ns/packet")
			}
		})
	}
}
