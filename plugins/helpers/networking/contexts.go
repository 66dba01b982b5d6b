package networking

import "github.com/bpfc/bpfc/core/abi"

// The contexts other than __sk_buff: offsets of include/uapi/linux/bpf.h,
// accesses of the *_is_valid_access functions of net/core/filter.c and
// kernel/bpf/cgroup.c, Linux 6.18.

// xdp is struct xdp_md; egress_ifindex is there for programs of device maps only.
func xdp() abi.Context { return without(xdpDevmap(), "egress_ifindex") }

func xdpDevmap() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "xdp_md", Size: 24, Fields: []abi.Field{
		packet("data", abi.FieldPacketStart, 0, 4),
		packet("data_end", abi.FieldPacketEnd, 4, 4),
		packet("data_meta", abi.FieldPacketMeta, 8, 4),
		whole("ingress_ifindex", 12, 4),
		whole("rx_queue_index", 16, 4),
		whole("egress_ifindex", 20, 4),
	}}
}

// sock is struct bpf_sock as pointers to sockets give it (bpf_sock_is_valid_access).
func sock() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "bpf_sock", Size: 80, Is: []string{"bpf_sock_common"}, Fields: []abi.Field{
		whole("bound_dev_if", 0, 4),
		low("family", 4),
		low("type", 8),
		low("protocol", 12),
		whole("mark", 16, 4),
		whole("priority", 20, 4),
		narrow("src_ip4", 24, 1),
		narrow("src_ip6", 28, 4),
		low("src_port", 44),
		// Programs compiled when the port was declared with 4 bytes load 4.
		{Name: "dst_port", Offset: 48, Size: 2, Narrow: true},
		whole("dst_port", 48, 4),
		narrow("dst_ip4", 52, 1),
		narrow("dst_ip6", 56, 4),
		low("state", 72),
		signed(low("rx_queue_mapping", 76)),
	}}
}

// sockCommon is what every socket has, a request's and a closed one's too
// (bpf_sock_common_is_valid_access).
func sockCommon() abi.Context {
	c := without(sock(), "type protocol mark priority")
	c.Name, c.Is = "bpf_sock_common", nil
	return c
}

// cgroupSock is struct bpf_sock as the context of sock_create and sock_release
// (__sock_filter_check_attach_type).
func cgroupSock() abi.Context {
	return writable(without(sock(), "src_ip4 src_ip6 src_port"), "bound_dev_if mark priority")
}

// postBind is struct bpf_sock after bind; the other family's address is hidden.
func postBind(other string) abi.Context {
	return without(sock(), "bound_dev_if mark priority "+other)
}

// sockAddr is struct bpf_sock_addr without the addresses of a list of names
// (sock_addr_is_valid_access).
func sockAddr(hidden string) abi.Context {
	c := abi.Context{Kind: abi.CtxStruct, Name: "bpf_sock_addr", Size: 72, Fields: []abi.Field{
		whole("user_family", 0, 4),
		narrow("user_ip4", 4, 1),
		{Name: "user_ip6", Offset: 8, Size: 16, Unit: 4, Narrow: true, Wide: 8},
		narrow("user_port", 24, 1),
		whole("family", 28, 4),
		whole("type", 32, 4),
		whole("protocol", 36, 4),
		narrow("msg_src_ip4", 40, 1),
		{Name: "msg_src_ip6", Offset: 44, Size: 16, Unit: 4, Narrow: true, Wide: 8},
		pointer("sk", 64, "bpf_sock"),
	}}
	return writable(without(c, hidden), "user_ip4 user_ip6 user_port msg_src_ip4 msg_src_ip6")
}

// sockOps is struct bpf_sock_ops (sock_ops_is_valid_access).
func sockOps() abi.Context {
	c := abi.Context{Kind: abi.CtxStruct, Name: "bpf_sock_ops", Size: 224, Fields: []abi.Field{
		whole("op", 0, 4),
		array("args", 4, 4), // these three are one union
		array("replylong", 4, 4),
		whole("reply", 4, 4),
	}}
	for i, name := range []string{"family", "remote_ip4", "local_ip4"} {
		c.Fields = append(c.Fields, whole(name, 20+4*uint32(i), 4))
	}
	c.Fields = append(c.Fields, array("remote_ip6", 32, 4), array("local_ip6", 48, 4))
	for i, name := range []string{"remote_port", "local_port", "is_fullsock", "snd_cwnd", "srtt_us",
		"bpf_sock_ops_cb_flags", "state", "rtt_min", "snd_ssthresh", "rcv_nxt", "snd_nxt", "snd_una",
		"mss_cache", "ecn_flags", "rate_delivered", "rate_interval_us", "packets_out", "retrans_out",
		"total_retrans", "segs_in", "data_segs_in", "segs_out", "data_segs_out", "lost_out", "sacked_out",
		"sk_txhash"} {
		c.Fields = append(c.Fields, whole(name, 64+4*uint32(i), 4))
	}
	c.Fields = append(c.Fields,
		whole("bytes_received", 168, 8),
		whole("bytes_acked", 176, 8),
		orNull("sk", 184, "bpf_sock"),
		packet("skb_data", abi.FieldPacketStart, 192, 8),
		packet("skb_data_end", abi.FieldPacketEnd, 200, 8),
		whole("skb_len", 208, 4),
		low("skb_tcp_flags", 212),
		whole("skb_hwtstamp", 216, 8))
	return writable(c, "reply sk_txhash")
}

// skMsg is struct sk_msg_md (sk_msg_is_valid_access).
func skMsg() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "sk_msg_md", Size: 80, Fields: []abi.Field{
		packet("data", abi.FieldPacketStart, 0, 8),
		packet("data_end", abi.FieldPacketEnd, 8, 8),
		whole("family", 16, 4),
		whole("remote_ip4", 20, 4),
		whole("local_ip4", 24, 4),
		array("remote_ip6", 28, 4),
		array("local_ip6", 44, 4),
		whole("remote_port", 60, 4),
		whole("local_port", 64, 4),
		whole("size", 68, 4),
		pointer("sk", 72, "bpf_sock"),
	}}
}

// reuseport is struct sk_reuseport_md (sk_reuseport_is_valid_access).
func reuseport() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "sk_reuseport_md", Size: 56, Fields: []abi.Field{
		packet("data", abi.FieldPacketStart, 0, 8),
		packet("data_end", abi.FieldPacketEnd, 8, 8),
		narrow("len", 16, 1),
		// 16 bits in a 32-bit field: either half or the whole, never a byte.
		{Name: "eth_protocol", Offset: 20, Size: 4, Unit: 2},
		whole("eth_protocol", 20, 4),
		narrow("ip_protocol", 24, 1),
		narrow("bind_inany", 28, 1),
		whole("hash", 32, 4),
		pointer("sk", 40, "bpf_sock"),
		orNull("migrating_sk", 48, "bpf_sock_common"),
	}}
}

// skLookup is struct bpf_sk_lookup (sk_lookup_is_valid_access).
func skLookup() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "bpf_sk_lookup", Size: 72, Fields: []abi.Field{
		orNull("sk", 0, "bpf_sock"),
		narrow("family", 8, 1),
		narrow("protocol", 12, 1),
		narrow("remote_ip4", 16, 1),
		narrow("remote_ip6", 20, 4),
		narrow("remote_port", 36, 1),
		narrow("local_ip4", 40, 1),
		narrow("local_ip6", 44, 4),
		narrow("local_port", 60, 1),
		narrow("ingress_ifindex", 64, 1),
	}}
}

// sockopt is struct bpf_sockopt (cg_sockopt_is_valid_access).
func sockopt() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "bpf_sockopt", Size: 40, Fields: []abi.Field{
		pointer("sk", 0, "bpf_sock"),
		packet("optval", abi.FieldPacketStart, 8, 8),
		packet("optval_end", abi.FieldPacketEnd, 16, 8),
		signed(whole("level", 24, 4)),
		signed(whole("optname", 28, 4)),
		signed(whole("optlen", 32, 4)),
		signed(whole("retval", 36, 4)),
	}}
}

func getSockopt() abi.Context { return writable(sockopt(), "optlen retval") }

func setSockopt() abi.Context { return writable(without(sockopt(), "retval"), "level optname optlen") }

// device is struct bpf_cgroup_dev_ctx (cgroup_dev_is_valid_access).
func device() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "bpf_cgroup_dev_ctx", Size: 12, Fields: []abi.Field{
		narrow("access_type", 0, 1),
		whole("major", 4, 4),
		whole("minor", 8, 4),
	}}
}

// sysctl is struct bpf_sysctl (sysctl_is_valid_access).
func sysctl() abi.Context {
	return writable(abi.Context{Kind: abi.CtxStruct, Name: "bpf_sysctl", Size: 8, Fields: []abi.Field{
		narrow("write", 0, 1),
		narrow("file_pos", 4, 1),
	}}, "file_pos")
}

// hook is struct bpf_nf_ctx, whose fields lead into the kernel's own structures.
func hook() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "bpf_nf_ctx", Size: 16}
}
