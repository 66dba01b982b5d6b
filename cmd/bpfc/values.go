package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/bpfc/bpfc/core/obj"
)

// Values as JSON, by their types: numbers, true and false, names of enumerations, text for arrays of char, lists, and
// objects of members. Bytes of no known form are a string of hex digits, which may stand for any other value too, but
// for text. What a list or an object leaves out is 0.

// valueJSON is a value as parseValue reads it.
func valueJSON(t *obj.Type, b []byte) json.RawMessage {
	if t == nil || uint64(t.Size) != uint64(len(b)) {
		return hexJSON(b)
	}
	switch t.Kind {
	case obj.TypeUnsigned, obj.TypeSigned:
		return numberJSON(b, t.Kind == obj.TypeSigned)
	case obj.TypeBool, obj.TypeEnum, obj.TypeSignedEnum:
		return nameJSON(t, b)
	case obj.TypeText:
		return charsJSON(b)
	case obj.TypeArray:
		var l listJSON
		for n := t.Elem.Size; len(b) > 0; b = b[n:] {
			l.add(valueJSON(t.Elem, b[:n]))
		}
		return l.json()
	case obj.TypeStruct:
		var o objectJSON
		for i := range t.Members {
			m := &t.Members[i]
			o.add(m.Name, valueJSON(m.Type, memberBytes(m, b)))
		}
		return o.json()
	}
	return hexJSON(b)
}

// nameJSON is the name of a value that has one, else a number.
func nameJSON(t *obj.Type, b []byte) json.RawMessage {
	v := word(b)
	if t.Kind == obj.TypeBool && v < 2 {
		return fmt.Appendf(nil, "%t", v == 1)
	}
	for _, n := range t.Names {
		if (n.Value^v)<<(64-8*len(b)) == 0 {
			return textJSON(n.Name)
		}
	}
	return numberJSON(b, t.Kind == obj.TypeSignedEnum)
}

// charsJSON is text if it is text up to zeros at its end, else the list of the bytes.
func charsJSON(b []byte) json.RawMessage {
	text := bytes.TrimRight(b, "\x00")
	printable := utf8.Valid(text)
	for _, r := range string(text) {
		printable = printable && (unicode.IsPrint(r) || unicode.IsSpace(r))
	}
	if printable {
		return textJSON(string(text))
	}
	var l listJSON
	for _, c := range b {
		l.add(fmt.Appendf(nil, "%d", c))
	}
	return l.json()
}

// word is a little-endian number of up to 8 bytes.
func word(b []byte) uint64 {
	var whole [8]byte
	copy(whole[:], b)
	return binary.LittleEndian.Uint64(whole[:])
}

// memberBytes are the bytes of a member in those of its structure; a bit field is widened to its type.
func memberBytes(m *obj.Member, b []byte) []byte {
	if m.Bits == 0 {
		return b[m.Offset/8:][:m.Type.Size]
	}
	var v uint64
	for i := range m.Bits {
		at := m.Offset + i
		v |= uint64(b[at/8]>>(at%8)&1) << i
	}
	if shift := 64 - m.Bits; m.Type.Kind == obj.TypeSigned || m.Type.Kind == obj.TypeSignedEnum {
		v = uint64(int64(v<<shift) >> shift)
	}
	return binary.LittleEndian.AppendUint64(nil, v)[:m.Type.Size]
}

// parseValue reads a value of a type, which is not known if it is nil, into b, which is zero.
func parseValue(t *obj.Type, raw json.RawMessage, b []byte) error {
	if t == nil || uint64(t.Size) != uint64(len(b)) {
		return parseBytes(raw, b)
	}
	switch first := raw[0]; {
	case t.Kind == obj.TypeText && first == '"':
		return parseText(raw, b)
	case t.Kind == obj.TypeBool && (first == 't' || first == 'f'):
		b[0] = map[byte]byte{'t': 1}[first]
		return nil
	case len(t.Names) > 0 && first == '"':
		return parseName(t, raw, b)
	case t.Kind == obj.TypeArray && first == '[':
		return parseList(t, raw, b)
	case t.Kind == obj.TypeStruct && first == '{':
		return parseStruct(t, raw, b)
	}
	return parseBytes(raw, b)
}

// parseBytes reads what every value may be.
func parseBytes(raw json.RawMessage, b []byte) error {
	if raw[0] == '{' {
		return errors.New("an object is the value of a structure; this is a number, hex digits or a list of bytes")
	}
	v, err := mapBytes(raw, uint32(len(b)))
	copy(b, v)
	return err
}

// parseText reads an array of char; what is behind the text is 0.
func parseText(raw json.RawMessage, b []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	if len(text) > len(b) {
		return fmt.Errorf("%q has %d bytes, there is room for %d", shorten(text), len(text), len(b))
	}
	copy(b, text)
	return nil
}

// parseName reads the name of a value, or hex digits.
func parseName(t *obj.Type, raw json.RawMessage, b []byte) error {
	var name string
	if err := json.Unmarshal(raw, &name); err != nil {
		return err
	}
	for _, n := range t.Names {
		if n.Name == name {
			copy(b, binary.LittleEndian.AppendUint64(nil, n.Value))
			return nil
		}
	}
	if err := parseBytes(raw, b); err != nil {
		return fmt.Errorf("%q is no name of a value, and no hex digits for %d bytes", shorten(name), len(b))
	}
	return nil
}

func parseList(t *obj.Type, raw json.RawMessage, b []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	if uint64(len(list)) > uint64(t.Count) {
		return fmt.Errorf("it has %d elements, %d are given", t.Count, len(list))
	}
	for i, v := range list {
		if err := parseValue(t.Elem, v, b[uint32(i)*t.Elem.Size:][:t.Elem.Size]); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

func parseStruct(t *obj.Type, raw json.RawMessage, b []byte) error {
	return eachMember(raw, func(name string, value json.RawMessage) error {
		for i := range t.Members {
			if m := &t.Members[i]; m.Name == name {
				if err := putMember(m, value, b); err != nil {
					return fmt.Errorf("member %s: %w", name, err)
				}
				return nil
			}
		}
		return fmt.Errorf("the structure has no member %q", name)
	})
}

// putMember stores a member in its structure.
func putMember(m *obj.Member, value json.RawMessage, b []byte) error {
	if m.Bits == 0 {
		return parseValue(m.Type, value, b[m.Offset/8:][:m.Type.Size])
	}
	wide := make([]byte, m.Type.Size)
	if err := parseValue(m.Type, value, wide); err != nil {
		return err
	}
	for i := range m.Bits {
		at := m.Offset + i
		b[at/8] |= byte(word(wide)>>i&1) << (at % 8)
	}
	if !bytes.Equal(memberBytes(m, b), wide) {
		return fmt.Errorf("%s does not fit into %d bits", value, m.Bits)
	}
	return nil
}
