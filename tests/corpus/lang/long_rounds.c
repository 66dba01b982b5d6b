// Long straight code: unrolled rounds of a mixing function over a packet and a
// map value.
#include "lang.h"

struct block {
	__u64 v[64];
};

ARRAY(blocks, struct block, 1);

#define MIX(i)                                                                 \
	a += b->v[(i) & 63];                                                   \
	a ^= a << 13;                                                          \
	c = (c << 7 | c >> 57) + a;                                            \
	d ^= c * 0x9e3779b97f4a7c15ull;                                        \
	b->v[((i) * 5 + 3) & 63] = d;                                          \
	hide(a);                                                               \
	hide(d);
#define MIX4(i) MIX(i) MIX((i) + 1) MIX((i) + 2) MIX((i) + 3)
#define MIX16(i) MIX4(i) MIX4((i) + 4) MIX4((i) + 8) MIX4((i) + 12)
#define MIX64(i) MIX16(i) MIX16((i) + 16) MIX16((i) + 32) MIX16((i) + 48)

SEC("tc")
int rounds(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct block *b = bpf_map_lookup_elem(&blocks, &zero);
	__u64 a = skb->len, c = skb->hash, d = 1;

	if (!b)
		return 0;
	MIX64(0)
	MIX64(64)
	MIX64(128)
	MIX64(192)
	return (a ^ c ^ d) & 1;
}

// The same in a loop: sixteen unrolled rounds, sixteen times.
SEC("tc")
int rounds_in_loop(struct __sk_buff *skb)
{
	__u32 zero = 0, i;
	struct block *b = bpf_map_lookup_elem(&blocks, &zero);
	__u64 a = skb->len, c = skb->hash, d = 1;

	if (!b)
		return 0;
ROLLED
	for (i = 0; i < 16; i++) {
		MIX16(i * 4)
		MIX16(i)
	}
	return (a ^ c ^ d) & 1;
}

LICENSE("GPL");
