package networking

import (
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
)

// Results of programs on streams and messages.
const (
	skDrop = 0
	skPass = 1
)

// The private bytes of a run on a message, behind the target.
const (
	msgApply = targetSize
	msgCork  = targetSize + 4
)

// Offsets of struct sk_msg_md.
const (
	msgSize = 68
	msgSk   = 72
)

// isMessage reports whether the run is of a program on messages.
func isMessage(c codegen.Call) bool { return c.Entry().Type == "sk_msg" }

// messageGo choose the sockets of data and of connections, through maps, and
// change messages (net/core/sock_map.c and net/core/filter.c, Linux 6.18).
func (n *network) messageGo() map[string]codegen.GoHelper {
	return map[string]codegen.GoHelper{
		"bpf_sk_redirect_map":     redirectSockets(targetSockMap),
		"bpf_msg_redirect_map":    redirectSockets(targetMsgMap),
		"bpf_sk_redirect_hash":    n.redirectHash(targetSockHash),
		"bpf_msg_redirect_hash":   n.redirectHash(targetMsgHash),
		"bpf_sock_map_update":     n.updateSockets("bpf_sock_map_update"),
		"bpf_sock_hash_update":    n.updateSockets("bpf_sock_hash_update"),
		"bpf_sk_select_reuseport": selectReuseport,
		"bpf_msg_apply_bytes":     setMessage(msgApply),
		"bpf_msg_cork_bytes":      setMessage(msgCork),
		"bpf_msg_pull_data":       n.pullMessage,
		"bpf_msg_push_data":       n.pushMessage,
		"bpf_msg_pop_data":        n.popMessage,
	}
}

// redirectSockets is bpf_sk_redirect_map and bpf_msg_redirect_map.
func redirectSockets(kind uint32) codegen.GoHelper {
	return func(c codegen.Call, _, addr, index, flags, _ uint64) uint64 {
		var key [4]byte
		setWord(key[:], 0, uint32(index))
		m := c.Map(addr)
		if _, e := m.Get(key[:]); e != codegen.OK || flags&^redirectIngress != 0 {
			return skDrop
		}
		choose(c, kind, uint32(index), flags, m.Address())
		return skPass
	}
}

// redirectHash is bpf_sk_redirect_hash and bpf_msg_redirect_hash.
func (n *network) redirectHash(kind uint32) codegen.GoHelper {
	return func(c codegen.Call, _, addr, key, flags, _ uint64) uint64 {
		m := c.Map(addr)
		k := c.Bytes(key, uint64(m.Spec().KeySize), false)
		if _, e := m.Get(k); e != codegen.OK || flags&^redirectIngress != 0 {
			return skDrop
		}
		n.perCPU[c.CPU()].key = slices.Clone(k)
		choose(c, kind, 0, flags, m.Address())
		return skPass
	}
}

// Operations of struct bpf_sock_ops at which a socket may go into a map (sock_map_op_okay).
var mapOps = []uint32{4, 5, 11}

// updateSockets is bpf_sock_map_update and bpf_sock_hash_update: the element is the socket's cookie.
func (n *network) updateSockets(name string) codegen.GoHelper {
	return func(c codegen.Call, _, addr, key, flags, _ uint64) uint64 {
		if !slices.Contains(mapOps, word(c.Context(), opsOp)) {
			return codegen.EOPNOTSUPP.Ret()
		}
		m, s := c.Map(addr), n.own(c)
		k := slices.Clone(c.Bytes(key, uint64(m.Spec().KeySize), false))
		value := make([]byte, 8)
		little.PutUint64(value, s.Cookie)
		if e := m.Update(k, value[:min(int(m.Spec().ValueSize), len(value))], flags, codegen.AllCPUs); e != codegen.OK {
			return e.Ret()
		}
		c.Record(codegen.Record{Helper: name, Map: m.Spec().Name, Key: k, Args: []uint64{s.Cookie, flags}, CPU: c.CPU()})
		return 0
	}
}

// selectReuseport is bpf_sk_select_reuseport.
func selectReuseport(c codegen.Call, _, addr, key, _, _ uint64) uint64 {
	m := c.Map(addr)
	k := slices.Clone(c.Bytes(key, uint64(m.Spec().KeySize), false))
	if _, e := m.Get(k); e != codegen.OK {
		return codegen.ENOENT.Ret()
	}
	c.Record(codegen.Record{Helper: "bpf_sk_select_reuseport", Map: m.Spec().Name, Key: k, CPU: c.CPU()})
	return 0
}

// setMessage is bpf_msg_apply_bytes and bpf_msg_cork_bytes.
func setMessage(at int) codegen.GoHelper {
	return func(c codegen.Call, _, n, _, _, _ uint64) uint64 {
		setWord(lastBytes(c, msgPrivate), at, uint32(n))
		return 0
	}
}

// message is a run's message: what the program sees of it is the packet, the rest is in the CPU's scratch.
type message struct {
	c   codegen.Call
	pkt codegen.Packet
	*scratch
}

func (n *network) message(c codegen.Call) message {
	return message{c, c.Packet(), &n.perCPU[c.CPU()]}
}

func (m message) len() int { return int(word(m.c.Context(), msgSize)) }

// whole makes the packet the whole message.
func (m message) whole() bool {
	head, tail := m.head, m.tail
	if !m.pkt.MoveStart(-len(head)) || !m.pkt.MoveEnd(len(tail)) {
		return false
	}
	m.head, m.tail = nil, nil
	b := m.pkt.Bytes()
	copy(b, head)
	copy(b[len(b)-len(tail):], tail)
	setWord(m.c.Context(), msgSize, uint32(len(b)))
	return true
}

// show makes a part of the whole message the packet.
func (m message) show(start, end int) {
	b := m.pkt.Bytes()
	m.head, m.tail = slices.Clone(b[:start]), slices.Clone(b[end:])
	m.pkt.MoveEnd(end - len(b))
	m.pkt.MoveStart(start)
}

// pullMessage is bpf_msg_pull_data: the program sees the bytes from start to end.
func (n *network) pullMessage(c codegen.Call, _, start, end, flags, _ uint64) uint64 {
	m, from, to := n.message(c), uint32(start), uint32(end)
	if flags != 0 || to <= from || uint64(to) > uint64(m.len()) {
		return codegen.EINVAL.Ret()
	}
	if !m.whole() {
		return codegen.ENOMEM.Ret()
	}
	m.show(int(from), int(to))
	return 0
}

// pushMessage is bpf_msg_push_data: the program sees the message up to the new
// bytes, or those if there is nothing before them.
func (n *network) pushMessage(c codegen.Call, _, start, size, flags, _ uint64) uint64 {
	m, from, more := n.message(c), uint32(start), uint32(size)
	switch old := m.len(); {
	case flags != 0:
		return codegen.EINVAL.Ret()
	case more == 0:
		return 0
	case uint64(from) > uint64(old):
		return codegen.EINVAL.Ret()
	case !m.whole() || more > maxOffset || !m.pkt.Insert(int(from), int(more), false):
		return codegen.ENOMEM.Ret()
	}
	return m.changed(int(from), int(more))
}

// changed takes note of the new length and shows the first piece.
func (m message) changed(first, second int) uint64 {
	setWord(m.c.Context(), msgSize, uint32(len(m.pkt.Bytes())))
	if first == 0 {
		first = second
	}
	m.show(0, first)
	return 0
}

// popMessage is bpf_msg_pop_data: the program sees the message up to where the
// bytes were, or all of it if that is its start.
func (n *network) popMessage(c codegen.Call, _, start, size, flags, _ uint64) uint64 {
	m, from, less := n.message(c), uint32(start), uint32(size)
	switch old := uint64(m.len()); {
	case flags != 0:
		return codegen.EINVAL.Ret()
	case less == 0:
		return 0
	case uint64(from) >= old || uint64(from)+uint64(less) > old:
		return codegen.EINVAL.Ret()
	case !m.whole() || !m.pkt.Remove(int(from), int(less), false):
		return codegen.ENOMEM.Ret()
	}
	return m.changed(int(from), len(m.pkt.Bytes()))
}
