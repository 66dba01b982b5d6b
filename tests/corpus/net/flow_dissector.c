/* Flow dissectors: one in a single function, one with tail calls for each header. */
#include "corpus.h"

FDMAP(parsers, BPF_MAP_TYPE_PROG_ARRAY, 8);

enum { P_IP, P_IP6, P_VLAN, P_GRE };

struct gre_base {
	__be16 flags;
	__be16 proto;
};

/* A pointer to len bytes at off: direct access, or a copy through the helper. */
inline_ void *header(struct __sk_buff *skb, u32 len, void *buffer)
{
	void *end = (void *)(long)skb->data_end, *data = (void *)(long)skb->data;
	u16 off = skb->flow_keys->thoff;

	if (off > 1024)
		return 0;
	if (data + off + len <= end)
		return data + off;
	return bpf_skb_load_bytes(skb, off, buffer, len) ? 0 : buffer;
}

inline_ int transport(struct __sk_buff *skb, u8 proto)
{
	struct bpf_flow_keys *k = skb->flow_keys;
	struct tcphdr *tcp, tcp_copy;
	struct udphdr *udp, udp_copy;

	switch (proto) {
	case IPPROTO_TCP:
		tcp = header(skb, sizeof(*tcp), &tcp_copy);
		if (!tcp || tcp->doff < 5)
			return BPF_DROP;
		k->sport = tcp->source;
		k->dport = tcp->dest;
		return BPF_OK;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		udp = header(skb, sizeof(*udp), &udp_copy);
		if (!udp)
			return BPF_DROP;
		k->sport = udp->source;
		k->dport = udp->dest;
		return BPF_OK;
	case IPPROTO_ICMP:
		return BPF_OK;
	default:
		return BPF_DROP;
	}
}

inline_ int network4(struct __sk_buff *skb)
{
	struct bpf_flow_keys *k = skb->flow_keys;
	struct iphdr *ip, copy;

	ip = header(skb, sizeof(*ip), &copy);
	if (!ip || ip->ihl < 5)
		return BPF_DROP;
	k->addr_proto = ETH_P_IP;
	k->ipv4_src = ip->saddr;
	k->ipv4_dst = ip->daddr;
	k->ip_proto = ip->protocol;
	k->thoff += ip->ihl << 2;
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)) {
		k->is_frag = 1;
		k->is_first_frag = !(ip->frag_off & bpf_htons(IP_OFFSET));
		if (!k->is_first_frag)
			return BPF_OK;
	}
	return transport(skb, k->ip_proto);
}

inline_ int network6(struct __sk_buff *skb)
{
	struct bpf_flow_keys *k = skb->flow_keys;
	struct ipv6hdr *ip6, copy;

	ip6 = header(skb, sizeof(*ip6), &copy);
	if (!ip6)
		return BPF_DROP;
	k->addr_proto = ETH_P_IPV6;
	__builtin_memcpy(k->ipv6_src, &ip6->saddr, 16);
	__builtin_memcpy(k->ipv6_dst, &ip6->daddr, 16);
	k->flow_label = bpf_htonl(0xfffff) & *(__be32 *)ip6;
	k->ip_proto = ip6->nexthdr;
	k->thoff += sizeof(*ip6);
	return transport(skb, k->ip_proto);
}

SEC("flow_dissector")
int dissect_all(struct __sk_buff *skb)
{
	struct bpf_flow_keys *k = skb->flow_keys;

	if (k->flags & BPF_FLOW_DISSECTOR_F_STOP_AT_ENCAP)
		return BPF_FLOW_DISSECTOR_CONTINUE;
	if (k->n_proto == bpf_htons(ETH_P_IP))
		return network4(skb);
	if (k->n_proto == bpf_htons(ETH_P_IPV6))
		return network6(skb);
	return BPF_DROP;
}

SEC("flow_dissector")
int dissect_dispatch(struct __sk_buff *skb)
{
	switch (skb->flow_keys->n_proto) {
	case bpf_htons(ETH_P_IP):
		bpf_tail_call(skb, &parsers, P_IP);
		break;
	case bpf_htons(ETH_P_IPV6):
		bpf_tail_call(skb, &parsers, P_IP6);
		break;
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		bpf_tail_call(skb, &parsers, P_VLAN);
		break;
	}
	return BPF_DROP;
}

SEC("flow_dissector")
int dissect_vlan(struct __sk_buff *skb)
{
	struct bpf_flow_keys *k = skb->flow_keys;
	struct vlan_hdr *tag, copy;

#pragma unroll
	for (int i = 0; i < 2; i++) {
		if (!is_vlan(k->n_proto))
			break;
		tag = header(skb, sizeof(*tag), &copy);
		if (!tag)
			return BPF_DROP;
		k->nhoff += sizeof(*tag);
		k->thoff += sizeof(*tag);
		k->n_proto = tag->proto;
	}
	if (k->n_proto == bpf_htons(ETH_P_IP))
		return network4(skb);
	return network6(skb);
}

SEC("flow_dissector")
int dissect_gre(struct __sk_buff *skb)
{
	struct bpf_flow_keys *k = skb->flow_keys;
	struct gre_base *gre, copy;

	gre = header(skb, sizeof(*gre), &copy);
	if (!gre)
		return BPF_DROP;
	if (gre->flags & bpf_htons(7))
		return BPF_OK;
	k->thoff += sizeof(*gre);
	if (gre->flags & bpf_htons(0x8000))
		k->thoff += 4;
	if (gre->flags & bpf_htons(0x2000))
		k->thoff += 4;
	k->is_encap = 1;
	k->n_proto = gre->proto;
	return k->n_proto == bpf_htons(ETH_P_IP) ? network4(skb) : network6(skb);
}
