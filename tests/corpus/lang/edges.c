// 32-bit and sign edges: indices checked in one width and used in the other.
#include "lang.h"

struct cells {
	__u32 v[64];
	__u8 b[256];
};

ARRAY(cells, struct cells, 1);
ARRAY(input, __s64, 16);

#define INPUT(i) ({ __u32 k_ = i; __s64 *v_ = bpf_map_lookup_elem(&input, &k_); if (!v_) return 0; *v_; })
#define CELLS ({ __u32 k_ = 0; struct cells *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })

SEC("tc")
int u32_as_u64(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(0);

	if (i >= 64)
		return 0;
	c->v[(__u64)i] = 1;
	return 0;
}

SEC("tc")
int u64_as_u32(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u64 i = INPUT(0);

	if (i >= 64)
		return 0;
	c->v[(__u32)i] = 1;
	return 0;
}

SEC("tc")
int both_sides_signed(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	int i = INPUT(0);

	if (i < 0 || i > 63)
		return 0;
	c->v[i] = 1;
	return 0;
}

SEC("tc")
int both_sides_signed64(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i = INPUT(0);

	if (i < 0 || i >= 64)
		return 0;
	c->v[i] = 1;
	return 0;
}

SEC("tc")
int upper_then_lower(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i = INPUT(0);

	if (i > 63)
		return 0;
	skb->mark = i;
	if (i < 0)
		i = 0;
	c->v[i] = 1;
	return 0;
}

SEC("tc")
int offset_range(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i = INPUT(0);

	if (i < -20)
		return 0;
	hide(i);
	if (i > 20)
		return 0;
	i += 30;
	hide(i);
	c->b[i] = 1;
	return 0;
}

SEC("tc")
int len_minus_one(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 len = skb->len;

	len -= 1;
	len &= 0xff;
	len += 1;
	if (bpf_skb_load_bytes(skb, 0, c->b, len))
		return 0;
	return c->b[0];
}

SEC("tc")
int len_tested(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 len = skb->len;

	if (len == 0 || len > sizeof(c->b))
		return 0;
	bpf_skb_load_bytes(skb, 0, c->b, len);
	return 0;
}

SEC("tc")
int len_clamped(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 len = skb->len;

	if (len > 256)
		len = 256;
	if (len < 1)
		len = 1;
	bpf_skb_load_bytes(skb, 0, c->b, len);
	return 0;
}

SEC("tc")
int s16_index(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	short i = INPUT(1);

	if (i < 0)
		return 0;
	hide(i);
	if (i >= 64)
		return 0;
	c->v[i]++;
	return 0;
}

SEC("tc")
int s8_index(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	signed char i = INPUT(1);

	c->b[i + 128]++;
	return 0;
}

SEC("tc")
int u8_index(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u8 i = INPUT(1);

	c->b[i]++;
	return 0;
}

SEC("tc")
int shifted_down(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(2);

	c->v[i >> 26]++;
	c->b[(__u64)INPUT(3) >> 56]++;
	return 0;
}

SEC("tc")
int shifted_signed(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	int i = INPUT(2);

	c->v[(i >> 27) + 16]++;
	return 0;
}

SEC("tc")
int modulo(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u64 i = INPUT(2);

	i %= 60;
	hide(i);
	c->v[(__u32)INPUT(3) & 63] = i;
	return 0;
}

SEC("tc")
int truncated(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u64 i = INPUT(2);

	i = (__u32)i;
	if (i < 64)
		c->v[i]++;
	i = (__u16)INPUT(3);
	if (i < 64)
		c->v[i]++;
	return 0;
}

SEC("tc")
int equality(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u64 i = INPUT(2);

	if (i == 63)
		c->v[i]++;
	if (i != 0 && (i & ~7ull) == 0)
		c->v[i - 1]++;
	return 0;
}

SEC("tc")
int bit_tested(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u64 i = INPUT(2);

	if (i & ~63ull)
		return 0;
	c->v[i]++;
	return 0;
}

SEC("tc")
int scaled(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(2), j = INPUT(3);

	if (i < 8 && j < 8)
		c->v[i * 8 + j]++;
	return 0;
}

SEC("tc")
int difference(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(2);

	if (i > 63)
		return 0;
	c->v[63 - i]++;
	return 0;
}

SEC("tc")
int negated(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i = INPUT(2);

	if (i > 0)
		return 0;
	hide(i);
	if (i < -63)
		return 0;
	c->b[-i]++;
	return 0;
}

SEC("tc")
int chosen(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(2);

	i = i < 10 ? i : i & 31;
	c->v[i]++;
	return 0;
}

SEC("tc")
int or_and_xor(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(2), j = INPUT(3);

	i = (i & 0x30) | (j & 0xf);
	c->v[i]++;
	i ^= j & 0x3f;
	c->v[i]++;
	return 0;
}

SEC("tc")
int negative_errno(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	long n = bpf_skb_load_bytes(skb, 0, c->b, 20);

	if (n < 0)
		return n == -14 ? 2 : 1;
	return 0;
}

SEC("tc")
int pointer_difference(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	long n = (long)skb->data_end - (long)skb->data;

	if (n < 0 || n > 63)
		return 0;
	c->v[n] = 1;
	return 0;
}

SEC("tc")
int signed_loop(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	int i, n = INPUT(4);

	if (n > 64)
		n = 64;
ROLLED
	for (i = 0; i < n; i++)
		c->v[i] = n;
	return 0;
}

SEC("tc")
int wrapping(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = INPUT(4);

	i -= 100;
	if (i < 64)
		c->v[i]++;
	return 0;
}

SEC("tc")
int absolute(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	int i = (int)INPUT(4) >> 26;

	if (i < 0)
		i = -i;
	hide(i);
	c->v[i & 63]++;
	return 0;
}

LICENSE("GPL");
