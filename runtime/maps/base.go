package maps

import (
	"errors"
	"sync/atomic"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// headerSize is the size of a map's header in bytes. Its words that kinds use themselves begin at headOwn.
const (
	headerSize = 128
	headIndex  = 4
	headStride = 5
	headMask   = 6
	headCPU    = 7
	headOwn    = 8
)

// base is what all kinds have: the description, the memory, and answers for what a kind does not do.
type base struct {
	spec  *abi.MapSpec
	inner *abi.MapSpec
	env   Env
	kind  *kind

	addr     uint64   // of the header
	head     []uint64 // the header
	private  []byte   // what follows it
	slab     []byte
	slabAddr uint64
	owned    []uint64 // addresses of the spans to free
}

// allocate makes the header with size private bytes behind it, and a slab.
func (b *base) allocate(private, slab uint64) error {
	mem, addr, err := b.span(headerSize + private)
	if err != nil {
		return err
	}
	b.addr, b.head, b.private = addr, words64(mem[:headerSize]), mem[headerSize:headerSize+private]
	if slab > 0 {
		mem, b.slabAddr, err = b.span(slab)
		if err != nil {
			return errors.Join(err, b.Close())
		}
		b.slab = mem[:slab]
	}
	s := b.spec
	b.head[0] = uint64(b.env.ID) | uint64(s.Type)<<32
	b.head[1] = uint64(s.KeySize) | uint64(s.ValueSize)<<32
	b.head[2] = uint64(s.MaxEntries) | uint64(s.Flags)<<32
	b.head[3] = b.slabAddr
	b.head[headIndex] = b.privateAddr(0)
	return nil
}

func (b *base) span(n uint64) ([]byte, uint64, error) {
	mem, addr, err := b.env.Arena.Alloc(n)
	if err == nil {
		b.owned = append(b.owned, addr)
	}
	return mem, addr, err
}

// privateAddr is the address of a place behind the header.
func (b *base) privateAddr(off uint64) uint64 { return b.addr + headerSize + off }

func (b *base) Spec() *abi.MapSpec { return b.spec }

func (b *base) Address() uint64 { return b.addr }

func (b *base) ID() uint32 { return b.env.ID }

func (b *base) Slab() ([]byte, uint64) { return b.slab, b.slabAddr }

func (b *base) Writable() bool {
	return !b.kind.readOnly && b.spec.Flags&FlagReadOnlyProg == 0
}

// Close frees the spans.
func (b *base) Close() error {
	var errs []error
	for _, addr := range b.owned {
		errs = append(errs, b.env.Arena.Free(addr))
	}
	b.owned = nil
	return errors.Join(errs...)
}

// What a kind does not do is an operation of its own errno.

func (b *base) Lookup([]byte, int) uint64 { return 0 }

func (b *base) Get([]byte) ([]byte, codegen.Errno) { return nil, b.kind.none.get }

func (b *base) Update(_, _ []byte, _ uint64, _ int) codegen.Errno { return b.kind.none.update }

func (b *base) Delete([]byte) codegen.Errno { return b.kind.none.delete }

func (b *base) Next([]byte) ([]byte, codegen.Errno) { return nil, b.kind.none.next }

func (b *base) Push([]byte, uint64) codegen.Errno { return codegen.EOPNOTSUPP }

func (b *base) Pop([]byte) codegen.Errno { return codegen.EOPNOTSUPP }

func (b *base) Peek([]byte) codegen.Errno { return codegen.EOPNOTSUPP }

func (b *base) Take([]byte) ([]byte, codegen.Errno) { return nil, codegen.ENOTSUPP }

func (b *base) Each(func(key, value []byte) bool) {}

// seed is the map's own, 0 if its flags say so.
func (b *base) seed() uint64 {
	if b.spec.Flags&FlagZeroSeed != 0 {
		return 0
	}
	return mix(b.env.Seed+uint64(b.env.ID), 1)
}

// object is the word for object number n: see Env.Object.
func (b *base) object(n uint64) (uint64, codegen.Errno) {
	if b.env.Object != nil {
		return b.env.Object(b.spec, n)
	}
	if n == 0 {
		return 0, codegen.EBADF
	}
	return n, codegen.OK
}

// innerMap is the address of the map number n, if it is like the template.
func (b *base) innerMap(n uint64) (uint64, codegen.Errno) {
	if b.env.Map == nil {
		return 0, codegen.EBADF
	}
	m := b.env.Map(uint32(n))
	if m == nil {
		return 0, codegen.EBADF
	}
	if !alike(b.inner, m.Spec()) {
		return 0, codegen.EINVAL
	}
	return m.Address(), codegen.OK
}

// alike reports whether a map may stand where the template does (bpf_map_meta_equal, array_map_meta_equal,
// Linux 6.18): code that was compiled for one must work on the other.
func alike(t, m *abi.MapSpec) bool {
	if t.Type != m.Type || t.KeySize != m.KeySize || t.ValueSize != m.ValueSize || t.Flags != m.Flags || len(t.Special) != len(m.Special) {
		return false
	}
	for i := range t.Special {
		if t.Special[i] != m.Special[i] {
			return false
		}
	}
	return !kindOf(t.Type).fixedInner || t.Flags&FlagInnerMap != 0 || t.MaxEntries == m.MaxEntries
}

// own is word i of the kind's part of the header, which machine code may read at any time.
func (b *base) own(i int) *uint64 { return &b.head[headOwn+i] }

// load and store are for words that others use at the same time.
func load(p *uint64) uint64 { return atomic.LoadUint64(p) }

func store(p *uint64, w uint64) { atomic.StoreUint64(p, w) }
