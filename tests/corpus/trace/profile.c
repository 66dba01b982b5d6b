// Sampling: perf_event programs.
#include "trace.h"
#include <linux/bpf_perf_event.h>

#define DEPTH 32

struct key {
	__u32 pid;
	int user, kernel;
	char comm[TASK_COMM_LEN];
};

struct sample {
	__u32 pid, cpu;
	int kernel_bytes, user_bytes;
	__u64 kernel[DEPTH], user[DEPTH];
};

HASH(counts, struct key, __u64, 10240);
HASH(addresses, __u64, __u64, 10240);
STACKS(stacks, 127, 10240);
RINGBUF(ring, 1 << 20);
PERCPU(held, struct sample, 1);
PERF_EVENTS(counters);
ARRAY(cycles, struct bpf_perf_event_value, 64);

const volatile bool user_only = false;
const volatile __u32 target = 0;

SEC("perf_event")
int stacks_by_id(struct bpf_perf_event_data *ctx)
{
	struct key key = {};
	__u64 *n, one = 1;

	key.pid = bpf_get_current_pid_tgid() >> 32;
	if (target && key.pid != target)
		return 0;
	bpf_get_current_comm(&key.comm, sizeof(key.comm));
	key.user = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	key.kernel = user_only ? -1 : bpf_get_stackid(ctx, &stacks, 0);
	if (key.user < 0 && key.kernel < 0)
		return 0;
	n = bpf_map_lookup_elem(&counts, &key);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	return 0;
}

SEC("perf_event")
int instruction(struct bpf_perf_event_data *ctx)
{
	__u64 ip = ctx->regs.rip & ~0x3full, *n, one = 1;

	if (!ip)
		return 0;
	n = bpf_map_lookup_elem(&addresses, &ip);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&addresses, &ip, &one, BPF_ANY);
	return 0;
}

SEC("perf_event")
int whole_stacks(struct bpf_perf_event_data *ctx)
{
	struct sample *s = bpf_ringbuf_reserve(&ring, sizeof(*s), 0);

	if (!s)
		return 0;
	s->pid = bpf_get_current_pid_tgid() >> 32;
	s->cpu = bpf_get_smp_processor_id();
	s->kernel_bytes = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0);
	s->user_bytes = bpf_get_stack(ctx, s->user, sizeof(s->user), BPF_F_USER_STACK);
	bpf_ringbuf_submit(s, 0);
	return 0;
}

// Returned length used as an offset for the second stack.
SEC("perf_event")
int appended(struct bpf_perf_event_data *ctx)
{
	__u32 zero = 0;
	struct sample *s = bpf_map_lookup_elem(&held, &zero);
	long n, m;

	if (!s)
		return 0;
	n = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel) + sizeof(s->user), 0);
	if (n < 0 || n > (long)sizeof(s->kernel))
		return 0;
	m = bpf_get_stack(ctx, (char *)s->kernel + n, sizeof(s->user), BPF_F_USER_STACK);
	if (m < 0)
		return 0;
	bpf_ringbuf_output(&ring, s, offsetof(struct sample, kernel) + ((n + m) & 511), 0);
	return 0;
}

// The top frames are folded into one hash.
SEC("perf_event")
int folded(struct bpf_perf_event_data *ctx)
{
	__u64 frames[16] = {}, h = 14695981039346656037ull, one = 1;
	long n = bpf_get_stack(ctx, frames, sizeof(frames), 0);
	int i;

	if (n <= 0)
		return 0;
	n /= 8;
#pragma clang loop unroll(disable)
	for (i = 0; i < 16; i++) {
		if (i >= n)
			break;
		h = (h ^ frames[i]) * 1099511628211ull;
	}
	bpf_map_update_elem(&addresses, &h, &one, BPF_ANY);
	return 0;
}

SEC("perf_event")
int values(struct bpf_perf_event_data *ctx)
{
	struct bpf_perf_event_value v = {};
	__u32 cpu = bpf_get_smp_processor_id();

	if (bpf_perf_prog_read_value(ctx, &v, sizeof(v)))
		return 0;
	cpu &= 63;
	bpf_map_update_elem(&cycles, &cpu, &v, BPF_ANY);
	return 0;
}

SEC("perf_event")
int period(struct bpf_perf_event_data *ctx)
{
	__u64 p = ctx->sample_period, a = ctx->addr;

	bpf_map_update_elem(&addresses, &a, &p, BPF_ANY);
	return 0;
}

SEC("perf_event")
int branches(struct bpf_perf_event_data *ctx)
{
	struct perf_branch_entry_like {
		__u64 from, to, flags;
	} entries[8];
	long n = bpf_read_branch_records(ctx, entries, sizeof(entries), 0);
	__u64 one = 1;

	if (n < (long)sizeof(entries[0]))
		return 0;
	bpf_map_update_elem(&addresses, &entries[0].to, &one, BPF_ANY);
	return 0;
}

SEC("kprobe/finish_task_switch")
int counter(struct pt_regs *ctx)
{
	struct bpf_perf_event_value v;
	__u32 cpu = bpf_get_smp_processor_id() & 63;
	struct bpf_perf_event_value *old;

	if (bpf_perf_event_read_value(&counters, BPF_F_CURRENT_CPU, &v, sizeof(v)) < 0)
		return 0;
	old = bpf_map_lookup_elem(&cycles, &cpu);
	if (old && v.counter > old->counter)
		bpf_map_update_elem(&cycles, &cpu, &v, BPF_EXIST);
	return 0;
}

SEC("kprobe/finish_task_switch")
int counter_old(struct pt_regs *ctx)
{
	__u64 n = bpf_perf_event_read(&counters, bpf_get_smp_processor_id()), zero = 0;

	if ((__s64)n < 0 && (__s64)n > -256)
		return 0;
	bpf_map_update_elem(&addresses, &zero, &n, BPF_ANY);
	return 0;
}

LICENSE("GPL");
