/* Loops at tc: over options, extents, candidates, retries; with helper calls in their bodies. */
#include "corpus.h"

struct extent {
	u32 from, to;
	u32 action;
};

struct target {
	__be32 addr;
	u32 weight;
};

ARRAY(extents, struct extent, 32);
ARRAY(targets, struct target, 16);
HASH(seen, u64, u32, 4096);
LRU(dedup, u32, u64, 4096);

#define NO_UNROLL _Pragma("clang loop unroll(disable)")

SEC("tc")
int loop_extents(struct __sk_buff *skb)
{
	u32 at = skb->hash;

	NO_UNROLL
	for (u32 i = 0; i < 32; i++) {
		u32 k = i;
		struct extent *e = bpf_map_lookup_elem(&extents, &k);

		if (!e || e->from == e->to)
			break;
		if (at >= e->from && at < e->to)
			return e->action ? TC_ACT_SHOT : TC_ACT_OK;
	}
	return TC_ACT_UNSPEC;
}

/* A weighted choice: the weights are summed, then walked again. */
SEC("tc")
int loop_weighted(struct __sk_buff *skb)
{
	u32 total = 0, pick, chosen = 0;

	NO_UNROLL
	for (u32 i = 0; i < 16; i++) {
		u32 k = i;
		struct target *t = bpf_map_lookup_elem(&targets, &k);

		if (t)
			total += t->weight & 255;
	}
	if (!total)
		return TC_ACT_SHOT;
	pick = bpf_get_prandom_u32() % total;
	NO_UNROLL
	for (u32 i = 0; i < 16; i++) {
		u32 k = i;
		struct target *t = bpf_map_lookup_elem(&targets, &k);

		if (!t)
			break;
		if (pick < (t->weight & 255)) {
			chosen = t->addr;
			break;
		}
		pick -= t->weight & 255;
	}
	if (!chosen)
		return TC_ACT_OK;
	return bpf_skb_store_bytes(skb, ETH_HLEN + 16, &chosen, 4, BPF_F_RECOMPUTE_CSUM) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Rolling hashes of a window over a copy of the payload. */
SEC("tc")
int loop_rolling(struct __sk_buff *skb)
{
	u8 buf[96];
	u64 h = 0;
	u32 hits = 0;

	if (bpf_skb_load_bytes(skb, 54, buf, sizeof(buf)))
		return TC_ACT_OK;
	NO_UNROLL
	for (int i = 0; i < 96; i++) {
		h = h * 257 + buf[i];
		if (i >= 16)
			h -= buf[i - 16] * 0x1234567ULL;
		if (i % 16 == 15) {
			u32 *n = bpf_map_lookup_elem(&seen, &h);

			if (n)
				hits += *n;
		}
	}
	return hits > 100 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* A free port is sought: eight attempts, each an insertion. */
SEC("tc")
int loop_allocate(struct __sk_buff *skb)
{
	u32 start = bpf_get_prandom_u32(), got = 0, one = 1;

	NO_UNROLL
	for (u32 i = 0; i < 8; i++) {
		u64 key = (u64)skb->ifindex << 16 | ((start + i * 7919) & 0xffff);

		if (bpf_map_update_elem(&seen, &key, &one, BPF_NOEXIST) == 0) {
			got = key & 0xffff;
			break;
		}
	}
	if (!got)
		return TC_ACT_SHOT;
	skb->mark = got;
	return TC_ACT_OK;
}

/* MPLS labels until the bottom of the stack. */
SEC("tc")
int loop_mpls(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 *label = data + ETH_HLEN;
	u32 depth = 0;

	if (skb->protocol != bpf_htons(0x8847))
		return TC_ACT_OK;
	NO_UNROLL
	for (int i = 0; i < 8; i++) {
		if ((void *)(label + 1) > end)
			return TC_ACT_SHOT;
		depth++;
		if (*label & bpf_htonl(0x100))
			break;
		label++;
	}
	skb->priority = depth;
	return depth > 6 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* SCTP chunks, read through the stack; the position is rounded up to four. */
SEC("tc")
int loop_sctp(struct __sk_buff *skb)
{
	u32 off = ETH_HLEN + 20 + 12, kinds = 0;

	NO_UNROLL
	for (int i = 0; i < 16; i++) {
		struct {
			u8 type, flags;
			__be16 len;
		} chunk;
		u32 len;

		if (bpf_skb_load_bytes(skb, off, &chunk, sizeof(chunk)))
			break;
		len = bpf_ntohs(chunk.len);
		if (len < 4)
			return TC_ACT_SHOT;
		kinds |= 1 << (chunk.type & 31);
		off += (len + 3) & ~3;
	}
	return kinds & 1 << 6 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Duplicates within a window: the hash of the header by words, then a lookup. */
SEC("tc")
int loop_dedup(struct __sk_buff *skb)
{
	u32 w[10], h = 0x811c9dc5;
	u64 now = bpf_ktime_get_ns(), *last;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, w, sizeof(w)))
		return TC_ACT_OK;
	NO_UNROLL
	for (int i = 0; i < 10; i++)
		h = (h ^ w[i]) * 0x01000193;
	last = bpf_map_lookup_elem(&dedup, &h);
	if (last && now - *last < 1000000)
		return TC_ACT_SHOT;
	bpf_map_update_elem(&dedup, &h, &now, BPF_ANY);
	return TC_ACT_OK;
}
