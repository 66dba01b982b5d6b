package flowdissector

import (
	"encoding/binary"
	"net/netip"
)

// The same in Go, by another way: a table of what the RFCs say of each header, and a loop over it.

// flow is what is found in a frame.
type flow struct {
	Verdict                 uint64 // ok or drop
	Network                 uint16 // the EtherType of the innermost network header
	NetworkAt, TransportAt  int
	Family                  uint16 // the EtherType of the addresses, 0 if there are none
	Src, Dst                netip.Addr
	Protocol                uint8
	Sport, Dport            uint16
	Fragment, First, Tunnel bool
	FlowLabel               uint32
}

// labels is struct labels of flowdissector.c.
type labels struct {
	VLANs, Stack uint16
	VLAN         [2][2]byte
	MPLS, GREKey [4]byte
}

// Results of flow dissectors.
const (
	ok   = 0
	drop = 2
)

// What a caller may ask for (include/uapi/linux/bpf.h, Linux 6.18).
const (
	parseFirstFragment = 1 << iota
	stopAtFlowLabel
	stopAtEncapsulation
)

// maxHeaders is how many headers are parsed by a program of their own: MAX_TAIL_CALL_CNT (include/linux/bpf.h, Linux 6.18).
const maxHeaders = 33

// maxOffset is the largest that fits into the keys.
const maxOffset = 1<<16 - 1

// space says what a number means.
type space int

const (
	etherType  space = iota
	ipProtocol       // behind IPv4
	nextHeader       // behind IPv6, where it may be that of an extension header
	last             // there are no more headers
	here             // the same, and what is here counts as what the header before is about
	bad              // there should be one, but what is there is none
)

// protocol is the number of a protocol.
type protocol struct {
	space
	number uint16
}

// rest is a frame from a header on, and what is known of the headers before it.
type rest struct {
	*flow
	*labels
	flags uint32
	b     []byte
}

func (r rest) u8(at int) uint8   { return r.b[at] }
func (r rest) u16(at int) uint16 { return binary.BigEndian.Uint16(r.b[at:]) }
func (r rest) u32(at int) uint32 { return binary.BigEndian.Uint32(r.b[at:]) }

// header is what is known of a header.
type header struct {
	least  int                 // bytes that each has
	size   func(rest) int      // how many this one has, nil if all have the least; -1 if it is none
	inline bool                // it is no program's of its own
	note   func(rest)          // what it says
	next   func(rest) protocol // nil if the headers end at its beginning
}

// Ports are the first four bytes of every transport protocol that has some.
func ports(r rest) { r.Sport, r.Dport = r.u16(0), r.u16(2) }

// fragment takes note of one, and says whether what follows is looked at: with an offset, it is the middle of something.
func (r rest) fragment(offset uint16, then protocol) protocol {
	r.Fragment, r.First = true, offset == 0
	if offset != 0 || r.flags&parseFirstFragment == 0 {
		return protocol{last, 0}
	}
	return then
}

// tunnel leads to a network header inside.
func (r rest) tunnel(number uint16) protocol {
	r.Tunnel = true
	return protocol{etherType, number}
}

// chain is an IPv6 extension header of the common form (RFC 8200, 4.3, 4.4 and 4.6).
var chain = header{
	least: 2, size: func(r rest) int { return 8 + 8*int(r.u8(1)) },
	note: func(r rest) { r.Protocol = r.u8(0) },
	next: func(r rest) protocol { return protocol{nextHeader, uint16(r.u8(0))} },
}

// tagged is IEEE 802.1Q, 9.6: a tag, the type of what follows.
var tagged = header{
	least: 4,
	note: func(r rest) {
		if r.VLANs < 2 {
			r.VLAN[r.VLANs] = [2]byte(r.b)
		}
		r.VLANs++
	},
	next: func(r rest) protocol { return protocol{etherType, r.u16(2)} },
}

// stack is an entry of a label stack (RFC 3032, 2.1): label, class, bottom of the stack, time to live.
var stack = header{
	least: 4,
	note: func(r rest) {
		if r.Stack == 0 {
			r.MPLS = [4]byte(r.b)
		}
		r.Stack++
	},
	next: func(r rest) protocol {
		if r.u32(0)>>8&1 == 0 {
			return protocol{etherType, r.Network}
		}
		if len(r.b) < 5 {
			return protocol{bad, 0}
		}
		if number, ok := map[uint8]uint16{4: 0x0800, 6: 0x86dd}[r.u8(4)>>4]; ok {
			return protocol{etherType, number}
		}
		return protocol{last, 0}
	},
}

// headers are those of the network layer.
var headers = map[protocol]header{
	{etherType, 0x8100}: tagged,
	{etherType, 0x88a8}: tagged,
	{etherType, 0x8847}: stack,
	{etherType, 0x8848}: stack, // RFC 5332
	{etherType, 0x6558}: { // RFC 1701: an Ethernet frame
		least: 14, next: func(r rest) protocol { return protocol{etherType, r.u16(12)} },
	},
	{etherType, 0x0800}: { // RFC 791, 3.1
		least: 20,
		size: func(r rest) int {
			if r.u8(0)>>4 != 4 || r.u8(0)&15 < 5 {
				return -1
			}
			return 4 * int(r.u8(0)&15)
		},
		note: func(r rest) {
			r.Family, r.Protocol = 0x0800, r.u8(9)
			r.Src, r.Dst = netip.AddrFrom4([4]byte(r.b[12:])), netip.AddrFrom4([4]byte(r.b[16:]))
		},
		next: func(r rest) protocol {
			then := protocol{ipProtocol, uint16(r.u8(9))}
			if r.u16(6)&0x3fff == 0 { // neither MF nor an offset
				return then
			}
			return r.fragment(r.u16(6)&0x1fff, then)
		},
	},
	{etherType, 0x86dd}: { // RFC 8200, 3
		least: 40,
		size: func(r rest) int {
			if r.u8(0)>>4 != 6 {
				return -1
			}
			return 40
		},
		note: func(r rest) {
			r.Family, r.Protocol, r.FlowLabel = 0x86dd, r.u8(6), r.u32(0)&0xfffff
			r.Src, r.Dst = netip.AddrFrom16([16]byte(r.b[8:])), netip.AddrFrom16([16]byte(r.b[24:]))
		},
		next: func(r rest) protocol {
			if r.FlowLabel != 0 && r.flags&stopAtFlowLabel != 0 {
				return protocol{last, 0}
			}
			return protocol{nextHeader, uint16(r.u8(6))}
		},
	},
	{nextHeader, 0}:  chain,
	{nextHeader, 43}: chain,
	{nextHeader, 60}: chain,
	{nextHeader, 44}: { // RFC 8200, 4.5
		least: 8,
		note:  func(r rest) { r.Protocol = r.u8(0) },
		next:  func(r rest) protocol { return r.fragment(r.u16(2)>>3, protocol{nextHeader, uint16(r.u8(0))}) },
	},
}

// transports are those of the transport layer, behind both versions of IP.
var transports = map[uint16]header{
	1:   {least: 8, inline: true},               // RFC 792
	58:  {least: 4, inline: true},               // RFC 4443, 2.1
	17:  {least: 8, inline: true, note: ports},  // RFC 768
	136: {least: 8, inline: true, note: ports},  // RFC 3828, 3.1
	132: {least: 12, inline: true, note: ports}, // RFC 9260, 3.1
	6: { // RFC 9293, 3.1
		least: 20, inline: true, note: ports,
		size: func(r rest) int {
			if r.u8(12)>>4 < 5 {
				return -1
			}
			return 20 // options are no part of a flow
		},
	},
	4:  {inline: true, next: func(r rest) protocol { return r.tunnel(0x0800) }}, // RFC 2003
	41: {inline: true, next: func(r rest) protocol { return r.tunnel(0x86dd) }}, // RFC 2473, RFC 4213
	47: { // RFC 2784 and RFC 2890, 2; the bit of RFC 1701 for routing, and version 1 of RFC 2637, are not read further
		least: 4,
		size: func(r rest) int {
			n := 4
			for bit, size := range map[uint16]int{0x8000: 4, 0x2000: 4, 0x1000: 4} {
				if !foreign(r) && r.u16(0)&bit != 0 {
					n += size
				}
			}
			return n
		},
		note: func(r rest) {
			if at := 4 + 4*int(r.u16(0)>>15); !foreign(r) && r.u16(0)&0x2000 != 0 {
				r.GREKey = [4]byte(r.b[at:])
			}
		},
		next: func(r rest) protocol {
			if foreign(r) {
				return protocol{here, 0}
			}
			return r.tunnel(r.u16(2))
		},
	},
}

// foreign says that a header of GRE has another form.
func foreign(r rest) bool { return r.u16(0)&0x4007 != 0 }

// find is the header of a protocol.
func find(p protocol) (h header, known bool) {
	if h, known = headers[p]; !known && (p.space == ipProtocol || p.space == nextHeader) {
		h, known = transports[p.number]
	}
	return h, known
}

// dissect finds the flow of a frame of at least 14 bytes.
func dissect(frame []byte, flags uint32) (f flow, l labels) {
	const ethernet = 14
	f.TransportAt = ethernet
	p, parsers := protocol{etherType, binary.BigEndian.Uint16(frame[ethernet-2:])}, 0
	for {
		if p.space == etherType {
			f.Network, f.NetworkAt = p.number, f.TransportAt
		}
		h, known := find(p)
		switch stop := f.Tunnel && flags&stopAtEncapsulation != 0; {
		case p.space == last || p.space == here || stop || !known && (p.space == ipProtocol || p.space == nextHeader):
			return f, l
		case !known || !h.inline && parsers == maxHeaders:
			f.Verdict = drop
			return f, l
		case !h.inline:
			parsers++
		}
		r, size := rest{&f, &l, flags, frame[f.TransportAt:]}, h.least
		if len(r.b) >= size && h.size != nil {
			size = h.size(r)
		}
		if size < h.least || len(r.b) < size || f.TransportAt+size > maxOffset {
			f.Verdict = drop
			return f, l
		}
		if h.note != nil {
			h.note(r)
		}
		if h.next == nil {
			return f, l
		}
		p = h.next(r)
		if p.space != here {
			f.TransportAt += size
		}
	}
}
