/* Global variables, functions and callbacks: state in sections, statistics in every way. */
#include "corpus.h"

u64 packets, bytes;
u32 sizes[16];
static u32 turns = 3;
const volatile u32 limit = 700;
const volatile u8 drop_ports[4] = { 22, 53, 80, 179 };
struct stats {
	u64 n, sum, least, most;
} all = { .least = ~0ull };
volatile __s16 balance = -5;

PERCPU(cpu_stats, struct stats, 4);
HASH(flows, u32, struct stats, 256);

struct walk {
	u64 n, sum;
	u32 low;
};

noinline_ void add(struct stats *s, u64 v)
{
	s->n++;
	s->sum += v;
	if (v < s->least)
		s->least = v;
	if (v > s->most)
		s->most = v;
}

__attribute__((noinline)) int weigh(struct __sk_buff *skb, u32 factor)
{
	return skb->len * factor + turns;
}

__attribute__((noinline)) int bump(struct stats *s)
{
	if (!s)
		return -1;
	s->most ^= 1;
	return s->n & 0xff;
}

SEC("tc")
int global_state(struct __sk_buff *skb)
{
	u32 len = skb->len, slot = len >> 6;

	packets++;
	bytes += len;
	sizes[slot & 15]++;
	add(&all, len);
	balance += (__s16)len & 1 ? 3 : -2;
	turns = turns * 5 + 1;
	if (len > limit)
		return TC_ACT_SHOT;
	return bump(&all) & 1 ? TC_ACT_OK : TC_ACT_PIPE;
}

SEC("tc")
int global_weights(struct __sk_buff *skb)
{
	skb->mark = weigh(skb, skb->mark & 7);
	skb->priority = balance;
	return drop_ports[skb->mark & 3] > 60 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int global_flows(struct __sk_buff *skb)
{
	u32 from = 0, slot = skb->len & 3;
	struct stats *s, fresh = { .least = ~0ull };

	if (bpf_skb_load_bytes(skb, 26, &from, sizeof(from)))
		return TC_ACT_UNSPEC;
	from &= 0xff0000ff;
	s = bpf_map_lookup_elem(&flows, &from);
	if (!s) {
		bpf_map_update_elem(&flows, &from, &fresh, BPF_ANY);
		s = bpf_map_lookup_elem(&flows, &from);
	}
	if (s)
		add(s, skb->len);
	s = bpf_map_lookup_elem(&cpu_stats, &slot);
	if (s)
		add(s, skb->len);
	return TC_ACT_OK;
}

static long fold_flow(void *map, u32 *key, struct stats *s, struct walk *w)
{
	w->n++;
	w->sum += s->sum ^ *key;
	if (*key < w->low)
		w->low = *key;
	return 0;
}

static long fold_cpu(void *map, u32 *key, struct stats *s, struct walk *w)
{
	w->n += *key;
	w->sum += s->n;
	s->most = 0;
	return *key == 2;
}

SEC("tc")
int global_walk(struct __sk_buff *skb)
{
	struct walk w = { .low = ~0u };
	long visited = bpf_for_each_map_elem(&flows, fold_flow, &w, 0);

	visited += bpf_for_each_map_elem(&cpu_stats, fold_cpu, &w, 0);
	skb->mark = w.sum + w.low;
	skb->cb[0] = visited;
	skb->cb[1] = w.n;
	return visited > 5 ? TC_ACT_SHOT : TC_ACT_OK;
}

static long turn(u32 i, u64 *v)
{
	*v = *v & 1 ? *v * 3 + 1 : *v / 2;
	return i >= limit / 4;
}

SEC("tc")
int global_turns(struct __sk_buff *skb)
{
	u64 v = skb->len | 1ull << 20;
	long n = bpf_loop(500, turn, &v, 0);

	skb->cb[2] = n;
	skb->mark = v;
	return n & 1;
}
