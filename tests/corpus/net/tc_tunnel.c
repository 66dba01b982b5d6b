/* Tunnels at tc: metadata of collect-metadata devices, and encapsulation by hand with bpf_skb_adjust_room. */
#include "corpus.h"

struct gre_hdr {
	__be16 flags;
	__be16 proto;
};

struct vxlan_hdr {
	__be32 flags;
	__be32 vni;
};

struct geneve_opt {
	__be16 class;
	u8 type;
	u8 length;
	u32 data;
};

HASH(remote_of, u32, __be32, 1024);
HASH(vni_of_net, __be32, u32, 1024);

SEC("tc")
int tc_vxlan_set(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	u32 id = skb->mark & 0xffffff;
	__be32 *remote = bpf_map_lookup_elem(&remote_of, &id);

	if (!remote)
		return TC_ACT_SHOT;
	key.remote_ipv4 = bpf_ntohl(*remote);
	key.tunnel_id = id;
	key.tunnel_ttl = 64;
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int tc_vxlan_get(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key;

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0) < 0)
		return TC_ACT_SHOT;
	skb->mark = key.tunnel_id;
	skb->cb[0] = key.remote_ipv4;
	return key.tunnel_ttl > 1 ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int tc_geneve_set(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = { .tunnel_id = 2, .tunnel_ttl = 64 };
	struct geneve_opt opt = {};

	key.remote_ipv6[3] = bpf_htonl(0x11);
	opt.class = bpf_htons(0x102);
	opt.type = 8;
	opt.length = 1;
	opt.data = bpf_htonl(bpf_get_smp_processor_id());
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6) < 0)
		return TC_ACT_SHOT;
	return bpf_skb_set_tunnel_opt(skb, &opt, sizeof(opt)) < 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Options of any number: a loop over what the helper filled in. */
SEC("tc")
int tc_geneve_get(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};
	struct geneve_opt opts[8] = {};
	u32 sum = 0;
	int n;

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6) < 0)
		return TC_ACT_SHOT;
	n = bpf_skb_get_tunnel_opt(skb, opts, sizeof(opts));
	if (n < 0)
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		if ((i + 1) * (int)sizeof(opts[0]) > n)
			break;
		if (opts[i].class == bpf_htons(0x102))
			sum += opts[i].data;
	}
	skb->priority = sum;
	return TC_ACT_OK;
}

SEC("tc")
int tc_encap_ipip(struct __sk_buff *skb)
{
	u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	struct iphdr inner, outer = {};
	u32 sum;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &inner, sizeof(inner)))
		return TC_ACT_OK;
	outer.version = 4;
	outer.ihl = 5;
	outer.ttl = inner.ttl;
	outer.tos = inner.tos;
	outer.protocol = IPPROTO_IPIP;
	outer.saddr = bpf_htonl(0x0a010101);
	outer.daddr = bpf_htonl(0x0a010102);
	outer.tot_len = bpf_htons(bpf_ntohs(inner.tot_len) + sizeof(outer));
	sum = bpf_csum_diff(0, 0, (__be32 *)&outer, sizeof(outer), 0);
	outer.check = fold(sum);
	if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC, flags))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), BPF_F_INVALIDATE_HASH) < 0)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int tc_encap_gre6(struct __sk_buff *skb)
{
	u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	struct {
		struct ipv6hdr ip6;
		struct gre_hdr gre;
	} __attribute__((packed)) h = {};
	__be16 type = bpf_htons(ETH_P_IPV6);

	h.gre.proto = skb->protocol;
	h.ip6.version = 6;
	h.ip6.hop_limit = 64;
	h.ip6.nexthdr = IPPROTO_GRE;
	h.ip6.payload_len = bpf_htons(skb->len - ETH_HLEN + sizeof(h.gre));
	h.ip6.saddr.in6_u.u6_addr8[0] = 0xfd;
	h.ip6.daddr.in6_u.u6_addr8[0] = 0xfd;
	h.ip6.daddr.in6_u.u6_addr8[15] = 2;
	if (bpf_skb_adjust_room(skb, sizeof(h), BPF_ADJ_ROOM_MAC, flags))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, ETH_HLEN, &h, sizeof(h), 0))
		return TC_ACT_SHOT;
	bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0);
	return TC_ACT_OK;
}

SEC("tc")
int tc_encap_vxlan(struct __sk_buff *skb)
{
	u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
		    BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN);
	struct {
		struct iphdr ip;
		struct udphdr udp;
		struct vxlan_hdr vx;
		struct ethhdr eth;
	} __attribute__((packed)) h = {};
	u32 *vni;
	__be32 dst;
	u16 len = skb->len;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &dst, 4))
		return TC_ACT_OK;
	dst &= bpf_htonl(0xffffff00);
	vni = bpf_map_lookup_elem(&vni_of_net, &dst);
	if (!vni)
		return TC_ACT_OK;
	h.vx.flags = bpf_htonl(0x08000000);
	h.vx.vni = bpf_htonl(*vni << 8);
	h.udp.dest = bpf_htons(4789);
	h.udp.source = bpf_htons(0xc000 | (bpf_get_hash_recalc(skb) & 0x3fff));
	h.udp.len = bpf_htons(len + sizeof(h.udp) + sizeof(h.vx));
	h.ip.version = 4;
	h.ip.ihl = 5;
	h.ip.ttl = 64;
	h.ip.protocol = IPPROTO_UDP;
	h.ip.tot_len = bpf_htons(len + sizeof(h) - ETH_HLEN);
	h.ip.saddr = bpf_htonl(0xac100001);
	h.ip.daddr = bpf_htonl(0xac100002);
	h.ip.check = fold(bpf_csum_diff(0, 0, (__be32 *)&h.ip, sizeof(h.ip), 0));
	if (bpf_skb_load_bytes(skb, 0, &h.eth, sizeof(h.eth)))
		return TC_ACT_SHOT;
	if (bpf_skb_adjust_room(skb, sizeof(h), BPF_ADJ_ROOM_MAC, flags))
		return TC_ACT_SHOT;
	return bpf_skb_store_bytes(skb, ETH_HLEN, &h, sizeof(h), 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Which header follows decides how much room goes. */
SEC("tc")
int tc_decap(struct __sk_buff *skb)
{
	struct iphdr ip;
	int shrink;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return TC_ACT_OK;
	if (ip.ihl != 5)
		return TC_ACT_OK;
	switch (ip.protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		shrink = sizeof(ip);
		break;
	case IPPROTO_GRE: {
		struct gre_hdr gre;

		if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(ip), &gre, sizeof(gre)))
			return TC_ACT_OK;
		shrink = sizeof(ip) + sizeof(gre);
		if (gre.flags & bpf_htons(0x8000))
			shrink += 4;
		if (gre.flags & bpf_htons(0x2000))
			shrink += 4;
		if (gre.flags & bpf_htons(0x1000))
			shrink += 4;
		break;
	}
	case IPPROTO_UDP: {
		struct udphdr udp;

		if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(ip), &udp, sizeof(udp)))
			return TC_ACT_OK;
		if (udp.dest != bpf_htons(4789))
			return TC_ACT_OK;
		shrink = sizeof(ip) + sizeof(udp) + sizeof(struct vxlan_hdr) + ETH_HLEN;
		break;
	}
	default:
		return TC_ACT_OK;
	}
	return bpf_skb_adjust_room(skb, -shrink, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int tc_under_cgroup(struct __sk_buff *skb)
{
	u32 class = bpf_get_cgroup_classid(skb), realm = bpf_get_route_realm(skb);

	skb->tc_classid = class ? class : realm;
	return TC_ACT_OK;
}
