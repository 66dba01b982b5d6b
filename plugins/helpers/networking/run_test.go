package networking_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/plugins/helpers/networking"
	"github.com/stretchr/testify/require"
)

// What the kernel's test does not show: records, the environment, types that it does not run.

// open begins a run of a type in an environment.
func open(t *testing.T, env map[string]string, typ string, ctx, packet []byte) *fakeCall {
	h, impl := implement(t, env)
	p, ok := networking.Set().Type(typ)
	require.True(t, ok, typ)
	c, err := start(t, h, impl, &p, ctx, packet)
	require.NoError(t, err)
	return c
}

// memory is memory of the run that holds b.
func (c *fakeCall) memory(b []byte) uint64 {
	mem, at, _ := c.home.Alloc(len(b))
	copy(mem, b)
	return at
}

// add gives the run a map with elements, at an address.
func (c *fakeCall) add(name string, keySize uint32, elements map[string]string) uint64 {
	m := &fakeMap{addr: 0x4000_0000 + uint64(len(c.maps)), elements: map[string][]byte{}, home: c.home}
	m.spec.Name, m.spec.KeySize, m.spec.ValueSize, m.spec.MaxEntries = name, keySize, 8, 4
	for k, v := range elements {
		m.elements[k] = []byte(v)
	}
	c.maps[m.addr] = m
	return m.addr
}

var (
	ipPacket, _ = hex.DecodeString("020000000001020000000002" + "0800" + "450000280000400040060000" + "0a000001" + "0a000002" + "1f900050" + "00000000000000005000000000000000")
	errno       = func(e codegen.Errno) uint64 { return e.Ret() }
)

func TestRedirectsAreRecorded(t *testing.T) {
	hop := make([]byte, 20)
	hop[0], hop[4] = 2, 10
	for _, x := range []struct {
		name, typ string
		do        func(c *fakeCall) uint64
		want      []codegen.Record
	}{
		{"device", "sched_cls", func(c *fakeCall) uint64 { return c.call("bpf_redirect", 7, 1) },
			[]codegen.Record{{Helper: "bpf_redirect", Args: []uint64{7, 1}}}},
		{"the last one counts", "xdp", func(c *fakeCall) uint64 { c.call("bpf_redirect", 7, 0); return c.call("bpf_redirect", 8, 0) },
			[]codegen.Record{{Helper: "bpf_redirect", Args: []uint64{8, 0}}}},
		{"refused ones do not", "xdp", func(c *fakeCall) uint64 { r := c.call("bpf_redirect", 7, 0); c.call("bpf_redirect", 8, 1); return r },
			[]codegen.Record{{Helper: "bpf_redirect", Args: []uint64{7, 0}}}},
		{"another result", "sched_cls", func(c *fakeCall) uint64 { c.call("bpf_redirect", 7, 0); return 0 }, nil},
		{"peer", "sched_cls", func(c *fakeCall) uint64 { return c.call("bpf_redirect_peer", 9, 0) },
			[]codegen.Record{{Helper: "bpf_redirect_peer", Args: []uint64{9, 0}}}},
		{"neighbour", "tcx/egress", func(c *fakeCall) uint64 { return c.call("bpf_redirect_neigh", 9, 0, 0, 0) },
			[]codegen.Record{{Helper: "bpf_redirect_neigh", Args: []uint64{9, 0}}}},
		{"next hop", "sched_cls", func(c *fakeCall) uint64 { return c.call("bpf_redirect_neigh", 9, c.memory(hop), 20, 0) },
			[]codegen.Record{{Helper: "bpf_redirect_neigh", Args: []uint64{9, 0}, Data: hop}}},
		{"lightweight tunnel", "lwt_xmit", func(c *fakeCall) uint64 { return c.call("bpf_redirect", 7, 0) },
			[]codegen.Record{{Helper: "bpf_redirect", Args: []uint64{7, 0}}}},
		{"stream to a socket", "sk_skb/verdict", func(c *fakeCall) uint64 {
			return c.call("bpf_sk_redirect_map", 0, c.add("socks", 4, map[string]string{"\x02\x00\x00\x00": "12345678"}), 2, 1)
		}, []codegen.Record{{Helper: "bpf_sk_redirect_map", Map: "socks", Key: []byte{2, 0, 0, 0}, Args: []uint64{1}}}},
		{"message by a hash", "sk_msg", func(c *fakeCall) uint64 {
			return c.call("bpf_msg_redirect_hash", 0, c.add("hash", 6, map[string]string{"abcdef": "12345678"}), c.memory([]byte("abcdef")), 0)
		}, []codegen.Record{{Helper: "bpf_msg_redirect_hash", Map: "hash", Key: []byte("abcdef"), Args: []uint64{0}}}},
		{"no such socket", "sk_msg", func(c *fakeCall) uint64 { return c.call("bpf_msg_redirect_map", 0, c.add("socks", 4, nil), 0, 0) }, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := open(t, nil, x.typ, nil, ipPacket)
			c.leave(x.do(c))
			require.Len(t, c.records, len(x.want))
			for i := range x.want {
				x.want[i].CPU = 1
				require.Equal(t, x.want[i], c.records[i])
			}
		})
	}
}

func TestClonesAreRecorded(t *testing.T) {
	c := open(t, nil, "sched_cls", nil, ipPacket)
	require.Zero(t, c.call("bpf_clone_redirect", 0, 3, 1))
	require.Equal(t, []codegen.Record{{Helper: "bpf_clone_redirect", Args: []uint64{3, 1}, Data: ipPacket, CPU: 1}}, c.records)
	c.packet.Bytes()[0] = 0xee
	require.NotEqual(t, byte(0xee), c.records[0].Data[0], "the copy is one")

	c = open(t, map[string]string{"devices": `[{"ifindex": 3, "no_link_header": true}]`}, "sched_cls", nil, ipPacket)
	require.Zero(t, c.call("bpf_clone_redirect", 0, 3, 0))
	require.Equal(t, ipPacket[14:], c.records[0].Data)
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_clone_redirect", 0, 4, 0), "no such device")
	require.Equal(t, errno(codegen.ERANGE), open(t, nil, "lwt_xmit", nil, ipPacket[:14]).call("bpf_clone_redirect", 0, 3, 0))

	large := make([]byte, 192)
	large[176] = 100
	require.Equal(t, errno(codegen.EBADMSG), open(t, nil, "sched_cls", large, ipPacket).call("bpf_clone_redirect", 0, 3, 0))
}

func TestTheHashIsOfTheFlow(t *testing.T) {
	hash := func(packet []byte) uint64 {
		return open(t, nil, "sched_cls", nil, packet).call("bpf_get_hash_recalc", 0)
	}
	back := append([]byte(nil), ipPacket...)
	copy(back[26:], ipPacket[30:34])
	copy(back[30:], ipPacket[26:30])
	copy(back[34:], ipPacket[36:38])
	copy(back[36:], ipPacket[34:36])
	other := append([]byte(nil), ipPacket...)
	other[35]++
	require.NotZero(t, hash(ipPacket))
	require.Equal(t, hash(ipPacket), hash(back))
	require.NotEqual(t, hash(ipPacket), hash(other))

	c := open(t, nil, "sched_cls", nil, ipPacket)
	h := c.call("bpf_get_hash_recalc", 0)
	require.Equal(t, uint32(h), binary.LittleEndian.Uint32(c.ctx[68:]))
	c.packet.Bytes()[35]++
	require.Equal(t, h, c.call("bpf_get_hash_recalc", 0), "it is kept")
	c.call("bpf_set_hash_invalid", 0)
	require.NotEqual(t, h, c.call("bpf_get_hash_recalc", 0))
	c.call("bpf_set_hash", 0, 77)
	require.EqualValues(t, 77, c.call("bpf_get_hash_recalc", 0))
}

func TestPacketsOfATunnel(t *testing.T) {
	c := open(t, map[string]string{"tunnel": `{"id": 42, "remote": "10.1.2.3", "local": "10.1.2.4", "tos": 1, "ttl": 64, "flags": 2052, "options": "0102030405060708"}`},
		"sched_cls", nil, ipPacket)
	key := c.memory(make([]byte, 44))
	require.Zero(t, c.call("bpf_skb_get_tunnel_key", 0, key, 44, 1<<4))
	k := c.Bytes(key, 44, false)
	require.EqualValues(t, 42, binary.LittleEndian.Uint32(k))
	require.EqualValues(t, 0x0a010203, binary.LittleEndian.Uint32(k[4:]))
	require.Equal(t, []byte{1, 64, 8, 4}, k[20:24])
	require.EqualValues(t, 0x0a010204, binary.LittleEndian.Uint32(k[28:]))
	opt := c.memory(make([]byte, 12))
	require.EqualValues(t, 8, c.call("bpf_skb_get_tunnel_opt", 0, opt, 12))
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0}, c.Bytes(opt, 12, false))
	require.Equal(t, errno(codegen.EPROTO), c.call("bpf_skb_get_tunnel_key", 0, key, 44, 1))
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_skb_set_tunnel_opt", 0, opt, 8), "the packet goes into none yet")
}

func TestMessages(t *testing.T) {
	c := open(t, nil, "sk_msg", nil, []byte("0123456789"))
	seen := func() string { return string(c.packet.Bytes()) }
	size := func() uint32 { return binary.LittleEndian.Uint32(c.ctx[68:]) }
	require.EqualValues(t, 10, size())
	require.Zero(t, c.call("bpf_msg_pull_data", 0, 2, 5, 0))
	require.Equal(t, "234", seen())
	require.Zero(t, c.call("bpf_msg_push_data", 0, 4, 3, 0))
	require.Equal(t, "0123", seen())
	require.EqualValues(t, 13, size())
	require.Zero(t, c.call("bpf_msg_pull_data", 0, 3, 8, 0))
	require.Equal(t, "3\x00\x00\x004", seen())
	copy(c.packet.Bytes()[1:], "abc")
	require.Zero(t, c.call("bpf_msg_pop_data", 0, 0, 3, 0))
	require.Equal(t, "3abc456789", seen())
	require.Zero(t, c.call("bpf_msg_pop_data", 0, 8, 2, 0))
	require.Equal(t, "3abc4567", seen())
	require.Zero(t, c.call("bpf_msg_push_data", 0, 0, 2, 0))
	require.Equal(t, "\x00\x00", seen())
	for _, x := range []struct {
		helper            string
		start, end, flags uint64
	}{
		{"bpf_msg_pull_data", 5, 5, 0}, {"bpf_msg_pull_data", 5, 11, 0}, {"bpf_msg_pull_data", 0, 1, 1}, {"bpf_msg_push_data", 11, 1, 0},
		{"bpf_msg_push_data", 0, 1, 1}, {"bpf_msg_pop_data", 10, 1, 0}, {"bpf_msg_pop_data", 9, 2, 0}, {"bpf_msg_pop_data", 1, 1<<32 - 1, 0}, {"bpf_msg_pop_data", 0, 1, 1},
	} {
		require.Equal(t, errno(codegen.EINVAL), c.call(x.helper, 0, x.start, x.end, x.flags), "%+v", x)
	}
	c.call("bpf_msg_apply_bytes", 0, 100)
	c.call("bpf_msg_cork_bytes", 0, 200)
	c.leave(1)
	require.Equal(t, "\x00\x003abc4567", seen())
	require.Empty(t, c.records)
}

const sockets = `[
	{"proto": "tcp", "state": "listening", "local": "10.0.0.2:80", "cookie": 5, "uid": 1000, "classid": 9, "cgroups": [1, 20, 300], "packet": true, "tcp": {"snd_cwnd": 10, "bytes_acked": 99}},
	{"proto": "tcp", "state": "new-syn-recv", "local": "10.0.0.2:80", "remote": "10.0.0.1:8080", "cookie": 6},
	{"proto": "tcp", "state": "time-wait", "local": "10.0.0.2:80", "remote": "10.0.0.1:8081", "cookie": 7},
	{"proto": "udp", "state": "closed", "local": "[fd00::1]:53", "cookie": 8}]`

// find looks a TCP socket up by the ports of a connection to 10.0.0.2:80.
func (c *fakeCall) find(helper string, port uint16) uint64 {
	b := []byte{10, 0, 0, 1, 10, 0, 0, 2, byte(port >> 8), byte(port), 0, 80}
	return c.call(helper, 0, c.memory(b), 12, 1<<32-1, 0)
}

func TestSockets(t *testing.T) {
	c := open(t, map[string]string{"sockets": sockets}, "sched_cls", nil, ipPacket)
	listener := c.find("bpf_sk_lookup_tcp", 1)
	require.NotZero(t, listener)
	require.Equal(t, listener, binary.LittleEndian.Uint64(c.ctx[168:]), "it is the packet's")
	require.Equal(t, listener, c.find("bpf_sk_lookup_tcp", 8080), "a request's listener")
	request := c.find("bpf_skc_lookup_tcp", 8080)
	require.NotEqual(t, listener, request)
	require.Equal(t, listener, c.call("bpf_get_listener_sock", request))
	require.Zero(t, c.call("bpf_sk_fullsock", request))
	require.Zero(t, c.find("bpf_sk_lookup_tcp", 8081), "what waits is no whole socket")
	waiting := c.find("bpf_skc_lookup_tcp", 8081)
	require.EqualValues(t, 6, binary.LittleEndian.Uint32(c.Bytes(waiting, 80, false)[72:]))
	require.Zero(t, c.call("bpf_get_listener_sock", waiting))
	require.Zero(t, c.call("bpf_tcp_sock", waiting))

	tcp := c.call("bpf_tcp_sock", listener)
	view := c.Bytes(tcp, 112, false)
	require.EqualValues(t, 10, binary.LittleEndian.Uint32(view))
	require.EqualValues(t, 99, binary.LittleEndian.Uint64(view[88:]))
	require.Equal(t, listener, c.call("bpf_sk_fullsock", tcp), "both views are one socket")

	require.EqualValues(t, 5, c.call("bpf_get_socket_cookie", 0xc0ffee))
	require.EqualValues(t, 6, c.call("bpf_get_socket_cookie", request))
	require.Zero(t, c.call("bpf_get_socket_cookie", 0))
	require.EqualValues(t, 1000, c.call("bpf_get_socket_uid", 0xc0ffee))
	require.EqualValues(t, 9, c.call("bpf_skb_cgroup_classid", 0xc0ffee))
	require.EqualValues(t, 300, c.call("bpf_skb_cgroup_id", 0xc0ffee))
	require.EqualValues(t, 300, c.call("bpf_sk_cgroup_id", listener))
	for level, want := range map[int64]uint64{0: 1, 1: 20, 2: 300, 3: 0, -1: 0} {
		require.Equal(t, want, c.call("bpf_skb_ancestor_cgroup_id", 0xc0ffee, uint64(level)))
	}
	require.Zero(t, c.call("bpf_sk_cgroup_id", request))
	groups := c.add("groups", 4, map[string]string{"\x00\x00\x00\x00": "\x14\x00\x00\x00", "\x01\x00\x00\x00": "\x15\x00\x00\x00"})
	require.EqualValues(t, 1, c.call("bpf_skb_under_cgroup", 0, groups, 0))
	require.EqualValues(t, 0, c.call("bpf_skb_under_cgroup", 0, groups, 1))
	require.Equal(t, errno(codegen.EAGAIN), c.call("bpf_skb_under_cgroup", 0, groups, 2))
	require.Equal(t, errno(codegen.E2BIG), c.call("bpf_skb_under_cgroup", 0, groups, 4))
}

func TestAssign(t *testing.T) {
	env := map[string]string{"sockets": sockets}
	c := open(t, env, "sched_cls", nil, ipPacket)
	listener := c.find("bpf_sk_lookup_tcp", 1)
	require.Equal(t, errno(codegen.EOPNOTSUPP), c.call("bpf_sk_assign", 0, listener, 0))
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_sk_assign", 0, listener, 1))
	c = open(t, env, "tcx/ingress", nil, ipPacket)
	require.Zero(t, c.call("bpf_sk_assign", 0, c.find("bpf_sk_lookup_tcp", 1), 0))
	require.Equal(t, []uint64{5}, c.records[0].Args)

	ctx := make([]byte, 72)
	ctx[8], ctx[12], ctx[60] = 2, 6, 80
	c = open(t, env, "sk_lookup", ctx, nil)
	listener, waiting := c.find("bpf_sk_lookup_tcp", 1), c.find("bpf_skc_lookup_tcp", 8081)
	udp := c.call("bpf_sk_lookup_udp", 0, c.memory(append(make([]byte, 16), append([]byte{0xfd, 14: 0, 15: 1}, 0, 9, 0, 53)...)), 36, 1<<32-1, 0)
	require.NotZero(t, udp)
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_sk_assign", 0, listener, 4))
	require.Equal(t, errno(codegen.ESOCKTNOSUPPORT), c.call("bpf_sk_assign", 0, waiting, 0))
	require.Equal(t, errno(codegen.EPROTOTYPE), c.call("bpf_sk_assign", 0, udp, 0))
	require.Zero(t, c.call("bpf_sk_assign", 0, listener, 0))
	require.Equal(t, listener, binary.LittleEndian.Uint64(c.ctx))
	require.Equal(t, errno(codegen.EEXIST), c.call("bpf_sk_assign", 0, listener, 0))
	require.Zero(t, c.call("bpf_sk_assign", 0, 0, 1), "taken back")
	require.Zero(t, binary.LittleEndian.Uint64(c.ctx))
	require.Zero(t, c.call("bpf_sk_assign", 0, listener, 2))
	c.leave(1)
	require.EqualValues(t, 5, binary.LittleEndian.Uint64(c.ctx), "its cookie")
}

func TestSocketMaps(t *testing.T) {
	ctx := make([]byte, 224)
	ctx[0], ctx[72] = 4, 1
	c := open(t, map[string]string{"sockets": sockets}, "sock_ops", ctx, nil)
	m := c.add("socks", 4, nil)
	require.Zero(t, c.call("bpf_sock_map_update", 0, m, c.memory([]byte{3, 0, 0, 0}), 1))
	require.Equal(t, codegen.Record{Helper: "bpf_sock_map_update", Map: "socks", Key: []byte{3, 0, 0, 0}, Args: []uint64{5, 1}, CPU: 1}, c.records[0])
	v, e := c.Map(m).Get([]byte{3, 0, 0, 0})
	require.Equal(t, codegen.OK, e)
	require.EqualValues(t, 5, binary.LittleEndian.Uint64(v))
	require.EqualValues(t, 0xff80, c.call("bpf_sock_ops_cb_flags_set", 0, 0xffff))
	require.EqualValues(t, 0x7f, binary.LittleEndian.Uint32(c.ctx[84:]))
	c.ctx[0] = 16
	require.Equal(t, errno(codegen.EOPNOTSUPP), c.call("bpf_sock_map_update", 0, m, c.memory([]byte{3, 0, 0, 0}), 1))
	require.Equal(t, errno(codegen.EOPNOTSUPP), c.call("bpf_sock_ops_cb_flags_set", 0, 1))

	c = open(t, nil, "sk_reuseport", nil, ipPacket[34:])
	m = c.add("ports", 4, map[string]string{"\x00\x00\x00\x00": "12345678"})
	require.Zero(t, c.call("bpf_sk_select_reuseport", 0, m, c.memory([]byte{0, 0, 0, 0}), 0))
	require.Equal(t, "bpf_sk_select_reuseport", c.records[0].Helper)
	require.Equal(t, errno(codegen.ENOENT), c.call("bpf_sk_select_reuseport", 0, m, c.memory([]byte{1, 0, 0, 0}), 0))
}

func TestOptions(t *testing.T) {
	c := open(t, map[string]string{"sockets": sockets}, "sockopt/set", nil, []byte("value"))
	out := c.memory(make([]byte, 4))
	require.Zero(t, c.call("bpf_setsockopt", 0, 1, 36, c.memory([]byte{7, 0, 0, 0}), 4))
	require.Equal(t, codegen.Record{Helper: "bpf_setsockopt", Data: []byte{7, 0, 0, 0}, Args: []uint64{1, 36, 5}, CPU: 1}, c.records[0])
	require.Zero(t, c.call("bpf_getsockopt", 0, 1, 36, out, 4))
	require.Equal(t, []byte{7, 0, 0, 0}, c.Bytes(out, 4, false))
	require.Zero(t, c.call("bpf_setsockopt", 0, 6, 13, c.memory([]byte("bbr")), 3))
	for _, x := range [][3]uint64{{1, 36, 3}, {1, 35, 4}, {0, 2, 4}, {41, 67, 4}, {6, 28, 4}, {99, 1, 4}} {
		require.Equal(t, errno(codegen.EINVAL), c.call("bpf_setsockopt", 0, x[0], x[1], out, x[2]), "%v", x)
	}
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_getsockopt", 0, 1, 25, out, 4))
	require.Equal(t, make([]byte, 4), c.Bytes(out, 4, false), "what fails clears")
	require.Zero(t, c.call("bpf_bind", 0, c.memory([]byte{2, 0, 0, 80, 10, 0, 0, 1, 15: 0}), 16))
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_bind", 0, c.memory([]byte{2, 0, 0, 80}), 4))
	require.Equal(t, errno(codegen.EAFNOSUPPORT), c.call("bpf_bind", 0, c.memory([]byte{3, 0, 0, 80}), 4))
}

func TestInputsThatAreRefused(t *testing.T) {
	ctx := func(n int, at int, v uint32) []byte {
		b := make([]byte, n)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	for _, x := range []struct {
		typ         string
		ctx, packet []byte
		want        string
	}{
		{"sched_cls", nil, ipPacket[:13], "less than 14 bytes"},
		{"flow_dissector", nil, ipPacket[:13], "less than 14 bytes"},
		{"xdp", nil, ipPacket[:13], "less than 14 bytes"},
		{"socket_filter", ctx(192, 68, 1), ipPacket, "field hash"},
		{"sched_cls", ctx(192, 40, 9), ipPacket, "no such device"},
		{"sched_cls", ctx(192, 160, 3), ipPacket, "wire_len"},
		{"sched_cls", ctx(192, 164, 1<<16), ipPacket, "gso_segs"},
		{"xdp", ctx(24, 0, 3), ipPacket, "data_meta"},
		{"xdp", ctx(24, 20, 1), ipPacket, "egress_ifindex"},
		{"xdp", ctx(24, 16, 1), ipPacket, "rx_queue_index"},
		{"xdp", ctx(24, 12, 9), ipPacket, "no device 9"},
		{"sk_lookup", ctx(72, 8, 3), nil, "family"},
		{"sk_lookup", ctx(72, 60, 1<<16), nil, "local_port"},
		{"sk_lookup", ctx(72, 0, 1), nil, "sk of"},
	} {
		h, impl := implement(t, onlyLoopback)
		typ, _ := networking.Set().Type(x.typ)
		_, err := start(t, h, impl, &typ, x.ctx, x.packet)
		require.ErrorContains(t, err, x.want, x.typ)
	}
}

func TestEnvironmentsThatAreRefused(t *testing.T) {
	for _, x := range []struct{ part, text, want string }{
		{"devices", `[{"ifindex": 1, "speed": 5}]`, `"devices": json: unknown field "speed"`},
		{"devices", `[{"name": "e0"}]`, "has no ifindex"},
		{"devices", `[{"ifindex": 2, "mac": "02:00"}]`, "no link address"},
		{"routes", `[{"ifindex": 1}]`, "route 0 needs a prefix"},
		{"routes", `[{"prefix": "10.0.0.0/8", "type": "fast"}]`, "route 0 needs"},
		{"neighbours", `{}`, `"neighbours"`},
		{"tunnel", `{"remote": "10.0.0.1", "local": "fd00::1"}`, "of one family"},
		{"tunnel", `{"remote": "10.0.0.1", "local": "10.0.0.2", "options": "0"}`, `"tunnel"`},
		{"flow_dissector", `{"flags": -1}`, `"flow_dissector"`},
		{"sockets", `[{"proto": "sctp"}]`, `socket 0: its proto is "sctp"`},
		{"sockets", `[{"proto": "tcp", "state": "open"}]`, `its state is "open"`},
		{"sockets", `[{"proto": "tcp", "state": "listening"}]`, "needs a local address"},
		{"sockets", `[{"proto": "tcp", "state": "listening", "local": "10.0.0.1:80", "tcp": {"cwnd": 1}}]`, "struct bpf_tcp_sock does not have"},
	} {
		_, err := networking.Implement(&fakeHome{env: map[string]string{x.part: x.text}})
		require.ErrorContains(t, err, x.want, x.text)
	}
}

func TestEveryHelperThatRunsIsDeclared(t *testing.T) {
	set := networking.Set()
	_, impl := implement(t, nil)
	for name := range impl.Helpers {
		require.NotNil(t, set.HelperByName(name), name)
	}
}

func TestStorage(t *testing.T) {
	c := open(t, map[string]string{"sockets": sockets}, "sched_cls", nil, ipPacket)
	m, listener, request := c.add("values", 4, nil), c.find("bpf_sk_lookup_tcp", 1), c.find("bpf_skc_lookup_tcp", 8080)
	require.Zero(t, c.call("bpf_sk_storage_get", m, listener, 0, 0))
	require.Equal(t, errno(codegen.ENOENT), c.call("bpf_sk_storage_delete", m, listener))
	at := c.call("bpf_sk_storage_get", m, listener, c.memory([]byte("12345678")), 1)
	require.Equal(t, "12345678", string(c.Bytes(at, 8, true)))
	copy(c.Bytes(at, 8, true), "87654321")
	require.Equal(t, at, c.call("bpf_sk_storage_get", m, c.call("bpf_tcp_sock", listener), 0, 1), "of either view")
	require.Zero(t, c.call("bpf_sk_storage_get", m, request, 0, 1))
	require.Zero(t, c.call("bpf_sk_storage_get", m, listener, 0, 2))
	require.Equal(t, errno(codegen.EINVAL), c.call("bpf_sk_storage_delete", m, request))
	require.Zero(t, c.call("bpf_sk_storage_delete", m, listener))
	require.Equal(t, make([]byte, 8), c.Bytes(c.call("bpf_sk_storage_get", m, listener, 0, 1), 8, true))

	c = open(t, map[string]string{"sockets": sockets}, "cgroup_skb/egress", nil, ipPacket)
	m = c.add("counters", 16, nil)
	at = c.call("bpf_get_local_storage", m, 0)
	require.Equal(t, make([]byte, 8), c.Bytes(at, 8, true))
	require.Equal(t, at, c.call("bpf_get_local_storage", m, 0))
	_, e := c.Map(m).Get([]byte{0: 0x2c, 1: 1, 8: 1, 15: 0})
	require.Equal(t, codegen.OK, e, "cgroup 300, BPF_CGROUP_INET_EGRESS")
}

// The private bytes are found from the end of the host's form, which is a multiple of 8.
func TestPrivateBytesFillWords(t *testing.T) {
	for _, typ := range networking.Set().Types {
		require.Zero(t, typ.Context.Private%8, typ.Name)
	}
}
