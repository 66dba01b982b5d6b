package elf

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// Limits of a path to a member (BPF_CORE_SPEC_MAX_LEN, libbpf 1.6) and of the bytes it may lead over.
const (
	maxPath  = 64
	maxField = math.MaxInt32
)

// corePath is the way from a type to one of its members.
type corePath struct {
	steps []coreStep
	bits  uint64 // from the beginning of the type
}

// coreStep leads to a named member or, without a name, to an element of an array
// or of the memory that the type begins.
type coreStep struct {
	name   string
	member btf.Member // of a named step
	index  uint64
	typ    btf.Type // what the step leads to
	last   bool     // it is the last member of its structure
}

// move goes n elements of type t on.
func (p *corePath) move(t btf.Type, n uint64) error {
	size, err := btf.Sizeof(t)
	if err != nil {
		return err
	}
	if size < 0 || n > maxField || uint64(size) > maxField || n*uint64(size) > maxField {
		return fmt.Errorf("element %d of %d bytes is too far away", n, size)
	}
	p.bits += n * uint64(size) * 8
	return nil
}

// flexible reports whether an array of length n that the last step has led to is one without end: the last of its structure.
func (p *corePath) flexible(n uint32) bool {
	end := p.steps[len(p.steps)-1]
	return n == 0 && end.name != "" && end.last
}

// parsePath follows the indexes of text down from t, a type of the object.
func parsePath(t btf.Type, text string) (*corePath, error) {
	p := &corePath{}
	indexes := strings.Split(text, ":")
	if len(indexes) > maxPath {
		return nil, errors.New("the path is too long")
	}
	for i, digits := range indexes {
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%q is no path", text)
		}
		if i == 0 {
			p.steps = append(p.steps, coreStep{index: n, typ: t})
			err = p.move(t, n)
		} else {
			t, err = p.descend(t, n)
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// descend takes one step from a type to a member or element.
func (p *corePath) descend(t btf.Type, n uint64) (btf.Type, error) {
	if a, ok := btf.As[*btf.Array](t); ok {
		if n >= uint64(a.Nelems) && !p.flexible(a.Nelems) {
			return nil, fmt.Errorf("the array has no element %d", n)
		}
		p.steps = append(p.steps, coreStep{index: n, typ: a.Type})
		return a.Type, p.move(a.Type, n)
	}
	members, ok := membersOf(t)
	if !ok || n >= uint64(len(members)) {
		return nil, fmt.Errorf("the type has no member %d", n)
	}
	m := members[n]
	p.bits += uint64(m.Offset)
	if m.Name != "" {
		p.steps = append(p.steps, coreStep{name: m.Name, member: m, typ: m.Type, last: n == uint64(len(members)-1)})
	}
	return m.Type, nil
}

func membersOf(t btf.Type) ([]btf.Member, bool) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return t.Members, true
	case *btf.Union:
		return t.Members, true
	}
	return nil, false
}

// follow goes the way of p, which is of the object, from t, a type of the kernel. It is nil if t has no such member
// (bpf_core_spec_match, libbpf 1.6).
func (p *corePath) follow(t btf.Type) (*corePath, error) {
	way := &corePath{}
	for i, step := range p.steps {
		if step.name != "" {
			found, ok := way.find(t, step, 0)
			if !ok {
				return nil, nil
			}
			t = found
			continue
		}
		if i > 0 {
			a, ok := btf.As[*btf.Array](t)
			if !ok || step.index >= uint64(a.Nelems) && !way.flexible(a.Nelems) {
				return nil, nil
			}
			t = a.Type
		}
		way.steps = append(way.steps, coreStep{index: step.index, typ: t})
		if err := way.move(t, step.index); err != nil {
			return nil, err
		}
	}
	return way, nil
}

// find takes a named step, through unnamed members if need be, and returns the type of the member.
func (p *corePath) find(t btf.Type, local coreStep, depth int) (btf.Type, bool) {
	members, ok := membersOf(t)
	if !ok || depth > maxPath {
		return nil, false
	}
	for i, m := range members {
		before := p.bits
		p.bits += uint64(m.Offset)
		switch {
		case m.Name == "":
			if found, ok := p.find(m.Type, local, depth+1); ok {
				return found, true
			}
		case m.Name == local.name && !fieldsFit(local.typ, m.Type):
			p.bits = before
			return nil, false
		case m.Name == local.name:
			p.steps = append(p.steps, coreStep{name: m.Name, member: m, typ: m.Type, last: i == len(members)-1})
			return m.Type, true
		}
		p.bits = before
	}
	return nil, false
}

// fieldsFit reports whether a member of the kernel can stand for one of the
// object (bpf_core_fields_are_compat, libbpf 1.6).
func fieldsFit(local, kernel btf.Type) bool {
	for range maxPath {
		local, kernel = btf.UnderlyingType(local), btf.UnderlyingType(kernel)
		_, one := membersOf(local)
		if _, other := membersOf(kernel); one && other {
			return true
		}
		if !sameKind(local, kernel) {
			return false
		}
		switch l := local.(type) {
		case *btf.Pointer, *btf.Float, *btf.Int:
			return true
		case *btf.Fwd, *btf.Enum:
			a, b := essential(local.TypeName()), essential(kernel.TypeName())
			return a == "" || b == "" || a == b
		case *btf.Array:
			local, kernel = l.Type, kernel.(*btf.Array).Type
			continue
		}
		return false
	}
	return false
}

// sameKind reports whether two types are of one kind.
func sameKind(a, b btf.Type) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }
