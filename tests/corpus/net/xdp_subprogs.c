/* Functions: static ones that are not inlined, with pointers to the caller's stack, packet pointers and map values; global ones. */
#include "corpus.h"

struct flow {
	u32 src, dst;
	u16 sport, dport;
	u32 proto;
};

HASH(flows, struct flow, u64, 4096);
ARRAY(limits, u32, 16);

noinline_ int check_eth(void *data, void *end)
{
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return -1;
	return bpf_ntohs(eth->h_proto);
}

noinline_ int fill_v4(struct xdp_md *ctx, struct flow *f)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;

	if ((void *)(ip + 1) > end)
		return 0;
	f->src = ip->saddr;
	f->dst = ip->daddr;
	f->proto = ip->protocol;
	return ip->ihl * 4;
}

noinline_ int fill_ports(struct xdp_md *ctx, struct flow *f, u32 off)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u16 *ports;

	if (off > 128)
		return -1;
	ports = data + off;
	if ((void *)(ports + 2) > end)
		return -1;
	f->sport = ports[0];
	f->dport = ports[1];
	return 0;
}

noinline_ u64 *slot_of(struct flow *f)
{
	return bpf_map_lookup_elem(&flows, f);
}

noinline_ void add_to(u64 *counter, u64 n)
{
	__sync_fetch_and_add(counter, n);
}

SEC("xdp")
int sub_static(struct xdp_md *ctx)
{
	struct flow f = {};
	u64 *n, one = 1;
	int len;

	if (check_eth((void *)(long)ctx->data, (void *)(long)ctx->data_end) != ETH_P_IP)
		return XDP_PASS;
	len = fill_v4(ctx, &f);
	if (len < 20)
		return XDP_DROP;
	if (fill_ports(ctx, &f, ETH_HLEN + len))
		return XDP_PASS;
	n = slot_of(&f);
	if (n)
		add_to(n, 1);
	else
		bpf_map_update_elem(&flows, &f, &one, BPF_ANY);
	return XDP_PASS;
}

/* A checked packet pointer is passed; the callee relies on the caller's check. */
noinline_ u32 sum_words(u32 *p)
{
	u32 sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++)
		sum += p[i];
	return sum;
}

SEC("xdp")
int sub_packet_pointer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip6 = data + ETH_HLEN;

	if ((void *)(ip6 + 1) > end)
		return XDP_PASS;
	return sum_words(ip6->saddr.in6_u.u6_addr32) == sum_words(ip6->daddr.in6_u.u6_addr32) ? XDP_DROP : XDP_PASS;
}

struct frame {
	u8 buf[64];
	u32 n;
};

noinline_ void put(struct frame *f, u8 b)
{
	f->buf[f->n & 63] = b;
	f->n++;
}

noinline_ void put_u16(struct frame *f, u16 v)
{
	put(f, v >> 8);
	put(f, v & 255);
}

noinline_ u32 digest(const struct frame *f)
{
	u32 h = 5381;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++)
		h = h * 33 ^ f->buf[i];
	return h;
}

SEC("xdp")
int sub_stack_buffer(struct xdp_md *ctx)
{
	struct frame f = {};

	put_u16(&f, ctx->ingress_ifindex);
	put_u16(&f, ctx->rx_queue_index);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 10; i++)
		put(&f, i * 7);
	return digest(&f) & 1 ? XDP_DROP : XDP_PASS;
}

/* Deep: six frames, the innermost writes through the pointer of the outermost. */
noinline_ int deep5(u32 *acc, u32 n)
{
	*acc += n;
	return n & 1;
}

noinline_ int deep4(u32 *acc, u32 n)
{
	u32 mine = n;

	deep5(&mine, 4);
	return deep5(acc, mine) + 1;
}

noinline_ int deep3(u32 *acc, u32 n)
{
	return n > 100 ? deep4(acc, n - 100) : deep4(acc, n) + deep5(acc, 3);
}

noinline_ int deep2(u32 *acc, u32 n)
{
	return deep3(acc, n * 2) - 1;
}

SEC("xdp")
int sub_deep(struct xdp_md *ctx)
{
	u32 acc = 0;
	int r = deep2(&acc, ctx->rx_queue_index & 255);

	return acc > 500 && r ? XDP_DROP : XDP_PASS;
}

#ifndef LEGACY
/* Global functions are verified alone: pointers may be null, the context is typed by its parameter. */
__attribute__((noinline)) int global_len(struct xdp_md *ctx)
{
	return ctx->data_end - ctx->data;
}

__attribute__((noinline)) int global_sum(struct flow *f)
{
	if (!f)
		return 0;
	return f->src ^ f->dst ^ f->sport ^ f->dport;
}

__attribute__((noinline)) int global_limit(u32 slot)
{
	u32 *v = bpf_map_lookup_elem(&limits, &slot);

	return v ? *v : 0;
}

__attribute__((noinline)) int global_parse(struct xdp_md *ctx, struct flow *f)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;

	if (!f)
		return -1;
	if ((void *)(ip + 1) > end)
		return -1;
	f->src = ip->saddr;
	f->dst = ip->daddr;
	f->proto = ip->protocol;
	return 0;
}

__attribute__((noinline)) int global_mark(u32 *p)
{
	if (p)
		*p |= 0x80000000;
	return 0;
}

SEC("xdp")
int sub_global(struct xdp_md *ctx)
{
	struct flow f = {};
	u32 mark = 1;

	if (global_parse(ctx, &f))
		return XDP_PASS;
	global_mark(&mark);
	if (global_len(ctx) > global_limit(f.proto & 15))
		return XDP_DROP;
	return (global_sum(&f) ^ mark) % 101 == 0 ? XDP_DROP : XDP_PASS;
}

/* A global function that moves the packet: what the caller knew is void afterwards. */
__attribute__((noinline)) int global_grow(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, -4);
}

SEC("xdp")
int sub_global_moves(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, first;

	if ((void *)(p + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	first = *p;
	if (global_grow(ctx))
		return XDP_DROP;
	p = (void *)(long)ctx->data;
	if ((void *)(p + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*p = first;
	return XDP_TX;
}
#endif
