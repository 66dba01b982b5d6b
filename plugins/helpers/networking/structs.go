package networking

import "github.com/bpfc/bpfc/core/abi"

// structs are the structures that fields and helpers lead to.
func structs() []abi.Context {
	cs := []abi.Context{sock(), sockCommon(), tcpSock(), xdpSock(), flowKeys()}
	for _, name := range []string{"tcp6_sock", "tcp_sock", "tcp_timewait_sock", "tcp_request_sock", "udp6_sock", "unix_sock", "mptcp_sock"} {
		cs = append(cs, inside(name))
	}
	return cs
}

// inside is a structure of the kernel that only the kernel's BTF describes. It
// counts as a socket for helpers that take any.
func inside(name string) abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: name, Opaque: true, Is: []string{"bpf_sock_common"}}
}

// tcpSock is struct bpf_tcp_sock (bpf_tcp_sock_is_valid_access, net/core/filter.c, Linux 6.18).
func tcpSock() abi.Context {
	c := abi.Context{Kind: abi.CtxStruct, Name: "bpf_tcp_sock", Size: 112, Is: []string{"bpf_sock_common"}}
	for i, name := range []string{"snd_cwnd", "srtt_us", "rtt_min", "snd_ssthresh", "rcv_nxt", "snd_nxt", "snd_una",
		"mss_cache", "ecn_flags", "rate_delivered", "rate_interval_us", "packets_out", "retrans_out", "total_retrans",
		"segs_in", "data_segs_in", "segs_out", "data_segs_out", "lost_out", "sacked_out"} {
		c.Fields = append(c.Fields, whole(name, 4*uint32(i), 4))
	}
	c.Fields = append(c.Fields,
		whole("bytes_received", 80, 8), whole("bytes_acked", 88, 8),
		whole("dsack_dups", 96, 4), whole("delivered", 100, 4), whole("delivered_ce", 104, 4), whole("icsk_retransmits", 108, 4))
	return c
}

// xdpSock is struct bpf_xdp_sock (bpf_xdp_sock_is_valid_access, net/core/filter.c, Linux 6.18).
func xdpSock() abi.Context {
	return abi.Context{Kind: abi.CtxStruct, Name: "bpf_xdp_sock", Size: 4, Is: []string{"bpf_sock_common"}, Fields: []abi.Field{whole("queue_id", 0, 4)}}
}

// flowKeys is struct bpf_flow_keys: plain memory, to be read and written in any
// piece (check_flow_keys_access, kernel/bpf/verifier.c, Linux 6.18).
func flowKeys() abi.Context {
	c := abi.Context{Kind: abi.CtxMemory, Name: "bpf_flow_keys", Size: 56, Fields: []abi.Field{
		whole("nhoff", 0, 2), whole("thoff", 2, 2), whole("addr_proto", 4, 2),
		whole("is_frag", 6, 1), whole("is_first_frag", 7, 1), whole("is_encap", 8, 1), whole("ip_proto", 9, 1),
		whole("n_proto", 10, 2), whole("sport", 12, 2), whole("dport", 14, 2),
		whole("ipv4_src", 16, 4), whole("ipv4_dst", 20, 4), // in one union with the next two
		array("ipv6_src", 16, 4), array("ipv6_dst", 32, 4),
		whole("flags", 48, 4), whole("flow_label", 52, 4),
	}}
	for i := range c.Fields {
		c.Fields[i].Access = abi.ReadWrite
	}
	return c
}
