package elf

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// coreSolver computes what CO-RE relocations come to for the types of one kernel, as
// bpf_core_calc_relo_insn of libbpf 1.6 does.
type coreSolver struct {
	local  *types
	kernel *Types
	// found are the candidates for each local type, fewer with each relocation that only some of them can satisfy.
	found map[btf.TypeID][]btf.Type
}

// coreFix is the solution of one relocation.
type coreFix struct {
	old, new uint64
	check    bool // old must be in the instruction
	// oldSize and newSize are those of the member that a load or store accesses, in bytes; 0 if unknown.
	oldSize, newSize uint32
	// narrow: the sizes differ, and the types are such that an access of the new size does not mean the same.
	narrow bool
	poison bool // there is no such member: the instruction must not be reached
	bits   uint64
}

// solve computes one relocation.
func (s *coreSolver) solve(c *coreReloc) (coreFix, error) {
	var none coreFix
	local, err := s.local.spec.TypeByID(c.typ)
	if err != nil {
		return none, err
	}
	switch {
	case c.kind >= coreKinds:
		return none, fmt.Errorf("its kind %d is not known", c.kind)
	case local.TypeName() == "":
		return none, errors.New("a type without a name cannot be looked up")
	case !c.kind.field() && !c.kind.enumerator() && c.path != "0":
		return none, fmt.Errorf("%q is no path of a type", c.path)
	}
	candidates, ok := s.found[c.typ]
	if !ok {
		if candidates, err = s.kernel.candidates(local); err != nil {
			return none, err
		}
	}
	fix, fitting, err := s.choose(c, local, candidates)
	if len(fitting) > 0 {
		candidates = fitting
	}
	s.found[c.typ] = candidates
	return fix, err
}

// choose computes the relocation for each candidate. Those that fit must agree.
func (s *coreSolver) choose(c *coreReloc, local btf.Type, candidates []btf.Type) (coreFix, []btf.Type, error) {
	q, err := newQuestion(c, local)
	if err != nil {
		return coreFix{}, nil, err
	}
	var fitting []btf.Type
	var best coreFix
	for _, kernel := range candidates {
		fix, ok, err := q.ask(s.kernel, kernel)
		if err != nil {
			return fix, nil, err
		}
		if !ok {
			continue
		}
		if len(fitting) > 0 && (fix.new != best.new || fix.bits != best.bits || fix.poison != best.poison) {
			return fix, nil, errors.New("the kernel has several types of this name, which do not agree")
		}
		if len(fitting) == 0 {
			best = fix
		}
		fitting = append(fitting, kernel)
	}
	if len(fitting) == 0 {
		best, err = q.absent()
	}
	return best, fitting, err
}

// question is a relocation with what it is about in the object.
type question struct {
	kind  coreKind
	local btf.Type
	path  *corePath     // of a field
	enum  btf.EnumValue // of an enumerator
}

func newQuestion(c *coreReloc, local btf.Type) (*question, error) {
	q := &question{kind: c.kind, local: local}
	var err error
	switch {
	case c.kind.field():
		q.path, err = parsePath(local, c.path)
	case c.kind.enumerator():
		e, ok := btf.As[*btf.Enum](local)
		i, err := strconv.Atoi(c.path)
		if !ok || err != nil || i < 0 || i >= len(e.Values) {
			return nil, fmt.Errorf("the type has no enumerator %q", c.path)
		}
		q.enum = e.Values[i]
	}
	return q, err
}

// ask computes the answer for a type of the kernel; ok is false if it does not fit.
func (q *question) ask(t *Types, kernel btf.Type) (fix coreFix, ok bool, err error) {
	switch {
	case q.kind.field():
		return q.askField(kernel)
	case q.kind.enumerator():
		return q.askEnum(kernel)
	case q.kind == coreTypeMatches:
		return coreFix{old: 1, new: 1, check: true}, typesMatch(q.local, kernel, false, 0), nil
	}
	if btf.CheckTypeCompatibility(q.local, kernel) != nil {
		return fix, false, nil
	}
	fix = coreFix{old: 1, new: 1, check: true}
	switch q.kind {
	case coreKernelType:
		id, err := t.spec.TypeID(kernel)
		return coreFix{new: uint64(id)}, true, err
	case coreTypeSize:
		a, errA := btf.Sizeof(q.local)
		b, errB := btf.Sizeof(kernel)
		return coreFix{old: uint64(a), new: uint64(b), check: true}, true, errors.Join(errA, errB)
	}
	return fix, true, nil
}

// absent is the answer if no type of the kernel fits.
func (q *question) absent() (coreFix, error) {
	switch q.kind {
	case coreExists, coreEnumExists, coreTypeExists, coreTypeMatches:
		return coreFix{old: 1, check: true}, nil
	case coreKernelType:
		return coreFix{}, nil
	case coreTypeSize:
		n, err := btf.Sizeof(q.local)
		return coreFix{old: uint64(n), check: true}, err
	}
	return coreFix{poison: true}, nil
}

func (q *question) askEnum(kernel btf.Type) (coreFix, bool, error) {
	e, ok := btf.As[*btf.Enum](kernel)
	if !ok {
		return coreFix{}, false, nil
	}
	name := essential(q.enum.Name)
	for _, v := range e.Values {
		if essential(v.Name) != name {
			continue
		}
		if q.kind == coreEnumExists {
			return coreFix{old: 1, new: 1, check: true}, true, nil
		}
		return coreFix{old: q.enum.Value, new: v.Value, check: true}, true, nil
	}
	return coreFix{}, false, nil
}

func (q *question) askField(kernel btf.Type) (coreFix, bool, error) {
	way, err := q.path.follow(kernel)
	if way == nil || err != nil {
		return coreFix{}, false, err
	}
	old, err := q.path.measure(q.kind)
	if err != nil {
		return coreFix{}, false, err
	}
	now, err := way.measure(q.kind)
	if err != nil {
		return coreFix{}, false, err
	}
	fix := coreFix{old: old.value, new: now.value, check: old.check, oldSize: old.size, newSize: now.size, bits: way.bits}
	fix.narrow = old.size != now.size && !resizable(old.typ, now.typ)
	return fix, true, nil
}

// resizable reports whether a load of the one type may become one of the other's size: pointers, which are
// longer in BPF than in a kernel of 32 bits, and numbers without sign.
func resizable(a, b btf.Type) bool {
	x, ok1 := btf.UnderlyingType(a).(*btf.Int)
	y, ok2 := btf.UnderlyingType(b).(*btf.Int)
	if ok1 && ok2 {
		return x.Encoding != btf.Signed && y.Encoding != btf.Signed
	}
	_, ok1 = btf.UnderlyingType(a).(*btf.Pointer)
	_, ok2 = btf.UnderlyingType(b).(*btf.Pointer)
	return ok1 && ok2
}

// measurement is one aspect of a member.
type measurement struct {
	value uint64
	check bool     // the compiler has certainly come to the same value
	size  uint32   // of what a load accesses, 0 if that is not known
	typ   btf.Type // of that
}

// measure computes one aspect of the member that p leads to (bpf_core_calc_field_relo, libbpf 1.6).
func (p *corePath) measure(kind coreKind) (measurement, error) {
	if kind == coreExists {
		return measurement{value: 1, check: true}, nil
	}
	end := p.steps[len(p.steps)-1]
	size, err := btf.Sizeof(end.typ)
	if err != nil || size < 0 || size > maxField {
		return measurement{}, errors.Join(errors.New("its size is not known"), err)
	}
	m := measurement{check: true, typ: end.typ}
	at, bytes, width := p.bits/8, uint64(size), uint64(size)*8
	if n := uint64(end.member.BitfieldSize); end.name != "" && n > 0 {
		if at, bytes, err = p.container(bytes, n); err != nil {
			return m, err
		}
		m.check, width = false, n
	} else if m.size, m.typ, err = element(end.typ); err != nil {
		return m, err
	}
	switch {
	case kind == coreOffset:
		m.value = at
		return m, nil
	case kind == coreSize:
		m.value = bytes
	case end.name == "":
		return m, errors.New("an element of an array has neither sign nor bits")
	case kind == coreSigned:
		m.value, m.check = signOf(end.typ), true
	case kind == coreShiftLeft:
		m.value, m.check = 64-(p.bits+width-at*8), false
	case kind == coreShiftRight:
		m.value, m.check = 64-width, true
	}
	m.size = 0
	return m, nil
}

// element is what a load of a member of type t loads: t, or an element if it is an array.
func element(t btf.Type) (uint32, btf.Type, error) {
	for range maxPath {
		a, ok := btf.As[*btf.Array](t)
		if !ok {
			break
		}
		t = a.Type
	}
	n, err := btf.Sizeof(t)
	return uint32(n), t, err
}

// container is the place of the smallest number that holds a bit field of n bits: its
// offset and its size in bytes, from the size of its declared type up.
func (p *corePath) container(size, n uint64) (at, bytes uint64, err error) {
	if size == 0 {
		return 0, 0, errors.New("its type has no size")
	}
	at = p.bits / 8 / size * size
	for p.bits+n > (at+size)*8 {
		if size >= 8 {
			return 0, 0, errors.New("the bits are not within 8 bytes")
		}
		size *= 2
		at = p.bits / 8 / size * size
	}
	return at, size, nil
}

// signOf is 1 for a number with a sign.
func signOf(t btf.Type) uint64 {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Enum:
		if t.Signed {
			return 1
		}
	case *btf.Int:
		if t.Encoding == btf.Signed {
			return 1
		}
	}
	return 0
}
