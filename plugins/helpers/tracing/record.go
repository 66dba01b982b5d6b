package tracing

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/bpfc/bpfc/core/abi"
)

// Record is the context of one tracepoint, from a kernel's types: the structure
// trace_event_raw_EVENT, with the accesses that Format allows. Tracepoints of one
// class share a structure, which is named after the class. Bit fields have no name
// of their own in the result. spec is only read.
func Record(spec *btf.Spec, event string) (abi.Context, error) {
	name := RecordPrefix + event
	var s *btf.Struct
	if err := spec.TypeByName(name, &s); errors.Is(err, btf.ErrNotFound) {
		return abi.Context{}, fmt.Errorf("the types have no struct %s: if the tracepoint shares its record with others, name the class too", name)
	} else if err != nil {
		return abi.Context{}, fmt.Errorf("struct %s: %w", name, err)
	}
	var fields []abi.Field
	for _, m := range s.Members {
		f, ok, err := memberField(m)
		if err != nil {
			return abi.Context{}, fmt.Errorf("struct %s: %w", name, err)
		}
		if ok {
			fields = append(fields, f)
		}
	}
	return recordOf(event, fields), nil
}

// memberField is a member of a record as a field, if it is one that programs can name.
func memberField(m btf.Member) (f abi.Field, ok bool, err error) {
	size, err := btf.Sizeof(m.Type)
	if err != nil {
		return f, false, fmt.Errorf("member %s: %w", m.Name, err)
	}
	offset := m.Offset.Bytes()
	if m.BitfieldSize > 0 || m.Name == "" || offset < word || size == 0 {
		return f, false, nil
	}
	if size > maxRecord || offset > maxRecord-uint32(size) {
		return f, false, fmt.Errorf("member %s is %d bytes at %d; records have at most %d", m.Name, size, offset, maxRecord)
	}
	count := uint32(0)
	if a, isArray := btf.As[*btf.Array](m.Type); isArray {
		count = a.Nelems
	}
	f = recordField(m.Name, offset, uint32(size), count)
	f.Signed = signed(m.Type)
	return f, true, nil
}

// signed reports whether a type is a number with a sign, or an array of them.
func signed(t btf.Type) bool {
	for {
		switch u := btf.UnderlyingType(t).(type) {
		case *btf.Array:
			t = u.Type
		case *btf.Int:
			return u.Encoding == btf.Signed
		default:
			return false
		}
	}
}
