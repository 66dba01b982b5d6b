/* Pacing: earliest departure times, classes of traffic, explicit congestion marks. */
#include "corpus.h"

struct pace {
	u64 rate;
	u64 next;
	u64 horizon;
};

HASH(paces, u32, struct pace, 1024);
ARRAY(class_rate, u64, 8);
ARRAY(class_next, u64, 8);

SEC("tc")
int edt_by_mark(struct __sk_buff *skb)
{
	u64 now = bpf_ktime_get_ns(), t, delay;
	u32 id = skb->mark;
	struct pace *p = bpf_map_lookup_elem(&paces, &id);

	if (!p || !p->rate)
		return TC_ACT_OK;
	t = skb->tstamp;
	if (t < now)
		t = now;
	delay = (u64)skb->wire_len * 1000000000ULL / p->rate;
	if (p->next + delay <= t) {
		p->next = t;
		return TC_ACT_OK;
	}
	t = p->next + delay;
	if (t - now >= p->horizon)
		return TC_ACT_SHOT;
	p->next = t;
	skb->tstamp = t;
	return TC_ACT_OK;
}

SEC("tc")
int edt_by_class(struct __sk_buff *skb)
{
	u32 class = skb->priority & 7;
	u64 *rate = bpf_map_lookup_elem(&class_rate, &class), *next = bpf_map_lookup_elem(&class_next, &class);
	u64 now = bpf_ktime_get_ns(), t;

	if (!rate || !next)
		return TC_ACT_OK;
	t = *next > now ? *next : now;
	*next = t + (skb->len << 10) / (*rate | 1);
	if (t - now > 5000000)
		bpf_skb_ecn_set_ce(skb);
	if (t - now > 50000000)
		return TC_ACT_SHOT;
	skb->tstamp = t;
	return TC_ACT_OK;
}

SEC("tc")
int set_tstamp(struct __sk_buff *skb)
{
	u64 t = skb->tstamp;

	if (skb->tstamp_type == BPF_SKB_TSTAMP_DELIVERY_MONO)
		return bpf_skb_set_tstamp(skb, t + 1000, BPF_SKB_TSTAMP_DELIVERY_MONO) ? TC_ACT_SHOT : TC_ACT_OK;
	return bpf_skb_set_tstamp(skb, 0, BPF_SKB_TSTAMP_UNSPEC) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* The class from the DSCP: a switch with many arms, the value into several fields of the context. */
SEC("tc")
int classify(struct __sk_buff *skb)
{
	u8 tos = 0;
	u32 class;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN + 1, &tos, 1))
			return TC_ACT_UNSPEC;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		u16 w;

		if (bpf_skb_load_bytes(skb, ETH_HLEN, &w, 2))
			return TC_ACT_UNSPEC;
		tos = bpf_ntohs(w) >> 4;
	}
	switch (tos >> 2) {
	case 46:
		class = 1;
		break;
	case 34:
	case 36:
	case 38:
		class = 2;
		break;
	case 26:
	case 28:
	case 30:
		class = 3;
		break;
	case 18:
	case 20:
	case 22:
		class = 4;
		break;
	case 10:
	case 12:
	case 14:
		class = 5;
		break;
	case 8:
		class = 7;
		break;
	default:
		class = 6;
	}
	skb->priority = class;
	skb->queue_mapping = class - 1;
	skb->tc_index = class << 4;
	skb->tc_classid = 0x10000 | class;
	return class == 7 ? TC_ACT_RECLASSIFY : TC_ACT_OK;
}
