/* Control flow: loops without bound, recursion, callbacks, tail calls, arithmetic. */
#include "../corpus.h"

ARRAY(list, u64, 16);
FDMAP(jumps, BPF_MAP_TYPE_PROG_ARRAY, 4);

/* kind: loop without bound */
SEC("xdp")
int endless(struct xdp_md *ctx)
{
	while (*(volatile u32 *)&ctx->rx_queue_index != 77)
		;
	return XDP_PASS;
}

/* kind: loop that depends on a value from the map */
SEC("xdp")
int loop_on_map_value(struct xdp_md *ctx)
{
	u32 k = 0;
	u64 *v = bpf_map_lookup_elem(&list, &k);

	if (!v)
		return XDP_PASS;
	while (*(volatile u64 *)v)
		;
	return XDP_DROP;
}

/* kind: loop whose counter does not advance */
SEC("xdp")
int counter_stands(struct xdp_md *ctx)
{
	u64 i = 0;

	asm volatile("1: if %0 > 9 goto 2f;"
		     "%0 += 0;"
		     "goto 1b;"
		     "2:"
		     : "+r"(i));
	return i ? XDP_PASS : XDP_DROP;
}

/* kind: loop with an unknown number of rounds */
SEC("xdp")
int rounds_unknown(struct xdp_md *ctx)
{
	u64 n = bpf_ktime_get_ns(), sum = 0;

	asm volatile("1: if %0 == 0 goto 2f;"
		     "%0 += -1;"
		     "%1 += %0;"
		     "goto 1b;"
		     "2:"
		     : "+r"(n), "+r"(sum));
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* kind: instruction that nothing reaches */
SEC("xdp")
int unreachable(struct xdp_md *ctx)
{
	asm volatile("r0 = 1; exit; r0 = 2; r0 = 3; exit");
	return XDP_PASS;
}

/* kind: division by the constant zero */
SEC("xdp")
int divide_by_zero(struct xdp_md *ctx)
{
	u64 v = ctx->rx_queue_index;

	asm volatile("%0 /= 0" : "+r"(v));
	return v;
}

/* kind: shift by more than the width */
SEC("xdp")
int shift_too_far(struct xdp_md *ctx)
{
	u64 v = ctx->rx_queue_index;

	asm volatile("%0 <<= 64" : "+r"(v));
	return v;
}

/* kind: recursion */
noinline_ int down(struct xdp_md *ctx, int n)
{
	if (n <= 0)
		return ctx->rx_queue_index;
	return down(ctx, n - 1) * 3 + n * down(ctx, n - 2);
}

/* kind: recursion */
SEC("xdp")
int recursion(struct xdp_md *ctx)
{
	return down(ctx, ctx->ingress_ifindex & 7);
}

static int count_all(u32 i, u64 *slots)
{
	slots[i & 3]++;
	return 0;
}

/* kind: callback writes beyond what it was given */
SEC("xdp")
int callback_overrun(struct xdp_md *ctx)
{
	u64 one = 0;

	bpf_loop(4, count_all, &one, 0);
	return one & 1 ? XDP_DROP : XDP_PASS;
}

static int give_two(u32 i, void *arg)
{
	return 2;
}

/* kind: callback returns outside its range */
SEC("xdp")
int callback_range(struct xdp_md *ctx)
{
	bpf_loop(4, give_two, 0, 0);
	return XDP_PASS;
}

static int set_index(u32 i, u64 *at)
{
	*at = i;
	return 0;
}

/* kind: what a callback changed is used as if it were constant */
SEC("xdp")
int callback_changes_index(struct xdp_md *ctx)
{
	u64 at = 0, *v;
	u32 k = 0;

	bpf_loop(100, set_index, &at, 0);
	v = bpf_map_lookup_elem(&list, &k);
	if (!v)
		return XDP_PASS;
	return *(volatile u8 *)((u8 *)v + at) ? XDP_DROP : XDP_PASS;
}

/* kind: callback assumed to run */
static int set_pointer(u32 i, u64 **p)
{
	u32 k = 0;

	*p = bpf_map_lookup_elem(&list, &k);
	return 0;
}

/* kind: callback assumed to run */
SEC("xdp")
int callback_may_not_run(struct xdp_md *ctx)
{
	u64 *p = 0;

	bpf_loop(ctx->rx_queue_index, set_pointer, &p, 0);
	return *(volatile u64 *)p ? XDP_DROP : XDP_PASS;
}

__attribute__((noinline)) int read_it(u64 *p)
{
	return *p;
}

/* kind: global function does not check its pointer */
SEC("xdp")
int global_without_check(struct xdp_md *ctx)
{
	u64 v = ctx->rx_queue_index;

	return read_it(&v) ? XDP_DROP : XDP_PASS;
}

/* kind: tail call into something that is no program array */
SEC("xdp")
int tail_call_wrong_map(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &list, 0);
	return XDP_PASS;
}

/* kind: lookup in a program array */
SEC("xdp")
int lookup_in_jumps(struct xdp_md *ctx)
{
	u32 k = 0;

	return bpf_map_lookup_elem(&jumps, &k) ? XDP_DROP : XDP_PASS;
}

/* kind: pointer compared with a number and then used */
SEC("xdp")
int number_as_pointer(struct xdp_md *ctx)
{
	u64 p = bpf_ktime_get_ns();

	return *(volatile u8 *)p;
}

/* kind: sign extension forgotten */
SEC("xdp")
int minus_one_32(struct xdp_md *ctx)
{
	u32 k = 0;
	u64 *v = bpf_map_lookup_elem(&list, &k), out = 0;

	if (!v)
		return XDP_PASS;
	asm volatile("r2 = 0xffffffff ll;"
		     "w3 = -1;"
		     "if r2 != r3 goto 1f;"
		     "%[v] += 4096;"
		     "1: %[out] = *(u64 *)(%[v] + 0);"
		     : [v] "+r"(v), [out] "=r"(out)
		     :
		     : "r2", "r3");
	return out ? XDP_DROP : XDP_PASS;
}
