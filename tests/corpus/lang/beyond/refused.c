// Safe programs that Linux refuses: a bound is learnt on one register by a
// combined compare and needed on another, or through a relation that Linux does
// not keep. README.md has its messages.
#include "../lang.h"

struct cells {
	__u32 v[64];
	__u8 b[256];
};

ARRAY(cells, struct cells, 1);
ARRAY(input, __s64, 16);

#define INPUT(i) ({ __u32 k_ = i; __s64 *v_ = bpf_map_lookup_elem(&input, &k_); if (!v_) return 0; *v_; })
#define CELLS ({ __u32 k_ = 0; struct cells *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })

SEC("tc")
int absolute(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	int i = (int)INPUT(4) >> 26;

	if (i < 0)
		i = -i;
	if (i < 64)
		c->v[i & 63]++;
	return 0;
}

SEC("tc")
int negated(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i = INPUT(2);

	if (i > 0 || i < -63)
		return 0;
	c->v[-i]++;
	return 0;
}

SEC("tc")
int offset_range(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i = INPUT(0);

	if (i < -20 || i > 20)
		return 0;
	c->v[i + 30] = 1;
	return 0;
}

SEC("tc")
int s16_index(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	short i = INPUT(1);

	if (i < 0 || i >= 64)
		return 0;
	c->v[i]++;
	return 0;
}

SEC("xdp")
int pulled(struct xdp_md *ctx)
{
	__u8 buf[64];
	__u32 n = ctx->data_end - ctx->data;

	if (n > sizeof(buf))
		n = sizeof(buf);
	if (n < 14)
		return XDP_PASS;
	if (bpf_xdp_load_bytes(ctx, 0, buf, n))
		return XDP_PASS;
	return buf[13] & 1;
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

	text[ctx->rx_queue_index % 24] = 0;
	return at + scan(text, 12, 0);
}

LICENSE("GPL");
