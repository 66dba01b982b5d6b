/* Forwarding at tc: redirects of every kind, route lookups, mirrors. */
#include "corpus.h"

struct endpoint_info {
	u32 ifindex;
	u32 peer;
	u8 mac[6];
	u8 router[6];
};

HASH(endpoints, __be32, struct endpoint_info, 1024);
ARRAY(uplinks, u32, 4);
MAPF(mirror, BPF_MAP_TYPE_HASH, u32, u32, 16, 0);

inline_ struct endpoint_info *endpoint_for(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + ETH_HLEN;

	if (skb->protocol != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > end)
		return 0;
	return bpf_map_lookup_elem(&endpoints, &ip->daddr);
}

SEC("tc")
int tc_to_endpoint(struct __sk_buff *skb)
{
	struct endpoint_info *e = endpoint_for(skb);

	if (!e)
		return TC_ACT_OK;
	if (bpf_skb_store_bytes(skb, 0, e->mac, 6, 0) || bpf_skb_store_bytes(skb, 6, e->router, 6, 0))
		return TC_ACT_SHOT;
	return e->peer ? bpf_redirect_peer(e->peer, 0) : bpf_redirect(e->ifindex, BPF_F_INGRESS);
}

SEC("tc")
int tc_neigh(struct __sk_buff *skb)
{
	struct bpf_redir_neigh nh = {};
	u32 slot = bpf_get_hash_recalc(skb) & 3, *link;

	link = bpf_map_lookup_elem(&uplinks, &slot);
	if (!link || !*link)
		return TC_ACT_SHOT;
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return bpf_redirect_neigh(*link, 0, 0, 0);
	nh.nh_family = AF_INET;
	nh.ipv4_nh = bpf_htonl(0x0a000001);
	return bpf_redirect_neigh(*link, &nh, sizeof(nh), 0);
}

SEC("tc")
int tc_fib(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_fib_lookup fib = {};
	struct ethhdr *eth = data;
	long r;

	if (data + sizeof(*eth) > end)
		return TC_ACT_SHOT;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + sizeof(*eth);

		if ((void *)(ip + 1) > end || ip->ttl <= 1)
			return TC_ACT_OK;
		fib.family = AF_INET;
		fib.tos = ip->tos;
		fib.l4_protocol = ip->protocol;
		fib.tot_len = bpf_ntohs(ip->tot_len);
		fib.ipv4_src = ip->saddr;
		fib.ipv4_dst = ip->daddr;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = data + sizeof(*eth);

		if ((void *)(ip6 + 1) > end || ip6->hop_limit <= 1)
			return TC_ACT_OK;
		fib.family = AF_INET6;
		fib.flowinfo = *(__be32 *)ip6 & bpf_htonl(0x0fffffff);
		fib.l4_protocol = ip6->nexthdr;
		fib.tot_len = bpf_ntohs(ip6->payload_len);
		__builtin_memcpy(fib.ipv6_src, &ip6->saddr, 16);
		__builtin_memcpy(fib.ipv6_dst, &ip6->daddr, 16);
	} else {
		return TC_ACT_OK;
	}
	fib.ifindex = skb->ingress_ifindex;
	r = bpf_fib_lookup(skb, &fib, sizeof(fib), BPF_FIB_LOOKUP_DIRECT);
	switch (r) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		break;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return TC_ACT_SHOT;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return bpf_redirect_neigh(fib.ifindex, 0, 0, 0);
	default:
		return TC_ACT_OK;
	}
	bpf_skb_store_bytes(skb, 0, fib.dmac, 6, 0);
	bpf_skb_store_bytes(skb, 6, fib.smac, 6, 0);
	return bpf_redirect(fib.ifindex, 0);
}

/* One copy for each mirror port, found in a loop. */
SEC("tc")
int tc_mirror(struct __sk_buff *skb)
{
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 4; i++) {
		u32 k = i, *port = bpf_map_lookup_elem(&mirror, &k);

		if (port && *port != skb->ifindex)
			bpf_clone_redirect(skb, *port, 0);
	}
	return TC_ACT_OK;
}

SEC("tc")
int tc_mtu(struct __sk_buff *skb)
{
	u32 mtu = 0;
	long r = bpf_check_mtu(skb, skb->ifindex, &mtu, sizeof(struct iphdr), BPF_MTU_CHK_SEGS);

	if (r < 0)
		return TC_ACT_OK;
	if (r == BPF_MTU_CHK_RET_FRAG_NEEDED) {
		skb->mark = mtu;
		return TC_ACT_SHOT;
	}
	return skb->gso_segs > 1 && skb->gso_size > mtu ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Proxy ARP: the reply is written over the request. */
SEC("tc")
int tc_arp_reply(struct __sk_buff *skb)
{
	u8 mac[6] = { 2, 0, 0, 0, 0, 1 };
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct arp_eth_ip *arp = data + sizeof(*eth);
	u8 ip[4];

	if ((void *)(arp + 1) > end || eth->h_proto != bpf_htons(ETH_P_ARP))
		return TC_ACT_OK;
	if (arp->op != bpf_htons(1) || arp->hlen != 6 || arp->plen != 4)
		return TC_ACT_OK;
	__builtin_memcpy(ip, arp->tpa, 4);
	__builtin_memcpy(arp->tha, arp->sha, 6);
	__builtin_memcpy(arp->tpa, arp->spa, 4);
	__builtin_memcpy(arp->sha, mac, 6);
	__builtin_memcpy(arp->spa, ip, 4);
	arp->op = bpf_htons(2);
	__builtin_memcpy(eth->h_dest, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, mac, 6);
	return bpf_redirect(skb->ifindex, 0);
}
