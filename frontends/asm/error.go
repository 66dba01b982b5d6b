package asm

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a source and where.
type Error struct {
	File      string
	Line, Col int    // 1-based; 0 if the error has no place
	Source    string // the line, without its end
	Text      string // what is wrong and what is expected
	// Unsupported is true for what is legal elsewhere but not handled here.
	Unsupported bool
	Err         error // the cause, if another package found it
}

// shown bounds how much of a line an error shows.
const shown = 120

// Error returns file, place and cause, then the line with a caret under the column.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	text, col := e.Source, min(max(e.Col-1, 0), len(e.Source))
	if col > shown/2 {
		text, col = text[col-shown/2:], shown/2
	}
	return fmt.Sprintf("%s:%d:%d: %s\n    %s\n    %s^", e.File, e.Line, e.Col, e.Text, clip(text, shown), strings.Repeat(" ", col))
}

// clip cuts a text for a message and replaces what is not printable.
func clip(s string, n int) string {
	out := []byte(s[:min(n, len(s))])
	for i, c := range out {
		if c == '\t' {
			out[i] = ' '
		} else if c < ' ' || c > '~' {
			out[i] = '?'
		}
	}
	if len(s) > n {
		return string(out) + "..."
	}
	return string(out)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fault is an error within a line; the parser adds file and line.
type fault struct {
	col         int // 0-based
	text        string
	unsupported bool
	err         error
}

// wrong makes a fault at a column.
func wrong(col int, format string, args ...any) *fault {
	for i, a := range args {
		if s, ok := a.(string); ok { // from the source, most often
			args[i] = clip(s, 200)
		}
	}
	return &fault{col: col, text: fmt.Sprintf(format, args...)}
}

// refused makes a fault for what is legal elsewhere but not handled here.
func refused(col int, format string, args ...any) *fault {
	f := wrong(col, format, args...)
	f.unsupported = true
	return f
}
