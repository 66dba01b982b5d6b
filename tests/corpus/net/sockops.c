/* sock_ops: round-trip times, socket maps, initial values, header options. */
#include "corpus.h"

struct conn {
	u32 local_ip, remote_ip;
	u32 local_port, remote_port;
};

struct rtt {
	u64 sum;
	u32 count;
	u32 min;
	u32 max;
	u32 pad;
};

LRU(rtts, struct conn, struct rtt, 8192);
ARRAY(event_count, u64, 32);

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4096);
	__type(key, struct conn);
	__type(value, u64);
} sock_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} sock_map SEC(".maps");

inline_ void conn_of(struct bpf_sock_ops *ctx, struct conn *c)
{
	c->local_ip = ctx->local_ip4;
	c->remote_ip = ctx->remote_ip4;
	c->local_port = ctx->local_port;
	c->remote_port = bpf_ntohl(ctx->remote_port);
}

SEC("sockops")
int ops_rtt(struct bpf_sock_ops *ctx)
{
	struct conn c = {};
	struct rtt *r, fresh = {};
	u32 us;

	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG | BPF_SOCK_OPS_STATE_CB_FLAG);
		return 1;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] != BPF_TCP_CLOSE)
			return 1;
		conn_of(ctx, &c);
		bpf_map_delete_elem(&rtts, &c);
		return 1;
	case BPF_SOCK_OPS_RTT_CB:
		break;
	default:
		return 1;
	}
	conn_of(ctx, &c);
	us = ctx->srtt_us >> 3;
	r = bpf_map_lookup_elem(&rtts, &c);
	if (!r) {
		fresh.sum = us;
		fresh.count = 1;
		fresh.min = fresh.max = us;
		bpf_map_update_elem(&rtts, &c, &fresh, BPF_ANY);
		return 1;
	}
	r->sum += us;
	r->count++;
	if (us < r->min)
		r->min = us;
	if (us > r->max)
		r->max = us;
	return 1;
}

SEC("sockops")
int ops_sockhash(struct bpf_sock_ops *ctx)
{
	struct conn c = {};

	if (ctx->family != AF_INET)
		return 0;
	if (ctx->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		return 0;
	conn_of(ctx, &c);
	bpf_sock_hash_update(ctx, &sock_hash, &c, BPF_NOEXIST);
	return 0;
}

SEC("sockops")
int ops_sockmap(struct bpf_sock_ops *ctx)
{
	u32 slot = ctx->local_port % 64;

	if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_sock_map_update(ctx, &sock_map, &slot, BPF_ANY);
	return 0;
}

/* Initial window, timeouts and congestion control by the distance of the peer. */
SEC("sockops")
int ops_tune(struct bpf_sock_ops *ctx)
{
	char cong[] = "cubic";
	int iw = 40, buf = 150000, clamp = 100, rv = 0;
	int near;

	if (ctx->family != AF_INET6 && ctx->family != AF_INET) {
		ctx->reply = -1;
		return 0;
	}
	if (ctx->family == AF_INET)
		near = (ctx->remote_ip4 & bpf_htonl(0xff000000)) == bpf_htonl(0x0a000000);
	else
		near = ctx->local_ip6[0] == ctx->remote_ip6[0] && ctx->local_ip6[1] == ctx->remote_ip6[1];
	switch (ctx->op) {
	case BPF_SOCK_OPS_TIMEOUT_INIT:
		rv = near ? 10 : 300;
		break;
	case BPF_SOCK_OPS_RWND_INIT:
		rv = near ? 10 : 40;
		break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		rv = bpf_setsockopt(ctx, 1, 7, &buf, sizeof(buf));
		rv += bpf_setsockopt(ctx, 1, 8, &buf, sizeof(buf));
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		if (!near)
			rv = bpf_setsockopt(ctx, IPPROTO_TCP, 1001, &iw, sizeof(iw));
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		rv = bpf_setsockopt(ctx, IPPROTO_TCP, 1002, &clamp, sizeof(clamp));
		rv += bpf_setsockopt(ctx, IPPROTO_TCP, 13, cong, sizeof(cong));
		break;
	case BPF_SOCK_OPS_NEEDS_ECN:
		rv = near;
		break;
	case BPF_SOCK_OPS_BASE_RTT:
		rv = near ? 100 : 80000;
		break;
	default:
		rv = -1;
	}
	ctx->reply = rv;
	return 1;
}

struct option_exp {
	u8 kind;
	u8 len;
	u16 magic;
	u32 data;
};

SEC("sockops")
int ops_header_option(struct bpf_sock_ops *ctx)
{
	struct option_exp opt = { .kind = 254, .len = sizeof(opt), .magic = bpf_htons(0xeb9f) };
	struct tcphdr *tcp;

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG | BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		bpf_reserve_hdr_opt(ctx, sizeof(opt), 0);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		opt.data = bpf_htonl(bpf_ktime_get_ns() / 1000);
		bpf_store_hdr_opt(ctx, &opt, sizeof(opt), 0);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		tcp = ctx->skb_data;
		if ((void *)(tcp + 1) > (void *)ctx->skb_data_end)
			return 1;
		if (tcp->syn && !tcp->ack)
			return 1;
		if (bpf_load_hdr_opt(ctx, &opt, sizeof(opt), 0) == sizeof(opt))
			ctx->sk_txhash = opt.data;
		break;
	}
	return 1;
}

SEC("sockops")
int ops_count(struct bpf_sock_ops *ctx)
{
	u32 op = ctx->op & 31;
	u64 *n = bpf_map_lookup_elem(&event_count, &op);
	struct bpf_tcp_sock *tp;
	struct bpf_sock *sk;

	if (n)
		__sync_fetch_and_add(n, 1);
	sk = ctx->sk;
	if (!sk)
		return 1;
	tp = bpf_tcp_sock(sk);
	if (tp && tp->dsack_dups > 10)
		ctx->reply = tp->dsack_dups;
	return 1;
}
