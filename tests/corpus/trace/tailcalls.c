// Chains of programs through a program array, state kept in a per-CPU value.
#include "trace.h"

struct state {
	__u64 step;
	__u64 sum;
	char text[64];
};

PERCPU(states, struct state, 1);

int link_one(struct pt_regs *ctx);
int link_two(struct pt_regs *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__array(values, int(struct pt_regs *));
} chain SEC(".maps") = { .values = { [0] = &link_one, [1] = &link_two } };

SEC("kprobe/vfs_fsync")
int entry(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct state *s = bpf_map_lookup_elem(&states, &zero);

	if (!s)
		return 0;
	s->step = 0;
	s->sum = PT_REGS_PARM1(ctx);
	bpf_tail_call(ctx, &chain, 0);
	s->step = -1;
	return 0;
}

SEC("kprobe/vfs_fsync")
int link_one(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct state *s = bpf_map_lookup_elem(&states, &zero);

	if (!s)
		return 0;
	s->step++;
	s->sum += PT_REGS_PARM2(ctx);
	if (s->step < 20)
		bpf_tail_call(ctx, &chain, s->step & 1);
	return 1;
}

SEC("kprobe/vfs_fsync")
int link_two(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct state *s = bpf_map_lookup_elem(&states, &zero);

	if (!s)
		return 0;
	s->sum ^= s->step;
	bpf_tail_call(ctx, &chain, 0);
	bpf_tail_call(ctx, &chain, 7);
	return 2;
}

// The index comes from the event.
SEC("kprobe/vfs_fsync")
int dispatch(struct pt_regs *ctx)
{
	__u32 i = PT_REGS_PARM3(ctx);

	bpf_tail_call(ctx, &chain, i);
	return 0;
}

// A tail call from a subprogram.
OUTLINE int jump(struct pt_regs *ctx, __u32 i)
{
	volatile int r = 1;

	bpf_tail_call(ctx, &chain, i);
	return r;
}

SEC("kprobe/vfs_fsync")
int nested(struct pt_regs *ctx)
{
	if (PT_REGS_PARM1(ctx) & 1)
		return jump(ctx, 0);
	return jump(ctx, 1) + 1;
}

LICENSE("GPL");
