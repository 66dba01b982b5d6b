package networking

import (
	"strings"

	"github.com/bpfc/bpfc/core/abi"
)

// args are the kinds of a prototype's arguments; what is not given is absent.
func args(kinds ...abi.ArgKind) (a [5]abi.ArgKind) {
	copy(a[:], kinds)
	return a
}

// at places a structure's name, or a size, at the index of the argument that needs it.
func at[T any](i int, v T) (a [5]T) {
	a[i] = v
	return a
}

// Short names of kinds and flags, so that a prototype fits on a line.
const (
	anything   = abi.ArgAny
	ctx        = abi.ArgCtx
	aMap       = abi.ArgConstMap
	key        = abi.ArgMapKey
	mem        = abi.ArgMem
	memOrNull  = abi.ArgMemOrNull
	memOut     = abi.ArgMemWrite
	size       = abi.ArgSize
	sizeOrZero = abi.ArgSizeOrZero
	fixed      = abi.ArgFixedMem
	fixedOut   = abi.ArgFixedMemWrite
	aStruct    = abi.ArgStruct

	moves  = abi.FlagInvalidatesPackets
	pktMem = abi.FlagPacket
)

// helpers are the prototypes of the set: numbers of include/uapi/linux/bpf.h,
// kinds of the bpf_*_proto variables of net/core/filter.c, net/core/sock_map.c,
// net/core/bpf_sk_storage.c and kernel/bpf/cgroup.c, flags of
// bpf_helper_changes_pkt_data (net/core/filter.c), Linux 6.18.
func helpers() []abi.Helper {
	var hs []abi.Helper
	for _, group := range [][]abi.Helper{packetHelpers(), checksumHelpers(), tunnelKeyHelpers(), xdpOwnHelpers(), redirectHelpers(),
		socketOwnHelpers(), syncookieHelpers(), storageHelpers(), sockmapHelpers(), lightweightHelpers(), cgroupHelpers(), sockOpsOwnHelpers(), castHelpers()} {
		hs = append(hs, group...)
	}
	return hs
}

// packetHelpers read and change the packet of a struct __sk_buff and what belongs to it.
func packetHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 9, Name: "bpf_skb_store_bytes", Args: args(ctx, anything, mem, size, anything), Flags: moves},
		{ID: 18, Name: "bpf_skb_vlan_push", Args: args(ctx, anything, anything), Flags: moves},
		{ID: 19, Name: "bpf_skb_vlan_pop", Args: args(ctx), Flags: moves},
		{ID: 24, Name: "bpf_get_route_realm", Args: args(ctx)},
		{ID: 26, Name: "bpf_skb_load_bytes", Args: args(ctx, anything, memOut, size)},
		{ID: 31, Name: "bpf_skb_change_proto", Args: args(ctx, anything, anything), Flags: moves},
		{ID: 32, Name: "bpf_skb_change_type", Args: args(ctx, anything)},
		{ID: 34, Name: "bpf_get_hash_recalc", Args: args(ctx)},
		{ID: 38, Name: "bpf_skb_change_tail", Args: args(ctx, anything, anything), Flags: moves},
		{ID: 39, Name: "bpf_skb_pull_data", Args: args(ctx, anything), Flags: moves},
		{ID: 41, Name: "bpf_set_hash_invalid", Args: args(ctx)},
		{ID: 43, Name: "bpf_skb_change_head", Args: args(ctx, anything, anything), Flags: moves},
		{ID: 48, Name: "bpf_set_hash", Args: args(ctx, anything)},
		{ID: 50, Name: "bpf_skb_adjust_room", Args: args(ctx, anything, anything, anything), Flags: moves},
		{ID: 66, Name: "bpf_skb_get_xfrm_state", Args: args(ctx, anything, memOut, size, anything)},
		{ID: 68, Name: "bpf_skb_load_bytes_relative", Args: args(ctx, anything, memOut, size, anything)},
		{ID: 97, Name: "bpf_skb_ecn_set_ce", Args: args(ctx)},
		{ID: 192, Name: "bpf_skb_set_tstamp", Args: args(ctx, anything, anything)},
	}
}

// checksumHelpers keep checksums right.
func checksumHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 10, Name: "bpf_l3_csum_replace", Args: args(ctx, anything, anything, anything, anything), Flags: moves},
		{ID: 11, Name: "bpf_l4_csum_replace", Args: args(ctx, anything, anything, anything, anything), Flags: moves},
		{ID: 28, Name: "bpf_csum_diff", Args: args(memOrNull, sizeOrZero, memOrNull, sizeOrZero, anything), Flags: pktMem},
		{ID: 40, Name: "bpf_csum_update", Args: args(ctx, anything)},
		{ID: 135, Name: "bpf_csum_level", Args: args(ctx, anything)},
	}
}

// tunnelKeyHelpers are about the tunnel that a packet came from or goes to.
func tunnelKeyHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 20, Name: "bpf_skb_get_tunnel_key", Args: args(ctx, memOut, size, anything)},
		{ID: 21, Name: "bpf_skb_set_tunnel_key", Args: args(ctx, mem, size, anything)},
		{ID: 29, Name: "bpf_skb_get_tunnel_opt", Args: args(ctx, memOut, size)},
		{ID: 30, Name: "bpf_skb_set_tunnel_opt", Args: args(ctx, mem, size)},
	}
}

// xdpOwnHelpers are those of XDP frames.
func xdpOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 44, Name: "bpf_xdp_adjust_head", Args: args(ctx, anything), Flags: moves},
		{ID: 54, Name: "bpf_xdp_adjust_meta", Args: args(ctx, anything), Flags: moves},
		{ID: 65, Name: "bpf_xdp_adjust_tail", Args: args(ctx, anything), Flags: moves},
		{ID: 188, Name: "bpf_xdp_get_buff_len", Args: args(ctx)},
		{ID: 189, Name: "bpf_xdp_load_bytes", Args: args(ctx, anything, memOut, size)},
		{ID: 190, Name: "bpf_xdp_store_bytes", Args: args(ctx, anything, mem, size)},
	}
}

// redirectHelpers send packets elsewhere, and say where they would go.
func redirectHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 13, Name: "bpf_clone_redirect", Args: args(ctx, anything, anything), Flags: moves},
		{ID: 23, Name: "bpf_redirect", Args: args(anything, anything)},
		{ID: 51, Name: "bpf_redirect_map", Args: args(aMap, anything, anything)},
		// The memory is read too, as struct bpf_fib_lookup.
		{ID: 69, Name: "bpf_fib_lookup", Args: args(ctx, memOut, size, anything), Flags: abi.FlagGPL},
		{ID: 152, Name: "bpf_redirect_neigh", Args: args(anything, memOrNull, sizeOrZero, anything)},
		{ID: 155, Name: "bpf_redirect_peer", Args: args(anything, anything)},
		// The length is read too.
		{ID: 163, Name: "bpf_check_mtu", Args: args(ctx, anything, fixedOut, anything, anything), Sizes: at(2, uint32(4)), Flags: abi.FlagGPL},
	}
}

// The structures that helpers take and give.
const (
	sockName    = "bpf_sock"
	commonName  = "bpf_sock_common"
	tcpSockName = "bpf_tcp_sock"
)

// lookup is the prototype of a search for a socket.
func lookup(id uint32, name, found string) abi.Helper {
	return abi.Helper{ID: id, Name: name, Args: args(ctx, mem, sizeOrZero, anything, anything),
		Ret: abi.RetStructOrNull, RetStruct: found, Flags: abi.FlagAcquires | pktMem}
}

// cast is the prototype of a helper that takes a socket of any kind and gives another view of it.
func cast(id uint32, name, to string) abi.Helper {
	return abi.Helper{ID: id, Name: name, Args: args(aStruct), Structs: at(0, commonName), Ret: abi.RetStructOrNull, RetStruct: to}
}

// socketOwnHelpers find, describe, convert and release sockets.
func socketOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 46, Name: "bpf_get_socket_cookie", Args: args(ctx)},
		{ID: 47, Name: "bpf_get_socket_uid", Args: args(ctx)},
		lookup(84, "bpf_sk_lookup_tcp", sockName),
		lookup(85, "bpf_sk_lookup_udp", sockName),
		{ID: 86, Name: "bpf_sk_release", Args: args(aStruct), Structs: at(0, commonName), Flags: abi.FlagReleases},
		cast(95, "bpf_sk_fullsock", sockName),
		cast(96, "bpf_tcp_sock", tcpSockName),
		cast(98, "bpf_get_listener_sock", sockName),
		lookup(99, "bpf_skc_lookup_tcp", commonName),
		{ID: 122, Name: "bpf_get_netns_cookie", Args: args(abi.ArgCtxOrNull)},
		{ID: 124, Name: "bpf_sk_assign", Args: args(ctx, aStruct, anything), Structs: at(1, commonName)},
	}
}

// syncookieHelpers make and check SYN cookies; the raw ones need no socket.
func syncookieHelpers() []abi.Helper {
	const ipv4, ipv6, tcp = 20, 40, 20 // bytes of the headers
	return []abi.Helper{
		{ID: 100, Name: "bpf_tcp_check_syncookie", Args: args(aStruct, mem, size, mem, size), Structs: at(0, commonName), Flags: pktMem | abi.FlagGPL},
		{ID: 110, Name: "bpf_tcp_gen_syncookie", Args: args(aStruct, mem, size, mem, size), Structs: at(0, commonName), Flags: pktMem | abi.FlagGPL},
		{ID: 204, Name: "bpf_tcp_raw_gen_syncookie_ipv4", Args: args(fixed, mem, sizeOrZero), Sizes: [5]uint32{ipv4}, Flags: pktMem | abi.FlagGPL},
		{ID: 205, Name: "bpf_tcp_raw_gen_syncookie_ipv6", Args: args(fixed, mem, sizeOrZero), Sizes: [5]uint32{ipv6}, Flags: pktMem | abi.FlagGPL},
		{ID: 206, Name: "bpf_tcp_raw_check_syncookie_ipv4", Args: args(fixed, fixed), Sizes: [5]uint32{ipv4, tcp}, Flags: pktMem | abi.FlagGPL},
		{ID: 207, Name: "bpf_tcp_raw_check_syncookie_ipv6", Args: args(fixed, fixed), Sizes: [5]uint32{ipv6, tcp}, Flags: pktMem | abi.FlagGPL},
	}
}

// storageHelpers are about values that belong to a socket or a cgroup.
func storageHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 81, Name: "bpf_get_local_storage", Args: args(aMap, abi.ArgFlagZero), Ret: abi.RetMapValue},
		{ID: 107, Name: "bpf_sk_storage_get", Args: args(aMap, aStruct, abi.ArgMapValueOrNull, anything), Structs: at(1, commonName), Ret: abi.RetMapValueOrNull},
		{ID: 108, Name: "bpf_sk_storage_delete", Args: args(aMap, aStruct), Structs: at(1, commonName)},
	}
}

// sockmapHelpers move data between sockets of a map, and choose sockets from one.
func sockmapHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 52, Name: "bpf_sk_redirect_map", Args: args(ctx, aMap, anything, anything)},
		{ID: 53, Name: "bpf_sock_map_update", Args: args(ctx, aMap, key, anything), Flags: pktMem},
		{ID: 60, Name: "bpf_msg_redirect_map", Args: args(ctx, aMap, anything, anything)},
		{ID: 61, Name: "bpf_msg_apply_bytes", Args: args(ctx, anything)},
		{ID: 62, Name: "bpf_msg_cork_bytes", Args: args(ctx, anything)},
		{ID: 63, Name: "bpf_msg_pull_data", Args: args(ctx, anything, anything, anything), Flags: moves},
		{ID: 70, Name: "bpf_sock_hash_update", Args: args(ctx, aMap, key, anything), Flags: pktMem},
		{ID: 71, Name: "bpf_msg_redirect_hash", Args: args(ctx, aMap, key, anything)},
		{ID: 72, Name: "bpf_sk_redirect_hash", Args: args(ctx, aMap, key, anything)},
		{ID: 82, Name: "bpf_sk_select_reuseport", Args: args(ctx, aMap, key, anything)},
		{ID: 90, Name: "bpf_msg_push_data", Args: args(ctx, anything, anything, anything), Flags: moves},
		{ID: 91, Name: "bpf_msg_pop_data", Args: args(ctx, anything, anything, anything), Flags: moves},
	}
}

// lightweightHelpers are those of lightweight tunnels.
func lightweightHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 73, Name: "bpf_lwt_push_encap", Args: args(ctx, anything, mem, size), Flags: moves},
		{ID: 74, Name: "bpf_lwt_seg6_store_bytes", Args: args(ctx, anything, mem, size), Flags: moves},
		{ID: 75, Name: "bpf_lwt_seg6_adjust_srh", Args: args(ctx, anything, anything), Flags: moves},
		{ID: 76, Name: "bpf_lwt_seg6_action", Args: args(ctx, anything, mem, size), Flags: moves},
	}
}

// cgroupHelpers are about cgroups of packets and sockets, and about sysctls.
func cgroupHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 33, Name: "bpf_skb_under_cgroup", Args: args(ctx, aMap, anything)},
		{ID: 64, Name: "bpf_bind", Args: args(ctx, mem, size)},
		{ID: 79, Name: "bpf_skb_cgroup_id", Args: args(ctx)},
		{ID: 83, Name: "bpf_skb_ancestor_cgroup_id", Args: args(ctx, anything)},
		{ID: 101, Name: "bpf_sysctl_get_name", Args: args(ctx, memOut, size, anything)},
		{ID: 102, Name: "bpf_sysctl_get_current_value", Args: args(ctx, memOut, size)},
		{ID: 103, Name: "bpf_sysctl_get_new_value", Args: args(ctx, memOut, size)},
		{ID: 104, Name: "bpf_sysctl_set_new_value", Args: args(ctx, mem, size)},
		{ID: 128, Name: "bpf_sk_cgroup_id", Args: args(aStruct), Structs: at(0, commonName)},
		{ID: 129, Name: "bpf_sk_ancestor_cgroup_id", Args: args(aStruct, anything), Structs: at(0, commonName)},
		{ID: 151, Name: "bpf_skb_cgroup_classid", Args: args(ctx)},
	}
}

// sockOpsOwnHelpers are about options of sockets and of TCP headers.
func sockOpsOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 49, Name: "bpf_setsockopt", Args: args(ctx, anything, anything, mem, size)},
		{ID: 57, Name: "bpf_getsockopt", Args: args(ctx, anything, anything, memOut, size)},
		{ID: 59, Name: "bpf_sock_ops_cb_flags_set", Args: args(ctx, anything)},
		// The memory is read too: it says which option is wanted.
		{ID: 142, Name: "bpf_load_hdr_opt", Args: args(ctx, memOut, size, anything)},
		{ID: 143, Name: "bpf_store_hdr_opt", Args: args(ctx, mem, size, anything), Flags: moves},
		{ID: 144, Name: "bpf_reserve_hdr_opt", Args: args(ctx, anything, anything)},
	}
}

// castHelpers give the kernel's own structures of a socket.
func castHelpers() []abi.Helper {
	return []abi.Helper{
		cast(136, "bpf_skc_to_tcp6_sock", "tcp6_sock"),
		cast(137, "bpf_skc_to_tcp_sock", "tcp_sock"),
		cast(138, "bpf_skc_to_tcp_timewait_sock", "tcp_timewait_sock"),
		cast(139, "bpf_skc_to_tcp_request_sock", "tcp_request_sock"),
		cast(140, "bpf_skc_to_udp6_sock", "udp6_sock"),
		cast(178, "bpf_skc_to_unix_sock", "unix_sock"),
		cast(196, "bpf_skc_to_mptcp_sock", "mptcp_sock"),
	}
}

// variants are the helpers that take something else in programs of a type than elsewhere.
func variants(typ string) []abi.Helper {
	switch {
	case typ == "sk_lookup": // bpf_sk_lookup_assign_proto
		return []abi.Helper{{ID: 124, Name: "bpf_sk_assign", Args: args(ctx, abi.ArgStructOrNull, anything), Structs: at(1, sockName)}}
	case typ == "sockopt/set": // bpf_sk_setsockopt_proto, bpf_sk_getsockopt_proto
		return []abi.Helper{
			{ID: 49, Name: "bpf_setsockopt", Args: args(aStruct, anything, anything, mem, size), Structs: at(0, commonName)},
			{ID: 57, Name: "bpf_getsockopt", Args: args(aStruct, anything, anything, memOut, size), Structs: at(0, commonName)},
		}
	case strings.HasPrefix(typ, "sk_reuseport"): // bpf_get_socket_ptr_cookie_proto
		return []abi.Helper{{ID: 46, Name: "bpf_get_socket_cookie", Args: args(abi.ArgStructOrNull), Structs: at(0, commonName)}}
	case strings.HasPrefix(typ, "cgroup_sock"): // bpf_sk_storage_get_cg_sock_proto
		return []abi.Helper{{ID: 107, Name: "bpf_sk_storage_get", Args: args(aMap, ctx, abi.ArgMapValueOrNull, anything), Ret: abi.RetMapValueOrNull}}
	}
	return nil
}
