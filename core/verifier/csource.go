package verifier

import (
	"regexp"
	"strings"

	"github.com/bpfc/bpfc/core/ir"
)

// Fixes are in terms of C. What the variables are called stands in the source lines: the
// compiler's columns say which part of a line an instruction is from.

// cLine is a line of C, and where in it an instruction is from: an index, -1 if that is not known.
type cLine struct {
	text string
	at   int
}

// line is the source line of an instruction, empty if it is not one of C.
func (a *analysis) line(pos ir.Pos) cLine {
	l := a.program.Source(pos)
	if l == nil || !writtenInC(l) {
		return cLine{at: -1}
	}
	if l.Col < 1 || l.Col > len(l.Text) {
		return cLine{l.Text, -1}
	}
	return cLine{l.Text, l.Col - 1}
}

// assignment is a variable that a line of C sets.
var assignment = regexp.MustCompile(`([A-Za-z_]\w*)\s*=[^=]`)

// assigned is the variable that is set to what the instruction computes, "" if that is not clear.
func (l cLine) assigned() string {
	all := assignment.FindAllStringSubmatchIndex(l.text, -1)
	if len(all) > 1 && l.at < 0 {
		return ""
	}
	name := ""
	for _, m := range all {
		member := m[2] > 0 && (l.text[m[2]-1] == '.' || l.text[m[2]-1] == '>')
		if (l.at < 0 || m[2] <= l.at) && !member {
			name = l.text[m[2]:m[3]]
		}
	}
	return name
}

// An access in C: a variable with members and subscripts, or a variable with a star.
var (
	postfix = regexp.MustCompile(`[A-Za-z_]\w*(?:\s*(?:->|\.)\s*[A-Za-z_]\w*|\s*\[[^][]*\])+`)
	starred = regexp.MustCompile(`\*\s*([A-Za-z_]\w*)`)
	member  = regexp.MustCompile(`(?:->|\.)\s*[A-Za-z_]\w*`)
	word    = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// accessed is the expression of C that the instruction loads or stores, "" if that is not clear.
func (l cLine) accessed() string {
	var all [][]int
	for _, is := range []*regexp.Regexp{postfix, starred} {
		all = append(all, is.FindAllStringIndex(l.text, -1)...)
	}
	before := ""
	for _, m := range all {
		text := l.text[m[0]:m[1]]
		switch {
		case l.at < 0:
		case m[0] <= l.at && l.at < m[1]:
			return upToMember(text, l.at-m[0])
		case m[1] <= l.at: // a store is at its operator
			before = text
		}
	}
	if len(all) == 1 {
		return l.text[all[0][0]:all[0][1]]
	}
	return before
}

// upToMember cuts an expression behind the member that begins at an index; from its first letter on all subscripts are meant.
func upToMember(text string, at int) string {
	if at == 0 {
		if last := strings.LastIndexByte(text, ']'); last >= 0 {
			return text[:last+1]
		}
		return text
	}
	for _, m := range member.FindAllStringIndex(text, -1) {
		if m[0] <= at && at < m[1] {
			return text[:m[1]]
		}
	}
	return text
}

// past is the address behind an expression that is accessed, as C writes it: behind the structure if it is a member of one.
func past(access string) string {
	if name, ok := strings.CutPrefix(access, "*"); ok {
		return strings.TrimSpace(name) + " + 1"
	}
	for !strings.HasSuffix(access, "]") {
		arrow, dot := strings.LastIndex(access, "->"), strings.LastIndexByte(access, '.')
		switch {
		case arrow > dot:
			return strings.TrimSpace(access[:arrow]) + " + 1"
		case dot < 0:
			return ""
		}
		access = strings.TrimSpace(access[:dot])
	}
	return "&" + access + " + 1"
}

// subscript is the index of an expression that is accessed, "" if it has none.
func subscript(access string) string {
	if open := strings.LastIndexByte(access, '['); open >= 0 {
		index, _, _ := strings.Cut(access[open+1:], "]")
		return strings.TrimSpace(index)
	}
	return ""
}

// argument is what a line passes to a function as argument i, "" if that is not clear.
func (l cLine) argument(function string, i int) string {
	_, rest, ok := strings.Cut(l.text, function+"(")
	if !ok {
		return ""
	}
	depth, from := 0, 0
	for k, c := range rest {
		switch {
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ',' && depth == 0 || c == ')' && depth == 0:
			if i == 0 {
				return strings.TrimSpace(rest[from:k])
			}
			if i, from = i-1, k+1; c == ')' {
				return ""
			}
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	return ""
}
