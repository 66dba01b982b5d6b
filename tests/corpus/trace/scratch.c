// Events of changing length, packed into a big per-CPU buffer: the style of
// security agents. Offsets are held in memory and masked before each use.
#include "trace.h"

#define SIZE (1 << 15)
#define HALF (SIZE / 2)

struct buffer {
	__u8 data[SIZE];
};

struct head {
	__u64 ts;
	__u32 len;
	__u16 type;
	__u16 params;
};

PERCPU(buffers, struct buffer, 2);
PERCPU(offsets, __u32, 1);
PERF_EVENTS(events);
RINGBUF(ring, 1 << 20);

INLINE struct buffer *buffer_get(__u32 i)
{
	return bpf_map_lookup_elem(&buffers, &i);
}

// Appends n bytes of user memory with their length before them; returns the new
// offset, or 0 if they do not fit.
INLINE __u32 put_bytes(struct buffer *b, __u32 off, const void *from, __u32 n)
{
	if (off > HALF - 2)
		return 0;
	*(__u16 *)&b->data[off & (HALF - 1)] = n;
	off += 2;
	n &= 0xfff;
	if (bpf_probe_read_user(&b->data[off & (HALF - 1)], n, from))
		return 0;
	return off + n;
}

INLINE __u32 put_string(struct buffer *b, __u32 off, const void *from)
{
	long n;

	if (off > HALF - 4)
		return 0;
	n = bpf_probe_read_user_str(&b->data[(off + 4) & (HALF - 1)], 1024, from);
	if (n < 0)
		return 0;
	b->data[off & (HALF - 1)] = n;
	b->data[(off + 1) & (HALF - 1)] = n >> 8;
	return off + 4 + (n & 1023);
}

INLINE __u32 put_u64(struct buffer *b, __u32 off, __u64 v)
{
	if (off > HALF - 8)
		return off;
	*(__u64 *)&b->data[off] = v;
	return off + 8;
}

SEC("kprobe/__x64_sys_write")
int write_args(struct pt_regs *ctx)
{
	struct buffer *b = buffer_get(0);
	struct pt_regs *regs = (void *)PT_REGS_PARM1(ctx);
	unsigned long fd, buf, count;
	struct head *h;
	__u32 off = sizeof(struct head);

	if (!b)
		return 0;
	bpf_probe_read_kernel(&fd, sizeof(fd), &PT_REGS_PARM1(regs));
	bpf_probe_read_kernel(&buf, sizeof(buf), &PT_REGS_PARM2(regs));
	bpf_probe_read_kernel(&count, sizeof(count), &PT_REGS_PARM3(regs));
	off = put_u64(b, off, fd);
	off = put_u64(b, off, count);
	off = put_bytes(b, off, (void *)buf, count);
	if (!off)
		return 0;
	h = (struct head *)b->data;
	h->ts = bpf_ktime_get_ns();
	h->len = off;
	h->type = 1;
	h->params = 3;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, b, off & (HALF - 1));
	return 0;
}

SEC("kprobe/__x64_sys_rename")
int rename_args(struct pt_regs *ctx)
{
	struct buffer *b = buffer_get(0);
	struct pt_regs *regs = (void *)PT_REGS_PARM1(ctx);
	const char *from = 0, *to = 0;
	__u32 off = sizeof(struct head);

	if (!b)
		return 0;
	bpf_probe_read_kernel(&from, sizeof(from), &PT_REGS_PARM1(regs));
	bpf_probe_read_kernel(&to, sizeof(to), &PT_REGS_PARM2(regs));
	off = put_string(b, off, from);
	if (!off)
		return 0;
	off = put_string(b, off, to);
	if (!off || off > HALF)
		return 0;
	((struct head *)b->data)->len = off;
	bpf_ringbuf_output(&ring, b, off, 0);
	return 0;
}

// The offset lives in a map between two programs.
SEC("tp/syscalls/sys_enter_write")
int resume(void *ctx)
{
	__u32 zero = 0, off, n = 64;
	__u32 *held = bpf_map_lookup_elem(&offsets, &zero);
	struct buffer *b = buffer_get(1);

	if (!held || !b)
		return 0;
	off = *held;
	if (off > SIZE - 64)
		off = 0;
	bpf_get_current_comm(&b->data[off], 16);
	off += 16;
	*(__u64 *)&b->data[off] = bpf_get_current_pid_tgid();
	off += 8;
	*held = off;
	return n;
}

// Copies whole cache lines until the length is used up.
SEC("kprobe/__x64_sys_sendto")
int lines(struct pt_regs *ctx)
{
	struct buffer *b = buffer_get(0);
	const char *from = (void *)PT_REGS_PARM2(ctx);
	__u64 left = PT_REGS_PARM3(ctx), off = 0;
	int i;

	if (!b)
		return 0;
	for (i = 0; i < 20; i++) {
		__u64 n = left;

		if (!n)
			break;
		if (n > 64)
			n = 64;
		if (off > SIZE - 64)
			break;
		if (bpf_probe_read_user(&b->data[off], n, from + off))
			break;
		off += n;
		left -= n;
	}
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, b, off & (SIZE - 1));
	return 0;
}

// Type-length-value items, written by a loop over a table of sizes.
static const __u8 sizes[8] = { 1, 2, 4, 8, 8, 4, 2, 1 };

SEC("raw_tp/sys_enter")
int items(struct bpf_raw_tracepoint_args *ctx)
{
	struct buffer *b = buffer_get(0);
	struct pt_regs *regs = (void *)ctx->args[0];
	__u32 off = 0, i;

	if (!b)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < 8; i++) {
		__u64 v = 0;

		bpf_probe_read_kernel(&v, sizeof(v), (char *)regs + i * 8);
		if (off > SIZE - 16)
			break;
		b->data[off] = i;
		b->data[off + 1] = sizes[i];
		*(__u64 *)&b->data[off + 2] = v;
		off += 2 + sizes[i];
	}
	bpf_ringbuf_output(&ring, b, off & 0xff, BPF_RB_NO_WAKEUP);
	return 0;
}

// Keeps the scratch pointer in a structure on the stack.
struct cursor {
	struct buffer *b;
	__u64 off;
	__u64 args;
};

OUTLINE int cursor_put(struct cursor *c, __u64 v)
{
	if (c->off > SIZE - 8)
		return -1;
	*(__u64 *)(c->b->data + c->off) = v;
	c->off += 8;
	c->args++;
	return 0;
}

SEC("raw_tp/sys_exit")
int cursor(struct bpf_raw_tracepoint_args *ctx)
{
	struct cursor c = { .off = 16 };

	c.b = buffer_get(1);
	if (!c.b)
		return 0;
	if (cursor_put(&c, ctx->args[0]) || cursor_put(&c, ctx->args[1]))
		return 0;
	cursor_put(&c, bpf_get_current_uid_gid());
	if (c.off > 64)
		return 0;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, c.b, c.off);
	return 0;
}

LICENSE("GPL");
