// Static subprograms: depth, arguments of every kind, the caller's stack.
#include "lang.h"

struct cells {
	__u64 v[32];
};

struct point {
	int x, y;
};

ARRAY(cells, struct cells, 1);

#define CELL ({ __u32 k_ = 0; bpf_map_lookup_elem(&cells, &k_); })

OUTLINE int f8(int x) { volatile int y = x; return y + 8; }
OUTLINE int f7(int x) { volatile int y = x; return f8(y) + 7; }
OUTLINE int f6(int x) { volatile int y = x; return f7(y) + 6; }
OUTLINE int f5(int x) { volatile int y = x; return f6(y) + 5; }
OUTLINE int f4(int x) { volatile int y = x; return f5(y) + 4; }
OUTLINE int f3(int x) { volatile int y = x; return f4(y) + 3; }
OUTLINE int f2(int x) { volatile int y = x; return f3(y) + 2; }

SEC("xdp")
int eight_frames(struct xdp_md *ctx)
{
	return f2(ctx->rx_queue_index) & 1;
}

OUTLINE void fill(struct point *p, int x)
{
	p->x = x;
	p->y = -x;
}

OUTLINE int dot(const struct point *a, const struct point *b)
{
	return a->x * b->x + a->y * b->y;
}

SEC("xdp")
int callers_stack(struct xdp_md *ctx)
{
	struct point a, b;

	fill(&a, ctx->rx_queue_index);
	fill(&b, 3);
	return dot(&a, &b) & 1;
}

OUTLINE int sum_range(struct cells *c, __u64 from, __u64 to)
{
	__u64 i, sum = 0;

ROLLED
	for (i = from; i < to && i < 32; i++)
		sum += c->v[i];
	return sum;
}

SEC("xdp")
int map_value(struct xdp_md *ctx)
{
	struct cells *c = CELL;

	if (!c)
		return 0;
	return (sum_range(c, 0, 10) ^ sum_range(c, 20, 32)) & 1;
}

OUTLINE int byte_at(void *data, void *end, __u32 i)
{
	__u8 *p = data + (i & 63);

	if ((void *)(p + 1) > end)
		return -1;
	return *p;
}

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return byte_at(data, end, 12) == 8 && byte_at(data, end, 13) == 0;
}

OUTLINE int port(struct xdp_md *ctx, int off)
{
	__be16 *p = head(ctx, 64);

	if (!p || off < 0 || off > 31)
		return 0;
	return bpf_ntohs(p[off]);
}

SEC("xdp")
int context(struct xdp_md *ctx)
{
	return port(ctx, 17) == 53 || port(ctx, 18) == 53;
}

OUTLINE struct cells *find(__u32 key)
{
	return bpf_map_lookup_elem(&cells, &key);
}

SEC("xdp")
int returns_or_null(struct xdp_md *ctx)
{
	struct cells *c = find(0);

	if (!c)
		return 0;
	c->v[0]++;
	return 1;
}

OUTLINE __u32 mix(__u32 a, __u32 b, __u32 c)
{
	a ^= b << 5 | b >> 27;
	return a * 0x9e3779b1 + c;
}

SEC("xdp")
int called_in_a_loop(struct xdp_md *ctx)
{
	__u32 h = 1, i;

ROLLED
	for (i = 0; i < 50; i++)
		h = mix(h, i, ctx->rx_queue_index);
	return h & 1;
}

OUTLINE int loop_inside(__u32 n)
{
	__u32 i, s = 0;

ROLLED
	for (i = 0; i < (n & 15); i++) {
		s += i * i;
		hide(s);
	}
	return s;
}

SEC("xdp")
int loop_in_loop(struct xdp_md *ctx)
{
	__u32 i, s = 0;

ROLLED
	for (i = 0; i < 10; i++)
		s += loop_inside(ctx->rx_queue_index + i);
	return s & 1;
}

OUTLINE int clamp(int x, int lo, int hi)
{
	if (x < lo)
		return lo;
	if (x > hi)
		return hi;
	return x;
}

SEC("xdp")
int bound_by_callee(struct xdp_md *ctx)
{
	struct cells *c = CELL;

	if (!c)
		return 0;
	return c->v[clamp(ctx->rx_queue_index, 0, 31)] & 1;
}

OUTLINE int bump(__u64 *counter, __u64 by)
{
	if (!counter)
		return -1;
	*counter += by;
	return 0;
}

SEC("xdp")
int pointer_or_null_passed(struct xdp_md *ctx)
{
	struct cells *c = CELL;
	__u64 local = 0;

	bump(&local, 4);
	bump(c ? &c->v[local & 31] : &local, 1);
	return local & 1;
}

OUTLINE int scan(const __u8 *s, int n, __u8 c)
{
	int i;

ROLLED
	for (i = 0; i < n; i++)
		if (s[i] == c)
			return i;
	return -1;
}

SEC("xdp")
int array_passed(struct xdp_md *ctx)
{
	__u8 text[24] = "find the letter here";
	int at = scan(text, sizeof(text), 'l');

	if (at >= 0 && at < 24)
		text[at] = 0;
	return at + scan(text, 12, 0);
}

struct cursor {
	void *at, *end;
};

OUTLINE int take(struct cursor *c, __u32 *v)
{
	__u32 *p = c->at;

	if ((void *)(p + 1) > c->end)
		return -1;
	*v = *p;
	c->at = p + 1;
	return 0;
}

SEC("xdp")
int cursor(struct xdp_md *ctx)
{
	struct cursor c = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
	__u32 v = 0, sum = 0, i;

ROLLED
	for (i = 0; i < 5; i++) {
		if (take(&c, &v))
			break;
		sum += v;
	}
	return sum & 1;
}

OUTLINE int update(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 4);
}

SEC("xdp")
int data_moved_in_callee(struct xdp_md *ctx)
{
	__u8 *p;

	if (update(ctx))
		return XDP_DROP;
	p = head(ctx, 4);
	return p ? p[3] & 1 : XDP_PASS;
}

LICENSE("GPL");
