/* Programs for tcx: the verdicts are those of the 2023 interface. */
/* bpftool-type: classifier */
#include "corpus.h"

PERCPU(passed, u64, 2);

SEC("tcx/ingress")
int tcx_in(struct __sk_buff *skb)
{
	u32 slot = 0;
	u64 *n = bpf_map_lookup_elem(&passed, &slot);

	if (n)
		*n += skb->len;
	return skb->pkt_type == PACKET_OTHERHOST ? 2 : -1;
}

SEC("tcx/egress")
int tcx_out(struct __sk_buff *skb)
{
	u32 slot = 1;
	u64 *n = bpf_map_lookup_elem(&passed, &slot);

	if (n)
		*n += skb->wire_len;
	return skb->mark == 0xbad ? 2 : 0;
}

SEC("tcx/ingress")
int tcx_scan(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 ones = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 48; i++) {
		u8 *p = data + i, b;

		hide(p);
		if ((void *)(p + 1) > end)
			return -1;
		b = *p;
		b = (b & 0x55) + (b >> 1 & 0x55);
		b = (b & 0x33) + (b >> 2 & 0x33);
		ones += (b & 15) + (b >> 4);
	}
	return ones > 300 ? 2 : -1;
}
