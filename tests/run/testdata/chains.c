/* Tail calls: a state machine over cb, a chain as long as it may be, a dispatcher by protocol. */
#include "corpus.h"

FDMAP(stages, BPF_MAP_TYPE_PROG_ARRAY, 8);
ARRAY(visits, u64, 8);

inline_ void visit(u32 slot)
{
	u64 *n = bpf_map_lookup_elem(&visits, &slot);

	if (n)
		*n += 1;
}

SEC("tc")
int chain_start(struct __sk_buff *skb)
{
	visit(0);
	skb->cb[0]++;
	bpf_tail_call(skb, &stages, skb->mark & 7);
	visit(7);
	return TC_ACT_SHOT;
}

SEC("tc")
int chain_step(struct __sk_buff *skb)
{
	visit(1);
	skb->cb[1] += skb->cb[0];
	bpf_tail_call(skb, &stages, skb->cb[1] & 15);
	return TC_ACT_PIPE;
}

SEC("tc")
int chain_again(struct __sk_buff *skb)
{
	volatile u64 frame[8] = { skb->len };

	visit(2);
	skb->cb[2]++;
	skb->cb[3] = frame[skb->cb[2] & 7];
	bpf_tail_call(skb, &stages, 2);
	return skb->cb[2] & 3;
}

SEC("tc")
int chain_end(struct __sk_buff *skb)
{
	visit(3);
	skb->mark = skb->cb[0] << 16 | skb->cb[1] << 8 | skb->cb[2];
	return TC_ACT_OK;
}

SEC("tc")
int chain_by_packet(struct __sk_buff *skb)
{
	u8 proto = 0;

	visit(4);
	bpf_skb_load_bytes(skb, 23, &proto, 1);
	switch (proto) {
	case IPPROTO_TCP:
		bpf_tail_call(skb, &stages, 1);
		break;
	case IPPROTO_UDP:
		bpf_tail_call(skb, &stages, 3);
		break;
	default:
		bpf_tail_call(skb, &stages, 100);
	}
	return TC_ACT_OK;
}
