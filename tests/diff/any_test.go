package diff

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// anyInsns makes instructions of any kind, with operands and targets near the
// limits: most such programs are refused, none may crash anything.
func anyInsns(bytes []byte) *obj.Object {
	s := &source{bytes}
	var insns []isa.Insn
	for len(s.bytes) > 0 {
		in := isa.Insn{Op: isa.Pad + isa.Op(1+s.pick(isa.NumOps-int(isa.Pad)-1)), Dst: isa.Reg(s.pick(11)), Src: isa.Reg(s.pick(11))}
		switch in.Row().Kind {
		case isa.KindExit, isa.KindCallHelper, isa.KindLoadImm64, isa.KindJump, isa.KindCallLocal:
			in.Imm = int64(s.pick(8)) - 3
			in.Off = int16(s.pick(8)) - 3
		case isa.KindBranch, isa.KindMayGoto:
			in.Off = int16(s.pick(8)) - 3
			in.Imm = int64(numbers[s.pick(len(numbers))])
		default:
			in.Off = int16(int8(s.byte()))
			in.Imm = int64(numbers[s.pick(len(numbers))])
		}
		insns = append(insns, isa.Prog(in)...)
	}
	insns = append(insns, isa.Return())
	return &obj.Object{Name: "any", Programs: []obj.Program{{Name: "main", Section: "mem", Insns: insns}}}
}

func TestAnyInsns(t *testing.T) {
	a, accepted := newArena(t), 0
	for seed := range uint64(3000) {
		o := anyInsns(random(seed<<20+1, int(seed%40)))
		if compareObject(t, a, o) {
			accepted++
		}
	}
	require.Greater(t, accepted, 100, "some of them are to be accepted")
}

// FuzzAny: no sequence of instructions crashes the compiler, and those that are accepted run alike on all engines.
func FuzzAny(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(random(seed<<40, 60))
	}
	a := newArena(f)
	f.Fuzz(func(t *testing.T, bytes []byte) { compareObject(t, a, anyInsns(bytes)) })
}
