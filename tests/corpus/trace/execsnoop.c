// Life of processes: fork, exec, exit, with CO-RE walks over task_struct.
#include "trace.h"
#include "kernel.h"

struct life {
	__u64 start;
	__u64 age;
	__u64 cgroup;
	__u32 pid, ppid, tid, uid;
	__u32 uts, mnt;
	int code;
	char comm[16], parent[16];
};

struct fork_record {
	__u64 common;
	char parent_comm[16];
	int parent_pid;
	char child_comm[16];
	int child_pid;
};

RINGBUF(ring, 1 << 16);
HASH(children, __u32, __u32, 4096);
HASH(depth, __u32, __u32, 4096);

INLINE void fill(struct life *l, struct task_struct *t)
{
	l->pid = BPF_CORE_READ(t, tgid);
	l->tid = BPF_CORE_READ(t, pid);
	l->ppid = BPF_CORE_READ(t, real_parent, tgid);
	l->uts = BPF_CORE_READ(t, nsproxy, uts_ns, ns.inum);
	l->mnt = BPF_CORE_READ(t, nsproxy, mnt_ns, ns.inum);
	l->start = BPF_CORE_READ(t, start_time);
	l->cgroup = bpf_get_current_cgroup_id();
	BPF_CORE_READ_STR_INTO(&l->parent, t, real_parent, comm);
	bpf_get_current_comm(l->comm, sizeof(l->comm));
}

SEC("tp/sched/sched_process_exit")
int leaving(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	struct life *l;

	if ((__u32)id != id >> 32)
		return 0;
	l = bpf_ringbuf_reserve(&ring, sizeof(*l), 0);
	if (!l)
		return 0;
	fill(l, t);
	l->age = bpf_ktime_get_ns() - l->start;
	l->code = BPF_CORE_READ(t, exit_code) >> 8;
	l->uid = bpf_get_current_uid_gid();
	bpf_ringbuf_submit(l, 0);
	return 0;
}

SEC("tp/sched/sched_process_fork")
int fork(struct fork_record *ctx)
{
	__u32 parent = ctx->parent_pid, child = ctx->child_pid, one = 1, *n;

	n = bpf_map_lookup_elem(&children, &parent);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&children, &parent, &one, BPF_ANY);
	n = bpf_map_lookup_elem(&depth, &parent);
	one = n ? *n + 1 : 1;
	bpf_map_update_elem(&depth, &child, &one, BPF_ANY);
	return 0;
}

// Ancestors up to init.
SEC("raw_tp/sched_process_exec")
int ancestors(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *t = (void *)ctx->args[0];
	__u32 pids[16] = {};
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 16; i++) {
		pids[i] = BPF_CORE_READ(t, tgid);
		if (pids[i] <= 1)
			break;
		t = BPF_CORE_READ(t, real_parent);
	}
	bpf_ringbuf_output(&ring, pids, sizeof(pids), 0);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int binprm(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *b = (void *)ctx->args[2];
	struct {
		int argc, envc;
		__u64 ino;
		long long size;
		char name[128];
	} *e;

	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e)
		return 0;
	e->argc = BPF_CORE_READ(b, argc);
	e->envc = BPF_CORE_READ(b, envc);
	e->ino = BPF_CORE_READ(b, file, f_inode, i_ino);
	e->size = BPF_CORE_READ(b, file, f_inode, i_size);
	if (bpf_probe_read_kernel_str(e->name, sizeof(e->name), BPF_CORE_READ(b, filename)) < 2)
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

// Field and type questions that the loader answers: the dead arm disappears.
struct task_struct___old {
	long state;
} __attribute__((preserve_access_index));

struct task_struct___new {
	unsigned int __state;
} __attribute__((preserve_access_index));

HASH(states, __u64, __u64, 64);

SEC("raw_tp/sched_switch")
int state(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___new *n = (void *)ctx->args[1];
	__u64 key, one = 1;

	if (bpf_core_field_exists(n->__state)) {
		key = BPF_CORE_READ(n, __state);
	} else {
		struct task_struct___old *o = (void *)n;

		key = BPF_CORE_READ(o, state);
	}
	bpf_map_update_elem(&states, &key, &one, BPF_ANY);
	return 0;
}

SEC("raw_tp/sched_switch")
int sizes(struct bpf_raw_tracepoint_args *ctx)
{
	char comm[32] = {};
	struct task_struct *t = (void *)ctx->args[1];
	__u32 n = bpf_core_field_size(t->comm);

	if (n > sizeof(comm))
		n = sizeof(comm);
	bpf_core_read(comm, n, &t->comm);
	return comm[0] == 'k' && bpf_core_type_exists(struct nsproxy);
}

LICENSE("GPL");
