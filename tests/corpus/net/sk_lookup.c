/* Socket dispatch: sk_lookup and sk_reuseport. */
#include "corpus.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, u64);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} group SEC(".maps");

struct lpm {
	u32 len;
	u16 proto;
	u16 port;
	u8 addr[4];
};

MAPF(bindings, BPF_MAP_TYPE_LPM_TRIE, struct lpm, u32, 1024, BPF_F_NO_PREALLOC);
HASH(open_ports, u16, u8, 1024);

SEC("sk_lookup")
int lookup_steer(struct bpf_sk_lookup *ctx)
{
	u16 port = ctx->local_port;
	struct bpf_sock *sk;
	u32 slot = 0;
	long r;

	if (!bpf_map_lookup_elem(&open_ports, &port))
		return SK_PASS;
	sk = bpf_map_lookup_elem(&targets, &slot);
	if (!sk)
		return SK_DROP;
	r = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return r ? SK_DROP : SK_PASS;
}

SEC("sk_lookup")
int lookup_prefix(struct bpf_sk_lookup *ctx)
{
	struct lpm k = { .len = 64 };
	struct bpf_sock *sk;
	u32 *slot, ip;
	long r;

	if (ctx->family != AF_INET || ctx->protocol != IPPROTO_TCP)
		return SK_PASS;
	ip = ctx->local_ip4;
	k.proto = ctx->protocol;
	k.port = ctx->local_port;
	__builtin_memcpy(k.addr, &ip, 4);
	slot = bpf_map_lookup_elem(&bindings, &k);
	if (!slot)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&targets, slot);
	if (!sk)
		return SK_PASS;
	r = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
	bpf_sk_release(sk);
	return r ? SK_DROP : SK_PASS;
}

SEC("sk_lookup")
int lookup_replace(struct bpf_sk_lookup *ctx)
{
	struct bpf_sock *a, *b;
	u32 one = 1, two = 2;
	int r = SK_DROP;

	a = bpf_map_lookup_elem(&targets, &one);
	if (!a)
		return SK_DROP;
	b = bpf_map_lookup_elem(&targets, &two);
	if (!b)
		goto out;
	if (bpf_sk_assign(ctx, a, 0))
		goto both;
	if (bpf_sk_assign(ctx, b, BPF_SK_LOOKUP_F_REPLACE))
		goto both;
	if (ctx->sk != b)
		goto both;
	r = SK_PASS;
both:
	bpf_sk_release(b);
out:
	bpf_sk_release(a);
	return r;
}

SEC("sk_lookup")
int lookup_v6(struct bpf_sk_lookup *ctx)
{
	u32 h = 0;

	if (ctx->family != AF_INET6)
		return SK_PASS;
	h ^= ctx->remote_ip6[0];
	h ^= ctx->remote_ip6[1];
	h ^= ctx->remote_ip6[2];
	h ^= ctx->remote_ip6[3];
	h ^= *(volatile u16 *)&ctx->remote_port;
	h ^= *(volatile u8 *)&ctx->local_ip6[3];
	return h % 97 == 0 && ctx->ingress_ifindex != 1 ? SK_DROP : SK_PASS;
}

SEC("sk_reuseport")
int reuse_by_hash(struct sk_reuseport_md *ctx)
{
	u32 slot = ctx->hash % 64;

	if (bpf_sk_select_reuseport(ctx, &group, &slot, 0))
		return SK_DROP;
	return SK_PASS;
}

/* The first byte of the payload names the worker. */
SEC("sk_reuseport")
int reuse_by_payload(struct sk_reuseport_md *ctx)
{
	void *data = ctx->data, *end = ctx->data_end;
	u32 slot;

	if (ctx->ip_protocol == IPPROTO_UDP) {
		struct udphdr *udp = data;
		u8 *body = (void *)(udp + 1);

		if ((void *)(body + 1) > end)
			return SK_DROP;
		slot = *body & 63;
	} else {
		struct tcphdr *tcp = data;

		if ((void *)(tcp + 1) > end)
			return SK_DROP;
		slot = bpf_ntohs(tcp->source) & 63;
	}
	bpf_sk_select_reuseport(ctx, &group, &slot, 0);
	return SK_PASS;
}

/* QUIC: the connection ID holds the worker; read with bpf_skb_load_bytes. */
SEC("sk_reuseport")
int reuse_quic(struct sk_reuseport_md *ctx)
{
	u8 head[9];
	u32 slot;

	if (bpf_skb_load_bytes(ctx, sizeof(struct udphdr), head, sizeof(head)))
		return SK_PASS;
	if (head[0] & 0x80)
		slot = ctx->hash & 63;
	else
		slot = (head[1] ^ head[5]) & 63;
	if (bpf_sk_select_reuseport(ctx, &group, &slot, 0) == -2)
		return SK_DROP;
	return SK_PASS;
}

SEC("sk_reuseport/migrate")
int reuse_migrate(struct sk_reuseport_md *ctx)
{
	u32 slot = 1;

	if (!ctx->migrating_sk)
		return SK_PASS;
	if (ctx->sk->protocol == IPPROTO_TCP && ctx->bind_inany)
		slot = 2;
	return bpf_sk_select_reuseport(ctx, &group, &slot, 0) ? SK_DROP : SK_PASS;
}
