/* cgroup_skb: accounting, egress policy, header walks. */
#include "corpus.h"

struct dir_stat {
	u64 packets[2];
	u64 bytes[2];
};

struct lpm4 {
	u32 len;
	__be32 addr;
};

HASH(per_cgroup, u64, struct dir_stat, 1024);
LPM(egress_allow, struct lpm4, u8, 1024);
ARRAY(quota, u64, 2);
PERCPU(by_port, u64, 1024);

inline_ void account(struct __sk_buff *skb, int dir)
{
	u64 id = bpf_skb_cgroup_id(skb);
	struct dir_stat *s, fresh = {};

	s = bpf_map_lookup_elem(&per_cgroup, &id);
	if (!s) {
		bpf_map_update_elem(&per_cgroup, &id, &fresh, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&per_cgroup, &id);
		if (!s)
			return;
	}
	__sync_fetch_and_add(&s->packets[dir], 1);
	__sync_fetch_and_add(&s->bytes[dir], skb->len);
}

SEC("cgroup_skb/ingress")
int count_ingress(struct __sk_buff *skb)
{
	account(skb, 0);
	return 1;
}

SEC("cgroup_skb/egress")
int count_egress(struct __sk_buff *skb)
{
	account(skb, 1);
	return 1;
}

SEC("cgroup_skb/egress")
int egress_prefixes(struct __sk_buff *skb)
{
	struct lpm4 k = { .len = 32 };
	struct iphdr ip;
	u8 *ok;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 1;
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return 0;
	k.addr = ip.daddr;
	ok = bpf_map_lookup_elem(&egress_allow, &k);
	return ok && *ok;
}

SEC("cgroup_skb/egress")
int egress_quota(struct __sk_buff *skb)
{
	u32 spent = 0, limit = 1;
	u64 *used = bpf_map_lookup_elem(&quota, &spent), *max = bpf_map_lookup_elem(&quota, &limit);

	if (!used || !max)
		return 1;
	if (*used + skb->len > *max)
		return 0;
	__sync_fetch_and_add(used, skb->len);
	return 1;
}

/* Congestion is signalled with 2 and 3: the range of return values of egress is 0 to 3. */
SEC("cgroup_skb/egress")
int egress_congestion(struct __sk_buff *skb)
{
	if (skb->gso_segs > 32)
		return 3;
	return skb->priority & 2 ? 2 : 1;
}

SEC("cgroup_skb/ingress")
int ingress_ports(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct udphdr *udp;
	u32 slot;
	u64 *n;

	if ((void *)(ip + 1) > end || ip->version != 4)
		return 1;
	if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP)
		return 1;
	udp = data + ip->ihl * 4;
	if ((void *)(udp + 1) > end)
		return 0;
	slot = bpf_ntohs(udp->dest);
	if (slot >= 1024)
		return 1;
	n = bpf_map_lookup_elem(&by_port, &slot);
	if (n)
		*n += 1;
	return slot != 23;
}

SEC("cgroup_skb/ingress")
int ingress_ext_headers(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end, *p = data + sizeof(struct ipv6hdr);
	struct ipv6hdr *ip6 = data;
	u8 next;

	if (p > end || ip6->version != 6)
		return 1;
	next = ip6->nexthdr;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 5; i++) {
		u8 *opt = p;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_ROUTING)
			break;
		if ((void *)(opt + 8) > end)
			return 0;
		if (next == IPPROTO_ROUTING && opt[2] == 0)
			return 0;
		next = opt[0];
		p += (opt[1] + 1) * 8;
	}
	return next != IPPROTO_FRAGMENT;
}

SEC("cgroup_skb/egress")
int egress_socket(struct __sk_buff *skb)
{
	struct bpf_tcp_sock *tp;
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->family != AF_INET6)
		return 1;
	tp = bpf_tcp_sock(sk);
	if (tp && tp->snd_cwnd > 1000)
		skb->mark = tp->rtt_min;
	if (bpf_sk_cgroup_id(sk) == bpf_sk_ancestor_cgroup_id(sk, 1))
		return 1;
	return bpf_skb_ancestor_cgroup_id(skb, 2) != 1;
}
