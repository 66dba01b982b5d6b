package verifier

import (
	"fmt"
	"strings"

	"github.com/bpfc/bpfc/core/obj"
)

// Verdict is the outcome of a verification.
type Verdict uint8

// The three verdicts.
const (
	Accept      Verdict = iota
	Reject              // the program breaks a rule
	Unsupported         // this version cannot decide
)

// String is the verdict's name in JSON.
func (v Verdict) String() string { return [...]string{"accept", "reject", "unsupported"}[v] }

// Code is the stable name of a rule; `bpfc explain CODE` describes it.
type Code string

// Error is why a program was not accepted: one primary cause.
type Error struct {
	Code    Code
	Verdict Verdict // Reject or Unsupported
	File    string
	Program string
	Func    string
	Slot    int // BPF instruction, -1 if the error is not about one
	Msg     string
	Hint    string    // what to do, "" if the message says it
	Source  *obj.Line // nil if unknown

	blame   []ref // values that it comes from
	trail   int32 // the newest undecided branch before it
	endless *mark // the head of the loop that is not known to end
}

// Error is one line: where, what, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		fmt.Fprintf(&b, "%s: ", e.File)
	}
	fmt.Fprintf(&b, "program %q", e.Program)
	if e.Func != "" && e.Func != e.Program {
		fmt.Fprintf(&b, ", function %q", e.Func)
	}
	if e.Slot >= 0 {
		fmt.Fprintf(&b, ", insn %d", e.Slot)
	}
	if e.Source != nil && e.Source.File != "" {
		fmt.Fprintf(&b, " (%s:%d)", e.Source.File, e.Source.Line)
	}
	fmt.Fprintf(&b, ": %s [%s]", e.Msg, e.Code)
	if e.Hint != "" {
		fmt.Fprintf(&b, "; %s", e.Hint)
	}
	return b.String()
}

// Format prints one line with %v and %s, and with %+v also the source line.
func (e *Error) Format(f fmt.State, verb rune) {
	fmt.Fprint(f, e.Error())
	if verb == 'v' && f.Flag('+') && e.Source != nil && e.Source.Text != "" {
		fmt.Fprintf(f, "\n  %s:%d: %s", e.Source.File, e.Source.Line, strings.TrimSpace(e.Source.Text))
	}
}
