/* Socket filters that read with bpf_skb_load_bytes: flow keys, tunnels, a VLAN and extension header walk. */
#include "corpus.h"

struct flow_key {
	u32 src[4];
	u32 dst[4];
	u16 ports[2];
	u8 proto;
	u8 family;
	u16 vlan;
};

struct counters {
	u64 packets;
	u64 bytes;
	u64 first;
	u64 last;
};

LRU(flow_table, struct flow_key, struct counters, 16384);
PERCPU(scratch, struct flow_key, 1);
ARRAY(lengths, u64, 16);
FDMAP(events, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 64);

inline_ int load_v4(struct __sk_buff *skb, u32 *off, struct flow_key *k)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, *off, &ip, sizeof(ip)))
		return -1;
	if (ip.ihl < 5)
		return -1;
	k->family = AF_INET;
	k->src[0] = ip.saddr;
	k->dst[0] = ip.daddr;
	k->proto = ip.protocol;
	*off += ip.ihl * 4;
	return ip.frag_off & bpf_htons(IP_OFFSET) ? 1 : 0;
}

inline_ int load_v6(struct __sk_buff *skb, u32 *off, struct flow_key *k)
{
	struct ipv6hdr ip6;
	u8 next;

	if (bpf_skb_load_bytes(skb, *off, &ip6, sizeof(ip6)))
		return -1;
	k->family = AF_INET6;
	__builtin_memcpy(k->src, &ip6.saddr, 16);
	__builtin_memcpy(k->dst, &ip6.daddr, 16);
	next = ip6.nexthdr;
	*off += sizeof(ip6);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 6; i++) {
		u8 opt[2];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if (bpf_skb_load_bytes(skb, *off, opt, sizeof(opt)))
			return -1;
		next = opt[0];
		*off += (opt[1] + 1) << 3;
	}
	k->proto = next;
	return 0;
}

inline_ int dissect(struct __sk_buff *skb, struct flow_key *k)
{
	u32 off = ETH_HLEN;
	u16 proto = skb->protocol;
	int r;

#pragma unroll
	for (int i = 0; i < 2; i++) {
		struct vlan_hdr tag;

		if (!is_vlan(proto))
			break;
		if (bpf_skb_load_bytes(skb, off, &tag, sizeof(tag)))
			return -1;
		k->vlan = bpf_ntohs(tag.tci) & 0xfff;
		proto = tag.proto;
		off += sizeof(tag);
	}
	if (proto == bpf_htons(ETH_P_IP))
		r = load_v4(skb, &off, k);
	else if (proto == bpf_htons(ETH_P_IPV6))
		r = load_v6(skb, &off, k);
	else
		return -1;
	if (r)
		return r;
	if (k->proto == IPPROTO_TCP || k->proto == IPPROTO_UDP)
		return bpf_skb_load_bytes(skb, off, k->ports, sizeof(k->ports)) ? -1 : 0;
	return 0;
}

SEC("socket")
int flow_count(struct __sk_buff *skb)
{
	struct flow_key k = {};
	struct counters *c, fresh = {};
	u64 now = bpf_ktime_get_ns();

	if (dissect(skb, &k) < 0)
		return 0;
	c = bpf_map_lookup_elem(&flow_table, &k);
	if (c) {
		__sync_fetch_and_add(&c->packets, 1);
		__sync_fetch_and_add(&c->bytes, skb->len);
		c->last = now;
		return 0;
	}
	fresh.packets = 1;
	fresh.bytes = skb->len;
	fresh.first = fresh.last = now;
	bpf_map_update_elem(&flow_table, &k, &fresh, BPF_NOEXIST);
	return 0;
}

/* The key lives in a per-CPU map because of its size. */
SEC("socket")
int flow_sample(struct __sk_buff *skb)
{
	struct flow_key *k;
	u32 zero = 0;

	k = bpf_map_lookup_elem(&scratch, &zero);
	if (!k)
		return 0;
	__builtin_memset(k, 0, sizeof(*k));
	if (dissect(skb, k) < 0)
		return 0;
	if (bpf_get_prandom_u32() & 0xff)
		return 0;
	bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU | (u64)64 << 32, k, sizeof(*k));
	return 0;
}

/* Relative to the network header, for filters on sockets without Ethernet headers. */
SEC("socket")
int dst_multicast(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 0;
	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
		return 0;
	return (ip.daddr & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) ? skb->len : 0;
}

/* A histogram of packet lengths by power of two, with a loop for the logarithm. */
SEC("socket")
int length_histogram(struct __sk_buff *skb)
{
	u32 len = skb->len, bucket = 0;
	u64 *v;

#pragma clang loop unroll(disable)
	while (len > 1 && bucket < 15) {
		len >>= 1;
		bucket++;
	}
	v = bpf_map_lookup_elem(&lengths, &bucket);
	if (v)
		__sync_fetch_and_add(v, 1);
	return 0;
}

/* Bytes of the payload summed: a buffer on the stack, a loop over it. */
SEC("socket")
int payload_sum(struct __sk_buff *skb)
{
	u8 buf[64];
	u32 sum = 0;

	if (skb->len < 54 + sizeof(buf))
		return 0;
	if (bpf_skb_load_bytes(skb, 54, buf, sizeof(buf)))
		return 0;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < sizeof(buf); i++)
		sum = sum * 31 + buf[i];
	return sum & 1 ? skb->len : 0;
}

/* Length decided at run time, between 1 and the size of the buffer. */
SEC("socket")
int variable_copy(struct __sk_buff *skb)
{
	char buf[96] = {};
	u32 len = skb->len;

	if (len > sizeof(buf))
		len = sizeof(buf);
	if (len < 1)
		return 0;
	if (bpf_skb_load_bytes(skb, 0, buf, len))
		return 0;
	return buf[0] == 'X' ? len : 0;
}
