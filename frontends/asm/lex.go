package asm

import (
	"strconv"
	"strings"
)

// tokenKind classifies a token.
type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // name, mnemonic or directive
	tokReg              // r0 to r10, w0 to w10, with or without %
	tokNumber           // unsigned; a sign is a token of its own
	tokSign             // operator or punctuation
	tokString           // quoted; text is the content
)

// token is a piece of a line. col is its 0-based byte offset there.
type token struct {
	kind  tokenKind
	text  string // of a register without its %
	col   int
	num   uint64
	glued bool // no blank before it
}

// operators are the signs of more than one character, longest first.
var operators = []string{
	"s>>=", "s>=", "s<=", "s/=", "s%=", ">>=", "<<=",
	"s>", "s<", "==", "!=", ">=", "<=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
}

// lex splits a line, from which comments are removed, into tokens appended to out.
func lex(line string, out []token) ([]token, *fault) {
	for i := 0; i < len(line); {
		if line[i] == ' ' || line[i] == '\t' || line[i] == '\r' {
			i++
			continue
		}
		t, n, f := next(line[i:])
		if f != nil {
			f.col += i
			return nil, f
		}
		t.col = i
		t.glued = i > 0 && line[i-1] != ' ' && line[i-1] != '\t'
		out = append(out, t)
		i += n
	}
	return out, nil
}

// next returns the first token of s and its length.
func next(s string) (token, int, *fault) {
	if s[0] == '"' {
		return quoted(s)
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return token{kind: tokSign, text: op}, len(op), nil
		}
	}
	if n := registerLen(s); n > 0 {
		return token{kind: tokReg, text: strings.TrimPrefix(s[:n], "%")}, n, nil
	}
	if n := wordLen(s); n > 0 {
		return token{kind: tokWord, text: s[:n]}, n, nil
	}
	if s[0] >= '0' && s[0] <= '9' {
		return number(s)
	}
	if s[0] > ' ' && s[0] < 0x7f {
		return token{kind: tokSign, text: s[:1]}, 1, nil
	}
	return token{}, 0, wrong(0, "unexpected character %q", s[0])
}

// registerLen returns the length of the register name that s begins with, or 0.
// r11 and above count as registers here, so that they can be refused as such.
func registerLen(s string) int {
	n := 0
	if strings.HasPrefix(s, "%") {
		n = 1
	}
	if n == len(s) || s[n] != 'r' && s[n] != 'w' {
		return 0
	}
	digits := n + 1
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits == n+1 || digits > n+3 || digits < len(s) && isWord(s[digits]) {
		return 0
	}
	return digits
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func isWord(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '.' }

// wordLen returns the length of the name that s begins with, or 0. A name may
// begin with a dot or a dollar sign and may contain "/" before a letter, as in "set/helper".
func wordLen(s string) int {
	n := 0
	if s[0] == '.' || s[0] == '$' {
		n = 1
	}
	if n == len(s) || !isLetter(s[n]) {
		return 0
	}
	for n < len(s) && (isWord(s[n]) || s[n] == '/' && n+1 < len(s) && isLetter(s[n+1])) {
		n++
	}
	return n
}

// number reads a decimal, hexadecimal (0x), octal (0o) or binary (0b) number of at most 64 bits.
func number(s string) (token, int, *fault) {
	n := 0
	for n < len(s) && isWord(s[n]) && s[n] != '.' {
		n++
	}
	text := s[:n]
	if len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' {
		return token{}, 0, wrong(0, "%s begins with 0 but is decimal here; write 0o… for octal", text)
	}
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil || strings.Contains(text, "_") {
		return token{}, 0, wrong(0, "%s is no number of at most 64 bits", text)
	}
	return token{kind: tokNumber, text: text, num: v}, n, nil
}

// quoted reads a string in double quotes with the escapes of C.
func quoted(s string) (token, int, *fault) {
	var b strings.Builder
	for i := 1; i < len(s); {
		switch {
		case s[i] == '"':
			return token{kind: tokString, text: b.String()}, i + 1, nil
		case s[i] == '\\':
			c, n := escape(s[i+1:])
			if n == 0 {
				return token{}, 0, wrong(i, "unknown escape in a string")
			}
			b.WriteByte(c)
			i += 1 + n
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return token{}, 0, wrong(0, "the string does not end on this line")
}

// escape decodes what follows a backslash and returns the byte and the length, 0 if it is unknown.
func escape(s string) (byte, int) {
	if s == "" {
		return 0, 0
	}
	if i := strings.IndexByte(`ntrbfav"\'`, s[0]); i >= 0 {
		return "\n\t\r\b\f\a\v\"\\'"[i], 1
	}
	if s[0] == 'x' {
		n := span(s[1:], 2, "0123456789abcdefABCDEF")
		v, err := strconv.ParseUint(s[1:1+n], 16, 8)
		if err != nil {
			return 0, 0
		}
		return byte(v), 1 + n
	}
	n := span(s, 3, "01234567")
	v, err := strconv.ParseUint(s[:n], 8, 8)
	if err != nil {
		return 0, 0
	}
	return byte(v), n
}

// span returns how many of the first limit characters of s are in set.
func span(s string, limit int, set string) int {
	n := 0
	for n < len(s) && n < limit && strings.IndexByte(set, s[n]) >= 0 {
		n++
	}
	return n
}

// uncomment replaces comments in a line by blanks or cuts them off. inside
// says whether the line begins within a /* comment */; the result tells it of the next line.
//
// A # begins a comment unless it is glued between a word and a digit, as in kfunc#12.
func uncomment(line string, inside bool) (string, bool) {
	if !inside && !strings.ContainsAny(line, "#;/\"") {
		return line, false
	}
	b := []byte(line)
	for i := 0; i < len(b); i++ {
		switch {
		case inside:
			if strings.HasPrefix(string(b[i:min(i+2, len(b))]), "*/") {
				b[i+1], inside = ' ', false
			}
			b[i] = ' '
		case b[i] == '"':
			i += skipString(b[i:])
		case b[i] == '/' && i+1 < len(b) && b[i+1] == '*':
			b[i], b[i+1], inside = ' ', ' ', true
			i++
		case b[i] == ';', b[i] == '/' && i+1 < len(b) && b[i+1] == '/', b[i] == '#' && !gluedNumber(b, i):
			return string(b[:i]), false
		}
	}
	return string(b), inside
}

// skipString returns the offset of the quote that ends the string at the start of b, or of b's last byte.
func skipString(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(b) - 1
}

func gluedNumber(b []byte, i int) bool {
	return i > 0 && isWord(b[i-1]) && i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '9'
}
