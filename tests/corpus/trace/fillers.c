// System calls recorded with their arguments: buffers per CPU, offsets that masks bound, one program for each kind of
// call.
#include "trace.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;
typedef __s64 s64;

#define SCRATCH (1 << 17)
#define HALF (SCRATCH >> 1)
#define SMAX (HALF - 1)
struct evhdr {
	u64 ts, tid;
	u32 len;
	u16 type;
	u32 nparams;
} __attribute__((packed));
struct state {
	struct {
		u64 ts;
		u64 dropped;
		u16 type, len_off, curarg, nargs;
		u32 curoff, fdoff, hdr_ok;
		u32 socktuple_type;
	} t;
	u64 n_evts, n_drops;
	u32 in_use;
};
struct rawarg {
	u64 a[6];
	u64 ret;
};
struct set {
	u64 boot;
	u32 snaplen;
	u32 drop;
	u16 port_lo, port_hi;
	bool tracers;
};
ARRAY(frame_map, u8[SCRATCH], 1);
ARRAY(tmp_map, u8[SCRATCH], 1);
ARRAY(settings, struct set, 1);
ARRAY(states, struct state, 128);
HASH(stash, u64, struct rawarg, 4096);
PERF_EVENTS(perf);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 64);
} fillers SEC(".maps");
ARRAY(nparams, u8, 512);
INLINE void *frame(void)
{
	u32 z = 0;
	return bpf_map_lookup_elem(&frame_map, &z);
}

INLINE void *tmpbuf(void)
{
	u32 z = 0;
	return bpf_map_lookup_elem(&tmp_map, &z);
}

INLINE struct state *st(void)
{
	u32 c = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&states, &c);
}

INLINE struct set *settings_(void)
{
	u32 z = 0;
	return bpf_map_lookup_elem(&settings, &z);
}

struct fd {
	struct state *s;
	struct set *set;
	void *buf, *tmp;
	void *ctx;
	u64 off;
	u32 arg;
	struct rawarg *sa;
};
INLINE int init(struct fd *d, void *ctx)
{
	d->ctx = ctx;
	d->s = st();
	if (!d->s)
		return -1;
	d->set = settings_();
	if (!d->set)
		return -1;
	d->buf = frame();
	if (!d->buf)
		return -1;
	d->tmp = tmpbuf();
	if (!d->tmp)
		return -1;
	u64 id = bpf_get_current_pid_tgid();
	d->sa = bpf_map_lookup_elem(&stash, &id);
	if (!d->sa)
		return -1;
	return 0;
}

INLINE void fix_len(struct fd *d, u16 len)
{
	if (d->s->t.curarg < 64)
		*((u16 *)&((char *)d->buf)[d->s->t.len_off & SMAX]) = len;
	d->s->t.len_off += 2;
	d->s->t.curarg++;
}

INLINE int push_u64(struct fd *d, u64 v, int sz)
{
	if (d->s->t.curoff > SMAX - 8)
		return 1;
	void *p = (char *)d->buf + (d->s->t.curoff & SMAX);
	switch (sz) {
	case 1:
		*(u8 *)p = v;
		break;
	case 2:
		*(u16 *)p = v;
		break;
	case 4:
		*(u32 *)p = v;
		break;
	default:
		*(u64 *)p = v;
	}
	d->s->t.curoff += sz;
	fix_len(d, sz);
	return 0;
}

INLINE int push_str(struct fd *d, u64 v)
{
	u32 off = d->s->t.curoff;
	if (off > SMAX)
		return 1;
	u16 len = 0;
	if (v) {
		int r = bpf_probe_read_str(&((char *)d->buf)[off & SMAX], 4096, (void *)v);
		if (r < 0)
			return 2;
		len = r;
	} else {
		*((char *)&d->buf[off & SMAX]) = 0;
		len = 1;
	}
	d->s->t.curoff += len;
	fix_len(d, len);
	return 0;
}

INLINE int push_buf(struct fd *d, u64 v, u32 len)
{
	u32 off = d->s->t.curoff;
	if (off > SMAX)
		return 1;
	u32 rl = len;
	if (rl > d->set->snaplen)
		rl = d->set->snaplen;
	if (rl > 0x7fff)
		rl = 0x7fff;
	if (rl) {
		volatile u16 rs = rl;
		u16 x = rs;
		if (bpf_probe_read((char *)d->buf + (off & SMAX), x & SMAX, (void *)v))
			return 2;
		rl = x;
	}
	d->s->t.curoff += rl;
	fix_len(d, rl);
	return 0;
}

INLINE int push_buf2(struct fd *d, u64 v, long len)
{
	u32 off = d->s->t.curoff;
	if (off > SMAX)
		return 1;
	if (len > 0 && len < 4096) {
		if (bpf_probe_read((char *)d->buf + (off & SMAX), len, (void *)v))
			return 2;
	} else
		len = 0;
	d->s->t.curoff += len;
	fix_len(d, len);
	return 0;
}

INLINE int push_buf3(struct fd *d, u64 v, u32 len)
{
	u32 off = d->s->t.curoff;
	if (off > SMAX)
		return 1;
	if (len) {
		len = (len - 1) & SMAX;
		if (bpf_probe_read((char *)d->buf + (off & SMAX), len + 1, (void *)v))
			return 2;
		len++;
	}
	d->s->t.curoff += len;
	fix_len(d, len);
	return 0;
}

INLINE int fin(struct fd *d)
{
	u32 len = d->s->t.curoff;
	if (d->s->t.curarg != d->s->t.nargs) {
		d->s->n_drops++;
		return 0;
	}
	struct evhdr *h = d->buf;
	h->len = len;
	d->s->n_evts++;
	bpf_perf_event_output(d->ctx, &perf, BPF_F_CURRENT_CPU, d->buf, ((len - 1) & SMAX) + 1);
	d->s->in_use = 0;
	return 0;
}

INLINE int fin2(struct fd *d)
{
	u32 len = d->s->t.curoff;
	if (len > SMAX)
		return 0;
	if (len == 0)
		return 0;
	bpf_perf_event_output(d->ctx, &perf, BPF_F_CURRENT_CPU, d->buf, len & SMAX);
	return 0;
}

SEC("raw_tracepoint/sys_enter") int sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *r = (void *)ctx->args[0];
	long id = ctx->args[1];
	u64 key = bpf_get_current_pid_tgid();
	struct rawarg a = {};
	if (id < 0 || id >= 512)
		return 0;
	bpf_probe_read(&a.a[0], 8, &r->rdi);
	bpf_probe_read(&a.a[1], 8, &r->rsi);
	bpf_probe_read(&a.a[2], 8, &r->rdx);
	bpf_probe_read(&a.a[3], 8, &r->r10);
	if (bpf_map_update_elem(&stash, &key, &a, 0))
		return 0;
	struct state *s = st();
	struct set *set = settings_();
	if (!s || !set)
		return 0;
	if (s->in_use) {
		s->n_drops++;
		return 0;
	}
	s->in_use = 1;
	u32 i = id;
	u8 *np = bpf_map_lookup_elem(&nparams, &i);
	if (!np)
		return 0;
	s->t.ts = bpf_ktime_get_ns() + set->boot;
	s->t.type = id;
	s->t.curarg = 0;
	s->t.nargs = *np;
	s->t.curoff = sizeof(struct evhdr) + 2 * *np;
	s->t.len_off = sizeof(struct evhdr);
	bpf_tail_call(ctx, &fillers, id & 63);
	s->in_use = 0;
	return 0;
}

SEC("raw_tracepoint/f_open") int f_open(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	if (push_u64(&d, d.sa->ret, 8))
		return 0;
	if (push_str(&d, d.sa->a[0]))
		return 0;
	if (push_u64(&d, d.sa->a[1], 4))
		return 0;
	if (push_u64(&d, d.sa->a[2], 4))
		return 0;
	return fin(&d);
}

SEC("raw_tracepoint/f_write") int f_write(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	if (push_u64(&d, d.sa->ret, 8))
		return 0;
	if (push_buf(&d, d.sa->a[1], d.sa->a[2]))
		return 0;
	return fin(&d);
}

SEC("raw_tracepoint/f_write2") int f_write2(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	if (push_buf2(&d, d.sa->a[1], d.sa->ret))
		return 0;
	if (push_buf3(&d, d.sa->a[1], d.sa->a[2]))
		return 0;
	return fin2(&d);
}

SEC("raw_tracepoint/f_execve") int f_execve(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	u64 argv = d.sa->a[1];
	u32 off = 0;

#pragma unroll
	for (int i = 0; i < 16; i++) {
		u64 p = 0;
		if (bpf_probe_read(&p, 8, (void *)(argv + i * 8)) || !p)
			break;
		int l = bpf_probe_read_str(&((char *)d.tmp)[off & HALF - 1], 1024, (void *)p);
		if (l < 0)
			break;
		off += l;
		if (off > SMAX)
			break;
	}
	if (off > 4095)
		off = 4095;
	if (d.s->t.curoff > SMAX)
		return 0;
	if (off > 0) {
		char *dst = (char *)d.buf + (d.s->t.curoff & SMAX);
		if (bpf_probe_read(dst, off & 4095, d.tmp))
			return 0;
		d.s->t.curoff += off;
		fix_len(&d, off);
	}
	return fin(&d);
}

SEC("raw_tracepoint/f_poll") int f_poll(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	struct pf {
		int fd;
		short ev, rev;
	};
	struct pf *fds = d.tmp;
	u32 nfds = d.sa->a[1];
	u64 off;
	u16 cnt = 0;
	u32 rs = nfds * sizeof(struct pf);
	if (rs > SMAX)
		return 0;
	if (bpf_probe_read(fds, rs & SMAX, (void *)d.sa->a[0]))
		return 0;
	if (d.s->t.curoff > SMAX)
		return 0;
	off = d.s->t.curoff + 2;

#pragma unroll
	for (int j = 0; j < 16; j++) {
		if (off > SMAX)
			return 0;
		if (j == nfds)
			break;
		*(s64 *)&((char *)d.buf)[off & SMAX] = fds[j].fd;
		off += 8;
		if (off > SMAX)
			return 0;
		*(s16 *)&((char *)d.buf)[off & SMAX] = fds[j].ev;
		off += 2;
		cnt++;
	}
	*((u16 *)&((char *)d.buf)[d.s->t.curoff & SMAX]) = cnt;
	d.s->t.curoff = off;
	fix_len(&d, off);
	return fin(&d);
}

SEC("raw_tracepoint/f_poll_loop") int f_poll_loop(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	struct pf {
		int fd;
		short ev, rev;
	};
	struct pf *fds = d.tmp;
	u32 nfds = d.sa->a[1];
	u64 off;
	u16 cnt = 0;
	u32 rs = nfds * sizeof(struct pf);
	if (rs > SMAX)
		return 0;
	if (bpf_probe_read(fds, rs & SMAX, (void *)d.sa->a[0]))
		return 0;
	if (d.s->t.curoff > SMAX)
		return 0;
	off = d.s->t.curoff + 2;

#pragma clang loop unroll(disable)
	for (int j = 0; j < 256; j++) {
		if (off > SMAX)
			return 0;
		if (j == nfds)
			break;
		*(s64 *)&((char *)d.buf)[off & SMAX] = fds[j].fd;
		off += 8;
		if (off > SMAX)
			return 0;
		*(s16 *)&((char *)d.buf)[off & SMAX] = fds[j].ev;
		off += 2;
		cnt++;
	}
	*((u16 *)&((char *)d.buf)[d.s->t.curoff & SMAX]) = cnt;
	d.s->t.curoff = off;
	fix_len(&d, off);
	return fin(&d);
}

SEC("raw_tracepoint/f_connect") int f_connect(void *ctx)
{
	struct fd d = {};
	if (init(&d, ctx))
		return 0;
	u8 *sa = d.tmp;
	u32 ulen = d.sa->a[2];
	ulen &= 127;
	if (ulen == 0)
		return 0;
	if (bpf_probe_read(sa, ulen, (void *)d.sa->a[1]))
		return 0;
	u16 fam = *(u16 *)sa;
	u8 *out = (u8 *)d.tmp + HALF;
	u16 size = 0;
	switch (fam) {
	case 2:
		out[0] = 2;
		__builtin_memcpy(out + 1, sa + 4, 4);
		__builtin_memcpy(out + 5, sa + 2, 2);
		size = 7;
		break;
	case 10:
		out[0] = 10;
		__builtin_memcpy(out + 1, sa + 8, 16);
		__builtin_memcpy(out + 17, sa + 2, 2);
		size = 19;
		break;
	case 1: {
		out[0] = 1;
		int r = bpf_probe_read_str(out + 1, 108, sa + 2);
		if (r < 0)
			return 0;
		size = r + 1;
		break;
	}
	default:
		size = 0;
	}
	u32 off = d.s->t.curoff;
	if (off > SMAX)
		return 0;
	if (size) {
		if (bpf_probe_read((u8 *)d.buf + (off & SMAX), size & 0xff, out))
			return 0;
	}
	d.s->t.curoff += size;
	fix_len(&d, size);
	return fin(&d);
}

struct sched {
	u64 pad;
	char prev_comm[16];
	int prev_pid, prev_prio;
	long prev_state;
	char next_comm[16];
	int next_pid, next_prio;
};
SEC("tracepoint/sched/sched_switch") int sw(struct sched *c)
{
	struct state *s = st();
	void *b = frame();
	if (!s || !b)
		return 0;
	struct evhdr *h = b;
	h->tid = c->next_pid;
	h->ts = bpf_ktime_get_ns();
	char *p = b + sizeof(*h);
	bpf_get_current_comm(p, 16);
	*(u32 *)(p + 16) = c->prev_pid;
	bpf_perf_event_output(c, &perf, BPF_F_CURRENT_CPU, b, sizeof(*h) + 20);
	return 0;
}

LICENSE("GPL");
