// Package raw is the front end for bare bytecode: instructions in binary or as
// hex digits, with no container around them.
package raw

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bpfc/bpfc/core/isa"
	"github.com/bpfc/bpfc/core/obj"
)

// Format says how the bytes of an input are to be read.
type Format uint8

// The formats.
const (
	// Auto takes input that consists of hex digits, blanks and 0x alone as Hex, any other as Binary.
	Auto Format = iota
	// Binary is the encoding of RFC 9669 itself, little-endian.
	Binary
	// Hex is the same bytes in the same order as pairs of hex digits. Blanks,
	// line ends and 0x before a word are ignored.
	Hex
)

// Error says what is wrong with an input and where.
type Error struct {
	File      string
	Line, Col int // 1-based, of hex input; 0 for binary input
	Text      string
	Err       error // the *isa.Error, if the bytes are no valid program
}

// Error returns one line: file, place and cause.
func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Col)
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", at, e.Err)
	}
	return at + ": " + e.Text
}

// Unwrap returns the decoder's error.
func (e *Error) Unwrap() error { return e.Err }

// Parse decodes a program. The object has this one program, named after the
// input ("main" for standard input), without a section; functions are left to
// be found by the calls that reach them. b is not kept. An error is an *Error.
func Parse(name string, b []byte, format Format) (*obj.Object, error) {
	if format == Hex || format == Auto && looksLikeHex(b) {
		var err error
		if b, err = decodeHex(name, b); err != nil {
			return nil, err
		}
	}
	insns, err := isa.Decode(b)
	if err != nil {
		return nil, &Error{File: name, Err: err}
	}
	return &obj.Object{Name: name, Programs: []obj.Program{{Name: programName(name), Insns: insns}}}, nil
}

// programName is the name of the input without its directory and extension.
func programName(input string) string {
	base := filepath.Base(input)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	switch base {
	case "", "-", ".", "/", "<stdin>":
		return "main"
	}
	return base
}

// looksLikeHex reports whether b can be read as Hex. It needs at least one digit.
func looksLikeHex(b []byte) bool {
	digits := 0
	for i, c := range b {
		switch {
		case isDigit(c):
			digits++
		case !isBlank(c) && !isPrefix(b, i):
			return false
		}
	}
	return digits > 0
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isDigit(c byte) bool { _, ok := digit(c); return ok }

func digit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10, true
	}
	return 0, false
}

// isPrefix reports whether b[i] is the x of a 0x at the start of a word.
func isPrefix(b []byte, i int) bool {
	return b[i]|0x20 == 'x' && i > 0 && b[i-1] == '0' && (i == 1 || isBlank(b[i-2]))
}

// decodeHex returns the bytes that the digits in b stand for.
func decodeHex(name string, b []byte) ([]byte, error) {
	var digits []byte
	line, start := 1, 0
	fail := func(i int, format string, args ...any) error {
		return &Error{File: name, Line: line, Col: i - start + 1, Text: fmt.Sprintf(format, args...)}
	}
	for i, c := range b {
		d, ok := digit(c)
		switch {
		case ok:
			digits = append(digits, d)
		case isPrefix(b, i):
			digits = digits[:len(digits)-1] // the 0 of 0x
		case !isBlank(c):
			return nil, fail(i, "%q is no hex digit", c)
		case c == '\n':
			line, start = line+1, i+1
		}
	}
	if len(digits)%2 != 0 {
		return nil, fail(len(b), "the number of hex digits is odd: %d", len(digits))
	}
	out := make([]byte, 0, len(digits)/2)
	for i := 0; i < len(digits); i += 2 {
		out = append(out, digits[i]<<4|digits[i+1])
	}
	return out, nil
}
