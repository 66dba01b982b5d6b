package isa

import "fmt"

// Code names a rule of the encoding. Codes are stable; tests and `bpfc explain` match them.
type Code string

// The rules that Decode, Encode and Check enforce.
const (
	CodeEmpty         Code = "isa-empty"           // the program has no instruction
	CodeTruncated     Code = "isa-truncated"       // the bytes end within an instruction
	CodeUnknownOpcode Code = "isa-unknown-opcode"  // no instruction is encoded so
	CodeReserved      Code = "isa-reserved-field"  // a field that must be zero is not
	CodeRegister      Code = "isa-bad-register"    // a register above R10
	CodeJumpRange     Code = "isa-jump-range"      // a jump leaves the program
	CodeJumpIntoLddw  Code = "isa-jump-into-lddw"  // a jump to the second slot of an lddw
	CodeCallRange     Code = "isa-call-range"      // a local call leaves the program or enters an lddw
	CodeFuncRange     Code = "isa-func-range"      // a function address outside the program or within an lddw
	CodeImmediate     Code = "isa-immediate-range" // an immediate that does not fit its 32 bits
	CodeSlot          Code = "isa-bad-slot"        // an lddw without its second slot, or a second slot without lddw
)

// Error is a breach of a rule by the instruction at Slot.
type Error struct {
	Code Code
	Slot int    // 8-byte slot, the instruction number that Linux prints
	Text string // what is wrong, without the instruction number
}

// Error returns one line: the instruction number and what is wrong.
func (e *Error) Error() string { return fmt.Sprintf("instruction %d: %s", e.Slot, e.Text) }

// fail makes an Error for the instruction at slot.
func fail(c Code, slot int, format string, args ...any) error {
	return &Error{Code: c, Slot: slot, Text: fmt.Sprintf(format, args...)}
}
