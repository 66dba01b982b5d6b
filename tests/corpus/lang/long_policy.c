// A firewall compiled to code: rule after rule over parsed fields, several
// thousand instructions, and the same as a loop over a table.
#include "lang.h"

struct fields {
	__u32 s, d;
	__u16 sp, dp;
	__u8 proto, ttl;
	__u16 len;
};

struct rule {
	__u32 s, smask, d, dmask;
	__u16 lo, hi;
	__u8 proto, verdict, used, pad;
	__u64 hits;
};

ARRAY(rules, struct rule, 64);
ARRAY(counters, __u64[512], 1);

INLINE int parse(struct xdp_md *ctx, struct fields *f)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 hl;

	if (p + 34 > end || *(__be16 *)(p + 12) != bpf_htons(0x800))
		return -1;
	f->ttl = p[22];
	f->proto = p[23];
	f->len = bpf_ntohs(*(__be16 *)(p + 16));
	f->s = *(__u32 *)(p + 26);
	f->d = *(__u32 *)(p + 30);
	hl = (p[14] & 15) * 4;
	if (hl < 20)
		return -1;
	p += 14 + hl;
	if (p + 4 > end)
		return -1;
	f->sp = bpf_ntohs(*(__be16 *)p);
	f->dp = bpf_ntohs(*(__be16 *)(p + 2));
	return 0;
}

#define RULE(n)                                                                \
	if ((f.s & (0xffffffffu << ((n) % 24))) == (((__u32)((n) * 2654435761u)) & (0xffffffffu << ((n) % 24))) && \
	    f.dp >= (n) * 13 % 60000 && f.dp <= (n) * 13 % 60000 + 100) {      \
		c[(n) & 511] += f.len;                                         \
		if (f.proto == ((n) & 1 ? 6 : 17) && f.ttl > (n) % 64)         \
			return (n) % 3 ? XDP_DROP : XDP_PASS;                  \
	}

#ifndef RULES
#define RULES SIXTEEN(1) SIXTEEN(17)
#endif

#define FOUR(n) RULE(n) RULE((n) + 1) RULE((n) + 2) RULE((n) + 3)
#define SIXTEEN(n) FOUR(n) FOUR((n) + 4) FOUR((n) + 8) FOUR((n) + 12)
#define SIXTYFOUR(n) SIXTEEN(n) SIXTEEN((n) + 16) SIXTEEN((n) + 32) SIXTEEN((n) + 48)

SEC("xdp")
int compiled(struct xdp_md *ctx)
{
	struct fields f;
	__u32 zero = 0;
	__u64 *c = bpf_map_lookup_elem(&counters, &zero);

	if (!c || parse(ctx, &f))
		return XDP_PASS;
	RULES
	return XDP_PASS;
}

SEC("xdp")
int looped(struct xdp_md *ctx)
{
	struct fields f;
	__u32 i;

	if (parse(ctx, &f))
		return XDP_PASS;
ROLLED
	for (i = 0; i < 64; i++) {
		__u32 k = i;
		struct rule *r = bpf_map_lookup_elem(&rules, &k);

		if (!r || !r->used)
			break;
		if ((f.s & r->smask) != r->s || (f.d & r->dmask) != r->d)
			continue;
		if (f.dp < r->lo || f.dp > r->hi || (r->proto && r->proto != f.proto))
			continue;
		__sync_fetch_and_add(&r->hits, 1);
		return r->verdict ? XDP_PASS : XDP_DROP;
	}
	return XDP_PASS;
}

LICENSE("GPL");
