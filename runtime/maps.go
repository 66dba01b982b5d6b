package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/ir"
	"github.com/bpfc/bpfc/core/obj"
)

// arrayKeySize is the size of an array map's key, a uint32 index.
const arrayKeySize = 4

// array is an array map: values of spec.Stride bytes, one after another. Map values
// may be read and written by programs at any time: as in the kernel, a value may be seen half-written.
type array struct {
	spec   *abi.MapSpec
	mem    []byte
	frozen bool // a read-only data section
}

// checkMaps refuses maps that this version has no implementation of.
func checkMaps(maps []abi.MapSpec, kinds []abi.MapKind) error {
	if n := ir.MaxRegions - ir.RegionMaps; len(maps) > n {
		return &codegen.UnsupportedError{What: fmt.Sprintf("an object of %d maps", len(maps)), Msg: fmt.Sprintf("at most %d fit in a run's region table", n)}
	}
	for i := range maps {
		m := &maps[i]
		if m.Type != abi.MapTypeArray {
			return &codegen.UnsupportedError{What: fmt.Sprintf("map %s of kind %s", m.Name, kindName(m.Type, kinds)), Msg: "this version runs array maps only"}
		}
		if m.Flags&abi.MapFlagReadOnlyProg != 0 {
			return &codegen.UnsupportedError{What: fmt.Sprintf("map %s with BPF_F_RDONLY_PROG", m.Name), Msg: "guards of machine code do not tell it from a writable one"}
		}
		if m.KeySize != arrayKeySize || m.ValueSize == 0 || m.MaxEntries == 0 {
			return fmt.Errorf("map %s: an array needs keys of 4 bytes, values and entries; it has key size %d, value size %d, %d entries",
				m.Name, m.KeySize, m.ValueSize, m.MaxEntries)
		}
	}
	return nil
}

func kindName(kind uint32, kinds []abi.MapKind) string {
	for _, k := range kinds {
		if k.Type == kind {
			return k.Name
		}
	}
	return fmt.Sprint(kind)
}

// placeMaps makes the image's arrays.
func (img *Image) placeMaps(p *plan) {
	for i := range img.Artifact.Maps {
		m := &img.Artifact.Maps[i]
		n := m.ArrayBytes()
		img.MapValues = append(img.MapValues, img.values.addr+p.value[i])
		img.maps = append(img.maps, array{spec: m, mem: img.values.mem[p.value[i]:][:n:n]})
	}
}

// lookup is the map, or the data section as an array of one element, called name.
func (img *Image) lookup(name string) (array, bool) {
	for i := range img.maps {
		if img.maps[i].spec.Name == name {
			return img.maps[i], true
		}
	}
	for i := range img.Artifact.Data {
		if d := &img.Artifact.Data[i]; d.Name == name {
			return img.section(i), true
		}
	}
	return array{}, false
}

func (img *Image) section(i int) array {
	d := &img.Artifact.Data[i]
	return array{spec: sectionSpec(d), mem: img.sections[i], frozen: d.ReadOnly}
}

// sectionSpec describes a data section as libbpf declares it to the kernel.
func sectionSpec(d *obj.Data) *abi.MapSpec {
	m := &abi.MapSpec{Name: d.Name, Type: abi.MapTypeArray, KeySize: arrayKeySize, ValueSize: uint32(len(d.Bytes)), MaxEntries: 1}
	if d.ReadOnly {
		m.Flags = abi.MapFlagReadOnlyProg
	}
	return m
}

// Errno names of failed operations (kernel/bpf/arraymap.c, syscall.c, Linux 6.18).
const (
	errNone     = ""
	errNotFound = "ENOENT" // lookup beyond the last entry
	errTooBig   = "E2BIG"  // update beyond the last entry
	errInvalid  = "EINVAL" // wrong size; arrays cannot delete
	errFrozen   = "EPERM"  // update of a frozen map
	errNoMap    = "EBADF"  // no map of that name
)

// operate performs one operation on the maps of an image.
func (img *Image) operate(op *codegen.MapOp) codegen.MapResult {
	if op.Kind == codegen.MapList {
		return img.list()
	}
	m, ok := img.lookup(op.Map)
	if !ok {
		return codegen.MapResult{Err: errNoMap}
	}
	switch op.Kind {
	case codegen.MapGet:
		return m.get(op.Key)
	case codegen.MapPut:
		return codegen.MapResult{Err: m.put(op.Key, op.Value)}
	case codegen.MapIterate:
		return m.iterate()
	}
	return codegen.MapResult{Err: errInvalid} // MapDelete: an array's elements always exist
}

// list names all maps and data sections.
func (img *Image) list() (res codegen.MapResult) {
	for i := range img.maps {
		res.Entries = append(res.Entries, codegen.MapEntry{Map: *img.maps[i].spec})
	}
	for i := range img.Artifact.Data {
		res.Entries = append(res.Entries, codegen.MapEntry{Map: *sectionSpec(&img.Artifact.Data[i])})
	}
	return res
}

// value is the value at a key, or why there is none; beyond is the error of an index out of range.
func (m *array) value(key []byte, beyond string) ([]byte, string) {
	if len(key) != arrayKeySize {
		return nil, errInvalid
	}
	i := binary.LittleEndian.Uint32(key)
	if i >= m.spec.MaxEntries {
		return nil, beyond
	}
	return m.mem[uint64(i)*m.spec.Stride():][:m.spec.ValueSize], errNone
}

func (m *array) get(key []byte) codegen.MapResult {
	v, errno := m.value(key, errNotFound)
	if errno != errNone {
		return codegen.MapResult{Err: errno}
	}
	return codegen.MapResult{Entries: []codegen.MapEntry{m.entry(key, v)}}
}

func (m *array) entry(key, value []byte) codegen.MapEntry {
	return codegen.MapEntry{Map: *m.spec, Key: bytes.Clone(key), Value: bytes.Clone(value)}
}

func (m *array) put(key, value []byte) string {
	v, errno := m.value(key, errTooBig)
	switch {
	case errno != errNone:
		return errno
	case len(value) != len(v):
		return errInvalid
	case m.frozen:
		return errFrozen
	}
	copy(v, value)
	return errNone
}

func (m *array) iterate() (res codegen.MapResult) {
	var key [arrayKeySize]byte
	for i := range m.spec.MaxEntries {
		binary.LittleEndian.PutUint32(key[:], i)
		v, _ := m.value(key[:], errNotFound)
		res.Entries = append(res.Entries, m.entry(key[:], v))
	}
	return res
}
