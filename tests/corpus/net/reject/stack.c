/* The stack: uninitialised, out of bounds, misaligned, stale. */
#include "../corpus.h"

ARRAY(list, u64, 4);
FDMAP(events, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4);

/* kind: read beyond the frame */
SEC("xdp")
int below_frame(struct xdp_md *ctx)
{
	u64 v;

	asm volatile("%0 = *(u64 *)(r10 - 520)" : "=r"(v));
	return v;
}

/* kind: write above the frame */
SEC("xdp")
int above_frame(struct xdp_md *ctx)
{
	asm volatile("*(u64 *)(r10 + 0) = %0" ::"r"(1UL));
	return XDP_PASS;
}

/* kind: variable stack index without bound */
SEC("xdp")
int stack_index_unbounded(struct xdp_md *ctx)
{
	u8 buf[32] = {};
	u32 i = ctx->rx_queue_index;

	hide(i);
	buf[i] = 1;
	return ((volatile u8 *)buf)[5];
}

/* kind: variable stack index off by one */
SEC("xdp")
int stack_index_off_by_one(struct xdp_md *ctx)
{
	u64 i = ctx->rx_queue_index, out;

	i &= 8;
	asm volatile("r2 = r10;"
		     "r2 += %[i];"
		     "*(u64 *)(r10 - 8) = %[i];"
		     "%[out] = *(u64 *)(r2 - 8);"
		     : [out] "=r"(out)
		     : [i] "r"(i)
		     : "r2", "memory");
	return out;
}

/* kind: uninitialised register */
SEC("xdp")
int uninitialised_register(struct xdp_md *ctx)
{
	u64 v;

	asm volatile("%0 = r7" : "=r"(v));
	return v;
}

/* kind: return value unset */
SEC("xdp")
__attribute__((naked)) int r0_unset(struct xdp_md *ctx)
{
	asm volatile("exit");
}

/* kind: uninitialised register after a call */
SEC("xdp")
int clobbered_register(struct xdp_md *ctx)
{
	u64 v;

	asm volatile("r3 = 5;"
		     "call 5;"
		     "%0 = r3;"
		     : "=r"(v)
		     :
		     : "r0", "r1", "r2", "r4", "r5");
	return v;
}

/* kind: helper buffer longer than the stack object */
SEC("tc")
int helper_buffer_too_long(struct __sk_buff *skb)
{
	u8 buf[8];
	u32 len = 600;

	hide(len);
	if (bpf_skb_load_bytes(skb, 0, buf, len))
		return TC_ACT_OK;
	return buf[0] ? TC_ACT_SHOT : TC_ACT_OK;
}

/* kind: helper length without bound */
SEC("tc")
int helper_length_unbounded(struct __sk_buff *skb)
{
	u8 buf[64];

	if (bpf_skb_load_bytes(skb, 0, buf, skb->len))
		return TC_ACT_OK;
	return buf[0] ? TC_ACT_SHOT : TC_ACT_OK;
}

/* kind: helper length may be zero */
SEC("tc")
int helper_length_zero(struct __sk_buff *skb)
{
	u8 buf[64] = {};
	u32 len = skb->len & 63;

	hide(len);
	if (bpf_skb_load_bytes(skb, 0, buf, len))
		return TC_ACT_OK;
	return buf[0] ? TC_ACT_SHOT : TC_ACT_OK;
}

noinline_ u8 *leak_frame(struct xdp_md *ctx)
{
	u8 *p;

	asm volatile("r0 = r10; *(u64 *)(r10 - 8) = r0; %0 = r10; %0 += -8" : "=r"(p) : : "r0");
	return p;
}

/* kind: pointer to a frame that is gone */
SEC("xdp")
int dangling_frame(struct xdp_md *ctx)
{
	return *(volatile u8 *)leak_frame(ctx);
}

/* kind: partly overwritten pointer spill */
SEC("xdp")
int corrupt_spill(struct xdp_md *ctx)
{
	u32 v;

	asm volatile("*(u64 *)(r10 - 8) = %[ctx];"
		     "r2 = 0;"
		     "*(u32 *)(r10 - 8) = r2;"
		     "r3 = *(u64 *)(r10 - 8);"
		     "%[out] = *(u32 *)(r3 + 0);"
		     : [out] "=r"(v)
		     : [ctx] "r"(ctx)
		     : "r2", "r3", "memory");
	return v;
}

/* kind: frames together larger than the stack */
noinline_ u32 big_frame(u32 n)
{
	volatile u8 buf[300];

	buf[n & 255] = n;
	return buf[7];
}

/* kind: frames together larger than the stack */
SEC("xdp")
int stack_too_deep(struct xdp_md *ctx)
{
	volatile u8 buf[300];
	u32 i = ctx->rx_queue_index & 255;

	buf[i] = 1;
	return big_frame(i) + buf[8];
}
