/* Maps of every kind, maps inside maps, queues, stacks, bloom filters, per-CPU elements. */
#include "corpus.h"

struct value {
	u64 a[8];
	u32 n;
	u32 flags;
};

HASH(plain, u32, struct value, 1024);
MAPF(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, u32, struct value, 1024, 0);
MAPF(lru_percpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, u32, u64, 1024, 0);
ARRAY(big, struct value, 64);

#ifdef LEGACY
MAPF(outer_array, BPF_MAP_TYPE_ARRAY_OF_MAPS, u32, u32, 8, 0);
MAPF(outer_hash, BPF_MAP_TYPE_HASH_OF_MAPS, u32, u32, 8, 0);
#else
struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct inner);
} outer_array SEC(".maps") = { .values = { &inner_a, &inner_b } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct inner);
} outer_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 32);
	__type(value, u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 32);
	__type(value, u32);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__type(value, u32);
	__uint(map_extra, 3);
} bloom SEC(".maps");
#endif

inline_ u32 key_of(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 *p = data + 26;

	return (void *)(p + 1) > end ? 0 : *p;
}

SEC("xdp")
int map_in_array(struct xdp_md *ctx)
{
	u32 slot = ctx->rx_queue_index & 7, key = key_of(ctx);
	void *inner = bpf_map_lookup_elem(&outer_array, &slot);
	u64 *n, one = 1;

	if (!inner)
		return XDP_PASS;
	n = bpf_map_lookup_elem(inner, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(inner, &key, &one, BPF_ANY);
	return XDP_PASS;
}

SEC("xdp")
int map_in_hash(struct xdp_md *ctx)
{
	u32 net = key_of(ctx) & 0xffffff, key = key_of(ctx);
	void *inner = bpf_map_lookup_elem(&outer_hash, &net);
	u64 *verdict;

	if (!inner) {
		net = 0;
		inner = bpf_map_lookup_elem(&outer_hash, &net);
		if (!inner)
			return XDP_PASS;
	}
	verdict = bpf_map_lookup_elem(inner, &key);
	if (!verdict)
		return XDP_PASS;
	if (*verdict > 100)
		bpf_map_delete_elem(inner, &key);
	return *verdict ? XDP_DROP : XDP_PASS;
}

/* An index inside the value: masked, compared, in a loop. */
SEC("xdp")
int value_index(struct xdp_md *ctx)
{
	u32 key = key_of(ctx), slot = key & 63;
	struct value *v = bpf_map_lookup_elem(&big, &slot);
	u64 sum = 0;
	u32 n;

	if (!v)
		return XDP_PASS;
	v->a[key >> 8 & 7]++;
	n = v->n;
	if (n < 8)
		v->a[n] = key;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 8; i++) {
		if (i == n)
			break;
		sum += v->a[i];
	}
	return sum & 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int percpu_values(struct xdp_md *ctx)
{
	u32 key = key_of(ctx);
	struct value *v = bpf_map_lookup_elem(&percpu_hash, &key), fresh = {};
	u64 *n, one = 1;

	if (!v) {
		fresh.n = 1;
		if (bpf_map_update_elem(&percpu_hash, &key, &fresh, BPF_NOEXIST))
			return XDP_ABORTED;
	} else {
		v->n++;
		v->flags |= 1 << (v->n & 31);
	}
	n = bpf_map_lookup_elem(&lru_percpu, &key);
	if (!n)
		bpf_map_update_elem(&lru_percpu, &key, &one, BPF_ANY);
	else
		*n += 1;
	return XDP_PASS;
}

/* The value of one map is the key of another and the new value of a third. */
SEC("xdp")
int chained(struct xdp_md *ctx)
{
	u32 key = key_of(ctx), slot;
	struct value *v, *w;

	v = bpf_map_lookup_elem(&plain, &key);
	if (!v)
		return XDP_PASS;
	w = bpf_map_lookup_elem(&plain, &v->n);
	if (!w)
		return XDP_PASS;
	slot = w->flags % 64;
	bpf_map_update_elem(&big, &slot, w, BPF_ANY);
	bpf_map_delete_elem(&plain, &v->n);
	return w == v ? XDP_DROP : XDP_PASS;
}

#ifndef LEGACY
SEC("xdp")
int queue_and_stack(struct xdp_md *ctx)
{
	u64 now = bpf_ktime_get_ns(), old;
	u32 key = key_of(ctx), top = 0;

	bpf_map_push_elem(&queue, &now, BPF_EXIST);
	if (bpf_map_pop_elem(&queue, &old))
		return XDP_PASS;
	if (bpf_map_peek_elem(&stack, &top) == 0 && top == key)
		bpf_map_pop_elem(&stack, &top);
	else
		bpf_map_push_elem(&stack, &key, 0);
	return now - old < 1000 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int bloom_filter(struct xdp_md *ctx)
{
	u32 key = key_of(ctx);

	if (bpf_map_peek_elem(&bloom, &key)) {
		bpf_map_push_elem(&bloom, &key, BPF_ANY);
		return XDP_PASS;
	}
	return XDP_DROP;
}

SEC("xdp")
int other_cpu(struct xdp_md *ctx)
{
	u32 key = key_of(ctx), cpu = bpf_get_smp_processor_id();
	u64 sum = 0;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 8; i++) {
		u64 *n = bpf_map_lookup_percpu_elem(&lru_percpu, &key, i);

		if (n && i != cpu)
			sum += *n;
	}
	return sum > 1000 ? XDP_DROP : XDP_PASS;
}
#endif
