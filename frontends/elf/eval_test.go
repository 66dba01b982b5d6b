package elf

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// machine runs a linked program in the simplest way, to see whether linking
// kept its meaning. It knows what the test objects use and refuses the rest.
type machine struct {
	program *obj.Program
	refs    map[int]obj.Ref
	regions []region
	steps   int
}

type region struct {
	base  uint64
	bytes []byte
}

const (
	memBase   = 0x10000000
	stackBase = 0x20000000
	dataBase  = 0x30000000
	frameSize = 512
)

// evaluate runs p on mem and returns R0.
func evaluate(o *obj.Object, p *obj.Program, mem []byte) (r0 uint64, err error) {
	m := machine{program: p, refs: map[int]obj.Ref{}}
	for _, r := range p.Refs {
		m.refs[r.Slot] = r
	}
	m.regions = []region{{memBase, mem}, {stackBase, make([]byte, 16*frameSize)}}
	for i, d := range o.Data {
		m.regions = append(m.regions, region{dataBase + uint64(i)<<24, append([]byte(nil), d.Bytes...)})
	}
	for i, d := range o.Data {
		for _, r := range d.Relocs {
			binary.LittleEndian.PutUint64(m.regions[2+i].bytes[r.Offset:], dataBase+uint64(r.Index)<<24+uint64(r.Addend))
		}
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return m.call(0, [11]uint64{1: memBase, 2: uint64(len(mem)), 10: stackBase + 16*frameSize}), nil
}

// at returns size bytes of memory; outside of all regions it panics.
func (m *machine) at(addr uint64, size uint8) []byte {
	for _, r := range m.regions {
		if addr >= r.base && addr+uint64(size) <= r.base+uint64(len(r.bytes)) {
			return r.bytes[addr-r.base:][:size]
		}
	}
	panic(fmt.Sprintf("access to %#x", addr))
}

func (m *machine) load(addr uint64, size uint8) uint64 {
	var b [8]byte
	copy(b[:], m.at(addr, size))
	return binary.LittleEndian.Uint64(b[:])
}

func (m *machine) store(addr uint64, size uint8, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	copy(m.at(addr, size), b[:size])
}

// call runs the function at slot pc to its exit.
func (m *machine) call(pc int, r [11]uint64) uint64 {
	for {
		if m.steps++; m.steps > 10_000_000 {
			panic("does not end")
		}
		in := m.program.Insns[pc]
		row := in.Row()
		next := pc + in.Slots()
		second := uint64(in.Imm)
		if row.SrcReg {
			second = r[in.Src]
		}
		switch row.Kind {
		case isa.KindALU:
			r[in.Dst] = alu(row, r[in.Dst], second)
		case isa.KindNeg:
			r[in.Dst] = cut(row, -r[in.Dst])
		case isa.KindMovSX:
			shift := 64 - 8*int(row.Size)
			r[in.Dst] = cut(row, uint64(int64(r[in.Src]<<shift)>>shift))
		case isa.KindEnd:
			r[in.Dst] = end(row, r[in.Dst])
		case isa.KindLoadImm64:
			r[in.Dst] = m.address(pc, in)
		case isa.KindLoad:
			r[in.Dst] = m.load(r[in.Src]+uint64(in.Off), row.Size)
		case isa.KindStore:
			m.store(r[in.Dst]+uint64(in.Off), row.Size, r[in.Src])
		case isa.KindStoreImm:
			m.store(r[in.Dst]+uint64(in.Off), row.Size, uint64(in.Imm))
		case isa.KindJump, isa.KindBranch:
			if row.Kind == isa.KindJump || holds(row, r[in.Dst], second) {
				next, _ = in.Target(pc)
			}
		case isa.KindCallLocal:
			callee := r
			callee[10] -= frameSize
			target, _ := in.Target(pc)
			r[0] = m.call(target, callee)
		case isa.KindCallHelper:
			if m.refs[pc].Kind != obj.RefNone || in.Imm != 5 {
				panic(fmt.Sprintf("helper %d %q", in.Imm, m.refs[pc].Name))
			}
			r[0] = r[1]
		case isa.KindExit:
			return r[0]
		default:
			panic(fmt.Sprintf("%v", in))
		}
		pc = next
	}
}

// address is the value of an lddw.
func (m *machine) address(pc int, in isa.Insn) uint64 {
	switch r := m.refs[pc]; r.Kind {
	case obj.RefNone:
		return uint64(in.Imm)
	case obj.RefData:
		return dataBase + uint64(r.Index)<<24 + uint64(r.Addend)
	default:
		panic(fmt.Sprintf("reference %v", r))
	}
}

// cut drops the upper half of a 32-bit result.
func cut(row *isa.Row, x uint64) uint64 {
	if row.Width == 32 {
		return uint64(uint32(x))
	}
	return x
}

func end(row *isa.Row, x uint64) uint64 {
	if row.Big {
		x = bits.ReverseBytes64(x) >> (64 - 8*int(row.Size))
	}
	if row.Size < 8 {
		x &= 1<<(8*row.Size) - 1
	}
	return x
}

func alu(row *isa.Row, a, b uint64) uint64 {
	a, b = cut(row, a), cut(row, b)
	shift := b & uint64(row.Width-1)
	switch row.Arith {
	case isa.Add:
		a += b
	case isa.Sub:
		a -= b
	case isa.Mul:
		a *= b
	case isa.Div:
		if b == 0 {
			return 0
		}
		a /= b
	case isa.Mod:
		if b != 0 {
			a %= b
		}
	case isa.Or:
		a |= b
	case isa.And:
		a &= b
	case isa.Xor:
		a ^= b
	case isa.Mov:
		a = b
	case isa.Lsh:
		a <<= shift
	case isa.Rsh:
		a >>= shift
	case isa.Arsh:
		if row.Width == 32 {
			a = uint64(int32(a) >> shift)
		} else {
			a = uint64(int64(a) >> shift)
		}
	default:
		panic(row.Name)
	}
	return cut(row, a)
}

func holds(row *isa.Row, a, b uint64) bool {
	sa, sb := int64(a), int64(b)
	if row.Width == 32 {
		a, b, sa, sb = uint64(uint32(a)), uint64(uint32(b)), int64(int32(a)), int64(int32(b))
	}
	switch row.Cond {
	case isa.EQ:
		return a == b
	case isa.NE:
		return a != b
	case isa.GT:
		return a > b
	case isa.GE:
		return a >= b
	case isa.LT:
		return a < b
	case isa.LE:
		return a <= b
	case isa.SGT:
		return sa > sb
	case isa.SGE:
		return sa >= sb
	case isa.SLT:
		return sa < sb
	case isa.SLE:
		return sa <= sb
	case isa.SET:
		return a&b != 0
	}
	panic(row.Name)
}
