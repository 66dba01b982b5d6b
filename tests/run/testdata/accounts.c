/* cgroup_skb and socket filters: accounts by address, limits, fields of sockets. */
#include "corpus.h"

struct account {
	u64 packets, bytes;
	u32 last_mark, drops;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 128);
	__type(key, u32);
	__type(value, struct account);
} by_host SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 512);
	__type(key, u16);
	__type(value, u64);
} by_port SEC(".maps");

struct limit {
	struct bpf_spin_lock lock;
	u32 left;
	u64 refused;
};
HASH(limits, u32, struct limit, 64);
ARRAY(seen, u64, 16);

inline_ void see(u32 slot, u64 v)
{
	bpf_map_update_elem(&seen, &slot, &v, BPF_ANY);
}

SEC("cgroup_skb/ingress")
int account_in(struct __sk_buff *skb)
{
	u32 from = 0;
	struct account *a, fresh = { .packets = 1 };

	if (bpf_skb_load_bytes(skb, 12, &from, 4))
		return 0;
	fresh.bytes = skb->len;
	a = bpf_map_lookup_elem(&by_host, &from);
	if (!a)
		return bpf_map_update_elem(&by_host, &from, &fresh, BPF_NOEXIST) == 0;
	a->packets++;
	a->bytes += skb->len;
	a->last_mark = skb->mark;
	return a->packets < 3;
}

SEC("cgroup_skb/egress")
int account_out(struct __sk_buff *skb)
{
	struct limit *l, fresh = { .left = 2 };
	u32 to = 0;
	int verdict = 1;

	if (bpf_skb_load_bytes(skb, 16, &to, 4))
		return 1;
	to &= 0xff;
	l = bpf_map_lookup_elem(&limits, &to);
	if (!l) {
		bpf_map_update_elem(&limits, &to, &fresh, BPF_ANY);
		return 1;
	}
	bpf_spin_lock(&l->lock);
	if (l->left > 0) {
		l->left--;
	} else {
		l->refused++;
		verdict = 0;
	}
	bpf_spin_unlock(&l->lock);
	return verdict;
}

SEC("cgroup_skb/ingress")
int account_socket(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	see(0, skb->family);
	see(1, skb->remote_ip4);
	see(2, skb->local_port);
	see(3, skb->remote_port);
	if (!sk)
		return 0;
	see(4, sk->family);
	see(5, sk->state);
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	see(6, sk->type);
	see(7, sk->protocol);
	see(8, sk->src_port);
	see(9, sk->mark);
	return 1;
}

SEC("socket")
int account_ports(struct __sk_buff *skb)
{
	u16 port = 0;
	u64 one = 1, *n;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 22, &port, 2))
		return 0;
	n = bpf_map_lookup_elem(&by_port, &port);
	if (n)
		*n += skb->len;
	else
		bpf_map_update_elem(&by_port, &port, &one, BPF_ANY);
	see(10, bpf_get_socket_uid(skb));
	return n ? 64 : -1;
}

SEC("socket")
int account_relative(struct __sk_buff *skb)
{
	u8 v = 0;
	long a = bpf_skb_load_bytes_relative(skb, 9, &v, 1, BPF_HDR_START_NET);

	see(11, a + v);
	a = bpf_skb_load_bytes_relative(skb, 12, &v, 1, BPF_HDR_START_MAC);
	see(12, a + v);
	return v;
}
