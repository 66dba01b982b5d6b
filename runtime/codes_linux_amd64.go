package runtime

import (
	"slices"
	"sync"
	"sync/atomic"
)

// codes is the machine code of a runtime, by address. It is safe for concurrent use.
type codes struct {
	mu   sync.Mutex
	list atomic.Pointer[[]*nativeCode] // ascending by address; never changed
}

func (c *codes) all() []*nativeCode {
	if p := c.list.Load(); p != nil {
		return *p
	}
	return nil
}

func (c *codes) add(code *nativeCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.all())
	i, _ := slices.BinarySearchFunc(list, code.base, (*nativeCode).compare)
	list = slices.Insert(list, i, code)
	c.list.Store(&list)
}

func (c *codes) remove(code *nativeCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(c.all()), func(x *nativeCode) bool { return x == code })
	c.list.Store(&list)
}

// at is the code that may hold an address, nil if none does.
func (c *codes) at(addr uint64) *nativeCode {
	list := c.all()
	i, exact := slices.BinarySearchFunc(list, addr, (*nativeCode).compare)
	if !exact {
		i--
	}
	if i < 0 {
		return nil
	}
	return list[i]
}
