/* Actions, and programs of tcx. */
#include "corpus.h"

HASH(blocked, __be32, u64, 1024);
ARRAY(sampled, u32, 4);

SEC("action")
int act_drop_source(struct __sk_buff *skb)
{
	__be32 src;
	u64 *n;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 26, &src, 4))
		return TC_ACT_PIPE;
	n = bpf_map_lookup_elem(&blocked, &src);
	if (!n)
		return TC_ACT_PIPE;
	*n += skb->len;
	return TC_ACT_SHOT;
}

SEC("action")
int act_mark(struct __sk_buff *skb)
{
	skb->mark = (skb->ifindex << 16) | (skb->hash & 0xffff);
	skb->tc_index = 1;
	return TC_ACT_PIPE;
}

SEC("action")
int act_sample(struct __sk_buff *skb)
{
	u32 rate = 0, *n = bpf_map_lookup_elem(&sampled, &rate);

	if (!n || !*n)
		return TC_ACT_OK;
	if (bpf_get_prandom_u32() % *n == 0)
		bpf_clone_redirect(skb, 2, 0);
	return TC_ACT_OK;
}

SEC("action")
int act_trim(struct __sk_buff *skb)
{
	u32 len = skb->len;

	if (len > 96 && bpf_skb_change_tail(skb, 96, 0))
		return TC_ACT_SHOT;
	bpf_set_hash_invalid(skb);
	return TC_ACT_OK;
}

SEC("action")
int act_find_byte(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	int at = -1;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 100; i++) {
		u8 *p = data + i;

		if ((void *)(p + 1) > end)
			break;
		if (*p == 0x7f) {
			at = i;
			break;
		}
	}
	skb->mark = at;
	return at < 0 ? TC_ACT_OK : TC_ACT_SHOT;
}
