/* Redirection at XDP: device, CPU and AF_XDP maps, route lookups, MTU checks, programs inside maps. */
#include "corpus.h"

FDMAP(tx_ports, BPF_MAP_TYPE_DEVMAP, 64);
FDMAP(tx_hash, BPF_MAP_TYPE_DEVMAP_HASH, 64);
FDMAP(cpus, BPF_MAP_TYPE_CPUMAP, 64);
FDMAP(xsks, BPF_MAP_TYPE_XSKMAP, 64);
ARRAY(cpu_list, u32, 64);
ARRAY(cpu_count, u32, 1);
PERCPU(rx_count, u64, 4);

inline_ void swap_mac(void *data)
{
	u16 *p = data, t[3];

	t[0] = p[0], t[1] = p[1], t[2] = p[2];
	p[0] = p[3], p[1] = p[4], p[2] = p[5];
	p[3] = t[0], p[4] = t[1], p[5] = t[2];
}

inline_ void count(u32 slot)
{
	u64 *n = bpf_map_lookup_elem(&rx_count, &slot);

	if (n)
		*n += 1;
}

SEC("xdp")
int redirect_port(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + ETH_HLEN > end)
		return XDP_DROP;
	count(0);
	swap_mac(data);
	return bpf_redirect_map(&tx_ports, ctx->ingress_ifindex & 63, XDP_DROP);
}

SEC("xdp")
int redirect_broadcast(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u8 *dst = data;

	if (data + ETH_HLEN > end)
		return XDP_DROP;
	if (!(dst[0] & 1))
		return XDP_PASS;
	return bpf_redirect_map(&tx_hash, 0, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS);
}

SEC("xdp")
int redirect_ifindex(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + ETH_HLEN > end)
		return XDP_DROP;
	count(1);
	return bpf_redirect(ctx->ingress_ifindex ^ 1, 0);
}

/* The CPU by a hash of addresses and ports, both directions alike. */
SEC("xdp")
int redirect_cpu(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	u32 h = 0, zero = 0, *max, *cpu;

	if (!eth)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = take(&c, sizeof(*ip));

		if (!ip)
			return XDP_DROP;
		h = ip->saddr + ip->daddr + ip->protocol;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = take(&c, sizeof(*ip6));

		if (!ip6)
			return XDP_DROP;
#pragma clang loop unroll(disable)
		for (int i = 0; i < 4; i++)
			h += ip6->saddr.in6_u.u6_addr32[i] + ip6->daddr.in6_u.u6_addr32[i];
	}
	h ^= h >> 16;
	h *= 0x7feb352d;
	h ^= h >> 15;
	max = bpf_map_lookup_elem(&cpu_count, &zero);
	if (!max || !*max)
		return XDP_ABORTED;
	h %= *max;
	cpu = bpf_map_lookup_elem(&cpu_list, &h);
	if (!cpu || *cpu >= 64)
		return XDP_ABORTED;
	return bpf_redirect_map(&cpus, *cpu, 0);
}

SEC("xdp")
int redirect_xsk(struct xdp_md *ctx)
{
	u32 queue = ctx->rx_queue_index;

	if (bpf_map_lookup_elem(&xsks, &queue))
		return bpf_redirect_map(&xsks, queue, XDP_PASS);
	return XDP_PASS;
}

/* Only UDP to a port goes to user space. */
SEC("xdp")
int redirect_xsk_udp(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip = take(&c, sizeof(*ip));
	struct udphdr *udp;

	if (!eth || !ip || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	udp = take(&c, sizeof(*udp));
	if (!udp || udp->dest != bpf_htons(9000))
		return XDP_PASS;
	return bpf_redirect_map(&xsks, ctx->rx_queue_index, XDP_PASS);
}

SEC("xdp")
int forward_fib(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_fib_lookup fib = {};
	struct ipv6hdr *ip6 = 0;
	struct ethhdr *eth = data;
	struct iphdr *ip = 0;
	long r;

	if (data + sizeof(*eth) > end)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		ip = data + sizeof(*eth);
		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		if (ip->ttl <= 1)
			return XDP_PASS;
		fib.family = AF_INET;
		fib.tos = ip->tos;
		fib.l4_protocol = ip->protocol;
		fib.tot_len = bpf_ntohs(ip->tot_len);
		fib.ipv4_src = ip->saddr;
		fib.ipv4_dst = ip->daddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct in6_addr *src = (void *)fib.ipv6_src, *dst = (void *)fib.ipv6_dst;

		ip6 = data + sizeof(*eth);
		if ((void *)(ip6 + 1) > end)
			return XDP_DROP;
		if (ip6->hop_limit <= 1)
			return XDP_PASS;
		fib.family = AF_INET6;
		fib.flowinfo = *(__be32 *)ip6 & bpf_htonl(0x0fffffff);
		fib.l4_protocol = ip6->nexthdr;
		fib.tot_len = bpf_ntohs(ip6->payload_len);
		*src = ip6->saddr;
		*dst = ip6->daddr;
	} else {
		return XDP_PASS;
	}
	fib.ifindex = ctx->ingress_ifindex;
	r = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (r != BPF_FIB_LKUP_RET_SUCCESS)
		return r == BPF_FIB_LKUP_RET_BLACKHOLE ? XDP_DROP : XDP_PASS;
	if (ip) {
		u32 check = ip->check + bpf_htons(0x0100);

		ip->check = check + (check >= 0xffff);
		ip->ttl--;
	} else if (ip6) {
		ip6->hop_limit--;
	}
	__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	return bpf_redirect_map(&tx_ports, fib.ifindex, 0);
}

SEC("xdp")
int check_mtu(struct xdp_md *ctx)
{
	u32 mtu = 0;
	int len = ctx->data_end - ctx->data;

	if (bpf_check_mtu(ctx, ctx->ingress_ifindex, &mtu, 20, 0) != BPF_MTU_CHK_RET_SUCCESS)
		return XDP_DROP;
	return (u32)len > mtu + ETH_HLEN ? XDP_ABORTED : XDP_PASS;
}

#ifndef LEGACY
SEC("xdp/devmap")
int egress_mac(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_DROP;
	eth->h_source[5] = ctx->egress_ifindex;
	return XDP_PASS;
}

SEC("xdp/cpumap")
int on_cpu(struct xdp_md *ctx)
{
	count(3);
	return ctx->rx_queue_index > 100 ? XDP_DROP : XDP_PASS;
}
#endif
