// Atomic operations of both widths, with and without the old value, on map
// values, on the stack and on global variables.
#include "lang.h"

struct cell {
	__u64 q;
	__u32 d;
	__u32 e;
};

ARRAY(cells, struct cell, 8);
__u64 global_counter;
__u32 global_small = 3;

#define CELL(i) ({ __u32 k_ = i; struct cell *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })

SEC("xdp")
int without_fetch(struct xdp_md *ctx)
{
	struct cell *c = CELL(0);

	__sync_fetch_and_add(&c->q, 1);
	__sync_fetch_and_add(&c->d, ctx->rx_queue_index);
	__sync_fetch_and_or(&c->q, 8);
	__sync_fetch_and_and(&c->d, 0xff);
	__sync_fetch_and_xor(&c->e, 5);
	return XDP_PASS;
}

SEC("xdp")
int with_fetch(struct xdp_md *ctx)
{
	struct cell *c = CELL(1);
	__u64 a = __sync_fetch_and_add(&c->q, 1);
	__u32 b = __sync_fetch_and_or(&c->d, 2);
	__u64 d = __sync_fetch_and_and(&c->q, 0xffff);
	__u32 e = __sync_fetch_and_xor(&c->e, b);

	return (a ^ b ^ d ^ e) & 1;
}

SEC("xdp")
int exchange(struct xdp_md *ctx)
{
	struct cell *c = CELL(2);
	__u64 a = __sync_lock_test_and_set(&c->q, 7);
	__u32 b = __sync_lock_test_and_set(&c->d, 8);

	return (a + b) & 1;
}

SEC("xdp")
int compare_and_exchange(struct xdp_md *ctx)
{
	struct cell *c = CELL(3);
	__u64 a = __sync_val_compare_and_swap(&c->q, 1, 2);
	__u32 b = __sync_val_compare_and_swap(&c->d, 0, ctx->rx_queue_index);

	return (a ^ b) & 1;
}

SEC("xdp")
int on_stack(struct xdp_md *ctx)
{
	volatile __u64 x = ctx->rx_queue_index;
	volatile __u32 y = 3;

	__sync_fetch_and_add(&x, 5);
	return (__sync_fetch_and_add(&y, 1) + x) & 1;
}

SEC("xdp")
int on_globals(struct xdp_md *ctx)
{
	__u64 n = __sync_fetch_and_add(&global_counter, 1);

	__sync_fetch_and_xor(&global_small, 1);
	return n & 1;
}

// A ticket taken until it fits, a loop around a compare and exchange.
SEC("xdp")
int retry(struct xdp_md *ctx)
{
	struct cell *c = CELL(4);
	int i;

ROLLED
	for (i = 0; i < 8; i++) {
		__u64 old = c->q;

		if (__sync_val_compare_and_swap(&c->q, old, old + 3) == old)
			return XDP_PASS;
	}
	return XDP_DROP;
}

// The old value becomes an index.
SEC("xdp")
int fetched_index(struct xdp_md *ctx)
{
	struct cell *c = CELL(5);
	__u8 buf[32] = {};
	__u64 i = __sync_fetch_and_add(&c->q, 1) & 31;

	buf[i] = 1;
	return buf[ctx->rx_queue_index & 31];
}

SEC("xdp")
int lock(struct xdp_md *ctx)
{
	struct cell *c = CELL(6);

	if (__sync_lock_test_and_set(&c->e, 1))
		return XDP_DROP;
	c->q += 1;
	__sync_lock_test_and_set(&c->e, 0);
	return XDP_PASS;
}

LICENSE("GPL");
