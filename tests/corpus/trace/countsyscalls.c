// Counts system calls: by number, by process, by command name, by CPU.
#include "trace.h"

struct sys_enter {
	__u64 common;
	long id;
	unsigned long args[6];
};

struct sys_exit {
	__u64 common;
	long id;
	long ret;
};

struct comm {
	char text[TASK_COMM_LEN];
};

ARRAY(by_number, __u64, 512);
HASH(by_process, __u32, __u64, 8192);
MAP(by_comm, BPF_MAP_TYPE_LRU_PERCPU_HASH, struct comm, __u64, 1024);
PERCPU(by_cpu, __u64, 1);
ARRAY(errors, __u64, 256);

SEC("tracepoint/raw_syscalls/sys_enter")
int number(struct sys_enter *ctx)
{
	__u32 id = ctx->id;
	__u64 *n = bpf_map_lookup_elem(&by_number, &id);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int process(struct sys_enter *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u64 one = 1, *n;

	n = bpf_map_lookup_elem(&by_process, &pid);
	if (!n) {
		bpf_map_update_elem(&by_process, &pid, &one, BPF_NOEXIST);
		return 0;
	}
	__sync_fetch_and_add(n, 1);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int command(struct sys_enter *ctx)
{
	struct comm key = {};
	__u64 one = 1, *n;

	if (bpf_get_current_comm(key.text, sizeof(key.text)))
		return 0;
	n = bpf_map_lookup_elem(&by_comm, &key);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&by_comm, &key, &one, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_enter")
int cpu(struct sys_enter *ctx)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&by_cpu, &zero);

	if (n)
		(*n)++;
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int failures(struct sys_exit *ctx)
{
	long ret = ctx->ret;
	__u32 code;
	__u64 *n;

	if (ret >= 0 || ret < -255)
		return 0;
	code = -ret;
	n = bpf_map_lookup_elem(&errors, &code);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

SEC("raw_tracepoint/sys_enter")
int raw_number(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 id = ctx->args[1];
	__u64 *n;

	if (id >= 512)
		return 0;
	n = bpf_map_lookup_elem(&by_number, &id);
	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

// Removes a process's row when it ends.
SEC("raw_tp/sched_process_exit")
int forget(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	bpf_map_delete_elem(&by_process, &pid);
	return 0;
}

LICENSE("GPL");
