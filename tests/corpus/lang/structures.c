// Data structures and algorithms in map values and on the stack.
#include "lang.h"

struct ring {
	__u32 head, tail;
	__u64 slot[32];
};

struct heap {
	__u32 n;
	__u32 v[64];
};

struct matrix {
	int a[6][6], b[6][6], c[6][6];
};

struct entry {
	__u32 key;
	__u32 next;
	__u64 value;
};

struct list {
	__u32 first;
	struct entry e[32];
};

ARRAY(rings, struct ring, 1);
ARRAY(heaps, struct heap, 1);
ARRAY(matrices, struct matrix, 1);
ARRAY(lists, struct list, 1);
ARRAY(words, __u64[16], 1);
ARRAY(numbers, int[64], 1);

#define GET(map) ({ __u32 zero_ = 0; bpf_map_lookup_elem(&map, &zero_); })

SEC("tc")
int ring_put(struct __sk_buff *skb)
{
	struct ring *r = GET(rings);

	if (!r || r->head - r->tail >= 32)
		return 0;
	r->slot[r->head & 31] = skb->len;
	r->head++;
	return 0;
}

SEC("tc")
int ring_take(struct __sk_buff *skb)
{
	struct ring *r = GET(rings);
	__u64 sum = 0;
	int i;

	if (!r)
		return 0;
ROLLED
	for (i = 0; i < 32 && r->tail != r->head; i++) {
		sum += r->slot[r->tail % 32];
		r->tail++;
	}
	skb->mark = sum;
	return 0;
}

SEC("tc")
int heap_push(struct __sk_buff *skb)
{
	struct heap *h = GET(heaps);
	__u32 i, up, t, step;

	if (!h || h->n >= 63)
		return 0;
	i = ++h->n & 63;
	h->v[i] = skb->len;
ROLLED
	for (step = 0; step < 6 && i > 1; step++) {
		up = i >> 1;
		if (h->v[up] <= h->v[i])
			break;
		t = h->v[up];
		h->v[up] = h->v[i];
		h->v[i] = t;
		i = up;
	}
	return 0;
}

SEC("tc")
int heap_pop(struct __sk_buff *skb)
{
	struct heap *h = GET(heaps);
	__u32 i = 1, child, n, t, step;

	if (!h)
		return 0;
	n = h->n;
	if (n < 1 || n > 63)
		return 0;
	skb->mark = h->v[1];
	h->v[1] = h->v[n];
	h->n = --n;
ROLLED
	for (step = 0; step < 6; step++) {
		child = i * 2;
		if (child > n || child > 62)
			break;
		if (child < n && h->v[child + 1] < h->v[child])
			child++;
		if (h->v[i & 63] <= h->v[child & 63])
			break;
		t = h->v[i & 63];
		h->v[i & 63] = h->v[child & 63];
		h->v[child & 63] = t;
		i = child;
	}
	return 0;
}

SEC("tc")
int bubble_sort(struct __sk_buff *skb)
{
	int *v = GET(numbers), i, j;

	if (!v)
		return 0;
ROLLED
	for (i = 0; i < 15; i++)
ROLLED
		for (j = 0; j < 15 - i; j++)
			if (v[j] > v[j + 1]) {
				int t = v[j];

				v[j] = v[j + 1];
				v[j + 1] = t;
			}
	return 0;
}

SEC("tc")
int insertion_sort(struct __sk_buff *skb)
{
	__u32 a[12], i, j, v;

ROLLED
	for (i = 0; i < 12; i++)
		a[i] = bpf_get_prandom_u32();
ROLLED
	for (i = 1; i < 12; i++) {
		v = a[i];
ROLLED
		for (j = i; j > 0 && a[j - 1] > v; j--)
			a[j] = a[j - 1];
		a[j] = v;
	}
	skb->mark = a[0];
	return a[0] > a[11];
}

SEC("tc")
int matrix_multiply(struct __sk_buff *skb)
{
	struct matrix *m = GET(matrices);
	int i, j, k;

	if (!m)
		return 0;
ROLLED
	for (i = 0; i < 6; i++)
ROLLED
		for (j = 0; j < 6; j++) {
			int sum = 0;

ROLLED
			for (k = 0; k < 6; k++)
				sum += m->a[i][k] * m->b[k][j];
			m->c[i][j] = sum;
		}
	return 0;
}

SEC("tc")
int binary_search(struct __sk_buff *skb)
{
	int *v = GET(numbers);
	__u32 lo = 0, hi = 64, step;

	if (!v)
		return 0;
ROLLED
	for (step = 0; step < 7 && lo < hi; step++) {
		__u32 mid = (lo + hi) / 2;

		if (mid >= 64)
			return 0;
		if (v[mid] < (int)skb->len)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < 64;
}

SEC("tc")
int bit_set(struct __sk_buff *skb)
{
	__u64 *w = GET(words);
	__u32 i = skb->hash & 1023, n = 0;

	if (!w)
		return 0;
	w[i / 64] |= 1ull << (i & 63);
	while (n < 1024 && w[n / 64 & 15] >> (n & 63) & 1)
		n++;
	skb->mark = n;
	return 0;
}

SEC("tc")
int linked_list(struct __sk_buff *skb)
{
	struct list *l = GET(lists);
	__u32 at, i;

	if (!l)
		return 0;
	at = l->first;
ROLLED
	for (i = 0; i < 32; i++) {
		if (at >= 32)
			break;
		if (l->e[at].key == skb->len) {
			l->e[at].value++;
			return 1;
		}
		at = l->e[at].next;
	}
	return 0;
}

// Open addressing inside a map value.
SEC("tc")
int open_hash(struct __sk_buff *skb)
{
	struct list *l = GET(lists);
	__u32 h = skb->hash, i;

	if (!l)
		return 0;
ROLLED
	for (i = 0; i < 32; i++) {
		struct entry *e = &l->e[(h + i) & 31];

		if (!e->key)
			e->key = skb->hash;
		if (e->key == skb->hash) {
			e->value += skb->len;
			break;
		}
	}
	return 0;
}

SEC("tc")
int minimum_and_maximum(struct __sk_buff *skb)
{
	int *v = GET(numbers), lo, hi, i;

	if (!v)
		return 0;
	lo = hi = v[0];
ROLLED
	for (i = 1; i < 64; i++) {
		if (v[i] < lo)
			lo = v[i];
		if (v[i] > hi)
			hi = v[i];
	}
	skb->mark = hi - lo;
	return 0;
}

SEC("tc")
int sieve(struct __sk_buff *skb)
{
	__u64 *w = GET(words);
	__u32 i, j, n = 0;

	if (!w)
		return 0;
ROLLED
	for (i = 2; i < 32; i++)
ROLLED
		for (j = i * 2; j < 256; j += i)
			w[j / 64] |= 1ull << (j & 63);
	skb->mark = n;
	return 0;
}

SEC("tc")
int transpose_on_stack(struct __sk_buff *skb)
{
	__u16 m[8][8];
	int i, j;

ROLLED
	for (i = 0; i < 8; i++)
ROLLED
		for (j = 0; j < 8; j++)
			m[i][j] = i * 8 + j + skb->mark;
ROLLED
	for (i = 0; i < 8; i++)
ROLLED
		for (j = i + 1; j < 8; j++) {
			__u16 t = m[i][j];

			m[i][j] = m[j][i];
			m[j][i] = t;
		}
	return m[skb->len & 7][skb->hash & 7] & 1;
}

LICENSE("GPL");
