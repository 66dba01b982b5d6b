// What only the fourth instruction set has: signed division and loads, byte
// swaps, long jumps.
#include "lang.h"

struct cells {
	__s64 q;
	int d;
	short w;
	signed char b;
	__u8 pad;
	__u32 v[64];
};

ARRAY(cells, struct cells, 1);

#define CELLS ({ __u32 k_ = 0; struct cells *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })

SEC("xdp")
int signed_loads(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__s64 sum = (__s64)c->d + c->w + c->b;

	return sum < 0;
}

SEC("xdp")
int signed_moves(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__s64 a = (signed char)c->q, b = (short)(c->q >> 8), d = (int)(c->q >> 24);

	c->q = a * b + d;
	return 0;
}

SEC("xdp")
int signed_move_32(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	int a = (signed char)c->v[0], b = (short)c->v[1];

	if (a < 0 || a > 63)
		return 0;
	c->v[a & 63] = b;
	return 0;
}

SEC("xdp")
int signed_division(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__s64 n = c->q;
	int m = c->d;

	c->q = n / 10 + n % 7;
	c->d = m / -3 + m % 11;
	if (c->w)
		c->q += n / c->w;
	return 0;
}

SEC("xdp")
int signed_modulo_index(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	int i = c->d % 32;

	hide(i);
	if (i < 0)
		i += 32;
	hide(i);
	c->v[i & 63]++;
	return 0;
}

SEC("xdp")
int swaps(struct xdp_md *ctx)
{
	struct cells *c = CELLS;

	c->q = __builtin_bswap64(c->q);
	c->d = __builtin_bswap32(c->d);
	c->w = __builtin_bswap16(c->w);
	return 0;
}

SEC("xdp")
int swapped_index(struct xdp_md *ctx)
{
	struct cells *c = CELLS;
	__u16 i = __builtin_bswap16(c->w);

	if (i < 64)
		c->v[i]++;
	return 0;
}

SEC("xdp")
int long_jump(struct xdp_md *ctx)
{
	__u64 x = ctx->rx_queue_index;

	asm volatile goto("if %0 == 7 goto +1\n"
			  "gotol %l[far]"
			  : : "r"(x) : : far);
	return XDP_DROP;
far:
	return XDP_PASS;
}

SEC("xdp")
int long_jump_back(struct xdp_md *ctx)
{
	int n;

	asm volatile("%0 = 0\n"
		     "1: %0 += 1\n"
		     "if %0 s> 9 goto 2f\n"
		     "gotol 1b\n"
		     "2:"
		     : "=r"(n));
	return n & 1;
}

// Narrow signed values from a packet.
SEC("xdp")
int signed_packet(struct xdp_md *ctx)
{
	signed char *p = head(ctx, 16);
	int i, sum = 0;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 16; i++)
		sum += p[i];
	return sum < 0 ? XDP_DROP : XDP_PASS;
}

LICENSE("GPL");
