package codegentest

import "slices"

// packetAddress is where the buffer of a packet lies; a run has one at most.
const packetAddress = 0x6000_0000_0000

// Packet is a codegen.Packet in a buffer with room on both sides.
type Packet struct {
	buf              []byte
	meta, start, end int
}

// NewPacket makes a packet of data with head bytes of room before it and tail bytes behind it.
func NewPacket(data []byte, head, tail int) *Packet {
	return &Packet{slices.Concat(make([]byte, head), data, make([]byte, tail)), head, head, head + len(data)}
}

// Bytes is the packet.
func (p *Packet) Bytes() []byte { return p.buf[p.start:p.end] }

// Meta is the metadata.
func (p *Packet) Meta() []byte { return p.buf[p.meta:p.start] }

// Address is the address of the start.
func (p *Packet) Address() uint64 { return packetAddress + uint64(p.start) }

// at is bytes of the metadata and the packet.
func (p *Packet) at(addr, n uint64) []byte {
	off := addr - packetAddress
	if addr < packetAddress+uint64(p.meta) || off > uint64(p.end) || n > uint64(p.end)-off {
		return nil
	}
	return p.buf[off : off+n : off+n]
}

// MoveStart moves the start, and the metadata with it.
func (p *Packet) MoveStart(n int) bool {
	if p.start+n > p.end || p.meta+n < 0 {
		return false
	}
	meta := slices.Clone(p.Meta())
	if n < 0 {
		clear(p.buf[p.start+n : p.start])
	}
	p.start, p.meta = p.start+n, p.meta+n
	copy(p.buf[p.meta:], meta)
	return true
}

// MoveEnd moves the end.
func (p *Packet) MoveEnd(n int) bool {
	if p.end+n > len(p.buf) || p.end+n < p.start {
		return false
	}
	if n > 0 {
		clear(p.buf[p.end : p.end+n])
	}
	p.end += n
	return true
}

// MoveMeta moves the start of the metadata.
func (p *Packet) MoveMeta(n int) bool {
	if p.meta+n > p.start || p.meta+n < 0 {
		return false
	}
	if n < 0 {
		clear(p.buf[p.meta+n : p.meta])
	}
	p.meta += n
	return true
}

// Insert makes room inside the packet.
func (p *Packet) Insert(off, n int, front bool) bool {
	if off < 0 || n < 0 || off > len(p.Bytes()) {
		return false
	}
	data := slices.Insert(slices.Clone(p.Bytes()), off, make([]byte, n)...)
	if front && !p.MoveStart(-n) || !front && !p.MoveEnd(n) {
		return false
	}
	copy(p.Bytes(), data)
	return true
}

// Remove takes bytes out of the packet.
func (p *Packet) Remove(off, n int, front bool) bool {
	if off < 0 || n < 0 || off+n > len(p.Bytes()) {
		return false
	}
	data := slices.Delete(slices.Clone(p.Bytes()), off, off+n)
	if front && !p.MoveStart(n) || !front && !p.MoveEnd(-n) {
		return false
	}
	copy(p.Bytes(), data)
	return true
}

// Limit is the room.
func (p *Packet) Limit() (head, tail int) { return p.meta, len(p.buf) - p.end }
