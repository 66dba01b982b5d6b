/* Connection tracking: a state machine over TCP flags, timeouts, both directions, related ICMP errors. */
#include "corpus.h"

struct ct_key {
	__be32 src, dst;
	__be16 sport, dport;
	u8 proto;
	u8 flags;
	u16 pad;
};

struct ct {
	u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
	u32 lifetime;
	u16 rx_closing : 1, tx_closing : 1, seen_reply : 1, unused : 13;
	u8 state;
	u8 rev_nat;
	u32 last_flags;
};

enum { S_NONE, S_SYN, S_SYN_ACK, S_EST, S_FIN1, S_FIN2, S_TIME_WAIT, S_CLOSED };
enum { CT_NEW, CT_ESTABLISHED, CT_REPLY, CT_RELATED, CT_BAD };

LRU(ct4, struct ct_key, struct ct, 65536);
PERCPU(ct_counts, u64, 8);

inline_ u32 seconds(void)
{
	return bpf_ktime_get_ns() / 1000000000ULL;
}

inline_ u32 timeout(u8 state)
{
	switch (state) {
	case S_SYN:
	case S_SYN_ACK:
		return 60;
	case S_EST:
		return 21600;
	case S_FIN1:
	case S_FIN2:
		return 120;
	case S_TIME_WAIT:
		return 30;
	default:
		return 10;
	}
}

/* The next state by the present one and the flags of the segment. */
noinline_ u8 next_state(u8 state, u8 flags, u8 reply)
{
	u8 syn = flags & 2, ack = flags & 16, fin = flags & 1, rst = flags & 4;

	if (rst)
		return S_CLOSED;
	switch (state) {
	case S_NONE:
		return syn && !ack ? S_SYN : S_EST;
	case S_SYN:
		if (syn && ack && reply)
			return S_SYN_ACK;
		return S_SYN;
	case S_SYN_ACK:
		if (ack && !syn && !reply)
			return fin ? S_FIN1 : S_EST;
		return S_SYN_ACK;
	case S_EST:
		return fin ? S_FIN1 : S_EST;
	case S_FIN1:
		return fin && reply ? S_FIN2 : S_FIN1;
	case S_FIN2:
		return ack ? S_TIME_WAIT : S_FIN2;
	case S_TIME_WAIT:
		return syn && !ack ? S_SYN : S_TIME_WAIT;
	case S_CLOSED:
		return syn ? S_SYN : S_CLOSED;
	}
	return S_CLOSED;
}

inline_ void reverse(struct ct_key *k)
{
	__be32 a = k->src;
	__be16 p = k->sport;

	k->src = k->dst;
	k->dst = a;
	k->sport = k->dport;
	k->dport = p;
	k->flags ^= 1;
}

inline_ int ct_lookup(struct __sk_buff *skb, struct ct_key *k, u8 flags, u8 reply)
{
	struct ct *c = bpf_map_lookup_elem(&ct4, k);
	u32 now = seconds();

	if (!c)
		return CT_NEW;
	if (now > c->lifetime)
		return CT_NEW;
	if (k->proto == IPPROTO_TCP) {
		c->state = next_state(c->state, flags, reply);
		c->last_flags = (c->last_flags << 8) | flags;
	} else {
		c->state = S_EST;
	}
	c->lifetime = now + timeout(c->state);
	if (reply) {
		c->seen_reply = 1;
		c->rx_closing |= flags & 1;
		__sync_fetch_and_add(&c->rx_packets, 1);
		__sync_fetch_and_add(&c->rx_bytes, skb->len);
		return CT_REPLY;
	}
	c->tx_closing |= flags & 1;
	__sync_fetch_and_add(&c->tx_packets, 1);
	__sync_fetch_and_add(&c->tx_bytes, skb->len);
	return CT_ESTABLISHED;
}

inline_ int extract(struct __sk_buff *skb, u32 off, struct ct_key *k, u8 *flags)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) < 0 || ip.ihl < 5)
		return CT_BAD;
	k->src = ip.saddr;
	k->dst = ip.daddr;
	k->proto = ip.protocol;
	off += ip.ihl * 4;
	switch (ip.protocol) {
	case IPPROTO_TCP:
		if (bpf_skb_load_bytes(skb, off + 13, flags, 1) < 0)
			return CT_BAD;
		/* fall through */
	case IPPROTO_UDP:
		if (bpf_skb_load_bytes(skb, off, &k->sport, 4) < 0)
			return CT_BAD;
		return 0;
	case IPPROTO_ICMP: {
		struct icmphdr icmp;

		if (bpf_skb_load_bytes(skb, off, &icmp, sizeof(icmp)) < 0)
			return CT_BAD;
		if (icmp.type == ICMP_DEST_UNREACH || icmp.type == 11)
			return CT_RELATED;
		k->sport = icmp.id;
		k->flags = icmp.type == ICMP_ECHOREPLY;
		return 0;
	}
	}
	return CT_BAD;
}

inline_ void count(u32 what)
{
	u64 *n = bpf_map_lookup_elem(&ct_counts, &what);

	if (n)
		*n += 1;
}

SEC("tc")
int ct_egress(struct __sk_buff *skb)
{
	struct ct_key k = {};
	struct ct fresh = {};
	u8 flags = 0;
	int r;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	r = extract(skb, ETH_HLEN, &k, &flags);
	if (r == CT_BAD)
		return TC_ACT_SHOT;
	if (r == CT_RELATED)
		return TC_ACT_OK;
	r = ct_lookup(skb, &k, flags, 0);
	count(r);
	if (r != CT_NEW)
		return TC_ACT_OK;
	fresh.state = k.proto == IPPROTO_TCP ? next_state(S_NONE, flags, 0) : S_EST;
	fresh.lifetime = seconds() + timeout(fresh.state);
	fresh.tx_packets = 1;
	fresh.tx_bytes = skb->len;
	return bpf_map_update_elem(&ct4, &k, &fresh, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int ct_ingress(struct __sk_buff *skb)
{
	struct ct_key k = {};
	u8 flags = 0;
	int r;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	r = extract(skb, ETH_HLEN, &k, &flags);
	if (r == CT_BAD)
		return TC_ACT_SHOT;
	if (r == CT_RELATED) {
		/* The embedded packet is one of ours, in the direction it was sent. */
		if (extract(skb, ETH_HLEN + 20 + 8, &k, &flags))
			return TC_ACT_SHOT;
		count(CT_RELATED);
		return bpf_map_lookup_elem(&ct4, &k) ? TC_ACT_OK : TC_ACT_SHOT;
	}
	reverse(&k);
	k.flags &= 1;
	r = ct_lookup(skb, &k, flags, 1);
	count(r);
	return r == CT_REPLY ? TC_ACT_OK : TC_ACT_SHOT;
}

/* Removes closed connections: an entry is visited when its packet comes. */
SEC("tc")
int ct_reap(struct __sk_buff *skb)
{
	struct ct_key k = {};
	struct ct *c;
	u8 flags = 0;

	if (extract(skb, ETH_HLEN, &k, &flags))
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int dir = 0; dir < 2; dir++) {
		c = bpf_map_lookup_elem(&ct4, &k);
		if (c && (c->state == S_CLOSED || (c->rx_closing && c->tx_closing)))
			bpf_map_delete_elem(&ct4, &k);
		reverse(&k);
	}
	return TC_ACT_OK;
}
