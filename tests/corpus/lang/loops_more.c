// More loops: conditions in the middle, values carried round, several exits,
// pointers that move, loops whose bound is computed.
#include "lang.h"

struct cells {
	__u32 v[128];
	__u32 n, step;
};

ARRAY(cells, struct cells, 1);
HASH(counts, __u32, __u32, 1024);

#define CELLS ({ __u32 k_ = 0; struct cells *v_ = bpf_map_lookup_elem(&cells, &k_); if (!v_) return 0; v_; })
#define DATA(skb) ((__u8 *)(long)(skb)->data)
#define END(skb) ((__u8 *)(long)(skb)->data_end)

SEC("tc")
int test_in_the_middle(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i = 0;

	for (;;) {
		c->v[i] += 1;
		if (++i == 100)
			break;
		c->v[i] += c->v[i - 1];
	}
	return 0;
}

SEC("tc")
int three_exits(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, sum = 0;

ROLLED
	for (i = 0; i < 128; i++) {
		if (c->v[i] == 1)
			return 1;
		if (c->v[i] == 2)
			break;
		if (c->v[i] == 3)
			goto bad;
		sum += c->v[i];
	}
	return sum & 1;
bad:
	return 2;
}

SEC("tc")
int carried(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, a = 0, b = 1, d = 2;

ROLLED
	for (i = 0; i < 128; i++) {
		__u32 t = a;

		a = b + c->v[i];
		b = d ^ t;
		d = t - a;
	}
	return (a ^ b ^ d) & 1;
}

SEC("tc")
int pointer_moves(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 *p = c->v, i, sum = 0;

ROLLED
	for (i = 0; i < 64; i++) {
		sum += *p;
		p += 2;
		hide(sum);
	}
	return sum & 1;
}

SEC("tc")
int computed_bound(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 n = (skb->len & 15) * 4 + 3, i;

ROLLED
	for (i = 0; i < n; i++)
		c->v[i] = n;
	return 0;
}

SEC("tc")
int bound_is_minimum(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 n = c->n, i;

	if (n > 128)
		n = 128;
ROLLED
	for (i = 0; i < n; i++)
		c->v[i]--;
	return 0;
}

SEC("tc")
int from_and_to(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, from = skb->mark & 31, to = skb->len & 63;

ROLLED
	for (i = from; i < to; i++)
		c->v[i] = i;
	return 0;
}

SEC("tc")
int step_from_map(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 step = (c->step & 7) + 1, i, n = 0;

ROLLED
	for (i = 0; i < 128 && n < 32; i += step, n++) {
		hide(i);
		c->v[i & 127] = step;
	}
	return 0;
}

SEC("tc")
int packet_words(struct __sk_buff *skb)
{
	__u8 *p = DATA(skb), *end = END(skb);
	__u32 i, sum = 0;

ROLLED
	for (i = 0; i < 32; i++) {
		if (p + 4 > end)
			break;
		sum += *(__u32 *)p;
		p += 4;
	}
	return sum & 1;
}

SEC("tc")
int packet_records(struct __sk_buff *skb)
{
	__u8 *p = DATA(skb), *end = END(skb);
	__u32 i, kinds = 0;

ROLLED
	for (i = 0; i < 16; i++) {
		__u8 len;

		if (p + 2 > end)
			break;
		kinds |= 1u << (p[0] & 31);
		len = p[1];
		if (len < 2)
			break;
		p += len;
	}
	skb->mark = kinds;
	return 0;
}

SEC("tc")
int packet_two_cursors(struct __sk_buff *skb)
{
	__u8 *a = DATA(skb), *end = END(skb), *b = a + 64;
	__u32 i, same = 0;

	if (b + 32 > end)
		return 0;
ROLLED
	for (i = 0; i < 8; i++)
		same += a[i] == b[i];
	return same == 8;
}

SEC("tc")
int helper_in_loop(struct __sk_buff *skb)
{
	__u8 buf[16];
	__u32 i, sum = 0;

ROLLED
	for (i = 0; i < 20; i++) {
		if (bpf_skb_load_bytes(skb, i * 16, buf, sizeof(buf)))
			break;
		sum += buf[0] ^ buf[15];
	}
	return sum & 1;
}

SEC("tc")
int map_in_loop(struct __sk_buff *skb)
{
	__u32 i, one = 1;

ROLLED
	for (i = 0; i < 16; i++) {
		__u32 key = skb->hash >> i;
		__u32 *n = bpf_map_lookup_elem(&counts, &key);

		if (n)
			*n += 1;
		else
			bpf_map_update_elem(&counts, &key, &one, BPF_ANY);
	}
	return 0;
}

SEC("tc")
int stores_in_loop(struct __sk_buff *skb)
{
	__u64 nonce = bpf_ktime_get_ns();
	__u32 i;

ROLLED
	for (i = 0; i < 8; i++) {
		nonce = nonce * 6364136223846793005ull + 1;
		if (bpf_skb_store_bytes(skb, 54 + i * 8, &nonce, sizeof(nonce), 0))
			return 2;
	}
	return 0;
}

SEC("tc")
int nested_break(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, j;

ROLLED
	for (i = 0; i < 11; i++)
ROLLED
		for (j = 0; j < 11; j++) {
			if (c->v[j] > c->v[i])
				break;
			c->v[i * 11 + j]++;
		}
	return 0;
}

SEC("tc")
int triangle(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, j;

	c->v[0] = 1;
ROLLED
	for (i = 1; i < 24; i++)
ROLLED
		for (j = i; j > 0; j--)
			c->v[j] += c->v[j - 1];
	return 0;
}

SEC("tc")
int counts_both_ways(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	int up, down;

ROLLED
	for (up = 0, down = 127; up < down; up++, down -= 2)
		c->v[up] = c->v[down & 127];
	return 0;
}

SEC("tc")
int halving(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 i, n = 0;

ROLLED
	for (i = 127; i; i >>= 1) {
		c->v[i] += n;
		n++;
	}
	return n == 7;
}

SEC("tc")
int flag_ends(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	bool done = false;
	__u32 i;

ROLLED
	for (i = 0; i < 100 && !done; i++) {
		done = c->v[i] > 5;
		c->v[i]++;
	}
	return done;
}

SEC("tc")
int sixty_four_bits(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__s64 i;

ROLLED
	for (i = -64; i != 64; i++)
		c->v[i + 64] = i * i;
	return 0;
}

// Prime numbers by trial.
SEC("tc")
int primes(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 n, d, found = 0;

ROLLED
	for (n = 2; n < 12; n++) {
ROLLED
		for (d = 2; d * d <= n; d++)
			if (n % d == 0)
				break;
		if (d * d > n)
			c->v[found++ & 127] = n;
	}
	return found;
}

// Newton's method with integers.
SEC("tc")
int newton(struct __sk_buff *skb)
{
	__u32 n = skb->len | 1, x = n, i;

ROLLED
	for (i = 0; i < 20; i++) {
		__u32 y = (x + n / (x | 1)) / 2;

		if (y >= x)
			break;
		x = y;
	}
	skb->mark = x;
	return 0;
}

// Bits of a mask visited one after the other.
SEC("tc")
int set_bits(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 m = skb->hash, i;

ROLLED
	for (i = 0; i < 32; i++) {
		if (!(m >> i & 1))
			continue;
		c->v[i * 4]++;
	}
	return 0;
}

LICENSE("GPL");
