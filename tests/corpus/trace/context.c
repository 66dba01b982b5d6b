// Small helpers that say where and when a program runs.
#include "trace.h"
#include "kernel.h"

struct where {
	__u64 now, boot, jiffies, cgroup, task;
	__u32 cpu, node, random, uid, gid;
	__u32 pid, tgid;
};

RINGBUF(ring, 4096);
HASH(namespaces, __u64, __u64, 64);
ARRAY(chars, char[4096], 1);

SEC("tp/sched/sched_switch")
int all(void *ctx)
{
	struct where *w = bpf_ringbuf_reserve(&ring, sizeof(*w), 0);
	__u64 ids;

	if (!w)
		return 0;
	w->now = bpf_ktime_get_ns();
	w->boot = bpf_ktime_get_boot_ns();
	w->jiffies = bpf_jiffies64();
	w->cgroup = bpf_get_current_cgroup_id();
	w->task = bpf_get_current_task();
	w->cpu = bpf_get_smp_processor_id();
	w->node = bpf_get_numa_node_id();
	w->random = bpf_get_prandom_u32();
	ids = bpf_get_current_uid_gid();
	w->uid = ids;
	w->gid = ids >> 32;
	ids = bpf_get_current_pid_tgid();
	w->pid = ids;
	w->tgid = ids >> 32;
	bpf_ringbuf_submit(w, 0);
	return 0;
}

SEC("kprobe/do_nanosleep")
int namespace_ids(struct pt_regs *ctx)
{
	struct bpf_pidns_info ns = {};
	__u64 key, v;

	if (bpf_get_ns_current_pid_tgid(4, 4026531836u, &ns, sizeof(ns)))
		return 0;
	key = ns.pid;
	v = ns.tgid;
	bpf_map_update_elem(&namespaces, &key, &v, BPF_ANY);
	return 0;
}

SEC("kprobe/do_nanosleep")
int task_stack(struct pt_regs *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	__u64 ips[16];
	long n = bpf_get_task_stack(t, ips, sizeof(ips), 0);

	if (n < 8)
		return 0;
	bpf_ringbuf_output(&ring, ips, n & 127, 0);
	return 0;
}

SEC("kprobe/do_nanosleep")
int task_fields(struct pt_regs *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	__u64 key = t->tgid, v = t->start_time;

	bpf_map_update_elem(&namespaces, &key, &v, BPF_ANY);
	return t->real_parent->pid == 1;
}

SEC("uprobe.s/sleepable")
int sleepable(struct pt_regs *ctx)
{
	__u32 zero = 0;
	char *to = bpf_map_lookup_elem(&chars, &zero);
	__u64 n = PT_REGS_PARM2(ctx);

	if (!to)
		return 0;
	if (n > 4096)
		n = 4096;
	bpf_copy_from_user(to, n, (void *)PT_REGS_PARM1(ctx));
	return 0;
}

// A 64-bit number split and put together again, in a loop over both halves.
SEC("raw_tp/sched_switch")
int halves(void *ctx)
{
	__u64 t = bpf_get_current_task(), key = 0;
	__u32 part[2] = { t, t >> 32 }, i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 2; i++)
		key = key << 32 | part[i];
	bpf_map_update_elem(&namespaces, &key, &t, BPF_ANY);
	return 0;
}

// Old programs use the one probe_read for everything.
SEC("kprobe/vfs_read")
int old_probe_read(struct pt_regs *ctx)
{
	char text[32] = {};
	void *f = 0;

	bpf_probe_read(&f, sizeof(f), (void *)PT_REGS_PARM1(ctx) + 8);
	bpf_probe_read_str(text, sizeof(text), f);
	bpf_ringbuf_output(&ring, text, sizeof(text), 0);
	return 0;
}

// The walk goes down chains by a loop over offsets from a table.
SEC("kprobe/vfs_read")
int chain_of_offsets(struct pt_regs *ctx)
{
	static const __u16 offsets[6] = { 8, 32, 16, 104, 40, 0 };
	__u64 at = PT_REGS_PARM1(ctx), i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 6; i++) {
		__u64 next = 0;

		if (bpf_probe_read_kernel(&next, sizeof(next), (void *)(at + offsets[i])))
			break;
		if (!next)
			break;
		at = next;
	}
	bpf_ringbuf_output(&ring, &at, sizeof(at), 0);
	return i;
}

LICENSE("GPL");
