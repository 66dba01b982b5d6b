// Text: printing, formatting, comparing, converting.
#include "trace.h"

struct line {
	char text[128];
};

PERCPU(lines, struct line, 1);
PERF_EVENTS(events);
HASH(names, __u32, struct line, 64);

SEC("kprobe/do_exit")
int printk(struct pt_regs *ctx)
{
	char comm[16];

	bpf_get_current_comm(comm, sizeof(comm));
	bpf_printk("exit %d", (int)PT_REGS_PARM1(ctx));
	bpf_printk("%s by %u at %llx", comm, (__u32)bpf_get_current_uid_gid(), PT_REGS_IP(ctx));
	return 0;
}

SEC("kprobe/do_exit")
int printk_four(struct pt_regs *ctx)
{
	bpf_printk("%d %d %d %d", 1, 2, 3, (int)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("kprobe/do_exit")
int stack_format(struct pt_regs *ctx)
{
	char format[] = "code %d\n";

	bpf_trace_printk(format, sizeof(format), (int)PT_REGS_PARM1(ctx));
	return 0;
}

SEC("kprobe/do_exit")
int snprintf_map(struct pt_regs *ctx)
{
	__u32 zero = 0;
	struct line *l = bpf_map_lookup_elem(&lines, &zero);
	long n;

	if (!l)
		return 0;
	n = BPF_SNPRINTF(l->text, sizeof(l->text), "pid=%d code=%ld", (int)bpf_get_current_pid_tgid(), PT_REGS_PARM1(ctx));
	if (n <= 0 || n > (long)sizeof(l->text))
		return 0;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, l, n);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int snprintf_stack(void *ctx)
{
	char out[32];
	long n = BPF_SNPRINTF(out, sizeof(out), "%pB", (void *)bpf_get_current_task());

	if (n < 0)
		return 0;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, out, sizeof(out));
	return 0;
}

SEC("kprobe/do_exit")
int compare(struct pt_regs *ctx)
{
	char comm[16] = {};

	bpf_get_current_comm(comm, sizeof(comm));
	if (bpf_strncmp(comm, sizeof(comm), "sshd") == 0)
		return 1;
	return bpf_strncmp(comm, 3, "ssh") == 0;
}

// Decimal digits, written from the end of a buffer.
SEC("tp/syscalls/sys_enter_getpid")
int decimal(void *ctx)
{
	char out[16] = {};
	__u32 v = bpf_get_current_pid_tgid() >> 32;
	int i;

#pragma clang loop unroll(disable)
	for (i = 14; i >= 0; i--) {
		out[i] = '0' + v % 10;
		v /= 10;
		if (!v)
			break;
	}
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, out, sizeof(out));
	return i;
}

SEC("tp/syscalls/sys_enter_getpid")
int hexadecimal(void *ctx)
{
	static const char digit[16] = "0123456789abcdef";
	char out[17] = {};
	__u64 v = bpf_get_current_pid_tgid();
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < 16; i++)
		out[i] = digit[(v >> (60 - i * 4)) & 15];
	bpf_trace_printk(out, sizeof(out));
	return 0;
}

// A number out of a string, digit after digit.
SEC("uprobe/parse")
int parse(struct pt_regs *ctx)
{
	char s[24];
	__u64 v = 0;
	int i;

	if (bpf_probe_read_user_str(s, sizeof(s), (void *)PT_REGS_PARM1(ctx)) <= 0)
		return 0;
	for (i = 0; i < 24; i++) {
		__u8 d = s[i] - '0';

		if (d > 9)
			break;
		v = v * 10 + d;
	}
	return v > 1000;
}

// Upper case to lower case inside a map value.
SEC("uprobe/fold")
int fold(struct pt_regs *ctx)
{
	__u32 key = PT_REGS_PARM1(ctx), i;
	struct line *l = bpf_map_lookup_elem(&names, &key);

	if (!l)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < sizeof(l->text); i++) {
		char c = l->text[i];

		if (c >= 'A' && c <= 'Z')
			l->text[i] = c + 32;
	}
	return 0;
}

// Looks for a needle in a haystack: two loops.
SEC("uprobe/find")
int find(struct pt_regs *ctx)
{
	static const char needle[] = "pass";
	char hay[48] = {};
	int i, j;

	bpf_probe_read_user_str(hay, sizeof(hay), (void *)PT_REGS_PARM1(ctx));
#pragma clang loop unroll(disable)
	for (i = 0; i < 44; i++) {
#pragma clang loop unroll(disable)
		for (j = 0; j < 4; j++)
			if (hay[i + j] != needle[j])
				break;
		if (j == 4)
			return i + 1;
	}
	return 0;
}

LICENSE("GPL");
