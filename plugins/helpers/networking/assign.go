package networking

import "github.com/bpfc/bpfc/core/codegen"

// Flags of bpf_sk_assign in programs of type sk_lookup (include/uapi/linux/bpf.h).
const (
	assignReplace     = 1 << 0 // BPF_SK_LOOKUP_F_REPLACE
	assignNoReuseport = 1 << 1 // BPF_SK_LOOKUP_F_NO_REUSEPORT
)

// Offsets of struct bpf_sk_lookup.
const (
	lookupSk, lookupFamily, lookupProto, lookupRemote4, lookupRemote6, lookupRemotePort = 0, 8, 12, 16, 20, 36

	lookupLocal4    = 40
	lookupLocal6    = 44
	lookupLocalPort = 60
	lookupIngress   = 64
)

// assign is bpf_sk_assign: the socket that gets a packet.
func (n *network) assign(c codegen.Call, _, sk, flags, _, _ uint64) uint64 {
	if c.Entry().Type == "sk_lookup" {
		return n.assignLookup(c, sk, flags).Ret()
	}
	s := n.views[sk]
	switch {
	case s == nil || flags != 0:
		return codegen.EINVAL.Ret()
	case c.Entry().Type != "tcx/ingress": // BPF_PROG_TEST_RUN is not at ingress
		return codegen.EOPNOTSUPP.Ret()
	}
	little.PutUint64(c.Context()[skbSk:], s.addr)
	c.Record(codegen.Record{Helper: "bpf_sk_assign", Args: []uint64{s.Cookie}, CPU: c.CPU()})
	return 0
}

// assignLookup is bpf_sk_lookup_assign: a null socket takes the choice back.
func (n *network) assignLookup(c codegen.Call, sk, flags uint64) codegen.Errno {
	ctx, s := c.Context(), n.views[sk]
	if flags&^(assignReplace|assignNoReuseport) != 0 {
		return codegen.EINVAL
	}
	if s != nil {
		if e := s.suits(word(ctx, lookupFamily), word(ctx, lookupProto)); e != codegen.OK {
			return e
		}
	}
	if little.Uint64(ctx[lookupSk:]) != 0 && flags&assignReplace == 0 {
		return codegen.EEXIST
	}
	little.PutUint64(ctx[lookupSk:], sk)
	return codegen.OK
}

// suits says whether a packet may go to the socket.
func (s *socket) suits(family, proto uint32) codegen.Errno {
	switch {
	case s.state() != stateListen && s.proto() == ipTCP, s.state() == stateEstablished:
		return codegen.ESOCKTNOSUPPORT
	case s.proto() != proto:
		return codegen.EPROTOTYPE
	case s.family() != family && (s.family() == afInet || s.Only6):
		return codegen.EAFNOSUPPORT
	}
	return codegen.OK
}
