// Package env describes the surroundings of programs that run outside a kernel: time, tasks, memory, stacks. They are
// given as JSON, one value for each part; what is not given has a fixed default, so that runs can be repeated. Which
// parts exist is up to the sets that read them; here are those of the built-in sets that several rooms have to know.
package env

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Part reads the part called name into a value, strictly: what the value has no field for is an error. raw is nil if
// the part is not given; then, and for fields that are not given, the value stays as it is.
func Part(raw []byte, name string, into any) error {
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("environment: part %q: %w", name, plain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("environment: part %q: there is more than one value", name)
	}
	return nil
}

// plain says what is wrong with JSON in words that do not name Go's types.
func plain(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s must be something else than %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("it must be something else than %s", kind.Value)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// Word is a number of 64 bits, in JSON a number or a string such as "0xffff888000001000".
type Word uint64

// UnmarshalJSON reads a number or a string.
func (w *Word) UnmarshalJSON(b []byte) error {
	s := string(b)
	if t, err := strconv.Unquote(s); err == nil {
		s = t
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return fmt.Errorf("%s is no number from 0 to 2^64-1 and no string with one", b)
	}
	*w = Word(n)
	return nil
}

// Bytes is bytes, in JSON a string of hexadecimal digits; blanks between them do not count.
type Bytes []byte

// UnmarshalJSON reads a string of hexadecimal digits.
func (h *Bytes) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is no string of hexadecimal digits", b)
	}
	out, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return fmt.Errorf("%q is no string of hexadecimal digits, two for each byte", s)
	}
	*h = out
	return nil
}
