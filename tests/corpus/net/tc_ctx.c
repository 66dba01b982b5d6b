/* Fields of the context: narrow and wide loads, writes, cb as scratch space, values spilled around calls. */
#include "corpus.h"

ARRAY(seen, u64, 256);

SEC("tc")
int ctx_narrow(struct __sk_buff *skb)
{
	u32 a = *(volatile u8 *)&skb->len, b = *(volatile u16 *)&skb->mark;
	u32 c = ((volatile u8 *)&skb->priority)[2], d = ((volatile u16 *)&skb->hash)[1];
	u32 e = ((volatile u8 *)&skb->cb[1])[3], f = *(volatile u16 *)&skb->protocol;
	u64 t = *(volatile u64 *)&skb->cb[2];

	return ((a ^ b ^ c ^ d ^ e ^ f) + t) & 1 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int ctx_fields(struct __sk_buff *skb)
{
	u64 h = 0;

	h = h * 31 + skb->len;
	h = h * 31 + skb->pkt_type;
	h = h * 31 + skb->mark;
	h = h * 31 + skb->queue_mapping;
	h = h * 31 + skb->protocol;
	h = h * 31 + skb->vlan_present;
	h = h * 31 + skb->vlan_tci;
	h = h * 31 + skb->vlan_proto;
	h = h * 31 + skb->priority;
	h = h * 31 + skb->ingress_ifindex;
	h = h * 31 + skb->ifindex;
	h = h * 31 + skb->tc_index;
	h = h * 31 + skb->hash;
	h = h * 31 + skb->tc_classid;
	h = h * 31 + skb->napi_id;
	h = h * 31 + skb->gso_segs;
	h = h * 31 + skb->gso_size;
	h = h * 31 + skb->wire_len;
	h = h * 31 + skb->tstamp;
	h = h * 31 + skb->hwtstamp;
	return h % 1000003 == 0 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int ctx_writes(struct __sk_buff *skb)
{
	skb->mark = skb->mark << 8 | 0x17;
	skb->priority = 3;
	skb->tc_index = skb->ifindex;
	skb->queue_mapping = 2;
	skb->tstamp = 0;
	*(volatile u8 *)&skb->cb[0] = 1;
	((volatile u16 *)&skb->cb[0])[1] = 0x1234;
	*(volatile u64 *)&skb->cb[2] = 0x1122334455667788ULL;
	skb->cb[4] = skb->cb[2] ^ skb->cb[3];
	return skb->cb[4] ? TC_ACT_PIPE : TC_ACT_OK;
}

/* cb as an array in a loop: clang keeps it as separate accesses. */
SEC("tc")
int ctx_cb_loop(struct __sk_buff *skb)
{
	u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 5; i++) {
		sum += skb->cb[i];
		skb->cb[i] = sum;
	}
	return sum == 15 ? TC_ACT_STOLEN : TC_ACT_OK;
}

/* More values live across helper calls than there are callee-saved registers. */
SEC("tc")
int ctx_spills(struct __sk_buff *skb)
{
	u32 len = skb->len, mark = skb->mark, prio = skb->priority, ifi = skb->ifindex, hash = skb->hash, proto = skb->protocol;
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 k0 = len & 255, k1 = mark & 255, k2 = hash & 255;
	u64 *a = bpf_map_lookup_elem(&seen, &k0);
	u64 *b = bpf_map_lookup_elem(&seen, &k1);
	u64 *c = bpf_map_lookup_elem(&seen, &k2);
	u64 now = bpf_ktime_get_ns();

	if (!a || !b || !c)
		return TC_ACT_OK;
	*a += len + prio;
	*b += mark + ifi;
	*c += hash + proto + now;
	if (data + 20 > end)
		return TC_ACT_SHOT;
	*a ^= *(u32 *)(data + 12);
	*b ^= *(u32 *)(data + 16);
	return (*a ^ *b ^ *c) & 1 ? TC_ACT_OK : TC_ACT_PIPE;
}

SEC("tc")
int ctx_csum(struct __sk_buff *skb)
{
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) > 1)
		bpf_csum_level(skb, BPF_CSUM_LEVEL_RESET);
	bpf_csum_update(skb, bpf_htonl(skb->len));
	bpf_set_hash(skb, skb->mark * 2654435761U);
	return TC_ACT_OK;
}
