package networking

import "slices"

// The helpers that program types may call beyond those that every type may call
// (the *_func_proto functions of net/core/filter.c and kernel/bpf/cgroup.c, Linux 6.18).

// convert are the casts of a socket to what it is inside the kernel, and the
// clock that base does not give (bpf_sk_base_func_proto).
var convert = []string{
	"bpf_skc_to_tcp6_sock", "bpf_skc_to_tcp_sock", "bpf_skc_to_tcp_timewait_sock", "bpf_skc_to_tcp_request_sock",
	"bpf_skc_to_udp6_sock", "bpf_skc_to_unix_sock", "bpf_skc_to_mptcp_sock", "bpf_ktime_get_coarse_ns",
}

var events = []string{"bpf_perf_event_output"}

// lookups find sockets.
var lookups = []string{"bpf_sk_lookup_tcp", "bpf_sk_lookup_udp", "bpf_sk_release", "bpf_skc_lookup_tcp"}

var storage = []string{"bpf_sk_storage_get", "bpf_sk_storage_delete"}

var verdicts = []string{"bpf_get_retval", "bpf_set_retval"}

var options = []string{"bpf_setsockopt", "bpf_getsockopt"}

// cookies answer SYNs without state.
var cookies = []string{
	"bpf_tcp_check_syncookie", "bpf_tcp_gen_syncookie",
	"bpf_tcp_raw_gen_syncookie_ipv4", "bpf_tcp_raw_gen_syncookie_ipv6",
	"bpf_tcp_raw_check_syncookie_ipv4", "bpf_tcp_raw_check_syncookie_ipv6",
}

// relative loads bytes at an offset from a header.
var relative = []string{"bpf_skb_load_bytes", "bpf_skb_load_bytes_relative"}

// tunnel are those of every lightweight tunnel (lwt_out_func_proto).
var tunnel = []string{
	"bpf_get_route_realm", "bpf_skb_load_bytes", "bpf_csum_diff", "bpf_skb_under_cgroup", "bpf_get_hash_recalc", "bpf_skb_pull_data",
}

// rewrite are those that change a packet wherever one may be changed.
var rewrite = []string{
	"bpf_skb_store_bytes", "bpf_l3_csum_replace", "bpf_l4_csum_replace", "bpf_clone_redirect", "bpf_skb_get_tunnel_key",
	"bpf_skb_set_tunnel_key", "bpf_redirect", "bpf_skb_get_tunnel_opt", "bpf_skb_set_tunnel_opt", "bpf_skb_change_tail",
	"bpf_csum_update", "bpf_set_hash_invalid", "bpf_skb_change_head", "bpf_csum_level",
}

var (
	socketHelpers = slices.Concat(convert, events, relative, skbFunctions,
		[]string{"bpf_get_socket_cookie", "bpf_get_socket_uid", "bpf_get_netns_cookie"})

	tcHelpers = slices.Concat(tcFunctions, convert, events, lookups, storage, cookies, tunnel, rewrite, []string{
		"bpf_skb_load_bytes_relative", "bpf_skb_vlan_push", "bpf_skb_vlan_pop", "bpf_skb_change_proto", "bpf_skb_change_type",
		"bpf_get_socket_cookie", "bpf_get_socket_uid", "bpf_get_netns_cookie", "bpf_set_hash", "bpf_skb_adjust_room",
		"bpf_skb_get_xfrm_state", "bpf_fib_lookup", "bpf_skb_cgroup_id", "bpf_skb_ancestor_cgroup_id", "bpf_sk_fullsock",
		"bpf_tcp_sock", "bpf_skb_ecn_set_ce", "bpf_get_listener_sock", "bpf_sk_assign", "bpf_skb_cgroup_classid",
		"bpf_redirect_neigh", "bpf_redirect_peer", "bpf_check_mtu", "bpf_skb_set_tstamp",
	})

	xdpHelpers = slices.Concat(xdpFunctions, convert, events, lookups, cookies, []string{
		"bpf_redirect", "bpf_redirect_map", "bpf_csum_diff", "bpf_xdp_adjust_head", "bpf_xdp_adjust_meta",
		"bpf_xdp_adjust_tail", "bpf_fib_lookup", "bpf_check_mtu", "bpf_xdp_get_buff_len", "bpf_xdp_load_bytes", "bpf_xdp_store_bytes",
	})

	cgroupSkbHelpers = slices.Concat(skbFunctions, convert, events, relative, lookups, storage, []string{
		"bpf_get_socket_cookie", "bpf_get_socket_uid", "bpf_get_netns_cookie", "bpf_skb_cgroup_id", "bpf_get_local_storage",
		"bpf_skb_ancestor_cgroup_id", "bpf_sk_fullsock", "bpf_tcp_sock", "bpf_skb_ecn_set_ce", "bpf_get_listener_sock",
		"bpf_sk_cgroup_id", "bpf_sk_ancestor_cgroup_id",
	})

	cgroupSockHelpers = slices.Concat(events, verdicts, []string{
		"bpf_get_socket_cookie", "bpf_get_local_storage", "bpf_sk_storage_get", "bpf_get_netns_cookie", "bpf_ktime_get_coarse_ns",
	})

	sockAddrHelpers = slices.Concat(convert, events, lookups, storage, options, []string{
		"bpf_get_socket_cookie", "bpf_get_local_storage", "bpf_get_netns_cookie",
	})
	sockAddrVerdictHelpers = slices.Concat(sockAddrHelpers, verdicts)
	connectHelpers         = slices.Concat(sockAddrVerdictHelpers, []string{"bpf_bind"})

	getSockoptHelpers = slices.Concat(events, storage, verdicts, []string{
		"bpf_get_local_storage", "bpf_tcp_sock", "bpf_get_netns_cookie",
	})
	setSockoptHelpers = slices.Concat(getSockoptHelpers, options)

	sockOpsHelpers = slices.Concat(convert, events, storage, options, []string{
		"bpf_get_socket_cookie", "bpf_sock_map_update", "bpf_sock_ops_cb_flags_set", "bpf_sock_hash_update",
		"bpf_get_local_storage", "bpf_tcp_sock", "bpf_get_netns_cookie", "bpf_load_hdr_opt", "bpf_store_hdr_opt", "bpf_reserve_hdr_opt",
	})

	streamHelpers = slices.Concat(skbFunctions, convert, events, lookups, []string{
		"bpf_skb_store_bytes", "bpf_skb_load_bytes", "bpf_skb_change_tail", "bpf_skb_pull_data", "bpf_skb_change_head",
		"bpf_get_socket_cookie", "bpf_get_socket_uid", "bpf_skb_adjust_room", "bpf_sk_redirect_map", "bpf_sk_redirect_hash",
	})

	skMsgHelpers = slices.Concat(convert, events, storage, []string{
		"bpf_msg_redirect_map", "bpf_msg_redirect_hash", "bpf_msg_apply_bytes", "bpf_msg_cork_bytes",
		"bpf_msg_pull_data", "bpf_msg_push_data", "bpf_msg_pop_data", "bpf_get_netns_cookie",
	})

	skLookupHelpers = slices.Concat(convert, events, []string{"bpf_sk_release", "bpf_sk_assign"})

	reuseportHelpers = slices.Concat(relative, []string{"bpf_get_socket_cookie", "bpf_sk_select_reuseport", "bpf_ktime_get_coarse_ns"})

	tunnelHelpers     = slices.Concat(skbFunctions, convert, events, tunnel)
	tunnelInHelpers   = slices.Concat(tunnelHelpers, []string{"bpf_lwt_push_encap"})
	tunnelXmitHelpers = slices.Concat(tunnelInHelpers, rewrite)
	tunnelSeg6Helpers = slices.Concat(tunnelHelpers, []string{"bpf_lwt_seg6_store_bytes", "bpf_lwt_seg6_action", "bpf_lwt_seg6_adjust_srh"})

	dissectorHelpers = slices.Concat(convert, []string{"bpf_skb_load_bytes"})

	deviceHelpers = slices.Concat(events, verdicts, []string{"bpf_get_local_storage"})

	sysctlHelpers = slices.Concat(events, verdicts, []string{
		"bpf_get_local_storage", "bpf_sysctl_get_name", "bpf_sysctl_get_current_value", "bpf_sysctl_get_new_value",
		"bpf_sysctl_set_new_value", "bpf_ktime_get_coarse_ns",
	})
)
