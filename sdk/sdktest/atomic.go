package sdktest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
)

func testAtomics(t *testing.T, s *suite) {
	t.Run("ReadModifyWrite", func(t *testing.T) { s.check(t, readModifyWrites()) })
	t.Run("Compare", func(t *testing.T) { s.check(t, compareExchanges()) })
	t.Run("Ordered", func(t *testing.T) { s.check(t, ordered()) })
	t.Run("Places", func(t *testing.T) { s.check(t, atomicPlaces()) })
}

// update is what each atomic leaves in memory that held old.
var update = map[isa.AtomicOp]func(old, v uint64) uint64{
	isa.AtomicAdd:  func(old, v uint64) uint64 { return old + v },
	isa.AtomicOr:   func(old, v uint64) uint64 { return old | v },
	isa.AtomicAnd:  func(old, v uint64) uint64 { return old & v },
	isa.AtomicXor:  func(old, v uint64) uint64 { return old ^ v },
	isa.AtomicXchg: func(_, v uint64) uint64 { return v },
}

var updates = []isa.AtomicOp{isa.AtomicAdd, isa.AtomicOr, isa.AtomicAnd, isa.AtomicXor, isa.AtomicXchg}

// replaced is b with size bytes of v at off.
func replaced(b []byte, off int16, size uint8, v uint64) []byte {
	b = append([]byte(nil), b...)
	copy(b[off:], binary.LittleEndian.AppendUint64(nil, v)[:size])
	return b
}

func readModifyWrites() []testCase {
	const v = 0x7766554433221100
	mem := pattern()
	var cases []testCase
	for _, op := range updates {
		for _, size := range []uint8{4, 8} {
			old := little(mem[8:], size)
			after := replaced(mem, 8, size, update[op](old, v))
			want := old // of fetch: in the source register
			cases = append(cases, testCase{
				name: fmt.Sprintf("fetch %v%d", op, size*8), mem: mem, want: want, wantMem: after,
				insns: []isa.Insn{isa.LoadImm64(isa.R3, v), op.Fetch(isa.R1, 8, isa.R3, size), isa.Mov.Reg(isa.R0, isa.R3), isa.Return()},
			})
			if op == isa.AtomicXchg {
				continue
			}
			cases = append(cases, testCase{
				name: fmt.Sprintf("%v%d", op, size*8), mem: mem, want: v, wantMem: after,
				insns: []isa.Insn{isa.LoadImm64(isa.R3, v), op.Mem(isa.R1, 8, isa.R3, size), isa.Mov.Reg(isa.R0, isa.R3), isa.Return()},
			})
		}
	}
	return cases
}

func compareExchanges() []testCase {
	const v = 0x7766554433221100
	mem := pattern()
	var cases []testCase
	for _, size := range []uint8{4, 8} {
		old := little(mem, size)
		for _, equal := range []bool{true, false} {
			expected, after := old, replaced(mem, 0, size, v)
			if !equal {
				expected, after = old+1, mem
			}
			if size == 4 {
				expected |= 0x5a5a5a5a00000000 // the upper half is not compared
			}
			cases = append(cases, testCase{
				name: fmt.Sprintf("cmpxchg%d, equal %v", size*8, equal), mem: mem, want: old, wantMem: after,
				insns: []isa.Insn{
					isa.LoadImm64(isa.R0, int64(expected)), isa.LoadImm64(isa.R3, v),
					isa.AtomicCmpXchg.Fetch(isa.R1, 0, isa.R3, size), isa.Return(),
				},
			})
		}
	}
	return cases
}

func ordered() []testCase {
	mem := pattern()
	var cases []testCase
	for _, size := range sizes {
		cases = append(cases, testCase{
			name: fmt.Sprintf("load_acquire u%d", size*8), mem: mem, want: little(mem[8:], size),
			insns: []isa.Insn{isa.LoadAcquire(isa.R0, isa.R1, 8, size), isa.Return()},
		}, store(fmt.Sprintf("store_release u%d", size*8), 8, size, 0x0102030405060708,
			isa.LoadImm64(isa.R3, 0x0102030405060708), isa.StoreRelease(isa.R1, 8, isa.R3, size)))
	}
	return cases
}

// atomicPlaces adds and compares through every pair of address and operand.
func atomicPlaces() []testCase {
	var cases []testCase
	mem := pattern()
	for base := isa.R0; base <= isa.R9; base++ {
		for src := isa.R0; src <= isa.R9; src++ {
			if base == src {
				continue
			}
			old := little(mem[8:], 8)
			for _, op := range []isa.AtomicOp{isa.AtomicAdd, isa.AtomicXor} {
				cases = append(cases, testCase{
					name: fmt.Sprintf("fetch %v %v at %v", op, src, base), mem: mem, want: old, wantMem: replaced(mem, 8, 8, update[op](old, 77)),
					insns: []isa.Insn{
						isa.Mov.Reg(base, isa.R1), isa.Mov.Imm(src, 77), op.Fetch(base, 8, src, 8), isa.Mov.Reg(isa.R0, src), isa.Return(),
					},
				})
			}
			if base != isa.R0 && src != isa.R0 {
				cases = append(cases, testCase{
					name: fmt.Sprintf("cmpxchg %v at %v", src, base), mem: mem, want: old, wantMem: replaced(mem, 8, 8, 77),
					insns: []isa.Insn{
						isa.Mov.Reg(base, isa.R1), isa.Mov.Imm(src, 77), isa.LoadMem(isa.R0, base, 8, 8),
						isa.AtomicCmpXchg.Fetch(base, 8, src, 8), isa.Return(),
					},
				})
			}
		}
	}
	return cases
}
