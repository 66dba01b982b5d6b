package networking_test

import (
	"slices"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	linked "github.com/bpfc/bpfc/sdk/builtin"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

// What a run costs beyond its program, by type: the program returns at once, or calls a helper.
func BenchmarkRun(b *testing.B) {
	set, err := mergedSets()
	require.NoError(b, err)
	for _, x := range []struct {
		name, typ string
		code      asm.Instructions
	}{
		{"xdp", "xdp", asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}},
		{"sched_cls", "sched_cls", asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}},
		{"cgroup_skb", "cgroup_skb", asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}},
		{"socket_filter", "socket_filter", asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}},
		{"xdp+buff_len", "xdp", asm.Instructions{asm.BuiltinFunc(188).Call(), asm.Mov.Imm(asm.R0, 2), asm.Return()}},
		{"xdp+redirect", "xdp", asm.Instructions{asm.Mov.Imm(asm.R1, 1), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Mov.Imm(asm.R0, 2), asm.Return()}},
		{"sched_cls+load_bytes", "sched_cls", asm.Instructions{asm.Mov.Imm(asm.R2, 14), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -24), asm.Mov.Imm(asm.R4, 20),
			asm.FnSkbLoadBytes.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()}},
	} {
		b.Run(x.name, func(b *testing.B) {
			s, id := loaded(b, linked.AMD64(), set, object(b, x.typ, slices.Clone(x.code)))
			defer s.Close()
			in := codegen.Batch{Inputs: []codegen.Input{{Mem: slices.Clone(ipPacket)}}, Repeat: b.N}
			b.ResetTimer()
			_, err := s.Run(b.Context(), id, in)
			require.NoError(b, err)
		})
	}
}
