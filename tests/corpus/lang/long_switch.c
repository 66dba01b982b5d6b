// A giant switch: 600 cases with map look-ups and branches of their own.
#include "lang.h"

struct row {
	__u64 hits;
	__u32 last;
	__u32 kind;
};

ARRAY(rows, struct row, 1024);

#define ROW(n)                                                                 \
	case (n) * 3 + ((n) & 1): {                                            \
		__u32 k_ = (n) ^ 0x55;                                         \
		r = bpf_map_lookup_elem(&rows, &k_);                           \
		if (r) {                                                       \
			r->hits += (n) + 1;                                    \
			if (r->kind > (n))                                     \
				v ^= (n) * 7;                                  \
		}                                                              \
		break;                                                         \
	}
#define ROW4(n) ROW(n) ROW((n) + 1) ROW((n) + 2) ROW((n) + 3)
#define ROW16(n) ROW4(n) ROW4((n) + 4) ROW4((n) + 8) ROW4((n) + 12)
#define ROW64(n) ROW16(n) ROW16((n) + 16) ROW16((n) + 32) ROW16((n) + 48)
#define ROW192(n) ROW64(n) ROW64((n) + 64) ROW64((n) + 128)

SEC("tc")
int giant(struct __sk_buff *skb)
{
	struct row *r;
	__u32 v = skb->hash;

	switch (skb->len) {
	ROW192(0)
	ROW64(192)
	}
	skb->mark = v;
	return v & 1;
}

LICENSE("GPL");
