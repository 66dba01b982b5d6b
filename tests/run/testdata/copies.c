/* What compilers expand, with the arguments that an expansion does and those that it leaves: updates of arrays, sums,
 * bytes of packets.
 */
#include "corpus.h"

struct odd {
	u8 bytes[13];
};

ARRAY(codes, s64, 16);
ARRAY(odds, struct odd, 3);
PERCPU(spread, struct odd, 3);

struct scratch {
	u8 bytes[256];
};
ARRAY(memory, struct scratch, 1);

inline_ void code(u32 slot, s64 v)
{
	bpf_map_update_elem(&codes, &slot, &v, BPF_ANY);
}

inline_ struct scratch *scratch(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&memory, &zero);
}

SEC("tc")
int copy_update(struct __sk_buff *skb)
{
	u32 index = skb->mark & 3;
	struct odd v = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 } };

	v.bytes[12] = skb->mark >> 8;
	v.bytes[3] = skb->len;
	code(0, bpf_map_update_elem(&odds, &index, &v, skb->priority & 7));
	code(1, bpf_map_update_elem(&spread, &index, &v, skb->priority >> 3 & 7));
	index = skb->len & 3;
	code(2, bpf_map_update_elem(&odds, &index, &v, BPF_EXIST));
	return TC_ACT_OK;
}

SEC("tc")
int copy_skb(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	u32 n = (skb->mark & 127) + 1, at = skb->mark >> 8 & 127;
	u8 few[14] = { 0xaa };

	if (!s)
		return TC_ACT_SHOT;
	code(3, bpf_skb_load_bytes(skb, at, s->bytes, n));
	code(4, bpf_skb_load_bytes(skb, skb->len - n, s->bytes + 100, n));
	code(5, bpf_skb_load_bytes(skb, skb->len - 14 + (skb->mark & 1), few, sizeof(few)));
	code(6, few[0] + few[13]);
	code(7, bpf_skb_store_bytes(skb, 14 + (skb->priority & 63), s->bytes, n, skb->priority >> 6 & 7));
	code(8, bpf_skb_store_bytes(skb, skb->len - 6, few, 6, 0));
	return TC_ACT_OK;
}

SEC("tc")
int copy_sums(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	u32 n = skb->mark & 124, m = skb->mark >> 8 & 124;
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (!s)
		return TC_ACT_SHOT;
	code(9, bpf_csum_diff((void *)s->bytes, n, (void *)(s->bytes + 128), m, skb->priority));
	code(10, bpf_csum_diff(0, 0, (void *)(s->bytes + 128), m, skb->priority));
	code(11, bpf_csum_diff((void *)s->bytes, n, 0, 0, skb->priority));
	code(12, bpf_csum_diff(0, 0, 0, 0, skb->priority));
	if (data + 34 <= end)
		code(13, bpf_csum_diff(data + 14, 20, (void *)s->bytes, n, ~skb->priority));
	for (int i = 0; i < 256; i += 3)
		s->bytes[i] += skb->len * i + (skb->mark & 1 ? 0xff : 0);
	return TC_ACT_OK;
}

SEC("xdp")
int copy_frame(struct xdp_md *ctx)
{
	struct scratch *s = scratch();
	u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 n, at, len = end - data;
	u8 few[6] = {};

	if (!s || data + 14 > end)
		return XDP_ABORTED;
	n = (data[0] & 127) + 1;
	at = data[1] & 1 ? len - n + (data[2] & 1) : data[3] & 63;
	code(14, bpf_xdp_load_bytes(ctx, at, s->bytes, n));
	code(15, bpf_xdp_load_bytes(ctx, len - 6 + (data[4] & 1), few, sizeof(few)));
	code(0, few[0] + few[5]);
	code(1, bpf_xdp_store_bytes(ctx, at / 2, s->bytes + 64, n));
	code(2, bpf_xdp_store_bytes(ctx, data[5] & 1 ? 0x10000 : 6, few, sizeof(few)));
	return XDP_PASS;
}
