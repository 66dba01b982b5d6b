package networking_test

import (
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/stretchr/testify/require"
)

// A run without a back end: a context, a packet and memory, as helpers see them.

// fakeHome is a session with an environment.
type fakeHome struct {
	env   map[string]string
	areas []fakeArea
}

type fakeArea struct {
	addr uint64
	mem  []byte
}

func (h *fakeHome) Env(name string) []byte {
	if text, ok := h.env[name]; ok {
		return []byte(text)
	}
	return nil
}

func (h *fakeHome) CPUs() int { return 2 }

func (h *fakeHome) Random(int) *uint64 { return new(uint64) }

func (h *fakeHome) Alloc(n int) ([]byte, uint64, error) {
	addr := uint64(0x10_0000 * (len(h.areas) + 1))
	mem := make([]byte, n)
	h.areas = append(h.areas, fakeArea{addr, mem})
	return mem, addr, nil
}

// fakeCall is one run.
type fakeCall struct {
	home    *fakeHome
	impl    codegen.Implementation
	entry   codegen.EntryInfo
	ctx     []byte
	packet  *fakePacket
	maps    map[uint64]codegen.Map
	records []codegen.Record
	visible int
}

// start makes a run of a program type, and begins it.
func start(t require.TestingT, h *fakeHome, impl codegen.Implementation, typ *abi.ProgType, ctx, packet []byte) (*fakeCall, error) {
	c := &fakeCall{home: h, impl: impl, ctx: make([]byte, typ.Context.HostSize()), maps: map[uint64]codegen.Map{}, visible: int(typ.Context.Size)}
	c.entry.Type = typ.Name
	copy(c.ctx, ctx)
	c.packet = newFakePacket(packet)
	if enter := impl.Enter[typ.Name]; enter != nil {
		return c, enter(c)
	}
	return c, nil
}

// implement opens the set for a session with an environment.
func implement(t require.TestingT, env map[string]string) (*fakeHome, codegen.Implementation) {
	h := &fakeHome{env: env}
	impl, err := networking.Implement(h)
	require.NoError(t, err)
	return h, impl
}

func (c *fakeCall) CPU() int                  { return 1 }
func (c *fakeCall) Entry() *codegen.EntryInfo { return &c.entry }
func (c *fakeCall) Context() []byte           { return c.ctx }
func (c *fakeCall) Packet() codegen.Packet    { return c.packet }
func (c *fakeCall) Map(addr uint64) codegen.Map {
	if m, ok := c.maps[addr]; ok {
		return m
	}
	return nil
}
func (c *fakeCall) MapAt(int) codegen.Map { return nil }
func (c *fakeCall) End(uint64)            {}
func (c *fakeCall) Fail(error)            {}
func (c *fakeCall) Word(uint64) *uint32   { return nil }

func (c *fakeCall) Record(r codegen.Record) bool {
	c.records = append(c.records, r)
	return true
}

func (c *fakeCall) Bytes(addr, n uint64, _ bool) []byte {
	if n == 0 {
		return []byte{}
	}
	for _, a := range c.home.areas {
		if off := addr - a.addr; off < uint64(len(a.mem)) && n <= uint64(len(a.mem))-off {
			return a.mem[off : off+n : off+n]
		}
	}
	return nil
}

// call calls a helper.
func (c *fakeCall) call(name string, args ...uint64) uint64 {
	var r [5]uint64
	copy(r[:], args)
	return c.impl.Helpers[name](c, r[0], r[1], r[2], r[3], r[4])
}

// leave ends the run.
func (c *fakeCall) leave(ret uint64) {
	if f := c.impl.Leave[c.entry.Type]; f != nil {
		f(c, ret)
	}
}

// fakePacket is a packet with room around it.
type fakePacket struct {
	room             []byte
	meta, start, end int
}

const fakeRoom = 70000

func newFakePacket(b []byte) *fakePacket {
	room := make([]byte, fakeRoom+len(b)+fakeRoom)
	copy(room[fakeRoom:], b)
	return &fakePacket{room, fakeRoom, fakeRoom, fakeRoom + len(b)}
}

func (p *fakePacket) Bytes() []byte     { return p.room[p.start:p.end:p.end] }
func (p *fakePacket) Meta() []byte      { return p.room[p.meta:p.start:p.start] }
func (p *fakePacket) Address() uint64   { return 0x7777_0000 + uint64(p.start) }
func (p *fakePacket) Limit() (int, int) { return p.meta, len(p.room) - p.end }

func (p *fakePacket) MoveStart(n int) bool {
	if p.meta+n < 0 || p.start+n > p.end {
		return false
	}
	copy(p.room[p.meta+n:p.start+n], slices.Clone(p.Meta()))
	clear(p.room[min(p.start+n, p.start):p.start])
	p.meta, p.start = p.meta+n, p.start+n
	return true
}

func (p *fakePacket) MoveEnd(n int) bool {
	if p.end+n > len(p.room) || p.end+n < p.start {
		return false
	}
	if n > 0 {
		clear(p.room[p.end : p.end+n])
	}
	p.end += n
	return true
}

func (p *fakePacket) MoveMeta(n int) bool {
	if p.meta+n < 0 || p.meta+n > p.start {
		return false
	}
	clear(p.room[min(p.meta+n, p.meta):p.meta])
	p.meta += n
	return true
}

func (p *fakePacket) Insert(off, n int, front bool) bool {
	b := p.Bytes()
	b = slices.Concat(b[:off], make([]byte, n), b[off:])
	ok := front && p.MoveStart(-n) || !front && p.MoveEnd(n)
	copy(p.Bytes(), b)
	return ok
}

func (p *fakePacket) Remove(off, n int, front bool) bool {
	b := slices.Clone(p.Bytes())
	if off+n > len(b) {
		return false
	}
	b = slices.Concat(b[:off], b[off+n:])
	ok := front && p.MoveStart(n) || !front && p.MoveEnd(-n)
	copy(p.Bytes(), b)
	return ok
}

// fakeMap is a map of few elements.
type fakeMap struct {
	spec     abi.MapSpec
	addr     uint64
	elements map[string][]byte
	home     *fakeHome
}

// Lookup is the address of a value, which lies in memory of the home.
func (m *fakeMap) Lookup(key []byte, _ int) uint64 {
	v, ok := m.elements[string(key)]
	if !ok {
		return 0
	}
	for _, a := range m.home.areas {
		if &a.mem[0] == &v[0] {
			return a.addr
		}
	}
	mem, addr, _ := m.home.Alloc(len(v))
	copy(mem, v)
	m.elements[string(key)] = mem
	return addr
}

func (m *fakeMap) Spec() *abi.MapSpec                  { return &m.spec }
func (m *fakeMap) Address() uint64                     { return m.addr }
func (m *fakeMap) Next([]byte) ([]byte, codegen.Errno) { return nil, codegen.ENOENT }
func (m *fakeMap) Push([]byte, uint64) codegen.Errno   { return codegen.EINVAL }
func (m *fakeMap) Pop([]byte) codegen.Errno            { return codegen.EINVAL }
func (m *fakeMap) Peek([]byte) codegen.Errno           { return codegen.EINVAL }
func (m *fakeMap) Delete(key []byte) codegen.Errno {
	if _, ok := m.elements[string(key)]; !ok {
		return codegen.ENOENT
	}
	delete(m.elements, string(key))
	return codegen.OK
}
func (m *fakeMap) Get(key []byte) ([]byte, codegen.Errno) {
	if v, ok := m.elements[string(key)]; ok {
		return v, codegen.OK
	}
	return nil, codegen.ENOENT
}
func (m *fakeMap) Update(key, value []byte, _ uint64, _ int) codegen.Errno {
	m.elements[string(key)] = slices.Clone(value)
	return codegen.OK
}
