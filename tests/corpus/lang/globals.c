// Global functions: each is verified alone, by the types of its arguments.
#include "lang.h"

struct request {
	__u32 kind;
	__u32 len;
	__u64 when;
	char name[16];
};

ARRAY(requests, struct request, 4);

__noinline int score(__u32 kind, __u64 len)
{
	if (kind > 10)
		return -1;
	return kind * 7 + (len & 0xff);
}

__noinline int describe(struct request *r)
{
	int i, n = 0;

	if (!r)
		return 0;
ROLLED
	for (i = 0; i < 16; i++)
		n += r->name[i] != 0;
	r->len = n;
	return n;
}

__noinline int same(const struct request *a, const struct request *b)
{
	if (!a || !b)
		return 0;
	return a->kind == b->kind && a->len == b->len;
}

__noinline int first_byte(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->data;

	if (p + 1 > (__u8 *)(long)skb->data_end)
		return -1;
	return *p;
}

__noinline int deeper(struct request *r, int depth)
{
	if (!r || depth > 3)
		return 0;
	return describe(r) + score(r->kind, depth);
}

__noinline __u64 wide(__u64 x)
{
	return x << 3 ^ x >> 61;
}

__noinline int set(__u32 *out, __u32 v)
{
	if (!out)
		return -22;
	*out = v;
	return 0;
}

SEC("tc")
int scalars(struct __sk_buff *skb)
{
	return score(skb->protocol, skb->len) > 0;
}

SEC("tc")
int on_stack(struct __sk_buff *skb)
{
	struct request r = { .kind = 2, .name = "stack" };

	return describe(&r) == 5;
}

SEC("tc")
int in_map(struct __sk_buff *skb)
{
	__u32 i = 1;
	struct request *r = bpf_map_lookup_elem(&requests, &i);

	if (!r)
		return 0;
	return deeper(r, 2);
}

SEC("tc")
int two(struct __sk_buff *skb)
{
	__u32 i = 0, j = 1;
	struct request *a = bpf_map_lookup_elem(&requests, &i);
	struct request *b = bpf_map_lookup_elem(&requests, &j);

	if (!a || !b)
		return 0;
	return same(a, b);
}

SEC("tc")
int context(struct __sk_buff *skb)
{
	int b = first_byte(skb);

	return b < 0 ? 2 : b & 1;
}

SEC("tc")
int scalar64(struct __sk_buff *skb)
{
	return wide(bpf_ktime_get_ns()) & 1;
}

SEC("tc")
int out_parameter(struct __sk_buff *skb)
{
	__u32 v = 0;

	if (set(&v, skb->len))
		return 2;
	skb->mark = v;
	return 0;
}

SEC("tc")
int in_a_loop(struct __sk_buff *skb)
{
	int i, s = 0;

ROLLED
	for (i = 0; i < 100; i++)
		s += score(i, s);
	return s & 1;
}

LICENSE("GPL");
