/* Direct packet access at tc: reads, writes, pulls, and what must be read again after them. */
#include "corpus.h"

ARRAY(hits, u64, 64);

inline_ void hit(u32 slot)
{
	u64 *n = bpf_map_lookup_elem(&hits, &slot);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("tc")
int direct_ports(struct __sk_buff *skb)
{
	struct cursor c = cursor_of(skb);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip;
	struct tcphdr *tcp;

	if (!eth)
		return TC_ACT_SHOT;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	ip = take(&c, sizeof(*ip));
	if (!ip || ip->ihl < 5)
		return TC_ACT_SHOT;
	if (!take(&c, (ip->ihl - 5) * 4))
		return TC_ACT_SHOT;
	if (ip->protocol != IPPROTO_TCP)
		return TC_ACT_OK;
	tcp = take(&c, sizeof(*tcp));
	if (!tcp)
		return TC_ACT_SHOT;
	hit(bpf_ntohs(tcp->dest) & 63);
	return tcp->dest == bpf_htons(25) ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int direct_write(struct __sk_buff *skb)
{
	void *data, *end;
	struct ethhdr *eth;
	struct iphdr *ip;

	if (bpf_skb_pull_data(skb, ETH_HLEN + sizeof(*ip)))
		return TC_ACT_OK;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	eth = data;
	ip = data + sizeof(*eth);
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	eth->h_dest[0] &= ~1;
	ip->tos = (ip->tos & 3) | 0x28;
	ip->check = 0;
	ip->check = fold(bpf_csum_diff(0, 0, (__be32 *)ip, sizeof(*ip), 0));
	return TC_ACT_OK;
}

/* Masks the payload of UDP in a loop, the end rounded down to words. */
SEC("tc")
int direct_mask(struct __sk_buff *skb)
{
	void *data, *end;
	struct iphdr *ip;
	u32 *w;

	bpf_skb_pull_data(skb, 0);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = data + ETH_HLEN;
	if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP || ip->ihl != 5)
		return TC_ACT_OK;
	w = (void *)(ip + 1) + sizeof(struct udphdr);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 32; i++) {
		if ((void *)(w + i + 1) > end)
			break;
		w[i] ^= 0xa5a5a5a5 + i;
	}
	return TC_ACT_OK;
}

/* Fields at an index from the packet: masked, masked with a hole, shifted. */
SEC("tc")
int direct_indexed(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u8 *p = data, *q, sum = 0;

	if (data + 64 > end)
		return TC_ACT_OK;
	q = p + (p[14] & 31);
	if ((void *)(q + 33) > end)
		return TC_ACT_OK;
	sum += q[0];
	sum += q[32];
	q = p + 16 + (p[15] & 47);
	if ((void *)(q + 1) > end)
		return TC_ACT_OK;
	sum ^= *q;
	q = p + (p[17] >> 3);
	if ((void *)(q + 1) <= end)
		*q = sum;
	return TC_ACT_OK;
}

/* Nested loops: four headers of a list, four words each. */
SEC("tc")
int direct_nested(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u32 h = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		u32 *row = data + 16 * i;

		if ((void *)(row + 4) > end)
			break;
#pragma clang loop unroll(disable)
		for (int j = 0; j < 4; j++)
			h = (h << 5 | h >> 27) ^ row[j];
	}
	hit(h & 63);
	return h == 0xdeadbeef ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Both ends are compared the other way round, and with the length instead of a pointer. */
SEC("tc")
int direct_styles(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if (end < (void *)(eth + 1))
		return TC_ACT_OK;
	if (!(end >= (void *)(ip + 1)))
		return eth->h_proto == bpf_htons(ETH_P_ARP) ? TC_ACT_OK : TC_ACT_SHOT;
	if (data + 54 <= end) {
		struct tcphdr *tcp = (void *)(ip + 1);

		if (tcp->urg && tcp->urg_ptr)
			return TC_ACT_SHOT;
	}
	return ip->ttl == 1 ? TC_ACT_SHOT : TC_ACT_OK;
}
