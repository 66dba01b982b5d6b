// Callbacks and open-coded iterators: bpf_loop, bpf_for_each_map_elem, timers,
// number iterators, may_goto.
#include "lang.h"

struct cells {
	__u32 v[64];
};

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

#define MAY_GOTO(out) asm volatile goto("may_goto %l[" #out "]" : : : : out)

struct timed {
	struct bpf_timer timer;
	__u64 fired;
};

ARRAY(cells, struct cells, 1);
HASH(flows, __u32, __u64, 256);
ARRAY(timers, struct timed, 4);
PERCPU(percpu, __u64, 8);

#define CELLS ({ __u32 k_ = 0; bpf_map_lookup_elem(&cells, &k_); })

struct sum {
	__u64 total;
	__u32 n;
};

static long add(__u32 i, struct sum *s)
{
	s->total += i;
	s->n++;
	return 0;
}

SEC("tc")
int loop_sum(struct __sk_buff *skb)
{
	struct sum s = {};

	bpf_loop(1000, add, &s, 0);
	return s.n == 1000 ? 0 : 2;
}

static long touch(__u32 i, void *unused)
{
	struct cells *c = CELLS;

	if (!c)
		return 1;
	if (i >= 64)
		return 1;
	c->v[i]++;
	return 0;
}

SEC("tc")
int loop_map(struct __sk_buff *skb)
{
	return bpf_loop(skb->len, touch, 0, 0) > 64;
}

struct walk {
	struct __sk_buff *skb;
	__u32 hash;
};

static long byte(__u32 i, struct walk *w)
{
	__u8 b;

	if (bpf_skb_load_bytes(w->skb, i, &b, 1))
		return 1;
	w->hash = (w->hash ^ b) * 16777619;
	return 0;
}

SEC("tc")
int loop_context(struct __sk_buff *skb)
{
	struct walk w = { skb, 2166136261u };

	bpf_loop(256, byte, &w, 0);
	skb->mark = w.hash;
	return 0;
}

static long inner(__u32 i, __u64 *n)
{
	*n += i;
	return *n > 10000;
}

static long outer(__u32 i, __u64 *n)
{
	bpf_loop(i & 15, inner, n, 0);
	return 0;
}

SEC("tc")
int loop_nested(struct __sk_buff *skb)
{
	__u64 n = 0;

	bpf_loop(64, outer, &n, 0);
	return n & 1;
}

// The index is kept in the context and checked in the callback.
struct fill {
	struct cells *c;
	__u32 at;
};

static long fill_one(__u32 i, struct fill *f)
{
	if (f->at >= 64)
		return 1;
	f->c->v[f->at] = i;
	f->at += 3;
	return 0;
}

SEC("tc")
int loop_index(struct __sk_buff *skb)
{
	struct fill f = { CELLS, 0 };

	if (!f.c)
		return 0;
	bpf_loop(100, fill_one, &f, 0);
	return f.at & 1;
}

static long each(void *map, __u32 *key, __u64 *value, struct sum *s)
{
	s->total += *value;
	s->n += *key & 1;
	return *value > 1000000;
}

SEC("tc")
int for_each(struct __sk_buff *skb)
{
	struct sum s = {};

	bpf_for_each_map_elem(&flows, each, &s, 0);
	skb->mark = s.total;
	return s.n > 3;
}

static long expire(void *map, __u32 *key, __u64 *value, __u64 *now)
{
	if (*value < *now)
		bpf_map_delete_elem(map, key);
	return 0;
}

SEC("tc")
int for_each_delete(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();

	return bpf_for_each_map_elem(&flows, expire, &now, 0) > 100;
}

static long each_percpu(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value;
	*value = 0;
	return 0;
}

SEC("tc")
int for_each_percpu(struct __sk_buff *skb)
{
	__u64 sum = 0;

	bpf_for_each_map_elem(&percpu, each_percpu, &sum, 0);
	return sum & 1;
}

static int fired(void *map, __u32 *key, struct timed *t)
{
	t->fired++;
	if (t->fired < 10)
		bpf_timer_start(&t->timer, 1000000, 0);
	return 0;
}

SEC("tc")
int timer(struct __sk_buff *skb)
{
	__u32 k = 0;
	struct timed *t = bpf_map_lookup_elem(&timers, &k);

	if (!t)
		return 0;
	bpf_timer_init(&t->timer, &timers, 1);
	bpf_timer_set_callback(&t->timer, fired);
	bpf_timer_start(&t->timer, 1000, 0);
	return 0;
}

SEC("tc")
int timer_cancel(struct __sk_buff *skb)
{
	__u32 k = skb->len & 3;
	struct timed *t = bpf_map_lookup_elem(&timers, &k);

	return t ? bpf_timer_cancel(&t->timer) > 0 : 0;
}

SEC("tc")
int iterator(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	__u32 sum = 0;
	int *v;

	bpf_iter_num_new(&it, 0, 1000);
	while ((v = bpf_iter_num_next(&it)))
		sum += *v;
	bpf_iter_num_destroy(&it);
	skb->mark = sum;
	return 0;
}

SEC("tc")
int iterator_index(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	struct bpf_iter_num it;
	int *v;

	if (!c)
		return 0;
	bpf_iter_num_new(&it, 0, skb->len);
	while ((v = bpf_iter_num_next(&it))) {
		if (*v < 0 || *v >= 64)
			break;
		c->v[*v & 63] ^= *v;
	}
	bpf_iter_num_destroy(&it);
	return 0;
}

SEC("tc")
int iterator_nested(struct __sk_buff *skb)
{
	struct bpf_iter_num a, b;
	struct cells *c = CELLS;
	int *i, *j;

	if (!c)
		return 0;
	bpf_iter_num_new(&a, 0, 8);
	while ((i = bpf_iter_num_next(&a))) {
		bpf_iter_num_new(&b, 0, 8);
		while ((j = bpf_iter_num_next(&b)))
			c->v[((*i & 7) << 3) | (*j & 7)]++;
		bpf_iter_num_destroy(&b);
	}
	bpf_iter_num_destroy(&a);
	return 0;
}

SEC("tc")
int iterator_packet(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	__u32 sum = 0;
	int *v;

	bpf_iter_num_new(&it, 0, 64);
	while ((v = bpf_iter_num_next(&it))) {
		__u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

		p += *v & 63;
		if (p + 1 > end)
			break;
		sum += *p;
	}
	bpf_iter_num_destroy(&it);
	skb->mark = sum;
	return 0;
}

SEC("tc")
int may_goto(struct __sk_buff *skb)
{
	struct cells *c = CELLS;

	if (!c)
		return 0;
	for (;;) {
		MAY_GOTO(out);
		c->v[bpf_get_prandom_u32() & 63]++;
	}
out:
	return 0;
}

SEC("tc")
int may_goto_bounded(struct __sk_buff *skb)
{
	__u32 n = skb->len, i;

	for (i = 0; i < n; i++) {
		MAY_GOTO(out);
		if (bpf_get_prandom_u32() == i)
			break;
	}
out:
	return 0;
}

static long choose_a(__u32 i, __u64 *n) { *n += 1; return 0; }
static long choose_b(__u32 i, __u64 *n) { *n += 2; return i > 5; }

SEC("tc")
int two_callbacks(struct __sk_buff *skb)
{
	__u64 n = 0;

	if (skb->len & 1)
		bpf_loop(10, choose_a, &n, 0);
	else
		bpf_loop(10, choose_b, &n, 0);
	return n & 1;
}

LICENSE("GPL");
