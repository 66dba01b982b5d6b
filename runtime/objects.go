package runtime

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// objects is memory of the runtime that is no region of a program: structures of helpers, maps inside others, records.
// Programs reach it by addresses that were proved; it is looked through where a run's regions end. It is safe for
// concurrent use: readers see a list that does not change.
type objects struct {
	mu   sync.Mutex
	list atomic.Pointer[[]object]
}

// object is one stretch of memory.
type object struct {
	addr uint64
	mem  []byte
}

// add makes memory known.
func (o *objects) add(mem []byte, addr uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := slices.Clone(o.all())
	i, _ := slices.BinarySearchFunc(list, addr, before)
	list = slices.Insert(list, i, object{addr, mem})
	o.list.Store(&list)
}

// remove forgets the memory at addr.
func (o *objects) remove(addr uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(o.all()), func(x object) bool { return x.addr == addr })
	o.list.Store(&list)
}

func (o *objects) all() []object {
	if p := o.list.Load(); p != nil {
		return *p
	}
	return nil
}

func before(x object, addr uint64) int {
	switch {
	case x.addr < addr:
		return -1
	case x.addr > addr:
		return 1
	}
	return 0
}

// find is the n bytes at addr, nil if they are not inside one object.
func (o *objects) find(addr, n uint64) unsafe.Pointer {
	list := o.all()
	i, exact := slices.BinarySearchFunc(list, addr, before)
	if !exact {
		i--
	}
	if i < 0 {
		return nil
	}
	x := &list[i]
	if off := addr - x.addr; off < uint64(len(x.mem)) && n <= uint64(len(x.mem))-off {
		return unsafe.Pointer(&x.mem[off])
	}
	return nil
}
