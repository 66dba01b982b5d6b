// More live values than registers: pointers and scalars go to the stack.
#include "lang.h"

struct cells {
	__u64 v[32];
};

ARRAY(cells, struct cells, 4);

#define CELL(i) ({ __u32 k_ = i; bpf_map_lookup_elem(&cells, &k_); })

SEC("xdp")
int many_scalars(struct xdp_md *ctx)
{
	struct cells *c = CELL(0);
	__u64 a, b, d, e, f, g, h, i, j, k, l, m;

	if (!c)
		return 0;
	a = c->v[0]; b = c->v[1]; d = c->v[2]; e = c->v[3]; f = c->v[4]; g = c->v[5];
	h = c->v[6]; i = c->v[7]; j = c->v[8]; k = c->v[9]; l = c->v[10]; m = c->v[11];
	hide(a); hide(b); hide(d); hide(e); hide(f); hide(g);
	hide(h); hide(i); hide(j); hide(k); hide(l); hide(m);
	c->v[12] = a + b * d - e + f * g - h + i * j - k + l * m;
	c->v[13] = m - l + k - j * i + h - g * f + e - d + b * a;
	return 0;
}

SEC("xdp")
int many_pointers(struct xdp_md *ctx)
{
	struct cells *a = CELL(0), *b = CELL(1), *c = CELL(2), *d = CELL(3);
	__u8 *p = head(ctx, 14);

	if (!a || !b || !c || !d || !p)
		return 0;
	a->v[0] += bpf_get_prandom_u32();
	b->v[1] += bpf_ktime_get_ns();
	c->v[2] += bpf_get_smp_processor_id();
	d->v[3] += a->v[0] ^ b->v[1] ^ c->v[2] ^ p[13];
	return XDP_PASS;
}

SEC("xdp")
int spilled_index(struct xdp_md *ctx)
{
	struct cells *c = CELL(0);
	volatile __u64 slot;
	__u64 i;

	if (!c)
		return 0;
	i = c->v[0];
	if (i > 31)
		return 0;
	slot = i;
	bpf_get_prandom_u32();
	return c->v[slot] & 1;
}

SEC("xdp")
int spilled_index_32(struct xdp_md *ctx)
{
	struct cells *c = CELL(0);
	volatile __u32 slot;
	__u32 i;

	if (!c)
		return 0;
	i = c->v[0];
	if (i > 31)
		return 0;
	slot = i;
	bpf_get_prandom_u32();
	return c->v[slot] & 1;
}

SEC("xdp")
int null_check_on_copy(struct xdp_md *ctx)
{
	struct cells *volatile held = CELL(0);
	struct cells *c = held;

	if (!c)
		return 0;
	c->v[1] = 1;
	return held ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int packet_pointer(struct xdp_md *ctx)
{
	__u8 *volatile held;
	__u8 *p = head(ctx, 30);

	if (!p)
		return XDP_DROP;
	held = p + 4;
	bpf_get_prandom_u32();
	return held[25] & 1;
}

SEC("xdp")
int context_pointer(struct xdp_md *ctx)
{
	struct xdp_md *volatile held = ctx;

	bpf_get_prandom_u32();
	return held->rx_queue_index & 1;
}

SEC("xdp")
int in_a_loop(struct xdp_md *ctx)
{
	struct cells *a = CELL(0), *b = CELL(1);
	__u64 x, y = 1, z = 2, s = 0, t = 3, u = 4;
	__u32 i;

	if (!a || !b)
		return 0;
ROLLED
	for (i = 0; i < 32; i++) {
		x = a->v[i] ^ bpf_get_prandom_u32();
		y = y * 31 + x;
		z ^= y >> 3;
		s += z - x;
		t = t ^ s;
		u += t * y;
		b->v[31 - i] = x + y + z + s + t + u;
	}
	return u & 1;
}

// Subregister stores, read back whole and in parts.
SEC("xdp")
int parts(struct xdp_md *ctx)
{
	union {
		__u64 q;
		__u32 d[2];
		__u16 w[4];
		__u8 b[8];
	} volatile x;

	x.d[0] = ctx->rx_queue_index;
	x.d[1] = ctx->ingress_ifindex;
	if (x.q == 5)
		return 1;
	x.w[1] = 7;
	x.b[7] = x.b[0];
	return (x.d[1] ^ x.w[2] ^ x.q) & 1;
}

SEC("xdp")
int struct_of_pointers(struct xdp_md *ctx)
{
	struct {
		struct xdp_md *ctx;
		struct cells *c;
		void *data, *end;
		__u32 n;
	} volatile s;
	__u8 *p;

	s.ctx = ctx;
	s.c = CELL(2);
	s.data = (void *)(long)ctx->data;
	s.end = (void *)(long)ctx->data_end;
	s.n = 3;
	p = s.data;
	if (p + 3 > (__u8 *)s.end || !s.c)
		return 0;
	return p[s.n - 1] ^ (s.ctx->rx_queue_index & 1);
}

// A constant spilled, then used as a size.
SEC("xdp")
int constant(struct xdp_md *ctx)
{
	volatile __u64 n = 16;
	__u8 buf[16] = {};

	bpf_get_prandom_u32();
	bpf_xdp_load_bytes(ctx, 0, buf, n);
	return buf[3] & 1;
}

LICENSE("GPL");
