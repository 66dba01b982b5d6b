// Bounds learnt in one place and used in another: copies, joins, spills,
// packets walked with variable offsets.
#include "lang.h"

struct cells {
	__u32 n;
	__u32 v[64];
};

ARRAY(cells, struct cells, 1);
HASH(by_len, __u32, struct cells, 16);

#define CELLS ({ __u32 k_ = 0; struct cells *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })
#define DATA ((void *)(long)ctx->data)
#define END ((void *)(long)ctx->data_end)

struct eth {
	__u8 d[6], s[6];
	__be16 proto;
} __attribute__((packed));

struct ip4 {
	__u8 ihl : 4, version : 4;
	__u8 tos;
	__be16 len, id, frag;
	__u8 ttl, proto;
	__be16 sum;
	__be32 s, d;
};

struct tcp {
	__be16 s, d;
	__be32 seq, ack;
	__u16 res : 4, doff : 4, flags : 8;
	__be16 window, sum, urg;
};

SEC("xdp")
int copied_first(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__u64 i = c->n, j;

	j = i;
	asm volatile("" : "+r"(j));
	if (j > 63)
		return 0;
	return c->v[j] & 1;
}

// The check is made on one register, the use is of another that was copied before.
SEC("xdp")
int copy_checked(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__u64 i = c->n, out;

	asm volatile("r1 = %[i]\n"
		     "if r1 > 63 goto 1f\n"
		     "r2 = %[i]\n"
		     "r2 <<= 2\n"
		     "r2 += %[v]\n"
		     "%[out] = *(u32 *)(r2 + 0)\n"
		     "goto 2f\n"
		     "1: %[out] = 0\n"
		     "2:"
		     : [out] "=&r"(out) : [i] "r"(i), [v] "r"(c->v) : "r1", "r2");
	return out & 1;
}

SEC("xdp")
int joined(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__u32 i;

	if (ctx->rx_queue_index & 1)
		i = c->n & 15;
	else if (ctx->rx_queue_index & 2)
		i = 40;
	else
		i = (c->n & 7) + 50;
	return c->v[i] & 1;
}

SEC("xdp")
int eth_ip_tcp(struct xdp_md *ctx)
{
	struct eth *e = DATA;
	struct ip4 *ip;
	struct tcp *t;
	void *end = END;
	__u32 hl;

	if ((void *)(e + 1) > end || e->proto != bpf_htons(0x800))
		return XDP_PASS;
	ip = (void *)(e + 1);
	if ((void *)(ip + 1) > end || ip->proto != 6)
		return XDP_PASS;
	hl = ip->ihl * 4;
	if (hl < 20)
		return XDP_DROP;
	t = (void *)ip + hl;
	if ((void *)(t + 1) > end)
		return XDP_DROP;
	return t->d == bpf_htons(22) ? XDP_DROP : XDP_PASS;
}

// TCP options: position and end both vary.
SEC("xdp")
int tcp_options(struct xdp_md *ctx)
{
	__u8 *p = DATA, *end = END, *opt;
	__u32 off, i;

	if (p + 54 > end)
		return XDP_PASS;
	off = (p[46] >> 4) * 4;
	if (off < 20)
		return XDP_DROP;
	opt = p + 54;
ROLLED
	for (i = 0; i < 10; i++) {
		__u8 kind, len;

		if (opt + 2 > end)
			break;
		kind = opt[0];
		if (kind == 0)
			break;
		if (kind == 1) {
			opt++;
			continue;
		}
		len = opt[1];
		if (kind == 2 && len == 4) {
			if (opt + 4 > end)
				break;
			return opt[2] << 8 | opt[3];
		}
		if (len < 2)
			break;
		opt += len;
	}
	return off & 1;
}

SEC("xdp")
int vlans(struct xdp_md *ctx)
{
	__u8 *p = DATA, *end = END;
	__u32 off = 12, i;
	__be16 proto;

ROLLED
	for (i = 0; i < 4; i++) {
		if (p + off + 2 > end)
			return XDP_PASS;
		proto = *(__be16 *)(p + off);
		if (proto != bpf_htons(0x8100) && proto != bpf_htons(0x88a8))
			break;
		off += 4;
	}
	return i;
}

SEC("xdp")
int checked_before_join(struct xdp_md *ctx)
{
	__u8 *p = DATA, *end = END, *at;

	if (p + 40 > end)
		return XDP_PASS;
	if (p[12] == 8)
		at = p + 14;
	else
		at = p + 18;
	return at[20] & 1;
}

SEC("xdp")
int variable_offset(struct xdp_md *ctx)
{
	__u8 *p = DATA, *end = END;
	__u32 off;

	if (p + 1 > end)
		return XDP_PASS;
	off = *p;
	p += off;
	if (p + 8 > end)
		return XDP_PASS;
	return (p[0] ^ p[7]) & 1;
}

SEC("xdp")
int two_variable_parts(struct xdp_md *ctx)
{
	__u8 *p = DATA, *end = END;

	if (p + 2 > end)
		return XDP_PASS;
	p += (p[0] & 31) + (p[1] & 31) * 4;
	hide(p);
	if (p + 4 > end)
		return XDP_PASS;
	return *(__u32 *)p & 1;
}

SEC("xdp")
int end_checked_as_greater(struct xdp_md *ctx)
{
	__u8 *p = DATA, *end = END;

	if (end < p + 10)
		return XDP_PASS;
	if (end >= p + 20)
		return p[19] & 1;
	return p[9] & 1;
}

SEC("xdp")
int meta(struct xdp_md *ctx)
{
	__u32 *m = (void *)(long)ctx->data_meta;

	if ((void *)(m + 1) > DATA)
		return XDP_PASS;
	return *m & 1;
}

SEC("xdp")
int adjusted(struct xdp_md *ctx)
{
	__u8 *p;

	if (bpf_xdp_adjust_head(ctx, 14))
		return XDP_ABORTED;
	p = DATA;
	if (p + 20 > (__u8 *)END)
		return XDP_DROP;
	p[8]--;
	return XDP_PASS;
}

SEC("xdp")
int pulled(struct xdp_md *ctx)
{
	__u8 buf[64];
	__u32 n = ctx->data_end - ctx->data;

	hide(n);
	if (n > sizeof(buf))
		n = sizeof(buf);
	hide(n);
	if (n < 14)
		return XDP_PASS;
	if (bpf_xdp_load_bytes(ctx, 0, buf, n))
		return XDP_PASS;
	return buf[13] & 1;
}

// A bound kept in memory across a call.
SEC("xdp")
int across_calls(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__u32 i = c->n, t;

	if (i >= 64)
		return 0;
	t = bpf_get_prandom_u32();
	t += bpf_get_smp_processor_id();
	c->v[i] = t;
	t ^= bpf_get_prandom_u32();
	c->v[i] ^= t;
	return 0;
}

SEC("xdp")
int variable_stack(struct xdp_md *ctx)
{
	__u8 buf[32] = {};
	__u32 i = ctx->rx_queue_index;

	if (i > 31)
		return 0;
	buf[i] = 1;
	buf[31 - i] += 2;
	return buf[ctx->ingress_ifindex & 31];
}

SEC("xdp")
int variable_stack_helper(struct xdp_md *ctx)
{
	__u8 buf[64] = {};
	__u32 i = ctx->rx_queue_index & 31, n = ctx->ingress_ifindex & 31;

	bpf_xdp_load_bytes(ctx, 0, buf + i, n + 1);
	return buf[0];
}

SEC("xdp")
int minimum(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__u32 a = c->n, b = ctx->rx_queue_index, m;

	if (b > 60)
		return 0;
	m = a < b ? a : b;
	return c->v[m] & 1;
}

SEC("xdp")
int two_values(struct xdp_md *ctx)
{
	__u32 a = 1, b = 2;
	struct cells *x = bpf_map_lookup_elem(&by_len, &a);
	struct cells *y = bpf_map_lookup_elem(&by_len, &b);

	if (!x)
		x = y;
	if (!x)
		return 0;
	return x->v[x->n & 63] & 1;
}

SEC("xdp")
int null_late(struct xdp_md *ctx)
{
	__u32 a = ctx->rx_queue_index;
	struct cells *x = bpf_map_lookup_elem(&by_len, &a), *y = x;

	hide(y);
	if (y)
		return x->v[3] & 1;
	return 0;
}

LICENSE("GPL");
