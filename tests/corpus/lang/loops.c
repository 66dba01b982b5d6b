// Loops of every shape.
#include "lang.h"

struct cells {
	__u32 v[64];
	__u32 n;
};

ARRAY(cells, struct cells, 1);
ARRAY(bytes, char[256], 1);

INLINE struct cells *get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cells, &zero);
}

SEC("xdp")
int up(struct xdp_md *ctx)
{
	__u32 i, sum = 0;

ROLLED
	for (i = 0; i < 100; i++) {
		sum += i;
		hide(sum);
	}
	return sum & 3;
}

SEC("xdp")
int down(struct xdp_md *ctx)
{
	struct cells *c = get();
	int i;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 63; i >= 0; i--)
		c->v[i] = i;
	return XDP_PASS;
}

SEC("xdp")
int down_by_three(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i, sum = 0;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 63; i > 2; i -= 3)
		sum += c->v[i];
	return sum & 1;
}

SEC("xdp")
int pointer(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 sum = 0, n = 0;

	while (n < 64) {
		if (p + 1 > end)
			break;
		sum += *p++;
		hide(p);
		n++;
	}
	return sum & 1;
}

SEC("xdp")
int pointer_in_array(struct xdp_md *ctx)
{
	__u8 a[32] = {}, *p = a;
	__u32 sum = 0, left = sizeof(a);

	a[ctx->rx_queue_index & 31] = 1;
ROLLED
	for (; left; left--)
		sum = sum * 31 + *p++;
	return sum & 1;
}

SEC("xdp")
int bound_from_map(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i, n, sum = 0;

	if (!c)
		return XDP_DROP;
	n = c->n;
	if (n > 64)
		return XDP_DROP;
ROLLED
	for (i = 0; i < n; i++)
		sum ^= c->v[i];
	return sum & 1;
}

SEC("xdp")
int bound_from_packet(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u8 *p = head(ctx, 1);
	__u32 i, n, sum = 0;

	if (!p || !c)
		return XDP_DROP;
	n = *p & 63;
ROLLED
	for (i = 0; i < n; i++)
		sum += c->v[i];
	return sum & 1;
}

SEC("xdp")
int index_masked(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i, x = ctx->rx_queue_index;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 0; i < 40; i++) {
		c->v[x & 63] += i;
		x = x * 1103515245 + 12345;
	}
	return XDP_PASS;
}

SEC("xdp")
int break_and_continue(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 0; i < 64; i++) {
		if (c->v[i] == 7)
			continue;
		if (c->v[i] > 1000)
			break;
		c->v[i]++;
	}
	return i == 64 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int do_while(struct xdp_md *ctx)
{
	__u32 x = ctx->ingress_ifindex, n = 0;

	do {
		x = x & 1 ? 3 * x + 1 : x >> 1;
		hide(x);
	} while (++n < 50 && x != 1);
	return n & 3;
}

SEC("xdp")
int unrolled_by_four(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i, sum = 0;

	if (!c)
		return XDP_DROP;
#pragma clang loop unroll_count(4)
	for (i = 0; i < 64; i++)
		sum += c->v[i] ^ i;
	return sum & 1;
}

SEC("xdp")
int nested_two(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i, j;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 0; i < 8; i++)
ROLLED
		for (j = 0; j < 8; j++)
			c->v[i * 8 + j] = i ^ j;
	return XDP_PASS;
}

SEC("xdp")
int nested_three(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i, j, k;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 0; i < 4; i++)
ROLLED
		for (j = i; j < 4; j++)
ROLLED
			for (k = 0; k <= j; k++)
				c->v[i * 16 + j * 4 + k] += 1;
	return XDP_PASS;
}

SEC("xdp")
int nested_four(struct xdp_md *ctx)
{
	__u32 a, b, c, d, n = 0;

ROLLED
	for (a = 0; a < 6; a++)
ROLLED
		for (b = 0; b < 6; b++)
ROLLED
			for (c = 0; c < 6; c++)
ROLLED
				for (d = 0; d < 6; d++) {
					n += a + b * c - d;
					hide(n);
				}
	return n & 1;
}

SEC("xdp")
int two_after_each_other(struct xdp_md *ctx)
{
	__u32 a[16], i, sum = 0;

ROLLED
	for (i = 0; i < 16; i++)
		a[i] = ctx->rx_queue_index + i;
ROLLED
	for (i = 16; i > 0; i--)
		sum ^= a[i - 1];
	return sum & 1;
}

SEC("xdp")
int doubling(struct xdp_md *ctx)
{
	__u64 i;
	__u32 n = 0;

ROLLED
	for (i = 1; i < 1ull << 40; i <<= 1) {
		n++;
		hide(n);
	}
	return n == 40 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int two_counters(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 lo = 0, hi = 63;

	if (!c)
		return XDP_DROP;
	while (lo < hi) {
		__u32 t = c->v[lo & 63];

		c->v[lo & 63] = c->v[hi & 63];
		c->v[hi & 63] = t;
		lo++;
		hi--;
	}
	return XDP_PASS;
}

SEC("xdp")
int over_string(struct xdp_md *ctx)
{
	__u32 zero = 0, i, words = 0;
	char *s = bpf_map_lookup_elem(&bytes, &zero);
	bool in = false;

	if (!s)
		return XDP_DROP;
ROLLED
	for (i = 0; i < 256 && s[i]; i++) {
		bool letter = s[i] != ' ';

		words += letter & !in;
		in = letter;
	}
	s[255] = words;
	return XDP_PASS;
}

SEC("xdp")
int signed_counter(struct xdp_md *ctx)
{
	struct cells *c = get();
	int i;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = -32; i < 32; i++)
		c->v[i + 32] = i;
	return XDP_PASS;
}

SEC("xdp")
int early_return(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i;

	if (!c)
		return XDP_DROP;
ROLLED
	for (i = 0; i < 64; i++)
		if (c->v[i] == ctx->rx_queue_index)
			return XDP_PASS;
	return XDP_DROP;
}

SEC("xdp")
int thousand(struct xdp_md *ctx)
{
	__u64 i, h = 0;

ROLLED
	for (i = 0; i < 1000; i++) {
		h = h * 31 + i;
		hide(h);
	}
	return h & 1;
}

// A loop entered in its middle.
SEC("xdp")
int entered_twice(struct xdp_md *ctx)
{
	struct cells *c = get();
	__u32 i = 0;

	if (!c)
		return XDP_DROP;
	if (ctx->rx_queue_index & 1)
		goto middle;
again:
	c->v[i & 63] += 2;
middle:
	c->v[(i + 1) & 63] ^= 1;
	i++;
	if (i < 30)
		goto again;
	return XDP_PASS;
}

LICENSE("GPL");
