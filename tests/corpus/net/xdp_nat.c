/* Network address translation at XDP: lookup, rewriting, incremental checksums. */
#include "corpus.h"

struct tuple {
	__be32 src, dst;
	__be16 sport, dport;
	u32 proto;
};

struct binding {
	__be32 addr;
	__be16 port;
	u16 flags;
	u64 last;
};

LRU(snat, struct tuple, struct binding, 16384);
LRU(dnat, struct tuple, struct binding, 16384);
ARRAY(pool, __be32, 8);
ARRAY(next_port, u32, 1);

inline_ u16 csum_replace4(u16 check, u32 from, u32 to)
{
	u64 sum = (u16)~check;

	sum += (u16)~from;
	sum += (u16)~(from >> 16);
	sum += (u16)to;
	sum += (u16)(to >> 16);
	return fold((u32)sum);
}

inline_ u16 csum_replace2(u16 check, u16 from, u16 to)
{
	return fold((u16)~check + (u16)~from + to);
}

struct parsed {
	struct iphdr *ip;
	__be16 *sport;
	__be16 *dport;
	u16 *check;
};

inline_ int parse(struct xdp_md *ctx, struct parsed *p)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	void *l4;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	if (ip->ihl < 5 || (ip->frag_off & bpf_htons(IP_OFFSET)))
		return -1;
	l4 = (void *)ip + ((u32)ip->ihl << 2);
	p->ip = ip;
	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return -1;
		p->sport = &tcp->source;
		p->dport = &tcp->dest;
		p->check = &tcp->check;
	} else if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > end)
			return -1;
		p->sport = &udp->source;
		p->dport = &udp->dest;
		p->check = &udp->check;
	} else {
		return -1;
	}
	return 0;
}

inline_ void rewrite(struct parsed *p, __be32 *addr, __be16 *port, __be32 new_addr, __be16 new_port)
{
	__be32 old = *addr;
	__be16 old_port = *port;

	p->ip->check = csum_replace4(p->ip->check, old, new_addr);
	if (*p->check || p->ip->protocol == IPPROTO_TCP) {
		*p->check = csum_replace4(*p->check, old, new_addr);
		*p->check = csum_replace2(*p->check, old_port, new_port);
	}
	*addr = new_addr;
	*port = new_port;
}

inline_ void tuple_of(struct parsed *p, struct tuple *t)
{
	t->src = p->ip->saddr;
	t->dst = p->ip->daddr;
	t->sport = *p->sport;
	t->dport = *p->dport;
	t->proto = p->ip->protocol;
}

SEC("xdp")
int xdp_snat(struct xdp_md *ctx)
{
	struct parsed p;
	struct tuple t = {}, back = {};
	struct binding *b, fresh = {};
	u32 zero = 0, slot, *port;
	__be32 *addr;

	if (parse(ctx, &p))
		return XDP_PASS;
	tuple_of(&p, &t);
	b = bpf_map_lookup_elem(&snat, &t);
	if (!b) {
		port = bpf_map_lookup_elem(&next_port, &zero);
		slot = bpf_get_prandom_u32() & 7;
		addr = bpf_map_lookup_elem(&pool, &slot);
		if (!port || !addr || !*addr)
			return XDP_DROP;
		fresh.addr = *addr;
		fresh.port = bpf_htons(1024 + __sync_fetch_and_add(port, 1) % 60000);
		fresh.last = bpf_ktime_get_ns();
		if (bpf_map_update_elem(&snat, &t, &fresh, BPF_NOEXIST))
			return XDP_DROP;
		back.src = t.dst;
		back.sport = t.dport;
		back.dst = fresh.addr;
		back.dport = fresh.port;
		back.proto = t.proto;
		fresh.addr = t.src;
		fresh.port = t.sport;
		bpf_map_update_elem(&dnat, &back, &fresh, BPF_ANY);
		b = bpf_map_lookup_elem(&snat, &t);
		if (!b)
			return XDP_DROP;
	}
	b->last = bpf_ktime_get_ns();
	rewrite(&p, &p.ip->saddr, p.sport, b->addr, b->port);
	return XDP_TX;
}

SEC("xdp")
int xdp_dnat(struct xdp_md *ctx)
{
	struct parsed p;
	struct tuple t = {};
	struct binding *b;

	if (parse(ctx, &p))
		return XDP_PASS;
	tuple_of(&p, &t);
	b = bpf_map_lookup_elem(&dnat, &t);
	if (!b)
		return XDP_PASS;
	b->last = bpf_ktime_get_ns();
	rewrite(&p, &p.ip->daddr, p.dport, b->addr, b->port);
	return XDP_PASS;
}

/* Hairpin: both addresses change. A reset removes the binding. */
SEC("xdp")
int xdp_hairpin(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct parsed p;
	struct tuple t = {};
	struct binding *to, *from;

	if (parse(ctx, &p))
		return XDP_PASS;
	tuple_of(&p, &t);
	to = bpf_map_lookup_elem(&dnat, &t);
	from = bpf_map_lookup_elem(&snat, &t);
	if (!to || !from)
		return XDP_PASS;
	if (p.ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)p.ip + p.ip->ihl * 4;

		if ((void *)(tcp + 1) > end)
			return XDP_DROP;
		if (tcp->rst) {
			bpf_map_delete_elem(&dnat, &t);
			bpf_map_delete_elem(&snat, &t);
			return XDP_PASS;
		}
	}
	rewrite(&p, &p.ip->daddr, p.dport, to->addr, to->port);
	rewrite(&p, &p.ip->saddr, p.sport, from->addr, from->port);
	return XDP_TX;
}

/* Stateless prefix translation of IPv6, checksum neutral. */
SEC("xdp")
int xdp_npt6(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct ipv6hdr *ip6 = take(&c, sizeof(*ip6));
	u32 from = 0, to = 0;
	u16 *w;

	if (!eth || !ip6 || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	w = (u16 *)&ip6->saddr;
#pragma unroll
	for (int i = 0; i < 3; i++)
		from += w[i];
	w[0] = bpf_htons(0x2001);
	w[1] = bpf_htons(0xdb8);
	w[2] = bpf_htons(0x42);
#pragma unroll
	for (int i = 0; i < 3; i++)
		to += w[i];
	w[3] = ~fold((u16)~fold(from) + fold(to) + w[3]);
	return XDP_TX;
}
