package networking

import (
	"net/netip"

	"github.com/bpfc/bpfc/core/codegen"
)

// Results of bpf_fib_lookup (include/uapi/linux/bpf.h).
const (
	fibSuccess = iota
	fibBlackhole
	fibUnreachable
	fibProhibit
	fibNotForwarded
	fibForwardDisabled
	fibTunnel
	fibNoNeighbour
	fibFragment
	fibNoSource
)

// Its flags.
const (
	fibDirect = 1 << iota
	fibOutput
	fibSkipNeighbour
	fibTable
	fibSource
	fibMark

	fibFlags = fibDirect | fibOutput | fibSkipNeighbour | fibTable | fibSource | fibMark
)

// Offsets of struct bpf_fib_lookup.
const (
	fibFamily, fibLength, fibIndex, fibMetric, fibSrc, fibDst, fibVlan, fibFromMAC, fibToMAC = 0, 6, 8, 12, 16, 32, 48, 52, 58

	fibSize = 64
)

// Address families (include/linux/socket.h).
const (
	afInet  = 2
	afInet6 = 10
)

// Routing tables, in the order in which they are asked (include/uapi/linux/rtnetlink.h).
const (
	tableLocal   = 255
	tableMain    = 254
	tableDefault = 253
)

// maxMTU is IP_MAX_MTU.
const maxMTU = 0xffff

// routeGo are the helpers that ask where packets would go (net/core/filter.c, Linux 6.18).
func (n *network) routeGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{"bpf_fib_lookup": n.fibLookup, "bpf_check_mtu": n.checkMTU}
}

// fibLookup is bpf_fib_lookup. An XDP frame's length is compared with the MTU only if the program says it;
// an skb's always.
func (n *network) fibLookup(c codegen.Call, _, params, size, flags, _ uint64) uint64 {
	if uint32(size) < fibSize || uint32(flags)&^fibFlags != 0 {
		return codegen.EINVAL.Ret()
	}
	q := query{n: n, p: c.Bytes(params, fibSize, true), flags: uint32(flags)}
	q.v6 = q.p[fibFamily] == afInet6
	if !q.v6 && q.p[fibFamily] != afInet {
		return codegen.EAFNOSUPPORT.Ret()
	}
	said := little.Uint16(q.p[fibLength:]) != 0
	q.check = said || isXDP(c)
	ret := q.run()
	if ret == fibSuccess && !q.check {
		ret = q.fits(bufferOf(c))
	}
	return ret
}

// query is one bpf_fib_lookup.
type query struct {
	n     *network
	p     []byte // struct bpf_fib_lookup
	flags uint32
	v6    bool
	check bool // compare the length with the MTU
}

// address is the address at an offset of the parameters.
func (q *query) address(at int) netip.Addr {
	if q.v6 {
		return netip.AddrFrom16([16]byte(q.p[at:]))
	}
	return netip.AddrFrom4([4]byte(q.p[at:]))
}

// setAddress stores one; an IPv4 address leaves the other bytes of its place alone.
func (q *query) setAddress(at int, a netip.Addr) { copy(q.p[at:], a.AsSlice()) }

// strict reports whether an IPv6 address is never forwarded (rt6_need_strict).
func strict(a netip.Addr) bool { return a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsLoopback() }

// run is bpf_ipv4_fib_lookup and bpf_ipv6_fib_lookup.
func (q *query) run() uint64 {
	if q.v6 && (strict(q.address(fibDst)) || strict(q.address(fibSrc))) {
		return fibNotForwarded
	}
	d, ok := q.n.device(word(q.p, fibIndex))
	if !ok {
		return codegen.ENODEV.Ret()
	}
	if d.NoForward {
		return fibForwardDisabled
	}
	r := q.n.lookup(q.address(fibDst), q.tables(), q.out())
	if r == nil {
		return fibNotForwarded
	}
	if ret := routeTypes[r.Type]; ret != fibSuccess {
		return ret
	}
	return q.along(r)
}

// out is the interface that the route must lead to, 0 for any.
func (q *query) out() uint32 {
	if q.flags&fibOutput == 0 {
		return 0
	}
	return word(q.p, fibIndex)
}

// tables are the routing tables that the lookup asks.
func (q *query) tables() []uint32 {
	if q.flags&fibDirect == 0 {
		return []uint32{tableLocal, tableMain, tableDefault}
	}
	if q.flags&fibTable == 0 {
		return []uint32{tableMain}
	}
	table := word(q.p, fibVlan)
	setWord(q.p, fibVlan, 0)
	return []uint32{table}
}

// along follows a route.
func (q *query) along(r *route) uint64 {
	d, ok := q.n.device(r.Index)
	mtu := r.mtu(&d)
	switch {
	case !ok:
		return fibNotForwarded
	case q.check && uint32(little.Uint16(q.p[fibLength:])) > mtu:
		little.PutUint16(q.p[fibLength:], uint16(mtu))
		return fibFragment
	case r.Encap:
		return fibTunnel
	}
	setWord(q.p, fibMetric, r.Metric)
	setWord(q.p, fibIndex, d.Index)
	to := q.address(fibDst)
	hop := q.nextHop(r, to)
	switch {
	case q.flags&fibSource != 0 && !q.setSource(r, &d, hop, to):
		return fibNoSource
	case q.flags&fibSkipNeighbour == 0 && !q.meet(hop, &d):
		return fibNoNeighbour
	}
	setWord(q.p, fibVlan, 0)
	if q.check {
		little.PutUint16(q.p[fibLength:], uint16(mtu))
	}
	return fibSuccess
}

// mtu is what fits along a route through an interface.
func (r *route) mtu(d *netDevice) uint32 {
	if r.MTU != 0 {
		return min(r.MTU, maxMTU)
	}
	return min(d.MTU, maxMTU)
}

// nextHop is the host to send to, which takes the destination's place; it may be of the other family.
func (q *query) nextHop(r *route, to netip.Addr) netip.Addr {
	if !r.Gateway.IsValid() {
		return to
	}
	if r.Gateway.Is6() {
		q.p[fibFamily] = afInet6
	}
	q.setAddress(fibDst, r.Gateway)
	return r.Gateway
}

// setSource stores the address to send from, if there is one.
func (q *query) setSource(r *route, d *netDevice, hop, to netip.Addr) bool {
	src := q.n.source(r, d, hop, to)
	q.setAddress(fibSrc, src)
	return src.IsValid()
}

// source is the address that the host would send from: the route's or, of all
// interfaces' addresses, the one that suits best. Without any it is 0.0.0.0 for
// IPv4 (fib_result_prefsrc and ipv6_dev_get_saddr).
func (n *network) source(r *route, d *netDevice, hop, to netip.Addr) netip.Addr {
	if r.Source.IsValid() {
		return r.Source
	}
	best, most := netip.Addr{}, -1
	if to.Is4() {
		best = netip.IPv4Unspecified()
	}
	for _, other := range append([]netDevice{*d}, n.devices...) {
		for _, p := range other.Addresses {
			if v := sourceScore(p, other.Index == d.Index, hop, to); p.Addr().Is4() == to.Is4() && v > most {
				best, most = p.Addr(), v
			}
		}
	}
	return best
}

// sourceScore is how well an address suits: the destination itself, then one of
// the interface, then for IPv4 in the network of the next hop, for IPv6 by the
// bits that it has in common with the destination (RFC 6724 section 5).
func sourceScore(p netip.Prefix, same bool, hop, to netip.Addr) (score int) {
	const itself, onIt = 1024, 512
	if to.Is6() && p.Addr() == to {
		score += itself
	}
	if same {
		score += onIt
	}
	if to.Is6() {
		return score + common(p.Addr(), to)
	}
	if p.Contains(hop) {
		score++
	}
	return score
}

// common is how many bits two addresses have in common.
func common(a, b netip.Addr) (n int) {
	for n < a.BitLen() && netip.PrefixFrom(a, n+1).Contains(b) {
		n++
	}
	return n
}

// meet stores the link addresses of the next hop.
func (q *query) meet(hop netip.Addr, d *netDevice) bool {
	for _, x := range q.n.neighbours {
		if x.Index == d.Index && x.Address == hop && !x.Invalid {
			copy(q.p[fibToMAC:], x.MAC[:])
			copy(q.p[fibFromMAC:], d.MAC[:])
			return true
		}
	}
	return false
}

// fits compares the packet of an skb with the MTU of the interface that the lookup gave (is_skb_forwardable).
func (q *query) fits(s buffer) uint64 {
	d, _ := q.n.device(word(q.p, fibIndex))
	little.PutUint16(q.p[fibLength:], uint16(d.MTU))
	if d.Down || s.len() > int(d.MTU)+d.linkLen()+vlanLen && !s.gso() {
		return fibFragment
	}
	return fibSuccess
}

// lookup is the route to an address by the first of some tables that has one: the
// longest prefix, then the least metric. out is the interface that it must lead
// to, 0 for any; for IPv6 it is preferred only.
func (n *network) lookup(to netip.Addr, tables []uint32, out uint32) *route {
	for _, table := range tables {
		table = merged(table, to)
		var best *route
		for i := range n.routes {
			r := &n.routes[i]
			if r.Table == table && r.Prefix.Contains(to) && r.leads(out) && (best == nil || r.before(best, out)) {
				best = r
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// leads reports whether the route may be one through an interface: those that refuse lead through none.
func (r *route) leads(out uint32) bool {
	refuses := r.Type == "blackhole" || r.Type == "unreachable" || r.Type == "prohibit"
	return out == 0 || r.Index == out || refuses || r.Prefix.Addr().Is6()
}

func (r *route) before(other *route, out uint32) bool {
	if a, b := r.Prefix.Bits(), other.Prefix.Bits(); a != b {
		return a > b
	}
	if r.Metric != other.Metric {
		return r.Metric < other.Metric
	}
	return r.Index == out && other.Index != out
}

// connect adds the routes that a device's addresses bring: to themselves, and to
// their network, which has metric 256 in IPv6 (IP6_RT_PRIO_ADDRCONF).
func (n *network) connect() {
	const metric6 = 256
	for _, d := range n.devices {
		for _, a := range d.Addresses {
			self := netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
			net := route{Prefix: a.Masked(), Index: d.Index, Source: a.Addr()}
			if a.Addr().Is6() {
				net.Source, net.Metric = netip.Addr{}, metric6
			}
			n.routes = append(n.routes, route{Prefix: self, Index: d.Index, Table: tableLocal, Type: "local"}, net)
			if a.Addr().Is4() && a.Bits() < 31 {
				n.routes = append(n.routes, route{Prefix: netip.PrefixFrom(last(a), 32), Index: d.Index, Table: tableLocal, Type: "broadcast"})
			}
		}
	}
	loopbacks := netip.MustParsePrefix("127.0.0.0/8")
	n.routes = append(n.routes, route{Prefix: loopbacks, Index: 1, Table: tableLocal, Type: "local"})
	for i := range n.routes {
		r := &n.routes[i]
		if r.Table == 0 {
			r.Table = tableMain
		}
		r.Table = merged(r.Table, r.Prefix.Addr())
	}
}

// merged is the table that has the routes of another: without rules of its own,
// a host keeps its local routes of IPv4 in the main table (fib_new_table, net/ipv4/fib_frontend.c).
func merged(table uint32, to netip.Addr) uint32 {
	if table == tableLocal && to.Is4() {
		return tableMain
	}
	return table
}

// last is the last address of an IPv4 network.
func last(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(a)
}

// Flags and results of bpf_check_mtu.
const (
	mtuSegments = 1 << 0 // BPF_MTU_CHK_SEGS

	mtuFits     = 0
	mtuFragment = 1
	mtuSegment  = 2
)

// checkMTU is bpf_check_mtu.
func (n *network) checkMTU(c codegen.Call, _, index, length, diff, flags uint64) uint64 {
	at, known, large := xdpIngress, uint64(0), false
	if !isXDP(c) {
		at, known, large = skbIfindex, mtuSegments, bufferOf(c).gso()
	}
	p := c.Bytes(length, 4, true)
	if flags&^known != 0 || flags != 0 && (uint32(diff) != 0 || word(p, 0) != 0) {
		return codegen.EINVAL.Ret()
	}
	d, ok := n.device(uint32(pick(index, uint64(word(c.Context(), at)))))
	if !ok {
		return codegen.ENODEV.Ret()
	}
	size := int32(len(c.Packet().Bytes()))
	if l := word(p, 0); l != 0 {
		size = int32(l) + int32(d.linkLen())
	}
	ret := uint64(mtuFits)
	switch longer := size+int32(diff) > int32(d.MTU)+int32(d.linkLen()); {
	case longer && !large:
		ret = mtuFragment
	case longer && flags != 0:
		ret = bufferOf(c).segments(d.MTU)
	}
	if int64(ret) >= 0 {
		setWord(p, 0, d.MTU)
	}
	return ret
}

// segments says whether the segments of a large packet fit, which is known if it
// has a transport header (skb_gso_validate_network_len).
func (s buffer) segments(mtu uint32) uint64 {
	switch headers := uint32(s.place(atTrans) - s.place(atNet)); {
	case !s.has(flagTrans):
		return codegen.EINVAL.Ret()
	case headers+s.field(skbGsoSize) > mtu:
		return mtuSegment
	}
	return mtuFits
}

// pick is the interface that a helper was given, or the packet's own for 0.
func pick(given, own uint64) uint64 {
	if uint32(given) == 0 {
		return own
	}
	return given
}
