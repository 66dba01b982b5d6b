package networking

import "github.com/bpfc/bpfc/core/abi"

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

// internal is the beginning of the numbers of helpers that only compilers call: Linux has no such numbers.
const internal = 0xbf << 24

// helpers are the prototypes of the set: numbers of include/uapi/linux/bpf.h,
// kinds of the bpf_*_proto variables of net/core/filter.c, net/core/sock_map.c,
// net/core/bpf_sk_storage.c and kernel/bpf/cgroup.c, flags of
// bpf_helper_changes_pkt_data (net/core/filter.c), Linux 6.18.
func helpers() []abi.Helper {
	var hs []abi.Helper
	for _, group := range [][]abi.Helper{packetHelpers(), checksumHelpers(), tunnelKeyHelpers(), xdpOwnHelpers(), redirectHelpers(),
		socketOwnHelpers(), classicOwnHelpers(), syncookieHelpers(), storageHelpers(), sockmapHelpers(), lightweightHelpers(), cgroupHelpers(), sockOpsOwnHelpers(), castHelpers(), functionHelpers()} {
		hs = append(hs, group...)
	}
	return hs
}

// packetHelpers read and change the packet of a struct __sk_buff and what belongs to it.
func packetHelpers() []abi.Helper {
	return []abi.Helper{
		// For LD_ABS and LD_IND; no program may call it.
		{ID: internal | 2, Name: classicLoad, Flags: abi.FlagInternal, Args: args(anything, anything), C: "long bpf_skb_load_classic(__u32 offset, __u32 size)"},
		{ID: 9, Name: "bpf_skb_store_bytes", Args: args(ctx, anything, mem, size, anything), Flags: moves,
			C: "long bpf_skb_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 len, __u64 flags)"},
		{ID: 18, Name: "bpf_skb_vlan_push", Args: args(ctx, anything, anything), Flags: moves,
			C: "long bpf_skb_vlan_push(struct __sk_buff *skb, __be16 vlan_proto, __u16 vlan_tci)"},
		{ID: 19, Name: "bpf_skb_vlan_pop", Args: args(ctx), Flags: moves,
			C: "long bpf_skb_vlan_pop(struct __sk_buff *skb)"},
		{ID: 24, Name: "bpf_get_route_realm", Args: args(ctx),
			C: "__u32 bpf_get_route_realm(struct __sk_buff *skb)"},
		{ID: 26, Name: "bpf_skb_load_bytes", Args: args(ctx, anything, memOut, size),
			C: "long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 len)"},
		{ID: 31, Name: "bpf_skb_change_proto", Args: args(ctx, anything, anything), Flags: moves,
			C: "long bpf_skb_change_proto(struct __sk_buff *skb, __be16 proto, __u64 flags)"},
		{ID: 32, Name: "bpf_skb_change_type", Args: args(ctx, anything),
			C: "long bpf_skb_change_type(struct __sk_buff *skb, __u32 type)"},
		{ID: 34, Name: "bpf_get_hash_recalc", Args: args(ctx),
			C: "__u32 bpf_get_hash_recalc(struct __sk_buff *skb)"},
		{ID: 38, Name: "bpf_skb_change_tail", Args: args(ctx, anything, anything), Flags: moves,
			C: "long bpf_skb_change_tail(struct __sk_buff *skb, __u32 len, __u64 flags)"},
		{ID: 39, Name: "bpf_skb_pull_data", Args: args(ctx, anything), Flags: moves,
			C: "long bpf_skb_pull_data(struct __sk_buff *skb, __u32 len)"},
		{ID: 41, Name: "bpf_set_hash_invalid", Args: args(ctx),
			C: "void bpf_set_hash_invalid(struct __sk_buff *skb)"},
		{ID: 43, Name: "bpf_skb_change_head", Args: args(ctx, anything, anything), Flags: moves,
			C: "long bpf_skb_change_head(struct __sk_buff *skb, __u32 len, __u64 flags)"},
		{ID: 48, Name: "bpf_set_hash", Args: args(ctx, anything),
			C: "long bpf_set_hash(struct __sk_buff *skb, __u32 hash)"},
		{ID: 50, Name: "bpf_skb_adjust_room", Args: args(ctx, anything, anything, anything), Flags: moves,
			C: "long bpf_skb_adjust_room(struct __sk_buff *skb, __s32 len_diff, __u32 mode, __u64 flags)"},
		{ID: 66, Name: "bpf_skb_get_xfrm_state", Args: args(ctx, anything, memOut, size, anything),
			C: "long bpf_skb_get_xfrm_state(struct __sk_buff *skb, __u32 index, struct bpf_xfrm_state *xfrm_state, __u32 size, __u64 flags)"},
		{ID: 68, Name: "bpf_skb_load_bytes_relative", Args: args(ctx, anything, memOut, size, anything),
			C: "long bpf_skb_load_bytes_relative(const void *skb, __u32 offset, void *to, __u32 len, __u32 start_header)"},
		{ID: 97, Name: "bpf_skb_ecn_set_ce", Args: args(ctx),
			C: "long bpf_skb_ecn_set_ce(struct __sk_buff *skb)"},
		{ID: 192, Name: "bpf_skb_set_tstamp", Args: args(ctx, anything, anything),
			C: "long bpf_skb_set_tstamp(struct __sk_buff *skb, __u64 tstamp, __u32 tstamp_type)"},
	}
}

// checksumHelpers keep checksums right.
func checksumHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 10, Name: "bpf_l3_csum_replace", Args: args(ctx, anything, anything, anything, anything), Flags: moves,
			C: "long bpf_l3_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 size)"},
		{ID: 11, Name: "bpf_l4_csum_replace", Args: args(ctx, anything, anything, anything, anything), Flags: moves,
			C: "long bpf_l4_csum_replace(struct __sk_buff *skb, __u32 offset, __u64 from, __u64 to, __u64 flags)"},
		{ID: 28, Name: "bpf_csum_diff", Args: args(memOrNull, sizeOrZero, memOrNull, sizeOrZero, anything), Flags: pktMem,
			C: "__s64 bpf_csum_diff(__be32 *from, __u32 from_size, __be32 *to, __u32 to_size, __wsum seed)"},
		{ID: 40, Name: "bpf_csum_update", Args: args(ctx, anything),
			C: "__s64 bpf_csum_update(struct __sk_buff *skb, __wsum csum)"},
		{ID: 135, Name: "bpf_csum_level", Args: args(ctx, anything),
			C: "long bpf_csum_level(struct __sk_buff *skb, __u64 level)"},
	}
}

// tunnelKeyHelpers are about the tunnel that a packet came from or goes to.
func tunnelKeyHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 20, Name: "bpf_skb_get_tunnel_key", Args: args(ctx, memOut, size, anything),
			C: "long bpf_skb_get_tunnel_key(struct __sk_buff *skb, struct bpf_tunnel_key *key, __u32 size, __u64 flags)"},
		{ID: 21, Name: "bpf_skb_set_tunnel_key", Args: args(ctx, mem, size, anything),
			C: "long bpf_skb_set_tunnel_key(struct __sk_buff *skb, struct bpf_tunnel_key *key, __u32 size, __u64 flags)"},
		{ID: 29, Name: "bpf_skb_get_tunnel_opt", Args: args(ctx, memOut, size),
			C: "long bpf_skb_get_tunnel_opt(struct __sk_buff *skb, void *opt, __u32 size)"},
		{ID: 30, Name: "bpf_skb_set_tunnel_opt", Args: args(ctx, mem, size),
			C: "long bpf_skb_set_tunnel_opt(struct __sk_buff *skb, void *opt, __u32 size)"},
	}
}

// xdpOwnHelpers are those of XDP frames.
func xdpOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 44, Name: "bpf_xdp_adjust_head", Args: args(ctx, anything), Flags: moves,
			C: "long bpf_xdp_adjust_head(struct xdp_md *xdp_md, int delta)"},
		{ID: 54, Name: "bpf_xdp_adjust_meta", Args: args(ctx, anything), Flags: moves,
			C: "long bpf_xdp_adjust_meta(struct xdp_md *xdp_md, int delta)"},
		{ID: 65, Name: "bpf_xdp_adjust_tail", Args: args(ctx, anything), Flags: moves,
			C: "long bpf_xdp_adjust_tail(struct xdp_md *xdp_md, int delta)"},
		{ID: 188, Name: "bpf_xdp_get_buff_len", Args: args(ctx),
			C: "__u64 bpf_xdp_get_buff_len(struct xdp_md *xdp_md)"},
		{ID: 189, Name: "bpf_xdp_load_bytes", Args: args(ctx, anything, memOut, size),
			C: "long bpf_xdp_load_bytes(struct xdp_md *xdp_md, __u32 offset, void *buf, __u32 len)"},
		{ID: 190, Name: "bpf_xdp_store_bytes", Args: args(ctx, anything, mem, size),
			C: "long bpf_xdp_store_bytes(struct xdp_md *xdp_md, __u32 offset, void *buf, __u32 len)"},
	}
}

// redirectHelpers send packets elsewhere, and say where they would go.
func redirectHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 13, Name: "bpf_clone_redirect", Args: args(ctx, anything, anything), Flags: moves,
			C: "long bpf_clone_redirect(struct __sk_buff *skb, __u32 ifindex, __u64 flags)"},
		{ID: 23, Name: "bpf_redirect", Args: args(anything, anything),
			C: "long bpf_redirect(__u32 ifindex, __u64 flags)"},
		{ID: 51, Name: "bpf_redirect_map", Args: args(aMap, anything, anything),
			C: "long bpf_redirect_map(void *map, __u64 key, __u64 flags)"},
		// The memory is read too, as struct bpf_fib_lookup.
		{ID: 69, Name: "bpf_fib_lookup", Args: args(ctx, memOut, size, anything), Flags: abi.FlagGPL,
			C: "long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int plen, __u32 flags)"},
		{ID: 152, Name: "bpf_redirect_neigh", Args: args(anything, memOrNull, sizeOrZero, anything),
			C: "long bpf_redirect_neigh(__u32 ifindex, struct bpf_redir_neigh *params, int plen, __u64 flags)"},
		{ID: 155, Name: "bpf_redirect_peer", Args: args(anything, anything),
			C: "long bpf_redirect_peer(__u32 ifindex, __u64 flags)"},
		// The length is read too.
		{ID: 163, Name: "bpf_check_mtu", Args: args(ctx, anything, fixedOut, anything, anything), Sizes: at(2, uint32(4)), Flags: abi.FlagGPL,
			C: "long bpf_check_mtu(void *ctx, __u32 ifindex, __u32 *mtu_len, __s32 len_diff, __u64 flags)"},
	}
}

// The structures that helpers take and give.
const (
	sockName    = "bpf_sock"
	commonName  = "bpf_sock_common"
	tcpSockName = "bpf_tcp_sock"
)

// lookup is the prototype of a search for a socket.
func lookup(id uint32, name, found, c string) abi.Helper {
	return abi.Helper{ID: id, Name: name, Args: args(ctx, mem, sizeOrZero, anything, anything),
		Ret: abi.RetStructOrNull, RetStruct: found, Flags: abi.FlagAcquires | pktMem, C: c}
}

// from is the prototype of a helper that takes a socket of any kind and gives one that belongs to it.
func from(id uint32, name, to, c string) abi.Helper {
	return abi.Helper{ID: id, Name: name, Args: args(aStruct), Structs: at(0, commonName), Ret: abi.RetStructOrNull, RetStruct: to, C: c}
}

// cast is the prototype of a helper that takes a socket of any kind and gives another view of it.
func cast(id uint32, name, to, c string) abi.Helper {
	h := from(id, name, to, c)
	h.Flags |= abi.FlagCasts
	return h
}

// socketOwnHelpers find, describe, convert and release sockets.
func socketOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 46, Name: "bpf_get_socket_cookie", Args: args(ctx),
			C: "__u64 bpf_get_socket_cookie(void *ctx)"},
		{ID: 47, Name: "bpf_get_socket_uid", Args: args(ctx),
			C: "__u32 bpf_get_socket_uid(struct __sk_buff *skb)"},
		lookup(84, "bpf_sk_lookup_tcp", sockName,
			"struct bpf_sock *bpf_sk_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size, __u64 netns, __u64 flags)"),
		lookup(85, "bpf_sk_lookup_udp", sockName,
			"struct bpf_sock *bpf_sk_lookup_udp(void *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size, __u64 netns, __u64 flags)"),
		{ID: 86, Name: "bpf_sk_release", Args: args(aStruct), Structs: at(0, commonName), Flags: abi.FlagReleases,
			C: "long bpf_sk_release(void *sock)"},
		cast(95, "bpf_sk_fullsock", sockName,
			"struct bpf_sock *bpf_sk_fullsock(struct bpf_sock *sk)"),
		cast(96, "bpf_tcp_sock", tcpSockName,
			"struct bpf_tcp_sock *bpf_tcp_sock(struct bpf_sock *sk)"),
		// A listener outlives the socket that led to it.
		from(98, "bpf_get_listener_sock", sockName,
			"struct bpf_sock *bpf_get_listener_sock(struct bpf_sock *sk)"),
		lookup(99, "bpf_skc_lookup_tcp", commonName,
			"struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size, __u64 netns, __u64 flags)"),
		{ID: 122, Name: "bpf_get_netns_cookie", Args: args(abi.ArgCtxOrNull),
			C: "__u64 bpf_get_netns_cookie(void *ctx)"},
		{ID: 124, Name: "bpf_sk_assign", Args: args(ctx, aStruct, anything), Structs: at(1, commonName),
			C: "long bpf_sk_assign(void *ctx, void *sk, __u64 flags)"},
	}
}

// syncookieHelpers make and check SYN cookies; the raw ones need no socket.
func syncookieHelpers() []abi.Helper {
	const ipv4, ipv6, tcp = 20, 40, 20 // bytes of the headers
	return []abi.Helper{
		{ID: 100, Name: "bpf_tcp_check_syncookie", Args: args(aStruct, mem, size, mem, size), Structs: at(0, commonName), Flags: pktMem | abi.FlagGPL,
			C: "long bpf_tcp_check_syncookie(void *sk, void *iph, __u32 iph_len, struct tcphdr *th, __u32 th_len)"},
		{ID: 110, Name: "bpf_tcp_gen_syncookie", Args: args(aStruct, mem, size, mem, size), Structs: at(0, commonName), Flags: pktMem | abi.FlagGPL,
			C: "__s64 bpf_tcp_gen_syncookie(void *sk, void *iph, __u32 iph_len, struct tcphdr *th, __u32 th_len)"},
		{ID: 204, Name: "bpf_tcp_raw_gen_syncookie_ipv4", Args: args(fixed, mem, sizeOrZero), Sizes: [5]uint32{ipv4}, Flags: pktMem | abi.FlagGPL,
			C: "__s64 bpf_tcp_raw_gen_syncookie_ipv4(struct iphdr *iph, struct tcphdr *th, __u32 th_len)"},
		{ID: 205, Name: "bpf_tcp_raw_gen_syncookie_ipv6", Args: args(fixed, mem, sizeOrZero), Sizes: [5]uint32{ipv6}, Flags: pktMem | abi.FlagGPL,
			C: "__s64 bpf_tcp_raw_gen_syncookie_ipv6(struct ipv6hdr *iph, struct tcphdr *th, __u32 th_len)"},
		{ID: 206, Name: "bpf_tcp_raw_check_syncookie_ipv4", Args: args(fixed, fixed), Sizes: [5]uint32{ipv4, tcp}, Flags: pktMem | abi.FlagGPL,
			C: "long bpf_tcp_raw_check_syncookie_ipv4(struct iphdr *iph, struct tcphdr *th)"},
		{ID: 207, Name: "bpf_tcp_raw_check_syncookie_ipv6", Args: args(fixed, fixed), Sizes: [5]uint32{ipv6, tcp}, Flags: pktMem | abi.FlagGPL,
			C: "long bpf_tcp_raw_check_syncookie_ipv6(struct ipv6hdr *iph, struct tcphdr *th)"},
	}
}

// storageHelpers are about values that belong to a socket or a cgroup.
func storageHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 81, Name: "bpf_get_local_storage", Args: args(aMap, abi.ArgFlagZero), Ret: abi.RetMapValue,
			C: "void *bpf_get_local_storage(void *map, __u64 flags)"},
		{ID: 107, Name: "bpf_sk_storage_get", Args: args(aMap, aStruct, abi.ArgMapValueOrNull, anything), Structs: at(1, commonName), Ret: abi.RetMapValueOrNull,
			C: "void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags)"},
		{ID: 108, Name: "bpf_sk_storage_delete", Args: args(aMap, aStruct), Structs: at(1, commonName),
			C: "long bpf_sk_storage_delete(void *map, void *sk)"},
	}
}

// sockmapHelpers move data between sockets of a map, and choose sockets from one.
func sockmapHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 52, Name: "bpf_sk_redirect_map", Args: args(ctx, aMap, anything, anything),
			C: "long bpf_sk_redirect_map(struct __sk_buff *skb, void *map, __u32 key, __u64 flags)"},
		{ID: 53, Name: "bpf_sock_map_update", Args: args(ctx, aMap, key, anything), Flags: pktMem,
			C: "long bpf_sock_map_update(struct bpf_sock_ops *skops, void *map, void *key, __u64 flags)"},
		{ID: 60, Name: "bpf_msg_redirect_map", Args: args(ctx, aMap, anything, anything),
			C: "long bpf_msg_redirect_map(struct sk_msg_md *msg, void *map, __u32 key, __u64 flags)"},
		{ID: 61, Name: "bpf_msg_apply_bytes", Args: args(ctx, anything),
			C: "long bpf_msg_apply_bytes(struct sk_msg_md *msg, __u32 bytes)"},
		{ID: 62, Name: "bpf_msg_cork_bytes", Args: args(ctx, anything),
			C: "long bpf_msg_cork_bytes(struct sk_msg_md *msg, __u32 bytes)"},
		{ID: 63, Name: "bpf_msg_pull_data", Args: args(ctx, anything, anything, anything), Flags: moves,
			C: "long bpf_msg_pull_data(struct sk_msg_md *msg, __u32 start, __u32 end, __u64 flags)"},
		{ID: 70, Name: "bpf_sock_hash_update", Args: args(ctx, aMap, key, anything), Flags: pktMem,
			C: "long bpf_sock_hash_update(struct bpf_sock_ops *skops, void *map, void *key, __u64 flags)"},
		{ID: 71, Name: "bpf_msg_redirect_hash", Args: args(ctx, aMap, key, anything),
			C: "long bpf_msg_redirect_hash(struct sk_msg_md *msg, void *map, void *key, __u64 flags)"},
		{ID: 72, Name: "bpf_sk_redirect_hash", Args: args(ctx, aMap, key, anything),
			C: "long bpf_sk_redirect_hash(struct __sk_buff *skb, void *map, void *key, __u64 flags)"},
		{ID: 82, Name: "bpf_sk_select_reuseport", Args: args(ctx, aMap, key, anything),
			C: "long bpf_sk_select_reuseport(struct sk_reuseport_md *reuse, void *map, void *key, __u64 flags)"},
		{ID: 90, Name: "bpf_msg_push_data", Args: args(ctx, anything, anything, anything), Flags: moves,
			C: "long bpf_msg_push_data(struct sk_msg_md *msg, __u32 start, __u32 len, __u64 flags)"},
		{ID: 91, Name: "bpf_msg_pop_data", Args: args(ctx, anything, anything, anything), Flags: moves,
			C: "long bpf_msg_pop_data(struct sk_msg_md *msg, __u32 start, __u32 len, __u64 flags)"},
	}
}

// lightweightHelpers are those of lightweight tunnels.
func lightweightHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 73, Name: "bpf_lwt_push_encap", Args: args(ctx, anything, mem, size), Flags: moves,
			C: "long bpf_lwt_push_encap(struct __sk_buff *skb, __u32 type, void *hdr, __u32 len)"},
		{ID: 74, Name: "bpf_lwt_seg6_store_bytes", Args: args(ctx, anything, mem, size), Flags: moves,
			C: "long bpf_lwt_seg6_store_bytes(struct __sk_buff *skb, __u32 offset, const void *from, __u32 len)"},
		{ID: 75, Name: "bpf_lwt_seg6_adjust_srh", Args: args(ctx, anything, anything), Flags: moves,
			C: "long bpf_lwt_seg6_adjust_srh(struct __sk_buff *skb, __u32 offset, __s32 delta)"},
		{ID: 76, Name: "bpf_lwt_seg6_action", Args: args(ctx, anything, mem, size), Flags: moves,
			C: "long bpf_lwt_seg6_action(struct __sk_buff *skb, __u32 action, void *param, __u32 param_len)"},
	}
}

// cgroupHelpers are about cgroups of packets and sockets, and about sysctls.
func cgroupHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 33, Name: "bpf_skb_under_cgroup", Args: args(ctx, aMap, anything),
			C: "long bpf_skb_under_cgroup(struct __sk_buff *skb, void *map, __u32 index)"},
		{ID: 64, Name: "bpf_bind", Args: args(ctx, mem, size),
			C: "long bpf_bind(struct bpf_sock_addr *ctx, struct sockaddr *addr, int addr_len)"},
		{ID: 79, Name: "bpf_skb_cgroup_id", Args: args(ctx),
			C: "__u64 bpf_skb_cgroup_id(struct __sk_buff *skb)"},
		{ID: 83, Name: "bpf_skb_ancestor_cgroup_id", Args: args(ctx, anything),
			C: "__u64 bpf_skb_ancestor_cgroup_id(struct __sk_buff *skb, int ancestor_level)"},
		{ID: 101, Name: "bpf_sysctl_get_name", Args: args(ctx, memOut, size, anything),
			C: "long bpf_sysctl_get_name(struct bpf_sysctl *ctx, char *buf, unsigned long buf_len, __u64 flags)"},
		{ID: 102, Name: "bpf_sysctl_get_current_value", Args: args(ctx, memOut, size),
			C: "long bpf_sysctl_get_current_value(struct bpf_sysctl *ctx, char *buf, unsigned long buf_len)"},
		{ID: 103, Name: "bpf_sysctl_get_new_value", Args: args(ctx, memOut, size),
			C: "long bpf_sysctl_get_new_value(struct bpf_sysctl *ctx, char *buf, unsigned long buf_len)"},
		{ID: 104, Name: "bpf_sysctl_set_new_value", Args: args(ctx, mem, size),
			C: "long bpf_sysctl_set_new_value(struct bpf_sysctl *ctx, const char *buf, unsigned long buf_len)"},
		{ID: 128, Name: "bpf_sk_cgroup_id", Args: args(aStruct), Structs: at(0, commonName),
			C: "__u64 bpf_sk_cgroup_id(void *sk)"},
		{ID: 129, Name: "bpf_sk_ancestor_cgroup_id", Args: args(aStruct, anything), Structs: at(0, commonName),
			C: "__u64 bpf_sk_ancestor_cgroup_id(void *sk, int ancestor_level)"},
		{ID: 151, Name: "bpf_skb_cgroup_classid", Args: args(ctx),
			C: "__u64 bpf_skb_cgroup_classid(struct __sk_buff *skb)"},
	}
}

// sockOpsOwnHelpers are about options of sockets and of TCP headers.
func sockOpsOwnHelpers() []abi.Helper {
	return []abi.Helper{
		{ID: 49, Name: "bpf_setsockopt", Args: args(ctx, anything, anything, mem, size),
			C: "long bpf_setsockopt(void *bpf_socket, int level, int optname, void *optval, int optlen)"},
		{ID: 57, Name: "bpf_getsockopt", Args: args(ctx, anything, anything, memOut, size),
			C: "long bpf_getsockopt(void *bpf_socket, int level, int optname, void *optval, int optlen)"},
		{ID: 59, Name: "bpf_sock_ops_cb_flags_set", Args: args(ctx, anything),
			C: "long bpf_sock_ops_cb_flags_set(struct bpf_sock_ops *bpf_sock, int argval)"},
		// The memory is read too: it says which option is wanted.
		{ID: 142, Name: "bpf_load_hdr_opt", Args: args(ctx, memOut, size, anything),
			C: "long bpf_load_hdr_opt(struct bpf_sock_ops *skops, void *searchby_res, __u32 len, __u64 flags)"},
		{ID: 143, Name: "bpf_store_hdr_opt", Args: args(ctx, mem, size, anything), Flags: moves,
			C: "long bpf_store_hdr_opt(struct bpf_sock_ops *skops, const void *from, __u32 len, __u64 flags)"},
		{ID: 144, Name: "bpf_reserve_hdr_opt", Args: args(ctx, anything, anything),
			C: "long bpf_reserve_hdr_opt(struct bpf_sock_ops *skops, __u32 len, __u64 flags)"},
	}
}

// castHelpers give the kernel's own structures of a socket.
func castHelpers() []abi.Helper {
	return []abi.Helper{
		cast(136, "bpf_skc_to_tcp6_sock", "tcp6_sock",
			"struct tcp6_sock *bpf_skc_to_tcp6_sock(void *sk)"),
		cast(137, "bpf_skc_to_tcp_sock", "tcp_sock",
			"struct tcp_sock *bpf_skc_to_tcp_sock(void *sk)"),
		cast(138, "bpf_skc_to_tcp_timewait_sock", "tcp_timewait_sock",
			"struct tcp_timewait_sock *bpf_skc_to_tcp_timewait_sock(void *sk)"),
		cast(139, "bpf_skc_to_tcp_request_sock", "tcp_request_sock",
			"struct tcp_request_sock *bpf_skc_to_tcp_request_sock(void *sk)"),
		cast(140, "bpf_skc_to_udp6_sock", "udp6_sock",
			"struct udp6_sock *bpf_skc_to_udp6_sock(void *sk)"),
		from(178, "bpf_skc_to_unix_sock", "unix_sock",
			"struct unix_sock *bpf_skc_to_unix_sock(void *sk)"),
		cast(196, "bpf_skc_to_mptcp_sock", "mptcp_sock",
			"struct mptcp_sock *bpf_skc_to_mptcp_sock(void *sk)"),
	}
}

// variants are the helpers that take something else in programs of a kernel type,
// attached as said, than elsewhere. The kernel's names of these prototypes stand beside them.
func variants(kernel, attach uint32) []abi.Helper {
	const setsockopt = 22
	switch {
	case kernel == 3 || kernel == 4 || kernel >= 10 && kernel <= 12 || kernel == 19: // bpf_get_cgroup_classid_proto: tc, lwt
		return []abi.Helper{{ID: 17, Name: "bpf_get_cgroup_classid", Args: args(ctx), Flags: abi.FlagAnyType, Impl: abi.ImplGo}} // it runs in the set base
	case kernel == 9: // bpf_sk_storage_get_cg_sock_proto: cgroup_sock
		return []abi.Helper{{ID: 107, Name: "bpf_sk_storage_get", Args: args(aMap, ctx, abi.ArgMapValueOrNull, anything), Ret: abi.RetMapValueOrNull}}
	case kernel == 21: // bpf_get_socket_ptr_cookie_proto: sk_reuseport
		return []abi.Helper{{ID: 46, Name: "bpf_get_socket_cookie", Args: args(abi.ArgStructOrNull), Structs: at(0, commonName)}}
	case kernel == typeDissector: // there are no bytes to load: see loadBytes; compilers are not to expand it
		return []abi.Helper{{ID: 26, Name: "bpf_skb_load_bytes", Args: args(ctx, anything, memOut, size)}}
	case kernel == 25 && attach == setsockopt: // bpf_sk_setsockopt_proto, bpf_sk_getsockopt_proto
		return []abi.Helper{
			{ID: 49, Name: "bpf_setsockopt", Args: args(aStruct, anything, anything, mem, size), Structs: at(0, commonName)},
			{ID: 57, Name: "bpf_getsockopt", Args: args(aStruct, anything, anything, memOut, size), Structs: at(0, commonName)},
		}
	case kernel == 30: // bpf_sk_lookup_assign_proto
		return []abi.Helper{{ID: 124, Name: "bpf_sk_assign", Args: args(ctx, abi.ArgStructOrNull, anything), Structs: at(1, sockName)}}
	}
	return nil
}
