// User functions: allocators, TLS writes, call stacks of threads, loops over
// user structures.
#include "trace.h"

struct alloc {
	__u64 size;
	__u64 ts;
	int stack;
};

struct node {
	__u64 next;
	__u32 value;
	__u32 pad;
};

struct slice {
	__u64 data, len, cap;
};

HASH(allocs, __u64, struct alloc, 65536);
HASH(sizes, __u32, __u64, 4096);
STACKS(stacks, 32, 1024);
PERF_EVENTS(events);
ARRAY(chunk, char[4096], 1);
MAP(buffers, BPF_MAP_TYPE_HASH, __u64, __u64, 1024);

SEC("uprobe/malloc")
int BPF_KPROBE(malloc_enter, size_t size)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 n = size;

	bpf_map_update_elem(&sizes, &tid, &n, BPF_ANY);
	return 0;
}

SEC("uretprobe/malloc")
int BPF_KRETPROBE(malloc_leave, void *p)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *size = bpf_map_lookup_elem(&sizes, &tid), at = (__u64)p;
	struct alloc a = {};

	if (!size || !p)
		return 0;
	a.size = *size;
	a.ts = bpf_ktime_get_ns();
	a.stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK | 1);
	bpf_map_update_elem(&allocs, &at, &a, BPF_ANY);
	bpf_map_delete_elem(&sizes, &tid);
	return 0;
}

SEC("uprobe/free")
int BPF_KPROBE(free_enter, void *p)
{
	__u64 at = (__u64)p;

	return bpf_map_delete_elem(&allocs, &at) == 0;
}

// TLS style: the length is a return value, clamped, then used for the read.
SEC("uprobe/SSL_write")
int BPF_KPROBE(ssl_enter, void *ssl, const void *buf)
{
	__u64 id = bpf_get_current_pid_tgid(), p = (__u64)buf;

	bpf_map_update_elem(&buffers, &id, &p, BPF_ANY);
	return 0;
}

SEC("uretprobe/SSL_write")
int BPF_KRETPROBE(ssl_leave, int ret)
{
	__u64 id = bpf_get_current_pid_tgid(), *from = bpf_map_lookup_elem(&buffers, &id);
	__u32 zero = 0, n;
	char *to;

	if (!from || ret <= 0)
		return 0;
	to = bpf_map_lookup_elem(&chunk, &zero);
	if (!to)
		return 0;
	n = ret;
	n = n < 4096 ? n : 4095;
	if (!bpf_probe_read_user(to, n & 4095, (void *)*from))
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, to, n & 4095);
	bpf_map_delete_elem(&buffers, &id);
	return 0;
}

// A Go slice of strings, passed in registers.
SEC("uprobe/main.print")
int go_slice(struct pt_regs *ctx)
{
	struct slice s = { ctx->rax, ctx->rbx, ctx->rcx };
	__u64 i, total = 0;

	for (i = 0; i < 16 && i < s.len; i++) {
		struct {
			__u64 p, n;
		} str;

		if (bpf_probe_read_user(&str, sizeof(str), (void *)(s.data + i * 16)))
			break;
		total += str.n;
	}
	return total > 64;
}

// A linked list in user memory.
SEC("uprobe/list_sum")
int list(struct pt_regs *ctx)
{
	__u64 at = PT_REGS_PARM1(ctx), sum = 0;
	struct node n;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 100 && at; i++) {
		if (bpf_probe_read_user(&n, sizeof(n), (void *)at))
			return 0;
		sum += n.value;
		at = n.next;
	}
	return sum & 1;
}

// Frame pointers, followed by hand.
SEC("uprobe/spin")
int frames(struct pt_regs *ctx)
{
	__u64 fp = PT_REGS_FP(ctx), frame[2], ips[24] = {};
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 24; i++) {
		if (bpf_probe_read_user(frame, sizeof(frame), (void *)fp))
			break;
		ips[i] = frame[1];
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, ips, sizeof(ips));
	return 0;
}

SEC("uprobe/kill_me")
int kill_me(struct pt_regs *ctx)
{
	if (PT_REGS_PARM1(ctx) == 42)
		bpf_send_signal(9);
	else
		bpf_send_signal_thread(10);
	return 0;
}

SEC("uprobe/cookie")
int cookie(struct pt_regs *ctx)
{
	__u64 c = bpf_get_attach_cookie(ctx), ip = bpf_get_func_ip(ctx);

	bpf_map_update_elem(&buffers, &c, &ip, BPF_ANY);
	return 0;
}

LICENSE("GPL");
