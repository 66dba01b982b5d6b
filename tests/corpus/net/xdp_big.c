/* Large programs at XDP: everything inlined and unrolled. */
#include "corpus.h"

struct key {
	u32 src[4], dst[4];
	u16 sport, dport;
	u16 vlan[2];
	u8 proto, flags, tunnel, pad;
	u32 vni;
};

struct rule {
	__be32 src, src_mask, dst, dst_mask;
	u16 lo, hi;
	u8 proto, action;
	u16 pad;
	u64 hits;
};

LRU(table, struct key, u64, 16384);
ARRAY(rules, struct rule, 64);
ARRAY(patterns, u64, 64);
PERCPU(counts, u64, 64);

inline_ void count(u32 slot)
{
	u64 *n = bpf_map_lookup_elem(&counts, &slot);

	if (n)
		*n += 1;
}

/* The checksum over the whole segment, word by word without a loop. */
SEC("xdp")
int big_checksum(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip = take(&c, sizeof(*ip));
	u16 *w = c.pos;
	u32 sum = 0;

	if (!eth || !ip || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	sum += (ip->saddr >> 16) + (ip->saddr & 0xffff) + (ip->daddr >> 16) + (ip->daddr & 0xffff);
	sum += bpf_htons(IPPROTO_TCP) + bpf_htons(bpf_ntohs(ip->tot_len) - 20);
#pragma clang loop unroll(full)
	for (int i = 0; i < 360; i++) {
		if ((void *)(w + i + 1) > c.end)
			goto out;
		sum += w[i];
	}
out:
	return fold(sum) ? XDP_DROP : XDP_PASS;
}

/* The same in a loop of 730 rounds. */
SEC("xdp")
int long_checksum(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip = take(&c, sizeof(*ip));
	u64 sum = 0;

	if (!eth || !ip || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 730; i++) {
		u16 *w = take(&c, 2);

		if (!w)
			break;
		sum += *w;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return fold(sum) ? XDP_DROP : XDP_PASS;
}

inline_ int one_rule(u32 i, struct iphdr *ip, u16 port)
{
	u32 k = i;
	struct rule *r = bpf_map_lookup_elem(&rules, &k);

	if (!r)
		return 0;
	if (r->proto && r->proto != ip->protocol)
		return 0;
	if ((ip->saddr & r->src_mask) != r->src || (ip->daddr & r->dst_mask) != r->dst)
		return 0;
	if (port < r->lo || port > r->hi)
		return 0;
	__sync_fetch_and_add(&r->hits, 1);
	return r->action + 1;
}

/* Forty rules, unrolled. */
SEC("xdp")
int big_rules(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip = take(&c, sizeof(*ip));
	struct udphdr *udp = take(&c, sizeof(*udp));
	u16 port;

	if (!eth || !ip || !udp || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	port = bpf_ntohs(udp->dest);
#pragma clang loop unroll(full)
	for (u32 i = 0; i < 40; i++) {
		int r = one_rule(i, ip, port);

		if (r)
			return r == 1 ? XDP_DROP : XDP_PASS;
	}
	return XDP_PASS;
}

inline_ int step_v4(struct cursor *c, struct key *k)
{
	struct iphdr *ip = take(c, sizeof(*ip));

	if (!ip || ip->ihl < 5)
		return -1;
	k->src[0] = ip->saddr;
	k->dst[0] = ip->daddr;
	k->proto = ip->protocol;
	if (ip->frag_off & bpf_htons(IP_OFFSET))
		return -1;
	c->pos += (ip->ihl - 5) * 4;
	return 0;
}

inline_ int step_v6(struct cursor *c, struct key *k)
{
	struct ipv6hdr *ip6 = take(c, sizeof(*ip6));

	if (!ip6)
		return -1;
	__builtin_memcpy(k->src, &ip6->saddr, 16);
	__builtin_memcpy(k->dst, &ip6->daddr, 16);
	k->proto = ip6->nexthdr;
#pragma clang loop unroll(full)
	for (int i = 0; i < 3; i++) {
		u8 *opt;

		if (k->proto != IPPROTO_HOPOPTS && k->proto != IPPROTO_ROUTING && k->proto != IPPROTO_DSTOPTS)
			break;
		opt = take(c, 8);
		if (!opt)
			return -1;
		k->proto = opt[0];
		c->pos += opt[1] * 8;
	}
	return 0;
}

inline_ u16 step_l2(struct cursor *c, struct key *k)
{
	struct ethhdr *eth = take(c, sizeof(*eth));
	u16 proto;

	if (!eth)
		return 0;
	proto = eth->h_proto;
#pragma clang loop unroll(full)
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr *tag;

		if (!is_vlan(proto))
			break;
		tag = take(c, sizeof(*tag));
		if (!tag)
			return 0;
		k->vlan[i] = bpf_ntohs(tag->tci) & 0xfff;
		proto = tag->proto;
	}
	return proto;
}

/* Ethernet, VLANs, IPv4 or IPv6, then VXLAN, GRE or IP in IP, then all of it once more for the inner packet. */
SEC("xdp")
int big_parser(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct key k = {};
	u64 *n, one = 1;
	u16 proto, *ports;

	proto = step_l2(&c, &k);
#pragma clang loop unroll(full)
	for (int level = 0; level < 2; level++) {
		if (proto == bpf_htons(ETH_P_IP)) {
			if (step_v4(&c, &k))
				return XDP_DROP;
		} else if (proto == bpf_htons(ETH_P_IPV6)) {
			if (step_v6(&c, &k))
				return XDP_DROP;
		} else {
			return XDP_PASS;
		}
		if (level)
			break;
		if (k.proto == IPPROTO_UDP) {
			struct udphdr *udp = take(&c, sizeof(*udp));
			u32 *vx;

			if (!udp)
				return XDP_DROP;
			k.sport = udp->source;
			k.dport = udp->dest;
			if (udp->dest != bpf_htons(4789))
				goto flow;
			vx = take(&c, 8);
			if (!vx)
				return XDP_DROP;
			k.tunnel = 1;
			k.vni = bpf_ntohl(vx[1]) >> 8;
			proto = step_l2(&c, &k);
			continue;
		}
		if (k.proto == IPPROTO_GRE) {
			u16 *gre = take(&c, 4);

			if (!gre || gre[0])
				return XDP_DROP;
			k.tunnel = 2;
			proto = gre[1];
			continue;
		}
		if (k.proto == IPPROTO_IPIP) {
			k.tunnel = 3;
			proto = bpf_htons(ETH_P_IP);
			continue;
		}
		break;
	}
	if (k.proto != IPPROTO_TCP && k.proto != IPPROTO_UDP)
		return XDP_PASS;
	ports = take(&c, 8);
	if (!ports)
		return XDP_DROP;
	k.sport = ports[0];
	k.dport = ports[1];
flow:
	count(k.tunnel);
	n = bpf_map_lookup_elem(&table, &k);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&table, &k, &one, BPF_ANY);
	return XDP_PASS;
}

/* Eight patterns of eight bytes sought at 48 positions. */
SEC("xdp")
int big_patterns(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u8 *p = data + 54;
	u64 window = 0;

	if ((void *)(p + 64) > end)
		return XDP_PASS;
#pragma clang loop unroll(full)
	for (int i = 0; i < 56; i++) {
		window = window << 8 | p[i];
		if (i < 7)
			continue;
		if (window == 0x2f62696e2f736820ULL || window == 0x554e494f4e205345ULL)
			goto hit;
		if ((window & 0xffffffff) == 0x2e2e2f2e || (window & 0xffffffffffffULL) == 0x3c7363726970ULL)
			goto hit;
		if ((u32)(window >> 16) == 0x90909090)
			goto hit;
	}
	return XDP_PASS;
hit:
	count(9);
	return XDP_DROP;
}

/* A hash with 64 unrolled rounds over sixteen words of the packet. */
SEC("xdp")
int big_hash(struct xdp_md *ctx)
{
	static const u32 seed = 0x6a09e667;
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 a = seed, b = 0xbb67ae85, c = 0x3c6ef372, d = 0xa54ff53a, w[16], *p = data + 14;
	u64 key;

	if ((void *)(p + 16) > end)
		return XDP_PASS;
#pragma clang loop unroll(full)
	for (int i = 0; i < 16; i++)
		w[i] = bpf_ntohl(p[i]);
#pragma clang loop unroll(full)
	for (int i = 0; i < 64; i++) {
		u32 f, t;

		if (i < 16)
			f = (b & c) | (~b & d);
		else if (i < 32)
			f = (d & b) | (~d & c);
		else if (i < 48)
			f = b ^ c ^ d;
		else
			f = c ^ (b | ~d);
		t = a + f + w[(i * 7) & 15] + 0x5a827999 * i;
		a = d;
		d = c;
		c = b;
		b = b + (t << (i % 23 + 3) | t >> (29 - i % 23));
	}
	key = ((u64)(a ^ c) << 32 | (b ^ d)) & 63;
	count(key);
	return (a + b + c + d) % 1021 ? XDP_PASS : XDP_DROP;
}

/* A protocol number decides: each arm does something of its own. */
SEC("xdp")
int big_switch(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip = take(&c, sizeof(*ip));
	u8 *b = c.pos;
	u32 r;

	if (!eth || !ip || (void *)(b + 40) > c.end)
		return XDP_PASS;
	switch (ip->protocol) {
#define ARM(n)														\
	case (n):													\
		r = b[(n) % 40] * ((n) + 3) + b[((n) * 7) % 40];							\
		if (r & 1)												\
			b[((n) * 3) % 40] ^= (n);									\
		else													\
			ip->tos = r >> ((n) % 5);									\
		break;
#define ARM4(n) ARM(n) ARM(n + 1) ARM(n + 2) ARM(n + 3)
#define ARM16(n) ARM4(n) ARM4(n + 4) ARM4(n + 8) ARM4(n + 12)
		ARM16(0)
		ARM16(16)
		ARM16(32)
		ARM16(48)
		ARM16(64)
		ARM16(80)
		ARM16(96)
		ARM16(112)
	default:
		r = 0;
	}
	count(r & 63);
	return r > 5000 ? XDP_DROP : XDP_PASS;
}
