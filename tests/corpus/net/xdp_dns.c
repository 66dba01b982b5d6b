/* DNS at XDP: names walked label by label, queries counted and answered. */
#include "corpus.h"

struct dns_hdr {
	__be16 id;
	__be16 flags;
	__be16 qd, an, ns, ar;
};

struct name_key {
	u16 type;
	u16 len;
	char name[60];
};

struct answer {
	__be32 addr;
	u32 ttl;
};

HASH(records, struct name_key, struct answer, 1024);
LRU(query_rate, __be32, u64, 16384);

#ifndef LEGACY
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} queries SEC(".maps");
#endif

inline_ struct dns_hdr *dns_of(struct xdp_md *ctx, struct iphdr **ip, struct udphdr **udp, struct cursor *c)
{
	struct ethhdr *eth;

	*c = cursor_of(ctx);
	eth = take(c, sizeof(*eth));
	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	*ip = take(c, sizeof(**ip));
	if (!*ip || (*ip)->ihl != 5 || (*ip)->protocol != IPPROTO_UDP)
		return 0;
	*udp = take(c, sizeof(**udp));
	if (!*udp || (*udp)->dest != bpf_htons(53))
		return 0;
	return take(c, sizeof(struct dns_hdr));
}

/* Copies the name in lower case, byte by byte, until the root label. */
inline_ int copy_name(struct cursor *c, struct name_key *k)
{
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 59; i++) {
		u8 *p = c->pos, b;

		if ((void *)(p + 1) > c->end)
			return -1;
		b = *p;
		c->pos = p + 1;
		if (!b)
			break;
		if (b >= 'A' && b <= 'Z')
			b += 32;
		k->name[i] = b;
	}
	k->len = i;
	return i;
}

SEC("xdp")
int dns_count(struct xdp_md *ctx)
{
	struct udphdr *udp;
	struct cursor c;
	struct iphdr *ip;
	u64 *n, one = 1;

	if (!dns_of(ctx, &ip, &udp, &c))
		return XDP_PASS;
	n = bpf_map_lookup_elem(&query_rate, &ip->saddr);
	if (!n) {
		bpf_map_update_elem(&query_rate, &ip->saddr, &one, BPF_ANY);
		return XDP_PASS;
	}
	return __sync_add_and_fetch(n, 1) > 10000 ? XDP_DROP : XDP_PASS;
}

/* Labels only: the depth of the name, jumps of up to 63 bytes. */
SEC("xdp")
int dns_labels(struct xdp_md *ctx)
{
	struct dns_hdr *dns;
	struct udphdr *udp;
	struct cursor c;
	struct iphdr *ip;
	int depth = 0;

	dns = dns_of(ctx, &ip, &udp, &c);
	if (!dns || dns->qd != bpf_htons(1))
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 16; i++) {
		u8 *len = take(&c, 1);

		if (!len)
			return XDP_DROP;
		if (!*len)
			break;
		if (*len & 0xc0)
			return XDP_DROP;
		c.pos += *len;
		depth++;
	}
	return depth > 10 ? XDP_DROP : XDP_PASS;
}

/* Amplification: responses, ANY queries and long ones go. */
SEC("xdp")
int dns_any(struct xdp_md *ctx)
{
	struct name_key k = {};
	struct dns_hdr *dns;
	struct udphdr *udp;
	struct cursor c;
	struct iphdr *ip;
	u16 *type;

	dns = dns_of(ctx, &ip, &udp, &c);
	if (!dns)
		return XDP_PASS;
	if (dns->flags & bpf_htons(0x8000))
		return XDP_DROP;
	if (copy_name(&c, &k) < 0)
		return XDP_DROP;
	type = take(&c, 2);
	if (!type)
		return XDP_DROP;
	return *type == bpf_htons(255) ? XDP_DROP : XDP_PASS;
}

#ifndef LEGACY
/* Answers from a map; the packet grows by the resource record. */
SEC("xdp")
int dns_answer(struct xdp_md *ctx)
{
	struct rr {
		__be16 name, type, class;
		__be16 ttl[2];
		__be16 len;
		__be16 addr[2];
	} __attribute__((packed)) *rr;
	struct name_key k = {};
	struct answer *a, found;
	struct dns_hdr *dns;
	struct udphdr *udp;
	struct cursor c;
	struct iphdr *ip;
	struct ethhdr *eth;
	u16 *type;
	u32 len, swap;
	u8 mac[6];
	u64 used;

	dns = dns_of(ctx, &ip, &udp, &c);
	if (!dns || dns->qd != bpf_htons(1) || dns->flags & bpf_htons(0x8000))
		return XDP_PASS;
	if (copy_name(&c, &k) < 0)
		return XDP_PASS;
	type = take(&c, 4);
	if (!type || type[1] != bpf_htons(1))
		return XDP_PASS;
	k.type = bpf_ntohs(type[0]);
	a = bpf_map_lookup_elem(&records, &k);
	if (!a)
		return XDP_PASS;
	found = *a;
	used = c.pos - (void *)(long)ctx->data;
	hide(used);
	if (bpf_xdp_adjust_tail(ctx, sizeof(*rr)))
		return XDP_PASS;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	udp = (void *)(ip + 1);
	dns = (void *)(udp + 1);
	if ((void *)(dns + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (used > 512)
		return XDP_DROP;
	rr = (void *)eth + used;
	if ((void *)(rr + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	rr->name = bpf_htons(0xc00c);
	rr->type = bpf_htons(1);
	rr->class = bpf_htons(1);
	rr->ttl[0] = bpf_htons(found.ttl >> 16);
	rr->ttl[1] = bpf_htons(found.ttl & 0xffff);
	rr->len = bpf_htons(4);
	__builtin_memcpy(rr->addr, &found.addr, 4);
	dns->flags |= bpf_htons(0x8180);
	dns->an = bpf_htons(1);
	dns->ar = 0;
	len = bpf_ntohs(ip->tot_len) + sizeof(*rr);
	ip->tot_len = bpf_htons(len);
	udp->len = bpf_htons(len - sizeof(*ip));
	udp->check = 0;
	swap = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = swap;
	udp->dest = udp->source;
	udp->source = bpf_htons(53);
	ip->check = 0;
	ip->check = fold(bpf_csum_diff(0, 0, (__be32 *)ip, sizeof(*ip), 0));
	__builtin_memcpy(mac, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, mac, 6);
	return XDP_TX;
}

struct query_event {
	u64 when;
	__be32 client;
	u16 type;
	u16 len;
	char name[60];
};

SEC("xdp")
int dns_log(struct xdp_md *ctx)
{
	struct query_event *e;
	struct dns_hdr *dns;
	struct udphdr *udp;
	struct cursor c;
	struct iphdr *ip;
	int i;

	dns = dns_of(ctx, &ip, &udp, &c);
	if (!dns)
		return XDP_PASS;
	e = bpf_ringbuf_reserve(&queries, sizeof(*e), 0);
	if (!e)
		return XDP_PASS;
	e->when = bpf_ktime_get_boot_ns();
	e->client = ip->saddr;
	e->type = 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < 59; i++) {
		u8 *p = c.pos + i;

		if ((void *)(p + 1) > c.end)
			goto discard;
		e->name[i] = *p;
		if (!*p)
			break;
	}
	e->len = i;
	if (bpf_ringbuf_query(&queries, BPF_RB_AVAIL_DATA) > 2048)
		bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	else
		bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return XDP_PASS;
discard:
	bpf_ringbuf_discard(e, 0);
	return XDP_DROP;
}
#endif
