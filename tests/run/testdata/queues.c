/* Queues, stacks and bloom filters as work lists of a forwarding plane. */
#include "corpus.h"

struct job {
	u32 from, to;
	u16 len, proto;
};

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 6);
	__type(value, struct job);
} jobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 4);
	__type(value, u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__uint(map_extra, 5);
	__type(value, u32);
} seen SEC(".maps");

HASH(counts, u32, u64, 16);

inline_ void count(u32 key, u64 by)
{
	u64 *n = bpf_map_lookup_elem(&counts, &key);

	if (n)
		__sync_fetch_and_add(n, by);
	else
		bpf_map_update_elem(&counts, &key, &by, BPF_ANY);
}

SEC("xdp")
int enqueue(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip;
	struct job j = {};

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(&c, sizeof(*ip));
	if (!ip)
		return XDP_DROP;
	j.from = ip->saddr;
	j.to = ip->daddr;
	j.len = ip->tot_len;
	j.proto = ip->protocol;
	count(0, bpf_map_push_elem(&jobs, &j, ip->ttl & 1 ? BPF_EXIST : BPF_ANY) == 0);
	return XDP_PASS;
}

SEC("xdp")
int dequeue(struct xdp_md *ctx)
{
	struct job j;
	u32 done = 0;

	for (int i = 0; i < 3; i++) {
		if (bpf_map_pop_elem(&jobs, &j))
			break;
		count(1, j.len);
		done++;
	}
	if (bpf_map_peek_elem(&jobs, &j) == 0)
		count(2, j.from & 0xff);
	return done > 1 ? XDP_TX : XDP_PASS;
}

SEC("tc")
int remember(struct __sk_buff *skb)
{
	u64 v = (u64)skb->len << 32 | skb->protocol, top = 0;
	long full = bpf_map_push_elem(&recent, &v, BPF_ANY);

	if (full) {
		bpf_map_pop_elem(&recent, &top);
		bpf_map_pop_elem(&recent, &top);
		count(3, top >> 32);
	}
	bpf_map_peek_elem(&recent, &top);
	skb->mark = top;
	return full ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int known_host(struct __sk_buff *skb)
{
	u32 from = 0;

	if (bpf_skb_load_bytes(skb, 26, &from, sizeof(from)))
		return TC_ACT_UNSPEC;
	if (bpf_map_peek_elem(&seen, &from) == 0)
		return TC_ACT_OK;
	count(4, bpf_map_push_elem(&seen, &from, BPF_ANY) == 0);
	return TC_ACT_PIPE;
}
