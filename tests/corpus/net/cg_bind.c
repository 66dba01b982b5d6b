/* bind of a cgroup: refusal, rewriting, reuse of a port table. */
#include "corpus.h"

struct range {
	u16 lo, hi;
	u32 uid;
};

ARRAY(port_ranges, struct range, 16);

SEC("cgroup/bind4")
int bind_rewrite4(struct bpf_sock_addr *ctx)
{
	if (ctx->user_family != AF_INET || ctx->type != 1)
		return 0;
	if (ctx->user_ip4 == 0) {
		ctx->user_ip4 = bpf_htonl(0x7f000001);
		return 1;
	}
	if (ctx->user_port == bpf_htons(80))
		ctx->user_port = bpf_htons(8080);
	return 1;
}

SEC("cgroup/bind6")
int bind_rewrite6(struct bpf_sock_addr *ctx)
{
	u32 any = ctx->user_ip6[0] | ctx->user_ip6[1] | ctx->user_ip6[2] | ctx->user_ip6[3];

	if (any)
		return 1;
	ctx->user_ip6[0] = bpf_htonl(0xfd000000);
	ctx->user_ip6[3] = bpf_htonl(1);
	return 1;
}

/* Ranges of ports belong to users: a loop over lookups. Bit 1 lets the port be privileged. */
SEC("cgroup/bind4")
int bind_ranges(struct bpf_sock_addr *ctx)
{
	u16 port = bpf_ntohs(ctx->user_port);
	u32 uid = bpf_get_current_uid_gid();

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 16; i++) {
		u32 k = i;
		struct range *r = bpf_map_lookup_elem(&port_ranges, &k);

		if (!r)
			return 0;
		if (port < r->lo || port > r->hi)
			continue;
		return r->uid == uid ? 3 : 0;
	}
	return 1;
}

SEC("cgroup/bind6")
int bind_wide(struct bpf_sock_addr *ctx)
{
	u64 hi = *(volatile u64 *)&ctx->user_ip6[0], lo = *(volatile u64 *)&ctx->user_ip6[2];

	if (hi == 0 && lo == bpf_cpu_to_be64(1))
		return 1;
	*(volatile u64 *)&ctx->user_ip6[0] = bpf_cpu_to_be64(0xfd00000000000000ULL);
	return hi != 0;
}
