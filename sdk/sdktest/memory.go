package sdktest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/bpfc/bpfc/core/isa"
)

var sizes = []uint8{1, 2, 4, 8}

func testMemory(t *testing.T, s *suite) {
	t.Run("Arguments", func(t *testing.T) { s.check(t, arguments()) })
	t.Run("Loads", func(t *testing.T) { s.check(t, loads()) })
	t.Run("Stores", func(t *testing.T) { s.check(t, stores()) })
	t.Run("Stack", func(t *testing.T) { s.check(t, stack()) })
	t.Run("Places", func(t *testing.T) { s.check(t, memoryPlaces()) })
}

// pattern is 16 bytes of which each is different and half have the top bit set.
func pattern() []byte {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(0x91*i + 0x83)
	}
	return b
}

// little reads size bytes of b.
func little(b []byte, size uint8) uint64 {
	var full [8]byte
	copy(full[:size], b)
	return binary.LittleEndian.Uint64(full[:])
}

// arguments checks what a program of type mem finds in R1 and R2.
func arguments() []testCase {
	return []testCase{
		{name: "length", mem: pattern(), want: 16, insns: []isa.Insn{isa.Mov.Reg(isa.R0, isa.R2), isa.Return()}},
		{name: "no memory: length", want: 0, insns: []isa.Insn{isa.Mov.Reg(isa.R0, isa.R2), isa.Return()}},
		{name: "no memory: address", want: 0, insns: []isa.Insn{isa.Mov.Reg(isa.R0, isa.R1), isa.Return()}},
	}
}

func loads() []testCase {
	mem := pattern()
	var cases []testCase
	for _, size := range sizes {
		for _, off := range []int16{0, 1, 5, 8} {
			v := little(mem[off:], size)
			cases = append(cases, testCase{
				name: fmt.Sprintf("load u%d at %d", size*8, off), mem: mem, want: v,
				insns: []isa.Insn{isa.LoadMem(isa.R0, isa.R1, off, size), isa.Return()},
			})
			if size < 8 {
				cases = append(cases, testCase{
					name: fmt.Sprintf("load s%d at %d", size*8, off), mem: mem, want: extend(64, uint(size), v),
					insns: []isa.Insn{isa.LoadMemSX(isa.R0, isa.R1, off, size), isa.Return()},
				})
			}
		}
	}
	return append(cases, testCase{
		name: "negative displacement", mem: mem, want: uint64(mem[3]),
		insns: []isa.Insn{isa.Add.Imm(isa.R1, 10), isa.LoadMem(isa.R0, isa.R1, -7, 1), isa.Return()},
	})
}

func stores() []testCase {
	v, imm := uint64(0x8182838485868788), int32(-0x7a7b7c7e)
	var cases []testCase
	for _, size := range sizes {
		for _, off := range []int16{0, 3, 8} {
			cases = append(cases,
				store(fmt.Sprintf("store u%d at %d", size*8, off), off, size, v,
					isa.LoadImm64(isa.R3, int64(v)), isa.StoreMem(isa.R1, off, isa.R3, size)),
				store(fmt.Sprintf("store u%d imm at %d", size*8, off), off, size, uint64(int64(imm)),
					isa.StoreImm(isa.R1, off, imm, size)))
		}
	}
	return cases
}

// store is a case that writes the low size bytes of v at off, and no other.
func store(name string, off int16, size uint8, v uint64, insns ...isa.Insn) testCase {
	after := pattern()
	copy(after[off:], binary.LittleEndian.AppendUint64(nil, v)[:size])
	return testCase{
		name: name, mem: pattern(), wantMem: after, want: 9,
		insns: append(insns, isa.Mov.Imm(isa.R0, 9), isa.Return()),
	}
}

func stack() []testCase {
	cases := []testCase{{
		name: "whole frame", want: 0x11223344 + 7,
		insns: []isa.Insn{
			isa.StoreImm(isa.R10, -512, 0x11223344, 8), isa.StoreImm(isa.R10, -8, 7, 8),
			isa.LoadMem(isa.R0, isa.R10, -512, 8), isa.LoadMem(isa.R1, isa.R10, -8, 8), isa.Add.Reg(isa.R0, isa.R1), isa.Return(),
		},
	}, {
		name: "through a pointer", want: 0xabcd,
		insns: []isa.Insn{
			isa.Mov.Reg(isa.R2, isa.R10), isa.Add.Imm(isa.R2, -24), isa.StoreImm(isa.R2, 0, 0xabcd, 2),
			isa.LoadMem(isa.R0, isa.R10, -24, 2), isa.Return(),
		},
	}}
	for _, size := range sizes {
		cases = append(cases, testCase{
			name: fmt.Sprintf("u%d", size*8), want: little([]byte{0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0xf1}, size),
			insns: []isa.Insn{
				isa.LoadImm64(isa.R1, -0x0e0d0c0b0a090808), isa.StoreMem(isa.R10, -16, isa.R1, size),
				isa.LoadMem(isa.R0, isa.R10, -16, size), isa.Return(),
			},
		})
	}
	return cases
}

// memoryPlaces loads from, and stores to, the address in every register.
func memoryPlaces() []testCase {
	var cases []testCase
	for base := isa.R0; base <= isa.R9; base++ {
		for reg := isa.R0; reg <= isa.R9; reg++ {
			load := []isa.Insn{isa.Mov.Reg(base, isa.R1), isa.LoadMem(reg, base, 2, 4), isa.Mov.Reg(isa.R0, reg), isa.Return()}
			cases = append(cases, testCase{
				name: fmt.Sprintf("load %v from %v", reg, base), mem: pattern(), want: little(pattern()[2:], 4), insns: load,
			})
			if base == reg {
				continue
			}
			cases = append(cases, store(fmt.Sprintf("store %v to %v", reg, base), 4, 4, 0x1234567,
				isa.Mov.Reg(base, isa.R1), isa.Mov.Imm(reg, 0x1234567), isa.StoreMem(base, 4, reg, 4)))
		}
	}
	return cases
}
