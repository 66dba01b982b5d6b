/* Packets changed at tc: room, tags, protocols, checksums, clones of what a router does. */
#include "corpus.h"

ARRAY(codes, s64, 16);

inline_ void code(u32 slot, s64 v)
{
	bpf_map_update_elem(&codes, &slot, &v, BPF_ANY);
}

SEC("tc")
int edit_room(struct __sk_buff *skb)
{
	s32 by = (s32)(skb->mark & 63) - 24;
	u32 mode = skb->mark >> 6 & 1;
	u64 flags = skb->priority & 1 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP : 0;

	if (by < 0)
		flags = skb->priority & 2 ? BPF_F_ADJ_ROOM_FIXED_GSO : 0;
	code(0, bpf_skb_adjust_room(skb, by, mode, flags | BPF_F_ADJ_ROOM_NO_CSUM_RESET));
	code(1, skb->len);
	return TC_ACT_OK;
}

SEC("tc")
int edit_tags(struct __sk_buff *skb)
{
	u16 proto = skb->mark & 1 ? ETH_P_8021Q : ETH_P_8021AD;

	code(2, bpf_skb_vlan_push(skb, bpf_htons(proto), skb->mark & 0xfff));
	code(3, skb->vlan_present ? skb->vlan_tci : -1);
	if (skb->mark & 2)
		code(4, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7));
	if (skb->mark & 4)
		code(5, bpf_skb_vlan_pop(skb));
	if (skb->mark & 8)
		code(6, bpf_skb_vlan_pop(skb));
	code(7, skb->protocol);
	return TC_ACT_OK;
}

SEC("tc")
int edit_protocol(struct __sk_buff *skb)
{
	u16 to = skb->protocol == bpf_htons(ETH_P_IP) ? ETH_P_IPV6 : ETH_P_IP;

	code(8, bpf_skb_change_proto(skb, bpf_htons(to), 0));
	code(9, skb->protocol);
	code(10, bpf_skb_change_type(skb, skb->mark & 3));
	return skb->pkt_type == 0 ? TC_ACT_OK : TC_ACT_PIPE;
}

SEC("tc")
int edit_ends(struct __sk_buff *skb)
{
	code(11, bpf_skb_change_tail(skb, skb->mark & 1023, 0));
	code(12, bpf_skb_change_head(skb, skb->priority & 63, 0));
	code(13, bpf_skb_pull_data(skb, 0));
	code(14, (s64)skb->data_end - skb->data - skb->len);
	return TC_ACT_OK;
}

SEC("tc")
int edit_address(struct __sk_buff *skb)
{
	u32 to = bpf_htonl(0x0a010203), from = 0;
	u16 port = bpf_htons(4242), old = 0;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 30, &from, 4) || bpf_skb_load_bytes(skb, 36, &old, 2))
		return TC_ACT_UNSPEC;
	code(0, bpf_l4_csum_replace(skb, skb->mark & 1 ? 50 : 40, from, to, BPF_F_PSEUDO_HDR | (skb->mark & 2 ? BPF_F_MARK_MANGLED_0 : 0) | 4));
	code(1, bpf_l4_csum_replace(skb, skb->mark & 1 ? 50 : 40, old, port, 2));
	code(2, bpf_l3_csum_replace(skb, 24, from, to, 4));
	code(3, bpf_skb_store_bytes(skb, 30, &to, 4, BPF_F_RECOMPUTE_CSUM));
	code(4, bpf_skb_store_bytes(skb, 36, &port, 2, skb->mark & 4 ? BPF_F_INVALIDATE_HASH : 0));
	code(5, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	code(6, bpf_skb_store_bytes(skb, skb->len - 1, &port, 2, 0));
	return TC_ACT_OK;
}

SEC("tc")
int edit_direct(struct __sk_buff *skb)
{
	struct cursor c = cursor_of(skb);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	u8 *more;

	if (!eth)
		return TC_ACT_SHOT;
	for (int i = 0; i < 6; i++) {
		u8 t = eth->h_dest[i];

		eth->h_dest[i] = eth->h_source[i];
		eth->h_source[i] = t;
	}
	more = take(&c, 12);
	if (more) {
		*(u32 *)(more + 4) += 0x01020304;
		*(u16 *)(more + 9) ^= 0xbeef;
		*(u64 *)(more + 3) = bpf_cpu_to_be64(*(u64 *)(more + 3));
	}
	skb->tc_index = eth->h_proto;
	skb->cb[4] = skb->tc_index + (u32)(c.end - c.pos);
	return skb->cb[3] & 1 ? TC_ACT_REDIRECT : TC_ACT_OK;
}

SEC("tc")
int edit_target(struct __sk_buff *skb)
{
	switch (skb->mark & 3) {
	case 0:
		return bpf_redirect(1, 0);
	case 1:
		return bpf_redirect(1, BPF_F_INGRESS);
	case 2:
		return bpf_redirect(skb->priority, 4);
	}
	skb->tc_classid = skb->mark;
	return TC_ACT_STOLEN;
}
