// Who opens which file: three ways to report an event.
#include "trace.h"

#define NAME 255

struct open_enter {
	__u64 common;
	int nr;
	int pad;
	long dfd;
	const char *filename;
	long flags;
	long mode;
};

struct open_exit {
	__u64 common;
	int nr;
	int pad;
	long ret;
};

struct args {
	const char *name;
	int flags;
};

struct event {
	__u64 ts;
	__u32 pid;
	__u32 uid;
	int ret;
	int flags;
	char comm[TASK_COMM_LEN];
	char name[NAME];
};

HASH(pending, __u32, struct args, 10240);
PERF_EVENTS(events);
RINGBUF(ring, 1 << 18);
PERCPU(scratch, struct event, 1);

const volatile __u32 only_uid = -1;
const volatile bool failed_only = false;

SEC("tracepoint/syscalls/sys_enter_openat")
int enter(struct open_enter *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct args a = {};

	if (only_uid != -1 && only_uid != (__u32)bpf_get_current_uid_gid())
		return 0;
	a.name = ctx->filename;
	a.flags = ctx->flags;
	bpf_map_update_elem(&pending, &tid, &a, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int leave_stack(struct open_exit *ctx)
{
	struct event e = {};
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;
	struct args *a = bpf_map_lookup_elem(&pending, &tid);
	int ret;

	if (!a)
		return 0;
	ret = ctx->ret;
	if (failed_only && ret >= 0)
		goto out;
	e.ts = bpf_ktime_get_ns();
	e.pid = id >> 32;
	e.uid = bpf_get_current_uid_gid();
	e.ret = ret;
	e.flags = a->flags;
	bpf_get_current_comm(&e.comm, sizeof(e.comm));
	bpf_probe_read_user_str(e.name, sizeof(e.name), a->name);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
out:
	bpf_map_delete_elem(&pending, &tid);
	return 0;
}

// Sends only as many bytes as the name is long.
SEC("tracepoint/syscalls/sys_exit_openat")
int leave_scratch(struct open_exit *ctx)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid();
	struct args *a = bpf_map_lookup_elem(&pending, &tid);
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);
	long n;
	__u64 size;

	if (!a || !e)
		return 0;
	e->ts = bpf_ktime_get_ns();
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->ret = ctx->ret;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	n = bpf_probe_read_user_str(e->name, sizeof(e->name), a->name);
	if (n < 0)
		n = 0;
	size = offsetof(struct event, name) + n;
	if (size > sizeof(*e))
		size = sizeof(*e);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, size);
	return 0;
}

SEC("kprobe/do_sys_openat2")
int ring_event(struct pt_regs *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e)
		return 0;
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->ts = bpf_ktime_get_ns();
	e->ret = 0;
	if (bpf_probe_read_user_str(e->name, sizeof(e->name), (void *)PT_REGS_PARM2(ctx)) <= 0) {
		bpf_ringbuf_discard(e, 0);
		return 0;
	}
	bpf_ringbuf_submit(e, 0);
	return 0;
}

// Only names below one directory: compares byte by byte and stops at a mismatch.
SEC("kprobe/do_sys_openat2")
int below_etc(struct pt_regs *ctx)
{
	static const char want[] = "/etc/";
	char name[64];
	int i;

	if (bpf_probe_read_user_str(name, sizeof(name), (void *)PT_REGS_PARM2(ctx)) < (long)sizeof(want))
		return 0;
	for (i = 0; i < (int)sizeof(want) - 1; i++)
		if (name[i] != want[i])
			return 0;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, name, sizeof(name));
	return 0;
}

LICENSE("GPL");
