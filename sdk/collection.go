package sdk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Collection is programs of one object, loaded together: they share its maps and data sections. It is safe for
// concurrent use; Close ends it.
type Collection struct {
	object   *Object
	programs []*Program
	session  Session
}

// LoadCollection compiles the programs of an object that opts.Programs names, or all that are not off by default, and
// loads them into a session of their own. The back end must be a Runner; see Load.
func LoadCollection(ctx context.Context, o *Object, b Backend, opts Options) (*Collection, error) {
	a, err := Compile(ctx, o, b, opts)
	if err != nil {
		return nil, err
	}
	r, ok := b.(Runner)
	if !ok {
		return nil, &UnsupportedError{What: "running programs with back end " + b.Target().Name, Msg: "it only compiles"}
	}
	spec, err := opts.spec()
	if err != nil {
		return nil, err
	}
	session, err := r.Open(ctx, spec)
	if err != nil {
		return nil, err
	}
	programs, err := LoadInto(ctx, session, a)
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	for _, p := range programs {
		p.cpus = spec.CPUs
	}
	return &Collection{object: o, programs: programs, session: session}, nil
}

// Close ends running programs and frees everything.
func (c *Collection) Close() error { return c.session.Close() }

// Programs lists the programs, in the order of the object.
func (c *Collection) Programs() []*Program { return slices.Clone(c.programs) }

// Program returns the program called name, or an error that lists those there are.
func (c *Collection) Program(name string) (*Program, error) {
	var names []string
	for _, p := range c.programs {
		if p.info.Name == name {
			return p, nil
		}
		names = append(names, p.info.Name)
	}
	return nil, fmt.Errorf("%s: no program %q is loaded; there are %q", c.object.Name, name, names)
}

// Map returns the map, or the data section as an array of one element, called name.
func (c *Collection) Map(name string) (*Map, error) {
	p := c.programs[0]
	list, err := p.session.Maps(context.Background(), []MapOp{{Kind: MapList, Prog: p.id}})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list[0].Entries {
		if e.Map.Name == name {
			m := &Map{spec: e.Map, program: p}
			if len(e.Value) == 4 {
				m.id = binary.LittleEndian.Uint32(e.Value)
			}
			return m, nil
		}
		names = append(names, e.Map.Name)
	}
	return nil, fmt.Errorf("%s: no map %q; there are %q", c.object.Name, name, names)
}

// Variable returns the global variable called name.
func (c *Collection) Variable(name string) (*Variable, error) {
	for i := range c.object.Data {
		d := &c.object.Data[i]
		for _, s := range d.Symbols {
			if s.Name != name {
				continue
			}
			m, err := c.Map(d.Name)
			if err != nil {
				return nil, err
			}
			return &Variable{section: m, name: name, offset: int(s.Offset), size: int(s.Size)}, nil
		}
	}
	return nil, fmt.Errorf("%s: no variable %q", c.object.Name, name)
}

// SetVariable changes a global variable of an object before it is compiled: the only way for constants (.rodata),
// whose values the verifier relies on. v is a fixed-size value as encoding/binary has it, of the variable's size.
func SetVariable(o *Object, name string, v any) error {
	for i := range o.Data {
		for _, s := range o.Data[i].Symbols {
			if s.Name != name {
				continue
			}
			b, err := bytesOf(v, int(s.Size))
			if err != nil {
				return fmt.Errorf("%s: variable %s: %w", o.Name, name, err)
			}
			data := slices.Clone(o.Data[i].Bytes)
			copy(data[s.Offset:], b)
			o.Data[i].Bytes = data
			return nil
		}
	}
	return fmt.Errorf("%s: no variable %q", o.Name, name)
}

// bytesOf is a fixed-size value as programs have it, little-endian; byte slices are taken as they are.
func bytesOf(v any, size int) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = binary.Append(nil, binary.LittleEndian, v); err != nil {
			return nil, err
		}
	}
	if len(b) != size {
		return nil, fmt.Errorf("a %T has %d bytes, it needs %d", v, len(b), size)
	}
	return b, nil
}

// into is the reverse of bytesOf.
func into(b []byte, v any) error {
	if n, err := binary.Decode(b, binary.LittleEndian, v); err != nil || n != len(b) {
		return fmt.Errorf("%d bytes do not fit a %T", len(b), v)
	}
	return nil
}

// Variable is a global variable of a Collection.
type Variable struct {
	section      *Map
	name         string
	offset, size int
}

// Get reads the variable into v, a pointer to a fixed-size value of its size.
func (v *Variable) Get(to any) error {
	b, err := v.section.Get(make([]byte, 4))
	if err != nil {
		return err
	}
	if err := into(b[v.offset:][:v.size], to); err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	return nil
}

// Set changes the variable; constants cannot be changed any more. It is not atomic towards running programs.
func (v *Variable) Set(value any) error {
	b, err := bytesOf(value, v.size)
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	all, err := v.section.Get(make([]byte, 4))
	if err != nil {
		return err
	}
	copy(all[v.offset:], b)
	return v.section.Put(make([]byte, 4), all, 0)
}

// ErrNotExist, ErrExist and ErrFull are what errors.Is finds in a *MapError of ENOENT, EEXIST and E2BIG.
var (
	ErrNotExist = errors.New("the map has no such key")
	ErrExist    = errors.New("the map has the key already")
	ErrFull     = errors.New("the map is full, or the key is too large")
)

// MapError is why an operation on a map failed.
type MapError struct {
	Map, Op string
	Errno   string // the kernel's name, "ENOENT"
}

// Error names map, operation and error.
func (e *MapError) Error() string { return fmt.Sprintf("map %s: %s: %s", e.Map, e.Op, e.Errno) }

// Is makes errors.Is find the sentinel of the error.
func (e *MapError) Is(target error) bool {
	return target != nil && target == map[string]error{"ENOENT": ErrNotExist, "EEXIST": ErrExist, "E2BIG": ErrFull}[e.Errno]
}

// Map is a map of a Collection, or a data section as an array of one element. It is safe for concurrent use.
type Map struct {
	spec    MapSpec
	id      uint32
	program *Program
}

// Spec describes the map.
func (m *Map) Spec() MapSpec { return m.spec }

// ID is the number by which maps of maps name it; 0 for data sections.
func (m *Map) ID() uint32 { return m.id }

// do performs one operation.
func (m *Map) do(op string, o MapOp) ([]MapEntry, error) {
	o.Map = m.spec.Name
	res, err := m.program.Maps(context.Background(), o)
	if err != nil {
		return nil, err
	}
	if res[0].Err != "" {
		return nil, &MapError{Map: m.spec.Name, Op: op, Errno: res[0].Err}
	}
	return res[0].Entries, nil
}

// one is do for what has one result.
func (m *Map) one(op string, o MapOp) ([]byte, error) {
	entries, err := m.do(op, o)
	if err != nil {
		return nil, err
	}
	return entries[0].Value, nil
}

// Get returns the value at key: of a per-CPU map the values of all CPUs, each at a multiple of 8 bytes; of a map of
// maps or programs their number, 4 bytes.
func (m *Map) Get(key []byte) ([]byte, error) { return m.one("get", MapOp{Kind: MapGet, Key: key}) }

// Put sets the value at key. Flags are the kernel's: 0 any, 1 only if it is new, 2 only if it exists.
func (m *Map) Put(key, value []byte, flags uint64) error {
	_, err := m.do("put", MapOp{Kind: MapPut, Key: key, Value: value, Flags: flags})
	return err
}

// Delete takes an element away.
func (m *Map) Delete(key []byte) error {
	_, err := m.do("delete", MapOp{Kind: MapDelete, Key: key})
	return err
}

// Take returns the value at key and takes the element away.
func (m *Map) Take(key []byte) ([]byte, error) { return m.one("take", MapOp{Kind: MapTake, Key: key}) }

// Push adds a value to a map without keys: queue, stack, bloom filter. Flag 2 makes room by dropping the oldest.
func (m *Map) Push(value []byte, flags uint64) error {
	_, err := m.do("push", MapOp{Kind: MapPush, Value: value, Flags: flags})
	return err
}

// Pop takes the first value of a queue or stack.
func (m *Map) Pop() ([]byte, error) { return m.one("pop", MapOp{Kind: MapPop}) }

// Records takes the complete records of a ring buffer, the oldest first.
func (m *Map) Records() ([][]byte, error) {
	entries, err := m.do("read", MapOp{Kind: MapConsume})
	var out [][]byte
	for _, e := range entries {
		out = append(out, e.Value)
	}
	return out, err
}

// SetProgram puts a program, of the same session, into a prog array.
func (m *Map) SetProgram(index uint32, p *Program) error {
	return m.Put(binary.LittleEndian.AppendUint32(nil, index), binary.LittleEndian.AppendUint32(nil, uint32(p.id)), 0)
}

// All iterates over copies of keys and values. An error ends it and is given to fail, which may be nil.
func (m *Map) All(fail *error) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		entries, err := m.do("iterate", MapOp{Kind: MapIterate})
		if err != nil && fail != nil {
			*fail = err
		}
		for _, e := range entries {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// Typed is a map whose keys and values are fixed-size Go types, as encoding/binary has them: structures with the
// fields, and the padding, of the C types.
type Typed[K, V any] struct{ Map *Map }

// TypedMap gives a map types, if their sizes are those of the map.
func TypedMap[K, V any](m *Map) (Typed[K, V], error) {
	var k K
	var v V
	if n := binary.Size(k); n != int(m.spec.KeySize) {
		return Typed[K, V]{}, fmt.Errorf("map %s: keys have %d bytes, a %T has %d", m.spec.Name, m.spec.KeySize, k, n)
	}
	if n := binary.Size(v); n != int(m.spec.ValueSize) {
		return Typed[K, V]{}, fmt.Errorf("map %s: values have %d bytes, a %T has %d", m.spec.Name, m.spec.ValueSize, v, n)
	}
	return Typed[K, V]{m}, nil
}

// Get returns the value at key; of a per-CPU map that of the first CPU: see PerCPU.
func (t Typed[K, V]) Get(key K) (v V, err error) {
	all, err := t.PerCPU(key)
	if err != nil {
		return v, err
	}
	return all[0], nil
}

// PerCPU returns the values of all CPUs at key; of a map that is not per CPU, the value.
func (t Typed[K, V]) PerCPU(key K) ([]V, error) {
	k, err := bytesOf(key, int(t.Map.spec.KeySize))
	if err != nil {
		return nil, err
	}
	b, err := t.Map.Get(k)
	if err != nil {
		return nil, err
	}
	return valuesOf[V](b, int(t.Map.spec.ValueSize))
}

// valuesOf cuts values at multiples of 8 bytes.
func valuesOf[V any](b []byte, size int) (out []V, err error) {
	for stride := (size + 7) &^ 7; len(b) >= size; b = b[min(stride, len(b)):] {
		var v V
		if err := into(b[:size], &v); err != nil {
			return nil, err
		}
		if out = append(out, v); size == 0 {
			break
		}
	}
	return out, nil
}

// Put sets the value at key, of a per-CPU map on every CPU.
func (t Typed[K, V]) Put(key K, value V) error {
	k, err := bytesOf(key, int(t.Map.spec.KeySize))
	if err != nil {
		return err
	}
	v, err := bytesOf(value, int(t.Map.spec.ValueSize))
	if err != nil {
		return err
	}
	if n, ok := t.cpus(k); ok {
		v = append(v, make([]byte, -len(v)&7)...)
		v = slices.Repeat(v, n)
	}
	return t.Map.Put(k, v, 0)
}

// perCPU are the types of maps with a value for each CPU (enum bpf_map_type, include/uapi/linux/bpf.h, Linux 6.18).
var perCPU = []uint32{5, 6, 10, 21}

// cpus is how many values the map has for a key, if it is per CPU.
func (t Typed[K, V]) cpus([]byte) (int, bool) {
	if !slices.Contains(perCPU, t.Map.spec.Type) {
		return 0, false
	}
	return t.Map.program.cpus, true
}

// All iterates over keys and values, of a per-CPU map those of the first CPU; see Map.All.
func (t Typed[K, V]) All(fail *error) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for kb, vb := range t.Map.All(fail) {
			var k K
			if err := into(kb, &k); err != nil {
				return
			}
			values, err := valuesOf[V](vb, int(t.Map.spec.ValueSize))
			if err != nil || len(values) == 0 || !yield(k, values[0]) {
				return
			}
		}
	}
}
