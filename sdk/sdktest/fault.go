package sdktest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/isa"
	"github.com/stretchr/testify/require"
)

const memoryRule = ir.RuleMemory

func testFaults(t *testing.T, s *suite) {
	t.Run("Memory", func(t *testing.T) { s.check(t, memoryFaults()) })
	t.Run("Edges", func(t *testing.T) { s.check(t, memoryEdges()) })
	t.Run("Stack", func(t *testing.T) { s.check(t, stackFaults()) })
	t.Run("Alignment", func(t *testing.T) { s.check(t, alignmentFaults()) })
	t.Run("Calls", func(t *testing.T) { s.check(t, callFaults()) })
	t.Run("After", s.testAfterFault)
}

// access is one access of size bytes at the address in R3.
func access(size uint8, write bool) isa.Insn {
	if write {
		return isa.StoreImm(isa.R3, 0, 1, size)
	}
	return isa.LoadMem(isa.R0, isa.R3, 0, size)
}

// memoryFaults touches addresses that no run owns.
func memoryFaults() []testCase {
	var cases []testCase
	for _, size := range sizes {
		for _, write := range []bool{false, true} {
			for _, at := range []uint64{1, 4096, 0x7fffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffff9} {
				cases = append(cases, testCase{
					name: fmt.Sprintf("u%d at %#x, write %v", size*8, at, write), mem: pattern(),
					fault: &codegen.Fault{Rule: memoryRule, Insn: 3, Size: int(size), Write: write, Address: at},
					insns: []isa.Insn{isa.Mov.Imm(isa.R0, 0), isa.LoadImm64(isa.R3, int64(at)), access(size, write), isa.Return()},
				})
			}
		}
	}
	return append(cases, testCase{
		name: "null", fault: &codegen.Fault{Rule: memoryRule, Insn: 0, Size: 1},
		insns: []isa.Insn{isa.LoadMem(isa.R0, isa.R1, 0, 1), isa.Return()},
	}, testCase{
		name: "atomic", fault: &codegen.Fault{Rule: memoryRule, Insn: 2, Size: 8, Write: true, Address: 64},
		insns: []isa.Insn{
			isa.Mov.Imm(isa.R0, 0), isa.Mov.Imm(isa.R3, 64), isa.AtomicAdd.Mem(isa.R3, 0, isa.R0, 8), isa.Return(),
		},
	})
}

// memoryEdges touches the first and last bytes of memory, and those beside them.
func memoryEdges() []testCase {
	var cases []testCase
	n := int32(len(pattern()))
	for _, size := range sizes {
		for _, write := range []bool{false, true} {
			for _, c := range []struct {
				off    int32
				inside bool
			}{{-1, false}, {0, true}, {n - int32(size), true}, {n - int32(size) + 1, false}, {n, false}, {-int32(size), false}} {
				if !c.inside && c.off >= 0 && size == 1 && c.off != n {
					continue
				}
				tc := testCase{
					name: fmt.Sprintf("u%d at offset %d, write %v", size*8, c.off, write), mem: pattern(),
					insns: []isa.Insn{
						isa.Mov.Reg(isa.R3, isa.R1), isa.Add.Imm(isa.R3, c.off), access(size, write), isa.Mov.Imm(isa.R0, 5), isa.Return(),
					},
				}
				if c.inside {
					tc.want = 5
				} else {
					tc.fault = &codegen.Fault{Rule: memoryRule, Insn: 2, Size: int(size), Write: write}
				}
				cases = append(cases, tc)
			}
		}
	}
	return cases
}

// stackFaults leave the stack by an amount that is only known at run time.
func stackFaults() []testCase {
	var cases []testCase
	for _, write := range []bool{false, true} {
		for _, by := range []int64{8, 1 << 20, -1 << 20, -1 << 40} {
			cases = append(cases, testCase{
				name: fmt.Sprintf("R10%+d, write %v", by, write), mem: binary.LittleEndian.AppendUint64(nil, uint64(by)),
				fault: &codegen.Fault{Rule: memoryRule, Insn: 4, Size: 8, Write: write},
				insns: []isa.Insn{
					isa.Mov.Imm(isa.R0, 0), isa.LoadMem(isa.R2, isa.R1, 0, 8), isa.Mov.Reg(isa.R3, isa.R10), isa.Add.Reg(isa.R3, isa.R2),
					access(8, write), isa.Return(),
				},
			})
		}
	}
	return cases
}

// alignmentFaults: an atomic access that is not aligned to its size is refused at run time.
func alignmentFaults() []testCase {
	var cases []testCase
	for _, size := range []uint8{4, 8} {
		cases = append(cases, testCase{
			name: fmt.Sprintf("atomic u%d at offset 2", size*8), mem: pattern(),
			fault: &codegen.Fault{Rule: ir.RuleAlign, Insn: 1, Size: int(size), Write: true},
			insns: []isa.Insn{isa.Mov.Imm(isa.R0, 0), isa.AtomicAdd.Mem(isa.R1, 2, isa.R0, size), isa.Return()},
		}, testCase{
			name: fmt.Sprintf("load-acquire u%d at offset 2", size*8), mem: pattern(),
			fault: &codegen.Fault{Rule: ir.RuleAlign, Insn: 0, Size: int(size)},
			insns: []isa.Insn{isa.LoadAcquire(isa.R0, isa.R1, 2, size), isa.Return()},
		})
	}
	return cases
}

// callFaults call a value that is no function; it comes from memory, so that no
// front end or lowering can tell before.
func callFaults() []testCase {
	var cases []testCase
	for _, value := range []uint64{1, 12345, 1 << 40, 0xffffffffffffffff} {
		cases = append(cases, testCase{
			name: fmt.Sprintf("value %#x", value), mem: binary.LittleEndian.AppendUint64(nil, value),
			fault: &codegen.Fault{Rule: ir.RuleCall, Insn: 1, Address: value},
			insns: []isa.Insn{isa.LoadMem(isa.R6, isa.R1, 0, 8), isa.CallThrough(isa.R6), isa.Return()},
		})
	}
	return cases
}

// testAfterFault: a fault ends its run and nothing else.
func (s *suite) testAfterFault(t *testing.T) {
	bad := testCase{name: "fault", insns: []isa.Insn{isa.LoadMem(isa.R0, isa.R1, 0, 8), isa.Return()}}
	good := testCase{name: "no fault", insns: []isa.Insn{isa.Mov.Imm(isa.R0, 17), isa.Return()}}
	session := s.session(t)
	o := object([]testCase{bad, good}, nil, nil)
	ids := s.load(t, session, o)
	out, err := session.Run(s.context(t), ids[0], codegen.Batch{Inputs: []codegen.Input{{Mem: pattern()}, {}, {Mem: pattern()}}})
	require.NoError(t, err)
	require.Len(t, out.Results, 3)
	for i, r := range out.Results {
		require.Equal(t, i == 1, r.Fault != nil, "input %d", i)
	}
	require.Equal(t, "case0", out.Results[1].Fault.Program)
	require.ErrorContains(t, out.Results[1].Fault, "memory")
	require.Equal(t, uint64(17), s.run(t, session, ids[1], &good).Ret)
}
