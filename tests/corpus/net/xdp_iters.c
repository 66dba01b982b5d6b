/* Loops of the newer kind: number iterators, bpf_loop with context on the stack, may_goto, callbacks with maps. */
#include "corpus.h"

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __attribute__((weak)) __attribute__((section(".ksyms")));
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __attribute__((weak)) __attribute__((section(".ksyms")));
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __attribute__((weak)) __attribute__((section(".ksyms")));

ARRAY(table, u64, 256);
ARRAY(result, u64, 4);

struct bytes {
	u8 b[256];
	u32 n;
};

PERCPU(copy, struct bytes, 1);

SEC("xdp")
int iter_sum(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_iter_num it;
	u32 sum = 0;
	int *i;

	bpf_iter_num_new(&it, 0, 1500);
	while ((i = bpf_iter_num_next(&it))) {
		u32 at = *i;
		u8 *p;

		if (at > 1500)
			break;
		p = data + at;
		if ((void *)(p + 1) > end)
			break;
		sum += *p;
	}
	bpf_iter_num_destroy(&it);
	return sum & 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int iter_nested(struct xdp_md *ctx)
{
	struct bpf_iter_num rows, cols;
	u64 total = 0;
	int *r, *c;

	bpf_iter_num_new(&rows, 0, 16);
	while ((r = bpf_iter_num_next(&rows))) {
		int row = *r;

		bpf_iter_num_new(&cols, 0, 16);
		while ((c = bpf_iter_num_next(&cols))) {
			u32 k = row * 16 + *c;
			u64 *v = bpf_map_lookup_elem(&table, &k);

			if (v)
				total += *v;
		}
		bpf_iter_num_destroy(&cols);
	}
	bpf_iter_num_destroy(&rows);
	return total ? XDP_PASS : XDP_DROP;
}

/* The value found ends the loop early; the iterator is destroyed on both ways out. */
SEC("xdp")
int iter_search(struct xdp_md *ctx)
{
	u64 wanted = ctx->rx_queue_index;
	struct bpf_iter_num it;
	int *i, found = -1;

	bpf_iter_num_new(&it, 0, 256);
	while ((i = bpf_iter_num_next(&it))) {
		u32 k = *i;
		u64 *v = bpf_map_lookup_elem(&table, &k);

		if (!v)
			continue;
		if (*v == wanted) {
			found = k;
			break;
		}
	}
	bpf_iter_num_destroy(&it);
	return found >= 0 ? XDP_DROP : XDP_PASS;
}

struct walk {
	void *unused;
	u64 sum;
	u32 seen;
	u32 stop;
};

static int add_slot(u32 i, void *arg)
{
	struct walk *w = arg;
	u32 k = i & 255;
	u64 *v = bpf_map_lookup_elem(&table, &k);

	if (!v)
		return 1;
	w->sum += *v;
	w->seen++;
	return w->seen >= w->stop;
}

SEC("xdp")
int loop_slots(struct xdp_md *ctx)
{
	struct walk w = { .stop = ctx->rx_queue_index };
	u32 zero = 0;
	u64 *out;
	long n;

	n = bpf_loop(ctx->ingress_ifindex & 1023, add_slot, &w, 0);
	out = bpf_map_lookup_elem(&result, &zero);
	if (out)
		*out = w.sum + n;
	return w.seen > 10 ? XDP_DROP : XDP_PASS;
}

static int inner_round(u32 i, void *arg)
{
	u64 *sum = arg;

	*sum = *sum * 31 + i;
	return 0;
}

static int outer_round(u32 i, void *arg)
{
	bpf_loop(10, inner_round, arg, 0);
	return i > 5;
}

SEC("xdp")
int loop_nested(struct xdp_md *ctx)
{
	u64 sum = ctx->rx_queue_index;

	bpf_loop(20, outer_round, &sum, 0);
	return sum % 3 ? XDP_PASS : XDP_DROP;
}

struct bpf_map;

static long fold_slot(struct bpf_map *map, u32 *key, u64 *val, u64 *sum)
{
	if (*key == 200)
		return 1;
	*sum += *val;
	*val = 0;
	return 0;
}

SEC("xdp")
int foreach_table(struct xdp_md *ctx)
{
	u64 sum = 0;

	bpf_for_each_map_elem(&table, fold_slot, &sum, 0);
	return sum > 1000000 ? XDP_DROP : XDP_PASS;
}

/* The loop has no bound of its own: may_goto ends it. */
#define may_break(label)                                                                                               \
	asm volatile goto(".byte 0xe5, 0; .long ((%l0 - . - 6) / 8) & 0xffff; .short 0" : : : : label)

SEC("xdp")
int may_goto_hash(struct xdp_md *ctx)
{
	u32 h = ctx->rx_queue_index | 1, rounds = 0, zero = 0;
	u64 *slot = bpf_map_lookup_elem(&result, &zero);

	if (!slot)
		return XDP_PASS;
	while (h != 1) {
		may_break(out);
		h = h & 1 ? 3 * h + 1 : h >> 1;
		rounds++;
	}
out:
	*slot = rounds;
	return XDP_PASS;
}

SEC("xdp")
int iter_copy(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 zero = 0, n = 0;
	struct bytes *b = bpf_map_lookup_elem(&copy, &zero);
	struct bpf_iter_num it;
	int *i;

	if (!b)
		return XDP_PASS;
	bpf_iter_num_new(&it, 0, 256);
	while ((i = bpf_iter_num_next(&it))) {
		u32 at = *i & 255;
		u8 *p = data + at;

		if ((void *)(p + 1) > end)
			break;
		b->b[at] = *p;
		n++;
	}
	bpf_iter_num_destroy(&it);
	b->n = n;
	return XDP_PASS;
}
