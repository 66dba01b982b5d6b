// Latency histograms: entry stamps a start time, exit adds to a log2 slot.
#include "trace.h"

#define SLOTS 27

struct hist {
	__u32 slots[SLOTS];
	__u64 total;
	__u64 count;
};

struct start {
	__u64 ts;
	__u32 id;
};

HASH(starts, __u32, struct start, 10240);
HASH(by_id, __u32, struct hist, 512);
ARRAY(whole, struct hist, 1);
PERCPU(percpu, struct hist, 1);

const volatile __u64 min_ns = 0;
const volatile bool in_us = true;
const volatile __u32 only_tgid = 0;
static const struct hist empty;

INLINE int begin(__u32 id)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 tid = pid_tgid;
	struct start s = {};

	if (only_tgid && only_tgid != pid_tgid >> 32)
		return 0;
	s.ts = bpf_ktime_get_ns();
	s.id = id;
	bpf_map_update_elem(&starts, &tid, &s, BPF_ANY);
	return 0;
}

INLINE void add(struct hist *h, __u64 delta)
{
	__u32 slot = log2_u64(delta);

	if (slot >= SLOTS)
		slot = SLOTS - 1;
	__sync_fetch_and_add(&h->slots[slot], 1);
	__sync_fetch_and_add(&h->total, delta);
	__sync_fetch_and_add(&h->count, 1);
}

SEC("kprobe/vfs_read")
int enter_read(struct pt_regs *ctx)
{
	return begin(0);
}

SEC("kretprobe/vfs_read")
int leave_read(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), zero = 0;
	struct start *s;
	struct hist *h;
	__u64 delta;

	s = bpf_map_lookup_elem(&starts, &tid);
	if (!s)
		return 0;
	delta = bpf_ktime_get_ns() - s->ts;
	bpf_map_delete_elem(&starts, &tid);
	if (delta < min_ns)
		return 0;
	if (in_us)
		delta /= 1000;
	h = bpf_map_lookup_elem(&whole, &zero);
	if (h)
		add(h, delta);
	return 0;
}

SEC("kretprobe/vfs_write")
int leave_write_percpu(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid(), zero = 0, slot = 0;
	struct start *s = bpf_map_lookup_elem(&starts, &tid);
	struct hist *h;
	__u64 delta;

	if (!s)
		return 0;
	delta = (bpf_ktime_get_ns() - s->ts) / 1000;
	h = bpf_map_lookup_elem(&percpu, &zero);
	if (!h)
		return 0;
	// Logarithm by a loop, for a change.
	while (delta > 1 && slot < SLOTS - 1) {
		delta >>= 1;
		slot++;
	}
	h->slots[slot]++;
	h->count++;
	return 0;
}

struct sys_args {
	__u64 common;
	long id;
	unsigned long args[6];
};

SEC("tp/raw_syscalls/sys_enter")
int enter_any(struct sys_args *ctx)
{
	return begin(ctx->id);
}

SEC("tp/raw_syscalls/sys_exit")
int leave_any(struct sys_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct start *s = bpf_map_lookup_elem(&starts, &tid);
	struct hist *h;
	__u32 id;

	if (!s)
		return 0;
	id = s->id;
	h = bpf_map_lookup_elem(&by_id, &id);
	if (!h) {
		bpf_map_update_elem(&by_id, &id, &empty, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&by_id, &id);
		if (!h)
			goto out;
	}
	add(h, bpf_ktime_get_ns() - s->ts);
out:
	bpf_map_delete_elem(&starts, &tid);
	return 0;
}

// A linear histogram: index by division, clamped.
SEC("kretprobe/tcp_sendmsg")
int linear(struct pt_regs *ctx)
{
	long sent = PT_REGS_RC(ctx);
	__u32 zero = 0;
	struct hist *h = bpf_map_lookup_elem(&whole, &zero);
	__u64 slot;

	if (!h || sent < 0)
		return 0;
	slot = sent / 1448;
	if (slot > SLOTS - 1)
		slot = SLOTS - 1;
	h->slots[slot] += 1;
	return 0;
}

LICENSE("Dual BSD/GPL");
