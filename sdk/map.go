package sdk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
)

// What errors.Is finds in a *MapError.
var (
	ErrKeyNotExist = errors.New("the map has no such key")           // ENOENT
	ErrKeyExist    = errors.New("the map has the key already")       // EEXIST
	ErrFull        = errors.New("no room, or no such index")         // E2BIG
	ErrReadOnly    = errors.New("constants are set before the load") // EPERM
)

var mapErrors = map[string]error{"ENOENT": ErrKeyNotExist, "EEXIST": ErrKeyExist, "E2BIG": ErrFull, "EPERM": ErrReadOnly}

// MapError is why an operation on a map failed.
type MapError struct {
	Map, Op string
	Errno   string // the kernel's name, "ENOENT"
}

// Error names map, operation and error.
func (e *MapError) Error() string {
	text := fmt.Sprintf("map %s: %s: %s", e.Map, e.Op, e.Errno)
	if why := mapErrors[e.Errno]; why != nil {
		text += ": " + why.Error()
	}
	return text
}

// Is makes errors.Is find ErrKeyNotExist and the like.
func (e *MapError) Is(target error) bool {
	why := mapErrors[e.Errno]
	return why != nil && target == why
}

// Flags of Map.Update.
const (
	UpdateAny     = 0 // there or not
	UpdateNoExist = 1 // only if the key is new
	UpdateExist   = 2 // only if the key is there; of Push: a full queue drops its oldest value
	UpdateLock    = 4 // under the value's struct bpf_spin_lock
)

// Map is a map of a Collection, or a data section as an array of one element. It is safe for concurrent use.
//
// Keys and values are bytes as programs have them, or what encoding/binary makes little-endian bytes of: integers with a
// size, arrays, structures with the fields and the padding of the C types; or an encoding.BinaryMarshaler, such as a
// netip.Addr. A *Map or *Program of the same session stands for itself in maps of maps and prog arrays.
//
// A per-CPU map has a value for each CPU: a slice of them, or one that all CPUs get; as bytes they lie at multiples of 8.
type Map struct {
	spec    MapSpec
	id      uint32
	program *Program
}

// errNoMap is what a nil *Map answers.
var errNoMap = errors.New("the collection has no such map")

// Spec describes the map.
func (m *Map) Spec() MapSpec { return m.spec }

// ID is the number by which maps of maps name it; 0 for data sections.
func (m *Map) ID() uint32 { return m.id }

// do performs one operation. Without a key it is one of a map that has none.
func (m *Map) do(op string, o MapOp, key any) ([]MapEntry, error) {
	if m == nil {
		return nil, errNoMap
	}
	if key != nil {
		var err error
		if o.Key, err = bytesOf(key, int(m.spec.KeySize)); err != nil {
			return nil, fmt.Errorf("map %s: key: %w", m.spec.Name, err)
		}
	}
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

// read performs an operation that gives one value, and decodes it.
func (m *Map) read(op string, kind MapOpKind, key, to any) error {
	entries, err := m.do(op, MapOp{Kind: kind}, key)
	if err != nil {
		return err
	}
	if err := m.decode(entries[0].Value, to); err != nil {
		return fmt.Errorf("map %s: value: %w", m.spec.Name, err)
	}
	return nil
}

// write performs an operation that takes a value.
func (m *Map) write(op string, o MapOp, key, value any) error {
	if m == nil {
		return errNoMap
	}
	var err error
	if o.Value, err = m.encode(value); err != nil {
		return fmt.Errorf("map %s: value: %w", m.spec.Name, err)
	}
	_, err = m.do(op, o, key)
	return err
}

// Lookup reads the value at key into to, a pointer. Of a map of maps or of programs it is a number, a uint32.
func (m *Map) Lookup(key, to any) error { return m.read("lookup", MapGet, key, to) }

// LookupBytes returns a copy of the value at key.
func (m *Map) LookupBytes(key any) (value []byte, err error) {
	err = m.Lookup(key, &value)
	return value, err
}

// LookupAndDelete reads the value at key into to and takes the element away.
func (m *Map) LookupAndDelete(key, to any) error {
	return m.read("lookup and delete", MapTake, key, to)
}

// Put sets the value at key.
func (m *Map) Put(key, value any) error { return m.Update(key, value, UpdateAny) }

// Update sets the value at key as flags say.
func (m *Map) Update(key, value any, flags uint64) error {
	return m.write("update", MapOp{Kind: MapPut, Flags: flags}, key, value)
}

// Delete takes an element away.
func (m *Map) Delete(key any) error {
	_, err := m.do("delete", MapOp{Kind: MapDelete}, key)
	return err
}

// Push adds a value to a map without keys: queue, stack, bloom filter. Flags are UpdateAny or UpdateExist.
func (m *Map) Push(value any, flags uint64) error {
	return m.write("push", MapOp{Kind: MapPush, Flags: flags}, nil, value)
}

// Pop takes the first value of a queue, or the last one of a stack, into to. Of an empty one it is ErrKeyNotExist.
func (m *Map) Pop(to any) error { return m.read("pop", MapPop, nil, to) }

// Records takes the complete records of a ring buffer, the oldest first.
func (m *Map) Records() ([][]byte, error) {
	entries, err := m.do("read", MapOp{Kind: MapConsume}, nil)
	var out [][]byte
	for _, e := range entries {
		out = append(out, e.Value)
	}
	return out, err
}

// All iterates over copies of keys and values. An error ends it and is given to fail, which may be nil.
func (m *Map) All(fail *error) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		entries, err := m.do("iterate", MapOp{Kind: MapIterate}, nil)
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

// perCPU are the types of maps with a value for each CPU (enum bpf_map_type, include/uapi/linux/bpf.h, Linux 6.18).
var perCPU = []uint32{5, 6, 10, 21}

func (m *Map) perCPU() bool { return slices.Contains(perCPU, m.spec.Type) }

// encode is a value as the session takes it.
func (m *Map) encode(value any) ([]byte, error) {
	size := int(m.spec.ValueSize)
	switch v := value.(type) {
	case *Map:
		return m.encode(v.number())
	case *Program:
		return m.encode(v.number())
	}
	if m.perCPU() {
		return m.encodeAll(value, size)
	}
	return bytesOf(value, size)
}

// encodeAll is a value for each CPU as the session takes them.
func (m *Map) encodeAll(value any, size int) (all []byte, err error) {
	list := reflect.ValueOf(value)
	switch raw, ok := value.([]byte); {
	case ok && len(raw) != size: // those of all CPUs: the session checks how many
		return raw, nil
	case ok || list.Kind() != reflect.Slice:
		all, err = padded(nil, value, size)
		return slices.Repeat(all, m.program.with.cpus), err
	}
	for i := range list.Len() {
		if all, err = padded(all, list.Index(i).Interface(), size); err != nil {
			return nil, fmt.Errorf("of CPU %d: %w", i, err)
		}
	}
	return all, nil
}

// padded appends a value and what is missing to a multiple of 8 bytes.
func padded(b []byte, value any, size int) ([]byte, error) {
	one, err := bytesOf(value, size)
	return append(append(b, one...), make([]byte, -size&7)...), err
}

// decode is the reverse of encode.
func (m *Map) decode(b []byte, to any) error {
	list := reflect.ValueOf(to)
	if _, bytes := to.(*[]byte); bytes || !m.perCPU() {
		return into(b, to)
	}
	if list.Kind() != reflect.Pointer || list.Elem().Kind() != reflect.Slice {
		return fmt.Errorf("each CPU has one: a %T is no pointer to a slice of them", to)
	}
	size := int(m.spec.ValueSize)
	stride, out := (size+7)&^7, reflect.MakeSlice(list.Elem().Type(), 0, 0)
	for ; len(b) >= max(stride, 1); b = b[stride:] {
		one := reflect.New(list.Elem().Type().Elem())
		if err := into(b[:size], one.Interface()); err != nil {
			return err
		}
		out = reflect.Append(out, one.Elem())
	}
	list.Elem().Set(out)
	return nil
}

// number is how maps name the map, and programs.
func (m *Map) number() uint32 {
	if m == nil {
		return 0
	}
	return m.id
}

func (p *Program) number() uint32 {
	if p == nil {
		return 0
	}
	return uint32(p.id)
}

// Typed is a map whose keys and values are Go types of a fixed size: see Map.
type Typed[K, V any] struct{ Map *Map }

// TypedMap gives a map types, if their sizes are those of the map.
func TypedMap[K, V any](m *Map) (Typed[K, V], error) {
	var k K
	var v V
	if m == nil {
		return Typed[K, V]{}, errNoMap
	}
	if n := binary.Size(k); n != int(m.spec.KeySize) {
		return Typed[K, V]{}, fmt.Errorf("map %s: keys have %d bytes, a %T has %s", m.spec.Name, m.spec.KeySize, k, sizeText(n))
	}
	if n := binary.Size(v); n != int(m.spec.ValueSize) {
		return Typed[K, V]{}, fmt.Errorf("map %s: values have %d bytes, a %T has %s", m.spec.Name, m.spec.ValueSize, v, sizeText(n))
	}
	return Typed[K, V]{m}, nil
}

func sizeText(n int) string {
	if n < 0 {
		return "no fixed size"
	}
	return fmt.Sprint(n)
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
func (t Typed[K, V]) PerCPU(key K) (all []V, err error) {
	if t.Map.perCPU() {
		err = t.Map.Lookup(key, &all)
		return all, err
	}
	all = make([]V, 1)
	return all, t.Map.Lookup(key, &all[0])
}

// Put sets the value at key, of a per-CPU map on every CPU.
func (t Typed[K, V]) Put(key K, value V) error { return t.Map.Put(key, value) }

// Delete takes an element away.
func (t Typed[K, V]) Delete(key K) error { return t.Map.Delete(key) }

// All iterates over keys and values, of a per-CPU map those of the first CPU; see Map.All.
func (t Typed[K, V]) All(fail *error) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for kb, vb := range t.Map.All(fail) {
			var k K
			var v V
			err := errors.Join(into(kb, &k), into(vb[:t.Map.spec.ValueSize], &v))
			if err != nil && fail != nil {
				*fail = err
			}
			if err != nil || !yield(k, v) {
				return
			}
		}
	}
}
