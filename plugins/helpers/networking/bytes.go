package networking

import "github.com/bpfc/bpfc/core/codegen"

// Flags of bpf_skb_store_bytes.
const (
	storeRecompute  = 1 << 0 // BPF_F_RECOMPUTE_CSUM
	storeInvalidate = 1 << 1 // BPF_F_INVALIDATE_HASH
)

// maxOffset is INT_MAX.
const maxOffset = 1<<31 - 1

// byteGo read and write the packet of a struct __sk_buff, whose bytes are
// always in one piece here (net/core/filter.c, Linux 6.18).
func byteGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_skb_load_bytes":          loadBytes,
		"bpf_skb_load_bytes_relative": loadRelative,
		"bpf_skb_store_bytes":         storeBytes,
		"bpf_skb_pull_data":           pullData,
		"bpf_skb_change_type":         changeType,
		"bpf_skb_ecn_set_ce":          setCE,
		"bpf_skb_set_tstamp":          setTstamp,
		"bpf_skb_get_xfrm_state":      getXfrmState,
		"bpf_get_route_realm":         zero,
		classicLoad:                   loadClassic,
	}
}

// zero is of helpers whose answer is 0 for the packets of a run: they have no
// route yet (dst_tclassid).
func zero(codegen.Call, uint64, uint64, uint64, uint64, uint64) uint64 { return 0 }

// loadBytes is bpf_skb_load_bytes. A flow dissector's run has no socket buffer,
// as in BPF_PROG_TEST_RUN: everything that it may see is between data and data_end.
func loadBytes(c codegen.Call, _, offset, to, n, _ uint64) uint64 {
	out := c.Bytes(to, uint64(uint32(n)), true)
	b, off := c.Packet().Bytes(), uint64(uint32(offset))
	if off > maxOffset || off+uint64(len(out)) > uint64(len(b)) || c.Entry().Type == "flow_dissector" {
		return failed(out, codegen.EFAULT)
	}
	copy(out, b[off:])
	return 0
}

// loadRelative is bpf_skb_load_bytes_relative.
func loadRelative(c codegen.Call, _, offset, to, n, header uint64) uint64 {
	out, off := c.Bytes(to, uint64(uint32(n)), true), uint32(offset)
	if off > 0xffff || uint32(header) > 1 {
		return failed(out, codegen.EFAULT)
	}
	s := bufferOf(c)
	start := s.place(atMac)
	if uint32(header) == 1 { // BPF_HDR_START_NET
		start = s.place(atNet)
	}
	if !s.read(start+int(off), out) {
		return failed(out, codegen.EFAULT)
	}
	return 0
}

// storeBytes is bpf_skb_store_bytes. The packets of a run carry no checksum of
// their own (CHECKSUM_NONE), so that there is none to recompute.
func storeBytes(c codegen.Call, _, offset, from, n, flags uint64) uint64 {
	if flags&^(storeRecompute|storeInvalidate) != 0 {
		return codegen.EINVAL.Ret()
	}
	in, b, off := c.Bytes(from, uint64(uint32(n)), false), c.Packet().Bytes(), uint64(uint32(offset))
	if off > maxOffset || off+uint64(len(in)) > uint64(len(b)) {
		return codegen.EFAULT.Ret()
	}
	copy(b[off:], in)
	if flags&storeInvalidate != 0 {
		bufferOf(c).clearHash()
	}
	return 0
}

// pullData is bpf_skb_pull_data: everything is there already.
func pullData(c codegen.Call, _, n, _, _, _ uint64) uint64 {
	if uint64(uint32(n)) > uint64(len(c.Packet().Bytes())) {
		return codegen.ENOMEM.Ret()
	}
	return 0
}

// maxType is PACKET_OTHERHOST, the last type that bpf_skb_change_type knows.
const maxType = 3

// changeType is bpf_skb_change_type.
func changeType(c codegen.Call, _, typ, _, _, _ uint64) uint64 {
	s := bufferOf(c)
	if s.field(skbPktType) > maxType || uint32(typ) > maxType {
		return codegen.EINVAL.Ret()
	}
	s.setField(skbPktType, uint32(typ))
	return 0
}

// setTstamp is bpf_skb_set_tstamp; the types are enum skb_tstamp_type.
func setTstamp(c codegen.Call, _, tstamp, typ, _, _ uint64) uint64 {
	s := bufferOf(c)
	const realtime, tai = 0, 2
	switch p := s.protocol(); {
	case p != protoIP && p != protoIPv6:
		return codegen.EOPNOTSUPP.Ret()
	case uint32(typ) > tai || uint32(typ) != realtime && tstamp == 0:
		return codegen.EINVAL.Ret()
	}
	little.PutUint64(s.ctx[skbTstamp:], tstamp)
	s.ctx[skbTstampType] = byte(typ)
	return 0
}

// getXfrmState is bpf_skb_get_xfrm_state of a packet that IPsec has not seen.
func getXfrmState(c codegen.Call, _, _, to, n, _ uint64) uint64 {
	return failed(c.Bytes(to, uint64(uint32(n)), true), codegen.EINVAL)
}

// setCE is bpf_skb_ecn_set_ce: 1 if the packet says now that the network is
// congested, 0 if its sender cannot hear it (INET_ECN_set_ce, include/net/inet_ecn.h, Linux 6.18).
func setCE(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	s := bufferOf(c)
	need := map[uint16]int{protoIP: ipv4Len, protoIPv6: ipv6Len}[s.innerProtocol()]
	off, b := s.netOffset(), s.pkt.Bytes()
	if need == 0 || off < 0 || off+need > len(b) {
		return 0
	}
	if need == ipv4Len {
		return markIPv4(b[off:])
	}
	return markIPv6(b[off:])
}

// markIPv4 sets the mark in an IPv4 header and keeps its checksum right.
func markIPv4(h []byte) uint64 {
	ecn := (h[1] + 1) & 3
	if ecn&2 == 0 {
		return uint64(1 &^ min(ecn, 1))
	}
	h[1] |= 3
	setSum(h[10:], add16(sum(h[10:]), swap(0xfffb+uint16(ecn))))
	return 1
}

// markIPv6 sets it in an IPv6 header.
func markIPv6(h []byte) uint64 {
	const ce = 3 << 4 // of the second byte
	if h[1]&ce == 0 {
		return 0
	}
	h[1] |= ce
	return 1
}

// innerProtocol is the protocol behind VLAN headers in the packet, 0 if they are cut off (vlan_get_protocol).
func (s buffer) innerProtocol() uint16 {
	const most = 8 // VLAN_MAX_DEPTH, include/linux/if_vlan.h
	p, depth := s.protocol(), ethLen
	if n := s.place(atMacLen); n > 0 {
		depth = n - vlanLen
	}
	b := s.pkt.Bytes()
	for range most - 1 {
		if p != protoVlan && p != protoVlan2 {
			return p
		}
		at := depth
		if at < 0 || at+vlanLen > len(b) {
			return 0
		}
		p, depth = uint16(b[at+2])<<8|uint16(b[at+3]), depth+vlanLen
	}
	return 0
}

// classicLoad is the name under which LD_ABS and LD_IND find their loads; no program can call it.
const classicLoad = "bpf_skb_load_classic"

// Offsets of LD_ABS and LD_IND that count from a header (include/uapi/linux/filter.h).
const (
	fromNet  = -0x100000 // SKF_NET_OFF
	fromLink = -0x200000 // SKF_LL_OFF
)

// loadClassic is what LD_ABS and LD_IND load: 1, 2 or 4 bytes at an offset, in
// the order of the network; a negative number if they are not in the packet
// (bpf_skb_load_helper_* and bpf_internal_load_pointer_neg_helper, Linux 6.18).
func loadClassic(c codegen.Call, offset, n, _, _, _ uint64) uint64 {
	var b [4]byte
	if n > uint64(len(b)) || !bufferOf(c).readClassic(int(int32(offset)), b[:n]) {
		return codegen.EFAULT.Ret()
	}
	var v uint64
	for _, x := range b[:n] {
		v = v<<8 | uint64(x)
	}
	return v
}

func (s buffer) readClassic(off int, to []byte) bool {
	switch {
	case off >= 0:
		return s.read(s.place(atPos)+off, to)
	case off >= fromNet:
		return s.read(s.place(atNet)+off-fromNet, to)
	case off >= fromLink:
		return s.read(s.place(atMac)+off-fromLink, to)
	}
	return false
}
