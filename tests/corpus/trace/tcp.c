// TCP: connections, states, sizes, retransmissions.
#include "trace.h"
#include "kernel.h"

struct flow {
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u32 pid;
};

struct traffic {
	__u64 sent, received;
	__u64 first;
};

struct state_record {
	__u64 common;
	const void *skaddr;
	int oldstate;
	int newstate;
	__u16 sport;
	__u16 dport;
	__u16 family;
	__u16 protocol;
	__u8 saddr[4];
	__u8 daddr[4];
	__u8 saddr_v6[16];
	__u8 daddr_v6[16];
};

LRU(connecting, __u32, struct sock *, 4096);
LRU(flows, struct flow, struct traffic, 8192);
HASH(births, __u64, __u64, 8192);
ARRAY(transitions, __u64, 256);
HASH(filter_ports, __u16, __u8, 64);
PERF_EVENTS(events);

const volatile int port_count = 0;
const volatile __u16 ports[8] = {};

INLINE void read_flow(struct flow *f, struct sock *sk)
{
	f->saddr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	f->daddr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	f->sport = BPF_CORE_READ(sk, __sk_common.skc_num);
	f->dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	f->pid = bpf_get_current_pid_tgid() >> 32;
}

INLINE bool wanted(__u16 port)
{
	int i;

	if (port_count == 0)
		return true;
	for (i = 0; i < port_count && i < 8; i++)
		if (ports[i] == port)
			return true;
	return false;
}

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(connect, struct sock *sk)
{
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&connecting, &tid, &sk, BPF_ANY);
	return 0;
}

SEC("kretprobe/tcp_v4_connect")
int BPF_KRETPROBE(connected, int ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct sock **held = bpf_map_lookup_elem(&connecting, &tid);
	struct flow f = {};

	if (!held)
		return 0;
	if (!ret) {
		read_flow(&f, *held);
		if (wanted(f.dport))
			bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &f, sizeof(f));
	}
	bpf_map_delete_elem(&connecting, &tid);
	return 0;
}

SEC("kprobe/tcp_sendmsg")
int BPF_KPROBE(sent, struct sock *sk, struct msghdr *msg, size_t size)
{
	struct flow f = {};
	struct traffic *t, first = {};

	if (BPF_CORE_READ(sk, __sk_common.skc_family) != 2)
		return 0;
	read_flow(&f, sk);
	t = bpf_map_lookup_elem(&flows, &f);
	if (t) {
		__sync_fetch_and_add(&t->sent, size);
		return 0;
	}
	first.sent = size;
	first.first = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&flows, &f, &first, BPF_NOEXIST);
	return 0;
}

SEC("kprobe/tcp_cleanup_rbuf")
int BPF_KPROBE(received, struct sock *sk, int copied)
{
	struct flow f = {};
	struct traffic *t;

	if (copied <= 0)
		return 0;
	read_flow(&f, sk);
	t = bpf_map_lookup_elem(&flows, &f);
	if (t)
		t->received += copied;
	return 0;
}

SEC("tp/sock/inet_sock_set_state")
int states(struct state_record *ctx)
{
	__u64 sk = (__u64)ctx->skaddr, now = bpf_ktime_get_ns(), *birth, *n;
	__u32 cell = (ctx->oldstate & 15) * 16 + (ctx->newstate & 15);

	n = bpf_map_lookup_elem(&transitions, &cell);
	if (n)
		*n += 1;
	if (ctx->protocol != 6)
		return 0;
	if (ctx->newstate < 4) {
		bpf_map_update_elem(&births, &sk, &now, BPF_ANY);
	} else if (ctx->newstate == 7) {
		birth = bpf_map_lookup_elem(&births, &sk);
		if (birth) {
			struct {
				__u64 life;
				__u32 s, d;
				__u16 sp, dp;
			} __attribute__((packed)) e;

			e.life = now - *birth;
			__builtin_memcpy(&e.s, ctx->saddr, 4);
			__builtin_memcpy(&e.d, ctx->daddr, 4);
			e.sp = ctx->sport;
			e.dp = ctx->dport;
			bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
			bpf_map_delete_elem(&births, &sk);
		}
	}
	return 0;
}

// IPv6 addresses: equal prefixes, by a loop over bytes.
SEC("tp/sock/inet_sock_set_state")
int prefix(struct state_record *ctx)
{
	int i, bits = 0;

	if (ctx->family != 10)
		return 0;
#pragma clang loop unroll(full)
	for (i = 0; i < 16; i++) {
		__u8 x = ctx->saddr_v6[i] ^ ctx->daddr_v6[i];

		if (!x) {
			bits += 8;
			continue;
		}
		return bits + (x < 0x80) + (x < 0x40) + (x < 0x20) + (x < 0x10);
	}
	return bits;
}

SEC("raw_tp/tcp_retransmit_skb")
int retransmit(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (void *)ctx->args[0];
	struct flow f = {};

	read_flow(&f, sk);
	f.pid = 0;
	if (bpf_map_lookup_elem(&filter_ports, &f.dport))
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &f, sizeof(f));
	return 0;
}

LICENSE("GPL");
