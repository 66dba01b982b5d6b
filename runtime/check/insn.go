package check

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"github.com/bpfc/bpfc/core/codegen"
)

// The numbers of registers that code must not change freely.
const (
	regRSP = 4
	regRBP = 5
	regR12 = 12
	noReg  = 0xff
)

// insn is what the check must know of an instruction.
type insn struct {
	form
	name       string
	len        int
	mem        operand
	hasMem     bool
	memWritten bool
	memBytes   int
	field      int   // offset of its PC-relative field of 4 bytes; 0 if there is none
	rel        int64 // of a branch, from the instruction's end
	isRel      bool
	tail       bool   // the jump of a tail call, by rcx
	names      uint16 // general registers that an operand names, by number
	values     uint16 // of these, those that are an operand themselves and not part of an address
}

func (i *insn) has(f form) bool { return i.form&f != 0 }

// uses notes that an operand names the register, if it is one.
func (i *insn) uses(num uint8) {
	if num != noReg {
		i.names |= 1 << num
	}
}

// takes notes that an operand is the register, if it is one.
func (i *insn) takes(num uint8) {
	i.uses(num)
	if num != noReg {
		i.values |= 1 << num
	}
}

// operand is a memory operand: base + index*scale + disp. Registers are numbers, noReg if absent.
type operand struct {
	base, index uint8
	rip         bool
	disp        int32
}

var (
	legacyPrefixes = []byte{0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}
	vexBytes       = []byte{0xc4, 0xc5, 0x62}

	errUnknown = errors.New("no instruction that a back end emits")
	errPrefix  = errors.New("a prefix that no back end emits")
	errStack   = errors.New("it changes the stack pointer")
	errContext = errors.New("it changes the register of the run context")
)

// exitSlot reports whether the operand is [r12+RunExit].
func (i *insn) exitSlot() bool {
	return i.mem == operand{base: regR12, index: noReg, disp: codegen.RunExit}
}

// changed are the places of the run context that code writes.
var changed = map[int32]bool{codegen.RunSlice: true, codegen.RunFaultAddr: true, codegen.RunTails: true}

// checkMem says what is wrong with a memory operand that no relocation fills.
func (i *insn) checkMem() string {
	m := &i.mem
	switch {
	case i.has(nowhere):
		return ""
	case m.rip:
		return "an address relative to the code needs a relocation"
	case m.base == noReg:
		return "an absolute address"
	case m.base != regR12 && m.index != regR12:
		return ""
	case m.index != noReg:
		return "the run context is not indexed"
	case i.has(address):
		return ""
	case m.disp < 0 || int(m.disp)+i.memBytes > codegen.RunCtxSize:
		return "it is outside the run context"
	case i.memWritten && (!changed[m.disp] || i.memBytes != 8):
		return "code changes only the slice, the fault address and the count of tail calls of the run context"
	}
	return ""
}

// decodeInsn decodes the first instruction of code.
func decodeInsn(code []byte) (insn, error) {
	if in, ok, err := decodeExtension(code); ok {
		return in, err
	}
	if in, ok := decodeRetpoline(code); ok {
		return in, nil
	}
	if vexPrefix(code) {
		return insn{}, errUnknown
	}
	x, err := x86asm.Decode(code, 64)
	if err != nil {
		return insn{}, fmt.Errorf("% x: %w", code[:min(len(code), 8)], errUnknown)
	}
	f, ok := forms[x.Op]
	if x.Op == 0 || !ok { // 0, with length 1 and without an error, is what it gives for what it does not know
		return insn{}, fmt.Errorf("%s: %w", x86asm.IntelSyntax(x, 0, nil), errUnknown)
	}
	in := insn{form: f, name: x.Op.String(), len: x.Len, memBytes: x.MemBytes}
	if x.PCRel == 4 {
		in.field = x.PCRelOff
	}
	if err := in.operands(&x); err != nil {
		return insn{}, fmt.Errorf("%s: %w", x86asm.IntelSyntax(x, 0, nil), err)
	}
	return in, nil
}

// vexPrefix reports whether a VEX or EVEX encoding begins behind legacy prefixes and REX.
func vexPrefix(code []byte) bool {
	n := 0
	for n < len(code) && bytes.IndexByte(legacyPrefixes, code[n]) >= 0 {
		n++
	}
	if n < len(code) && code[n]&0xf0 == 0x40 {
		n++
	}
	return n < len(code) && bytes.IndexByte(vexBytes, code[n]) >= 0
}

// operands takes over the operands and refuses those that the form does not allow.
func (i *insn) operands(x *x86asm.Inst) error {
	if err := checkPrefixes(x, i.form); err != nil {
		return err
	}
	if i.has(bare) && x.Args[0] != nil || i.has(transfer) && x.Args[1] != nil {
		return errUnknown
	}
	for n, arg := range x.Args {
		switch arg := arg.(type) {
		case x86asm.Mem:
			i.setMem(arg, i.writes(n))
		case x86asm.Rel:
			i.rel, i.isRel = int64(arg), true
		case x86asm.Reg:
			if err := i.checkReg(x, n, arg); err != nil {
				return err
			}
		}
	}
	i.tail = x.Op == x86asm.JMP && x.Args[0] == x86asm.RCX
	if i.has(trap) && x.Args[0] != x86asm.Imm(3) || i.has(transfer) && !i.isRel && !i.hasMem && !i.tail {
		return errUnknown
	}
	return nil
}

// writes reports whether the form writes operand n.
func (i *insn) writes(n int) bool { return n == 0 && i.has(first) || n == 1 && i.has(second) }

func (i *insn) setMem(m x86asm.Mem, written bool) {
	i.hasMem, i.memWritten = true, written
	i.mem = operand{base: number(m.Base), index: number(m.Index), rip: m.Base == x86asm.RIP, disp: int32(m.Disp)}
	i.uses(i.mem.base)
	i.uses(i.mem.index)
}

// checkReg refuses changes of the stack pointer but by constants, of the run
// context, and registers that are not general but where the form is for them.
func (i *insn) checkReg(x *x86asm.Inst, n int, r x86asm.Reg) error {
	num := number(r)
	i.takes(num)
	switch {
	case num == noReg && !(i.has(vector) && r >= x86asm.X0 && r <= x86asm.X15):
		return errUnknown
	case !i.writes(n) || num == noReg:
		return nil
	}
	_, constant := x.Args[1].(x86asm.Imm)
	return destination(num, r == x86asm.RSP && constant && (x.Op == x86asm.ADD || x.Op == x86asm.SUB))
}

// destination refuses registers that must not be written.
func destination(num uint8, adjusts bool) error {
	switch {
	case num == regRSP && !adjusts:
		return errStack
	case num == regR12:
		return errContext
	}
	return nil
}

// checkPrefixes allows REX and operand size as the instruction needs them,
// mandatory prefixes, and lock where it belongs.
func checkPrefixes(x *x86asm.Inst, f form) error {
	for _, p := range x.Prefix {
		if p == 0 {
			break
		}
		switch kind := p & 0xff; {
		case p&x86asm.PrefixInvalid != 0:
			return errPrefix
		case p.IsREX():
		case kind == x86asm.PrefixDataSize && f&(transfer|bare|stack) == 0 && (p&x86asm.PrefixIgnored == 0 || f&nowhere != 0):
		case kind == x86asm.PrefixLOCK && f&lockable != 0:
			if _, ok := x.Args[0].(x86asm.Mem); !ok {
				return errPrefix
			}
		case kind == x86asm.PrefixREP && p&x86asm.PrefixImplicit != 0 && f&counts != 0:
		default:
			return errPrefix
		}
	}
	return nil
}

// number is the number of a general register of any width, noReg for others.
func number(r x86asm.Reg) uint8 {
	switch {
	case r >= x86asm.AL && r <= x86asm.BL:
		return uint8(r - x86asm.AL)
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return uint8(r-x86asm.SPB) + 4
	case r >= x86asm.AX && r <= x86asm.R15W:
		return uint8(r - x86asm.AX)
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return uint8(r - x86asm.EAX)
	case r >= x86asm.RAX && r <= x86asm.R15:
		return uint8(r - x86asm.RAX)
	}
	return noReg
}
