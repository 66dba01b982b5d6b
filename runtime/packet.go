package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// The room of a packet that a helper moves, in bytes: for headers before it, and for the longest packet of an skb
// with what may be added to it: no helper makes a packet longer than 16064 bytes (BPF_SKB_MAX_LEN, Linux 6.18).
const (
	frameHead = 16 << 10
	frameSize = 256 << 10
)

// maxContext bounds the host's form of a context, in bytes: programs that a process calls get up to 64 KiB from it.
// Workers have room for usualContext from the beginning: records of tracepoints have 8 KiB.
const (
	maxContext   = 72 << 10
	usualContext = 16 << 10
)

// layout is what the runtime fills in of a program type's context.
type layout struct {
	size, visible    uint32   // of the host's form, and of what programs see
	start, end, meta []uint32 // places of packet pointers
	pointers         []uint32 // places of other pointers
	packet, writable bool
	least            int // see codegen.Implementation.Steady; 0 if contexts differ
	enter            func(codegen.Call) error
	leave            func(codegen.Call, uint64)
}

// layoutOf describes the context of a type, nil if it has none that is described.
func layoutOf(t *abi.ProgType, s *implementations) (*layout, error) {
	c := &t.Context
	if c.Kind != abi.CtxStruct {
		return nil, nil
	}
	l := &layout{size: c.HostSize(), visible: c.Size, writable: t.Packet == abi.PacketReadWrite, enter: s.enter[t.Name], leave: s.leave[t.Name]}
	if l.size > maxContext {
		return nil, &codegen.UnsupportedError{What: fmt.Sprintf("a context of %d bytes", l.size), Msg: fmt.Sprintf("at most %d", maxContext)}
	}
	for i := range c.Fields {
		at, _ := c.Place(i)
		switch c.Fields[i].Kind {
		case abi.FieldPacketStart:
			l.start = append(l.start, at)
		case abi.FieldPacketEnd:
			l.end = append(l.end, at)
		case abi.FieldPacketMeta:
			l.meta = append(l.meta, at)
		case abi.FieldPointer, abi.FieldFlowKeys:
			l.pointers = append(l.pointers, at)
		}
	}
	written := slices.ContainsFunc(c.Fields, func(f abi.Field) bool { return f.Access != abi.ReadOnly })
	if !written && len(l.start) == 1 && len(l.end) == 1 && len(l.meta) == 1 {
		l.least = s.steady[t.Name]
	}
	l.packet = len(l.start) > 0 || t.LoadAbs || t.Packet != abi.PacketNone
	return l, nil
}

// packetState is where the packet of a run lies:
//
//	│ … │ metadata │ packet │ … │
//	0   meta       start    end len(room)
//
// At first room is the input itself, which has no room around the packet. A helper that needs some moves the packet
// to the worker's frame.
type packetState struct {
	room             []byte
	meta, start, end int
	frame            []byte // of the worker, once it is needed
	low              int    // of the frame: bytes below are those of earlier runs
	moved            []byte // where the input is, if it had to be moved; nil if it is where it was
}

// cut reports whether n bytes touch a multiple of 4 GiB. No packet does: to C programs data, data_end and data_meta are numbers
// of 32 bits, and clang, which cannot know that the program gets addresses, may copy, compare or test for zero the lower
// half of one. That is right where both ends have the same upper half, and a lower one that is not 0: packets in a kernel,
// whose memory is in small pieces behind some head room.
func cut(addr uint64, n int) bool { return (addr-1)>>32 != (addr+uint64(n))>>32 }

func cutBytes(b []byte) bool {
	return cut(uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), len(b))
}

// moveInput moves a packet that touches a multiple of 4 GiB to where it does not. What the run makes of it goes back to the
// input: see doneHelping.
func (w *Worker) moveInput() error {
	s := &w.packet
	if !(*packet)(w).toFrame() {
		n := s.end + 1
		if uint64(n) >= 1<<31 {
			return &codegen.UnsupportedError{What: fmt.Sprintf("a packet of %d bytes at address %p", s.end, s.room), Msg: "it lies across a multiple of 4 GiB, which C programs do not expect"}
		}
		room := make([]byte, 2*n)
		if cutBytes(room[:s.end]) {
			room = room[n:]
		}
		copy(room, s.room)
		s.room = room[:s.end]
	}
	s.moved, w.helped = s.room[s.start:s.end], true
	return nil
}

// setContext makes ctx and mem the context and the packet of the run.
func (w *Worker) setContext(ctx, mem []byte) error {
	l := w.bound.layout
	if len(ctx) > int(l.visible) {
		return fmt.Errorf("%s: a context of type %s has %d bytes, got %d", w.bound.info.Name, w.bound.info.Type, l.visible, len(ctx))
	}
	if err := w.fitContext(int(l.size)); err != nil {
		return err
	}
	w.memory, w.length, w.records = mem, -1, w.records[:0]
	host := w.context[:l.size]
	clear(host[copy(host, ctx):])
	w.packet.room, w.packet.meta, w.packet.start, w.packet.end = mem, 0, 0, len(mem)
	if len(l.start) > 0 && len(mem) > 0 && cutBytes(mem) {
		if err := w.moveInput(); err != nil {
			return err
		}
	}
	w.placePacket()
	w.rc.r1, w.rc.r2 = w.contextAddr, 0
	if l.enter == nil {
		return nil
	}
	err := l.enter((*call)(w))
	if err != nil {
		w.packet.moved = nil
	}
	return err
}

// fitContext makes room for a context of n bytes.
func (w *Worker) fitContext(n int) error {
	if n <= len(w.context) {
		return nil
	}
	a := w.runtime.arena
	s, err := a.alloc(maxContext)
	if err == nil {
		err = a.protect(s, protWrite)
	}
	if err == nil {
		w.context, w.contextAddr = a.bytes(s), a.addr(s.off)
	}
	return err
}

// placePacket tells region and context where the packet is.
func (w *Worker) placePacket() {
	l, s := w.bound.layout, &w.packet
	base := unsafe.Pointer(unsafe.SliceData(s.room))
	addr := uint64(uintptr(base))
	w.setPacket(unsafe.Add(base, s.meta), uint64(s.end-s.meta), l.writable)
	w.putAddress(l.start, addr+uint64(s.start))
	w.putAddress(l.end, addr+uint64(s.end))
	w.putAddress(l.meta, addr+uint64(s.meta))
}

func (w *Worker) putAddress(places []uint32, addr uint64) {
	for _, at := range places {
		*(*uint64)(unsafe.Pointer(&w.context[at])) = addr
	}
}

// seen fills to with the context as the program sees it, without addresses.
func (w *Worker) seen(to []byte) {
	l := w.bound.layout
	copy(to, w.context[:l.visible])
	for i, places := range [...][]uint32{l.start, l.end, l.meta, l.pointers} {
		for _, at := range places {
			if at >= l.visible { // it lies behind what the program sees
				continue
			}
			if b := to[at : at+8]; i < 3 || w.runtime.arena.holds(binary.LittleEndian.Uint64(b)) {
				clear(b)
			}
		}
	}
}

// packet is the packet of a worker's run.
type packet Worker

var _ codegen.Packet = (*packet)(nil)

func (p *packet) Bytes() []byte {
	s := &p.packet
	return s.room[s.start:s.end:s.end]
}

func (p *packet) Meta() []byte {
	s := &p.packet
	return s.room[s.meta:s.start:s.start]
}

func (p *packet) Address() uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p.packet.room)))) + uint64(p.packet.start)
}

func (p *packet) Limit() (head, tail int) {
	if !p.framed() {
		s := &p.packet
		return frameHead + s.meta, frameSize - frameHead - s.end
	}
	return p.packet.meta, len(p.packet.room) - p.packet.end
}

// framed reports whether the packet is in the worker's frame.
func (p *packet) framed() bool {
	s := &p.packet
	return len(s.frame) > 0 && unsafe.SliceData(s.room) == unsafe.SliceData(s.frame)
}

// toFrame moves the packet to the frame, where there is room around it. It reports false if it is too long.
func (p *packet) toFrame() bool {
	s := &p.packet
	if p.framed() {
		return true
	}
	if s.end > frameSize-frameHead || !p.makeFrame() {
		return false
	}
	copy(s.frame[frameHead:], s.room[:s.end])
	s.room, s.meta, s.start, s.end, s.low = s.frame, frameHead+s.meta, frameHead+s.start, frameHead+s.end, frameHead
	return true
}

// reveal makes the frame from an offset on part of the packet or its metadata: what earlier runs left there is gone.
func (s *packetState) reveal(from int) {
	if from < s.low {
		clear(s.room[from:s.low])
		s.low = from
	}
}

func (p *packet) makeFrame() bool {
	if p.packet.frame != nil {
		return true
	}
	a := p.runtime.arena
	s, err := a.alloc(frameSize)
	if err == nil && cut(a.addr(s.off), frameSize) {
		kept := s // until there is another one
		s, err = a.alloc(frameSize)
		err = errors.Join(err, a.dealloc(kept))
	}
	if err != nil || a.protect(s, protWrite) != nil {
		return false
	}
	p.packet.frame = a.bytes(s)
	return true
}

// MoveStart moves the start: see codegen.Packet.
func (p *packet) MoveStart(n int) bool {
	s := &p.packet
	if n > s.end-s.start {
		return false
	}
	if n < 0 {
		if !p.toFrame() || s.meta+n < 0 {
			return false
		}
		s.reveal(s.meta + n)
	}
	copy(s.room[s.meta+n:s.start+n], s.room[s.meta:s.start])
	s.meta, s.start = s.meta+n, s.start+n
	(*Worker)(p).placePacket()
	return true
}

// MoveEnd moves the end: see codegen.Packet.
func (p *packet) MoveEnd(n int) bool {
	s := &p.packet
	if s.end+n < s.start {
		return false
	}
	if n > 0 {
		if !p.toFrame() || n > len(s.room)-s.end {
			return false
		}
		clear(s.room[s.end : s.end+n])
	}
	s.end += n
	(*Worker)(p).placePacket()
	return true
}

// MoveMeta moves the start of the metadata: see codegen.Packet.
func (p *packet) MoveMeta(n int) bool {
	s := &p.packet
	if s.meta+n > s.start {
		return false
	}
	if n < 0 {
		if !p.toFrame() || s.meta+n < 0 {
			return false
		}
		s.reveal(s.meta + n)
	}
	s.meta += n
	(*Worker)(p).placePacket()
	return true
}

// Insert makes room inside the packet: see codegen.Packet.
func (p *packet) Insert(off, n int, front bool) bool {
	if off < 0 || n < 0 || off > len(p.Bytes()) {
		return false
	}
	if front {
		if !p.MoveStart(-n) {
			return false
		}
		b := p.Bytes()
		copy(b, b[n:n+off])
		clear(b[off : off+n])
		return true
	}
	if !p.MoveEnd(n) {
		return false
	}
	b := p.Bytes()
	copy(b[off+n:], b[off:len(b)-n])
	clear(b[off : off+n])
	return true
}

// Remove takes bytes out of the packet: see codegen.Packet.
func (p *packet) Remove(off, n int, front bool) bool {
	b := p.Bytes()
	if off < 0 || n < 0 || off > len(b) || n > len(b)-off {
		return false
	}
	if front {
		copy(b[n:], b[:off])
		return p.MoveStart(n)
	}
	copy(b[off:], b[off+n:])
	return p.MoveEnd(-n)
}
