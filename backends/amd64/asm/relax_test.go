package asm

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"
	"pgregory.net/rapid"
)

// The limits of a short displacement, in both directions. The filler is made of
// one-byte instructions; size is the size of the branch.
func TestBranchLimits(t *testing.T) {
	jmp := func(a *Assembler, l Label) { a.Jmp(l) }
	jcc := func(a *Assembler, l Label) { a.Jcc(CondNE, l) }
	for _, r := range []struct {
		name     string
		branch   func(*Assembler, Label)
		backward bool
		filler   int
		size     int
	}{
		{"jmp forward 0", jmp, false, 0, 2},
		{"jmp forward 127", jmp, false, 127, 2},
		{"jmp forward 128", jmp, false, 128, 5},
		{"jcc forward 127", jcc, false, 127, 2},
		{"jcc forward 128", jcc, false, 128, 6},
		{"jmp back 0", jmp, true, 0, 2},
		{"jmp back 126", jmp, true, 126, 2}, // displacement -128
		{"jmp back 127", jmp, true, 127, 5},
		{"jcc back 126", jcc, true, 126, 2},
		{"jcc back 127", jcc, true, 127, 6},
	} {
		t.Run(r.name, func(t *testing.T) {
			var a Assembler
			l := a.NewLabel()
			var at Mark
			if r.backward {
				a.Bind(l)
				fill(&a, r.filler)
				at = a.Mark()
				r.branch(&a, l)
			} else {
				at = a.Mark()
				r.branch(&a, l)
				fill(&a, r.filler)
				a.Bind(l)
			}
			require.NoError(t, a.Finish())
			require.Equal(t, r.filler+r.size, a.Len())
			require.Equal(t, a.LabelOffset(l), target(t, a.Bytes(), a.Offset(at)))
		})
	}
}

func fill(a *Assembler, n int) {
	for range n {
		a.Op(Int3)
	}
}

// target decodes the branch at the offset and returns where it goes.
func target(t require.TestingT, code []byte, at int) int {
	inst, err := x86asm.Decode(code[at:], 64)
	require.NoError(t, err)
	rel, ok := inst.Args[0].(x86asm.Rel)
	require.True(t, ok, "%v at %#x is no direct branch", inst, at)
	return at + inst.Len + int(rel)
}

// A chain where each branch reaches only as long as the next one is short: one
// that must grow pulls all the others along, from the last to the first, which
// is the slowest direction for a scan and ends in the worst-case step.
func TestChainGrowsBackwards(t *testing.T) {
	for _, links := range []int{1, 2, relaxPasses - 1, relaxPasses, relaxPasses + 1, 100} {
		t.Run(fmt.Sprint(links), func(t *testing.T) {
			var a Assembler
			labels := make([]Label, links+1)
			for i := range labels {
				labels[i] = a.NewLabel()
			}
			var marks []Mark
			for i, l := range labels {
				marks = append(marks, a.Mark())
				a.Jmp(l)
				if i > 0 {
					a.Bind(labels[i-1])
				}
				fill(&a, 125) // with the next branch, if short: 127
			}
			fill(&a, 3) // too far for the last branch
			a.Bind(labels[links])
			require.NoError(t, a.Finish())
			for i, m := range marks {
				require.EqualValues(t, 0xe9, a.Bytes()[a.Offset(m)], "branch %d is short", i)
				require.Equal(t, a.LabelOffset(labels[i]), target(t, a.Bytes(), a.Offset(m)))
			}
		})
	}
}

// The same chain without the branch that must grow stays short throughout.
func TestChainStaysShort(t *testing.T) {
	var a Assembler
	l := make([]Label, 100)
	for i := range l {
		l[i] = a.NewLabel()
		if i > 0 {
			a.Bind(l[i-1])
		}
		a.Jmp(l[i])
		fill(&a, 127)
	}
	a.Bind(l[len(l)-1])
	require.NoError(t, a.Finish())
	require.Equal(t, len(l)*(2+127), a.Len())
}

// An alignment between a branch and its target: padding counts as distance.
func TestAlignCountsAsDistance(t *testing.T) {
	for filler := 90; filler < 130; filler++ {
		var a Assembler
		l := a.NewLabel()
		a.Jcc(CondE, l)
		fill(&a, filler)
		a.Align(32)
		a.Bind(l)
		fill(&a, 1)
		require.NoError(t, a.Finish())
		require.Zero(t, a.LabelOffset(l)%32)
		require.Equal(t, a.LabelOffset(l), target(t, a.Bytes(), 0))
		if filler <= 94 { // 2 + 94 = 96: a multiple of 32
			require.Equal(t, 96, a.LabelOffset(l))
			require.EqualValues(t, 0x74, a.Bytes()[0])
		}
	}
}

func TestAlignUpTo(t *testing.T) {
	for _, r := range []struct{ filler, most, want int }{
		{16, 4, 16}, {12, 4, 16}, {11, 4, 11}, {1, 15, 16}, {1, 100, 16}, {1, 0, 1},
	} {
		var a Assembler
		fill(&a, r.filler)
		a.AlignUpTo(16, r.most)
		m := a.Mark()
		require.NoError(t, a.Finish())
		require.Equal(t, r.want, a.Offset(m), "%+v", r)
	}
}

// A Mark before an alignment stays before the padding, one after it behind.
func TestMarksAroundAlign(t *testing.T) {
	var a Assembler
	fill(&a, 3)
	before := a.Mark()
	a.Align(8)
	after := a.Mark()
	require.Equal(t, -1, a.Offset(before), "not final before Finish")
	require.NoError(t, a.Finish())
	require.Equal(t, 3, a.Offset(before))
	require.Equal(t, 8, a.Offset(after))
}

// Every length of nop decodes as nops alone, with the least number of them.
func TestNops(t *testing.T) {
	for n := range 40 {
		var a Assembler
		a.Nop(n)
		require.Equal(t, n, a.Len())
		padded := make([]byte, n)
		fillNops(padded)
		require.Equal(t, padded, append([]byte{}, a.Bytes()...))
		count := 0
		for b := padded; len(b) > 0; count++ {
			inst, err := x86asm.Decode(b, 64)
			require.NoError(t, err)
			require.Equal(t, x86asm.NOP, inst.Op)
			b = b[inst.Len:]
		}
		require.Equal(t, (n+8)/9, count)
	}
}

func TestRelocs(t *testing.T) {
	var a Assembler
	end := a.NewLabel()
	a.Jmp(end) // grows by 3
	a.CallSym(1, 0)
	a.JccSym(CondE, 2, 8)
	a.MovSym(R9, 3, 16)
	a.MovRM(W64, RAX, RIPSym(4, 24))
	a.AluMI(Cmp, W32, RIPSym(5, 0), 1000) // four bytes of immediate follow
	a.AluMI(Cmp, W64, RIPSym(6, 0), 1)    // one byte
	a.ShiftXM(Shl, W64, RAX, RIPSym(7, 0), RCX)
	a.JmpM(RIPSym(8, 0))
	a.JmpSym(9, 0)
	fill(&a, 127)
	a.Bind(end)
	require.NoError(t, a.Finish())
	require.Equal(t, []Reloc{
		{Offset: 5 + 1, Kind: Rel32, Sym: 1, Addend: -4},
		{Offset: 10 + 2, Kind: Rel32, Sym: 2, Addend: 4},
		{Offset: 16 + 2, Kind: Abs64, Sym: 3, Addend: 16},
		{Offset: 26 + 3, Kind: Rip32, Sym: 4, Addend: 20},
		{Offset: 33 + 2, Kind: Rip32, Sym: 5, Addend: -8},
		{Offset: 43 + 3, Kind: Rip32, Sym: 6, Addend: -5},
		{Offset: 51 + 5, Kind: Rip32, Sym: 7, Addend: -4},
		{Offset: 60 + 2, Kind: Rip32, Sym: 8, Addend: -4},
		{Offset: 66 + 1, Kind: Rel32, Sym: 9, Addend: -4},
	}, a.Relocs())
	for _, r := range a.Relocs() {
		require.Zero(t, binary.LittleEndian.Uint32(a.Bytes()[r.Offset:]))
	}
}

// A label as a data operand, before and behind, across branches that grow, with
// immediates after the displacement.
func TestRIPLabel(t *testing.T) {
	var a Assembler
	back, front, far := a.NewLabel(), a.NewLabel(), a.NewLabel()
	a.Bind(back)
	a.Lea(W64, RAX, RIPLabel(back, 0)) // known at once
	a.Jmp(far)
	at := []Mark{a.Mark()}
	a.Lea(W64, RAX, RIPLabel(back, 0))
	at = append(at, a.Mark())
	a.MovMI(W32, RIPLabel(front, 4), 7)
	at = append(at, a.Mark())
	a.CallM(RIPLabel(front, 0))
	a.Jmp(far)
	a.Bind(front)
	fill(&a, 200)
	a.Bind(far)
	require.NoError(t, a.Finish())
	first := data(t, a.Bytes(), 0)
	require.Equal(t, 0, first)
	require.Equal(t, 0, data(t, a.Bytes(), a.Offset(at[0])))
	require.Equal(t, a.LabelOffset(front)+4, data(t, a.Bytes(), a.Offset(at[1])))
	require.Equal(t, a.LabelOffset(front), data(t, a.Bytes(), a.Offset(at[2])))
}

// data decodes the instruction at the offset and returns the offset that its
// operand refers to.
func data(t *testing.T, code []byte, at int) int {
	inst, err := x86asm.Decode(code[at:], 64)
	require.NoError(t, err)
	for _, arg := range inst.Args {
		if m, ok := arg.(x86asm.Mem); ok && m.Base == x86asm.RIP {
			return at + inst.Len + int(int32(m.Disp))
		}
	}
	require.Fail(t, "no operand relative to rip", "%v", inst)
	return 0
}

// Random programs of branches, calls, filler and alignment: every branch lands
// on its label, every alignment holds, every mark stays at its instruction, and
// no branch that could be short is long unless it was too far in some layout.
func TestRelaxRandom(t *testing.T) { rapid.Check(t, relaxes) }

func FuzzRelax(f *testing.F) { f.Fuzz(rapid.MakeFuzz(relaxes)) }

func relaxes(t *rapid.T) {
	var a Assembler
	labels := make([]Label, rapid.IntRange(1, 12).Draw(t, "labels"))
	for i := range labels {
		labels[i] = a.NewLabel()
	}
	p := randomProgram(t, &a, labels)
	require.NoError(t, a.Finish())
	code := a.Bytes()
	for _, b := range p.branches {
		at := a.Offset(b.mark)
		require.Equal(t, a.LabelOffset(b.label), target(t, code, at))
		d := a.LabelOffset(b.label) - at - 2
		if !p.aligned && len(p.branches) <= relaxPasses && code[at] != 0xe8 && code[at] != 0xeb && code[at]>>4 != 7 {
			require.True(t, d < -128 || d > 127, "the branch at %#x is long and %d away", at, d)
		}
	}
	for n, marks := range p.aligns {
		for _, m := range marks {
			require.Zero(t, a.Offset(m)%n)
		}
	}
	require.Equal(t, p.int3s, countInt3(t, code))
}

type program struct {
	branches []branchRef
	aligns   map[int][]Mark
	aligned  bool
	int3s    int
}

type branchRef struct {
	mark  Mark
	label Label
}

func randomProgram(t *rapid.T, a *Assembler, labels []Label) program {
	p := program{aligns: map[int][]Mark{}}
	bound := 0
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		to := labels[rapid.IntRange(0, len(labels)-1).Draw(t, "label")]
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1, 2:
			p.branches = append(p.branches, branchRef{a.Mark(), to})
			a.Jcc(Cond(rapid.IntRange(0, 15).Draw(t, "cc")), to)
		case 3:
			p.branches = append(p.branches, branchRef{a.Mark(), to})
			a.Jmp(to)
		case 4:
			p.branches = append(p.branches, branchRef{a.Mark(), to})
			a.Call(to)
		case 5:
			n := 1 << rapid.IntRange(1, 7).Draw(t, "align")
			a.Align(n)
			p.aligns[n], p.aligned = append(p.aligns[n], a.Mark()), true
		case 6, 7:
			n := rapid.IntRange(0, 140).Draw(t, "filler")
			fill(a, n)
			p.int3s += n
		default:
			if bound < len(labels) {
				a.Bind(labels[bound])
				bound++
			}
		}
	}
	for _, l := range labels[bound:] {
		a.Bind(l)
	}
	return p
}

// countInt3 decodes all of the code and counts the filler.
func countInt3(t *rapid.T, code []byte) (n int) {
	for len(code) > 0 {
		inst, err := x86asm.Decode(code, 64)
		require.NoError(t, err)
		require.NotZero(t, inst.Op)
		if code[0] == 0xcc {
			n++
		}
		code = code[inst.Len:]
	}
	return n
}

func TestErrors(t *testing.T) {
	for _, r := range []struct {
		name  string
		build func(a *Assembler)
		want  string
	}{
		{"unbound", func(a *Assembler) { a.Jmp(a.NewLabel()) }, "label 0 is used and never bound"},
		{"bound twice", func(a *Assembler) { l := a.NewLabel(); a.Bind(l); a.Bind(l) }, "label 0 is bound twice"},
		{"foreign label", func(a *Assembler) { a.Jmp(3) }, "label 3 does not exist"},
		{"foreign call", func(a *Assembler) { a.Call(3) }, "label 3 does not exist"},
		{"foreign operand", func(a *Assembler) { a.Lea(W64, RAX, RIPLabel(-1, 0)) }, "label -1 does not exist"},
		{"index rsp", func(a *Assembler) { a.Lea(W64, RAX, Mem{Base: RAX, Index: RSP, Scale: 2}) }, "index register rsp"},
		{"index rsp twice", func(a *Assembler) { a.Lea(W64, RAX, Mem{Base: RSP, Index: RSP, Scale: 1}) }, "index register rsp"},
		{"scale", func(a *Assembler) { a.Lea(W64, RAX, Mem{Scale: 3}) }, "scale 3"},
		{"scale 16", func(a *Assembler) { a.Lea(W64, RAX, Mem{Scale: 16}) }, "scale 16"},
		{"rip base", func(a *Assembler) { a.Lea(W64, RAX, Mem{Base: rip}) }, "base register 16"},
		{"base", func(a *Assembler) { a.Lea(W64, RAX, Mem{Base: 18}) }, "base register 18"},
		{"register", func(a *Assembler) { a.MovRR(W64, NoBase, RAX) }, "want 0 to 15"},
		{"push", func(a *Assembler) { a.Push(NoBase) }, "want 0 to 15"},
		{"width 0", func(a *Assembler) { a.MovRR(0, RAX, RAX) }, "no form of 0 bytes"},
		{"width 3", func(a *Assembler) { a.TestRI(3, RAX, 1) }, "no form of 3 bytes"},
		{"width 3 short form", func(a *Assembler) { a.AluRI(Add, 3, RAX, 1000) }, "no form of 3 bytes"},
		{"lea 16", func(a *Assembler) { a.Lea(W16, RAX, Mem{}) }, "no form of 2 bytes"},
		{"cmov 8", func(a *Assembler) { a.CmovRR(CondE, W8, RAX, RAX) }, "no form of 1 bytes"},
		{"bswap 16", func(a *Assembler) { a.Bswap(W16, RAX) }, "no form of 2 bytes"},
		{"xchg 3", func(a *Assembler) { a.XchgRR(3, RAX, RDI) }, "no form of 3 bytes"},
		{"movbe 8", func(a *Assembler) { a.MovbeRM(W8, RAX, Mem{}) }, "no form of 1 bytes"},
		{"shlx 16", func(a *Assembler) { a.ShiftX(Shl, W16, RAX, RAX, RAX) }, "no form of 2 bytes"},
		{"rolx", func(a *Assembler) { a.ShiftX(Rol, W32, RAX, RAX, RAX) }, "no three-operand form"},
		{"imm8", func(a *Assembler) { a.AluRI(Add, W8, RAX, 256) }, "256 does not fit in 1 bytes"},
		{"imm16", func(a *Assembler) { a.MovMI(W16, Mem{}, -32769) }, "-32769 does not fit in 2 bytes"},
		{"shift 32", func(a *Assembler) { a.ShiftRI(Shl, W32, RAX, 32) }, "shift of 4 bytes by 32"},
		{"rorx 64", func(a *Assembler) { a.Rorx(W64, RAX, RAX, 64) }, "by 64"},
		{"bt 32", func(a *Assembler) { a.BtRI(W32, RAX, 32) }, "bit 32"},
		{"count", func(a *Assembler) { a.CountRR(3, W32, RAX, RAX) }, "bit count 3"},
		{"movsx", func(a *Assembler) { a.MovsxRR(W32, W32, RAX, RAX) }, "sign extension from 4 to 4"},
		{"movzx", func(a *Assembler) { a.MovzxRM(3, RAX, Mem{}) }, "zero extension from 3"},
		{"movzx 16", func(a *Assembler) { a.MovzxRM(16, RAX, Mem{}) }, "zero extension from 16"},
		{"word", func(a *Assembler) { a.Op(Word(200)) }, "instruction word 200"},
		{"align 3", func(a *Assembler) { a.Align(3) }, "want a power of two"},
		{"align 256", func(a *Assembler) { a.Align(256) }, "want a power of two"},
	} {
		t.Run(r.name, func(t *testing.T) {
			var a Assembler
			a.Op(Ret)
			r.build(&a)
			require.ErrorContains(t, a.Finish(), r.want)
			require.ErrorContains(t, a.Finish(), r.want, "the error stays")
		})
	}
}

func TestFinishTwiceAndReset(t *testing.T) {
	var a Assembler
	build := func() {
		l := a.NewLabel()
		a.Jmp(l)
		fill(&a, 200)
		a.Bind(l)
		a.CallSym(0, 0)
	}
	build()
	require.NoError(t, a.Finish())
	first := append([]byte{}, a.Bytes()...)
	relocs := append([]Reloc{}, a.Relocs()...)
	require.NoError(t, a.Finish())
	require.Equal(t, first, a.Bytes())
	a.Op(Ret)
	require.ErrorIs(t, a.Finish(), errAfterFinish)
	a.Reset()
	build()
	require.NoError(t, a.Finish())
	require.Equal(t, first, a.Bytes())
	require.Equal(t, relocs, a.Relocs())
}

// The memory of a used Assembler serves the next function.
func TestNoAllocations(t *testing.T) {
	var a Assembler
	build := func() {
		a.Reset()
		top, out := a.NewLabel(), a.NewLabel()
		a.Bind(top)
		for i := range 200 {
			a.MovRM(W64, RAX, Mem{Base: RDI, Disp: int32(i)})
			a.AluRI(Add, W64, RAX, 1000)
			a.Jcc(CondE, out)
			a.CallSym(1, 0)
		}
		a.Jmp(top)
		a.Bind(out)
		a.Op(Ret)
		if a.Finish() != nil {
			panic("finish")
		}
	}
	build()
	require.Zero(t, testing.AllocsPerRun(10, build))
}

func BenchmarkEmit(b *testing.B) {
	var a Assembler
	for b.Loop() {
		a.Reset()
		l := a.NewLabel()
		for i := range 1_000_000 / 5 {
			if i%8 == 7 {
				a.Bind(l)
				l = a.NewLabel()
			}
			a.MovzxRM(W16, RAX, Mem{Base: RDI, Disp: int32(i & 255)})
			a.AluRI(Cmp, W32, RAX, 0x800)
			a.Jcc(CondNE, l)
			a.MovRR(W64, RSI, RBX)
			a.AluRR(Add, W64, RSI, RAX)
		}
		a.Bind(l)
		if err := a.Finish(); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(a.Len()))
	}
}
