/* Programs at the edge of what Linux 6.18 accepts: each of them needs one particular piece of knowledge. */
#include "corpus.h"

ARRAY(list, u64, 16);
HASH(wide, u64, u64, 16);

const volatile u32 feature = 0;
const volatile u32 table_size = 8;

/* A constant key inside an array always finds its element: no null check. */
SEC("xdp")
int edge_zero_key(struct xdp_md *ctx)
{
	u32 k = 0;
	u64 *v = bpf_map_lookup_elem(&list, &k);

	*v += 1;
	return XDP_PASS;
}

/* Any other constant is known only where it fills an aligned slot of the stack from its beginning. */
SEC("xdp")
int edge_constant_key(struct xdp_md *ctx)
{
	u32 k __attribute__((aligned(8))) = 3;
	u64 *v = bpf_map_lookup_elem(&list, &k);

	*v += 1;
	return XDP_PASS;
}

/* Bytes of the stack that were never written may be read by a privileged program. */
SEC("xdp")
int edge_half_key(struct xdp_md *ctx)
{
	u64 k, *v;

	*(volatile u32 *)&k = 1;
	v = bpf_map_lookup_elem(&wide, &k);
	return v ? XDP_DROP : XDP_PASS;
}

/* Frozen read-only data are constants: the branch is dead and not looked at. */
SEC("xdp")
int edge_dead_branch(struct xdp_md *ctx)
{
	if (feature)
		return *(volatile u8 *)(long)ctx->data;
	return XDP_PASS;
}

SEC("xdp")
int edge_constant_bound(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data;
	u32 sum = 0;

	if ((void *)(p + 8) > (void *)(long)ctx->data_end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < table_size; i++)
		sum += p[i];
	return sum & 1 ? XDP_DROP : XDP_PASS;
}

/* The bound is checked on a copy of the index. */
SEC("xdp")
int edge_copy_checked(struct xdp_md *ctx)
{
	u32 k = ctx->ingress_ifindex & 15;
	u64 *v = bpf_map_lookup_elem(&list, &k), i = ctx->rx_queue_index, out = 0;

	if (!v)
		return XDP_PASS;
	asm volatile("r2 = %[i];"
		     "if r2 > 7 goto 1f;"
		     "%[v] += %[i];"
		     "%[out] = *(u8 *)(%[v] + 0);"
		     "1:"
		     : [out] "+r"(out), [v] "+r"(v)
		     : [i] "r"(i)
		     : "r2");
	return out ? XDP_DROP : XDP_PASS;
}

/* The index goes through the stack between the check and the use. */
SEC("xdp")
int edge_spilled_bound(struct xdp_md *ctx)
{
	u32 k = ctx->ingress_ifindex & 15;
	u64 *v, out = 0, i = ctx->rx_queue_index;

	asm volatile("*(u64 *)(r10 - 64) = %[i];"
		     "if %[i] > 7 goto 1f;"
		     "goto 2f;"
		     "1: %[i] = 0;"
		     "*(u64 *)(r10 - 64) = %[i];"
		     "2:"
		     : [i] "+r"(i)
		     :
		     : "memory");
	v = bpf_map_lookup_elem(&list, &k);
	if (!v)
		return XDP_PASS;
	asm volatile("r2 = *(u64 *)(r10 - 64);"
		     "%[v] += r2;"
		     "%[out] = *(u8 *)(%[v] + 0);"
		     : [out] "+r"(out), [v] "+r"(v)
		     :
		     : "r2", "memory");
	return out ? XDP_DROP : XDP_PASS;
}

/* Signed bounds from both sides, then moved above zero. */
SEC("xdp")
int edge_signed_index(struct xdp_md *ctx)
{
	u32 k = ctx->ingress_ifindex & 15;
	u64 *v = bpf_map_lookup_elem(&list, &k);
	s64 i = (s32)ctx->rx_queue_index;

	if (!v)
		return XDP_PASS;
	hide(i);
	if (i < -4)
		return XDP_PASS;
	hide(i);
	if (i > 3)
		return XDP_PASS;
	i += 4;
	hide(i);
	return *(volatile u8 *)((u8 *)v + i) ? XDP_DROP : XDP_PASS;
}

/* Two checks that exclude each other make the last access unreachable. */
SEC("xdp")
int edge_contradiction(struct xdp_md *ctx)
{
	u64 i = ctx->rx_queue_index;
	void *data = (void *)(long)ctx->data;

	asm volatile("if %[i] > 10 goto 1f;"
		     "if %[i] < 11 goto 1f;"
		     "r2 = *(u64 *)(%[data] + 0);"
		     "1:"
		     :
		     : [i] "r"(i), [data] "r"(data)
		     : "r2");
	return XDP_PASS;
}

/* A packet pointer is spilled across a call that leaves the packet where it is. */
SEC("xdp")
int edge_spilled_packet(struct xdp_md *ctx)
{
	u8 *volatile kept;
	u8 *p = (void *)(long)ctx->data;
	u64 now;

	if ((void *)(p + 40) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	kept = p + 8;
	now = bpf_ktime_get_ns();
	return kept[31] == (u8)now ? XDP_DROP : XDP_PASS;
}

/* Pointers subtracted and compared; the difference is a number. */
SEC("xdp")
int edge_pointer_difference(struct xdp_md *ctx)
{
	u64 len = ctx->data_end - ctx->data;
	u8 *p = (void *)(long)ctx->data, *q;

	if (len < 20)
		return XDP_PASS;
	len &= 0x7ff;
	hide(len);
	q = p + len;
	if ((void *)(q + 1) > (void *)(long)ctx->data_end || q < p)
		return XDP_PASS;
	return *(volatile u8 *)q == 1 ? XDP_DROP : XDP_PASS;
}
