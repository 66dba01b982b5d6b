package regalloc

import (
	"fmt"
	"strings"
)

// Code says what is wrong with a result or a view.
type Code uint8

// The codes.
const (
	WrongValue  Code = iota + 1 // a use is where its value is not
	NoLocation                  // an operand is nowhere, or in a slot that does not exist
	NotAllowed                  // a location that this virtual register may not have
	NotRegister                 // AnyReg, but in a slot
	NotFixed                    // FixedReg, but elsewhere
	NotTied                     // Tied, but elsewhere
	Overlap                     // two operands, or an operand and a clobber, share a register that they may not share
	BadEdit                     // an edit out of order, from slot to slot, or to a register that may not be written
	BadView                     // the view contradicts itself
)

// codeTexts are the predicates of sentences about an operand and its location.
var codeTexts = [...]string{
	WrongValue:  "is not in",
	NoLocation:  "has no location but",
	NotAllowed:  "may not live in",
	NotRegister: "needs a register, not",
	NotFixed:    "needs its fixed register, not",
	NotTied:     "must be where the use is that it is tied to, not in",
	Overlap:     "may not share, with another operand or a clobber,",
	BadView:     "breaks a rule of views; it is in",
}

var codeNames = [...]string{
	WrongValue: "wrong value", NoLocation: "no location", NotAllowed: "location not allowed",
	NotRegister: "not in a register", NotFixed: "not in its fixed register", NotTied: "not tied",
	Overlap: "overlap", BadEdit: "bad edit", BadView: "bad view",
}

// String is the code's name.
func (c Code) String() string {
	if c == 0 || int(c) >= len(codeNames) {
		return fmt.Sprintf("code %d", uint8(c))
	}
	return codeNames[c]
}

// Error says where an assignment is wrong. Operand is -1 if the error is not of
// one operand; then Detail says what it is.
type Error struct {
	Code    Code
	Inst    Inst
	Operand int
	VReg    VReg
	Loc     Loc
	Holds   []VReg // WrongValue: the virtual registers whose value Loc has on every path
	Detail  string
}

// Error is one line, with instruction, operand, virtual register and location.
func (e *Error) Error() string {
	if e.Operand < 0 {
		return fmt.Sprintf("regalloc: inst %d: %v: %s", e.Inst, e.Code, e.Detail)
	}
	s := fmt.Sprintf("regalloc: inst %d, operand %d: %v %s %v", e.Inst, e.Operand, e.VReg, codeTexts[e.Code], e.Loc)
	if e.Code == WrongValue {
		s += ", which holds " + names(e.Holds)
	}
	return s
}

func names(vs []VReg) string {
	if len(vs) == 0 {
		return "no value"
	}
	s := make([]string, len(vs))
	for i, v := range vs {
		s[i] = v.String()
	}
	return strings.Join(s, ", ")
}
