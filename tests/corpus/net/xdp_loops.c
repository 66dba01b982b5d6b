/* Loops at XDP of many shapes: nested, with two exits, counting down, with a step, over the stack and over values. */
#include "corpus.h"

struct row {
	u32 cell[16];
};

ARRAY(matrix, struct row, 16);
ARRAY(sorted, u32, 64);
ARRAY(words, u64, 8);

#define NO_UNROLL _Pragma("clang loop unroll(disable)")

/* Greatest common divisor of two numbers of the packet, at most 24 divisions. */
SEC("xdp")
int loop_gcd(struct xdp_md *ctx)
{
	u16 *p = (void *)(long)ctx->data;
	u32 a, b;

	if ((void *)(p + 2) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	a = p[0];
	b = p[1];
	NO_UNROLL
	for (int i = 0; i < 24 && b; i++) {
		u32 t = a % b;

		a = b;
		b = t;
	}
	return a == 1 ? XDP_DROP : XDP_PASS;
}

/* The integer root, bit by bit, counting down by a shift. */
SEC("xdp")
int loop_root(struct xdp_md *ctx)
{
	u32 n = ctx->data_end - ctx->data, root = 0;

	NO_UNROLL
	for (u32 bit = 1 << 14; bit; bit >>= 2) {
		u32 t = root + bit;

		hide(t);
		root >>= 1;
		if (n >= t) {
			n -= t;
			root += bit;
		}
	}
	return root > 38 ? XDP_DROP : XDP_PASS;
}

/* Rows from a map, the inner loop over the cells of a value. */
SEC("xdp")
int loop_matrix(struct xdp_md *ctx)
{
	u64 trace = 0, total = 0;

	NO_UNROLL
	for (u32 i = 0; i < 16; i++) {
		u32 k = i;
		struct row *r = bpf_map_lookup_elem(&matrix, &k);

		if (!r)
			return XDP_ABORTED;
		trace += r->cell[i & 15];
		NO_UNROLL
		for (u32 j = 0; j < 16; j++)
			total += r->cell[j];
	}
	return trace > total ? XDP_DROP : XDP_PASS;
}

/* A binary search: both bounds change. */
SEC("xdp")
int loop_search(struct xdp_md *ctx)
{
	u32 wanted = ctx->ingress_ifindex, lo = 0, hi = 64;

	NO_UNROLL
	for (int i = 0; i < 6; i++) {
		u32 mid = (lo + hi) >> 1, *v = bpf_map_lookup_elem(&sorted, &mid);

		if (!v)
			break;
		if (*v == wanted)
			return XDP_DROP;
		if (*v < wanted)
			lo = mid + 1;
		else
			hi = mid;
	}
	return XDP_PASS;
}

#ifndef LEGACY
/* A string of the packet against a string on the stack, without case. */
SEC("xdp")
int loop_compare(struct xdp_md *ctx)
{
	const char wanted[16] = "user-agent: bot";
	char *p = (void *)(long)ctx->data + 54;
	int i;

	if ((void *)(p + 15) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	NO_UNROLL
	for (i = 0; i < 15; i++) {
		char c = p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != wanted[i])
			return XDP_PASS;
	}
	return XDP_DROP;
}
#endif

/* The packet reversed in place, two positions moving towards each other. */
SEC("xdp")
int loop_reverse(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data;

	if ((void *)(p + 32) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	NO_UNROLL
	for (int i = 0, j = 31; i < j; i++, j--) {
		u8 t = p[i];

		p[i] = p[j];
		p[j] = t;
	}
	return XDP_TX;
}

/* A sieve on the stack: the step of the inner loop is the counter of the outer. */
SEC("xdp")
int loop_sieve(struct xdp_md *ctx)
{
	u8 composite[64] = {};
	u32 at = ctx->rx_queue_index & 63;

	NO_UNROLL
	for (u32 i = 2; i < 8; i++) {
		NO_UNROLL
		for (u32 j = i * i; j < 64; j += i)
			composite[j & 63] = 1;
	}
	return composite[at] ? XDP_PASS : XDP_DROP;
}

/* do … while with the condition at the end, a shift register inside. */
SEC("xdp")
int loop_lfsr(struct xdp_md *ctx)
{
	u32 state = ctx->rx_queue_index | 1;
	u32 n = 0;

	NO_UNROLL
	do {
		u32 bit = (state ^ state >> 2 ^ state >> 3 ^ state >> 5) & 1;

		state = (state >> 1 | bit << 15) & 0xffff;
		n++;
	} while (n < 100);
	return state & 1 ? XDP_PASS : XDP_DROP;
}

/* Decimal digits of a number written to the stack from the end. */
SEC("xdp")
int loop_digits(struct xdp_md *ctx)
{
	u32 v = ctx->data_end - ctx->data;
	char text[12] = {};
	int at = 11;

	NO_UNROLL
	for (int i = 0; i < 10; i++) {
		u32 place = at - i;

		hide(place);
		text[place] = '0' + v % 10;
		v /= 10;
	}
	return text[9] == '7' ? XDP_DROP : XDP_PASS;
}

/* Eight words of a map, shifted by one place. */
SEC("xdp")
int loop_shift_map(struct xdp_md *ctx)
{
	u64 carry = bpf_ktime_get_ns();

	NO_UNROLL
	for (u32 i = 0; i < 8; i++) {
		u32 k = 7 - i;
		u64 *w = bpf_map_lookup_elem(&words, &k), t;

		if (!w)
			return XDP_PASS;
		t = *w;
		*w = carry;
		carry = t;
	}
	return carry ? XDP_PASS : XDP_DROP;
}
