/* A pipeline of tail calls: each header has its program, the position travels in metadata or in a per-CPU map. */
#include "corpus.h"

MAPF(pipeline, BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 16, 0);

struct state {
	u32 off;
	u32 depth;
	u16 proto;
	u8 next;
	u8 flags;
	u32 src, dst;
};

PERCPU(states, struct state, 1);
PERCPU(verdicts, u64, 8);

enum { T_ETH, T_VLAN, T_IP4, T_IP6, T_TCP, T_UDP, T_DONE };

inline_ struct state *state(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&states, &zero);
}

SEC("xdp")
int stage_eth(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *s = state();
	struct ethhdr *eth = data;

	if (!s || (void *)(eth + 1) > end)
		return XDP_ABORTED;
	__builtin_memset(s, 0, sizeof(*s));
	s->off = sizeof(*eth);
	s->proto = eth->h_proto;
	switch (bpf_ntohs(eth->h_proto)) {
	case ETH_P_8021Q:
	case ETH_P_8021AD:
		bpf_tail_call(ctx, &pipeline, T_VLAN);
		break;
	case ETH_P_IP:
		bpf_tail_call(ctx, &pipeline, T_IP4);
		break;
	case ETH_P_IPV6:
		bpf_tail_call(ctx, &pipeline, T_IP6);
		break;
	}
	return XDP_PASS;
}

SEC("xdp")
int stage_vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *s = state();
	struct vlan_hdr *tag;
	u32 off;

	if (!s || s->depth++ > 3)
		return XDP_DROP;
	off = s->off;
	if (off > 64)
		return XDP_DROP;
	tag = data + off;
	if ((void *)(tag + 1) > end)
		return XDP_DROP;
	s->off = off + sizeof(*tag);
	s->proto = tag->proto;
	bpf_tail_call(ctx, &pipeline, is_vlan(tag->proto) ? T_VLAN : tag->proto == bpf_htons(ETH_P_IP) ? T_IP4 : T_IP6);
	return XDP_PASS;
}

SEC("xdp")
int stage_ip4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *s = state();
	struct iphdr *ip;

	if (!s || s->off > 64)
		return XDP_DROP;
	ip = data + s->off;
	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return XDP_DROP;
	s->src = ip->saddr;
	s->dst = ip->daddr;
	s->next = ip->protocol;
	s->off += ip->ihl * 4;
	if (ip->protocol == IPPROTO_TCP)
		bpf_tail_call(ctx, &pipeline, T_TCP);
	if (ip->protocol == IPPROTO_UDP)
		bpf_tail_call(ctx, &pipeline, T_UDP);
	bpf_tail_call(ctx, &pipeline, T_DONE);
	return XDP_PASS;
}

SEC("xdp")
int stage_ip6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *s = state();
	struct ipv6hdr *ip6;
	u32 src = 0, dst = 0;

	if (!s || s->off > 64)
		return XDP_DROP;
	ip6 = data + s->off;
	if ((void *)(ip6 + 1) > end)
		return XDP_DROP;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		src ^= ip6->saddr.in6_u.u6_addr32[i];
		dst ^= ip6->daddr.in6_u.u6_addr32[i];
	}
	s->src = src;
	s->dst = dst;
	s->next = ip6->nexthdr;
	s->off += sizeof(*ip6);
	switch (ip6->nexthdr) {
	case IPPROTO_TCP:
		bpf_tail_call(ctx, &pipeline, T_TCP);
		break;
	case IPPROTO_UDP:
		bpf_tail_call(ctx, &pipeline, T_UDP);
		break;
	}
	return XDP_PASS;
}

SEC("xdp")
int stage_tcp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *s = state();
	struct tcphdr *tcp;

	if (!s || s->off > 256)
		return XDP_DROP;
	tcp = data + s->off;
	if ((void *)(tcp + 1) > end)
		return XDP_DROP;
	s->flags = ((u8 *)tcp)[13];
	if (tcp->syn && tcp->fin)
		return XDP_DROP;
	bpf_tail_call(ctx, &pipeline, T_DONE);
	return XDP_PASS;
}

SEC("xdp")
int stage_done(struct xdp_md *ctx)
{
	struct state *s = state();
	u32 slot;
	u64 *n;

	if (!s)
		return XDP_PASS;
	slot = s->next & 7;
	n = bpf_map_lookup_elem(&verdicts, &slot);
	if (n)
		*n += 1;
	return s->src == s->dst ? XDP_DROP : XDP_PASS;
}

/* The index is not a constant. */
SEC("xdp")
int stage_indexed(struct xdp_md *ctx)
{
	u32 slot = ctx->rx_queue_index;

	if (slot < 16)
		bpf_tail_call(ctx, &pipeline, slot);
	return XDP_ABORTED;
}
