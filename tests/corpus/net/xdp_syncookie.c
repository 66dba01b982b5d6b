/* SYN cookies at XDP: those of the kernel by helper, and one of our own with a keyed hash. */
#include "corpus.h"

ARRAY(secret, u64, 2);
LRU(validated, __be32, u64, 16384);

struct pkt {
	struct ethhdr *eth;
	struct iphdr *ip;
	struct tcphdr *tcp;
};

inline_ int tcp4(struct xdp_md *ctx, struct pkt *p)
{
	struct cursor c = cursor_of(ctx);

	p->eth = take(&c, sizeof(*p->eth));
	p->ip = take(&c, sizeof(*p->ip));
	p->tcp = take(&c, sizeof(*p->tcp));
	if (!p->eth || !p->ip || !p->tcp)
		return -1;
	if (p->eth->h_proto != bpf_htons(ETH_P_IP) || p->ip->protocol != IPPROTO_TCP || p->ip->ihl != 5)
		return -1;
	return 0;
}

inline_ u64 rotl(u64 v, int n)
{
	return v << n | v >> (64 - n);
}

#define ROUND(a, b, c, d)                                                                                              \
	do {                                                                                                           \
		a += b, b = rotl(b, 13), b ^= a, a = rotl(a, 32);                                                      \
		c += d, d = rotl(d, 16), d ^= c;                                                                       \
		a += d, d = rotl(d, 21), d ^= a;                                                                       \
		c += b, b = rotl(b, 17), b ^= c, c = rotl(c, 32);                                                      \
	} while (0)

noinline_ u64 keyed_hash(u64 m0, u64 m1, const u64 *key)
{
	u64 a = key[0] ^ 0x736f6d6570736575ULL, b = key[1] ^ 0x646f72616e646f6dULL;
	u64 c = key[0] ^ 0x6c7967656e657261ULL, d = key[1] ^ 0x7465646279746573ULL;

	d ^= m0;
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	a ^= m0;
	d ^= m1;
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	a ^= m1;
	c ^= 0xff;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++)
		ROUND(a, b, c, d);
	return a ^ b ^ c ^ d;
}

inline_ u16 pseudo(struct iphdr *ip, struct tcphdr *tcp, u32 len)
{
	u16 *w = (u16 *)tcp;
	u32 sum = 0;

	sum += (ip->saddr & 0xffff) + (ip->saddr >> 16);
	sum += (ip->daddr & 0xffff) + (ip->daddr >> 16);
	sum += bpf_htons(IPPROTO_TCP) + bpf_htons(len);
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	return fold(sum);
}

/* Turns the SYN into the SYN-ACK, in place. */
inline_ int answer(struct xdp_md *ctx, struct pkt *p, u32 cookie)
{
	u8 mac[6];
	u16 port;
	u32 addr;

	p->tcp->ack_seq = bpf_htonl(bpf_ntohl(p->tcp->seq) + 1);
	p->tcp->seq = bpf_htonl(cookie);
	((u8 *)p->tcp)[12] = 5 << 4;
	((u8 *)p->tcp)[13] = 0x12;
	p->tcp->window = bpf_htons(65535);
	port = p->tcp->source;
	p->tcp->source = p->tcp->dest;
	p->tcp->dest = port;
	addr = p->ip->saddr;
	p->ip->saddr = p->ip->daddr;
	p->ip->daddr = addr;
	p->ip->tot_len = bpf_htons(40);
	p->ip->ttl = 64;
	p->ip->check = 0;
	p->ip->check = fold(bpf_csum_diff(0, 0, (__be32 *)p->ip, sizeof(*p->ip), 0));
	p->tcp->check = 0;
	p->tcp->check = pseudo(p->ip, p->tcp, sizeof(*p->tcp));
	__builtin_memcpy(mac, p->eth->h_source, 6);
	__builtin_memcpy(p->eth->h_source, p->eth->h_dest, 6);
	__builtin_memcpy(p->eth->h_dest, mac, 6);
	if (bpf_xdp_adjust_tail(ctx, 54 - (int)(ctx->data_end - ctx->data)))
		return XDP_DROP;
	return XDP_TX;
}

SEC("xdp")
int cookie_own(struct xdp_md *ctx)
{
	u64 *k0, key[2], h, m0, m1;
	u32 zero = 0, one = 1;
	struct pkt p;

	if (tcp4(ctx, &p))
		return XDP_PASS;
	k0 = bpf_map_lookup_elem(&secret, &zero);
	if (!k0)
		return XDP_ABORTED;
	key[0] = *k0;
	k0 = bpf_map_lookup_elem(&secret, &one);
	if (!k0)
		return XDP_ABORTED;
	key[1] = *k0;
	m0 = (u64)p.ip->saddr << 32 | p.ip->daddr;
	m1 = (u64)p.tcp->source << 16 | p.tcp->dest;
	h = keyed_hash(m0, m1, key);
	if (p.tcp->syn && !p.tcp->ack)
		return answer(ctx, &p, (u32)h);
	if (p.tcp->ack && !p.tcp->syn && bpf_ntohl(p.tcp->ack_seq) - 1 == (u32)h) {
		u64 now = bpf_ktime_get_ns();
		u32 src = p.ip->saddr;

		bpf_map_update_elem(&validated, &src, &now, BPF_ANY);
		p.tcp->rst = 1;
		return XDP_TX;
	}
	return XDP_PASS;
}

SEC("xdp")
int cookie_raw(struct xdp_md *ctx)
{
	struct pkt p;
	s64 cookie;

	if (tcp4(ctx, &p))
		return XDP_PASS;
	if (p.tcp->syn && !p.tcp->ack) {
		cookie = bpf_tcp_raw_gen_syncookie_ipv4(p.ip, p.tcp, sizeof(*p.tcp));
		if (cookie < 0)
			return XDP_ABORTED;
		return answer(ctx, &p, (u32)cookie);
	}
	if (p.tcp->ack && !p.tcp->rst)
		return bpf_tcp_raw_check_syncookie_ipv4(p.ip, p.tcp) ? XDP_DROP : XDP_PASS;
	return XDP_PASS;
}

SEC("xdp")
int cookie_raw6(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct ipv6hdr *ip6 = take(&c, sizeof(*ip6));
	struct tcphdr *tcp = take(&c, sizeof(*tcp));

	if (!eth || !ip6 || !tcp || eth->h_proto != bpf_htons(ETH_P_IPV6) || ip6->nexthdr != IPPROTO_TCP)
		return XDP_PASS;
	if (tcp->syn)
		return bpf_tcp_raw_gen_syncookie_ipv6(ip6, tcp, sizeof(*tcp)) < 0 ? XDP_DROP : XDP_PASS;
	return bpf_tcp_raw_check_syncookie_ipv6(ip6, tcp) ? XDP_DROP : XDP_PASS;
}

/* The listener makes the cookie: a socket lookup, released on every path. */
SEC("xdp")
int cookie_listener(struct xdp_md *ctx)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	struct pkt p;
	s64 cookie;
	int r = XDP_PASS;

	if (tcp4(ctx, &p))
		return XDP_PASS;
	t.ipv4.saddr = p.ip->saddr;
	t.ipv4.daddr = p.ip->daddr;
	t.ipv4.sport = p.tcp->source;
	t.ipv4.dport = p.tcp->dest;
	sk = bpf_skc_lookup_tcp(ctx, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return XDP_PASS;
	if (sk->state != BPF_TCP_LISTEN)
		goto release;
	if (p.tcp->syn) {
		cookie = bpf_tcp_gen_syncookie(sk, p.ip, sizeof(*p.ip), p.tcp, sizeof(*p.tcp));
		if (cookie <= 0)
			r = XDP_DROP;
		else if (cookie >> 32 < 536)
			r = XDP_ABORTED;
	} else if (bpf_tcp_check_syncookie(sk, p.ip, sizeof(*p.ip), p.tcp, sizeof(*p.tcp))) {
		r = XDP_DROP;
	}
release:
	bpf_sk_release(sk);
	return r;
}
