package verifier

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/ir"
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
	// Chain says where the value came from and where its bound was lost, oldest first.
	Chain []Step
	// Need is what the instruction would need to be accepted, "" if the message says it.
	Need string
	// Fix is a change with which the program is accepted, nil if none was found.
	Fix *Fix

	blame   []ref // values that it comes from
	trail   int32 // the newest undecided branch before it
	endless *mark // the head of the loop that is not known to end
	path    *path // at the instruction
	in      *ir.Insn
}

// Step is a link of the chain of causes: an instruction and what it made of a value.
type Step struct {
	Slot   int // BPF instruction, -1 for the beginning of the program
	Func   string
	Source *obj.Line // nil if unknown
	Text   string
}

// Fix is a change of the program that has been tried: with it, the program is accepted.
type Fix struct {
	Slot   int       // the instruction that it belongs to, -1 for none in particular
	Source *obj.Line // its source line, nil if unknown
	Text   string    // what to do, in terms of C
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

// Format prints one line with %v and %s. %+v adds all that is known: the source
// line with a caret, the chain of causes, what is needed, and the fix.
func (e *Error) Format(f fmt.State, verb rune) {
	fmt.Fprint(f, e.Error())
	if verb == 'v' && f.Flag('+') {
		fmt.Fprint(f, e.details())
	}
}

func (e *Error) details() string {
	var b strings.Builder
	if e.Source != nil && e.Source.Text != "" {
		fmt.Fprintf(&b, "\n  %s:%d: %s", e.Source.File, e.Source.Line, quote(e.Source, len(fmt.Sprintf("  %s:%d: ", e.Source.File, e.Source.Line))))
	}
	for i, s := range e.Chain {
		head := "  because "
		if i > 0 {
			head = "          "
		}
		fmt.Fprintf(&b, "\n%s%s%s", head, s.at(), s.Text)
		if s.Source != nil && s.Source.Text != "" && writtenInC(s.Source) && (i == 0 || e.Chain[i-1].Source != s.Source) {
			fmt.Fprintf(&b, "\n            | %s", strings.TrimSpace(s.Source.Text))
		}
	}
	if e.Need != "" {
		fmt.Fprintf(&b, "\n  needed: %s", e.Need)
	}
	if e.Fix != nil {
		fmt.Fprintf(&b, "\n  fix (with it the program is accepted): %s", e.Fix.Text)
	} else if r, ok := RuleOf(e.Code); ok && e.Hint == "" {
		fmt.Fprintf(&b, "\n  hint: %s", r.Fix)
	}
	return b.String()
}

// writtenInC reports whether a source line is one of C, or of another language above assembly.
func writtenInC(l *obj.Line) bool {
	return l.File != "" && !slices.Contains([]string{".s", ".S", ".asm"}, filepath.Ext(l.File))
}

// at says where a step is: "insn 12 (x.c:7): ".
func (s *Step) at() string {
	if s.Slot < 0 {
		return ""
	}
	at := fmt.Sprintf("insn %d", s.Slot)
	if s.Source != nil && s.Source.File != "" {
		at += fmt.Sprintf(" (%s:%d)", s.Source.File, s.Source.Line)
	}
	return at + ": "
}

// quote is the text of a source line, and below it a caret under its column, if that is known.
// indent is how far the text stands from the left.
func quote(l *obj.Line, indent int) string {
	text := strings.TrimLeft(l.Text, " \t")
	cut := len(l.Text) - len(text)
	text = strings.TrimRight(text, " \t\r")
	col := l.Col - 1 - cut
	if l.Col <= 0 || col < 0 || col >= len(text) {
		return text
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return '\t'
		}
		return ' '
	}, text[:col])
	return text + "\n" + strings.Repeat(" ", indent) + pad + "^"
}
