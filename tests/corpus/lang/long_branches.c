// Hundreds of branches one after another. In the first program what they change
// matters only as a number that nobody tests; in the second, flags are tested
// again later; in the third the packet is looked at between them.
#include "lang.h"

ARRAY(values, __u64[128], 1);

#define FOUR(M, n) M(n) M((n) + 1) M((n) + 2) M((n) + 3)
#define SIXTEEN(M, n) FOUR(M, n) FOUR(M, (n) + 4) FOUR(M, (n) + 8) FOUR(M, (n) + 12)
#define SIXTYFOUR(M, n) SIXTEEN(M, n) SIXTEEN(M, (n) + 16) SIXTEEN(M, (n) + 32) SIXTEEN(M, (n) + 48)

#define LOOSE(n)                                                               \
	if (v[(n) & 127] > x + (n)) {                                          \
		y += (n) * 3;                                                  \
		x ^= y;                                                        \
	} else {                                                               \
		y -= x;                                                        \
	}                                                                      \
	hide(y);                                                               \
	hide(x);

SEC("tc")
int loose(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *v = bpf_map_lookup_elem(&values, &zero), x = skb->len, y = 0;

	if (!v)
		return 0;
	SIXTYFOUR(LOOSE, 0)
	SIXTYFOUR(LOOSE, 64)
	SIXTYFOUR(LOOSE, 128)
	SIXTYFOUR(LOOSE, 192)
	skb->mark = y;
	return 0;
}

#define FLAG(n)                                                                \
	if (v[(n) & 127] > 5) {                                                \
		f |= 1u << ((n) & 3);                                          \
		v[((n) + 1) & 127] += f;                                       \
	}                                                                      \
	hide(f);                                                               \
	if (((n) & 3) == 3 && f == 9)                                          \
		v[(n) & 127]++;

SEC("tc")
int flags(struct __sk_buff *skb)
{
	__u32 zero = 0, f = 0;
	__u64 *v = bpf_map_lookup_elem(&values, &zero);

	if (!v)
		return 0;
	SIXTYFOUR(FLAG, 0)
	SIXTYFOUR(FLAG, 64)
	skb->mark = f;
	return 0;
}

#define PART(n)                                                                \
	if (p + 4 > end)                                                       \
		return 1;                                                      \
	if (*p == (n) % 251) {                                                 \
		v[(n) & 127] += p[1];                                          \
		p += 2;                                                        \
	} else {                                                               \
		p += 4;                                                        \
	}                                                                      \
	hide(p);

SEC("tc")
int parts(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 zero = 0;
	__u64 *v = bpf_map_lookup_elem(&values, &zero);

	if (!v)
		return 0;
	SIXTYFOUR(PART, 0)
	return 0;
}

#define KEEP(n)                                                                \
	i = v[(n) & 127];                                                      \
	if (i < 100 + (n) % 28) {                                              \
		v[i] += t;                                                     \
		t += i;                                                        \
	} else if (i & 1) {                                                    \
		t -= (n);                                                      \
	}                                                                      \
	hide(t);

// Each branch bounds an index that is forgotten afterwards.
SEC("tc")
int indices(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *v = bpf_map_lookup_elem(&values, &zero), i, t = 0;

	if (!v)
		return 0;
	SIXTYFOUR(KEEP, 0)
	SIXTYFOUR(KEEP, 64)
	SIXTYFOUR(KEEP, 128)
	skb->mark = t;
	return 0;
}

LICENSE("GPL");
