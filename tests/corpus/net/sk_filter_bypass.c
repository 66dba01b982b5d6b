/* Filters for an intrusion detection sensor: flows in bypass, VLANs, load distribution over workers. */
#include "corpus.h"

struct flowv4 {
	u32 src, dst;
	union {
		u32 ports;
		u16 port16[2];
	};
	u8 proto : 1;
	u16 vlan0 : 15;
	u16 vlan1;
};

struct flowv6 {
	u32 src[4], dst[4];
	u32 ports;
	u8 proto;
	u8 pad[3];
};

struct pair {
	u64 packets;
	u64 bytes;
};

MAPF(flow_v4, BPF_MAP_TYPE_PERCPU_HASH, struct flowv4, struct pair, 32768, 0);
MAPF(flow_v6, BPF_MAP_TYPE_PERCPU_HASH, struct flowv6, struct pair, 32768, 0);

inline_ int filter_v4(struct __sk_buff *skb, u32 nh, u16 vlan0, u16 vlan1)
{
	struct flowv4 t = {};
	struct pair *v;
	struct iphdr ip;
	u32 ports;

	if (bpf_skb_load_bytes(skb, nh, &ip, sizeof(ip)))
		return -1;
	if (ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP)
		return -1;
	if (bpf_skb_load_bytes(skb, nh + ip.ihl * 4, &ports, 4))
		return -1;
	t.src = bpf_ntohl(ip.saddr);
	t.dst = bpf_ntohl(ip.daddr);
	t.ports = ports;
	t.proto = ip.protocol == IPPROTO_TCP;
	t.vlan0 = vlan0;
	t.vlan1 = vlan1;
	v = bpf_map_lookup_elem(&flow_v4, &t);
	if (!v)
		return -1;
	v->packets++;
	v->bytes += skb->len;
	return 0;
}

inline_ int filter_v6(struct __sk_buff *skb, u32 nh)
{
	struct flowv6 t = {};
	struct pair *v;
	struct ipv6hdr ip6;

	if (bpf_skb_load_bytes(skb, nh, &ip6, sizeof(ip6)))
		return -1;
	switch (ip6.nexthdr) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		break;
	default:
		return -1;
	}
	__builtin_memcpy(t.src, &ip6.saddr, 16);
	__builtin_memcpy(t.dst, &ip6.daddr, 16);
	if (bpf_skb_load_bytes(skb, nh + sizeof(ip6), &t.ports, 4))
		return -1;
	t.proto = ip6.nexthdr;
	v = bpf_map_lookup_elem(&flow_v6, &t);
	if (!v)
		return -1;
	v->packets++;
	v->bytes += skb->len;
	return 0;
}

SEC("socket")
int bypass_filter(struct __sk_buff *skb)
{
	u32 nh = ETH_HLEN;
	u16 proto = bpf_ntohs(skb->protocol), vlan0 = skb->vlan_tci & 0xfff, vlan1 = 0;

	if (proto == ETH_P_8021AD || proto == ETH_P_8021Q) {
		struct vlan_hdr tag;

		if (bpf_skb_load_bytes(skb, nh, &tag, sizeof(tag)))
			return -1;
		proto = bpf_ntohs(tag.proto);
		vlan1 = bpf_ntohs(tag.tci) & 0xfff;
		nh += sizeof(tag);
	}
	if (proto == ETH_P_IP)
		return filter_v4(skb, nh, vlan0, vlan1);
	if (proto == ETH_P_IPV6)
		return filter_v6(skb, nh);
	return -1;
}

/* Both directions of a flow give the same number. */
SEC("socket")
int worker_hash(struct __sk_buff *skb)
{
	u32 nh = ETH_HLEN, h = 0, a[2];

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		if (bpf_skb_load_bytes(skb, nh + 12, a, 8))
			return 0;
		h = a[0] + a[1];
		break;
	case bpf_htons(ETH_P_IPV6): {
		u32 w[8];

		if (bpf_skb_load_bytes(skb, nh + 8, w, 32))
			return 0;
#pragma clang loop unroll(disable)
		for (int i = 0; i < 8; i++)
			h += w[i];
		break;
	}
	default:
		return 0;
	}
	h ^= h >> 16;
	h *= 0x85ebca6b;
	h ^= h >> 13;
	return h % 12;
}

SEC("socket")
int vlan_filter(struct __sk_buff *skb)
{
	u16 id = skb->vlan_tci & 0x0fff;

	if (!skb->vlan_present)
		return 0;
	switch (id) {
	case 2:
	case 4:
	case 8 ... 15:
		return -1;
	default:
		return 0;
	}
}

SEC("socket")
int cpu_distribute(struct __sk_buff *skb)
{
	u32 cpu = bpf_get_smp_processor_id(), hash = skb->hash;

	return (cpu * 7 + hash) % 6;
}
