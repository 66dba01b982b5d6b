package networking

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/bpfc/bpfc/core/codegen"
)

// What a run finds when it begins is what BPF_PROG_TEST_RUN sets up
// (net/bpf/test_run.c, Linux 6.18), for the program types that it runs.

// entries are by program type what completes the context of a run.
func (n *network) entries() map[string]func(codegen.Call) error {
	es := map[string]func(codegen.Call) error{classicContext: enterClassic}
	for _, r := range rows() {
		if f := n.entry(&r); f != nil {
			es[r.name] = f
		}
	}
	return es
}

// Kernel types (enum bpf_prog_type).
const (
	typeSocketFilter = 1
	typeClassifier   = 3
	typeAction       = 4
	typeXDP          = 6
	typeCgroupSkb    = 8
	typeLwtIn        = 10
	typeLwtOut       = 11
	typeLwtXmit      = 12
	typeSockOps      = 13
	typeStream       = 14
	typeMessage      = 16
	typeSockAddr     = 18
	typeLwtSeg6      = 19
	typeReuseport    = 21
	typeDissector    = 22
	typeSockopt      = 25
	typeSkLookup     = 30
)

func (n *network) entry(r *row) func(codegen.Call) error {
	switch r.kernel {
	case typeClassifier, typeAction:
		return n.enterLink
	case typeSocketFilter, typeCgroupSkb, typeLwtIn, typeLwtOut, typeLwtXmit, typeLwtSeg6:
		return n.enterNet
	case typeStream:
		return n.enterStream
	case typeXDP:
		return n.enterXDP
	case typeDissector:
		return n.enterDissector
	case typeSkLookup:
		return enterLookup
	case typeReuseport:
		return n.enterReuseport
	case typeMessage:
		return n.enterMessage
	case typeSockopt:
		return n.enterSockopt
	case typeSockAddr:
		return n.enterPointer(64)
	case typeSockOps:
		return n.enterSockOps
	}
	return nil
}

// steady are the types whose contexts do not tell packets apart: a frame has to have its link header, and no more.
func steady() map[string]int {
	types := map[string]int{}
	for _, r := range rows() {
		if r.kernel == typeXDP {
			types[r.name] = ethLen
		}
	}
	return types
}

// exits are by program type what ends a run.
func (n *network) exits() map[string]func(codegen.Call, uint64) {
	es := map[string]func(codegen.Call, uint64){}
	for _, r := range rows() {
		switch r.kernel {
		case typeClassifier, typeAction:
			es[r.name] = func(c codegen.Call, ret uint64) { n.redirected(c, ret, tcRedirect) }
		case typeSocketFilter, typeCgroupSkb, typeLwtIn, typeLwtOut, typeLwtXmit, typeLwtSeg6:
			es[r.name] = n.leaveNet
		case typeStream:
			es[r.name] = func(c codegen.Call, ret uint64) { n.redirected(c, ret, skPass) }
		case typeMessage:
			es[r.name] = n.leaveMessage
		case typeXDP:
			es[r.name] = n.leaveXDP
		case typeDissector:
			es[r.name] = n.leaveDissector
		case typeSkLookup:
			es[r.name] = n.leaveLookup
		}
	}
	return es
}

// errShort is the error of a packet without a link header.
var errShort = errors.New("the packet has less than 14 bytes: it begins with an Ethernet header (EINVAL)")

// settable are the bytes of struct __sk_buff that an input may set (convert___skb_to_skb), and refused the others, in words.
var (
	settable = [][2]int{{8, 12}, {32, 44}, {48, 68}, {152, 168}, {176, 180}, {184, 192}}
	refused  = refusedBits()
)

func refusedBits() (words [skbSize / 8]uint64) {
	var all [skbSize]byte
	for i := range all {
		all[i] = 0xff
	}
	for _, open := range settable {
		clear(all[open[0]:open[1]])
	}
	for i := range words {
		words[i] = little.Uint64(all[8*i:])
	}
	return words
}

// checkInput refuses what the kernel refuses, by the field's name.
func checkInput(ctx []byte) error {
	for i, mask := range refused {
		if set := little.Uint64(ctx[8*i:]) & mask; set != 0 {
			return fmt.Errorf("field %s of struct __sk_buff is set: an input must leave it 0 (EINVAL)", fieldAt(8*i+bits.TrailingZeros64(set)/8))
		}
	}
	return nil
}

// fieldAt is the name of the field of struct __sk_buff that a byte belongs to.
func fieldAt(at int) string {
	for _, f := range skb().Fields {
		if uint32(at) >= f.Offset && uint32(at) < f.Offset+f.Size {
			return f.Name
		}
	}
	return fmt.Sprintf("at offset %d", at)
}

// enterLink begins a run that sees the packet from its link header on.
func (n *network) enterLink(c codegen.Call) error {
	if err := n.enterPacket(c); err != nil {
		return err
	}
	return bufferOf(c).enter()
}

// enterNet begins one that sees it from its network header on. The link header
// stays readable by offsets from it.
func (n *network) enterNet(c codegen.Call) error {
	if err := n.enterPacket(c); err != nil {
		return err
	}
	s := bufferOf(c)
	copy(s.own[atLink:], s.pkt.Bytes()[:ethLen])
	s.pull(ethLen)
	return s.enter()
}

// enterPacket does what the two have in common: the device, the protocol, the
// socket. Unlike the kernel's test, it takes packets of IP whose header is cut off.
func (n *network) enterPacket(c codegen.Call) error {
	s := bufferOf(c)
	if s.pkt == nil || s.len() < ethLen {
		return errShort
	}
	if err := checkInput(s.ctx); err != nil {
		return err
	}
	d, ok := n.device(max(s.field(skbIfindex), 1))
	if !ok {
		return fmt.Errorf("field ifindex of struct __sk_buff is %d: the environment has no such device (ENODEV)", s.field(skbIfindex))
	}
	b := s.pkt.Bytes()
	s.setProtocol(etherType(b[2*addrLen:]))
	s.setField(skbPktType, d.kindOf(mac(b[:addrLen])))
	s.setField(skbIfindex, d.Index)
	s.setPlace(atHead, -headroom)
	s.setPlace(atNet, ethLen)
	s.setPlace(atMacLen, ethLen)
	n.enterSocket(s, b[ethLen:])
	n.enterTunnel(s)
	return nil
}

// enter checks what depends on the length of the packet that the program sees.
func (s buffer) enter() error {
	const maxWire, maxSegs = 1 << 16, 0xffff // GSO_LEGACY_MAX_SIZE, GSO_MAX_SEGS
	s.moved(0)
	s.setField(skbGsoSize, s.field(skbGsoSize)&0xffff)
	switch wire := s.field(skbWireLen); {
	case wire == 0:
		s.setField(skbWireLen, uint32(s.len()))
	case wire < uint32(s.len()) || wire > maxWire:
		return fmt.Errorf("field wire_len of struct __sk_buff is %d: it must be at least the packet's length, %d, and at most %d (EINVAL)", wire, s.len(), maxWire)
	}
	if segs := s.field(skbGsoSegs); segs > maxSegs {
		return fmt.Errorf("field gso_segs of struct __sk_buff is %d: it must be at most %d (EINVAL)", segs, maxSegs)
	}
	return nil
}

// kindOf is pkt_type: whom a link address means (eth_type_trans).
func (d *netDevice) kindOf(to mac) uint32 {
	const host, broadcast, multicast, other = 0, 1, 2, 3
	everyone := mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	switch {
	case to == d.MAC:
		return host
	case to[0]&1 == 0:
		return other
	case to == everyone && d.Index != 1: // the loopback interface has no such address
		return broadcast
	}
	return multicast
}

// enterSocket gives the packet its socket: that of the environment, or one whose
// own address is the packet's source, as the kernel makes it.
func (n *network) enterSocket(s buffer, packet []byte) {
	sk := n.own(s.c)
	if n.packet == nil {
		sk.fromPacket(s.protocol(), packet)
	}
	little.PutUint64(s.ctx[skbSk:], sk.addr)
	switch s.c.Entry().Type {
	case "cgroup_skb", "cgroup_skb/egress":
		s.endpoint(sk)
	}
}

// endpoint copies what struct __sk_buff shows of the socket's connection.
func (s buffer) endpoint(sk *socket) {
	s.setField(skbFamily, sk.family())
	copy(s.ctx[skbRemote4:], sk.mem[sockDest4:sockDest6])
	copy(s.ctx[skbLocal4:], sk.mem[sockSource4:sockSource6])
	copy(s.ctx[skbRemote6:skbLocal6], sk.mem[sockDest6:])
	copy(s.ctx[skbLocal6:skbLocal6+16], sk.mem[sockSource6:])
	s.setField(skbRemotePort, word(sk.mem, sockDestPort)<<16)
	s.setField(skbLocalPort, word(sk.mem, sockSourcePort))
}

// fromPacket makes the socket one between the packet's addresses.
func (s *socket) fromPacket(proto uint16, packet []byte) {
	s.addresses(netip.Addr{}, netip.Addr{})
	setWord(s.mem, sockFamily, 0)
	switch {
	case proto == protoIP && len(packet) >= ipv4Len:
		s.addresses(netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:])))
	case proto == protoIPv6 && len(packet) >= ipv6Len:
		s.addresses(netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:])))
	case proto == protoIP:
		setWord(s.mem, sockFamily, afInet)
	case proto == protoIPv6:
		setWord(s.mem, sockFamily, afInet6)
	}
}

// enterTunnel says that the packet came out of the environment's tunnel.
func (n *network) enterTunnel(s buffer) {
	t := n.tunnel
	if t == nil {
		return
	}
	own := s.own
	own[tunWay], own[tunTOS], own[tunTTL] = tunnelFrom, t.TOS, t.TTL
	if t.Remote.Is6() {
		own[tunV6] = 1
	}
	setWord(own, tunLabel, t.Label)
	little.PutUint64(own[tunID:], t.ID)
	setWord(own, tunFlags, uint32(t.Flags))
	setWord(own, tunOptLen, uint32(copy(own[tunOptions:tunOptions+maxOptions], t.Options)))
	copy(own[tunSource:], t.Remote.AsSlice())
	copy(own[tunDest:], t.Local.AsSlice())
}

// leaveNet gives the packet a link header again, of zeros, as the kernel does.
func (n *network) leaveNet(c codegen.Call, ret uint64) {
	bufferOf(c).push(ethLen)
	n.redirected(c, ret, tcRedirect)
}

// enterStream begins a run on the data of a stream, which has no headers.
func (n *network) enterStream(c codegen.Call) error {
	s := bufferOf(c)
	s.setPlace(atHead, -headroom)
	s.moved(0)
	sk := n.own(c)
	little.PutUint64(s.ctx[skbSk:], sk.addr)
	s.endpoint(sk)
	return nil
}

// enterDissector begins a run of a flow dissector: the keys say where the network header is, and what is asked
// for.
func (n *network) enterDissector(c codegen.Call) error {
	b, k := c.Packet().Bytes(), &n.perCPU[c.CPU()]
	if len(b) < ethLen {
		return errShort
	}
	clear(k.keys)
	little.PutUint16(k.keys[keysNet:], ethLen)
	little.PutUint16(k.keys[keysTransport:], ethLen)
	copy(k.keys[keysProto:], b[2*addrLen:ethLen])
	setWord(k.keys, keysFlags, n.dissector.Flags)
	little.PutUint64(c.Context()[skbFlowKeys:], k.keysAt)
	return nil
}

// Offsets of struct bpf_flow_keys.
const (
	keysNet       = 0
	keysTransport = 2
	keysProto     = 10
	keysFlags     = 48
)

// leaveDissector keeps the offsets inside the packet and leaves a record of the keys (bpf_flow_dissect).
func (n *network) leaveDissector(c codegen.Call, _ uint64) {
	keys, size := n.perCPU[c.CPU()].keys, len(c.Packet().Bytes())
	net := min(max(int(little.Uint16(keys[keysNet:])), ethLen), size)
	trans := min(max(int(little.Uint16(keys[keysTransport:])), net), size)
	little.PutUint16(keys[keysNet:], uint16(net))
	little.PutUint16(keys[keysTransport:], uint16(trans))
	c.Record(codegen.Record{Helper: "flow_keys", Data: append([]byte(nil), keys...), CPU: c.CPU()})
}

// Offsets of struct xdp_md.
const (
	xdpData, xdpDataEnd, xdpDataMeta, xdpIngress, xdpQueue, xdpEgress = 0, 4, 8, 12, 16, 20
)

// enterXDP begins a run on a frame. As in the kernel, data says how many bytes of
// the input are metadata, and data_end how long the input is, if they are given.
func (n *network) enterXDP(c codegen.Call) error {
	ctx, p := c.Context(), c.Packet()
	n.perCPU[c.CPU()].below = n.perCPU[c.CPU()].below[:0]
	b, meta := p.Bytes(), int(word(ctx, xdpData))
	switch end := word(ctx, xdpDataEnd); {
	case word(ctx, xdpDataMeta) != 0 || end != 0 && int(end) != len(b) || meta > len(b) || meta > frameRoom-frameHead || meta%4 != 0:
		return fmt.Errorf("data_meta of struct xdp_md must be 0, data the length of metadata before the packet, at most %d and a multiple of 4, and data_end 0 or the whole length, %d (EINVAL)", frameRoom-frameHead, len(b))
	case len(b)-meta < ethLen:
		return errShort
	case word(ctx, xdpEgress) != 0 && c.Entry().Type == "xdp":
		return errors.New("egress_ifindex of struct xdp_md must be 0 (EINVAL)")
	}
	if err := n.enterQueue(c); err != nil {
		return err
	}
	if meta > 0 {
		saved := append([]byte(nil), b[:meta]...)
		if !p.MoveStart(meta) || !p.MoveMeta(-meta) {
			return errors.New("there is no room for the metadata")
		}
		copy(p.Meta(), saved)
	}
	return nil
}

// enterQueue checks the interface and the queue that a frame came in by.
func (n *network) enterQueue(c codegen.Call) error {
	ctx := c.Context()
	index, queue := word(ctx, xdpIngress), word(ctx, xdpQueue)
	if index == 0 && queue != 0 {
		return errors.New("rx_queue_index of struct xdp_md needs ingress_ifindex (EINVAL)")
	}
	d, ok := n.device(max(index, 1))
	if !ok || queue >= d.RxQueues {
		return fmt.Errorf("the environment has no device %d with a receive queue %d", index, queue)
	}
	setWord(lastBytes(c, xdpPrivate), xdpNamed, index)
	setWord(ctx, xdpIngress, d.Index)
	return nil
}

// leaveXDP says in the context where the packet is behind its metadata, if the input did so, and names the interface as the input did.
func (n *network) leaveXDP(c codegen.Call, ret uint64) {
	setWord(c.Context(), xdpIngress, word(lastBytes(c, xdpPrivate), xdpNamed))
	if ctx, p := c.Context(), c.Packet(); word(ctx, xdpDataEnd) != 0 {
		meta := uint32(len(p.Meta()))
		setWord(ctx, xdpData, meta)
		setWord(ctx, xdpDataEnd, meta+uint32(len(p.Bytes())))
	}
	n.redirected(c, ret, xdpRedirect)
}

// enterLookup begins a run that chooses the socket of a connection. Unlike the
// kernel's test, it takes an ingress_ifindex.
func enterLookup(c codegen.Call) error {
	ctx := c.Context()
	family := uint16(word(ctx, lookupFamily))
	switch {
	case little.Uint64(ctx[lookupSk:]) != 0:
		return errors.New("sk of struct bpf_sk_lookup must be 0 (EINVAL)")
	case word(ctx, lookupLocalPort) > 0xffff:
		return errors.New("local_port of struct bpf_sk_lookup must be at most 65535 (ERANGE)")
	case family != afInet && family != afInet6:
		return fmt.Errorf("family of struct bpf_sk_lookup is %d: it must be 2 or 10 (EAFNOSUPPORT)", family)
	}
	setWord(ctx, lookupFamily, uint32(family))
	setWord(ctx, lookupProto, word(ctx, lookupProto)&0xffff)
	setWord(ctx, lookupRemotePort, word(ctx, lookupRemotePort)&0xffff)
	if family == afInet {
		clear(ctx[lookupRemote6:lookupRemotePort])
		clear(ctx[lookupLocal6:lookupLocalPort])
	} else {
		clear(ctx[lookupRemote4:lookupRemote6])
		clear(ctx[lookupLocal4:lookupLocal6])
	}
	return nil
}

// leaveLookup puts the cookie of the socket that was chosen in its place.
func (n *network) leaveLookup(c codegen.Call, _ uint64) {
	sk := c.Context()[lookupSk:]
	if s := n.views[little.Uint64(sk)]; s != nil {
		little.PutUint64(sk, s.Cookie)
	}
}

// enterReuseport begins a run that chooses one of several sockets on a port; the packet begins with its transport header.
func (n *network) enterReuseport(c codegen.Call) error {
	const length, sk = 16, 40
	ctx := c.Context()
	setWord(ctx, length, uint32(len(c.Packet().Bytes())))
	little.PutUint64(ctx[sk:], n.own(c).addr)
	return nil
}

// enterMessage begins a run on a message.
func (n *network) enterMessage(c codegen.Call) error {
	ctx, s := c.Context(), &n.perCPU[c.CPU()]
	s.head, s.tail = nil, nil
	setWord(ctx, msgSize, uint32(len(c.Packet().Bytes())))
	little.PutUint64(ctx[msgSk:], n.own(c).addr)
	return nil
}

// leaveMessage makes the message whole again.
func (n *network) leaveMessage(c codegen.Call, ret uint64) {
	n.message(c).whole()
	n.redirected(c, ret, skPass)
}

// enterSockopt begins a run about a socket option, whose value is the packet.
func (n *network) enterSockopt(c codegen.Call) error {
	const length = 32
	if ctx := c.Context(); word(ctx, length) == 0 {
		setWord(ctx, length, uint32(len(c.Packet().Bytes())))
	}
	return n.enterPointer(0)(c)
}

// enterPointer begins a run whose context leads to its socket at an offset.
func (n *network) enterPointer(at int) func(codegen.Call) error {
	return func(c codegen.Call) error {
		little.PutUint64(c.Context()[at:], n.own(c).addr)
		return nil
	}
}

// enterSockOps begins a run about an event of a connection; a socket that is no whole one is not shown.
func (n *network) enterSockOps(c codegen.Call) error {
	const sk = 184
	if word(c.Context(), opsFull) == 0 {
		little.PutUint64(c.Context()[sk:], 0)
		return nil
	}
	return n.enterPointer(sk)(c)
}
