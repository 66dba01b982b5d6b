package sdktest

import (
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
)

// testALU64 uses constants, moves, 64-bit arithmetic and exit, nothing else.
func testALU64(t *testing.T, s *suite) {
	t.Run("Constants", func(t *testing.T) { s.check(t, constants()) })
	t.Run("Registers", func(t *testing.T) { s.check(t, registers(64)) })
	t.Run("Immediates", func(t *testing.T) { s.check(t, immediate(64)) })
	t.Run("Places", func(t *testing.T) { s.check(t, places(64)) })
	t.Run("ImmediatePlaces", func(t *testing.T) { s.check(t, immediatePlaces(64)) })
	t.Run("Negate", func(t *testing.T) { s.check(t, negations(64)) })
}

func testALU32(t *testing.T, s *suite) {
	t.Run("Registers", func(t *testing.T) { s.check(t, registers(32)) })
	t.Run("Immediates", func(t *testing.T) { s.check(t, immediate(32)) })
	t.Run("Places", func(t *testing.T) { s.check(t, places(32)) })
	t.Run("ImmediatePlaces", func(t *testing.T) { s.check(t, immediatePlaces(32)) })
	t.Run("Negate", func(t *testing.T) { s.check(t, negations(32)) })
	t.Run("Extend", func(t *testing.T) { s.check(t, extensions()) })
	t.Run("ByteOrder", func(t *testing.T) { s.check(t, byteOrders()) })
}

func constants() []testCase {
	var cases []testCase
	for _, v := range edges {
		cases = append(cases, testCase{
			name: fmt.Sprintf("lddw %#x", v), want: v,
			insns: []isa.Insn{isa.LoadImm64(isa.R0, int64(v)), isa.Return()},
		})
	}
	for _, v := range immEdges {
		cases = append(cases, testCase{
			name: fmt.Sprintf("mov %d", v), want: uint64(int64(v)),
			insns: []isa.Insn{isa.Mov.Imm(isa.R0, v), isa.Return()},
		})
	}
	return cases
}

func regForm(op isa.Arith, width uint, dst, src isa.Reg) isa.Insn {
	if width == 32 {
		return op.Reg32(dst, src)
	}
	return op.Reg(dst, src)
}

func immForm(op isa.Arith, width uint, dst isa.Reg, imm int32) isa.Insn {
	if width == 32 {
		return op.Imm32(dst, imm)
	}
	return op.Imm(dst, imm)
}

// registers is every operation on every pair of edges, in registers.
func registers(width uint) []testCase {
	var cases []testCase
	for _, op := range ariths {
		for _, a := range edges {
			for _, b := range edges {
				cases = append(cases, testCase{
					name: fmt.Sprintf("%#x %v%d %#x", a, op, width, b), want: arith(op, width, a, b),
					insns: []isa.Insn{
						isa.LoadImm64(isa.R0, int64(a)), isa.LoadImm64(isa.R2, int64(b)), regForm(op, width, isa.R0, isa.R2), isa.Return(),
					},
				})
			}
		}
	}
	return cases
}

// immediate is every operation on edges with immediate operands.
func immediate(width uint) []testCase {
	var cases []testCase
	for _, op := range ariths {
		for _, a := range edges {
			for _, imm := range immEdges {
				if shifts[op] {
					imm &= int32(width - 1) // a larger one is refused, as in Linux
				}
				cases = append(cases, testCase{
					name: fmt.Sprintf("%#x %v%d imm %d", a, op, width, imm), want: arith(op, width, a, uint64(int64(imm))),
					insns: []isa.Insn{isa.LoadImm64(isa.R0, int64(a)), immForm(op, width, isa.R0, imm), isa.Return()},
				})
			}
		}
	}
	return cases
}

// file is a value for each of R0 to R9.
type file [10]uint64

func startFile() file {
	var f file
	for i := range f {
		f[i] = 0x9e3779b97f4a7c15 * uint64(i+1)
	}
	return f
}

// load sets all registers; fold leaves in R0 a number that depends on each.
func (f *file) load() []isa.Insn {
	var insns []isa.Insn
	for i, v := range f {
		insns = append(insns, isa.LoadImm64(isa.Reg(i), int64(v)))
	}
	return insns
}

func foldInsns() []isa.Insn {
	var insns []isa.Insn
	for r := isa.R1; r <= isa.R9; r++ {
		insns = append(insns, isa.Mul.Imm(isa.R0, 31), isa.Add.Reg(isa.R0, r))
	}
	return append(insns, isa.Return())
}

func (f *file) fold() uint64 {
	sum := f[0]
	for _, v := range f[1:] {
		sum = sum*31 + v
	}
	return sum
}

// places is every operation on every pair of registers: the right one changes, no other.
func places(width uint) []testCase {
	var cases []testCase
	for _, op := range ariths {
		for dst := isa.R0; dst <= isa.R9; dst++ {
			for src := isa.R0; src <= isa.R9; src++ {
				f := startFile()
				insns := append(f.load(), regForm(op, width, dst, src))
				f[dst] = arith(op, width, f[dst], f[src])
				cases = append(cases, testCase{
					name: fmt.Sprintf("%v %v%d %v", dst, op, width, src), want: f.fold(), insns: append(insns, foldInsns()...),
				})
			}
		}
	}
	return cases
}

// immediatePlaces is every operation on every register with immediates of each encoding.
func immediatePlaces(width uint) []testCase {
	var cases []testCase
	for _, op := range ariths {
		for dst := isa.R0; dst <= isa.R9; dst++ {
			for _, imm := range []int32{3, 16, -5, 300} {
				if shifts[op] {
					imm &= int32(width - 1)
				}
				f := startFile()
				insns := append(f.load(), immForm(op, width, dst, imm))
				f[dst] = arith(op, width, f[dst], uint64(int64(imm)))
				cases = append(cases, testCase{
					name: fmt.Sprintf("%v %v%d imm %d", dst, op, width, imm), want: f.fold(), insns: append(insns, foldInsns()...),
				})
			}
		}
	}
	return cases
}

// unary is an instruction on one value in R3 with its result in R3.
func unary(name string, v uint64, in isa.Insn, want uint64) testCase {
	return testCase{
		name: fmt.Sprintf("%s of %#x", name, v), want: want,
		insns: []isa.Insn{isa.LoadImm64(isa.R3, int64(v)), in, isa.Mov.Reg(isa.R0, isa.R3), isa.Return()},
	}
}

func negations(width uint) []testCase {
	var cases []testCase
	in := isa.Negate(isa.R3)
	if width == 32 {
		in = isa.Negate32(isa.R3)
	}
	for _, v := range edges {
		cases = append(cases, unary(fmt.Sprintf("neg%d", width), v, in, arith(isa.Sub, width, 0, v)))
	}
	return cases
}

func extensions() []testCase {
	var cases []testCase
	for _, v := range append(edges, 0x80, 0x7f, 0x8000, 0x7fff) {
		for _, size := range []uint8{1, 2, 4} {
			cases = append(cases, unary(fmt.Sprintf("movsx%d", size*8), v, isa.Extend64(isa.R3, isa.R3, size), extend(64, uint(size), v)))
		}
		for _, size := range []uint8{1, 2} {
			cases = append(cases, unary(fmt.Sprintf("movsx%d, 32 bits", size*8), v, isa.Extend32(isa.R3, isa.R3, size), extend(32, uint(size), v)))
		}
	}
	return cases
}

func byteOrders() []testCase {
	var cases []testCase
	for _, v := range edges {
		for _, size := range []uint8{2, 4, 8} {
			low, swapped := reverse(uint(size), reverse(uint(size), v)), reverse(uint(size), v)
			cases = append(cases,
				unary(fmt.Sprintf("le%d", size*8), v, isa.ToLE(isa.R3, size), low),
				unary(fmt.Sprintf("be%d", size*8), v, isa.ToBE(isa.R3, size), swapped),
				unary(fmt.Sprintf("bswap%d", size*8), v, isa.ByteSwap(isa.R3, size), swapped))
		}
	}
	return cases
}
