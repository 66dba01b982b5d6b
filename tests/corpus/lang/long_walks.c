// Loops that cost the kernel many instructions: it walks every iteration.
#include "lang.h"

struct cells {
	__u32 v[256];
};

ARRAY(cells, struct cells, 1);

#define CELLS ({ __u32 k_ = 0; struct cells *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })

SEC("tc")
int hundred_by_hundred(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, j;

ROLLED
	for (i = 0; i < 100; i++)
ROLLED
		for (j = 0; j < 100; j++)
			c->v[(i + j) & 255] += j;
	return 0;
}

SEC("tc")
int ten_thousand(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i;

ROLLED
	for (i = 0; i < 10000; i++)
		c->v[i & 255] ^= i;
	return 0;
}

SEC("tc")
int three_deep(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, j, k;

ROLLED
	for (i = 0; i < 16; i++)
ROLLED
		for (j = 0; j < 16; j++)
ROLLED
			for (k = 0; k < 16; k++)
				c->v[i * 16 + k] += c->v[j * 16 + k];
	return 0;
}

SEC("tc")
int branch_in_loop(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, odd = 0;

ROLLED
	for (i = 0; i < 256; i++) {
		if (c->v[i] & 1)
			odd++;
		else
			c->v[i] >>= 1;
	}
	skb->mark = odd;
	return 0;
}

SEC("tc")
int matrix_sixteen(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 a[8][8], i, j, k;

ROLLED
	for (i = 0; i < 64; i++)
		a[i >> 3][i & 7] = i;
ROLLED
	for (i = 0; i < 8; i++)
ROLLED
		for (j = 0; j < 8; j++) {
			__u32 s = 0;

ROLLED
			for (k = 0; k < 8; k++)
				s += a[i][k] * a[k][j];
			c->v[i * 8 + j] = s;
		}
	return 0;
}

LICENSE("GPL");
