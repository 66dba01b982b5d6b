// Safe programs that are too complex for Linux: it walks every path, or every
// iteration, until one million instructions or 8,192 pending jumps are reached.
#include "../lang.h"

struct machine {
	__u8 code[64];
	__u32 stack[16];
	__u32 state;
	__u32 counts[8];
};

ARRAY(machines, struct machine, 1);

#define MACHINE ({ __u32 k_ = 0; struct machine *v_ = bpf_map_lookup_elem(&machines, &k_); if (!v_) return 0; v_; })

// A small stack machine.
SEC("tc")
int interpreter(struct __sk_buff *skb)
{
	struct machine *m = MACHINE;
	__u32 pc = 0, sp = 0, step, a, b;

ROLLED
	for (step = 0; step < 16; step++) {
		__u8 op = m->code[pc & 63];

		pc++;
		a = m->stack[(sp - 1) & 15];
		b = m->stack[(sp - 2) & 15];
		switch (op) {
		case 0:
			return a & 1;
		case 1:
			m->stack[sp & 15] = m->code[pc++ & 63];
			sp++;
			break;
		case 2:
			sp--;
			m->stack[(sp - 1) & 15] = a + b;
			break;
		case 3:
			sp--;
			m->stack[(sp - 1) & 15] = a * b;
			break;
		case 4:
			m->stack[sp & 15] = skb->len;
			sp++;
			break;
		default:
			return 2;
		}
	}
	return 0;
}

struct io {
	__u8 in[256];
	__u8 out[512];
	__u32 n;
};

ARRAY(ios, struct io, 1);

INLINE struct io *get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ios, &zero);
}

SEC("raw_tp/sys_enter")
int lz(void *ctx)
{
	struct io *io = get();
	__u32 i = 0, o = 0, step, k;

	if (!io)
		return 0;
ROLLED
	for (step = 0; step < 12; step++) {
		__u8 t = io->in[i++ & 255], back, len;

		if (t < 128) {
			io->out[o++ & 511] = t;
			continue;
		}
		back = io->in[i++ & 255];
		len = (t & 7) + 1;
ROLLED
		for (k = 0; k < 8; k++) {
			if (k >= len)
				break;
			io->out[o & 511] = io->out[(o - back) & 511];
			o++;
		}
	}
	io->n = o;
	return 0;
}

SEC("raw_tp/sys_enter")
int run_lengths(void *ctx)
{
	struct io *io = get();
	__u32 i, o = 0, run = 1;

	if (!io)
		return 0;
ROLLED
	for (i = 1; i < 64; i++) {
		if (io->in[i] == io->in[i - 1]) {
			run++;
			continue;
		}
		io->out[o & 511] = run;
		io->out[(o + 1) & 511] = io->in[i - 1];
		o += 2;
		run = 1;
	}
	return 0;
}

struct bpf_iter_num {
	__u64 opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

#define MAY_GOTO(out) asm volatile goto("may_goto %l[" #out "]" : : : : out)

struct cells {
	__u32 v[64];
};

ARRAY(cells, struct cells, 1);

#define CELLS ({ __u32 k_ = 0; bpf_map_lookup_elem(&cells, &k_); })

SEC("tc")
int iterator_packet(struct __sk_buff *skb)
{
	__u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_iter_num it;
	__u32 sum = 0;

	bpf_iter_num_new(&it, 0, 64);
	while (bpf_iter_num_next(&it)) {
		if (p + 1 > end)
			break;
		sum += *p++;
	}
	bpf_iter_num_destroy(&it);
	return sum & 1;
}

SEC("tc")
int may_goto(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u64 i = 0;

	if (!c)
		return 0;
	for (;;) {
		MAY_GOTO(out);
		c->v[i & 63]++;
		i++;
		hide(i);
	}
out:
	return 0;
}

SEC("xdp")
int square_root(struct xdp_md *ctx)
{
	__u32 x = ctx->rx_queue_index, r = 0, bit;

ROLLED
	for (bit = 1u << 30; bit; bit >>= 2) {
		if (x >= r + bit) {
			x -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
		hide(r);
		hide(x);
	}
	return r & 1;
}

SEC("xdp")
int count_slashes(struct xdp_md *ctx)
{
	char *p = head(ctx, 32);
	int n = 0, i;

	if (!p)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 32 && p[i]; i++)
		if (p[i] == '/')
			n++;
	return n > 3;
}

#define N 48

struct pair {
	char a[N], b[N];
};

ARRAY(pairs, struct pair, 1);

#define PAIR ({ __u32 k_ = 0; struct pair *v_ = bpf_map_lookup_elem(&pairs, &k_); if (!v_) return 0; v_; })

SEC("tc")
int glob(struct __sk_buff *skb)
{
	struct pair *p = PAIR;
	__u32 i = 0, j = 0, star = 0, step;

ROLLED
	for (step = 0; step < 14; step++) {
		char c = p->a[i & 15], g = p->b[j & 15];

		if (!c)
			break;
		if (g == '*') {
			star = ++j;
		} else if (g == c || g == '?') {
			i++;
			j++;
		} else if (star) {
			j = star;
			i++;
		} else {
			return 0;
		}
	}
	return 1;
}

SEC("tc")
int packet_two_cursors(struct __sk_buff *skb)
{
	__u8 *a = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end, *b = a + 64;
	__u32 i, same = 0;

	if (b + 32 > end)
		return 0;
ROLLED
	for (i = 0; i < 32; i++)
		same += a[i] == b[i];
	return same == 32;
}

// Prime numbers by trial.
SEC("tc")
int primes(struct __sk_buff *skb)
{
	struct cells *c = CELLS;
	__u32 n, d, found = 0;

	if (!c)
		return 0;
ROLLED
	for (n = 2; n < 60; n++) {
ROLLED
		for (d = 2; d * d <= n; d++)
			if (n % d == 0)
				break;
		if (d * d > n)
			c->v[found++ & 63] = n;
	}
	return found;
}

LICENSE("GPL");
