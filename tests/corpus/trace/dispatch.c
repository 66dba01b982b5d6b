// One program for many system calls: a switch whose arms pack arguments of
// different kinds behind each other into one buffer. The offset is only known
// to the verifier through masks and tests.
#include "trace.h"

#define SIZE (1 << 15)
#define HALF (SIZE / 2)

struct buffer {
	__u8 data[SIZE];
};

struct head {
	__u64 ts;
	__u32 tid;
	__u16 nr;
	__u16 params;
	__u32 len;
	__u32 pad;
};

PERCPU(buffers, struct buffer, 1);
ARRAY(settings, __u32, 8);
ARRAY(wanted, __u8, 512);
RINGBUF(ring, 1 << 22);
PERF_EVENTS(events);

INLINE __u64 arg(struct pt_regs *regs, int i)
{
	__u64 v = 0;

	switch (i) {
	case 0: bpf_probe_read_kernel(&v, sizeof(v), &PT_REGS_PARM1(regs)); break;
	case 1: bpf_probe_read_kernel(&v, sizeof(v), &PT_REGS_PARM2(regs)); break;
	case 2: bpf_probe_read_kernel(&v, sizeof(v), &PT_REGS_PARM3(regs)); break;
	case 3: bpf_probe_read_kernel(&v, sizeof(v), &regs->r10); break;
	case 4: bpf_probe_read_kernel(&v, sizeof(v), &PT_REGS_PARM5(regs)); break;
	}
	return v;
}

struct out {
	struct buffer *b;
	__u64 at;
	__u32 params;
};

INLINE void put64(struct out *o, __u64 v)
{
	*(__u64 *)&o->b->data[o->at & (HALF - 1)] = v;
	o->at += 8;
	o->params++;
}

INLINE void put32(struct out *o, __u32 v)
{
	*(__u32 *)&o->b->data[o->at & (HALF - 1)] = v;
	o->at += 4;
	o->params++;
}

INLINE void put_string(struct out *o, __u64 from)
{
	long n = bpf_probe_read_user_str(&o->b->data[(o->at + 2) & (HALF - 1)], 256, (void *)from);

	if (n < 0)
		n = 0;
	*(__u16 *)&o->b->data[o->at & (HALF - 1)] = n;
	o->at += 2 + (n & 0x1ff);
	o->params++;
}

INLINE void put_bytes(struct out *o, __u64 from, __u64 n)
{
	if (n > 128)
		n = 128;
	if (bpf_probe_read_user(&o->b->data[(o->at + 2) & (HALF - 1)], n & 255, (void *)from))
		n = 0;
	*(__u16 *)&o->b->data[o->at & (HALF - 1)] = n;
	o->at += 2 + (n & 255);
	o->params++;
}

INLINE void put_address(struct out *o, __u64 from)
{
	__u16 family = 0;

	bpf_probe_read_user(&family, sizeof(family), (void *)from);
	switch (family) {
	case 2:
		put_bytes(o, from, 16);
		break;
	case 10:
		put_bytes(o, from, 28);
		break;
	case 1:
		put_string(o, from + 2);
		break;
	default:
		put32(o, family);
	}
}

SEC("raw_tp/sys_enter")
int dispatch(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__u32 zero = 0, id = ctx->args[1];
	struct out o = { .at = sizeof(struct head) };
	struct head *h;
	__u8 *want = bpf_map_lookup_elem(&wanted, &id);

	if (!want || !*want)
		return 0;
	o.b = bpf_map_lookup_elem(&buffers, &zero);
	if (!o.b)
		return 0;
	switch (id) {
	case 0: case 17: case 19:
		put32(&o, arg(regs, 0));
		put64(&o, arg(regs, 2));
		break;
	case 1: case 18: case 20:
		put32(&o, arg(regs, 0));
		put_bytes(&o, arg(regs, 1), arg(regs, 2));
		break;
	case 2: case 85: case 21:
		put_string(&o, arg(regs, 0));
		put32(&o, arg(regs, 1));
		break;
	case 3:
		put32(&o, arg(regs, 0));
		break;
	case 9:
		put64(&o, arg(regs, 0));
		put64(&o, arg(regs, 1));
		put32(&o, arg(regs, 2));
		put32(&o, arg(regs, 3));
		break;
	case 42: case 49:
		put32(&o, arg(regs, 0));
		put_address(&o, arg(regs, 1));
		break;
	case 44:
		put32(&o, arg(regs, 0));
		put_bytes(&o, arg(regs, 1), arg(regs, 2));
		put_address(&o, arg(regs, 4));
		break;
	case 59:
		put_string(&o, arg(regs, 0));
		break;
	case 62:
		put32(&o, arg(regs, 0));
		put32(&o, arg(regs, 1));
		break;
	case 82: case 86: case 88:
		put_string(&o, arg(regs, 0));
		put_string(&o, arg(regs, 1));
		break;
	case 83: case 84: case 87:
		put_string(&o, arg(regs, 0));
		break;
	case 257:
		put32(&o, arg(regs, 0));
		put_string(&o, arg(regs, 1));
		put32(&o, arg(regs, 2));
		put32(&o, arg(regs, 3));
		break;
	case 264: case 265:
		put32(&o, arg(regs, 0));
		put_string(&o, arg(regs, 1));
		put32(&o, arg(regs, 2));
		put_string(&o, arg(regs, 3));
		break;
	default:
		put64(&o, arg(regs, 0));
		put64(&o, arg(regs, 1));
		put64(&o, arg(regs, 2));
	}
	h = (struct head *)o.b->data;
	h->ts = bpf_ktime_get_ns();
	h->tid = bpf_get_current_pid_tgid();
	h->nr = id;
	h->params = o.params;
	h->len = o.at;
	if (o.at > HALF - 1)
		return 0;
	bpf_ringbuf_output(&ring, o.b, o.at & (HALF - 1), 0);
	return 0;
}

// Arguments by a table: two bits a kind, six arguments, in a loop.
ARRAY(kinds, __u16, 512);

SEC("raw_tp/sys_enter")
int table(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (void *)ctx->args[0];
	__u32 zero = 0, id = ctx->args[1], i;
	__u16 *kind = bpf_map_lookup_elem(&kinds, &id);
	struct out o = { .at = sizeof(struct head) };
	static const __u8 offsets[5] = {
		offsetof(struct pt_regs, rdi), offsetof(struct pt_regs, rsi), offsetof(struct pt_regs, rdx),
		offsetof(struct pt_regs, r10), offsetof(struct pt_regs, r8),
	};
	__u32 k;

	if (!kind)
		return 0;
	k = *kind;
	o.b = bpf_map_lookup_elem(&buffers, &zero);
	if (!o.b)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < 5; i++) {
		__u64 v = 0;

		bpf_probe_read_kernel(&v, sizeof(v), (char *)regs + offsets[i]);
		switch (k & 3) {
		case 1:
			put32(&o, v);
			break;
		case 2:
			put64(&o, v);
			break;
		case 3:
			put_string(&o, v);
			break;
		}
		k >>= 2;
	}
	if (o.at >= HALF)
		return 0;
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, o.b, o.at & (HALF - 1));
	return 0;
}

LICENSE("GPL");
