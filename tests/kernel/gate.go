package kernel

import (
	"encoding/binary"
	"errors"

	"github.com/bpfc/bpfc/core/isa"
)

// ErrGate says that a program was not shown to the kernel because it might harm it.
var ErrGate = errors.New("not loaded: LD_ABS or LD_IND together with other functions crashes the precision tracking of Linux 6.18")

// Gate refuses bytecode that combines LD_ABS or LD_IND with calls of functions
// or with function values: Linux 6.18 crashes in precision backtracking over
// some of these. It looks at every slot, whether or not it is well-formed or
// reachable, and so refuses rather too much.
func Gate(insns []byte) error {
	var packet, functions bool
	for ; len(insns) >= isa.SlotSize; insns = insns[isa.SlotSize:] {
		p, f := kinds(insns[0], insns[1]>>4)
		packet, functions = packet || p, functions || f
	}
	if packet && functions {
		return ErrGate
	}
	return nil
}

// kinds says whether a slot is a packet load, and whether it calls a function or makes a value of one
// (RFC 9669 sections 4.3.1, 5.4 and 5.5: class LD with mode ABS or IND; call with src 1; lddw with src 4).
func kinds(code, src byte) (packet, function bool) {
	const (
		classMask, modeMask = 0x07, 0xe0
		abs, ind            = 0x20, 0x40
		lddw, call, callx   = 0x18, 0x85, 0x8d
	)
	if code&classMask == 0 {
		packet = code&modeMask == abs || code&modeMask == ind
	}
	return packet, code == call && src == 1 || code == callx || code == lddw && src == isa.SubFunc
}

// setImm writes the immediate of the slot.
func setImm(insns []byte, slot int, imm int32) {
	binary.LittleEndian.PutUint32(insns[slot*isa.SlotSize+4:], uint32(imm))
}
