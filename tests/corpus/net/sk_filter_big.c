/* Large socket filters: nested tunnels unrolled, a byte statistic, a trie walked in a map, CRC with a table in a map. */
#include "corpus.h"

struct tuple {
	u32 addr[8];
	u16 ports[2];
	u8 proto, depth;
	u16 outer;
};

struct node {
	u16 next[16];
	u32 verdict;
	u32 pad;
};

LRU(tuples, struct tuple, u64, 8192);
ARRAY(nodes, struct node, 256);
ARRAY(crc_table, u32, 256);
PERCPU(histogram, u32, 256);

/* Four levels of headers, each of them IPv4, IPv6, GRE, IP in IP, VXLAN or MPLS. */
SEC("socket")
int deep_tunnels(struct __sk_buff *skb)
{
	u32 off = ETH_HLEN;
	u16 proto = skb->protocol;
	struct tuple t = {};
	u64 *n, one = 1;

#pragma clang loop unroll(full)
	for (int level = 0; level < 4; level++) {
		u8 next;

		if (proto == bpf_htons(ETH_P_IP)) {
			struct iphdr ip;

			if (bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)))
				return 0;
			t.addr[0] = ip.saddr;
			t.addr[4] = ip.daddr;
			next = ip.protocol;
			off += ip.ihl * 4;
		} else if (proto == bpf_htons(ETH_P_IPV6)) {
			struct ipv6hdr ip6;

			if (bpf_skb_load_bytes(skb, off, &ip6, sizeof(ip6)))
				return 0;
			__builtin_memcpy(t.addr, &ip6.saddr, 32);
			next = ip6.nexthdr;
			off += sizeof(ip6);
		} else if (proto == bpf_htons(0x8847)) {
			u32 label = 0;

			if (bpf_skb_load_bytes(skb, off, &label, 4))
				return 0;
			off += 4;
			if (label & bpf_htonl(0x100))
				proto = bpf_htons(ETH_P_IP);
			t.depth++;
			continue;
		} else {
			return 0;
		}
		t.proto = next;
		if (next == IPPROTO_IPIP) {
			proto = bpf_htons(ETH_P_IP);
		} else if (next == IPPROTO_IPV6) {
			proto = bpf_htons(ETH_P_IPV6);
		} else if (next == IPPROTO_GRE) {
			u16 gre[2];

			if (bpf_skb_load_bytes(skb, off, gre, 4))
				return 0;
			off += 4 + (gre[0] & bpf_htons(0x8000) ? 4 : 0) + (gre[0] & bpf_htons(0x2000) ? 4 : 0);
			proto = gre[1];
		} else if (next == IPPROTO_UDP) {
			u16 udp[4];
			u8 vx[8];

			if (bpf_skb_load_bytes(skb, off, udp, 8))
				return 0;
			t.ports[0] = udp[0];
			t.ports[1] = udp[1];
			if (udp[1] != bpf_htons(4789))
				break;
			if (bpf_skb_load_bytes(skb, off + 8, vx, 8))
				return 0;
			if (bpf_skb_load_bytes(skb, off + 16 + 12, &proto, 2))
				return 0;
			off += 16 + ETH_HLEN;
		} else if (next == IPPROTO_TCP) {
			if (bpf_skb_load_bytes(skb, off, t.ports, 4))
				return 0;
			break;
		} else {
			break;
		}
		t.depth++;
	}
	n = bpf_map_lookup_elem(&tuples, &t);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&tuples, &t, &one, BPF_ANY);
	return t.depth > 1 ? skb->len : 0;
}

/* The entropy of 128 bytes, roughly: how many different values there are. */
SEC("socket")
int distinct_bytes(struct __sk_buff *skb)
{
	u64 set[4] = {};
	u8 buf[128];
	u32 n = 0;

	if (bpf_skb_load_bytes(skb, 42, buf, sizeof(buf)))
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 128; i++) {
		u8 b = buf[i];

		set[b >> 6] |= 1ULL << (b & 63);
	}
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		u64 w = set[i];

		w -= w >> 1 & 0x5555555555555555ULL;
		w = (w & 0x3333333333333333ULL) + (w >> 2 & 0x3333333333333333ULL);
		w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
		n += w * 0x0101010101010101ULL >> 56;
	}
	return n > 100 ? skb->len : 0;
}

/* Nibble by nibble through a trie whose nodes are values of an array. */
SEC("socket")
int trie_walk(struct __sk_buff *skb)
{
	u8 addr[4];
	u32 at = 0;

	if (bpf_skb_load_bytes(skb, 30, addr, sizeof(addr)))
		return 0;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 8; i++) {
		u32 k = at & 255;
		struct node *n = bpf_map_lookup_elem(&nodes, &k);
		u8 nib;

		if (!n)
			return 0;
		if (n->verdict)
			return n->verdict == 1 ? skb->len : 0;
		nib = addr[i >> 1 & 3];
		nib = i & 1 ? nib & 15 : nib >> 4;
		at = n->next[nib & 15];
		if (!at)
			return 0;
	}
	return 0;
}

SEC("socket")
int crc32(struct __sk_buff *skb)
{
	u32 crc = ~0U;
	u8 buf[48];

	if (bpf_skb_load_bytes(skb, 0, buf, sizeof(buf)))
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 48; i++) {
		u32 k = (crc ^ buf[i]) & 255, *e = bpf_map_lookup_elem(&crc_table, &k);

		if (!e)
			return 0;
		crc = crc >> 8 ^ *e;
	}
	return ~crc % 64 == 0 ? skb->len : 0;
}

/* The same bit by bit: a loop in a loop, 192 rounds of the inner. */
SEC("socket")
int crc32_bits(struct __sk_buff *skb)
{
	u32 crc = ~0U;
	u8 buf[24];

	if (bpf_skb_load_bytes(skb, 0, buf, sizeof(buf)))
		return 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 24; i++) {
		crc ^= buf[i];
#pragma clang loop unroll(disable)
		for (int b = 0; b < 8; b++) {
			u32 low = crc & 1;

			hide(low);
			crc = crc >> 1 ^ 0xedb88320 * low;
		}
	}
	return ~crc % 64 == 0 ? skb->len : 0;
}
