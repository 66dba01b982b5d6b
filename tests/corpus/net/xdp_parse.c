/* Header walks at XDP: VLAN tags, IPv4 with options, IPv6 extension headers; looped and unrolled. */
#include "corpus.h"

PERCPU(proto_count, u64, 256);
PERCPU(drop_count, u64, 16);

enum { DROP_SHORT, DROP_FRAG, DROP_TTL, DROP_DEPTH };

inline_ void bump(void *map, u32 key)
{
	u64 *v = bpf_map_lookup_elem(map, &key);

	if (v)
		*v += 1;
}

inline_ int drop(u32 why)
{
	bump(&drop_count, why);
	return XDP_DROP;
}

inline_ int ext_header(u8 nexthdr)
{
	switch (nexthdr) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
		return 1;
	}
	return 0;
}

SEC("xdp")
int xdp_count_proto(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	u32 proto = 0;

	if (data + sizeof(*eth) > end)
		return XDP_ABORTED;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + sizeof(*eth);

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		proto = ip->protocol;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data + sizeof(*eth);

		if ((void *)(ip6 + 1) > end)
			return XDP_PASS;
		proto = ip6->nexthdr;
	}
	bump(&proto_count, proto);
	return XDP_PASS;
}

/* Walks up to four VLAN tags in a real loop and counts the depth. */
SEC("xdp")
int xdp_vlan_walk(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	u32 depth = 0;
	u16 proto;

	if (!eth)
		return drop(DROP_SHORT);
	proto = eth->h_proto;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		struct vlan_hdr *tag;

		if (!is_vlan(proto))
			break;
		tag = take(&c, sizeof(*tag));
		if (!tag)
			return drop(DROP_SHORT);
		proto = tag->proto;
		depth++;
	}
	if (is_vlan(proto))
		return drop(DROP_DEPTH);
	bump(&proto_count, depth);
	return XDP_PASS;
}

SEC("xdp")
int xdp_ext_loop(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct ipv6hdr *ip6;
	u8 next;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	ip6 = take(&c, sizeof(*ip6));
	if (!ip6)
		return drop(DROP_SHORT);
	next = ip6->nexthdr;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8 && ext_header(next); i++) {
		struct ipv6_opt_hdr *opt = c.pos;
		u32 len;

		if ((void *)(opt + 1) > c.end)
			return drop(DROP_SHORT);
		if (next == IPPROTO_FRAGMENT)
			return drop(DROP_FRAG);
		len = next == IPPROTO_AH ? (opt->hdrlen + 2) * 4 : (opt->hdrlen + 1) * 8;
		next = opt->nexthdr;
		c.pos += len;
	}
	bump(&proto_count, next);
	return XDP_PASS;
}

SEC("xdp")
int xdp_ext_unroll(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct ipv6hdr *ip6;
	u8 next;

	if (!eth || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return XDP_PASS;
	ip6 = take(&c, sizeof(*ip6));
	if (!ip6)
		return drop(DROP_SHORT);
	next = ip6->nexthdr;
#pragma unroll
	for (int i = 0; i < 6; i++) {
		struct ipv6_opt_hdr *opt = c.pos;

		if (!ext_header(next))
			break;
		if ((void *)(opt + 1) > c.end)
			return drop(DROP_SHORT);
		next = opt->nexthdr;
		c.pos += (opt->hdrlen + 1) * 8;
	}
	bump(&proto_count, next);
	return next == IPPROTO_NONE ? XDP_DROP : XDP_PASS;
}

/* IPv4 with options: the transport header begins at a variable offset. */
SEC("xdp")
int xdp_ports_v4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct udphdr *udp;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ihl < 5)
		return drop(DROP_SHORT);
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return drop(DROP_FRAG);
	udp = (void *)ip + ip->ihl * 4;
	if ((void *)(udp + 1) > end)
		return drop(DROP_SHORT);
	if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	return udp->dest == bpf_htons(19) ? XDP_DROP : XDP_PASS;
}

/* Decrements the hop limit and repairs the header checksum incrementally. */
SEC("xdp")
int xdp_ttl(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));

	if (!eth)
		return XDP_DROP;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = take(&c, sizeof(*ip));
		u32 check;

		if (!ip || ip->ttl <= 1)
			return drop(DROP_TTL);
		check = ip->check + bpf_htons(0x0100);
		ip->check = (u16)(check + (check >= 0xffff));
		ip->ttl--;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = take(&c, sizeof(*ip6));

		if (!ip6 || ip6->hop_limit <= 1)
			return drop(DROP_TTL);
		ip6->hop_limit--;
	}
	return XDP_PASS;
}

/* IPv4 options: a loop over type-length-value entries inside the header. */
SEC("xdp")
int xdp_ip_options(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	u8 *opt, *stop;

	if ((void *)(ip + 1) > end || ip->ihl <= 5)
		return XDP_PASS;
	opt = (u8 *)(ip + 1);
	stop = (u8 *)ip + ip->ihl * 4;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 7; i++) {
		if (opt >= stop)
			break;
		if ((void *)(opt + 2) > end)
			return drop(DROP_SHORT);
		if (opt[0] == 0)
			break;
		if (opt[0] == 1) {
			opt++;
			continue;
		}
		if (opt[0] == 131 || opt[0] == 137)
			return XDP_DROP;
		if (opt[1] < 2)
			return drop(DROP_SHORT);
		opt += opt[1];
	}
	return XDP_PASS;
}
