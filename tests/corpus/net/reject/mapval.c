/* Map values: null, bounds, keys. */
#include "../corpus.h"

struct value {
	u32 n;
	u32 slots[7];
};

HASH(table, u32, struct value, 64);
ARRAY(list, struct value, 64);
HASH(wide, u64, u64, 64);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__type(key, u32);
		__type(value, u64);
	});
} outer SEC(".maps");

/* kind: missing null check */
SEC("xdp")
int no_null_check(struct xdp_md *ctx)
{
	u32 k = 0;
	struct value *v = bpf_map_lookup_elem(&table, &k);

	v->n++;
	return XDP_PASS;
}

/* kind: null check on one path only */
SEC("xdp")
int null_check_one_path(struct xdp_md *ctx)
{
	u32 k = ctx->rx_queue_index;
	struct value *v = bpf_map_lookup_elem(&table, &k);

	if (k > 10 && !v)
		return XDP_PASS;
	v->n++;
	return XDP_PASS;
}

/* kind: null check of another pointer */
SEC("xdp")
int null_check_other(struct xdp_md *ctx)
{
	u32 a = 0, b = 1;
	struct value *v = bpf_map_lookup_elem(&table, &a), *w = bpf_map_lookup_elem(&table, &b);

	if (!w)
		return XDP_PASS;
	return v->n ? XDP_DROP : XDP_PASS;
}

/* kind: null check reversed */
SEC("xdp")
int null_check_reversed(struct xdp_md *ctx)
{
	u32 k = 0;
	volatile struct value *v = bpf_map_lookup_elem(&table, &k);

	if (v)
		return XDP_PASS;
	hide(v);
	return v->n;
}

/* kind: missing null check, variable key of an array */
SEC("xdp")
int array_null(struct xdp_md *ctx)
{
	u32 k = ctx->rx_queue_index & 63;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	v->n++;
	return XDP_PASS;
}

/* kind: missing null check, constant key outside an array */
SEC("xdp")
int array_constant_outside(struct xdp_md *ctx)
{
	u32 k = 64;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	v->n++;
	return XDP_PASS;
}

/* kind: missing null check of an inner map */
SEC("xdp")
int inner_map_null(struct xdp_md *ctx)
{
	u32 k = 0;
	void *inner = bpf_map_lookup_elem(&outer, &k);
	u64 *v = bpf_map_lookup_elem(inner, &k);

	return v ? XDP_DROP : XDP_PASS;
}

/* kind: map value index without bound */
SEC("xdp")
int index_unbounded(struct xdp_md *ctx)
{
	u32 k = 0, i = ctx->rx_queue_index;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	if (!v)
		return XDP_PASS;
	v->slots[i]++;
	return XDP_PASS;
}

/* kind: map value index off by one */
SEC("xdp")
int index_off_by_one(struct xdp_md *ctx)
{
	u32 k = 0, i = ctx->rx_queue_index;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	if (!v || i > 7)
		return XDP_PASS;
	v->slots[i]++;
	return XDP_PASS;
}

/* kind: signed index checked from above only */
SEC("xdp")
int index_negative(struct xdp_md *ctx)
{
	u32 k = 0;
	s64 i = (s32)ctx->rx_queue_index;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	hide(i);
	if (!v || i > 6)
		return XDP_PASS;
	v->slots[i]++;
	return XDP_PASS;
}

/* kind: bound checked on the wrong register */
SEC("xdp")
int index_wrong_register(struct xdp_md *ctx)
{
	u32 k = 0, i = ctx->rx_queue_index, j = ctx->ingress_ifindex;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	if (!v || j > 6)
		return XDP_PASS;
	v->slots[i]++;
	return XDP_PASS;
}

/* kind: bound lost by arithmetic after the check */
SEC("xdp")
int index_changed_after_check(struct xdp_md *ctx)
{
	u32 k = 0;
	u64 i = ctx->rx_queue_index;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	if (!v || i > 6)
		return XDP_PASS;
	i = i * 2 + 1;
	hide(i);
	v->slots[i]++;
	return XDP_PASS;
}

/* kind: access beyond the map value at a constant offset */
SEC("xdp")
int value_too_far(struct xdp_md *ctx)
{
	u32 k = 0;
	struct value *v = bpf_map_lookup_elem(&list, &k);

	if (!v)
		return XDP_PASS;
	*(volatile u64 *)((void *)v + 28) = 1;
	return XDP_PASS;
}

/* kind: key beyond the stack */
SEC("xdp")
int key_at_frame_end(struct xdp_md *ctx)
{
	u64 *v;

	asm volatile("*(u32 *)(r10 - 4) = %[zero];"
		     "r2 = r10;"
		     "r2 += -4;"
		     "r1 = %[map] ll;"
		     "call 1;"
		     "%[out] = r0;"
		     : [out] "=r"(v)
		     : [zero] "r"(0), [map] "i"(&wide)
		     : "r0", "r1", "r2", "r3", "r4", "r5", "memory");
	return v ? XDP_DROP : XDP_PASS;
}

/* kind: arithmetic on a pointer that may be null */
SEC("xdp")
int add_before_null_check(struct xdp_md *ctx)
{
	u32 k = 0;
	u8 *v = bpf_map_lookup_elem(&table, &k);

	asm volatile("%0 += 4" : "+r"(v));
	if (!v)
		return XDP_PASS;
	return *v ? XDP_DROP : XDP_PASS;
}

/* kind: forbidden arithmetic on a pointer */
SEC("xdp")
int multiply_pointer(struct xdp_md *ctx)
{
	u32 k = 0;
	u8 *v = bpf_map_lookup_elem(&list, &k);

	if (!v)
		return XDP_PASS;
	asm volatile("%0 &= -8" : "+r"(v));
	return *v ? XDP_DROP : XDP_PASS;
}

/* kind: pointer truncated to 32 bits */
SEC("xdp")
int pointer_half(struct xdp_md *ctx)
{
	u32 k = 0;
	u8 *v = bpf_map_lookup_elem(&list, &k);

	if (!v)
		return XDP_PASS;
	asm volatile("r2 = %0; w2 = w2; %0 = r2" : "+r"(v) : : "r2");
	return *(volatile u8 *)v ? XDP_DROP : XDP_PASS;
}
