package sdk

import (
	"encoding"
	"encoding/binary"
	"fmt"
)

// bytesOf is a value of size bytes as programs have it: see Map.
func bytesOf(v any, size int) (b []byte, err error) {
	switch v := v.(type) {
	case []byte:
		b = v
	case encoding.BinaryMarshaler:
		b, err = v.MarshalBinary()
	default:
		if b, err = binary.Append(nil, binary.LittleEndian, v); err != nil {
			err = fmt.Errorf("a %T has no fixed size: an int32 or uint32 has one, an int has none", v)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(b) != size {
		return nil, fmt.Errorf("a %T of %d bytes is given, it has %d", v, len(b), size)
	}
	return b, nil
}

// into is the reverse of bytesOf: to is a pointer.
func into(b []byte, to any) error {
	switch to := to.(type) {
	case *[]byte:
		*to = append([]byte(nil), b...)
		return nil
	case encoding.BinaryUnmarshaler:
		return to.UnmarshalBinary(b)
	}
	if n, err := binary.Decode(b, binary.LittleEndian, to); err != nil || n != len(b) {
		return fmt.Errorf("its %d bytes do not fit a %T", len(b), to)
	}
	return nil
}
