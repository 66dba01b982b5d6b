// What security agents do with events: filters of many conditions, rate limits,
// windows, sets of words, path prefixes, process trees, redaction.
#include "trace.h"
#include "kernel.h"

#define WORDS 16
#define WORD 16

struct word {
	char text[WORD];
	__u32 len;
};

struct bucket {
	__u64 last;
	__u64 tokens;
};

struct window {
	__u64 slot[8];
	__u32 at;
	__u32 total;
};

struct event {
	__u64 ts;
	__u32 pid;
	__u32 flags;
	__u32 len;
	char text[256];
};

struct rule {
	__u32 uid_from, uid_to;
	__u32 flags;
	__u32 action;
	char comm[16];
};

ARRAY(words, struct word, WORDS);
ARRAY(rules, struct rule, 32);
HASH(buckets, __u32, struct bucket, 4096);
LRU(windows, __u32, struct window, 4096);
HASH(tree, __u32, __u32, 8192);
HASH(tracked, __u32, __u8, 1024);
PERCPU(scratch, struct event, 1);
RINGBUF(ring, 1 << 18);
PERF_EVENTS(events);

const volatile __u64 rate = 1000;
const volatile __u32 rules_used = 8;

INLINE struct event *event_new(void)
{
	__u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);

	if (!e)
		return 0;
	e->ts = bpf_ktime_get_ns();
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->flags = 0;
	return e;
}

// The first rule that fits decides.
SEC("raw_tp/sys_enter")
int first_rule(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 uid = bpf_get_current_uid_gid(), i, j;
	char comm[16];

	if (bpf_get_current_comm(comm, sizeof(comm)))
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < rules_used && i < 32; i++) {
		__u32 k = i;
		struct rule *r = bpf_map_lookup_elem(&rules, &k);

		if (!r)
			break;
		if (uid < r->uid_from || uid > r->uid_to)
			continue;
#pragma clang loop unroll(disable)
		for (j = 0; j < 16; j++)
			if (!r->comm[j] || r->comm[j] != comm[j])
				break;
		if (j == 16 || !r->comm[j])
			return r->action;
	}
	return 0;
}

SEC("tp/syscalls/sys_enter_connect")
int rate_limit(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct bucket fresh = { bpf_ktime_get_ns(), rate }, *b = bpf_map_lookup_elem(&buckets, &pid);
	__u64 gained;

	if (!b) {
		bpf_map_update_elem(&buckets, &pid, &fresh, BPF_NOEXIST);
		return 0;
	}
	gained = (fresh.last - b->last) / 1000000 * rate / 1000;
	b->tokens += gained;
	if (b->tokens > rate)
		b->tokens = rate;
	b->last = fresh.last;
	if (!b->tokens)
		return 1;
	b->tokens--;
	return 0;
}

// Events of the last eight seconds.
SEC("tp/syscalls/sys_enter_kill")
int sliding_window(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, second = bpf_ktime_get_ns() >> 30, i;
	struct window *w = bpf_map_lookup_elem(&windows, &pid);
	static const struct window none;

	if (!w) {
		bpf_map_update_elem(&windows, &pid, &none, BPF_ANY);
		return 0;
	}
	w->total = 0;
	if (w->at != second) {
		w->at = second;
		w->slot[second & 7] = 0;
	}
	w->slot[second & 7]++;
#pragma clang loop unroll(disable)
	for (i = 0; i < 8; i++)
		w->total += w->slot[i];
	if (w->total > 100)
		bpf_send_signal(19);
	return 0;
}

// Does a path begin with one of the words?
SEC("kprobe/do_sys_openat2")
int prefixes(struct pt_regs *ctx)
{
	char path[32] = {};
	__u32 i, j;

	if (bpf_probe_read_user_str(path, sizeof(path), (void *)PT_REGS_PARM2(ctx)) < 2)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < WORDS; i++) {
		__u32 k = i;
		struct word *w = bpf_map_lookup_elem(&words, &k);

		if (!w || !w->len)
			break;
#pragma clang loop unroll(disable)
		for (j = 0; j < WORD; j++)
			if (j >= w->len || path[j] != w->text[j])
				break;
		if (j == w->len) {
			bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, path, sizeof(path));
			return 0;
		}
	}
	return 0;
}

// Is one of the forefathers tracked?
SEC("raw_tp/sched_process_exec")
int descendant(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, i, *up;
	__u8 one = 1;

#pragma clang loop unroll(disable)
	for (i = 0; i < 24; i++) {
		if (bpf_map_lookup_elem(&tracked, &pid)) {
			pid = bpf_get_current_pid_tgid() >> 32;
			bpf_map_update_elem(&tracked, &pid, &one, BPF_ANY);
			return i;
		}
		up = bpf_map_lookup_elem(&tree, &pid);
		if (!up)
			break;
		pid = *up;
	}
	return 0;
}

// Digits become crosses before the text is sent.
SEC("uprobe/log")
int redact(struct pt_regs *ctx)
{
	struct event *e = event_new();
	long n;
	__u32 i;

	if (!e)
		return 0;
	n = bpf_probe_read_user_str(e->text, sizeof(e->text), (void *)PT_REGS_PARM1(ctx));
	if (n <= 0)
		return 0;
	e->len = n;
#pragma clang loop unroll(disable)
	for (i = 0; i < sizeof(e->text); i++) {
		if (i >= n)
			break;
		if (e->text[i] >= '0' && e->text[i] <= '9')
			e->text[i] = 'x';
	}
	bpf_ringbuf_output(&ring, e, sizeof(*e), 0);
	return 0;
}

// key=value&key=value: cuts a text at '&' and sends each part.
SEC("uprobe/query")
int split(struct pt_regs *ctx)
{
	char text[64], part[32] = {};
	__u32 i, at = 0;

	if (bpf_probe_read_user_str(text, sizeof(text), (void *)PT_REGS_PARM1(ctx)) <= 0)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < 12; i++) {
		char c = text[i];

		if (c == '&' || !c) {
			part[at & 31] = 0;
			bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, part, sizeof(part));
			if (!c)
				break;
			at = 0;
			continue;
		}
		part[at & 31] = c;
		at++;
	}
	return 0;
}

// Flags of mmap, open and clone judged by one chain of conditions.
SEC("raw_tp/sys_enter")
int conditions(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	unsigned long id = ctx->args[1], a = 0, b = 0, c = 0;
	struct event *e;

	if (id != 9 && id != 257 && id != 56 && id != 10)
		return 0;
	bpf_probe_read_kernel(&a, sizeof(a), &PT_REGS_PARM1(regs));
	bpf_probe_read_kernel(&b, sizeof(b), &PT_REGS_PARM2(regs));
	bpf_probe_read_kernel(&c, sizeof(c), &PT_REGS_PARM3(regs));
	e = event_new();
	if (!e)
		return 0;
	switch (id) {
	case 9:
		e->flags |= ((c & 6) == 6) << 0 | (b > 1 << 20) << 1;
		break;
	case 10:
		e->flags |= ((c & 4) && !(c & 1)) << 2;
		break;
	case 56:
		e->flags |= !!(a & 0x10000000) << 3 | !!(a & 0x20000) << 4;
		break;
	case 257:
		e->flags |= !!(c & 0x41) << 5 | ((int)a == -100) << 6;
		break;
	}
	if (e->flags)
		bpf_ringbuf_output(&ring, e, offsetof(struct event, text), 0);
	return 0;
}

// Pulls bytes of a pipe through a small state machine that looks for "#!".
SEC("kretprobe/vfs_read")
int shebang(struct pt_regs *ctx)
{
	char head[32] = {};
	__u32 i, state = 0;

	if (bpf_probe_read_user(head, sizeof(head), (void *)PT_REGS_SP(ctx)))
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < 32; i++) {
		char c = head[i];

		if (state == 0 && c == '#')
			state = 1;
		else if (state == 1)
			state = c == '!' ? 2 : 0;
		else if (state == 2 && c == '/')
			return 1;
	}
	return 0;
}

LICENSE("GPL");
