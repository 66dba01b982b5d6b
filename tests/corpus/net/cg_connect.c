/* Service translation at the socket: connect, sendmsg, recvmsg, getpeername of both families. */
#include "corpus.h"

struct service4 {
	__be32 addr;
	u16 port;
	u16 slot;
};

struct backend4 {
	__be32 addr;
	u16 port;
	u16 count;
};

struct origin {
	u64 cookie;
	__be32 addr;
	u32 port;
};

struct service6 {
	u32 addr[4];
	u32 port;
};

HASH(services4, struct service4, struct backend4, 4096);
HASH(services6, struct service6, struct service6, 1024);
LRU(reverse4, struct origin, struct service4, 8192);

inline_ struct backend4 *backend_of(__be32 addr, u16 port)
{
	struct service4 k = { .addr = addr, .port = port };
	struct backend4 *head = bpf_map_lookup_elem(&services4, &k);

	if (!head || !head->count)
		return 0;
	k.slot = bpf_get_prandom_u32() % head->count + 1;
	return bpf_map_lookup_elem(&services4, &k);
}

inline_ int translate(struct bpf_sock_addr *ctx, int remember)
{
	struct backend4 *b = backend_of(ctx->user_ip4, ctx->user_port);
	struct origin o = {};
	struct service4 s = {};

	if (!b)
		return 0;
	if (remember) {
		o.cookie = bpf_get_socket_cookie(ctx);
		o.addr = b->addr;
		o.port = b->port;
		s.addr = ctx->user_ip4;
		s.port = ctx->user_port;
		if (bpf_map_update_elem(&reverse4, &o, &s, 0))
			return -1;
	}
	ctx->user_ip4 = b->addr;
	ctx->user_port = b->port;
	return 0;
}

inline_ void restore(struct bpf_sock_addr *ctx)
{
	struct origin o = {};
	struct service4 *s;

	o.cookie = bpf_get_socket_cookie(ctx);
	o.addr = ctx->user_ip4;
	o.port = (u16)ctx->user_port;
	s = bpf_map_lookup_elem(&reverse4, &o);
	if (!s)
		return;
	ctx->user_ip4 = s->addr;
	ctx->user_port = s->port;
}

SEC("cgroup/connect4")
int svc_connect4(struct bpf_sock_addr *ctx)
{
	if (ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP)
		return 1;
	return translate(ctx, ctx->protocol == IPPROTO_UDP) >= 0;
}

SEC("cgroup/sendmsg4")
int svc_sendmsg4(struct bpf_sock_addr *ctx)
{
	translate(ctx, 1);
	return 1;
}

SEC("cgroup/recvmsg4")
int svc_recvmsg4(struct bpf_sock_addr *ctx)
{
	restore(ctx);
	return 1;
}

SEC("cgroup/getpeername4")
int svc_peername4(struct bpf_sock_addr *ctx)
{
	restore(ctx);
	return 1;
}

SEC("cgroup/getsockname4")
int svc_sockname4(struct bpf_sock_addr *ctx)
{
	if (ctx->user_ip4 == bpf_htonl(0x7f000001))
		ctx->user_port = bpf_htons(443);
	return 1;
}

inline_ struct service6 *find6(struct bpf_sock_addr *ctx)
{
	struct service6 k = {};

	k.addr[0] = ctx->user_ip6[0];
	k.addr[1] = ctx->user_ip6[1];
	k.addr[2] = ctx->user_ip6[2];
	k.addr[3] = ctx->user_ip6[3];
	k.port = ctx->user_port;
	return bpf_map_lookup_elem(&services6, &k);
}

inline_ int apply6(struct bpf_sock_addr *ctx)
{
	struct service6 *s = find6(ctx);

	if (!s)
		return 1;
	ctx->user_ip6[0] = s->addr[0];
	ctx->user_ip6[1] = s->addr[1];
	ctx->user_ip6[2] = s->addr[2];
	ctx->user_ip6[3] = s->addr[3];
	ctx->user_port = s->port;
	return 1;
}

SEC("cgroup/connect6")
int svc_connect6(struct bpf_sock_addr *ctx)
{
	/* A mapped IPv4 address goes through the IPv4 table. */
	if (!ctx->user_ip6[0] && !ctx->user_ip6[1] && ctx->user_ip6[2] == bpf_htonl(0xffff)) {
		struct backend4 *b = backend_of(ctx->user_ip6[3], ctx->user_port);

		if (!b)
			return 1;
		ctx->user_ip6[3] = b->addr;
		ctx->user_port = b->port;
		return 1;
	}
	return apply6(ctx);
}

SEC("cgroup/sendmsg6")
int svc_sendmsg6(struct bpf_sock_addr *ctx)
{
	if (ctx->msg_src_ip6[0] == 0)
		ctx->msg_src_ip6[3] = bpf_htonl(6);
	return apply6(ctx);
}

SEC("cgroup/recvmsg6")
int svc_recvmsg6(struct bpf_sock_addr *ctx)
{
	return apply6(ctx);
}

SEC("cgroup/getpeername6")
int svc_peername6(struct bpf_sock_addr *ctx)
{
	return apply6(ctx);
}

/* Narrow loads of every field, and a bind to a source address before connecting. */
SEC("cgroup/connect4")
int connect_narrow(struct bpf_sock_addr *ctx)
{
	volatile u8 *ip = (volatile u8 *)&ctx->user_ip4;
	volatile u16 *half = (volatile u16 *)&ctx->user_ip4;
	u16 port = *(volatile u16 *)&ctx->user_port;
	u32 family = ctx->user_family;
	struct {
		u16 family;
		u16 port;
		u32 addr;
		u64 zero;
	} sa = { .family = AF_INET, .addr = bpf_htonl(0x7f000002) };

	if (family != AF_INET)
		return 0;
	if (ip[0] == 127 && half[1] == bpf_htons(1) && port == bpf_htons(7))
		return 0;
	if (ip[3] == 255)
		return 0;
	return ip[0] != 127 || bpf_bind(ctx, (void *)&sa, sizeof(sa)) == 0;
}

/* Refuses what is not served by anybody: a socket lookup with release. */
SEC("cgroup/connect4")
int connect_checked(struct bpf_sock_addr *ctx)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	int ok;

	t.ipv4.daddr = ctx->user_ip4;
	t.ipv4.dport = ctx->user_port;
	if (ctx->type == 1)
		sk = bpf_sk_lookup_tcp(ctx, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	else if (ctx->type == 2)
		sk = bpf_sk_lookup_udp(ctx, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	else
		return 1;
	if (!sk)
		return 0;
	ok = sk->src_ip4 == t.ipv4.daddr && sk->src_port == bpf_ntohs(t.ipv4.dport);
	bpf_sk_release(sk);
	return ok;
}

SEC("cgroup/connect6")
int connect_options(struct bpf_sock_addr *ctx)
{
	int keep = 1, idle = 60, got = 0;

	if (ctx->type != 1)
		return 1;
	if (bpf_setsockopt(ctx, 1, 9, &keep, sizeof(keep)))
		return 1;
	if (bpf_setsockopt(ctx, IPPROTO_TCP, 4, &idle, sizeof(idle)))
		return 1;
	if (bpf_getsockopt(ctx, IPPROTO_TCP, 4, &got, sizeof(got)))
		return 0;
	return got == idle;
}
