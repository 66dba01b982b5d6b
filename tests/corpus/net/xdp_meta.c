/* Metadata before the packet, changes of its ends, and packets in several fragments. */
#include "corpus.h"

struct meta {
	u32 mark;
	u32 hash;
	u64 stamp;
};

FDMAP(samples, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 64);

SEC("xdp")
int meta_write(struct xdp_md *ctx)
{
	struct meta *m;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*m)))
		return XDP_PASS;
	m = (void *)(long)ctx->data_meta;
	if ((void *)(m + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	m->mark = 0x42;
	m->hash = ctx->rx_queue_index * 2654435761U;
	m->stamp = bpf_ktime_get_ns();
	return XDP_PASS;
}

SEC("tc")
int meta_read(struct __sk_buff *skb)
{
	struct meta *m = (void *)(long)skb->data_meta;
	void *data = (void *)(long)skb->data;

	if ((void *)(m + 1) > data)
		return TC_ACT_OK;
	skb->mark = m->mark;
	skb->priority = skb->hash & 7;
	return bpf_ktime_get_ns() - m->stamp > 1000000 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("xdp")
int trim_tail(struct xdp_md *ctx)
{
	int len = ctx->data_end - ctx->data;

	if (len <= 128)
		return XDP_PASS;
	return bpf_xdp_adjust_tail(ctx, 128 - len) ? XDP_DROP : XDP_PASS;
}

/* The trailer is at a length read from the packet. */
SEC("xdp")
int drop_trailer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	u8 *last;
	u32 len;

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	len = bpf_ntohs(ip->tot_len);
	if (len < 21 || len > 1500)
		return XDP_PASS;
	last = (void *)ip + len - 1;
	if ((void *)(last + 1) > end)
		return XDP_DROP;
	return *last == 0xff ? XDP_DROP : XDP_PASS;
}

/* Strips an outer VLAN tag: MAC addresses move, the head follows. */
SEC("xdp")
int pop_vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data, copy;
	struct vlan_hdr *tag = data + sizeof(*eth);

	if ((void *)(tag + 1) > end || !is_vlan(eth->h_proto))
		return XDP_PASS;
	copy = *eth;
	copy.h_proto = tag->proto;
	if (bpf_xdp_adjust_head(ctx, sizeof(*tag)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	*eth = copy;
	return XDP_PASS;
}

SEC("xdp")
int push_vlan(struct xdp_md *ctx)
{
	struct ethhdr *eth, copy;
	struct vlan_hdr *tag;
	void *data, *end;

	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(&copy, eth, sizeof(copy));
	if (bpf_xdp_adjust_head(ctx, 0 - (int)sizeof(*tag)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	tag = data + sizeof(*eth);
	if ((void *)(tag + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(eth, &copy, sizeof(copy));
	tag->tci = bpf_htons(77);
	tag->proto = eth->h_proto;
	eth->h_proto = bpf_htons(ETH_P_8021Q);
	return XDP_TX;
}

struct sample {
	u16 cookie;
	u16 len;
	u32 queue;
};

SEC("xdp")
int sample(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct sample s;
	u64 take_len;

	if (data >= end)
		return XDP_PASS;
	s.cookie = 0xdead;
	s.len = end - data;
	s.queue = ctx->rx_queue_index;
	take_len = s.len < 64 ? s.len : 64;
	bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU | take_len << 32, &s, sizeof(s));
	return XDP_PASS;
}

#ifndef LEGACY
SEC("xdp.frags")
int frags_sum(struct xdp_md *ctx)
{
	u64 len = bpf_xdp_get_buff_len(ctx);
	u8 buf[32];
	u32 sum = 0;

	if (len < 64)
		return XDP_PASS;
	if (bpf_xdp_load_bytes(ctx, len - sizeof(buf), buf, sizeof(buf)))
		return XDP_DROP;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 32; i++)
		sum += buf[i];
	if (sum & 1)
		return XDP_PASS;
	buf[0] = sum;
	return bpf_xdp_store_bytes(ctx, len - sizeof(buf), buf, 1) ? XDP_DROP : XDP_PASS;
}
#endif
