package flowdissector

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// Frames, built from the inside: each function puts a header before what it is given.

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func ethernet(number uint16, b []byte) []byte {
	return slices.Concat([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, be16(number), b)
}

func vlan(tci, number uint16, b []byte) []byte { return slices.Concat(be16(tci), be16(number), b) }

// mpls is an entry of a label stack; bottom is 1 for the last one.
func mpls(label, bottom uint32, b []byte) []byte {
	return slices.Concat(be32(label<<12|bottom<<8|64), b)
}

var (
	from4, to4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.2")
	from6, to6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:ffff::2")
	in4, out4  = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.255.0.2")
)

// ipv4 is a packet whose third word, the fragment's flags and offset, and whose options are given.
func ipv4(src, dst netip.Addr, number uint8, fragment uint16, options string, b []byte) []byte {
	head := slices.Concat([]byte{0x45 + byte(len(options)/4), 0}, be16(uint16(20+len(options)+len(b))), be16(1), be16(fragment),
		[]byte{64, number, 0, 0}, src.AsSlice(), dst.AsSlice(), []byte(options))
	sum := uint32(0)
	for i := 0; i < len(head); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(head[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(head[10:], ^uint16(sum))
	return append(head, b...)
}

// plain4 is one between the outer hosts that has neither.
func plain4(number uint8, b []byte) []byte { return ipv4(from4, to4, number, 0, "", b) }

func ipv6(label uint32, number uint8, b []byte) []byte {
	return slices.Concat(be32(6<<28|label), be16(uint16(len(b))), []byte{number, 64}, from6.AsSlice(), to6.AsSlice(), b)
}

// extension is a header of 8 bytes and more units of 8, for all but fragments.
func extension(number, units uint8, b []byte) []byte {
	return slices.Concat([]byte{number, units, 1, 4}, make([]byte, 4+8*int(units)), b)
}

func fragment6(number uint8, offset uint16, more byte, b []byte) []byte {
	return slices.Concat([]byte{number, 0}, be16(offset<<3|uint16(more)), be32(77), b)
}

func tcp(src, dst uint16) []byte {
	return slices.Concat(be16(src), be16(dst), be32(1), be32(0), []byte{0x50, 2}, be16(1024), be32(0))
}

func udp(src, dst uint16) []byte { return slices.Concat(be16(src), be16(dst), be16(8), be16(0)) }

func gre(flags, number uint16, fields string, b []byte) []byte {
	return slices.Concat(be16(flags), be16(number), []byte(fields), b)
}

// times puts a header before b, n times.
func times(n int, b []byte, put func([]byte) []byte) []byte {
	for range n {
		b = put(b)
	}
	return b
}

// frame is one with what is to be found in it, by hand.
type frame struct {
	name   string
	bytes  []byte
	flags  uint32
	want   flow
	labels labels
}

// Flows that frames begin with.
func flow4(at, transport int, number uint8, src, dst uint16) flow {
	return flow{Network: 0x0800, NetworkAt: at, TransportAt: transport, Family: 0x0800, Src: from4, Dst: to4, Protocol: number, Sport: src, Dport: dst}
}

func flow6(at, transport int, number uint8, src, dst uint16) flow {
	return flow{Network: 0x86dd, NetworkAt: at, TransportAt: transport, Family: 0x86dd, Src: from6, Dst: to6, Protocol: number, Sport: src, Dport: dst}
}

// but changes a flow.
func (f flow) but(change func(*flow)) flow { change(&f); return f }

func tunnel(f *flow)        { f.Tunnel = true }
func inside(f *flow)        { f.Tunnel, f.Src, f.Dst = true, in4, out4 }
func dropped(f *flow)       { f.Verdict = drop }
func firstFragment(f *flow) { f.Fragment, f.First = true, true }
func laterFragment(f *flow) { f.Fragment = true }
func labelled(f *flow)      { f.FlowLabel = 0xabcde }

// frames are those with an answer of their own. The numbers of TCP and UDP are 6 and 17.
func frames() []frame {
	inner := ipv4(in4, out4, 17, 0, "", udp(7, 8))
	return []frame{
		{"TCP", ethernet(0x0800, plain4(6, tcp(1024, 443))), 0, flow4(14, 34, 6, 1024, 443), labels{}},
		{"UDP", ethernet(0x0800, plain4(17, udp(53, 1024))), 0, flow4(14, 34, 17, 53, 1024), labels{}},
		{"UDP-Lite", ethernet(0x0800, plain4(136, udp(53, 1024))), 0, flow4(14, 34, 136, 53, 1024), labels{}},
		{"SCTP", ethernet(0x0800, plain4(132, append(udp(5, 6), 0, 0, 0, 0))), 0, flow4(14, 34, 132, 5, 6), labels{}},
		{"ICMP", ethernet(0x0800, plain4(1, []byte{8, 0, 0, 0, 0, 1, 0, 1})), 0, flow4(14, 34, 1, 0, 0), labels{}},
		{"a protocol without ports", ethernet(0x0800, plain4(89, []byte{2, 1})), 0, flow4(14, 34, 89, 0, 0), labels{}},
		{"IPv4 options", ethernet(0x0800, ipv4(from4, to4, 6, 0, "\x94\x04\x00\x00", tcp(1, 2))), 0, flow4(14, 38, 6, 1, 2), labels{}},
		{"all IPv4 options", ethernet(0x0800, ipv4(from4, to4, 17, 0, string(make([]byte, 40)), udp(1, 2))), 0, flow4(14, 74, 17, 1, 2), labels{}},
		{"a first fragment", ethernet(0x0800, ipv4(from4, to4, 17, 0x2000, "", udp(1, 2))), 0, flow4(14, 34, 17, 0, 0).but(firstFragment), labels{}},
		{"a first fragment, asked for", ethernet(0x0800, ipv4(from4, to4, 17, 0x2000, "", udp(1, 2))), parseFirstFragment,
			flow4(14, 34, 17, 1, 2).but(firstFragment), labels{}},
		{"a later fragment", ethernet(0x0800, ipv4(from4, to4, 17, 0x2001, "", udp(1, 2))), parseFirstFragment, flow4(14, 34, 17, 0, 0).but(laterFragment), labels{}},
		{"the last fragment", ethernet(0x0800, ipv4(from4, to4, 17, 0x1fff, "", []byte{1})), parseFirstFragment, flow4(14, 34, 17, 0, 0).but(laterFragment), labels{}},
		{"not to be fragmented", ethernet(0x0800, ipv4(from4, to4, 17, 0x4000, "", udp(1, 2))), 0, flow4(14, 34, 17, 1, 2), labels{}},
		{"VLAN", ethernet(0x8100, vlan(0x2064, 0x0800, plain4(6, tcp(1, 2)))), 0, flow4(18, 38, 6, 1, 2), labels{VLANs: 1, VLAN: [2][2]byte{{0x20, 0x64}}}},
		{"QinQ", ethernet(0x88a8, vlan(7, 0x8100, vlan(8, 0x86dd, ipv6(0, 17, udp(1, 2))))), 0, flow6(22, 62, 17, 1, 2),
			labels{VLANs: 2, VLAN: [2][2]byte{{0, 7}, {0, 8}}}},
		{"three tags", ethernet(0x88a8, vlan(7, 0x88a8, vlan(8, 0x8100, vlan(9, 0x0800, plain4(6, tcp(1, 2)))))), 0, flow4(26, 46, 6, 1, 2),
			labels{VLANs: 3, VLAN: [2][2]byte{{0, 7}, {0, 8}}}},
		{"MPLS", ethernet(0x8847, mpls(16, 1, plain4(6, tcp(1, 2)))), 0, flow4(18, 38, 6, 1, 2), labels{Stack: 1, MPLS: [4]byte{0, 1, 1, 64}}},
		{"a stack of labels", ethernet(0x8848, mpls(0xfffff, 0, mpls(17, 0, mpls(2, 1, ipv6(0, 6, tcp(1, 2)))))), 0, flow6(26, 66, 6, 1, 2),
			labels{Stack: 3, MPLS: [4]byte{0xff, 0xff, 0xf0, 64}}},
		{"MPLS with a control word", ethernet(0x8847, mpls(16, 1, make([]byte, 20))), 0, flow{Network: 0x8847, NetworkAt: 14, TransportAt: 18},
			labels{Stack: 1, MPLS: [4]byte{0, 1, 1, 64}}},
		{"IPv6", ethernet(0x86dd, ipv6(0, 6, tcp(1024, 443))), 0, flow6(14, 54, 6, 1024, 443), labels{}},
		{"ICMPv6", ethernet(0x86dd, ipv6(0, 58, []byte{135, 0, 0, 0})), 0, flow6(14, 54, 58, 0, 0), labels{}},
		{"a flow label", ethernet(0x86dd, ipv6(0xabcde, 17, udp(1, 2))), 0, flow6(14, 54, 17, 1, 2).but(labelled), labels{}},
		{"a flow label is enough", ethernet(0x86dd, ipv6(0xabcde, 17, udp(1, 2))), stopAtFlowLabel, flow6(14, 54, 17, 0, 0).but(labelled), labels{}},
		{"no flow label", ethernet(0x86dd, ipv6(0, 17, udp(1, 2))), stopAtFlowLabel, flow6(14, 54, 17, 1, 2), labels{}},
		{"IPv6 options", ethernet(0x86dd, ipv6(0, 0, extension(43, 0, extension(60, 2, extension(6, 0, tcp(1, 2)))))), 0, flow6(14, 94, 6, 1, 2), labels{}},
		{"no next header", ethernet(0x86dd, ipv6(0, 60, extension(59, 0, nil))), 0, flow6(14, 62, 59, 0, 0), labels{}},
		{"a first IPv6 fragment", ethernet(0x86dd, ipv6(0, 44, fragment6(17, 0, 1, udp(1, 2)))), 0, flow6(14, 62, 17, 0, 0).but(firstFragment), labels{}},
		{"a first IPv6 fragment, asked for", ethernet(0x86dd, ipv6(0, 44, fragment6(60, 0, 1, extension(17, 0, udp(1, 2))))), parseFirstFragment,
			flow6(14, 70, 17, 1, 2).but(firstFragment), labels{}},
		{"a later IPv6 fragment", ethernet(0x86dd, ipv6(0, 0, extension(44, 0, fragment6(17, 185, 0, udp(1, 2))))), parseFirstFragment,
			flow6(14, 70, 17, 0, 0).but(laterFragment), labels{}},
		{"GRE", ethernet(0x0800, plain4(47, gre(0, 0x0800, "", inner))), 0, flow4(38, 58, 17, 7, 8).but(inside), labels{}},
		{"GRE, not looked into", ethernet(0x0800, plain4(47, gre(0, 0x0800, "", inner))), stopAtEncapsulation, flow4(38, 38, 47, 0, 0).but(tunnel), labels{}},
		{"GRE with a key", ethernet(0x0800, plain4(47, gre(0x2000, 0x0800, "\x00\x00\x12\x34", inner))), 0, flow4(42, 62, 17, 7, 8).but(inside),
			labels{GREKey: [4]byte{0, 0, 0x12, 0x34}}},
		{"GRE with all fields", ethernet(0x0800, plain4(47, gre(0xb000, 0x0800, "\x11\x22\x00\x00key.\x00\x00\x00\x01", inner))), 0,
			flow4(50, 70, 17, 7, 8).but(inside), labels{GREKey: [4]byte([]byte("key."))}},
		{"IPv6 in GRE", ethernet(0x0800, plain4(47, gre(0x1000, 0x86dd, "\x00\x00\x00\x09", ipv6(0, 6, tcp(1, 2))))), 0, flow6(42, 82, 6, 1, 2).but(tunnel), labels{}},
		{"Ethernet in GRE", ethernet(0x86dd, ipv6(0, 47, gre(0x2000, 0x6558, "\x00\x00\x00\x05", ethernet(0x8100, vlan(5, 0x0800, inner))))), 0,
			flow4(80, 100, 17, 7, 8).but(inside), labels{VLANs: 1, VLAN: [2][2]byte{{0, 5}}, GREKey: [4]byte{0, 0, 0, 5}}},
		{"MPLS in GRE", ethernet(0x0800, plain4(47, gre(0, 0x8847, "", mpls(3, 1, inner)))), 0, flow4(42, 62, 17, 7, 8).but(inside),
			labels{Stack: 1, MPLS: [4]byte{0, 0, 0x31, 64}}},
		{"GRE in GRE", ethernet(0x0800, plain4(47, gre(0x2000, 0x0800, "\x00\x00\x00\x01", plain4(47, gre(0x2000, 0x0800, "\x00\x00\x00\x02", inner))))), 0,
			flow4(70, 90, 17, 7, 8).but(inside), labels{GREKey: [4]byte{0, 0, 0, 2}}},
		{"GRE of PPTP", ethernet(0x0800, plain4(47, gre(0x3001, 0x880b, "\x00\x00\x00\x00\x00\x00\x00\x00", nil))), 0, flow4(14, 34, 47, 0, 0), labels{}},
		{"GRE with routing", ethernet(0x0800, plain4(47, gre(0x4000, 0x0800, "\x00\x00\x00\x00", inner))), 0, flow4(14, 34, 47, 0, 0), labels{}},
		{"IPv4 in IPv6", ethernet(0x86dd, ipv6(0, 4, inner)), 0, flow4(54, 74, 17, 7, 8).but(inside), labels{}},
		{"IPv6 in IPv4", ethernet(0x0800, plain4(41, ipv6(0xabcde, 6, tcp(1, 2)))), 0, flow6(34, 74, 6, 1, 2).but(tunnel).but(labelled), labels{}},
		{"IPv6 in IPv4, not looked into", ethernet(0x0800, plain4(41, ipv6(0, 6, tcp(1, 2)))), stopAtEncapsulation,
			flow{Network: 0x86dd, NetworkAt: 34, TransportAt: 34, Family: 0x0800, Src: from4, Dst: to4, Protocol: 41, Tunnel: true}, labels{}},
		{"a tunnel in a first fragment", ethernet(0x0800, ipv4(from4, to4, 4, 0x2000, "", inner)), parseFirstFragment,
			flow4(34, 54, 17, 7, 8).but(inside).but(firstFragment), labels{}},
		{"ARP", ethernet(0x0806, make([]byte, 28)), 0, flow{Verdict: drop, Network: 0x0806, NetworkAt: 14, TransportAt: 14}, labels{}},
		{"another version behind IPv4's type", ethernet(0x0800, ipv6(0, 17, udp(1, 2))), 0, flow{Verdict: drop, Network: 0x0800, NetworkAt: 14, TransportAt: 14}, labels{}},
		{"a header that is too short", ethernet(0x0800, append([]byte{0x44}, plain4(17, udp(1, 2))[1:]...)), 0,
			flow{Verdict: drop, Network: 0x0800, NetworkAt: 14, TransportAt: 14}, labels{}},
		{"options that are cut off", ethernet(0x0800, append([]byte{0x4f}, plain4(17, udp(1, 2))[1:]...)), 0,
			flow{Verdict: drop, Network: 0x0800, NetworkAt: 14, TransportAt: 14}, labels{}},
		{"half a TCP header", ethernet(0x0800, plain4(6, tcp(1, 2)[:10])), 0, flow4(14, 34, 6, 0, 0).but(dropped), labels{}},
		{"an offset of TCP that is too small", ethernet(0x86dd, ipv6(0, 6, append(append(tcp(1, 2)[:12], 0x40), tcp(1, 2)[13:]...))), 0, flow6(14, 54, 6, 0, 0).but(dropped), labels{}},
		{"33 headers", ethernet(0x8100, times(32, plain4(17, udp(1, 2)), tag)), 0, flow4(142, 162, 17, 1, 2), tags(32)},
		{"34 headers", ethernet(0x8100, times(33, plain4(17, udp(1, 2)), tag)), 0, flow{Verdict: drop, Network: 0x0800, NetworkAt: 146, TransportAt: 146}, tags(33)},
		{"33 headers of IPv6", ethernet(0x86dd, ipv6(0, 0, times(32, udp(1, 2), option))), 0, flow6(14, 310, 17, 1, 2), labels{}},
		{"34 headers of IPv6", ethernet(0x86dd, ipv6(0, 0, times(33, udp(1, 2), option))), 0, flow6(14, 310, 0, 0, 0).but(dropped), labels{}},
		{"tunnels without an end", ethernet(0x0800, times(40, nil, func(b []byte) []byte { return plain4(4, b) })), 0,
			flow4(14+33*20, 14+33*20, 4, 0, 0).but(tunnel).but(dropped), labels{}},
	}
}

// tag and option are headers before others of their kind; the innermost says what is behind it.
func tag(b []byte) []byte {
	number := uint16(0x8100)
	if b[0]>>4 == 4 {
		number = 0x0800
	}
	return vlan(5, number, b)
}

func option(b []byte) []byte {
	number := uint8(0)
	if len(b) == 8 {
		number = 17
	}
	return extension(number, 0, b)
}

func tags(n uint16) labels { return labels{VLANs: n, VLAN: [2][2]byte{{0, 5}, {0, 5}}} }

// draw makes frames that are drawn.
type draw struct{ *rand.Rand }

func pick[T any](d draw, of ...T) T { return of[d.IntN(len(of))] }

func (d draw) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return b
}

// frame is one of anything, in one of three with some of its bytes changed, in one of four cut off.
func (d draw) frame() []byte {
	number, b := d.network(d.IntN(8))
	b = ethernet(number, b)
	if d.IntN(3) == 0 {
		for range 1 + d.IntN(4) {
			b[d.IntN(len(b))] ^= 1 << d.IntN(8)
		}
	}
	if d.IntN(4) == 0 {
		b = b[:14+d.IntN(len(b)-13)]
	}
	return b
}

// network is a packet of the network layer with its type. Depth bounds what is in it.
func (d draw) network(depth int) (number uint16, b []byte) {
	if depth <= 0 {
		return pick(d, uint16(0x0800), 0x86dd, 0x0806, 0x9000), d.bytes(d.IntN(80))
	}
	switch d.IntN(7) {
	case 0:
		number, b = d.network(depth - 1)
		return pick(d, uint16(0x8100), 0x88a8), vlan(uint16(d.Uint32()), number, b)
	case 1:
		number, b = d.network(depth - 1)
		for i := range uint32(1 + d.IntN(3)) {
			b = mpls(d.Uint32()>>12, 1-min(i, 1), b)
		}
		return pick(d, uint16(0x8847), 0x8848), b
	case 2:
		number, b = d.network(depth - 1)
		return 0x6558, ethernet(number, b)
	case 3, 4:
		protocol, b := d.transport(depth - 1)
		options := bytes.Repeat([]byte{1}, 4*pick(d, 0, 0, 0, 1, 5, 10))
		return 0x0800, ipv4(d.addr(4), d.addr(4), protocol, pick(d, uint16(0), 0, 0, 0x4000, 0x2000, 0x2010, 7), string(options), b)
	}
	next, b := d.behind6(depth - 1)
	b = ipv6(pick(d, 0, d.Uint32()>>12), next, b)
	copy(b[8:], d.bytes(32))
	return 0x86dd, b
}

func (d draw) addr(n int) netip.Addr {
	a, _ := netip.AddrFromSlice(d.bytes(n))
	return a
}

// behind6 is what follows a header of IPv6.
func (d draw) behind6(depth int) (number uint8, b []byte) {
	if depth <= 0 || d.IntN(2) == 0 {
		return d.transport(depth)
	}
	number, b = d.behind6(depth - 1)
	if d.IntN(4) == 0 {
		return 44, fragment6(number, pick(d, uint16(0), 0, 185), byte(d.IntN(2)), b)
	}
	return pick(d, uint8(0), 43, 60), extension(number, pick(d, uint8(0), 0, 1, 4), b)
}

func (d draw) transport(depth int) (number uint8, b []byte) {
	switch d.IntN(8) {
	case 0, 1:
		return 6, tcp(uint16(d.Uint32()), uint16(d.Uint32()))
	case 2:
		return pick(d, uint8(17), 136), udp(uint16(d.Uint32()), uint16(d.Uint32()))
	case 3:
		return pick(d, uint8(132), 1, 58, 59, 50, 255), d.bytes(d.IntN(30))
	case 4:
		if kind, b := d.network(depth - 1); kind == 0x86dd {
			return 41, b
		} else {
			return 4, b
		}
	}
	kind, b := d.network(depth - 1)
	flags := pick(d, uint16(0), 0x8000, 0x2000, 0x1000, 0xb000, 0xa000, 0x3000, 0x4000, 1, 0x2080)
	fields := 0
	for _, bit := range []uint16{0x8000, 0x2000, 0x1000} {
		if flags&bit != 0 {
			fields += 4
		}
	}
	return 47, gre(flags, kind, string(d.bytes(fields)), b)
}
