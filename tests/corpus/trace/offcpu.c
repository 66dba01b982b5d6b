// Time off the CPU, run-queue latency, and who wakes whom.
#include "trace.h"
#include "kernel.h"

struct switch_record {
	__u64 common;
	char prev_comm[16];
	int prev_pid;
	int prev_prio;
	long prev_state;
	char next_comm[16];
	int next_pid;
	int next_prio;
};

struct wakeup_record {
	__u64 common;
	char comm[16];
	int pid;
	int prio;
	int target_cpu;
};

struct key {
	__u32 pid;
	int user_stack;
	int kernel_stack;
	char comm[16];
};

LRU(asleep, __u32, __u64, 16384);
HASH(queued, __u32, __u64, 16384);
HASH(blocked_us, struct key, __u64, 16384);
ARRAY(hist, __u64, 64);
STACKS(stacks, 64, 4096);

const volatile __u64 min_us = 1;
const volatile __u64 max_us = 1ull << 40;

SEC("tp/sched/sched_switch")
int off(struct switch_record *ctx)
{
	__u64 now = bpf_ktime_get_ns(), *since, *sum;
	__u32 prev = ctx->prev_pid, next = ctx->next_pid;
	struct key key = {};

	if (prev && ctx->prev_state)
		bpf_map_update_elem(&asleep, &prev, &now, BPF_ANY);
	since = bpf_map_lookup_elem(&asleep, &next);
	if (!since)
		return 0;
	now = (now - *since) / 1000;
	bpf_map_delete_elem(&asleep, &next);
	if (now < min_us || now > max_us)
		return 0;
	key.pid = next;
	key.user_stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	key.kernel_stack = bpf_get_stackid(ctx, &stacks, BPF_F_REUSE_STACKID);
	__builtin_memcpy(key.comm, ctx->next_comm, sizeof(key.comm));
	sum = bpf_map_lookup_elem(&blocked_us, &key);
	if (sum)
		__sync_fetch_and_add(sum, now);
	else
		bpf_map_update_elem(&blocked_us, &key, &now, BPF_NOEXIST);
	return 0;
}

SEC("tp/sched/sched_wakeup")
int wakeup(struct wakeup_record *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 pid = ctx->pid;

	if (pid)
		bpf_map_update_elem(&queued, &pid, &now, BPF_ANY);
	return 0;
}

SEC("tp/sched/sched_switch")
int runq_latency(struct switch_record *ctx)
{
	__u32 pid = ctx->next_pid, slot;
	__u64 *ts = bpf_map_lookup_elem(&queued, &pid), *n;

	if (!ts)
		return 0;
	slot = log2_u64((bpf_ktime_get_ns() - *ts) / 1000);
	bpf_map_delete_elem(&queued, &pid);
	n = bpf_map_lookup_elem(&hist, &slot);
	if (n)
		*n += 1;
	return 0;
}

// The raw form: the arguments are kernel pointers, read by CO-RE.
SEC("raw_tp/sched_switch")
int raw_switch(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *prev = (void *)ctx->args[1];
	struct task_struct *next = (void *)ctx->args[2];
	__u64 now = bpf_ktime_get_ns(), *since;
	__u32 pid = BPF_CORE_READ(prev, pid);

	bpf_map_update_elem(&asleep, &pid, &now, BPF_ANY);
	pid = BPF_CORE_READ(next, pid);
	since = bpf_map_lookup_elem(&asleep, &pid);
	if (since && now > *since) {
		__u32 slot = log2_u64(now - *since);
		__u64 *n = bpf_map_lookup_elem(&hist, &slot);

		if (n)
			__sync_fetch_and_add(n, 1);
	}
	return 0;
}

SEC("raw_tp/sched_wakeup")
int raw_waker(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *woken = (void *)ctx->args[0];
	struct task_struct *waker = (void *)bpf_get_current_task();
	struct key key = {};
	__u64 one = 1;

	key.pid = BPF_CORE_READ(woken, tgid);
	key.kernel_stack = BPF_CORE_READ(waker, real_parent, pid);
	BPF_CORE_READ_STR_INTO(&key.comm, waker, comm);
	bpf_map_update_elem(&blocked_us, &key, &one, BPF_ANY);
	return 0;
}

LICENSE("GPL");
