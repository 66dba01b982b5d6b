/* Raw tracepoints: histograms, open calls by thread, events to rings and perf buffers, who runs. */
#include "corpus.h"

struct raw {
	u64 args[12];
};

struct open_call {
	u64 nr, at;
	u32 depth, turns;
};

HASH(calls, u64, struct open_call, 128);
PERCPU(histogram, u64, 64);
LRU(last, u32, u64, 64);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} by_number SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

struct event {
	u64 id;
	u32 nr, uid;
	char comm[16];
};

inline_ u32 log2(u64 v)
{
	u32 n = 0;

#pragma clang loop unroll(full)
	for (int i = 5; i >= 0; i--) {
		u64 big = v >> (1 << i) ? 1 << i : 0;

		v >>= big;
		n += big;
	}
	return n & 63;
}

SEC("raw_tp/sys_enter")
int call_begins(struct raw *ctx)
{
	u64 id = ctx->args[0] & 7;
	struct open_call *c = bpf_map_lookup_elem(&calls, &id), fresh = {};

	if (c) {
		c->depth++;
		c->nr = ctx->args[1];
		return 0;
	}
	fresh.nr = ctx->args[1];
	fresh.at = bpf_ktime_get_ns();
	return bpf_map_update_elem(&calls, &id, &fresh, BPF_NOEXIST);
}

SEC("raw_tp/sys_exit")
int call_ends(struct raw *ctx)
{
	u64 id = ctx->args[0] & 7, *n, one = 1;
	struct open_call *c = bpf_map_lookup_elem(&calls, &id);
	u32 slot, nr;

	if (!c)
		return 1;
	slot = log2(bpf_ktime_get_ns() - c->at + ctx->args[2]);
	n = bpf_map_lookup_elem(&histogram, &slot);
	if (n)
		*n += 1;
	nr = c->nr;
	n = bpf_map_lookup_elem(&by_number, &nr);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&by_number, &nr, &one, BPF_ANY);
	bpf_map_delete_elem(&calls, &id);
	return 0;
}

SEC("raw_tp/sched_switch")
int who_runs(struct raw *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e)
		return 0;
	e->id = bpf_get_current_pid_tgid();
	e->uid = bpf_get_current_uid_gid();
	e->nr = ctx->args[0];
	if (bpf_get_current_comm(e->comm, sizeof(e->comm)) || ctx->args[0] == 0) {
		bpf_ringbuf_discard(e, 0);
		return 2;
	}
	bpf_ringbuf_submit(e, 0);
	return e == 0;
}

SEC("raw_tp/kfree_skb")
int events_out(struct raw *ctx)
{
	struct event e = { .id = ctx->args[0], .nr = ctx->args[1], .uid = ctx->args[2] };
	u64 copy = 0;
	long bad = bpf_probe_read_kernel(&copy, sizeof(copy), (void *)(ctx->args[3] & 0xff));
	u32 key = ctx->args[4] & 15;

	e.comm[0] = bad ? 'x' : 'o';
	bpf_map_update_elem(&last, &key, &e.id, BPF_ANY);
	bad = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return bad + copy;
}

SEC("raw_tp/cpu_idle")
int strings(struct raw *ctx)
{
	char text[16] = {};
	long a = bpf_probe_read_kernel_str(text, sizeof(text), (void *)(ctx->args[0] & 0xfff));
	long b = bpf_probe_read_user_str(text, sizeof(text), (void *)(ctx->args[1] & 0xfff));
	long c = bpf_probe_read_user(text, 0, (void *)(ctx->args[1] & 0xfff));

	return a * 3 + b * 5 + c * 7 + text[0];
}
