package networking

import "github.com/bpfc/bpfc/core/codegen"

// Flags and modes of bpf_skb_adjust_room (include/uapi/linux/bpf.h).
const (
	roomFixedGso   = 1 << 0
	roomEncap4     = 1 << 1
	roomEncap6     = 1 << 2
	roomEncapGRE   = 1 << 3
	roomEncapUDP   = 1 << 4
	roomKeepSum    = 1 << 5 // BPF_F_ADJ_ROOM_NO_CSUM_RESET
	roomEncapEth   = 1 << 6
	roomDecap4     = 1 << 7
	roomDecap6     = 1 << 8
	roomInnerShift = 56

	roomEncap  = roomEncap4 | roomEncap6
	roomDecap  = roomDecap4 | roomDecap6
	roomFlags  = roomFixedGso | roomEncap | roomEncapGRE | roomEncapUDP | roomKeepSum | roomEncapEth | roomDecap | 0xff<<roomInnerShift
	roomShrink = roomFixedGso | roomDecap | roomKeepSum

	roomNet = 0
	roomMac = 1

	maxRoom = 0xfff
)

// shapeGo change the length of a packet and what its headers are (net/core/filter.c, Linux 6.18).
func shapeGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_skb_change_head":  changeHead,
		"bpf_skb_change_tail":  changeTail,
		"bpf_skb_change_proto": changeProto,
		"bpf_skb_adjust_room":  adjustRoom,
		"bpf_skb_vlan_push":    vlanPush,
		"bpf_skb_vlan_pop":     vlanPop,
	}
}

// changeHead is bpf_skb_change_head. Linux has as much room as it needs; here
// there is as much as the packet's memory has before it.
func changeHead(c codegen.Call, _, n, flags, _, _ uint64) uint64 {
	s, room := bufferOf(c), uint32(n)
	if total := uint64(s.len()) + uint64(room); flags != 0 || room > maxOffset || total > maxSkb && !s.gso() {
		return codegen.EINVAL.Ret()
	}
	if !s.push(int(room)) {
		return codegen.ENOMEM.Ret()
	}
	s.setPlace(atMac, s.place(atPos))
	s.resetMacLen()
	return 0
}

// changeTail is bpf_skb_change_tail: it grows or trims the end.
func changeTail(c codegen.Call, _, n, flags, _, _ uint64) uint64 {
	s, size := bufferOf(c), uint64(uint32(n))
	switch {
	case flags != 0 || size > maxSkb || size < uint64(s.minLen()):
		return codegen.EINVAL.Ret()
	case s.has(flagEncap):
		return codegen.ENOTSUPP.Ret()
	case !s.pkt.MoveEnd(int(size) - s.len()):
		return codegen.ENOMEM.Ret()
	}
	s.moved(0)
	if s.gso() {
		s.setField(skbGsoSize, 0)
		s.setField(skbGsoSegs, 0)
	}
	return 0
}

// minLen is what a packet cannot be trimmed below (__bpf_skb_min_len).
func (s buffer) minLen() int {
	least := max(s.netOffset(), 0)
	if off := s.place(atTrans) - s.place(atPos); s.has(flagTrans) && off > 0 {
		least = off
	}
	return least
}

// headerGrowth is how much longer an IPv6 header is than an IPv4 header.
const headerGrowth = ipv6Len - ipv4Len

// changeProto is bpf_skb_change_proto, between IPv4 and IPv6.
func changeProto(c codegen.Call, _, proto, flags, _, _ uint64) uint64 {
	if flags != 0 {
		return codegen.EINVAL.Ret()
	}
	s, to := bufferOf(c), swap(uint16(proto))
	var e codegen.Errno
	switch from, off := s.protocol(), s.macHeaderLen(); {
	case from == protoIP && to == protoIPv6:
		e = s.insert(off, headerGrowth)
	case from == protoIPv6 && to == protoIP:
		e = s.remove(off, headerGrowth)
	default:
		return codegen.ENOTSUPP.Ret()
	}
	if e == codegen.OK {
		s.setProtocol(to)
		s.clearHash()
	}
	return e.Ret()
}

// adjustRoom is bpf_skb_adjust_room, which is simpler for programs on streams (sk_skb_adjust_room).
func adjustRoom(c codegen.Call, _, diff, mode, flags, _ uint64) uint64 {
	s, n := bufferOf(c), int(int32(diff))
	if isStream(c) {
		return s.streamRoom(n, uint32(mode), flags).Ret()
	}
	e := s.room(n, uint32(mode), flags)
	if e == codegen.OK && flags&roomKeepSum == 0 {
		s.resetSummed()
	}
	return e.Ret()
}

// headerLen is the length of the header of a network protocol without options, 0 if it has none.
func headerLen(proto uint16) int {
	switch proto {
	case protoIP:
		return ipv4Len
	case protoIPv6:
		return ipv6Len
	}
	return 0
}

func (s buffer) room(n int, mode uint32, flags uint64) codegen.Errno {
	base := headerLen(s.protocol())
	switch {
	case flags&^uint64(roomFlags) != 0:
		return codegen.EINVAL
	case max(n, -n) > maxRoom:
		return codegen.EFAULT
	case base == 0 || mode > roomMac:
		return codegen.ENOTSUPP
	}
	off := s.macHeaderLen()
	if mode == roomNet {
		off += base
	}
	if flags&roomDecap != 0 {
		if n >= 0 || flags&roomDecap == roomDecap {
			return codegen.EINVAL
		}
		base = headerLen(decapped(flags))
	}
	if now := s.len() - s.netOffset(); n < 0 && now+n < base || n < 0 && now+n <= 0 || n >= 0 && s.len()+n > maxSkb && !s.gso() {
		return codegen.ENOTSUPP
	}
	if n < 0 {
		return s.shrink(off, -n, flags)
	}
	return s.grow(off, n, flags)
}

// decapped is the protocol that the flags say is left.
func decapped(flags uint64) uint16 {
	if flags&roomDecap6 != 0 {
		return protoIPv6
	}
	return protoIP
}

// shrink is bpf_skb_net_shrink. What the offload of a large packet was for is not
// known of a run's, and such packets are refused.
func (s buffer) shrink(off, n int, flags uint64) codegen.Errno {
	switch {
	case flags&^uint64(roomShrink) != 0:
		return codegen.EINVAL
	case s.gso():
		return codegen.ENOTSUPP
	}
	if e := s.remove(off, n); e != codegen.OK {
		return e
	}
	if flags&roomDecap != 0 {
		s.setProtocol(decapped(flags))
	}
	return codegen.OK
}

// grow is bpf_skb_net_grow.
func (s buffer) grow(off, n int, flags uint64) codegen.Errno {
	if s.gso() {
		return codegen.ENOTSUPP
	}
	if flags&roomEncap == 0 {
		return s.insert(off, n)
	}
	if e := s.mayEncap(n, flags); e != codegen.OK {
		return e
	}
	macLen := s.macHeaderLen()
	if e := s.insert(off, n); e != codegen.OK {
		return e
	}
	s.encap(macLen, flags)
	return codegen.OK
}

// mayEncap checks what the flags say of the headers to come.
func (s buffer) mayEncap(n int, flags uint64) codegen.Errno {
	const both4, bothL4 = roomEncap, roomEncapGRE | roomEncapUDP
	inner := int(flags >> roomInnerShift)
	switch {
	case flags&both4 == both4, flags&bothL4 == bothL4, flags&roomEncapEth != 0 && inner < ethLen:
		return codegen.EINVAL
	case s.has(flagEncap):
		return codegen.EALREADY
	case inner > n:
		return codegen.EINVAL
	}
	return codegen.OK
}

// encap takes note of the outer headers.
func (s buffer) encap(macLen int, flags uint64) {
	s.set(flagEncap)
	net, outer := s.place(atPos)+macLen, uint16(protoIP)
	if flags&roomEncap6 != 0 {
		outer = protoIPv6
	}
	s.setPlace(atNet, net)
	if flags&(roomEncapGRE|roomEncapUDP) != 0 {
		s.set(flagTrans)
		s.setPlace(atTrans, net+headerLen(outer))
	}
	s.setProtocol(outer)
}

// vlanPush is bpf_skb_vlan_push: the tag lies beside the packet; the one that did so before goes into it
// (skb_vlan_push, net/core/skbuff.c, Linux 6.18).
func vlanPush(c codegen.Call, _, proto, tci, _, _ uint64) uint64 {
	s, p := bufferOf(c), swap(uint16(proto))
	if p != protoVlan && p != protoVlan2 {
		p = protoVlan
	}
	if s.field(skbVlanPresent) != 0 {
		if e := s.sinkTag(); e != codegen.OK {
			return e.Ret()
		}
	}
	s.setTag(p, uint16(tci))
	s.resetMacLen()
	return 0
}

// setTag sets the tag beside the packet; protocol 0 takes it away.
func (s buffer) setTag(proto, tci uint16) {
	s.setField(skbVlanPresent, uint32(min(proto, 1)))
	s.setField(skbVlanProto, uint32(swap(proto)))
	s.setField(skbVlanTCI, uint32(tci))
}

// sinkTag puts the tag beside the packet into its link header.
func (s buffer) sinkTag() codegen.Errno {
	const addresses = 2 * addrLen
	net := s.place(atNet)
	if e := s.insert(addresses, vlanLen); e != codegen.OK {
		return e
	}
	b := s.pkt.Bytes()
	little.PutUint16(b[addresses:], uint16(s.field(skbVlanProto)))
	tci := uint16(s.field(skbVlanTCI))
	b[addresses+2], b[addresses+3] = byte(tci>>8), byte(tci)
	s.setField(skbProtocol, s.field(skbVlanProto))
	s.setPlace(atNet, net-vlanLen)
	return codegen.OK
}

// vlanPop is bpf_skb_vlan_pop: it takes a tag away, and the next one from the packet to beside it (skb_vlan_pop).
func vlanPop(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	s := bufferOf(c)
	if s.field(skbVlanPresent) != 0 {
		s.setTag(0, 0)
	} else if !isVlan(s.protocol()) {
		return 0
	} else if _, e := s.raiseTag(); e != codegen.OK {
		return e.Ret()
	}
	p := s.protocol()
	if !isVlan(p) {
		return 0
	}
	tci, e := s.raiseTag()
	if e == codegen.OK {
		s.setTag(p, tci)
	}
	return e.Ret()
}

func isVlan(proto uint16) bool { return proto == protoVlan || proto == protoVlan2 }

// raiseTag takes a tag out of the link header (__skb_vlan_pop).
func (s buffer) raiseTag() (tci uint16, e codegen.Errno) {
	const addresses, tagged = 2 * addrLen, ethLen + vlanLen
	b := s.pkt.Bytes()
	if len(b) < tagged {
		return 0, codegen.ENOMEM
	}
	tci = uint16(b[ethLen])<<8 | uint16(b[ethLen+1])
	proto := etherType(b[ethLen+2:])
	net, trans := s.place(atNet), s.place(atTrans)
	if e := s.remove(addresses, vlanLen); e != codegen.OK {
		return 0, e
	}
	s.setProtocol(proto)
	s.setPlace(atTrans, trans)
	s.setPlace(atNet, max(net, s.place(atPos)+ethLen))
	s.resetMacLen()
	return tci, codegen.OK
}

// etherType is the protocol that a type or length field leads to, with what follows it
// (eth_type_trans, net/ethernet/eth.c, and vlan_set_encap_proto, include/linux/if_vlan.h).
func etherType(b []byte) uint16 {
	p := uint16(b[0])<<8 | uint16(b[1])
	switch {
	case p >= ethMin:
		return p
	case len(b) >= 4 && b[2] == 0xff && b[3] == 0xff:
		return proto8023
	}
	return proto8022
}

// isStream reports whether the run is of a program on the data of a stream.
func isStream(c codegen.Call) bool { return len(c.Entry().Type) >= 6 && c.Entry().Type[:6] == "sk_skb" }

// streamRoom is sk_skb_adjust_room: bytes at the start.
func (s buffer) streamRoom(n int, mode uint32, flags uint64) codegen.Errno {
	switch {
	case flags != 0 || mode != 0:
		return codegen.EINVAL
	case max(n, -n) > maxRoom:
		return codegen.EFAULT
	case n >= 0 && !s.push(n), n < 0 && !s.pull(-n):
		return codegen.ENOMEM
	}
	return codegen.OK
}
