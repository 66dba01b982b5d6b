/* Sockets of a cgroup: creation, release, and the state after bind. */
#include "corpus.h"

ARRAY(made, u64, 16);
HASH(reserved, u16, u32, 128);

SEC("cgroup/sock_create")
int sock_no_raw(struct bpf_sock *sk)
{
	if (sk->type == 3 && (bpf_get_current_uid_gid() & 0xffffffff))
		return 0;
	return 1;
}

SEC("cgroup/sock_create")
int sock_mark(struct bpf_sock *sk)
{
	u32 slot = sk->protocol & 15;
	u64 *n = bpf_map_lookup_elem(&made, &slot);

	if (n)
		__sync_fetch_and_add(n, 1);
	sk->mark = 100 + slot;
	sk->priority = sk->family == AF_INET6 ? 4 : 2;
	sk->bound_dev_if = 0;
	return 1;
}

SEC("cgroup/sock_create")
int sock_family(struct bpf_sock *sk)
{
	switch (sk->family) {
	case AF_INET:
	case AF_INET6:
		return sk->protocol != IPPROTO_SCTP;
	case 16:
	case 17:
		return 0;
	}
	return 1;
}

SEC("cgroup/sock_release")
int sock_released(struct bpf_sock *sk)
{
	u32 slot = 15;
	u64 *n = bpf_map_lookup_elem(&made, &slot);

	if (n && sk->mark)
		__sync_fetch_and_sub(n, 1);
	return 1;
}

SEC("cgroup/post_bind4")
int bound4(struct bpf_sock *sk)
{
	u16 port = sk->src_port;
	u32 *owner;

	if (sk->src_ip4 != bpf_htonl(0x7f000001) && port < 1024)
		return 0;
	owner = bpf_map_lookup_elem(&reserved, &port);
	return !owner || *owner == (u32)bpf_get_current_uid_gid();
}

SEC("cgroup/post_bind6")
int bound6(struct bpf_sock *sk)
{
	u32 any = sk->src_ip6[0] | sk->src_ip6[1] | sk->src_ip6[2] | sk->src_ip6[3];

	if (!any && sk->type == 1)
		return 0;
	return sk->src_port != 53;
}
