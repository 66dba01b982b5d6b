package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseError is a place in a text that is no IR.
type ParseError struct {
	File      string
	Line, Col int // 1-based; Col counts bytes
	Msg       string
	Text      string // the line
}

// Error is one line: file, line, column and what is wrong.
func (e *ParseError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// token is a word, a number, a string or a single character ("->" counts as
// one); a string's text is unquoted. The zero token ends a line.
type token struct {
	kind tokenKind
	text string
	col  int
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokNumber
	tokString
	tokPunct
)

// describe is the token for messages.
func (t token) describe() string {
	if t.kind == tokEnd {
		return "the end of the line"
	}
	return strconv.Quote(t.text)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// lex splits a line into tokens. A token that is none is returned as bad.
func lex(line string, buf []token) (tokens []token, bad *token) {
	tokens = buf[:0]
	for at := 0; at < len(line); {
		c := line[at]
		if c == ' ' || c == '\t' || c == '\r' {
			at++
			continue
		}
		if c == ';' {
			break
		}
		t, n := lexOne(line[at:])
		if t.col = at + 1; n == 0 {
			return tokens, &t
		}
		tokens, at = append(tokens, t), at+n
	}
	return tokens, nil
}

// lexOne reads the token at the beginning of s and its length, 0 if there is none.
func lexOne(s string) (token, int) {
	switch c := s[0]; {
	case c == '"':
		return lexString(s)
	case isDigit(c):
		n := span(s, isWord)
		return token{kind: tokNumber, text: s[:n]}, n
	case isWord(c):
		n := span(s, func(c byte) bool { return isWord(c) || c == '.' })
		return token{kind: tokWord, text: s[:n]}, n
	case strings.HasPrefix(s, "->"):
		return token{kind: tokPunct, text: "->"}, 2
	case strings.IndexByte("=[]+-*,:{}()@#", c) >= 0:
		return token{kind: tokPunct, text: s[:1]}, 1
	}
	return token{text: s[:1]}, 0
}

func lexString(s string) (token, int) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return token{text: s[:1]}, 0
	}
	text, _ := strconv.Unquote(quoted)
	return token{kind: tokString, text: text}, len(quoted)
}

// span is the length of the prefix of s whose bytes satisfy is.
func span(s string, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}
