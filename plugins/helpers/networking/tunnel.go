package networking

import (
	"encoding/binary"

	"github.com/bpfc/bpfc/core/codegen"
)

// The tunnel of a packet, from atTunnel (struct ip_tunnel_info, include/net/ip_tunnels.h):
//
//	│ way, IPv6, tos, ttl (1 each) │ label (4) │ id (8) │ flags (4) │ option bytes (4) │ source (16) │ destination (16) │ options (256) │
const (
	tunWay, tunV6, tunTOS, tunTTL = atTunnel, atTunnel + 1, atTunnel + 2, atTunnel + 3

	tunLabel   = atTunnel + 4
	tunID      = atTunnel + 8
	tunFlags   = atTunnel + 16
	tunOptLen  = atTunnel + 20
	tunSource  = atTunnel + 24
	tunDest    = atTunnel + 40
	tunOptions = atTunnel + 56
	tunnelSize = 56 + 256
)

// The ways: a packet came out of a tunnel, or bpf_skb_set_tunnel_key has said into which it goes.
const (
	tunnelNone = iota
	tunnelFrom
	tunnelInto
)

// Flags of the tunnel helpers, and what they set (IP_TUNNEL_*_BIT).
const (
	tunArgV6       = 1 << 0 // BPF_F_TUNINFO_IPV6
	tunArgZeroSum  = 1 << 1 // BPF_F_ZERO_CSUM_TX
	tunArgDontFrag = 1 << 2 // BPF_F_DONT_FRAGMENT
	tunArgSeq      = 1 << 3 // BPF_F_SEQ_NUMBER
	tunArgFlags    = 1 << 4 // BPF_F_TUNINFO_FLAGS, of getting
	tunArgNoKey    = 1 << 4 // BPF_F_NO_TUNNEL_KEY, of setting

	tunSum      = 1 << 0
	tunKey      = 1 << 2
	tunSeq      = 1 << 3
	tunDontFrag = 1 << 8
	tunGeneve   = 1 << 11
	tunVxlan    = 1 << 12
	tunNoCache  = 1 << 13
	tunErspan   = 1 << 14
	tunGTP      = 1 << 15
	tunAnyOpts  = tunGeneve | tunVxlan | tunErspan | tunGTP
)

// maxOptions is IP_TUNNEL_OPTS_MAX.
const maxOptions = 255

// Offsets of struct bpf_tunnel_key, and its sizes: the last is today's, the others those of older programs.
const (
	keyID, keyRemote, keyTOS, keyTTL, keyExt, keyLabel, keyLocal = 0, 4, 20, 21, 22, 24, 28

	keySize    = 44
	keyOldest  = 8 // an IPv4 address only
	flowLabels = 0xfffff
)

// tunnelGo are the helpers of tunnels (net/core/filter.c, Linux 6.18).
func tunnelGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_skb_get_tunnel_key": getTunnelKey,
		"bpf_skb_set_tunnel_key": setTunnelKey,
		"bpf_skb_get_tunnel_opt": getTunnelOpt,
		"bpf_skb_set_tunnel_opt": setTunnelOpt,
	}
}

// oldKey reports whether a size is one of struct bpf_tunnel_key's.
func knownKey(size int) bool {
	return size == keySize || size == keyLocal || size == keyLabel || size == keyExt || size == keyOldest
}

// getTunnelKey is bpf_skb_get_tunnel_key: where a packet came from. The remote
// end is the source of the outer header, also of one that the program has set.
func getTunnelKey(c codegen.Call, _, to, size, flags, _ uint64) uint64 {
	s, out := bufferOf(c), c.Bytes(to, uint64(uint32(size)), true)
	v6 := flags&tunArgV6 != 0
	switch {
	case s.own[tunWay] == tunnelNone || flags&^(tunArgV6|tunArgFlags) != 0:
		return failed(out, codegen.EINVAL)
	case (s.own[tunV6] != 0) != v6:
		return failed(out, codegen.EPROTO)
	case !knownKey(len(out)) || len(out) == keyOldest && v6:
		return failed(out, codegen.EINVAL)
	}
	var k [keySize]byte
	setWord(k[:], keyID, uint32(little.Uint64(s.own[tunID:])))
	k[keyTOS], k[keyTTL] = s.own[tunTOS], s.own[tunTTL]
	if flags&tunArgFlags != 0 {
		binary.BigEndian.PutUint16(k[keyExt:], uint16(word(s.own, tunFlags)))
	}
	setWord(k[:], keyLabel, word(s.own, tunLabel))
	keyAddress(k[keyRemote:], s.own[tunSource:], v6)
	keyAddress(k[keyLocal:], s.own[tunDest:], v6)
	fill(out, k[:])
	return 0
}

// keyAddress copies an address between a key and a tunnel: an IPv4 address is a number in the host's order in a key.
func keyAddress(to, from []byte, v6 bool) {
	if v6 {
		copy(to[:16], from)
		return
	}
	clear(to[:16])
	setWord(to, 0, binary.BigEndian.Uint32(from))
}

// setTunnelKey is bpf_skb_set_tunnel_key: where the packet goes to.
func setTunnelKey(c codegen.Call, _, from, size, flags, _ uint64) uint64 {
	if flags&^(tunArgV6|tunArgZeroSum|tunArgDontFrag|tunArgSeq|tunArgNoKey) != 0 || !knownKey(int(uint32(size))) {
		return codegen.EINVAL.Ret()
	}
	var k [keySize]byte
	copy(k[:], c.Bytes(from, uint64(uint32(size)), false))
	v6, label := flags&tunArgV6 != 0, word(k[:], keyLabel)
	if !v6 && label != 0 || little.Uint16(k[keyExt:]) != 0 {
		return codegen.EINVAL.Ret()
	}
	own := bufferOf(c).own
	clear(own[atTunnel:skbPrivate])
	own[tunWay], own[tunTOS], own[tunTTL] = tunnelInto, k[keyTOS], k[keyTTL]
	if v6 {
		own[tunV6] = 1
		setWord(own, tunLabel, label&flowLabels)
	}
	setWord(own, tunFlags, tunnelFlags(flags))
	little.PutUint64(own[tunID:], uint64(word(k[:], keyID)))
	keyAddress(own[tunDest:], k[keyRemote:], v6)
	keyAddress(own[tunSource:], k[keyLocal:], v6)
	return 0
}

// tunnelFlags are the flags of a tunnel that the flags of the helper ask for.
func tunnelFlags(flags uint64) uint32 {
	f := uint32(tunNoCache)
	for _, x := range []struct {
		arg, flag uint32
		unless    bool
	}{{tunArgDontFrag, tunDontFrag, false}, {tunArgZeroSum, tunSum, true}, {tunArgSeq, tunSeq, false}, {tunArgNoKey, tunKey, true}} {
		if (uint32(flags)&x.arg != 0) != x.unless {
			f |= x.flag
		}
	}
	return f
}

// getTunnelOpt is bpf_skb_get_tunnel_opt.
func getTunnelOpt(c codegen.Call, _, to, size, _, _ uint64) uint64 {
	own, out := bufferOf(c).own, c.Bytes(to, uint64(uint32(size)), true)
	n := int(word(own, tunOptLen))
	switch {
	case own[tunWay] == tunnelNone || word(own, tunFlags)&tunAnyOpts == 0:
		return failed(out, codegen.ENOENT)
	case len(out) < n:
		return failed(out, codegen.ENOMEM)
	}
	fill(out, own[tunOptions:tunOptions+n])
	return uint64(n)
}

// setTunnelOpt is bpf_skb_set_tunnel_opt, which follows bpf_skb_set_tunnel_key.
func setTunnelOpt(c codegen.Call, _, from, size, _, _ uint64) uint64 {
	own, n := bufferOf(c).own, uint32(size)
	switch {
	case own[tunWay] != tunnelInto || n%4 != 0:
		return codegen.EINVAL.Ret()
	case n > maxOptions:
		return codegen.ENOMEM.Ret()
	}
	copy(own[tunOptions:], c.Bytes(from, uint64(n), false))
	setWord(own, tunOptLen, n)
	setWord(own, tunFlags, word(own, tunFlags)|tunAnyOpts)
	return 0
}
