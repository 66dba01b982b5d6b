package networking

import (
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
)

// What bpf_redirect and its like have chosen: targetKind of the private bytes.
const (
	targetNone = iota
	targetDevice
	targetNeighbour
	targetPeer
	targetMap
	targetSockMap
	targetSockHash
	targetMsgMap
	targetMsgHash
)

// targetNames are the helpers that choose them.
var targetNames = [...]string{
	targetDevice: "bpf_redirect", targetNeighbour: "bpf_redirect_neigh", targetPeer: "bpf_redirect_peer", targetMap: "bpf_redirect_map",
	targetSockMap: "bpf_sk_redirect_map", targetSockHash: "bpf_sk_redirect_hash",
	targetMsgMap: "bpf_msg_redirect_map", targetMsgHash: "bpf_msg_redirect_hash",
}

// Results of programs, and flags.
const (
	xdpAborted  = 0
	xdpRedirect = 4
	tcShot      = 2
	tcRedirect  = 7 // also BPF_REDIRECT of lightweight tunnels

	redirectIngress   = 1 << 0 // BPF_F_INGRESS
	redirectBroadcast = 1 << 3 // BPF_F_BROADCAST
	redirectExclude   = 1 << 4 // BPF_F_EXCLUDE_INGRESS
	dropped           = 1      // NET_RX_DROP: an interface that is down takes no packet in
	congested         = 2      // NET_XMIT_CN: nor out
	mapActions        = 3      // of the flags: what a map without such an element makes of the packet
)

// Kinds of maps that XDP redirects through (enum bpf_map_type).
const (
	mapDev     = 14
	mapDevHash = 25
)

// redirectGo send packets elsewhere (net/core/filter.c and include/linux/filter.h, Linux 6.18).
func (n *network) redirectGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_redirect":       redirect,
		"bpf_redirect_map":   redirectMap,
		"bpf_redirect_neigh": redirectNeigh,
		"bpf_redirect_peer":  redirectPeer,
		"bpf_clone_redirect": n.cloneRedirect,
	}
}

// targetOf is the part of the private bytes that says where a packet goes.
func targetOf(c codegen.Call) []byte {
	switch {
	case isXDP(c):
		return lastBytes(c, xdpPrivate)
	case isMessage(c):
		return lastBytes(c, msgPrivate)
	}
	return lastBytes(c, skbPrivate)
}

// choose takes note of a target. The last choice counts.
func choose(c codegen.Call, kind, index uint32, flags, aMap uint64) {
	t := targetOf(c)
	setWord(t, atKind, kind)
	setWord(t, atIndex, index)
	little.PutUint64(t[atFlags:], flags)
	little.PutUint64(t[atMap:], aMap)
}

// redirect is bpf_redirect.
func redirect(c codegen.Call, index, flags, _, _, _ uint64) uint64 {
	refuse, accept, known := uint64(tcShot), uint64(tcRedirect), uint64(redirectIngress)
	if isXDP(c) {
		refuse, accept, known = xdpAborted, xdpRedirect, 0
	}
	if flags&^known != 0 {
		return refuse
	}
	choose(c, targetDevice, uint32(index), flags, 0)
	return accept
}

// redirectPeer is bpf_redirect_peer.
func redirectPeer(c codegen.Call, index, flags, _, _, _ uint64) uint64 {
	if flags != 0 {
		return tcShot
	}
	choose(c, targetPeer, uint32(index), 0, 0)
	return tcRedirect
}

// redirectNeigh is bpf_redirect_neigh: with a next hop, or with that of the route.
func redirectNeigh(c codegen.Call, index, params, size, flags, _ uint64) uint64 {
	given := uint32(size)
	if flags != 0 || given != 0 && given < nextHopSize {
		return tcShot
	}
	choose(c, targetNeighbour, uint32(index), 0, 0)
	fill(targetOf(c)[atNext:atNext+nextHopSize], c.Bytes(params, uint64(min(given, nextHopSize)), false))
	return tcRedirect
}

// redirectMap is bpf_redirect_map (__bpf_xdp_redirect_map). A map without the
// element clears what was chosen before.
func redirectMap(c codegen.Call, addr, key, flags, _, _ uint64) uint64 {
	m := c.Map(addr)
	known := uint64(mapActions)
	if t := m.Spec().Type; t == mapDev || t == mapDevHash {
		known |= redirectBroadcast | redirectExclude
	}
	if flags&^known != 0 {
		return xdpAborted
	}
	var k [4]byte
	setWord(k[:], 0, uint32(key))
	if _, e := m.Get(k[:]); e != codegen.OK && flags&redirectBroadcast == 0 {
		choose(c, targetNone, 0, 0, 0)
		return flags & mapActions
	}
	choose(c, targetMap, uint32(key), flags&(redirectBroadcast|redirectExclude), m.Address())
	return xdpRedirect
}

// cloneRedirect is bpf_clone_redirect: the copy leaves at once.
func (n *network) cloneRedirect(c codegen.Call, _, index, flags, _, _ uint64) uint64 {
	s := bufferOf(c)
	d, there := n.device(uint32(index))
	switch {
	case flags&^redirectIngress != 0:
		return codegen.EINVAL.Ret()
	case s.gso(): // of a kind that is not known
		return codegen.EBADMSG.Ret()
	case !there:
		return codegen.EINVAL.Ret()
	case !d.Point && (s.place(atMac) >= s.place(atNet) || s.len() == 0), d.Point && s.len() <= s.netOffset():
		return codegen.ERANGE.Ret()
	case d.Down && flags == redirectIngress:
		return dropped
	case d.Down:
		return congested
	}
	sent := s.pkt.Bytes()
	if off := s.netOffset(); d.Point && off > 0 {
		sent = sent[off:]
	}
	c.Record(codegen.Record{Helper: "bpf_clone_redirect", Data: slices.Clone(sent), Args: []uint64{uint64(d.Index), flags}, CPU: c.CPU()})
	return 0
}

// redirected leaves a record of the packet's target if the program has returned
// that it shall go there: Args are the interface and the flags, through a map the
// flags alone; Data is the next hop of bpf_redirect_neigh if it was given one.
func (n *network) redirected(c codegen.Call, ret, want uint64) {
	t := targetOf(c)
	kind := word(t, atKind)
	if uint32(ret) != uint32(want) || kind == targetNone {
		return
	}
	index, flags := uint64(word(t, atIndex)), little.Uint64(t[atFlags:])
	r := codegen.Record{Helper: targetNames[kind], Args: []uint64{index, flags}, CPU: c.CPU()}
	if hop := t[atNext : atNext+nextHopSize]; kind == targetNeighbour && word(hop, 0) != 0 {
		r.Data = slices.Clone(hop)
	}
	if m := c.Map(little.Uint64(t[atMap:])); m != nil {
		r.Map, r.Key, r.Args = m.Spec().Name, slices.Clone(t[atIndex:atIndex+4]), []uint64{flags}
	}
	if kind == targetSockHash || kind == targetMsgHash {
		r.Key = slices.Clone(n.perCPU[c.CPU()].key)
	}
	c.Record(r)
}
