package maps

import (
	"fmt"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// Arena hands out memory that machine code reaches. Memory is zero, aligned to 8 bytes at least, and costs nothing until it is touched.
type Arena interface {
	Alloc(n uint64) (mem []byte, addr uint64, err error)
	Free(addr uint64) error
}

// Epochs are grace periods: what is retired may be reused when everyone who was running then has left.
type Epochs interface {
	// Retire returns the stamp of what is out of reach of newcomers from now on.
	Retire() uint64
	// Oldest is the first stamp that someone may still hold: what has a smaller one may be reused.
	Oldest() uint64
}

// Env is what a map needs of its home.
type Env struct {
	Arena  Arena
	Epochs Epochs
	// CPUs is the number of virtual CPUs.
	CPUs int
	// ID is the map's number, as maps of maps and dumps name it.
	ID uint32
	// Seed makes the order of hashes and the bits of bloom filters unpredictable; equal seeds make them reproducible.
	Seed uint64
	// Map is the map with a number, nil if there is none: the inner maps of maps of maps.
	Map func(id uint32) codegen.Map
	// Object is the word that stands for object number n in a table: the entry of a program, the address of a socket.
	// EBADF if there is none. Without it every number but 0 stands for itself.
	Object func(spec *abi.MapSpec, n uint64) (word uint64, err codegen.Errno)
	// Drop, if it is set, is told that an element no longer has object number n, for which Object has given a word: once for
	// each time that it has done so, but not when the map is closed. It may be nil.
	Drop func(spec *abi.MapSpec, n uint64)
}

// Map is a codegen.Map with what a session needs beside. Lookup is for callers in an epoch of Env.Epochs: what it
// returns is valid until they leave it. All else may be called by anyone.
type Map interface {
	codegen.Map
	ID() uint32
	// Slab is the memory of the values, which a program that looks them up may touch; empty if the kind shows none.
	Slab() (mem []byte, addr uint64)
	// Writable reports whether programs may write the slab.
	Writable() bool
	// Take returns the value at key and takes the element away (BPF_MAP_LOOKUP_AND_DELETE_ELEM).
	Take(key []byte) ([]byte, codegen.Errno)
	// Each calls f with a copy of each key and value until f returns false. Each element that is there all the time is
	// visited once; one that comes, goes or changes meanwhile may be seen or not.
	Each(f func(key, value []byte) bool)
	// Close frees the map's memory; nobody may use the map any more.
	Close() error
}

// The flags of Update (include/uapi/linux/bpf.h).
const (
	updateNoExist = 1
	updateExist   = 2
	updateLock    = 4
)

// Error says why a map cannot be made.
type Error struct {
	Map  string
	Kind string
	// Errno is what BPF_MAP_CREATE would return.
	Errno codegen.Errno
	Msg   string // what is wrong, and what to do
}

func (e *Error) Error() string {
	return fmt.Sprintf("map %s (%s): %s (%s)", e.Map, e.Kind, e.Msg, e.Errno)
}

// New makes the map that spec describes; inner is the template of a map of maps, nil otherwise.
func New(spec, inner *abi.MapSpec, env Env) (Map, error) {
	k := kindOf(spec.Type)
	if k == nil {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("map %s of type %d", spec.Name, spec.Type), Msg: "this version has no maps of this type"}
	}
	if err := k.check(spec, inner, &env); err != nil {
		return nil, err
	}
	m, err := k.open(&base{spec: spec, inner: inner, env: env, kind: k})
	if err != nil {
		return nil, fmt.Errorf("map %s (%s): %w", spec.Name, k.name, err)
	}
	return m, nil
}

// Absent is a map in the place of one that New cannot make: it holds nothing, and no program may refer to it.
func Absent(spec *abi.MapSpec, env Env) (Map, error) {
	b := &base{spec: spec, env: env, kind: &kind{none: absent{enotsup, enotsup, enotsup, enotsup}}}
	return b, b.allocate(0, 0)
}

// Kinds are the names of the kinds of maps that New makes, in the order of their numbers.
func Kinds() []string {
	var names []string
	for i := range kinds {
		if kinds[i].open != nil {
			names = append(names, kinds[i].name)
		}
	}
	return names
}
