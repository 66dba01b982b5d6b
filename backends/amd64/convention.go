package amd64

import (
	"github.com/bpfc/bpfc/backends/amd64/asm"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
)

// registers is the home of each IR register in the direct tier.
var registers = [...]asm.Reg{
	ir.None: asm.NoBase,
	ir.R0:   asm.RAX,
	ir.R1:   asm.RDI,
	ir.R2:   asm.RSI,
	ir.R3:   asm.RDX,
	ir.R4:   asm.RCX,
	ir.R5:   asm.R8,
	ir.R6:   asm.RBX,
	ir.R7:   asm.R13,
	ir.R8:   asm.R14,
	ir.R9:   asm.R15,
	ir.R10:  asm.RBP,
	ir.T0:   asm.R9,
	ir.T1:   asm.R10,
	ir.T2:   asm.R11,
}

// Registers with a role of their own.
const (
	runctx = asm.R12 // run context
	// The emitter's scratch inside one IR instruction, the homes of T0 to T2: ops
	// that use them are those of clobbers.
	scratch0 = asm.R11
	scratch1 = asm.R10
	scratch2 = asm.R9
)

// calleeSaved are the registers of R6 to R9, in the order in which they are pushed.
var calleeSaved = [...]struct {
	bpf   ir.Reg
	reg   asm.Reg
	dwarf uint8 // System V psABI for amd64, figure 3.36
}{
	{ir.R6, asm.RBX, 3}, {ir.R7, asm.R13, 13}, {ir.R8, asm.R14, 14}, {ir.R9, asm.R15, 15},
}

// reg is the home of r.
func reg(r ir.Reg) asm.Reg { return registers[r] }

// mem is the memory operand of in.
func mem(in *ir.Insn) asm.Mem {
	m := asm.Mem{Base: reg(in.Base), Disp: in.Disp}
	if in.Index != ir.None {
		m.Index, m.Scale = reg(in.Index), in.Scale
	}
	return m
}

// runContext is the field at off of the run context.
func runContext(off int32) asm.Mem { return asm.Mem{Base: runctx, Disp: off} }

// regionField is a field of region n.
func regionField(n uint16, field int32) asm.Mem {
	return runContext(codegen.RunRegions + int32(n)*codegen.RegionSize + field)
}

// countField is the field of a region that bounds accesses of size bytes.
func countField(size uint8) int32 {
	return [...]int32{1: codegen.RegionN1, 2: codegen.RegionN2, 4: codegen.RegionN4, 8: codegen.RegionN8}[size]
}
