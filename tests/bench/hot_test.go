//go:build linux && amd64

package bench

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/sdk"
	"github.com/bpfc/bpfc/sdk/asm"
	"github.com/bpfc/bpfc/sdk/builtin"
)

// hotCall is a call of a helper that compilers expand, on 20 bytes at R10-32 where it takes memory; R6 is the context.
type hotCall struct {
	name, helper, typ string
	args              []asm.Insn
}

// pointTo makes r an address on the stack.
func pointTo(r asm.Reg, off int32) []asm.Insn {
	return []asm.Insn{asm.MovReg(r, asm.R10), asm.AddImm(r, off)}
}

// bytesAt are the arguments of helpers for the bytes of packets.
func bytesAt(length asm.Insn, more ...asm.Insn) []asm.Insn {
	return slices.Concat([]asm.Insn{asm.MovReg(asm.R1, asm.R6), asm.MovImm(asm.R2, 14)}, pointTo(asm.R3, -32), []asm.Insn{length}, more)
}

func hotCalls() []hotCall {
	known, drawn := asm.MovImm(asm.R4, 20), asm.LdxDW(asm.R4, asm.R10, -40)
	update := slices.Concat(pointTo(asm.R2, -8), pointTo(asm.R3, -32), []asm.Insn{asm.MovImm(asm.R4, 0)})
	put := func(m string) []asm.Insn { return append([]asm.Insn{asm.LoadMap(asm.R1, m)}, update...) }
	return []hotCall{
		{"random", "bpf_get_prandom_u32", "sched_cls", nil},
		{"update-array", "bpf_map_update_elem", "sched_cls", put("array")},
		{"update-percpu", "bpf_map_update_elem", "sched_cls", put("percpu")},
		{"sum-20", "bpf_csum_diff", "sched_cls", slices.Concat([]asm.Insn{asm.MovImm(asm.R1, 0), asm.MovImm(asm.R2, 0)}, pointTo(asm.R3, -32), []asm.Insn{known, asm.MovImm(asm.R5, 0)})},
		{"skb-load-20", "bpf_skb_load_bytes", "sched_cls", bytesAt(known)},
		{"skb-load-n", "bpf_skb_load_bytes", "sched_cls", bytesAt(drawn)},
		{"skb-store-20", "bpf_skb_store_bytes", "sched_cls", bytesAt(known, asm.MovImm(asm.R5, 0))},
		{"xdp-load-20", "bpf_xdp_load_bytes", "xdp", bytesAt(known)},
		{"xdp-store-20", "bpf_xdp_store_bytes", "xdp", bytesAt(known)},
	}
}

// program makes the call, or its arguments alone, in each of n turns.
func (h *hotCall) program(b testing.TB, n int32, call bool) *sdk.Object {
	array := abi.MapSpec{Name: "array", Type: abi.MapTypeArray, KeySize: 4, ValueSize: 16, MaxEntries: 1}
	perCPU := array
	perCPU.Name, perCPU.Type = "percpu", abi.MapTypePerCPUArray
	p := asm.New(h.name).License("GPL").Map(array).Map(perCPU).Program(h.name, h.typ, "").Add(asm.MovReg(asm.R6, asm.R1), asm.MovImm(asm.R7, 0), asm.StDW(asm.R10, -8, 0),
		asm.StDW(asm.R10, -16, 7), asm.StDW(asm.R10, -24, 8), asm.StDW(asm.R10, -32, 9), asm.StDW(asm.R10, -40, 20), asm.MovImm(asm.R8, 0)).Label("turn").Add(h.args...)
	if call {
		p.Add(asm.CallHelper(h.helper), asm.AddReg(asm.R8, asm.R0))
	}
	return finish(b, p.Add(asm.AddImm(asm.R7, 1), asm.JNEImm(asm.R7, n, "turn"), asm.MovReg(asm.R0, asm.R8)))
}

// BenchmarkHot is the calls that compilers expand, and the same calls of the helpers in Go: the same loops, less the loop
// with the arguments alone.
func BenchmarkHot(b *testing.B) {
	const turns = 1000
	expanded, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
	require.NoError(b, err)
	for _, h := range hotCalls() {
		b.Run(h.name, func(b *testing.B) {
			plain, err := sdk.MergeSets(builtin.Base(), builtin.Networking())
			require.NoError(b, err)
			plain.HelperByName(h.helper).Intrinsic = abi.IntrinsicNone
			var all []*contestant
			for _, c := range []struct {
				name string
				set  *sdk.Set
				call bool
			}{{"none", expanded, false}, {"expanded", expanded, true}, {"go", plain, true}} {
				p, err := sdk.Load(b.Context(), h.program(b, turns, c.call), builtin.AMD64(), sdk.Options{Set: c.set, CPU: sdk.HostCPU(), CPUs: 1})
				require.NoError(b, err)
				b.Cleanup(func() { require.NoError(b, p.Close()) })
				w := worker(b, p)
				packet := make([]byte, 64)
				packet[12] = 8
				all = append(all, &contestant{name: c.name, run: func(int) error { _, err := w.RunContext(nil, packet); return err }})
			}
			inTurns(b, all...)
			for _, c := range all[1:] {
				b.ReportMetric((c.median()-all[0].median())/turns, c.name+"-ns/call")
				b.ReportMetric((c.min()-all[0].min())/turns, c.name+"-min-ns/call")
			}
		})
	}
}
