/* tc programs with the section names of before 2021: "classifier", "action", and their maps. */
/* bpftool-type: classifier */
#include "corpus.h"

struct tuple {
	u32 src, dst;
	u32 ports;
	u32 proto;
};

HASH(sessions, struct tuple, u64, 4096);
ARRAY(quota, u64, 4);
MAPF(jmp, BPF_MAP_TYPE_PROG_ARRAY, u32, u32, 4, 0);

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

SEC("classifier")
int old_classify(struct __sk_buff *skb)
{
	struct tuple t = {};
	u64 *n, one = 1;
	u32 l4;

	if (load_half(skb, 12) != ETH_P_IP)
		return 0;
	t.src = load_word(skb, 26);
	t.dst = load_word(skb, 30);
	t.proto = load_byte(skb, 23);
	l4 = ETH_HLEN + (load_byte(skb, 14) & 15) * 4;
	t.ports = load_word(skb, l4);
	n = bpf_map_lookup_elem(&sessions, &t);
	if (!n) {
		bpf_map_update_elem(&sessions, &t, &one, BPF_ANY);
		return 1;
	}
	__sync_fetch_and_add(n, skb->len);
	return *n > 1 << 20 ? 2 : 1;
}

SEC("classifier_dispatch")
int old_dispatch_tc(struct __sk_buff *skb)
{
	u32 class = skb->priority & 3;

	bpf_tail_call(skb, &jmp, class);
	return TC_ACT_OK;
}

SEC("action_quota")
int old_quota(struct __sk_buff *skb)
{
	u32 key = skb->mark & 3;
	u64 *left = bpf_map_lookup_elem(&quota, &key);

	if (!left)
		return TC_ACT_OK;
	if (*left < skb->len)
		return TC_ACT_SHOT;
	__sync_fetch_and_add(left, -(u64)skb->len);
	return TC_ACT_OK;
}

SEC("classifier_tos")
int old_rewrite(struct __sk_buff *skb)
{
	u8 old = load_byte(skb, 15), new = 8;

	bpf_l3_csum_replace(skb, 24, bpf_htons(old), bpf_htons(new), 2);
	bpf_skb_store_bytes(skb, 15, &new, 1, 0);
	return TC_ACT_OK;
}

SEC("classifier_nat")
int old_nat(struct __sk_buff *skb)
{
	u32 old = bpf_htonl(load_word(skb, 30)), new = bpf_htonl(0x0a000001);
	u8 proto = load_byte(skb, 23);

	if (proto != IPPROTO_TCP)
		return TC_ACT_OK;
	bpf_l4_csum_replace(skb, 50, old, new, 0x10 | 4);
	bpf_l3_csum_replace(skb, 24, old, new, 4);
	bpf_skb_store_bytes(skb, 30, &new, sizeof(new), 0);
	return bpf_redirect(3, 0);
}
