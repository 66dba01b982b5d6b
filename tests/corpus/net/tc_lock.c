/* Values with locks and timers; atomics of every kind; dynamic pointers; global variables. */
#include "corpus.h"

struct entry {
	struct bpf_spin_lock lock;
	u32 packets;
	u64 bytes;
	u64 history[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, struct entry);
} entries SEC(".maps");

struct timed {
	struct bpf_timer timer;
	u64 fired;
	u64 period;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct timed);
} timed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} ring SEC(".maps");

ARRAY(words, u64, 4);

u64 total_bytes;
u32 packet_limit = 1000;
const volatile u32 sample_shift = 4;
static u32 histogram[32];
static const u8 weights[16] = { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 };

SEC("tc")
int lock_update(struct __sk_buff *skb)
{
	u32 slot = skb->hash & 63;
	struct entry *e = bpf_map_lookup_elem(&entries, &slot);
	u32 n, len = skb->len;

	if (!e)
		return TC_ACT_OK;
	bpf_spin_lock(&e->lock);
	n = ++e->packets;
	e->bytes += len;
	e->history[n & 3] = len;
	bpf_spin_unlock(&e->lock);
	return n > 100000 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int lock_copy(struct __sk_buff *skb)
{
	u32 slot = skb->hash & 63;
	struct entry *e = bpf_map_lookup_elem(&entries, &slot), fresh = {};

	if (!e)
		return TC_ACT_OK;
	fresh.packets = 1;
	fresh.bytes = skb->len;
	bpf_map_update_elem(&entries, &slot, &fresh, BPF_F_LOCK);
	return TC_ACT_OK;
}

struct bpf_map;

static int expire(void *map, u32 *key, struct timed *t)
{
	t->fired++;
	if (t->fired > 10) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	bpf_timer_start(&t->timer, t->period, 0);
	return 0;
}

SEC("tc")
int timer_arm(struct __sk_buff *skb)
{
	struct timed *t, fresh = {};
	u32 key = skb->hash;

	t = bpf_map_lookup_elem(&timed, &key);
	if (!t) {
		fresh.period = 1000000000;
		bpf_map_update_elem(&timed, &key, &fresh, BPF_NOEXIST);
		t = bpf_map_lookup_elem(&timed, &key);
		if (!t)
			return TC_ACT_OK;
	}
	if (bpf_timer_init(&t->timer, &timed, 1))
		return TC_ACT_OK;
	if (bpf_timer_set_callback(&t->timer, expire))
		return TC_ACT_OK;
	bpf_timer_start(&t->timer, t->period, 0);
	return TC_ACT_OK;
}

SEC("tc")
int timer_disarm(struct __sk_buff *skb)
{
	u32 key = skb->hash;
	struct timed *t = bpf_map_lookup_elem(&timed, &key);

	if (!t)
		return TC_ACT_OK;
	if (bpf_timer_cancel(&t->timer) == 1)
		t->fired = 0;
	return t->fired ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int atomics(struct __sk_buff *skb)
{
	u32 slot = skb->hash & 3;
	u64 *w = bpf_map_lookup_elem(&words, &slot), old, want = 7;

	if (!w)
		return TC_ACT_OK;
	__sync_fetch_and_add(w, 1);
	old = __sync_fetch_and_or(w, 0x10);
	old ^= __sync_fetch_and_and(w, ~0x20ULL);
	old += __sync_fetch_and_xor(w, skb->len);
	old += __sync_lock_test_and_set(w, old);
	if (__sync_val_compare_and_swap(w, want, old) == want)
		return TC_ACT_PIPE;
	__sync_fetch_and_add((u32 *)w + 1, 3);
	return old & 1 ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int globals(struct __sk_buff *skb)
{
	u32 len = skb->len, bucket = 0;

	__sync_fetch_and_add(&total_bytes, len);
#pragma clang loop unroll(disable)
	for (; len > 1 && bucket < 31; bucket++)
		len >>= 1;
	histogram[bucket & 31]++;
	if (sample_shift > 31 || (bpf_get_prandom_u32() >> (32 - sample_shift)) != 0)
		return TC_ACT_OK;
	return histogram[bucket & 31] > packet_limit ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int constants(struct __sk_buff *skb)
{
	u8 head[16];
	u32 sum = 0;

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++)
		sum += head[i] * weights[i];
	return sum % weights[sum & 15] ? TC_ACT_OK : TC_ACT_PIPE;
}

SEC("tc")
int ring_output(struct __sk_buff *skb)
{
	struct {
		u64 when;
		u32 len;
		u32 hash;
	} e = {};

	e.when = bpf_ktime_get_ns();
	e.len = skb->len;
	e.hash = skb->hash;
	bpf_ringbuf_output(&ring, &e, sizeof(e), 0);
	return TC_ACT_OK;
}

/* A record whose size is known at run time only. */
SEC("tc")
int ring_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	u8 buf[32] = {};
	u32 len = skb->len & 255, *slot;

	if (bpf_ringbuf_reserve_dynptr(&ring, len + 8, 0, &ptr)) {
		bpf_ringbuf_discard_dynptr(&ptr, 0);
		return TC_ACT_OK;
	}
	slot = bpf_dynptr_data(&ptr, 0, 8);
	if (slot) {
		slot[0] = skb->len;
		slot[1] = skb->hash;
	}
	bpf_skb_load_bytes(skb, 0, buf, 14);
	bpf_dynptr_write(&ptr, 8, buf, 14, 0);
	bpf_ringbuf_submit_dynptr(&ptr, 0);
	return TC_ACT_OK;
}

SEC("tc")
int mem_dynptr(struct __sk_buff *skb)
{
	u32 slot = skb->hash & 3;
	u64 *w = bpf_map_lookup_elem(&words, &slot);
	struct bpf_dynptr ptr;
	u32 half = 0;

	if (!w)
		return TC_ACT_OK;
	bpf_dynptr_from_mem(w, sizeof(*w), 0, &ptr);
	bpf_dynptr_read(&half, sizeof(half), &ptr, 4, 0);
	half += skb->len;
	bpf_dynptr_write(&ptr, 4, &half, sizeof(half), 0);
	return half ? TC_ACT_OK : TC_ACT_SHOT;
}
