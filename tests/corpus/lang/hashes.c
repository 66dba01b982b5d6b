// Hash functions, checksums and bit tricks over packets, stacks and maps.
#include "lang.h"

struct block {
	__u32 w[16];
};

ARRAY(blocks, struct block, 2);
ARRAY(table, __u32, 256);

INLINE __u32 rol(__u32 x, __u32 n)
{
	return x << n | x >> (32 - n);
}

INLINE __u64 rol64(__u64 x, __u32 n)
{
	return x << n | x >> (64 - n);
}

SEC("xdp")
int fnv(struct xdp_md *ctx)
{
	__u8 *p = head(ctx, 34);
	__u32 h = 2166136261u, i;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 34; i++)
		h = (h ^ p[i]) * 16777619u;
	return h & 1;
}

SEC("xdp")
int jenkins(struct xdp_md *ctx)
{
	__u32 *k = head(ctx, 48), a = 0xdeadbeef, b = a, c = a, i;

	if (!k)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 12; i += 3) {
		a += k[i];
		b += k[i + 1];
		c += k[i + 2];
		a -= c; a ^= rol(c, 4); c += b;
		b -= a; b ^= rol(a, 6); a += c;
		c -= b; c ^= rol(b, 8); b += a;
		a -= c; a ^= rol(c, 16); c += b;
		b -= a; b ^= rol(a, 19); a += c;
		c -= b; c ^= rol(b, 4); b += a;
	}
	return c & 1;
}

SEC("xdp")
int murmur(struct xdp_md *ctx)
{
	__u32 *k = head(ctx, 32), h = 42, i;

	if (!k)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 8; i++) {
		h ^= rol(k[i] * 0xcc9e2d51, 15) * 0x1b873593;
		h = rol(h, 13) * 5 + 0xe6546b64;
	}
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	return h & 1;
}

SEC("xdp")
int siphash(struct xdp_md *ctx)
{
	__u64 *m = head(ctx, 64);
	__u64 v0 = 0x736f6d6570736575ull, v1 = 0x646f72616e646f6dull;
	__u64 v2 = 0x6c7967656e657261ull, v3 = 0x7465646279746573ull;
	__u32 i, r;

	if (!m)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 8; i++) {
		v3 ^= m[i];
ROLLED
		for (r = 0; r < 2; r++) {
			v0 += v1; v1 = rol64(v1, 13); v1 ^= v0; v0 = rol64(v0, 32);
			v2 += v3; v3 = rol64(v3, 16); v3 ^= v2;
			v0 += v3; v3 = rol64(v3, 21); v3 ^= v0;
			v2 += v1; v1 = rol64(v1, 17); v1 ^= v2; v2 = rol64(v2, 32);
		}
		v0 ^= m[i];
	}
	return (v0 ^ v1 ^ v2 ^ v3) & 1;
}

SEC("xdp")
int crc32_bits(struct xdp_md *ctx)
{
	__u8 *p = head(ctx, 20);
	__u32 crc = ~0u, i, j;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 20; i++) {
		crc ^= p[i];
ROLLED
		for (j = 0; j < 8; j++)
			crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
	}
	return crc & 1;
}

SEC("xdp")
int crc32_table(struct xdp_md *ctx)
{
	__u8 *p = head(ctx, 32);
	__u32 crc = ~0u, i, *t, k;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 32; i++) {
		k = (crc ^ p[i]) & 255;
		t = bpf_map_lookup_elem(&table, &k);
		if (!t)
			return XDP_ABORTED;
		crc = crc >> 8 ^ *t;
	}
	return crc & 1;
}

// Sixteen words expanded to sixty-four and mixed, as in SHA-2.
SEC("xdp")
int rounds(struct xdp_md *ctx)
{
	__u32 zero = 0, w[64], a = 1, b = 2, c = 3, d = 4, e = 5, i;
	struct block *in = bpf_map_lookup_elem(&blocks, &zero);

	if (!in)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 16; i++)
		w[i] = in->w[i];
ROLLED
	for (i = 16; i < 64; i++)
		w[i] = w[i - 16] + (rol(w[i - 15], 25) ^ rol(w[i - 15], 14)) + w[i - 7] + (w[i - 2] >> 10);
ROLLED
	for (i = 0; i < 64; i++) {
		__u32 t = rol(a, 5) + ((b & c) | (~b & d)) + e + w[i];

		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	in->w[0] = a ^ b ^ c ^ d ^ e;
	return XDP_PASS;
}

SEC("xdp")
int internet(struct xdp_md *ctx)
{
	__u16 *p = head(ctx, 20);
	__u32 sum = 0, i;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 10; i++)
		sum += p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int adler(struct xdp_md *ctx)
{
	__u8 *p = head(ctx, 60);
	__u32 a = 1, b = 0, i;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 60; i++) {
		a = (a + p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return (b << 16 | a) & 1;
}

SEC("xdp")
int popcount(struct xdp_md *ctx)
{
	__u64 x = (__u64)ctx->rx_queue_index << 32 | ctx->ingress_ifindex;
	__u32 n = 0, i;

ROLLED
	for (i = 0; i < 64; i++) {
		n += x & 1;
		x >>= 1;
		hide(x);
	}
	return n > 8;
}

SEC("xdp")
int popcount_kernighan(struct xdp_md *ctx)
{
	__u32 x = ctx->rx_queue_index, n = 0;

ROLLED
	for (n = 0; n < 32 && x; n++)
		x &= x - 1;
	return n & 1;
}

SEC("xdp")
int gcd(struct xdp_md *ctx)
{
	__u32 a = ctx->rx_queue_index, b = ctx->ingress_ifindex, n = 0;

ROLLED
	for (n = 0; n < 46 && b; n++) {
		__u32 t = a % b;

		a = b;
		b = t;
	}
	return a == 1;
}

SEC("xdp")
int fibonacci(struct xdp_md *ctx)
{
	__u32 n = ctx->rx_queue_index & 31, i;
	__u64 a = 0, b = 1;

ROLLED
	for (i = 0; i < n; i++) {
		__u64 t = a + b;

		a = b;
		b = t;
	}
	return a & 1;
}

SEC("xdp")
int luhn(struct xdp_md *ctx)
{
	char *p = head(ctx, 16);
	__u32 sum = 0, i;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 16; i++) {
		__u32 d = p[i] - '0';

		if (d > 9)
			return XDP_DROP;
		if (!(i & 1)) {
			d *= 2;
			d = d / 10 + d % 10;
		}
		sum += d;
	}
	return sum % 10 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int square_root(struct xdp_md *ctx)
{
	__u32 x = ctx->rx_queue_index & 0xffff, r = 0, bit;

ROLLED
	for (bit = 1u << 14; bit; bit >>= 2) {
		if (x >= r + bit) {
			x -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
		hide(r);
		hide(x);
	}
	return r & 1;
}

SEC("xdp")
int xorshift(struct xdp_md *ctx)
{
	__u64 x = bpf_get_prandom_u32() | 1;
	__u32 zero = 0, i, *t;

ROLLED
	for (i = 0; i < 16; i++) {
		__u32 k;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		k = x % 256;
		t = bpf_map_lookup_elem(&table, &k);
		if (t)
			*t += 1;
	}
	return zero + XDP_PASS;
}

LICENSE("GPL");
