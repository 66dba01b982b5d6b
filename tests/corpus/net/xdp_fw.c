/* Firewalls at XDP: prefix tries, port ranges, rule lists walked with bpf_loop and bpf_for_each_map_elem. */
#include "corpus.h"

struct prefix4 {
	u32 len;
	__be32 addr;
};

struct prefix6 {
	u32 len;
	u8 addr[16];
};

struct rule {
	__be32 net, mask;
	u16 lo, hi;
	u8 proto;
	u8 verdict;
	u16 pad;
	u64 hits;
};

#define RULES 128

LPM(deny4, struct prefix4, u32, 4096);
LPM(deny6, struct prefix6, u32, 4096);
ARRAY(rules, struct rule, RULES);
HASH(allowed_ports, u16, u8, 1024);

struct packet {
	__be32 src, dst;
	u16 sport, dport;
	u8 proto;
};

inline_ int parse4(struct xdp_md *ctx, struct packet *p)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip;
	u16 *l4;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	ip = take(&c, sizeof(*ip));
	if (!ip || ip->ihl < 5)
		return -1;
	l4 = (void *)ip + ip->ihl * 4;
	if ((void *)(l4 + 2) > c.end)
		return -1;
	p->src = ip->saddr;
	p->dst = ip->daddr;
	p->proto = ip->protocol;
	p->sport = bpf_ntohs(l4[0]);
	p->dport = bpf_ntohs(l4[1]);
	return 0;
}

SEC("xdp")
int xdp_lpm4(struct xdp_md *ctx)
{
	struct prefix4 k = { .len = 32 };
	struct packet p = {};
	u32 *verdict;

	if (parse4(ctx, &p))
		return XDP_PASS;
	k.addr = p.src;
	verdict = bpf_map_lookup_elem(&deny4, &k);
	if (verdict && *verdict)
		return XDP_DROP;
	k.addr = p.dst;
	verdict = bpf_map_lookup_elem(&deny4, &k);
	return verdict && *verdict == 2 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int xdp_lpm6(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct ipv6hdr *ip6 = take(&c, sizeof(*ip6));
	struct prefix6 k = { .len = 128 };
	u32 *verdict;

	if (!eth || !ip6 || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	__builtin_memcpy(k.addr, &ip6->saddr, 16);
	verdict = bpf_map_lookup_elem(&deny6, &k);
	return verdict ? XDP_DROP : XDP_PASS;
}

inline_ int match(struct rule *r, struct packet *p)
{
	if (r->proto && r->proto != p->proto)
		return 0;
	if ((p->src & r->mask) != r->net)
		return 0;
	return p->dport >= r->lo && p->dport <= r->hi;
}

/* The rule list in a plain loop: a lookup in each round. */
SEC("xdp")
int xdp_rules_loop(struct xdp_md *ctx)
{
	struct packet p = {};

	if (parse4(ctx, &p))
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < RULES; i++) {
		u32 k = i;
		struct rule *r = bpf_map_lookup_elem(&rules, &k);

		if (!r || !r->hi)
			break;
		if (match(r, &p)) {
			__sync_fetch_and_add(&r->hits, 1);
			return r->verdict ? XDP_DROP : XDP_PASS;
		}
	}
	return XDP_PASS;
}

#ifndef LEGACY
struct scan {
	struct packet p;
	int verdict;
};

static long scan_rule(u32 i, struct scan *s)
{
	struct rule *r = bpf_map_lookup_elem(&rules, &i);

	if (!r)
		return 1;
	if (!match(r, &s->p))
		return 0;
	__sync_fetch_and_add(&r->hits, 1);
	s->verdict = r->verdict ? XDP_DROP : XDP_PASS;
	return 1;
}

SEC("xdp")
int xdp_rules_callback(struct xdp_md *ctx)
{
	struct scan s = { .verdict = XDP_PASS };

	if (parse4(ctx, &s.p))
		return XDP_PASS;
	bpf_loop(RULES, scan_rule, &s, 0);
	return s.verdict == XDP_DROP ? XDP_DROP : XDP_PASS;
}

struct bpf_map;

static long visit_rule(struct bpf_map *map, u32 *key, struct rule *r, struct scan *s)
{
	if (!match(r, &s->p))
		return 0;
	r->hits++;
	s->verdict = r->verdict;
	return 1;
}

SEC("xdp")
int xdp_rules_foreach(struct xdp_md *ctx)
{
	struct scan s = {};
	long n;

	if (parse4(ctx, &s.p))
		return XDP_PASS;
	n = bpf_for_each_map_elem(&rules, visit_rule, &s, 0);
	if (n < 0)
		return XDP_ABORTED;
	return s.verdict ? XDP_DROP : XDP_PASS;
}
#endif

/* A table of port ranges in read-only data, found by binary search. */
#ifndef LEGACY
static const struct {
	u16 lo, hi;
	u8 verdict;
} ranges[] = {
	{ 0, 21, 1 },	     { 22, 22, 0 },	  { 23, 52, 1 },      { 53, 53, 0 },	  { 54, 79, 1 },
	{ 80, 80, 0 },	     { 81, 442, 1 },	  { 443, 443, 0 },    { 444, 1023, 1 },	  { 1024, 4999, 0 },
	{ 5000, 5100, 1 },   { 5101, 8079, 0 },	  { 8080, 8080, 0 },  { 8081, 9999, 1 },  { 10000, 32767, 0 },
	{ 32768, 65535, 0 },
};

SEC("xdp")
int xdp_port_ranges(struct xdp_md *ctx)
{
	struct packet p = {};
	u32 lo = 0, hi = 15;

	if (parse4(ctx, &p))
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 5 && lo < hi; i++) {
		u32 mid = (lo + hi + 1) / 2;

		if (ranges[mid & 15].lo <= p.dport)
			lo = mid;
		else
			hi = mid - 1;
	}
	return ranges[lo & 15].verdict ? XDP_DROP : XDP_PASS;
}
#endif

SEC("xdp")
int xdp_allowed_ports(struct xdp_md *ctx)
{
	struct packet p = {};
	u8 *ok;

	if (parse4(ctx, &p))
		return XDP_PASS;
	if (p.proto != IPPROTO_TCP && p.proto != IPPROTO_UDP)
		return XDP_PASS;
	ok = bpf_map_lookup_elem(&allowed_ports, &p.dport);
	if (!ok)
		return XDP_DROP;
	return *ok & (p.proto == IPPROTO_TCP ? 1 : 2) ? XDP_PASS : XDP_DROP;
}
