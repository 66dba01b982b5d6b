/* VLAN tags, packet type, protocol and length changes at tc. */
#include "corpus.h"

HASH(port_vlan, u32, u16, 256);
HASH(vlan_port, u16, u32, 4096);

SEC("tc")
int tc_tag_by_port(struct __sk_buff *skb)
{
	u32 in = skb->ingress_ifindex;
	u16 *id = bpf_map_lookup_elem(&port_vlan, &in);

	if (!id)
		return TC_ACT_SHOT;
	if (skb->vlan_present)
		bpf_skb_vlan_pop(skb);
	return bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), *id & 0xfff) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int tc_untag(struct __sk_buff *skb)
{
	u16 id = skb->vlan_tci & 0xfff;
	u32 *out;

	if (!skb->vlan_present)
		return TC_ACT_OK;
	out = bpf_map_lookup_elem(&vlan_port, &id);
	if (!out)
		return TC_ACT_SHOT;
	if (bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	return bpf_redirect(*out, 0);
}

/* Q-in-Q: two tags, both pushed, the header read again after each change. */
SEC("tc")
int tc_qinq(struct __sk_buff *skb)
{
	void *data, *end;
	struct ethhdr *eth;

	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 100))
		return TC_ACT_SHOT;
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 200))
		return TC_ACT_SHOT;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	eth = data;
	if ((void *)(eth + 1) > end)
		return TC_ACT_SHOT;
	eth->h_source[0] |= 2;
	return TC_ACT_OK;
}

/* IPv4 to IPv6 and back: bpf_skb_change_proto keeps the Ethernet header. */
SEC("tc")
int tc_nat46(struct __sk_buff *skb)
{
	struct ipv6hdr ip6 = { .version = 6, .hop_limit = 64 };
	__be16 type = bpf_htons(ETH_P_IPV6);
	struct iphdr ip;
	s64 sum;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0 || ip.ihl != 5)
		return TC_ACT_SHOT;
	ip6.payload_len = bpf_htons(bpf_ntohs(ip.tot_len) - sizeof(ip));
	ip6.nexthdr = ip.protocol == IPPROTO_ICMP ? IPPROTO_ICMPV6 : ip.protocol;
	ip6.saddr.in6_u.u6_addr32[0] = bpf_htonl(0x64ff9b);
	ip6.saddr.in6_u.u6_addr32[3] = ip.saddr;
	ip6.daddr.in6_u.u6_addr32[0] = bpf_htonl(0x64ff9b);
	ip6.daddr.in6_u.u6_addr32[3] = ip.daddr;
	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0) < 0)
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip6, sizeof(ip6), 0) < 0 ||
	    bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, 2, 0) < 0)
		return TC_ACT_SHOT;
	sum = bpf_csum_diff(&ip.saddr, 8, (__be32 *)&ip6.saddr, 32, 0);
	if (ip.protocol == IPPROTO_TCP &&
	    bpf_l4_csum_replace(skb, ETH_HLEN + sizeof(ip6) + offsetof(struct tcphdr, check), 0, sum, BPF_F_PSEUDO_HDR) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int tc_nat64(struct __sk_buff *skb)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64 };
	__be16 type = bpf_htons(ETH_P_IP);
	struct ipv6hdr ip6;
	u32 sum;

	if (skb->protocol != bpf_htons(ETH_P_IPV6))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip6, sizeof(ip6)))
		return TC_ACT_SHOT;
	if (ip6.daddr.in6_u.u6_addr32[0] != bpf_htonl(0x64ff9b))
		return TC_ACT_OK;
	ip.tot_len = bpf_htons(bpf_ntohs(ip6.payload_len) + sizeof(ip));
	ip.protocol = ip6.nexthdr == IPPROTO_ICMPV6 ? IPPROTO_ICMP : ip6.nexthdr;
	ip.saddr = bpf_htonl(0xc0000000 | (bpf_ntohl(ip6.saddr.in6_u.u6_addr32[3]) & 0xff));
	ip.daddr = ip6.daddr.in6_u.u6_addr32[3];
	sum = bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0);
	ip.check = fold(sum);
	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0))
		return TC_ACT_SHOT;
	bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, 2, 0);
	bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
	return TC_ACT_OK;
}

SEC("tc")
int tc_change_type(struct __sk_buff *skb)
{
	if (skb->pkt_type == PACKET_OTHERHOST && skb->mark == 0x77)
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_PIPE;
}

/* Answers with an ICMP message: tail cut, head grown, headers written. */
SEC("tc")
int tc_icmp_error(struct __sk_buff *skb)
{
	const u32 extra = sizeof(struct iphdr) + sizeof(struct icmphdr);
	struct icmphdr *icmp;
	struct ethhdr *eth;
	struct iphdr *ip;
	void *data, *end;
	__be32 src, dst;
	u8 mac[6];

	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->len < 14 + 28)
		return TC_ACT_OK;
	if (bpf_skb_change_tail(skb, 14 + 28, 0))
		return TC_ACT_SHOT;
	if (bpf_skb_change_head(skb, extra, 0))
		return TC_ACT_SHOT;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	eth = data;
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) + 28 > end)
		return TC_ACT_SHOT;
	src = *(__be32 *)((void *)(icmp + 1) + 12);
	dst = *(__be32 *)((void *)(icmp + 1) + 16);
	__builtin_memcpy(mac, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, mac, 6);
	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->ttl = 64;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = dst;
	ip->daddr = src;
	ip->tot_len = bpf_htons(extra + 28);
	ip->check = fold(bpf_csum_diff(0, 0, (__be32 *)ip, sizeof(*ip), 0));
	__builtin_memset(icmp, 0, sizeof(*icmp));
	icmp->type = ICMP_DEST_UNREACH;
	icmp->code = 13;
	icmp->checksum = fold(bpf_csum_diff(0, 0, (__be32 *)icmp, sizeof(*icmp) + 28, 0));
	return bpf_redirect(skb->ifindex, 0);
}
