/* A load balancer with a table of backends for each service, a prefix firewall, and IP in IP to the backend. */
#include "corpus.h"

struct service {
	u32 addr;
	u16 port;
	u8 proto, flags;
};

struct backend {
	u32 addr;
	u8 mac[6];
	u16 weight;
};

struct prefix {
	u32 len;
	u32 addr;
};

struct backends {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, struct backend);
};

struct backends one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 64);
	__type(key, struct service);
	__array(values, struct backends);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, u32);
	__array(values, struct backends);
} pools SEC(".maps") = { .values = { [0] = &one, [2] = &two } };

LPM(blocked, struct prefix, u32, 64);
LRU(sessions, u64, u32, 512);
PERCPU(totals, u64, 8);

inline_ void total(u32 slot, u64 by)
{
	u64 *n = bpf_map_lookup_elem(&totals, &slot);

	if (n)
		*n += by;
}

inline_ u32 mix(u32 h)
{
	h ^= h >> 16;
	h *= 0x7feb352d;
	h ^= h >> 15;
	h *= 0x846ca68b;
	return h ^ h >> 16;
}

inline_ int encapsulate(struct xdp_md *ctx, struct backend *to)
{
	struct cursor c;
	struct ethhdr *eth, *old;
	struct iphdr *ip;
	u16 *word;
	u32 sum = 0, size = ctx->data_end - ctx->data - sizeof(*eth);

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_ABORTED;
	c = cursor_of(ctx);
	eth = take(&c, sizeof(*eth));
	ip = take(&c, sizeof(*ip));
	if (!eth || !ip)
		return XDP_DROP;
	old = (void *)ip + sizeof(*ip) - sizeof(*eth);
	if ((void *)(old + 1) > c.end)
		return XDP_DROP;
	__builtin_memcpy(eth->h_source, old->h_dest, 6);
	__builtin_memcpy(eth->h_dest, to->mac, 6);
	eth->h_proto = bpf_htons(ETH_P_IP);
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_IPIP;
	ip->tot_len = bpf_htons(size + sizeof(*ip));
	ip->saddr = bpf_htonl(0x0a0000fe);
	ip->daddr = to->addr;
	word = (u16 *)ip;
#pragma clang loop unroll(full)
	for (int i = 0; i < 10; i++)
		sum += word[i];
	ip->check = fold(sum);
	return XDP_TX;
}

SEC("xdp")
int balance(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip;
	struct service s = {};
	struct prefix p = { .len = 32 };
	struct backend *b;
	void *pool;
	u16 *ports;
	u32 slot, *known;
	u64 flow;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(&c, sizeof(*ip));
	if (!ip || ip->ihl != 5)
		return XDP_PASS;
	p.addr = ip->saddr;
	if (bpf_map_lookup_elem(&blocked, &p)) {
		total(0, 1);
		return XDP_DROP;
	}
	ports = take(&c, 4);
	if (!ports)
		return XDP_PASS;
	s.addr = ip->daddr;
	s.port = ports[1];
	s.proto = ip->protocol;
	pool = bpf_map_lookup_elem(&services, &s);
	slot = ip->daddr >> 24 & 3;
	if (!pool)
		pool = bpf_map_lookup_elem(&pools, &slot);
	if (!pool) {
		total(1, 1);
		return XDP_PASS;
	}
	flow = (u64)ip->saddr << 32 | (u32)ports[0] << 16 | ports[1];
	known = bpf_map_lookup_elem(&sessions, &flow);
	slot = known ? *known : mix(ip->saddr ^ ports[0]) & 7;
	if (!known)
		bpf_map_update_elem(&sessions, &flow, &slot, BPF_ANY);
	b = bpf_map_lookup_elem(pool, &slot);
	if (!b || !b->addr) {
		total(2, 1);
		return XDP_PASS;
	}
	total(3, ctx->data_end - ctx->data);
	return encapsulate(ctx, b);
}

/* The same without moving the packet: the address is translated in place. */
SEC("xdp")
int translate(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip;
	struct backend *b;
	void *pool;
	u32 slot = 0, old;
	s64 sum;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(&c, sizeof(*ip));
	if (!ip)
		return XDP_PASS;
	pool = bpf_map_lookup_elem(&pools, &slot);
	if (!pool)
		return XDP_DROP;
	slot = ip->saddr >> 24 & 7;
	b = bpf_map_lookup_elem(pool, &slot);
	if (!b)
		return XDP_ABORTED;
	old = ip->daddr;
	ip->daddr = b->addr;
	sum = bpf_csum_diff(&old, 4, &b->addr, 4, ~ip->check & 0xffff);
	if (sum < 0)
		return XDP_DROP;
	ip->check = fold(sum);
	b->weight++;
	return XDP_TX;
}
