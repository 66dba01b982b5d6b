package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// Contexts as JSON: an object of the fields that the program type describes, as the program sees them. A field is a
// number, or a string of hex digits, its bytes as they lie in memory; an array is a list of numbers or such a string, of
// which the end may be left out. Fields that are not given are 0. A string in the place of the object is the raw bytes.

// fieldJSON is a field of a context that has a value of its own; its Unit is never 0.
type fieldJSON struct{ abi.Field }

// contextFields are the fields of a context by name, in their order.
func contextFields(c *abi.Context) (list []fieldJSON) {
	for _, f := range c.Named() {
		if f.Unit == 0 {
			f.Unit = f.Size
		}
		list = append(list, fieldJSON{f})
	}
	return list
}

// parseContext reads a context: what --ctx says, or a line of --events.
func parseContext(c *abi.Context, text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, errors.New("it is empty: it is a JSON object of fields, or hex digits")
	}
	if text[0] != '{' {
		return rawContext(c, string(text))
	}
	fields, out := contextFields(c), make([]byte, c.Size)
	end := uint32(0)
	err := eachMember(text, func(name string, value json.RawMessage) error {
		i := slices.IndexFunc(fields, func(f fieldJSON) bool { return f.Name == name })
		if i < 0 {
			return noField(c, fields, name)
		}
		f := &fields[i]
		end = max(end, f.Offset+f.Size)
		if err := f.put(out[f.Offset:f.Offset+f.Size], value); err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		return nil
	})
	return out[:end], err
}

// rawContext reads the bytes of a context in hex.
func rawContext(c *abi.Context, text string) ([]byte, error) {
	b, err := parseHex("a context", strings.Trim(text, `"`))
	if err == nil && uint64(len(b)) > uint64(c.Size) {
		err = fmt.Errorf("struct %s has %d bytes, %d are given", c.Name, c.Size, len(b))
	}
	return b, err
}

// noField says why a field has no value that can be given.
func noField(c *abi.Context, fields []fieldJSON, name string) error {
	for i := range c.Fields {
		switch f := &c.Fields[i]; {
		case f.Name != name:
		case f.Kind == abi.FieldPacketStart || f.Kind == abi.FieldPacketEnd || f.Kind == abi.FieldPacketMeta:
			return fmt.Errorf("field %s: it is a pointer into the packet, which each run sets; --mem gives the packet", name)
		default:
			return fmt.Errorf("field %s: it is a pointer to a struct %s, which the run sets; --env describes what it leads to", name, f.Struct)
		}
	}
	var names []string
	for i := range fields {
		names = append(names, fields[i].Name)
	}
	return fmt.Errorf("struct %s has no field %q that programs of this type see; it has %s", c.Name, name, strings.Join(names, ", "))
}

// put stores a value of JSON.
func (f *fieldJSON) put(to []byte, value json.RawMessage) error {
	switch {
	case f.Unit == f.Size:
		b, err := mapBytes(value, f.Size)
		copy(to, b)
		return err
	case value[0] == '[':
		return f.putList(to, value)
	case value[0] == '"':
		return f.putHex(to, value)
	}
	return fmt.Errorf("it is a list of %d numbers, or a string of hex digits", f.Size/f.Unit)
}

func (f *fieldJSON) putList(to []byte, value json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil {
		return err
	}
	if n := f.Size / f.Unit; uint64(len(list)) > uint64(n) {
		return fmt.Errorf("it has %d numbers, %d are given", n, len(list))
	}
	for i, v := range list {
		b, err := mapBytes(v, f.Unit)
		if err != nil {
			return fmt.Errorf("number %d: %w", i, err)
		}
		copy(to[uint32(i)*f.Unit:], b)
	}
	return nil
}

func (f *fieldJSON) putHex(to []byte, value json.RawMessage) error {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	b, err := parseHex("hex", text)
	if err == nil && len(b) > len(to) {
		err = fmt.Errorf("it has %d bytes, %d are given", len(to), len(b))
	}
	copy(to, b)
	return err
}

// eachMember calls f for each member of a JSON object, in order. A name that comes twice is an error.
func eachMember(text []byte, f func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return jsonError(err)
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return jsonError(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return jsonError(err)
		}
		key := name.(string) // the decoder takes nothing else before a colon
		if seen[key] {
			return fmt.Errorf("%q is given twice", key)
		}
		seen[key] = true
		if err := f(key, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return jsonError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON object")
	}
	return nil
}

// jsonError says what is wrong with JSON.
func jsonError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return fmt.Errorf("it is no JSON: %w", err)
}

// contextJSON is a context as an object that parseContext reads.
func contextJSON(c *abi.Context, b []byte) json.RawMessage {
	var o objectJSON
	fields := contextFields(c)
	for i := range fields {
		f := &fields[i]
		if uint64(f.Offset)+uint64(f.Size) > uint64(len(b)) {
			continue
		}
		o.add(f.Name, f.json(b[f.Offset:f.Offset+f.Size]))
	}
	return o.json()
}

func (f *fieldJSON) json(b []byte) json.RawMessage {
	switch {
	case f.Unit > 8 || f.Unit == 1 && f.Size > 1:
		return hexJSON(b)
	case f.Unit == f.Size:
		return numberJSON(b, f.Signed)
	}
	var l listJSON
	for ; len(b) > 0; b = b[f.Unit:] {
		l.add(numberJSON(b[:f.Unit], f.Signed))
	}
	return l.json()
}

// numberJSON is a little-endian number of at most 8 bytes.
func numberJSON(b []byte, signed bool) json.RawMessage {
	var v uint64
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	if signed {
		shift := 64 - 8*len(b)
		return fmt.Appendf(nil, "%d", int64(v<<shift)>>shift)
	}
	return fmt.Appendf(nil, "%d", v&(math.MaxUint64>>(64-8*len(b))))
}

// objectJSON builds a JSON object whose members keep their order.
type objectJSON struct{ b []byte }

func (o *objectJSON) add(name string, value json.RawMessage) {
	if len(o.b) > 0 {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, textJSON(name)...), ':'), value...)
}

func (o *objectJSON) json() json.RawMessage { return slices.Concat([]byte{'{'}, o.b, []byte{'}'}) }

// listJSON builds a JSON list.
type listJSON struct{ b []byte }

func (l *listJSON) add(value json.RawMessage) {
	if len(l.b) > 0 {
		l.b = append(l.b, ',')
	}
	l.b = append(l.b, value...)
}

func (l *listJSON) json() json.RawMessage { return slices.Concat([]byte{'['}, l.b, []byte{']'}) }

// textJSON is a string as JSON writes it, without escapes for HTML.
func textJSON(text string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string and a buffer: it cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
