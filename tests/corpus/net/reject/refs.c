/* References, locks, ring buffer records, iterators. */
#include "../corpus.h"

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __attribute__((weak)) __attribute__((section(".ksyms")));
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __attribute__((weak)) __attribute__((section(".ksyms")));
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __attribute__((weak)) __attribute__((section(".ksyms")));

struct locked {
	struct bpf_spin_lock lock;
	u32 n;
};

ARRAY(values, struct locked, 4);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

#define LOOKUP(skb, t) bpf_sk_lookup_tcp(skb, t, sizeof((t)->ipv4), BPF_F_CURRENT_NETNS, 0)

/* kind: socket reference leaked */
SEC("tc")
int sk_leak(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = LOOKUP(skb, &t);

	return sk ? TC_ACT_SHOT : TC_ACT_OK;
}

/* kind: socket reference leaked on one path */
SEC("tc")
int sk_leak_one_path(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = LOOKUP(skb, &t);

	if (!sk)
		return TC_ACT_OK;
	if (sk->state == 10)
		return TC_ACT_SHOT;
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

/* kind: double release */
SEC("tc")
int sk_double_release(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = LOOKUP(skb, &t);

	if (!sk)
		return TC_ACT_OK;
	bpf_sk_release(sk);
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

/* kind: use after release */
SEC("tc")
int sk_use_after_release(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = LOOKUP(skb, &t);

	if (!sk)
		return TC_ACT_OK;
	bpf_sk_release(sk);
	return sk->state ? TC_ACT_SHOT : TC_ACT_OK;
}

/* kind: release without null check */
SEC("tc")
int sk_release_maybe_null(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = LOOKUP(skb, &t);

	bpf_sk_release(sk);
	return TC_ACT_OK;
}

/* kind: release of what was not acquired */
SEC("tc")
int sk_release_borrowed(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk)
		bpf_sk_release(sk);
	return TC_ACT_OK;
}

/* kind: socket fields without null check */
SEC("tc")
int sk_maybe_null(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	sk = bpf_sk_fullsock(sk);
	return sk ? TC_ACT_SHOT : TC_ACT_OK;
}

/* kind: write to a socket */
SEC("tc")
int sk_write(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	sk->mark = 7;
	return TC_ACT_OK;
}

/* kind: references gathered in a loop */
SEC("tc")
int sk_leak_in_loop(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 3; i++) {
		t.ipv4.dport = i;
		sk = LOOKUP(skb, &t);
		if (!sk)
			return TC_ACT_OK;
	}
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

/* kind: lock held at exit */
SEC("tc")
int lock_held(struct __sk_buff *skb)
{
	u32 k = 0;
	struct locked *l = bpf_map_lookup_elem(&values, &k);

	if (!l)
		return TC_ACT_OK;
	bpf_spin_lock(&l->lock);
	l->n++;
	return TC_ACT_OK;
}

/* kind: lock held on one path */
SEC("tc")
int lock_held_one_path(struct __sk_buff *skb)
{
	u32 k = 0;
	struct locked *l = bpf_map_lookup_elem(&values, &k);

	if (!l)
		return TC_ACT_OK;
	bpf_spin_lock(&l->lock);
	if (l->n > 100)
		return TC_ACT_SHOT;
	l->n++;
	bpf_spin_unlock(&l->lock);
	return TC_ACT_OK;
}

/* kind: lock taken twice */
SEC("tc")
int lock_twice(struct __sk_buff *skb)
{
	u32 k = 0;
	struct locked *l = bpf_map_lookup_elem(&values, &k);

	if (!l)
		return TC_ACT_OK;
	bpf_spin_lock(&l->lock);
	bpf_spin_lock(&l->lock);
	bpf_spin_unlock(&l->lock);
	return TC_ACT_OK;
}

/* kind: unlock without lock */
SEC("tc")
int unlock_only(struct __sk_buff *skb)
{
	u32 k = 0;
	struct locked *l = bpf_map_lookup_elem(&values, &k);

	if (l)
		bpf_spin_unlock(&l->lock);
	return TC_ACT_OK;
}

/* kind: helper called while a lock is held */
SEC("tc")
int call_under_lock(struct __sk_buff *skb)
{
	u32 k = 0;
	struct locked *l = bpf_map_lookup_elem(&values, &k);

	if (!l)
		return TC_ACT_OK;
	bpf_spin_lock(&l->lock);
	l->n = bpf_get_prandom_u32();
	bpf_spin_unlock(&l->lock);
	return TC_ACT_OK;
}

/* kind: unlock of another lock */
SEC("tc")
int unlock_other(struct __sk_buff *skb)
{
	u32 a = 0, b = 1;
	struct locked *l = bpf_map_lookup_elem(&values, &a), *m = bpf_map_lookup_elem(&values, &b);

	if (!l || !m)
		return TC_ACT_OK;
	bpf_spin_lock(&l->lock);
	bpf_spin_unlock(&m->lock);
	return TC_ACT_OK;
}

/* kind: direct access to a lock */
SEC("tc")
int write_lock(struct __sk_buff *skb)
{
	u32 k = 0;
	struct locked *l = bpf_map_lookup_elem(&values, &k);

	if (l)
		*(volatile u32 *)&l->lock = 0;
	return TC_ACT_OK;
}

/* kind: ring buffer record leaked */
SEC("tc")
int ring_leak(struct __sk_buff *skb)
{
	u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);

	if (e)
		*e = skb->len;
	return TC_ACT_OK;
}

/* kind: ring buffer record written beyond its size */
SEC("tc")
int ring_overrun(struct __sk_buff *skb)
{
	u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);

	if (!e)
		return TC_ACT_OK;
	e[1] = skb->len;
	bpf_ringbuf_submit(e, 0);
	return TC_ACT_OK;
}

/* kind: ring buffer record used after submit */
SEC("tc")
int ring_after_submit(struct __sk_buff *skb)
{
	u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);

	if (!e)
		return TC_ACT_OK;
	*e = 1;
	bpf_ringbuf_submit(e, 0);
	*(volatile u64 *)e = 2;
	return TC_ACT_OK;
}

/* kind: iterator not destroyed */
SEC("tc")
int iter_leak(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	u32 sum = 0;
	int *i;

	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it)))
		sum += *i;
	return sum ? TC_ACT_OK : TC_ACT_SHOT;
}

/* kind: iterator used without initialisation */
SEC("tc")
int iter_uninitialised(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *i;

	i = bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	return i ? TC_ACT_OK : TC_ACT_SHOT;
}

/* kind: iterator element without null check */
SEC("tc")
int iter_no_null_check(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int v;

	bpf_iter_num_new(&it, 0, 10);
	v = *bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	return v;
}
