package networking

import (
	"hash/fnv"

	"github.com/bpfc/bpfc/core/codegen"
)

// hashGo are the helpers of the packet's hash (net/core/filter.c, Linux 6.18).
func hashGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_get_hash_recalc":  hashRecalc,
		"bpf_set_hash":         setHash,
		"bpf_set_hash_invalid": setHashInvalid,
	}
}

// setHash is bpf_set_hash.
func setHash(c codegen.Call, _, hash, _, _, _ uint64) uint64 {
	s := bufferOf(c)
	s.set(flagHashed)
	s.setField(skbHash, uint32(hash))
	return 0
}

// setHashInvalid is bpf_set_hash_invalid.
func setHashInvalid(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	bufferOf(c).clearHash()
	return 0
}

// hashRecalc is bpf_get_hash_recalc. Linux hashes the flow with a key that it
// draws when it boots; here it is FNV-1a (32 bits) over the protocols, the
// addresses and the ports, the same both ways. It is 0 for no packet that has a flow.
func hashRecalc(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	s := bufferOf(c)
	if !s.has(flagHashed) {
		s.setField(skbHash, s.flow().hash())
		s.set(flagHashed)
	}
	return uint64(s.field(skbHash))
}

// flow is what the hash is of.
type flow struct {
	proto     uint16
	transport uint8
	from, to  []byte // addresses
	ports     []byte // 4 bytes, nil for none
}

// flow looks at the packet from its network header on.
func (s buffer) flow() flow {
	b, off, p := s.pkt.Bytes(), s.netOffset(), s.protocol()
	for isVlan(p) && off >= 0 && off+vlanLen <= len(b) {
		p, off = etherType(b[off+2:]), off+vlanLen
	}
	f := flow{proto: p}
	if off < 0 || off > len(b) {
		return f
	}
	switch b = b[off:]; {
	case p == protoIP && len(b) >= ipv4Len && int(b[0]&15)*4 >= ipv4Len:
		f.transport, f.from, f.to = b[9], b[12:16], b[16:20]
		if fragment := uint16(b[6]&0x1f)<<8 | uint16(b[7]); fragment == 0 {
			f.takePorts(b, int(b[0]&15)*4)
		}
	case p == protoIPv6 && len(b) >= ipv6Len:
		f.transport, f.from, f.to = b[6], b[8:24], b[24:40]
		f.takePorts(b, ipv6Len)
	}
	return f
}

// Transport protocols whose header begins with two ports (include/uapi/linux/in.h).
const (
	ipTCP     = 6
	ipUDP     = 17
	ipDCCP    = 33
	ipSCTP    = 132
	ipUDPLite = 136
)

func (f *flow) takePorts(b []byte, off int) {
	switch f.transport {
	case ipTCP, ipUDP, ipDCCP, ipSCTP, ipUDPLite:
		if off+4 <= len(b) {
			f.ports = b[off : off+4]
		}
	}
}

// hash is the same for both directions of the flow.
func (f flow) hash() uint32 {
	a, b := string(f.from), string(f.to)
	pa, pb := "", ""
	if f.ports != nil {
		pa, pb = string(f.ports[:2]), string(f.ports[2:])
	}
	if a+pa > b+pb {
		a, b, pa, pb = b, a, pb, pa
	}
	h := fnv.New32a()
	h.Write([]byte{byte(f.proto >> 8), byte(f.proto), f.transport})
	h.Write([]byte(a + b + pa + pb))
	return max(h.Sum32(), 1)
}
