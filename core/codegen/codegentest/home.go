// Package codegentest is a home for the helpers of a set in tests: memory at addresses, maps, packets and runs that
// are simple enough to be seen to be right. It runs no programs, and is slow. Runs on different CPUs may use one Home
// at once if they do not allocate.
package codegentest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// Home is a codegen.Home with the memory of all runs. The zero value has one CPU and no environment.
type Home struct {
	// Parts are the parts of the environment, as JSON.
	Parts map[string]string
	// N is the number of CPUs, 0 for one.
	N      int
	blocks []block
	maps   []codegen.Map
	words  sync.Map // *uint32 by address
	random sync.Map // *uint64 by CPU
}

// block is memory at an address.
type block struct {
	addr     uint64
	mem      []byte
	readOnly bool
}

// firstAddress is where memory begins; blocks lie so far apart that an address past one is in no other.
const (
	firstAddress = 0x5000_0000_0000
	distance     = 1 << 24
)

// Env is the part called name.
func (h *Home) Env(name string) []byte {
	if p, ok := h.Parts[name]; ok {
		return []byte(p)
	}
	return nil
}

// CPUs is the number of CPUs.
func (h *Home) CPUs() int { return max(h.N, 1) }

// Random is the state of a CPU's random numbers.
func (h *Home) Random(cpu int) *uint64 {
	state, _ := h.random.LoadOrStore(cpu, new(uint64(cpu)))
	return state.(*uint64)
}

// Alloc makes memory that may be written.
func (h *Home) Alloc(n int) (mem []byte, addr uint64, err error) {
	if n < 0 || n >= distance {
		return nil, 0, fmt.Errorf("%d bytes are more than this home has", n)
	}
	addr, mem = firstAddress+uint64(len(h.blocks))*distance, make([]byte, n)
	h.blocks = append(h.blocks, block{addr: addr, mem: mem})
	return mem, addr, nil
}

// Put makes memory with b in it.
func (h *Home) Put(b []byte) uint64 {
	mem, addr, err := h.Alloc(len(b))
	if err != nil {
		panic(err)
	}
	copy(mem, b)
	return addr
}

// Constant makes memory with a string and a zero behind it that may not be written.
func (h *Home) Constant(s string) uint64 {
	addr := h.Put(append([]byte(s), 0))
	h.blocks[len(h.blocks)-1].readOnly = true
	return addr
}

// Bytes is memory in place, nil if it is not all there.
func (h *Home) Bytes(addr, n uint64, write bool) []byte {
	i := (addr - firstAddress) / distance
	if addr < firstAddress || i >= uint64(len(h.blocks)) {
		return nil
	}
	b := h.blocks[i]
	off := addr - b.addr
	if write && b.readOnly || off > uint64(len(b.mem)) || n > uint64(len(b.mem))-off {
		return nil
	}
	return b.mem[off : off+n : off+n]
}

// Call is a run on a CPU of the home.
func (h *Home) Call(cpu int) *Call {
	return &Call{home: h, cpu: cpu, EntryInfo: codegen.EntryInfo{Name: "test"}}
}

// Call is a codegen.Call.
type Call struct {
	// EntryInfo describes the program.
	EntryInfo codegen.EntryInfo
	// Ctx is the host's form of the context.
	Ctx []byte
	// Pkt is the packet, nil if there is none.
	Pkt *Packet
	// Records is what the run left behind; Full makes it take no more.
	Records []codegen.Record
	Full    bool
	// Ended and Ret say whether and how a helper has ended the run.
	Ended bool
	Err   error // if it has ended the run without a result
	Ret   uint64
	home  *Home
	cpu   int
}

// CPU is the number of the CPU.
func (c *Call) CPU() int { return c.cpu }

// Entry describes the program.
func (c *Call) Entry() *codegen.EntryInfo { return &c.EntryInfo }

// Context is the host's form of the context.
func (c *Call) Context() []byte { return c.Ctx }

// Bytes is memory of the home or of the packet.
func (c *Call) Bytes(addr, n uint64, write bool) []byte {
	if c.Pkt != nil {
		if b := c.Pkt.at(addr, n); b != nil {
			return b
		}
	}
	return c.home.Bytes(addr, n, write)
}

// Word is a word of its own for each address that may be written: Bytes does not show what happens to it.
func (c *Call) Word(addr uint64) *uint32 {
	if addr%4 != 0 || c.Bytes(addr, 4, true) == nil {
		return nil
	}
	w, _ := c.home.words.LoadOrStore(addr, new(uint32))
	return w.(*uint32)
}

// Packet is the packet.
func (c *Call) Packet() codegen.Packet {
	if c.Pkt == nil {
		return nil
	}
	return c.Pkt
}

// Map is the map at an address.
func (c *Call) Map(addr uint64) codegen.Map {
	if i := slices.IndexFunc(c.home.maps, func(m codegen.Map) bool { return m.Address() == addr }); i >= 0 {
		return c.home.maps[i]
	}
	return nil
}

// MapAt is the map that was made as number i.
func (c *Call) MapAt(i int) codegen.Map {
	if i < 0 || i >= len(c.home.maps) {
		return nil
	}
	return c.home.maps[i]
}

// Record notes a record.
func (c *Call) Record(r codegen.Record) bool {
	if c.Full {
		return false
	}
	r.Data, r.Key = slices.Clone(r.Data), slices.Clone(r.Key)
	c.Records = append(c.Records, r)
	return true
}

// End notes that the run is over.
func (c *Call) End(ret uint64) { c.Ended, c.Ret = true, ret }

// Fail notes why the run is over.
func (c *Call) Fail(err error) { c.Ended, c.Err = true, err }
