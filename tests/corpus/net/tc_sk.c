/* Sockets at tc: lookup, assignment, release on every path, socket storage, fields of found sockets. */
#include "corpus.h"

struct per_socket {
	u64 bytes;
	u32 packets;
	u32 class;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct per_socket);
} storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} proxies SEC(".maps");

inline_ struct bpf_sock_tuple *tuple4(struct __sk_buff *skb, int *tcp)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + ETH_HLEN;

	if (skb->protocol != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > end)
		return 0;
	if (ip->ihl != 5 || (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP))
		return 0;
	*tcp = ip->protocol == IPPROTO_TCP;
	if ((void *)&ip->saddr + sizeof(((struct bpf_sock_tuple *)0)->ipv4) > end)
		return 0;
	return (struct bpf_sock_tuple *)&ip->saddr;
}

SEC("tc")
int tc_established_only(struct __sk_buff *skb)
{
	struct bpf_sock_tuple *t;
	struct bpf_sock *sk;
	int tcp = 0, state;

	t = tuple4(skb, &tcp);
	if (!t || !tcp)
		return TC_ACT_OK;
	sk = bpf_skc_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	state = sk->state;
	bpf_sk_release(sk);
	return state == BPF_TCP_LISTEN ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Hands connections to a local proxy. */
SEC("tc")
int tc_tproxy(struct __sk_buff *skb)
{
	struct bpf_sock_tuple *t, to = {};
	struct bpf_sock *sk;
	int tcp = 0;
	long r;

	t = tuple4(skb, &tcp);
	if (!t)
		return TC_ACT_OK;
	if (tcp) {
		sk = bpf_skc_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
		if (sk) {
			if (sk->state != BPF_TCP_LISTEN)
				goto assign;
			bpf_sk_release(sk);
		}
		to.ipv4.daddr = bpf_htonl(0x7f000001);
		to.ipv4.dport = bpf_htons(15001);
		sk = bpf_skc_lookup_tcp(skb, &to, sizeof(to.ipv4), BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return TC_ACT_SHOT;
		if (sk->state != BPF_TCP_LISTEN) {
			bpf_sk_release(sk);
			return TC_ACT_SHOT;
		}
	} else {
		to.ipv4.daddr = bpf_htonl(0x7f000001);
		to.ipv4.dport = bpf_htons(15053);
		sk = bpf_sk_lookup_udp(skb, &to, sizeof(to.ipv4), BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			return TC_ACT_OK;
	}
assign:
	r = bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	return r ? TC_ACT_SHOT : TC_ACT_OK;
}

/* The socket in a map instead of a lookup; IPv6 in the tuple on the stack. */
SEC("tc")
int tc_assign_from_map(struct __sk_buff *skb)
{
	u32 slot = skb->protocol == bpf_htons(ETH_P_IPV6);
	struct bpf_sock *sk = bpf_map_lookup_elem(&proxies, &slot);
	long r;

	if (!sk)
		return TC_ACT_OK;
	r = bpf_sk_assign(skb, sk, 0);
	bpf_sk_release(sk);
	return r ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int tc_lookup6(struct __sk_buff *skb)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	struct ipv6hdr ip6;
	int verdict = TC_ACT_OK;

	if (skb->protocol != bpf_htons(ETH_P_IPV6) || bpf_skb_load_bytes(skb, ETH_HLEN, &ip6, sizeof(ip6)))
		return TC_ACT_OK;
	if (ip6.nexthdr != IPPROTO_TCP)
		return TC_ACT_OK;
	__builtin_memcpy(t.ipv6.saddr, &ip6.saddr, 16);
	__builtin_memcpy(t.ipv6.daddr, &ip6.daddr, 16);
	if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(ip6), &t.ipv6.sport, 4))
		return TC_ACT_OK;
	sk = bpf_sk_lookup_tcp(skb, &t, sizeof(t.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_OK;
	if (sk->bound_dev_if && sk->bound_dev_if != skb->ifindex)
		verdict = TC_ACT_SHOT;
	if (sk->mark == 0xdead && sk->priority > 3)
		verdict = TC_ACT_SHOT;
	skb->mark = sk->src_port;
	bpf_sk_release(sk);
	return verdict;
}

/* A socket that the packet already has. */
SEC("tc")
int tc_socket_fields(struct __sk_buff *skb)
{
	struct bpf_tcp_sock *tp;
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	if (sk->protocol != IPPROTO_TCP)
		return TC_ACT_OK;
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return TC_ACT_OK;
	if (tp->srtt_us >> 3 > 200000 && tp->snd_cwnd < 10)
		skb->priority = 6;
	if (tp->total_retrans > 100 || tp->lost_out * 4 > tp->packets_out)
		skb->priority = 1;
	return TC_ACT_OK;
}

SEC("tc")
int tc_storage(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct per_socket *p;

	if (!sk)
		return TC_ACT_OK;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return TC_ACT_OK;
	p = bpf_sk_storage_get(&storage, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!p)
		return TC_ACT_SHOT;
	p->bytes += skb->len;
	p->packets++;
	if (p->bytes > 1ULL << 30) {
		bpf_sk_storage_delete(&storage, sk);
		return TC_ACT_SHOT;
	}
	return p->class ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int tc_listener(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk, *l;

	if (!sk)
		return TC_ACT_OK;
	l = bpf_get_listener_sock(sk);
	if (!l)
		return TC_ACT_OK;
	skb->mark = l->src_port;
	bpf_skb_ecn_set_ce(skb);
	return TC_ACT_OK;
}

/* Two references at a time, released in the order they were not taken. */
SEC("tc")
int tc_two_sockets(struct __sk_buff *skb)
{
	struct bpf_sock_tuple *t, back = {};
	struct bpf_sock *a, *b;
	int tcp = 0, same = 0;

	t = tuple4(skb, &tcp);
	if (!t || !tcp)
		return TC_ACT_OK;
	back.ipv4.saddr = t->ipv4.daddr;
	back.ipv4.daddr = t->ipv4.saddr;
	back.ipv4.sport = t->ipv4.dport;
	back.ipv4.dport = t->ipv4.sport;
	a = bpf_sk_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	b = bpf_sk_lookup_tcp(skb, &back, sizeof(back.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (a && b)
		same = a->src_port == b->src_port;
	if (a)
		bpf_sk_release(a);
	if (b)
		bpf_sk_release(b);
	return same ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int tc_syncookie(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct tcphdr *tcp = (void *)(ip + 1);
	struct bpf_sock_tuple *t = (void *)&ip->saddr;
	struct bpf_sock *sk;
	long r;

	if (skb->protocol != bpf_htons(ETH_P_IP) || (void *)(tcp + 1) > end || ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return TC_ACT_OK;
	sk = bpf_sk_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_OK;
	r = bpf_tcp_check_syncookie(sk, ip, sizeof(*ip), tcp, sizeof(*tcp));
	bpf_sk_release(sk);
	return r ? TC_ACT_OK : TC_ACT_SHOT;
}
