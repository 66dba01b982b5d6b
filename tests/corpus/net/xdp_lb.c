/* A layer 4 load balancer: virtual services, a consistent hash ring, an LRU of flows, encapsulation towards the backend. */
#include "corpus.h"

#define RING 257
#define SERVICES 64

struct flow {
	union {
		__be32 src;
		__be32 src6[4];
	};
	union {
		__be32 dst;
		__be32 dst6[4];
	};
	__be16 sport;
	__be16 dport;
	u8 proto;
	u8 pad[3];
};

struct service_key {
	union {
		__be32 addr;
		__be32 addr6[4];
	};
	__be16 port;
	u8 proto;
	u8 pad;
};

struct service {
	u32 id;
	u32 flags;
};

struct backend {
	union {
		__be32 addr;
		__be32 addr6[4];
	};
	u8 flags;
	u8 mac[6];
	u8 pad;
};

struct stat {
	u64 packets;
	u64 bytes;
};

HASH(services, struct service_key, struct service, SERVICES);
LRU(flows, struct flow, u32, 65536);
ARRAY(ring, u32, RING *SERVICES);
ARRAY(backends, struct backend, 1024);
PERCPU(stats, struct stat, SERVICES + 4);
ARRAY(self, struct backend, 1);

#define F_NO_LRU 1
#define F_NO_PORT 2

inline_ u32 rotl(u32 v, int n)
{
	return v << n | v >> (32 - n);
}

inline_ u32 mix3(u32 a, u32 b, u32 c)
{
	a += 0x9e3779b9;
	b += 0x9e3779b9;
	c ^= b, c -= rotl(b, 14);
	a ^= c, a -= rotl(c, 11);
	b ^= a, b -= rotl(a, 25);
	c ^= b, c -= rotl(b, 16);
	a ^= c, a -= rotl(c, 4);
	b ^= a, b -= rotl(a, 14);
	c ^= b, c -= rotl(b, 24);
	return c;
}

noinline_ u32 hash_words(const u32 *w, int n)
{
	u32 h = 0x811c9dc5;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		if (i >= n)
			break;
		h = mix3(h, w[i], i);
	}
	return h;
}

inline_ struct backend *choose(struct flow *f, struct service *svc, int v6, u32 *index)
{
	u32 h, *slot, *known, key;

	if (!(svc->flags & F_NO_LRU)) {
		known = bpf_map_lookup_elem(&flows, f);
		if (known) {
			*index = *known;
			return bpf_map_lookup_elem(&backends, known);
		}
	}
	h = v6 ? hash_words((u32 *)f->src6, 4) : mix3(f->src, 0, 0);
	h = mix3(h, (u32)f->sport << 16 | f->dport, f->proto);
	if (svc->id >= SERVICES)
		return 0;
	key = svc->id * RING + h % RING;
	slot = bpf_map_lookup_elem(&ring, &key);
	if (!slot)
		return 0;
	*index = *slot;
	key = *slot;
	if (!(svc->flags & F_NO_LRU))
		bpf_map_update_elem(&flows, f, &key, BPF_ANY);
	return bpf_map_lookup_elem(&backends, &key);
}

inline_ int ports(struct cursor *c, u8 proto, struct flow *f)
{
	if (proto == IPPROTO_TCP) {
		struct tcphdr *tcp = take(c, sizeof(*tcp));

		if (!tcp)
			return -1;
		f->sport = tcp->source;
		f->dport = tcp->dest;
	} else if (proto == IPPROTO_UDP) {
		struct udphdr *udp = take(c, sizeof(*udp));

		if (!udp)
			return -1;
		f->sport = udp->source;
		f->dport = udp->dest;
	} else {
		return 1;
	}
	f->proto = proto;
	return 0;
}

inline_ void account(u32 id, u64 bytes)
{
	struct stat *s = bpf_map_lookup_elem(&stats, &id);

	if (!s)
		return;
	s->packets++;
	s->bytes += bytes;
}

inline_ void ip_check(struct iphdr *ip)
{
	u16 *w = (u16 *)ip;
	u32 sum = 0;

	ip->check = 0;
#pragma unroll
	for (int i = 0; i < (int)sizeof(*ip) / 2; i++)
		sum += w[i];
	ip->check = fold(sum);
}

/* Puts an outer IPv4 header in front of the packet and rewrites the Ethernet header. */
inline_ int encap4(struct xdp_md *ctx, struct backend *b, u16 payload, u32 spread)
{
	struct ethhdr *fresh, *old;
	struct iphdr *ip;
	void *data, *end;
	u32 zero = 0;
	struct backend *me = bpf_map_lookup_elem(&self, &zero);

	if (!me)
		return XDP_DROP;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	fresh = data;
	ip = data + sizeof(*fresh);
	old = data + sizeof(*ip);
	if ((void *)(fresh + 1) > end || (void *)(old + 1) > end || (void *)(ip + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(fresh->h_source, old->h_dest, 6);
	__builtin_memcpy(fresh->h_dest, b->mac, 6);
	fresh->h_proto = bpf_htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = 0;
	ip->tot_len = bpf_htons(payload + sizeof(*ip));
	ip->id = 0;
	ip->frag_off = 0;
	ip->ttl = 64;
	ip->protocol = IPPROTO_IPIP;
	ip->saddr = me->addr ^ (spread & 0xffff0000);
	ip->daddr = b->addr;
	ip_check(ip);
	return XDP_TX;
}

inline_ int encap6(struct xdp_md *ctx, struct backend *b, u16 payload, u8 inner, u32 spread)
{
	struct ethhdr *fresh, *old;
	struct ipv6hdr *ip6;
	void *data, *end;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip6)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	fresh = data;
	ip6 = data + sizeof(*fresh);
	old = data + sizeof(*ip6);
	if ((void *)(ip6 + 1) > end || (void *)(old + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(fresh->h_source, old->h_dest, 6);
	__builtin_memcpy(fresh->h_dest, b->mac, 6);
	fresh->h_proto = bpf_htons(ETH_P_IPV6);
	__builtin_memset(ip6, 0, sizeof(*ip6));
	ip6->version = 6;
	ip6->payload_len = bpf_htons(payload);
	ip6->nexthdr = inner;
	ip6->hop_limit = 64;
	ip6->saddr.in6_u.u6_addr32[0] = bpf_htonl(0x01000000);
	ip6->saddr.in6_u.u6_addr32[3] = spread;
	__builtin_memcpy(&ip6->daddr, b->addr6, 16);
	return XDP_TX;
}

SEC("xdp")
int xdp_lb4(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct flow f = {};
	struct service_key k = {};
	struct service *svc;
	struct backend *b;
	struct iphdr *ip;
	u32 index = 0;
	u16 len;
	int r;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(&c, sizeof(*ip));
	if (!ip)
		return XDP_DROP;
	if (ip->ihl != 5)
		return XDP_DROP;
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return XDP_DROP;
	f.src = ip->saddr;
	f.dst = ip->daddr;
	len = bpf_ntohs(ip->tot_len);
	r = ports(&c, ip->protocol, &f);
	if (r)
		return r > 0 ? XDP_PASS : XDP_DROP;
	k.addr = f.dst;
	k.port = f.dport;
	k.proto = f.proto;
	svc = bpf_map_lookup_elem(&services, &k);
	if (!svc) {
		k.port = 0;
		svc = bpf_map_lookup_elem(&services, &k);
		if (!svc)
			return XDP_PASS;
	}
	if (svc->flags & F_NO_PORT)
		f.sport = 0;
	b = choose(&f, svc, 0, &index);
	if (!b)
		return XDP_DROP;
	account(svc->id, len);
	return encap4(ctx, b, len, f.src ^ f.sport);
}

SEC("xdp")
int xdp_lb6(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct flow f = {};
	struct service_key k = {};
	struct service *svc;
	struct ipv6hdr *ip6;
	struct backend *b;
	u32 index = 0;
	u16 len;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	ip6 = take(&c, sizeof(*ip6));
	if (!ip6)
		return XDP_DROP;
	__builtin_memcpy(f.src6, &ip6->saddr, 16);
	__builtin_memcpy(f.dst6, &ip6->daddr, 16);
	len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
	if (ports(&c, ip6->nexthdr, &f))
		return XDP_PASS;
	__builtin_memcpy(k.addr6, f.dst6, 16);
	k.port = f.dport;
	k.proto = f.proto;
	svc = bpf_map_lookup_elem(&services, &k);
	if (!svc)
		return XDP_PASS;
	b = choose(&f, svc, 1, &index);
	if (!b)
		return XDP_DROP;
	account(svc->id, len);
	return encap6(ctx, b, len, IPPROTO_IPV6, f.src6[3] ^ f.sport);
}

/* ICMP "too big" carries the header of the flow it is about: find the backend of that flow. */
SEC("xdp")
int xdp_lb_icmp(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip, *inner;
	struct icmphdr *icmp;
	struct flow f = {};
	struct backend *b;
	u32 *index;
	u16 len;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(&c, sizeof(*ip));
	if (!ip || ip->protocol != IPPROTO_ICMP)
		return XDP_PASS;
	icmp = take(&c, sizeof(*icmp));
	if (!icmp || icmp->type != ICMP_DEST_UNREACH || icmp->code != ICMP_FRAG_NEEDED)
		return XDP_PASS;
	inner = take(&c, sizeof(*inner));
	if (!inner || inner->ihl != 5)
		return XDP_DROP;
	/* The embedded packet went out: its source is our service. */
	f.src = inner->daddr;
	f.dst = inner->saddr;
	len = bpf_ntohs(ip->tot_len);
	if (ports(&c, inner->protocol, &f))
		return XDP_DROP;
	index = bpf_map_lookup_elem(&flows, &f);
	if (!index)
		return XDP_PASS;
	b = bpf_map_lookup_elem(&backends, index);
	if (!b)
		return XDP_DROP;
	account(SERVICES, len);
	return encap4(ctx, b, len, f.src);
}

/* Answers echo requests for the balancer's own addresses. */
SEC("xdp")
int xdp_lb_ping(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct icmphdr *icmp;
	struct iphdr *ip;
	u8 mac[6];
	u32 sum;
	__be32 a;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	ip = take(&c, sizeof(*ip));
	if (!ip || ip->ihl != 5 || ip->protocol != IPPROTO_ICMP)
		return XDP_PASS;
	icmp = take(&c, sizeof(*icmp));
	if (!icmp || icmp->type != ICMP_ECHO)
		return XDP_PASS;
	icmp->type = ICMP_ECHOREPLY;
	sum = icmp->checksum + bpf_htons(ICMP_ECHO << 8);
	icmp->checksum = (sum & 0xffff) + (sum >> 16);
	a = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = a;
	ip->ttl = 64;
	ip_check(ip);
	__builtin_memcpy(mac, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, mac, 6);
	account(SERVICES + 1, sizeof(*ip));
	return XDP_TX;
}
