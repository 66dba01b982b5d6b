/* Rate limits: token buckets with 64-bit division, sliding windows, spin locks, per-CPU buckets. */
#include "corpus.h"

struct bucket {
	u64 tokens;
	u64 last;
};

struct window {
	u64 start;
	u32 count;
	u32 previous;
};

struct config {
	u64 rate;
	u64 burst;
	u64 period;
};

LRU(buckets, __be32, struct bucket, 16384);
LRU(windows, __be32, struct window, 16384);
ARRAY(config, struct config, 1);
PERCPU(local, struct bucket, 1);

#ifndef LEGACY
struct locked {
	struct bpf_spin_lock lock;
	u64 tokens;
	u64 last;
	u64 dropped;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct locked);
} shared SEC(".maps");
#endif

inline_ __be32 source(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	return ip->saddr;
}

inline_ int refill(struct bucket *b, struct config *c, u64 now)
{
	u64 passed = now - b->last, more;

	if (!c->period)
		return 0;
	more = passed * c->rate / c->period;
	if (more) {
		b->tokens = b->tokens + more > c->burst ? c->burst : b->tokens + more;
		b->last = now;
	}
	if (!b->tokens)
		return -1;
	b->tokens--;
	return 0;
}

SEC("xdp")
int limit_source(struct xdp_md *ctx)
{
	struct bucket *b, fresh = {};
	__be32 src = source(ctx);
	u64 now = bpf_ktime_get_ns();
	struct config *c;
	u32 zero = 0;

	if (!src)
		return XDP_PASS;
	c = bpf_map_lookup_elem(&config, &zero);
	if (!c)
		return XDP_PASS;
	b = bpf_map_lookup_elem(&buckets, &src);
	if (!b) {
		fresh.tokens = c->burst;
		fresh.last = now;
		bpf_map_update_elem(&buckets, &src, &fresh, BPF_NOEXIST);
		return XDP_PASS;
	}
	return refill(b, c, now) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int limit_cpu(struct xdp_md *ctx)
{
	u32 zero = 0;
	struct config *c = bpf_map_lookup_elem(&config, &zero);
	struct bucket *b = bpf_map_lookup_elem(&local, &zero);

	if (!c || !b)
		return XDP_PASS;
	return refill(b, c, bpf_ktime_get_coarse_ns()) ? XDP_DROP : XDP_PASS;
}

/* Two windows, weighted by the time that has passed in the second. */
SEC("xdp")
int limit_window(struct xdp_md *ctx)
{
	const u64 size = 1000000000ULL;
	struct window *w, fresh = {};
	__be32 src = source(ctx);
	u64 now = bpf_ktime_get_ns(), in, estimate;

	if (!src)
		return XDP_PASS;
	w = bpf_map_lookup_elem(&windows, &src);
	if (!w) {
		fresh.start = now - now % size;
		fresh.count = 1;
		bpf_map_update_elem(&windows, &src, &fresh, BPF_ANY);
		return XDP_PASS;
	}
	in = now - w->start;
	if (in >= 2 * size) {
		w->previous = w->count = 0;
		w->start = now - now % size;
		in = now % size;
	} else if (in >= size) {
		w->previous = w->count;
		w->count = 0;
		w->start += size;
		in -= size;
	}
	estimate = w->count + (u64)w->previous * (size - in) / size;
	if (estimate > 1000)
		return XDP_DROP;
	w->count++;
	return XDP_PASS;
}

#ifndef LEGACY
SEC("xdp")
int limit_locked(struct xdp_md *ctx)
{
	u64 now = bpf_ktime_get_ns(), passed;
	__be32 src = source(ctx);
	int verdict = XDP_PASS;
	struct locked *l;

	l = bpf_map_lookup_elem(&shared, &src);
	if (!l)
		return XDP_PASS;
	bpf_spin_lock(&l->lock);
	passed = now - l->last;
	if (passed > 1000000) {
		l->tokens += passed / 1000000 * 10;
		if (l->tokens > 1000)
			l->tokens = 1000;
		l->last = now;
	}
	if (l->tokens) {
		l->tokens--;
	} else {
		l->dropped++;
		verdict = XDP_DROP;
	}
	bpf_spin_unlock(&l->lock);
	return verdict;
}

/* The lock is taken on two branches and released on both. */
SEC("xdp")
int limit_two_paths(struct xdp_md *ctx)
{
	u32 len = ctx->data_end - ctx->data;
	__be32 src = source(ctx);
	struct locked *l = bpf_map_lookup_elem(&shared, &src);

	if (!l)
		return XDP_PASS;
	if (len > 1000) {
		bpf_spin_lock(&l->lock);
		l->tokens -= 2;
		bpf_spin_unlock(&l->lock);
		return XDP_PASS;
	}
	bpf_spin_lock(&l->lock);
	if (l->tokens < 10) {
		bpf_spin_unlock(&l->lock);
		return XDP_DROP;
	}
	l->tokens--;
	bpf_spin_unlock(&l->lock);
	return XDP_PASS;
}
#endif

SEC("xdp")
int limit_jiffies(struct xdp_md *ctx)
{
	u64 j = bpf_jiffies64();
	u32 slot = j % 250, share = (u32)(j / 250) % 7;
	s64 skew = (s64)(slot - share);

	/* Probabilistic: one packet of 16 in the first part of every second. */
	if (slot < 25 && (bpf_get_prandom_u32() & 15) == 0)
		return XDP_DROP;
	return skew > 0 && bpf_get_numa_node_id() == (int)share ? XDP_TX : XDP_PASS;
}
