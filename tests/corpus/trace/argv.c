// Arguments of execve: loops over a user array of pointers.
#include "trace.h"
#include "kernel.h"

#define ARGS 20
#define ARGLEN 128
#define ALL (ARGS * ARGLEN)
#define LAST (ALL - ARGLEN)

struct exec_enter {
	__u64 common;
	int nr;
	int pad;
	const char *filename;
	const char *const *argv;
	const char *const *envp;
};

struct event {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	int ret;
	int count;
	__u32 size;
	char comm[TASK_COMM_LEN];
	char args[ALL];
};

HASH(execs, __u32, struct event, 1024);
PERCPU(scratch, struct event, 1);
PERF_EVENTS(events);
RINGBUF(ring, 1 << 20);
static const struct event blank;

SEC("tracepoint/syscalls/sys_enter_execve")
int packed(struct exec_enter *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	const char *arg = 0;
	struct event *e;
	long n;
	int i;

	bpf_map_update_elem(&execs, &tid, &blank, BPF_NOEXIST);
	e = bpf_map_lookup_elem(&execs, &tid);
	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->count = 0;
	e->size = 0;
	n = bpf_probe_read_user_str(e->args, ARGLEN, ctx->filename);
	if (n <= ARGLEN && n > 0)
		e->size += n;
	else
		e->args[0] = 0;
	e->count++;
#pragma clang loop unroll(disable)
	for (i = 1; i < ARGS; i++) {
		bpf_probe_read_user(&arg, sizeof(arg), &ctx->argv[i]);
		if (!arg)
			return 0;
		if (e->size > LAST)
			return 0;
		n = bpf_probe_read_user_str(&e->args[e->size], ARGLEN, arg);
		if (n > ARGLEN)
			return 0;
		e->count++;
		e->size += n;
	}
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_execve")
int report(struct { __u64 common; int nr; int pad; long ret; } *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct event *e = bpf_map_lookup_elem(&execs, &tid);
	__u64 n;

	if (!e)
		return 0;
	e->ret = ctx->ret;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	n = offsetof(struct event, args) + (__u64)e->size;
	if (n <= sizeof(*e))
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, n);
	bpf_map_delete_elem(&execs, &tid);
	return 0;
}

// One slot of fixed size per argument.
SEC("tracepoint/syscalls/sys_enter_execve")
int slots(struct exec_enter *ctx)
{
	__u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);
	int i;

	if (!e)
		return 0;
	for (i = 0; i < ARGS; i++) {
		const char *arg;

		if (bpf_probe_read_user(&arg, sizeof(arg), ctx->argv + i) || !arg)
			break;
		if (bpf_probe_read_user_str(e->args + i * ARGLEN, ARGLEN, arg) < 0)
			break;
	}
	e->count = i;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, sizeof(*e));
	return 0;
}

// argv as one piece, from the process's memory map.
SEC("raw_tp/sched_process_exec")
int whole(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	__u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);
	unsigned long start, end, n;

	if (!e)
		return 0;
	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	n = end - start;
	if (n > ALL)
		n = ALL;
	e->pid = BPF_CORE_READ(task, tgid);
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	e->size = n;
	if (bpf_probe_read_user(e->args, n, (void *)start))
		return 0;
	bpf_ringbuf_output(&ring, e, offsetof(struct event, args) + n, 0);
	return 0;
}

// Counts the arguments and measures the longest, without keeping them.
SEC("tracepoint/syscalls/sys_enter_execveat")
int measure(struct { __u64 common; int nr; int pad; long fd; const char *name; const char *const *argv; } *ctx)
{
	char word[64];
	long longest = 0, n;
	const char *arg;
	__u32 i = 0;

	do {
		arg = 0;
		bpf_probe_read_user(&arg, sizeof(arg), &ctx->argv[i]);
		if (!arg)
			break;
		n = bpf_probe_read_user_str(word, sizeof(word), arg);
		if (n > longest)
			longest = n;
	} while (++i < 32);
	bpf_printk("%d arguments, longest %ld", i, longest);
	return 0;
}

// argv[1] is hashed letter by letter.
SEC("uprobe/main")
int hash_first(struct pt_regs *ctx)
{
	const char *const *argv = (void *)PT_REGS_PARM2(ctx);
	const char *arg;
	char text[80];
	__u32 h = 2166136261u;
	int i;

	if (PT_REGS_PARM1(ctx) < 2)
		return 0;
	bpf_probe_read_user(&arg, sizeof(arg), &argv[1]);
	if (bpf_probe_read_user_str(text, sizeof(text), arg) < 0)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < (int)sizeof(text); i++) {
		if (!text[i])
			break;
		h = (h ^ (__u8)text[i]) * 16777619u;
	}
	return h & 1;
}

LICENSE("GPL");
