/* Packet access. Each program is the nearest unsafe neighbour of a safe one. "kind:" names the mistake. */
#include "../corpus.h"

/* kind: missing packet bound */
SEC("xdp")
int no_bound(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_PASS : XDP_DROP;
}

/* kind: packet bound off by one */
SEC("xdp")
int bound_short_by_one(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 33 > end)
		return XDP_PASS;
	return *(u8 *)(data + 33) ? XDP_PASS : XDP_DROP;
}

/* kind: packet bound on the wrong pointer */
SEC("xdp")
int bound_on_other_pointer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 off = *(volatile u32 *)&ctx->rx_queue_index & 63;
	u8 *p = data + off, *q = data;

	if ((void *)(q + 64) > end)
		return XDP_PASS;
	return p[60] ? XDP_DROP : XDP_PASS;
}

/* kind: packet bound with the comparison reversed */
SEC("xdp")
int bound_reversed(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 < end)
		return XDP_PASS;
	return *(u8 *)(data + 13) ? XDP_DROP : XDP_PASS;
}

/* kind: stale packet pointer after bpf_xdp_adjust_head */
SEC("xdp")
int stale_after_adjust_head(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data;

	if ((void *)(p + 64) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, 20))
		return XDP_DROP;
	return p[20] ? XDP_TX : XDP_PASS;
}

/* kind: stale packet pointer after bpf_xdp_adjust_tail */
SEC("xdp")
int stale_after_adjust_tail(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data;

	if ((void *)(p + 64) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	bpf_xdp_adjust_tail(ctx, -40);
	return p[60] ? XDP_TX : XDP_PASS;
}

/* kind: stale packet pointer after bpf_skb_vlan_push */
SEC("tc")
int stale_after_vlan_push(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return TC_ACT_OK;
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7);
	eth->h_dest[0] = 2;
	return TC_ACT_OK;
}

/* kind: stale packet pointer after bpf_skb_change_tail */
SEC("tc")
int stale_after_change_tail(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data;

	if ((void *)(p + 34) > (void *)(long)skb->data_end)
		return TC_ACT_OK;
	bpf_skb_change_tail(skb, 20, 0);
	return p[30] ? TC_ACT_SHOT : TC_ACT_OK;
}

noinline_ int shrink(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_tail(ctx, -10);
}

/* kind: stale packet pointer after a call that moves the packet */
SEC("xdp")
int stale_after_call(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data;

	if ((void *)(p + 64) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	shrink(ctx);
	return p[63] ? XDP_TX : XDP_PASS;
}

/* kind: offset from the packet without bound */
SEC("xdp")
int unbounded_offset(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u64 off;
	u8 *p;

	if (data + 8 > end)
		return XDP_PASS;
	off = *(u64 *)data;
	p = data + off;
	if ((void *)(p + 1) > end)
		return XDP_PASS;
	return *p ? XDP_DROP : XDP_PASS;
}

/* kind: negative offset from the packet */
SEC("xdp")
int negative_offset(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u8 *p = data;

	if (data + 14 > end)
		return XDP_PASS;
	hide(p);
	return p[-1] ? XDP_DROP : XDP_PASS;
}

/* kind: option length from the packet used without a second bound */
SEC("xdp")
int ihl_without_second_check(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct udphdr *udp;

	if ((void *)(ip + 1) + sizeof(*udp) > end)
		return XDP_PASS;
	udp = (void *)ip + ip->ihl * 4;
	return udp->dest == bpf_htons(53) ? XDP_DROP : XDP_PASS;
}

/* kind: write to a packet that is read-only for the type */
SEC("cgroup_skb/ingress")
int write_read_only_packet(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data;

	if ((void *)(p + 20) > (void *)(long)skb->data_end)
		return 1;
	p[8] = 64;
	return 1;
}

/* kind: packet pointers in a type that has none */
SEC("socket")
int no_direct_access(struct __sk_buff *skb)
{
	u8 *p = (void *)(long)skb->data;

	if ((void *)(p + 1) > (void *)(long)skb->data_end)
		return 0;
	return *p;
}

/* kind: metadata compared with data_end instead of data */
SEC("xdp")
int meta_against_end(struct xdp_md *ctx)
{
	u32 *m = (void *)(long)ctx->data_meta;

	if ((void *)(m + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	return *m ? XDP_DROP : XDP_PASS;
}

/* kind: data_end used as data */
SEC("xdp")
int access_at_end(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (p + 8 > end)
		return XDP_PASS;
	hide(end);
	return *(volatile u8 *)end ? XDP_DROP : XDP_PASS;
}

/* kind: loop runs one byte too far */
SEC("xdp")
int loop_one_too_far(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data;
	u32 sum = 0;

	if ((void *)(p + 16) > (void *)(long)ctx->data_end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i <= 16; i++)
		sum += p[i];
	return sum & 1 ? XDP_DROP : XDP_PASS;
}
