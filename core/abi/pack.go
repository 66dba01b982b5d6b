package abi

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Named returns the fields that have a value of their own, by name and in their order: pointers, which only a run can
// set, are none. Of several fields of one name it is the largest, then the one of the smallest unit.
func (c *Context) Named() (list []Field) {
	for _, f := range c.Fields {
		i := slices.IndexFunc(list, func(g Field) bool { return g.Name == f.Name })
		switch {
		case f.Kind != FieldScalar || f.Name == "":
		case i < 0:
			list = append(list, f)
		case list[i].Size < f.Size || list[i].Size == f.Size && list[i].unit() < f.unit():
			list[i] = f
		}
	}
	return list
}

// Pack makes the bytes of the structure, as programs see it, of values by the names of fields: integers of any type that
// fit, byte slices and arrays for a field's bytes as they lie in memory, slices and arrays of integers for its units. The
// end of such a list may be left out. What is not named is 0.
func (c *Context) Pack(fields map[string]any) ([]byte, error) {
	named, out := c.Named(), make([]byte, c.Size)
	if err := c.checkNames(named, fields); err != nil {
		return nil, err
	}
	for i := range named {
		f := &named[i]
		v, ok := fields[f.Name]
		if !ok {
			continue
		}
		if err := f.pack(out[f.Offset:][:f.Size], reflect.ValueOf(v)); err != nil {
			return nil, fmt.Errorf("field %s of struct %s: %w", f.Name, c.Name, err)
		}
	}
	return out, nil
}

// checkNames refuses, in the order of the alphabet, the first name that no field has.
func (c *Context) checkNames(named []Field, fields map[string]any) error {
	unknown := ""
	for name := range fields {
		has := slices.ContainsFunc(named, func(f Field) bool { return f.Name == name })
		if !has && (unknown == "" || name < unknown) {
			unknown = name
		}
	}
	if unknown == "" {
		return nil
	}
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Name == unknown {
			return fmt.Errorf("field %s of struct %s is a pointer, which each run sets", unknown, c.Name)
		}
	}
	var names []string
	for i := range named {
		names = append(names, named[i].Name)
	}
	return fmt.Errorf("struct %s has no field %q that programs of this type see; it has %s", c.Name, unknown, strings.Join(names, ", "))
}

// pack stores a value.
func (f *Field) pack(to []byte, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		return f.packList(to, v)
	}
	if f.unit() != f.Size {
		return fmt.Errorf("a %v is no list of %d numbers, nor their bytes", typeOf(v), f.Size/f.unit())
	}
	return packInt(to, v)
}

func (f *Field) packList(to []byte, v reflect.Value) error {
	unit := int(f.unit())
	if v.Type().Elem().Kind() == reflect.Uint8 {
		unit = 1
	} else if f.unit() == f.Size {
		return fmt.Errorf("a %v is no number", v.Type())
	}
	if v.Len()*unit > len(to) {
		return fmt.Errorf("a list of %d elements of %d bytes is given, the field has %d bytes", v.Len(), unit, len(to))
	}
	for i := range v.Len() {
		if err := packInt(to[i*unit:][:unit], v.Index(i)); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// packInt stores an integer that fits, with or without a sign, in at most 8 bytes.
func packInt(to []byte, v reflect.Value) error {
	bits := 8 * len(to)
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	var x uint64
	switch {
	case bits > 64:
		return fmt.Errorf("it has %d bytes: a number cannot fill them", len(to))
	case v.IsValid() && v.CanUint():
		if x = v.Uint(); x > math.MaxUint64>>(64-bits) {
			return fmt.Errorf("%d does not fit %d bytes", x, len(to))
		}
	case v.IsValid() && v.CanInt():
		n := v.Int()
		if least := int64(math.MinInt64) >> (64 - bits); n < least || n > 0 && uint64(n) > math.MaxUint64>>(64-bits) {
			return fmt.Errorf("%d does not fit %d bytes", n, len(to))
		}
		x = uint64(n)
	default:
		return fmt.Errorf("a %v is no integer", typeOf(v))
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	copy(to, b[:])
	return nil
}

func typeOf(v reflect.Value) any {
	if !v.IsValid() {
		return "nil"
	}
	return v.Type()
}

// Unpack is the reverse of Pack: by name the fields that lie inside b. A number is a uint64, or an int64 if C programs
// declare it with a sign; a list of bytes, or of what is larger than a number, is a []byte, another list a []uint64.
func (c *Context) Unpack(b []byte) map[string]any {
	out := map[string]any{}
	for _, f := range c.Named() {
		if uint64(f.Offset)+uint64(f.Size) <= uint64(len(b)) {
			out[f.Name] = f.unpack(b[f.Offset:][:f.Size])
		}
	}
	return out
}

func (f *Field) unpack(b []byte) any {
	unit := f.unit()
	switch {
	case unit > 8 || unit == 1 && f.Size > 1:
		return slices.Clone(b)
	case unit != f.Size:
		var list []uint64
		for ; len(b) > 0; b = b[unit:] {
			list = append(list, number(b[:unit]))
		}
		return list
	case f.Signed:
		shift := 64 - 8*unit
		return int64(number(b)<<shift) >> shift
	}
	return number(b)
}

// number is a little-endian number of at most 8 bytes.
func number(b []byte) (v uint64) {
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	return v
}
