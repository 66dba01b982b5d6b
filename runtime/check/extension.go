package check

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// What x86asm does not decode: endbr64, movbe, and the shifts and the rotate of BMI2
// (Intel SDM volume 2, ENDBR64, MOVBE, SARX/SHLX/SHRX, RORX).

// endbr64 does nothing.
var endbr64 = []byte{0xf3, 0x0f, 0x1e, 0xfa}

// extension is one of these instructions.
type extension struct {
	name string
	form
	imm int // bytes of immediate
}

// vexKey identifies an instruction of VEX encoding: opcode map, mandatory prefix, opcode.
type vexKey struct{ table, prefix, opcode uint8 }

var vexForms = map[vexKey]extension{
	{2, 1, 0xf7}: {"SHLX", first, 0},
	{2, 2, 0xf7}: {"SARX", first, 0},
	{2, 3, 0xf7}: {"SHRX", first, 0},
	{3, 3, 0xf0}: {"RORX", first, 1},
}

// decodeExtension decodes one of these instructions. It reports false if the code is none.
func decodeExtension(code []byte) (in insn, ok bool, err error) {
	if len(code) > 0 && code[0] == 0xc4 {
		in, err = decodeVEX(code)
		return in, true, err
	}
	if bytes.HasPrefix(code, endbr64) {
		return insn{form: bare, name: "ENDBR64", len: len(endbr64)}, true, nil
	}
	return decodeMovbe(code)
}

// decodeVEX decodes C4 RXBmmmmm WvvvvLpp opcode ModRM.
func decodeVEX(code []byte) (insn, error) {
	if len(code) < 5 {
		return insn{}, errUnknown
	}
	e, ok := vexForms[vexKey{code[1] & 0x1f, code[2] & 3, code[3]}]
	vvvv := ^code[2] >> 3 & 15
	if !ok || code[2]&4 != 0 || e.imm > 0 && vvvv != 0 {
		return insn{}, fmt.Errorf("% x: %w", code[:5], errUnknown)
	}
	rex := ^code[1] >> 5 & 7 // R, X, B
	size := 4 + int(code[2]>>7)*4
	in, err := e.operands(code, 4, rex, size)
	if e.imm == 0 {
		in.takes(vvvv)
	}
	return in, err
}

// decodeMovbe decodes [66] [REX] 0F 38 F0|F1 ModRM, memory only.
func decodeMovbe(code []byte) (in insn, ok bool, err error) {
	n, size, rex := 0, 4, uint8(0)
	if len(code) > n && code[n] == 0x66 {
		n, size = n+1, 2
	}
	if len(code) > n && code[n]&0xf0 == 0x40 {
		rex = code[n]
		if rex&8 != 0 {
			size = 8
		}
		n++
	}
	if len(code) < n+4 || code[n] != 0x0f || code[n+1] != 0x38 || code[n+2]&0xfe != 0xf0 {
		return insn{}, false, nil
	}
	e := extension{"MOVBE", first, 0}
	store := code[n+2] == 0xf1
	if store {
		e.form = reads
	}
	in, err = e.operands(code, n+3, rex&7, size)
	if err == nil && !in.hasMem {
		err = errUnknown
	}
	in.memWritten = store
	return in, true, err
}

// operands decodes ModRM, at code[at], and what follows. rex holds the bits R, X and B.
func (e *extension) operands(code []byte, at int, rex uint8, size int) (insn, error) {
	in := insn{form: e.form, name: e.name, memBytes: size}
	mod, reg, rm := code[at]>>6, code[at]>>3&7|rex<<1&8, code[at]&7
	n := at + 1
	if mod != 3 {
		in.hasMem = true
		var err error
		if n, err = in.address(code, n, mod, rm, rex); err != nil {
			return insn{}, err
		}
		in.uses(in.mem.base)
		in.uses(in.mem.index)
	} else {
		in.takes(rm | rex<<3&8)
	}
	in.takes(reg)
	in.len = n + e.imm
	if in.len > len(code) {
		return insn{}, errUnknown
	}
	if in.has(first) {
		return in, destination(reg, false)
	}
	return in, nil
}

// address decodes SIB and displacement at code[n] and returns the offset behind them.
func (i *insn) address(code []byte, n int, mod, rm, rex uint8) (int, error) {
	i.mem = operand{base: rm | rex<<3&8, index: noReg}
	if rm == 4 {
		if n >= len(code) {
			return 0, errUnknown
		}
		sib := code[n]
		n++
		i.mem.base = sib&7 | rex<<3&8
		if x := sib>>3&7 | rex<<2&8; x != 4 {
			i.mem.index = x
		}
		rm = sib & 7
		if mod == 0 && rm == 5 {
			i.mem.base, mod = noReg, 2
		}
	} else if mod == 0 && rm == 5 {
		i.mem.base, i.mem.rip, i.field, mod = noReg, true, n, 2
	}
	size := [...]int{0, 1, 4}[mod]
	if n+size > len(code) {
		return 0, errUnknown
	}
	switch size {
	case 1:
		i.mem.disp = int32(int8(code[n]))
	case 4:
		i.mem.disp = int32(binary.LittleEndian.Uint32(code[n:]))
	}
	return n + size, nil
}
