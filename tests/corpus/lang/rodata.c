// Constants that the loader sets: what depends on them may be dead code.
#include "lang.h"

const volatile bool verbose = false;
const volatile __u32 limit = 16;
const volatile __u32 ports[8] = { 22, 80, 443 };
const volatile int mode = 2;
const volatile __u64 mask = 0xff;
const volatile struct {
	__u32 a, b;
	__u8 key[16];
} config = { 1, 2, "constant" };

ARRAY(cells, __u32[64], 1);

#define CELLS ({ __u32 k_ = 0; __u32 *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })

// Unsafe, were it not dead: the pointer is null.
SEC("xdp")
int dead_arm(struct xdp_md *ctx)
{
	if (verbose) {
		__u32 *p = 0;

		hide(p);
		return *p;
	}
	return XDP_PASS;
}

SEC("xdp")
int loop_to_limit(struct xdp_md *ctx)
{
	__u32 *v = CELLS, i;

ROLLED
	for (i = 0; i < limit; i++)
		v[i]++;
	return XDP_PASS;
}

SEC("xdp")
int in_list(struct xdp_md *ctx)
{
	__u32 i;

ROLLED
	for (i = 0; i < 8 && ports[i]; i++)
		if (ports[i] == ctx->rx_queue_index)
			return XDP_DROP;
	return XDP_PASS;
}

SEC("xdp")
int modes(struct xdp_md *ctx)
{
	__u32 *v = CELLS, i = ctx->rx_queue_index;

	switch (mode) {
	case 0:
		return v[i];
	case 1:
		return v[i * 2];
	case 2:
		return v[i & 63] & 1;
	default:
		return -1;
	}
}

SEC("xdp")
int masked(struct xdp_md *ctx)
{
	__u32 *v = CELLS;
	__u64 i = ctx->rx_queue_index & mask;

	return i < 64 ? v[i] & 1 : 0;
}

SEC("xdp")
int table(struct xdp_md *ctx)
{
	static const __u8 reversed[16] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 };
	__u32 x = ctx->rx_queue_index;

	return reversed[x & 15] << 4 | reversed[x >> 4 & 15];
}

SEC("xdp")
int table_gives_index(struct xdp_md *ctx)
{
	static const __u8 next[8] = { 3, 1, 7, 0, 6, 2, 5, 4 };
	__u32 at = ctx->rx_queue_index & 7, i;

ROLLED
	for (i = 0; i < 20; i++)
		at = next[at & 7];
	return at & 1;
}

SEC("xdp")
int key_as_bytes(struct xdp_md *ctx)
{
	__u8 *p = head(ctx, 16);
	__u32 i;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 16; i++)
		if (p[i] != config.key[i])
			return XDP_PASS;
	return config.a == 1 ? XDP_DROP : XDP_ABORTED;
}

LICENSE("GPL");
