/* Atomic operations on values and globals, with what they return. */
#include "corpus.h"

struct cell {
	u64 a, b, c;
	u32 x, y;
};
ARRAY(cells, struct cell, 4);
u64 global;
u32 small;

SEC("tc")
int atomic_wide(struct __sk_buff *skb)
{
	u32 slot = skb->mark & 3;
	struct cell *v = bpf_map_lookup_elem(&cells, &slot);
	u64 n = (u64)skb->len << 33 | skb->mark, old;

	if (!v)
		return TC_ACT_SHOT;
	old = __sync_fetch_and_add(&v->a, n);
	old ^= __sync_fetch_and_or(&v->b, n);
	old += __sync_fetch_and_and(&v->b, ~(u64)skb->mark);
	old ^= __sync_fetch_and_xor(&v->c, old);
	old += __sync_lock_test_and_set(&global, n);
	old ^= __sync_val_compare_and_swap(&v->a, n, old);
	__sync_fetch_and_add(&v->c, old);
	skb->mark = old >> 32 ^ old;
	return TC_ACT_OK;
}

SEC("tc")
int atomic_narrow(struct __sk_buff *skb)
{
	u32 slot = 1, old, n = skb->len * 0x01010101;
	struct cell *v = bpf_map_lookup_elem(&cells, &slot);

	if (!v)
		return TC_ACT_SHOT;
	old = __sync_fetch_and_add(&v->x, n);
	old ^= __sync_fetch_and_or(&v->y, n);
	old -= __sync_fetch_and_xor(&small, old);
	old ^= __sync_val_compare_and_swap(&v->x, old, n);
	old += __sync_val_compare_and_swap(&v->y, v->y, n);
	__sync_fetch_and_and(&v->x, 0x00ffff00);
	skb->mark = old;
	return old & 1;
}
