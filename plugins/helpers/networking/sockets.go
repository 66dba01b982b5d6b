package networking

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"

	"github.com/bpfc/bpfc/core/codegen"
)

// socketEnv is a socket of the environment.
type socketEnv struct {
	Proto    string            `json:"proto"` // "tcp" or "udp"
	Local    netip.AddrPort    `json:"local"`
	Remote   netip.AddrPort    `json:"remote"`
	State    string            `json:"state"` // as ss prints it, "established"
	Device   uint32            `json:"ifindex"`
	Mark     uint32            `json:"mark"`
	Priority uint32            `json:"priority"`
	Only6    bool              `json:"v6only"`
	Cookie   uint64            `json:"cookie"`
	Netns    uint64            `json:"netns_cookie"`
	UID      uint32            `json:"uid"`
	ClassID  uint32            `json:"classid"`
	Cgroups  []uint64          `json:"cgroups"` // ids, from the root on
	Packet   bool              `json:"packet"`  // the packets of the runs are this socket's
	TCP      map[string]uint64 `json:"tcp"`     // fields of struct bpf_tcp_sock
}

// The states of sockets (include/net/tcp_states.h).
var socketStates = map[string]uint32{
	"established": 1, "syn-sent": 2, "syn-recv": 3, "fin-wait-1": 4, "fin-wait-2": 5, "time-wait": stateTimeWait, "closed": stateClosed,
	"close-wait": 8, "last-ack": 9, "listening": stateListen, "closing": 11, "new-syn-recv": stateRequest,
}

const (
	stateEstablished = 1
	stateTimeWait    = 6
	stateClosed      = 7
	stateListen      = 10
	stateRequest     = 12
)

// Offsets of struct bpf_sock, and the sizes of the structures that lie behind one another.
const (
	sockDevice, sockFamily, sockType, sockProto, sockMark, sockPriority = 0, 4, 8, 12, 16, 20

	sockSource4    = 24
	sockSource6    = 28
	sockSourcePort = 44
	sockDestPort   = 48
	sockDest4      = 52
	sockDest6      = 56
	sockState      = 72
	sockQueue      = 76

	sockSize  = 80
	tcpSize   = 112
	viewsSize = sockSize + tcpSize
)

// socket is a socket, with the structures that programs get: struct bpf_sock and struct bpf_tcp_sock behind it.
type socket struct {
	socketEnv
	mem  []byte
	addr uint64

	lock    sync.Mutex
	options map[[2]uint32][]byte // by level and name
}

func (s *socket) state() uint32  { return word(s.mem, sockState) }
func (s *socket) proto() uint32  { return word(s.mem, sockProto) }
func (s *socket) family() uint32 { return word(s.mem, sockFamily) }

// full reports whether it is a whole socket, not a request or what is left of one (sk_fullsock).
func (s *socket) full() bool { return s.state() != stateTimeWait && s.state() != stateRequest }

// scratch is what each virtual CPU has for the runs on it: the socket of a packet that none is said of, flow keys,
// and what a run keeps that its context has no place for.
type scratch struct {
	socket     *socket
	keys       []byte
	keysAt     uint64
	key        []byte // of the hash of sockets that was chosen
	head, tail []byte // of a message, outside of what the program sees
	below      below  // of a frame
}

// flowKeysSize is sizeof(struct bpf_flow_keys).
const flowKeysSize = 56

// readSockets reads the part "sockets" and makes the structures.
func (n *network) readSockets(h codegen.Home) error {
	var all []socketEnv
	if err := part(h, "sockets", &all); err != nil {
		return err
	}
	n.views = map[uint64]*socket{}
	for i, e := range all {
		s, err := n.open(h, e)
		if err == nil {
			err = s.describe()
		}
		if err != nil {
			return fmt.Errorf("environment, part \"sockets\": socket %d: %w", i, err)
		}
		n.sockets = append(n.sockets, s)
		if e.Packet {
			n.packet = s
		}
	}
	for range h.CPUs() {
		s, err := n.open(h, socketEnv{})
		if err != nil {
			return err
		}
		setWord(s.mem, sockState, stateClosed)
		keys, at, err := h.Alloc(flowKeysSize)
		if err != nil {
			return err
		}
		n.perCPU = append(n.perCPU, scratch{socket: s, keys: keys, keysAt: at})
	}
	return nil
}

// open makes a socket's structures.
func (n *network) open(h codegen.Home, e socketEnv) (*socket, error) {
	if len(e.Cgroups) == 0 {
		e.Cgroups = []uint64{1}
	}
	if e.Cookie == 0 {
		e.Cookie = uint64(len(n.views)/2 + 1)
	}
	e.Netns = max(e.Netns, 1)
	mem, addr, err := h.Alloc(viewsSize)
	if err != nil {
		return nil, err
	}
	s := &socket{socketEnv: e, mem: mem, addr: addr, options: map[[2]uint32][]byte{}}
	setWord(mem, sockQueue, ^uint32(0))
	n.views[addr], n.views[addr+sockSize] = s, s
	return s, nil
}

// describe fills the structures with what the environment says.
func (s *socket) describe() error {
	const stream, datagram = 1, 2
	state, ok := socketStates[s.State]
	switch {
	case s.Proto != "tcp" && s.Proto != "udp":
		return fmt.Errorf("its proto is %q: it must be tcp or udp", s.Proto)
	case !ok:
		return fmt.Errorf("its state is %q: it must be one of established, listening, closed, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, close-wait, last-ack, closing, new-syn-recv", s.State)
	case !s.Local.IsValid() || s.Remote.IsValid() && s.Remote.Addr().Is4() != s.Local.Addr().Is4():
		return fmt.Errorf("it needs a local address like 10.0.0.1:80, and a remote one of the same family or none")
	}
	kind, proto := uint32(stream), uint32(ipTCP)
	if s.Proto == "udp" {
		kind, proto = datagram, ipUDP
	}
	for at, v := range map[int]uint32{sockDevice: s.Device, sockType: kind, sockProto: proto, sockMark: s.Mark, sockPriority: s.Priority,
		sockSourcePort: uint32(s.Local.Port()), sockDestPort: uint32(swap(s.Remote.Port())), sockState: state} {
		setWord(s.mem, at, v)
	}
	s.addresses(s.Local.Addr(), s.Remote.Addr())
	return s.describeTCP()
}

// addresses sets the family and the addresses.
func (s *socket) addresses(local, remote netip.Addr) {
	clear(s.mem[sockSource4:sockSourcePort])
	clear(s.mem[sockDest4:sockState])
	family, from, to := uint32(afInet), sockSource4, sockDest4
	if local.Is6() {
		family, from, to = afInet6, sockSource6, sockDest6
	}
	setWord(s.mem, sockFamily, family)
	copy(s.mem[from:], local.AsSlice())
	copy(s.mem[to:], remote.AsSlice())
}

// describeTCP fills struct bpf_tcp_sock by the names of its fields.
func (s *socket) describeTCP() error {
	known := 0
	layout := tcpSock()
	for _, f := range layout.Fields {
		v, ok := s.TCP[f.Name]
		if !ok {
			continue
		}
		known++
		if at := sockSize + int(f.Offset); f.Size == 8 {
			little.PutUint64(s.mem[at:], v)
		} else {
			setWord(s.mem, at, uint32(v))
		}
	}
	if known != len(s.TCP) {
		return fmt.Errorf("its part tcp has a field that struct bpf_tcp_sock does not have")
	}
	return nil
}

// own is the socket that the run's packet belongs to, or that the run is about.
func (n *network) own(c codegen.Call) *socket {
	if n.packet != nil {
		return n.packet
	}
	return n.perCPU[c.CPU()].socket
}

// of is the socket at an address, or the run's own if the address is the context's.
func (n *network) of(c codegen.Call, addr uint64) *socket {
	if s := n.views[addr]; s != nil {
		return s
	}
	return n.own(c)
}

// socketGo are the helpers of sockets (net/core/filter.c, Linux 6.18).
func (n *network) socketGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_sk_lookup_tcp":          n.lookupGo(ipTCP, true),
		"bpf_sk_lookup_udp":          n.lookupGo(ipUDP, true),
		"bpf_skc_lookup_tcp":         n.lookupGo(ipTCP, false),
		"bpf_sk_release":             zero,
		"bpf_sk_fullsock":            n.fullSocket,
		"bpf_tcp_sock":               n.tcpSocket,
		"bpf_get_listener_sock":      n.listener,
		"bpf_get_socket_cookie":      n.cookie,
		"bpf_get_netns_cookie":       n.netnsCookie,
		"bpf_get_socket_uid":         n.uid,
		"bpf_sk_assign":              n.assign,
		"bpf_skb_cgroup_id":          n.cgroupID,
		"bpf_sk_cgroup_id":           n.cgroupID,
		"bpf_skb_ancestor_cgroup_id": n.ancestorID,
		"bpf_sk_ancestor_cgroup_id":  n.ancestorID,
		"bpf_skb_cgroup_classid":     n.classID,
		"bpf_skb_under_cgroup":       n.underCgroup,
	}
}

// The sizes of struct bpf_sock_tuple.
const (
	tuple4Size = 12
	tuple6Size = 36
)

// lookupGo is bpf_sk_lookup_tcp and its like. The namespace is the run's own:
// no other has a number. A search for a whole socket that ends at a request finds
// its listener (sk_to_full_sk).
func (n *network) lookupGo(proto uint32, whole bool) codegen.GoHelper {
	return func(c codegen.Call, _, tuple, size, netns, flags uint64) uint64 {
		t := c.Bytes(tuple, uint64(uint32(size)), false)
		if len(t) != tuple4Size && len(t) != tuple6Size || flags != 0 || int32(netns) >= 0 {
			return 0
		}
		from, to := tupleAddress(t, 0), tupleAddress(t, 1)
		s := n.find(proto, from, to, n.device32(c))
		if s != nil && whole && s.state() == stateRequest {
			s = n.find(proto, netip.AddrPort{}, to, n.device32(c))
		}
		if s == nil || whole && !s.full() {
			return 0
		}
		return s.addr
	}
}

// tupleAddress is the source (0) or the destination (1) of a tuple.
func tupleAddress(t []byte, i int) netip.AddrPort {
	n := (len(t) - 4) / 2
	a, _ := netip.AddrFromSlice(t[i*n : (i+1)*n])
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(t[2*n+2*i:]))
}

// device32 is the interface that the run's packet came in by; sockets of programs without a packet have none.
func (n *network) device32(c codegen.Call) uint32 {
	switch {
	case isXDP(c):
		return word(c.Context(), xdpIngress)
	case len(c.Context()) >= skbSize+skbPrivate:
		return bufferOf(c).field(skbIfindex)
	}
	return 0
}

// find is the best socket for a packet: a connection before a listener, an
// address before any, an interface before any (compute_score and
// __inet_lookup_established, net/ipv4/inet_hashtables.c, and net/ipv4/udp.c).
func (n *network) find(proto uint32, from, to netip.AddrPort, device uint32) *socket {
	var best *socket
	score := 0
	for _, s := range n.sockets {
		if v := s.score(proto, from, to, device); v > score {
			best, score = s, v
		}
	}
	return best
}

// score is how well the socket suits, 0 if it does not.
func (s *socket) score(proto uint32, from, to netip.AddrPort, device uint32) int {
	connected := s.Remote.IsValid() && s.Remote.Port() != 0
	local := s.Local.Addr()
	wild := local.IsUnspecified() && (local.Is4() == to.Addr().Is4() || local.Is6() && !s.Only6)
	switch {
	case s.proto() != proto, s.Local.Port() != to.Port(), local != to.Addr() && !wild, s.Device != 0 && s.Device != device,
		connected && s.Remote != from, !connected && proto == ipTCP && s.state() != stateListen:
		return 0
	}
	score := 1
	for i, better := range []bool{local.Is4() == to.Addr().Is4(), !wild, s.Device != 0, connected} {
		if better {
			score += 1 << (i + 1)
		}
	}
	return score
}

// fullSocket is bpf_sk_fullsock.
func (n *network) fullSocket(c codegen.Call, sk, _, _, _, _ uint64) uint64 {
	if s := n.views[sk]; s != nil && s.full() {
		return s.addr
	}
	return 0
}

// tcpSocket is bpf_tcp_sock.
func (n *network) tcpSocket(c codegen.Call, sk, _, _, _, _ uint64) uint64 {
	if s := n.views[sk]; s != nil && s.full() && s.proto() == ipTCP {
		return s.addr + sockSize
	}
	return 0
}

// listener is bpf_get_listener_sock.
func (n *network) listener(c codegen.Call, sk, _, _, _, _ uint64) uint64 {
	s := n.views[sk]
	if s != nil && s.state() == stateRequest {
		s = n.find(s.proto(), netip.AddrPort{}, s.Local, s.Device)
	}
	if s == nil || s.state() != stateListen {
		return 0
	}
	return s.addr
}

// cookie is bpf_get_socket_cookie, of a context or of a socket that may be null.
func (n *network) cookie(c codegen.Call, r1, _, _, _, _ uint64) uint64 {
	if r1 == 0 {
		return 0
	}
	return n.of(c, r1).Cookie
}

// netnsCookie is bpf_get_netns_cookie: of a null context the cookie of the first namespace.
func (n *network) netnsCookie(c codegen.Call, r1, _, _, _, _ uint64) uint64 {
	if r1 == 0 {
		return 1
	}
	return n.of(c, r1).Netns
}

// overflowUID is what a user without a number here has.
const overflowUID = 65534

// uid is bpf_get_socket_uid.
func (n *network) uid(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	if s := n.own(c); s.full() {
		return uint64(s.UID)
	}
	return overflowUID
}

// cgroupID is bpf_skb_cgroup_id and bpf_sk_cgroup_id.
func (n *network) cgroupID(c codegen.Call, r1, _, _, _, _ uint64) uint64 {
	s := n.of(c, r1)
	if !s.full() {
		return 0
	}
	return s.Cgroups[len(s.Cgroups)-1]
}

// ancestorID is bpf_skb_ancestor_cgroup_id and bpf_sk_ancestor_cgroup_id.
func (n *network) ancestorID(c codegen.Call, r1, level, _, _, _ uint64) uint64 {
	s, i := n.of(c, r1), int(int32(level))
	if !s.full() || i < 0 || i >= len(s.Cgroups) {
		return 0
	}
	return s.Cgroups[i]
}

// classID is bpf_skb_cgroup_classid.
func (n *network) classID(c codegen.Call, _, _, _, _, _ uint64) uint64 {
	if s := n.own(c); s.full() {
		return uint64(s.ClassID)
	}
	return 0
}

// underCgroup is bpf_skb_under_cgroup: elements of the map are ids of cgroups.
func (n *network) underCgroup(c codegen.Call, _, addr, index, _, _ uint64) uint64 {
	s, m := n.own(c), c.Map(addr)
	if !s.full() {
		return codegen.ENOENT.Ret()
	}
	if uint32(index) >= m.Spec().MaxEntries {
		return codegen.E2BIG.Ret()
	}
	var key [4]byte
	setWord(key[:], 0, uint32(index))
	id, e := m.Get(key[:])
	if e != codegen.OK || len(id) < 4 {
		return codegen.EAGAIN.Ret()
	}
	for _, g := range s.Cgroups {
		if uint32(g) == word(id, 0) {
			return 1
		}
	}
	return 0
}
