package elf

import "github.com/bpfc/bpfc/core/isa"

// builtins are the bodies of the C functions that compilers call of their own
// accord and that an object leaves undefined. They take their arguments in R1 to
// R3, return in R0, use R4 and R5 besides, and no stack. Eight bytes are moved at
// a time, without regard to alignment.
var builtins = map[string][]isa.Insn{
	"memcpy":  memcpy,
	"memmove": memmove,
	"memset":  memset,
	"memcmp":  memcmp,
}

// builtinUnit returns the unit of a built-in function, the same for each call of it.
func (f *file) builtinUnit(name string, body []isa.Insn) *unit {
	if f.builtins == nil {
		f.builtins = map[string]*unit{}
	}
	u := f.builtins[name]
	if u == nil {
		u = &unit{name: name, insns: body, end: len(body)}
		f.builtins[name] = u
	}
	return u
}

// forward copies R3 bytes from R2 to R1, lowest first, and returns.
// A distance of less than eight bytes is harmless if the target is the lower one.
var forward = []isa.Insn{
	isa.LT.Imm(isa.R3, 8, 6), // to the bytes
	isa.LoadMem(isa.R4, isa.R2, 0, 8),
	isa.StoreMem(isa.R1, 0, isa.R4, 8),
	isa.Add.Imm(isa.R1, 8),
	isa.Add.Imm(isa.R2, 8),
	isa.Add.Imm(isa.R3, -8),
	isa.GE.Imm(isa.R3, 8, -6),
	isa.EQ.Imm(isa.R3, 0, 6), // bytes; to the end
	isa.LoadMem(isa.R4, isa.R2, 0, 1),
	isa.StoreMem(isa.R1, 0, isa.R4, 1),
	isa.Add.Imm(isa.R1, 1),
	isa.Add.Imm(isa.R2, 1),
	isa.Add.Imm(isa.R3, -1),
	isa.NE.Imm(isa.R3, 0, -6),
	isa.Return(),
}

// backward copies R3 bytes from R2 to R1, highest first, and returns.
var backward = []isa.Insn{
	isa.Add.Reg(isa.R1, isa.R3),
	isa.Add.Reg(isa.R2, isa.R3),
	isa.LT.Imm(isa.R3, 8, 6), // to the bytes
	isa.Add.Imm(isa.R1, -8),
	isa.Add.Imm(isa.R2, -8),
	isa.LoadMem(isa.R4, isa.R2, 0, 8),
	isa.StoreMem(isa.R1, 0, isa.R4, 8),
	isa.Add.Imm(isa.R3, -8),
	isa.GE.Imm(isa.R3, 8, -6),
	isa.EQ.Imm(isa.R3, 0, 6), // bytes; to the end
	isa.Add.Imm(isa.R1, -1),
	isa.Add.Imm(isa.R2, -1),
	isa.LoadMem(isa.R4, isa.R2, 0, 1),
	isa.StoreMem(isa.R1, 0, isa.R4, 1),
	isa.Add.Imm(isa.R3, -1),
	isa.NE.Imm(isa.R3, 0, -6),
	isa.Return(),
}

var memcpy = join([]isa.Insn{isa.Mov64Reg(isa.R0, isa.R1)}, forward)

// memmove goes forward unless the target begins within the source: then the
// difference, as an unsigned number, is less than the length.
var memmove = join([]isa.Insn{
	isa.Mov64Reg(isa.R0, isa.R1),
	isa.Mov64Reg(isa.R4, isa.R1),
	isa.Sub.Reg(isa.R4, isa.R2),
	isa.LT.Reg(isa.R4, isa.R3, int16(len(forward))),
}, forward, backward)

// memset spreads the byte over a word by multiplication.
var memset = isa.Prog(
	isa.Mov64Reg(isa.R0, isa.R1),
	isa.And.Imm(isa.R2, 0xff),
	isa.LoadImm64(isa.R4, 0x0101010101010101),
	isa.Mul.Reg(isa.R2, isa.R4),
	isa.LT.Imm(isa.R3, 8, 4), // to the bytes
	isa.StoreMem(isa.R1, 0, isa.R2, 8),
	isa.Add.Imm(isa.R1, 8),
	isa.Add.Imm(isa.R3, -8),
	isa.GE.Imm(isa.R3, 8, -4),
	isa.EQ.Imm(isa.R3, 0, 4), // bytes; to the end
	isa.StoreMem(isa.R1, 0, isa.R2, 1),
	isa.Add.Imm(isa.R1, 1),
	isa.Add.Imm(isa.R3, -1),
	isa.NE.Imm(isa.R3, 0, -4),
	isa.Return(),
)

// memcmp compares words until two differ or less than one is left, then bytes.
// The result is the difference of the first two bytes that differ.
var memcmp = []isa.Insn{
	isa.LT.Imm(isa.R3, 8, 7), // to the bytes
	isa.LoadMem(isa.R4, isa.R1, 0, 8),
	isa.LoadMem(isa.R5, isa.R2, 0, 8),
	isa.NE.Reg(isa.R4, isa.R5, 4), // to the bytes
	isa.Add.Imm(isa.R1, 8),
	isa.Add.Imm(isa.R2, 8),
	isa.Add.Imm(isa.R3, -8),
	isa.GE.Imm(isa.R3, 8, -7),
	isa.Mov64Imm(isa.R0, 0), // bytes
	isa.EQ.Imm(isa.R3, 0, 8),
	isa.LoadMem(isa.R0, isa.R1, 0, 1),
	isa.LoadMem(isa.R4, isa.R2, 0, 1),
	isa.Sub.Reg(isa.R0, isa.R4),
	isa.NE.Imm(isa.R0, 0, 4), // to the end
	isa.Add.Imm(isa.R1, 1),
	isa.Add.Imm(isa.R2, 1),
	isa.Add.Imm(isa.R3, -1),
	isa.NE.Imm(isa.R3, 0, -8),
	isa.Return(),
}

func join(parts ...[]isa.Insn) []isa.Insn {
	var all []isa.Insn
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
