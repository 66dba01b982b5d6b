// Stack along chains of calls: what Linux counts is rounded, callbacks count while they run, and the large frames of
// tracing programs have memory of their own.
#include "lang.h"

// Uses n bytes of the frame.
#define USE(n) asm volatile("r1 = 0; *(u64 *)(r10 - %0) = r1;" ::"i"(n) : "r1", "memory")

#define LEAF(name, n)                                                          \
	OUTLINE int name(void)                                                 \
	{                                                                      \
		USE(n);                                                        \
		return 0;                                                      \
	}

#define CALLER(sec, name, n, callee)                                           \
	SEC(sec) int name(void *ctx)                                           \
	{                                                                      \
		USE(n);                                                        \
		return callee();                                               \
	}

struct alarm {
	struct bpf_timer timer;
	__u64 rung;
};

ARRAY(alarms, struct alarm, 4);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 4);
} next SEC(".maps");

LEAF(leaf8, 8)
LEAF(leaf16, 16)
LEAF(leaf248, 248)
LEAF(leaf504, 504)
LEAF(leaf512, 512)

CALLER("tc", rounded, 488, leaf16)
CALLER("tc", halves, 256, leaf248)
CALLER("kprobe", two_whole, 512, leaf512)
CALLER("kprobe", whole_and_small, 496, leaf8)
CALLER("raw_tp", two_raw, 512, leaf504)
CALLER("perf_event", two_perf, 504, leaf512)

OUTLINE long once(__u32 i, void *c)
{
	USE(256);
	return 0;
}

SEC("tc") int callback(void *ctx)
{
	USE(256);
	bpf_loop(10, once, 0, 0);
	return 0;
}

SEC("kprobe") int callback_beside(void *ctx)
{
	USE(504);
	bpf_loop(10, once, 0, 0);
	return 0;
}

// It runs on its own: what set it has returned.
OUTLINE int ring(void *map, int *key, struct alarm *a)
{
	USE(504);
	a->rung++;
	bpf_timer_set_callback(&a->timer, ring);
	bpf_timer_start(&a->timer, 100, 0);
	return 0;
}

SEC("tc") int timer(void *ctx)
{
	__u32 k = 0;
	struct alarm *a = bpf_map_lookup_elem(&alarms, &k);

	USE(504);
	if (!a)
		return 0;
	bpf_timer_init(&a->timer, &alarms, 1);
	bpf_timer_set_callback(&a->timer, ring);
	return 0;
}

OUTLINE int onwards(void *ctx)
{
	USE(256);
	bpf_tail_call(ctx, &next, 0);
	return 0;
}

SEC("tc") int tail_from_function(void *ctx)
{
	USE(240);
	return onwards(ctx);
}

LICENSE("GPL");
