package sdktest

import (
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
)

// conds are all conditions of RFC 9669 section 4.3.
var conds = []isa.Cond{isa.EQ, isa.NE, isa.GT, isa.GE, isa.LT, isa.LE, isa.SGT, isa.SGE, isa.SLT, isa.SLE, isa.SET}

func testBranches(t *testing.T, s *suite) {
	t.Run("Registers", func(t *testing.T) { s.check(t, append(branches(64), branches(32)...)) })
	t.Run("Immediates", func(t *testing.T) { s.check(t, append(immBranches(64), immBranches(32)...)) })
	t.Run("Places", func(t *testing.T) { s.check(t, branchPlaces()) })
	t.Run("Shapes", func(t *testing.T) { s.check(t, shapes()) })
}

// decide returns a program that gives 1 if the branch, whose offset is 2, is taken, else 0.
func decide(a, b uint64, branch isa.Insn) []isa.Insn {
	return []isa.Insn{
		isa.LoadImm64(isa.R1, int64(a)), isa.LoadImm64(isa.R2, int64(b)), branch,
		isa.Mov.Imm(isa.R0, 0), isa.Return(),
		isa.Mov.Imm(isa.R0, 1), isa.Return(),
	}
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func branches(width uint) []testCase {
	var cases []testCase
	for _, c := range conds {
		in := c.Reg(isa.R1, isa.R2, 2)
		if width == 32 {
			in = c.Reg32(isa.R1, isa.R2, 2)
		}
		for _, a := range edges {
			for _, b := range edges {
				cases = append(cases, testCase{
					name:  fmt.Sprintf("if%d %#x %v %#x", width, a, c, b),
					insns: decide(a, b, in), want: truth(compare(c, width, a, b)),
				})
			}
		}
	}
	return cases
}

func immBranches(width uint) []testCase {
	var cases []testCase
	for _, c := range conds {
		for _, imm := range immEdges {
			in := c.Imm(isa.R1, imm, 2)
			if width == 32 {
				in = c.Imm32(isa.R1, imm, 2)
			}
			for _, a := range edges {
				cases = append(cases, testCase{
					name:  fmt.Sprintf("if%d %#x %v imm %d", width, a, c, imm),
					insns: decide(a, 0, in), want: truth(compare(c, width, a, uint64(int64(imm)))),
				})
			}
		}
	}
	return cases
}

// branchPlaces compares every pair of registers.
func branchPlaces() []testCase {
	var cases []testCase
	for _, c := range []isa.Cond{isa.GT, isa.SLE, isa.SET} {
		for dst := isa.R0; dst <= isa.R9; dst++ {
			for src := isa.R0; src <= isa.R9; src++ {
				f := startFile()
				insns := append(f.load(), c.Reg(dst, src, 1), isa.Xor.Imm(isa.R0, 0x55))
				if !compare(c, 64, f[dst], f[src]) {
					f[0] ^= 0x55
				}
				cases = append(cases, testCase{
					name: fmt.Sprintf("if %v %v %v", dst, c, src), want: f.fold(), insns: append(insns, foldInsns()...),
				})
			}
		}
	}
	return cases
}

// shapes are control flows: jumps of both widths, backward, and far.
func shapes() []testCase {
	const far = 400 // more than any short branch reaches
	long := []isa.Insn{isa.Mov.Imm(isa.R0, 0), isa.EQ.Imm(isa.R0, 1, far)}
	for range far {
		long = append(long, isa.Add.Imm(isa.R0, 1000))
	}
	return []testCase{
		{name: "ja", want: 7, insns: []isa.Insn{
			isa.Mov.Imm(isa.R0, 7), isa.EQ.Imm(isa.R0, 8, 1), isa.Jump(1), isa.Mov.Imm(isa.R0, 9), isa.Return(),
		}},
		{name: "ja32", want: 7, insns: []isa.Insn{
			isa.Mov.Imm(isa.R0, 7), isa.EQ.Imm(isa.R0, 8, 1), isa.Jump32(1), isa.Mov.Imm(isa.R0, 9), isa.Return(),
		}},
		{name: "loop", want: 5050, insns: []isa.Insn{
			isa.Mov.Imm(isa.R0, 0), isa.Mov.Imm(isa.R1, 100),
			isa.Add.Reg(isa.R0, isa.R1), isa.Sub.Imm(isa.R1, 1), isa.NE.Imm(isa.R1, 0, -3), isa.Return(),
		}},
		{name: "nested loops", want: 300, insns: []isa.Insn{
			isa.Mov.Imm(isa.R0, 0), isa.Mov.Imm(isa.R1, 20),
			isa.Mov.Imm(isa.R2, 15),
			isa.Add.Imm(isa.R0, 1), isa.Sub.Imm(isa.R2, 1), isa.NE.Imm32(isa.R2, 0, -3),
			isa.Sub.Imm(isa.R1, 1), isa.SGT.Imm(isa.R1, 0, -6), isa.Return(),
		}},
		{name: "far branch", want: far * 1000, insns: append(long, isa.Return())},
		{name: "branch to the next instruction", want: 3, insns: []isa.Insn{
			isa.Mov.Imm(isa.R0, 3), isa.EQ.Imm(isa.R0, 3, 0), isa.Return(),
		}},
	}
}
