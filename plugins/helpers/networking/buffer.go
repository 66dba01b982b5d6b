package networking

import (
	"github.com/bpfc/bpfc/core/codegen"
)

// Offsets of struct __sk_buff (include/uapi/linux/bpf.h).
const (
	skbLen         = 0
	skbPktType     = 4
	skbMark        = 8
	skbProtocol    = 16
	skbVlanPresent = 20
	skbVlanTCI     = 24
	skbVlanProto   = 28
	skbIngress     = 36
	skbIfindex     = 40
	skbHash        = 68
	skbFamily      = 88
	skbRemotePort  = 132
	skbLocalPort   = 136
	skbRemote4     = 92
	skbLocal4      = 96
	skbRemote6     = 100
	skbLocal6      = 116
	skbFlowKeys    = 144
	skbTstamp      = 152
	skbWireLen     = 160
	skbGsoSegs     = 164
	skbSk          = 168
	skbGsoSize     = 176
	skbTstampType  = 180
	skbSize        = 192
)

// The private bytes of a struct __sk_buff are what the kernel's struct sk_buff
// has and programs do not see. Places in the packet count from where it began
// when the run did, as the kernel counts them from the start of its buffer: they
// stay when the start moves.
const (
	atPos      = targetSize + 4*iota // where the packet starts
	atMac                            // its link header
	atNet                            // its network header
	atTrans                          // its transport header, if flagTrans
	atMacLen                         // mac_len
	atBits                           // the flags below
	atHead                           // where the memory before the packet begins
	atLevel                          // csum_level
	atLink                           // 16 bytes: the link header that programs of some types do not see
	atTunnel   = atLink + 16         // see tunnel.go
	skbPrivate = atTunnel + tunnelSize
)

// Flags.
const (
	flagTrans  = 1 << iota // a transport header was set
	flagEncap              // encapsulation
	flagHashed             // the hash is known
	flagSummed             // ip_summed is CHECKSUM_UNNECESSARY, else CHECKSUM_NONE
)

// Numbers of the link layer (include/uapi/linux/if_ether.h).
const (
	ethLen     = 14
	addrLen    = 6
	vlanLen    = 4
	protoIP    = 0x0800
	protoIPv6  = 0x86dd
	protoVlan  = 0x8100
	protoVlan2 = 0x88a8
	protoTEB   = 0x6558
	proto8023  = 0x0001
	proto8022  = 0x0004
	ethMin     = 0x0600 // numbers from here on are protocols, below are lengths
	ipv4Len    = 20
	ipv6Len    = 40
)

// maxSkb is the length that no helper makes a packet longer than
// (BPF_SKB_MAX_LEN, net/core/filter.c: SKB_MAX_ALLOC with pages of 4096 bytes, Linux 6.18).
const maxSkb = 4*4096 - sharedInfo

// sharedInfo is SKB_DATA_ALIGN(sizeof(struct skb_shared_info)) on x86-64.
const sharedInfo = 320

// buffer is the packet of a run with what the kernel's struct sk_buff has beside it.
type buffer struct {
	c   codegen.Call
	pkt codegen.Packet
	ctx []byte // struct __sk_buff
	own []byte // the private bytes
}

func bufferOf(c codegen.Call) buffer {
	ctx := c.Context()
	return buffer{c, c.Packet(), ctx, ctx[len(ctx)-skbPrivate:]}
}

func (s buffer) place(at int) int          { return int(int32(word(s.own, at))) }
func (s buffer) setPlace(at, v int)        { setWord(s.own, at, uint32(int32(v))) }
func (s buffer) has(flag uint32) bool      { return word(s.own, atBits)&flag != 0 }
func (s buffer) set(flag uint32)           { setWord(s.own, atBits, word(s.own, atBits)|flag) }
func (s buffer) drop(flag uint32)          { setWord(s.own, atBits, word(s.own, atBits)&^flag) }
func (s buffer) len() int                  { return len(s.pkt.Bytes()) }
func (s buffer) netOffset() int            { return s.place(atNet) - s.place(atPos) }
func (s buffer) macHeaderLen() int         { return s.place(atNet) - s.place(atMac) }
func (s buffer) resetMacLen()              { s.setPlace(atMacLen, s.macHeaderLen()) }
func (s buffer) gso() bool                 { return word(s.ctx, skbGsoSize) != 0 }
func (s buffer) protocol() uint16          { return swap(uint16(word(s.ctx, skbProtocol))) }
func (s buffer) setProtocol(p uint16)      { setWord(s.ctx, skbProtocol, uint32(swap(p))) }
func (s buffer) field(at int) uint32       { return word(s.ctx, at) }
func (s buffer) setField(at int, v uint32) { setWord(s.ctx, at, v) }

// push moves the start n bytes back, to zeros.
func (s buffer) push(n int) bool {
	if !s.pkt.MoveStart(-n) {
		return false
	}
	clear(s.pkt.Bytes()[:n])
	s.moved(-n)
	return true
}

// pull moves the start n bytes forward.
func (s buffer) pull(n int) bool {
	if !s.pkt.MoveStart(n) {
		return false
	}
	s.moved(n)
	return true
}

// moved keeps the books when the start has moved by n bytes.
func (s buffer) moved(n int) {
	pos := s.place(atPos) + n
	if pos < s.place(atHead) {
		s.outgrow(pos)
	}
	s.setPlace(atPos, pos)
	s.setField(skbLen, uint32(s.len()))
}

// headroom is the memory before a packet in the kernel's test, and what more
// there is comes in multiples of (NET_SKB_PAD).
const headroom = 64

// outgrow is what happens to the kernel's numbers when it needs more memory before
// the packet: a transport header that was not set counts as one just before the
// old memory from then on (skb_headers_offset_update, net/core/skbuff.c, Linux 6.18).
func (s buffer) outgrow(pos int) {
	head := s.place(atHead)
	if !s.has(flagTrans) {
		s.set(flagTrans)
		s.setPlace(atTrans, head-1)
	}
	more := (head - pos + headroom - 1) &^ (headroom - 1)
	s.setPlace(atHead, head-more)
}

// insert makes room for n zero bytes at an offset by moving what lies before it,
// link header and network header included (bpf_skb_net_hdr_push). Of a packet that
// ends before the offset the kernel moves what lies behind it too; here that is zeros.
func (s buffer) insert(off, n int) codegen.Errno {
	if !s.pkt.Insert(min(off, s.len()), n, true) {
		return codegen.ENOMEM
	}
	s.moved(-n)
	s.moveHeaders(-n)
	return codegen.OK
}

// remove takes n bytes at an offset away by moving what lies before it (bpf_skb_net_hdr_pop).
func (s buffer) remove(off, n int) codegen.Errno {
	if off+n > s.len() || !s.pkt.Remove(off, n, true) {
		return codegen.ENOMEM
	}
	s.moved(n)
	s.moveHeaders(n)
	return codegen.OK
}

// moveHeaders moves the link and the network header; a transport header at the
// same place as the network header stays there.
func (s buffer) moveHeaders(n int) {
	net := s.place(atNet)
	if s.has(flagTrans) && s.place(atTrans) == net {
		s.setPlace(atTrans, net+n)
	}
	s.setPlace(atNet, net+n)
	s.setPlace(atMac, s.place(atMac)+n)
}

// read copies bytes from a place, which may lie before the packet's start, where
// the link header is that some types do not see.
func (s buffer) read(place int, to []byte) bool {
	off, b := place-s.place(atPos), s.pkt.Bytes()
	if off+len(to) > len(b) {
		return false
	}
	clear(to)
	if off >= 0 {
		copy(to, b[off:])
		return true
	}
	if place >= 0 && place < ethLen {
		copy(to, s.own[atLink+place:atLink+ethLen])
	}
	if -off < len(to) {
		copy(to[-off:], b)
	}
	return true
}

// clearHash forgets the packet's hash (skb_clear_hash).
func (s buffer) clearHash() {
	s.drop(flagHashed)
	s.setField(skbHash, 0)
}
