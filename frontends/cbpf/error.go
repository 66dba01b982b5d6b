package cbpf

import "fmt"

// Rule names what an input breaks.
type Rule string

// The rules.
const (
	RuleForm       Rule = "form"       // the bytes are no filter
	RuleSyntax     Rule = "syntax"     // the text is no assembly
	RuleExpression Rule = "expression" // tcpdump compiles the expression
	RuleLength     Rule = "length"     // a filter has 1 to MaxInsns instructions
	RuleOpcode     Rule = "opcode"     // the dialect has the instruction
	RuleDivisor    Rule = "divisor"    // a constant divisor is not 0
	RuleShift      Rule = "shift"      // a constant shift is less than 32
	RuleCell       Rule = "cell"       // M[] has 16 cells
	RuleJump       Rule = "jump"       // a jump ends within the filter
	RuleBackward   Rule = "backward"   // a jump goes forward
	RuleAncillary  Rule = "ancillary"  // an offset above AncBase names something
	RuleData       Rule = "data"       // a word of struct seccomp_data
	RuleLast       Rule = "last"       // the last instruction is a ret
	RuleUnwritten  Rule = "unwritten"  // a cell of M[] is written before it is read, on every way
)

// Error says what is wrong with a filter, where, and what to do.
type Error struct {
	File      string // "" if the filter is from no file
	Line, Col int    // 1-based; 0 if unknown
	Insn      int    // the number of the instruction, from 0; -1 if it is about none
	Rule      Rule
	Text      string // what is wrong
	Hint      string // what to do; may be ""
}

// Error returns one line: place, rule, what is wrong and what to do.
func (e *Error) Error() string {
	at := e.File
	if at == "" {
		at = "filter"
	}
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
	}
	if e.Col > 0 {
		at += fmt.Sprintf(":%d", e.Col)
	}
	if e.Insn >= 0 {
		at += fmt.Sprintf(": instruction %d", e.Insn)
	}
	text := fmt.Sprintf("%s: %s [%s]", at, e.Text, e.Rule)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}
