package opt

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/verifier"
)

// maxInline bounds the values that the code itself copies, in bytes: each word is two instructions.
const maxInline = 512

// expandUpdate overwrites the value of an array in place. What has fields that only helpers may touch, or may not be
// written by programs, is left to the helper.
func (l *lowering) expandUpdate(in *ir.Insn, fact *verifier.InsnFact) bool {
	if fact.Like == 0 || l.opts.Object {
		return false
	}
	m := &l.program.out.Maps[fact.Like-1]
	k := lookups[m.Type]
	if !k.index || k.words || len(m.Special) > 0 || m.Flags&abi.MapFlagReadOnlyProg != 0 || m.ValueSize > maxInline {
		return false
	}
	name := fmt.Sprintf("bpfc.update.%d.%d.%d", m.Type, m.ValueSize, in.Ref.Index)
	l.callTemplate(template{name: name, text: updateText(m, k.perCPU, in.Ref.Index)}, in)
	return true
}

// updateText is the update of an array with flags 0 or BPF_EXIST, which every element of an array satisfies
// (array_map_update_elem, kernel/bpf/arraymap.c, Linux 6.18). Other flags and indexes without an element are the
// helper's. R1 is the map, R2 the key, R3 the value, R4 the flags.
func updateText(m *abi.MapSpec, perCPU bool, helper int32) string {
	const exist = 2
	b := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("func@0 \"update\" pos 0 frame 0 {\nb0:")
	line("t0 = and64 r4, %d", ^exist)
	line("br64 ne t0, 0 -> b3, b1\nb1:")
	line("t0 = load.u32 [r2]")
	line("t1 = load.u32 [r1+%d]", codegen.MapMaxEntries)
	line("br64 ult t0, t1 -> b2, b3\nb2:")
	line("r0 = load.u64 [r1+%d]", codegen.MapValues)
	line("t0 = mul64 t0, %d", m.Stride())
	line("r0 = add64 r0, t0")
	if perCPU {
		line("t0 = cpu")
		line("t1 = load.u64 [r1+%d]", codegen.MapPerCPU)
		line("t0 = mul64 t0, t1")
		line("r0 = add64 r0, t0")
	}
	for i, pieces := 0, piecesOf(m.ValueSize); i < len(pieces); i++ {
		if at := pieces[i].at; at%8 == 0 { // the map's words are written whole, with zeros behind the value
			word(line, pieces[i:], at, "r4", "r3", "r5")
			line("store.u64 [r0+%d], r4", at)
		}
	}
	line("r0 = mov64 0\nexit\nb3:")
	line("call.helper helper@%d\nexit\n}", helper)
	return b.String()
}
