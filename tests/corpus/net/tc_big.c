/* Large programs at tc: dual-stack translation in one function, a block cipher over the payload, a sorting network. */
#include "corpus.h"

struct key4 {
	__be32 addr;
	__be16 port;
	u8 proto, dir;
};

struct key6 {
	u32 addr[4];
	__be16 port;
	u8 proto, dir;
};

struct to {
	u32 addr[4];
	__be16 port;
	u16 flags;
	u32 ifindex;
};

HASH(nat4, struct key4, struct to, 4096);
HASH(nat6, struct key6, struct to, 4096);
LRU(affinity6, struct key6, struct to, 4096);
PERCPU(block, u32, 32);
ARRAY(cipher_key, u32, 4);
FDMAP(log_events, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 64);

struct log {
	u32 why, a, b, c;
};

inline_ int fail(struct __sk_buff *skb, u32 why, u32 a, u32 b)
{
	struct log l = { why, a, b, skb->len };

	bpf_perf_event_output(skb, &log_events, BPF_F_CURRENT_CPU, &l, sizeof(l));
	return TC_ACT_SHOT;
}

inline_ int one_way4(struct __sk_buff *skb, u8 dir)
{
	u32 l4 = ETH_HLEN + sizeof(struct iphdr), addr_off, port_off, csum;
	struct key4 k = { .dir = dir };
	struct iphdr ip;
	__be16 ports[2] = {};
	struct to *t;
	u64 flags = BPF_F_PSEUDO_HDR;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return TC_ACT_OK;
	if (ip.ihl != 5)
		return TC_ACT_OK;
	if (ip.frag_off & bpf_htons(IP_OFFSET | IP_MF))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, l4, ports, sizeof(ports)))
		return TC_ACT_OK;
	addr_off = ETH_HLEN + (dir ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr));
	port_off = l4 + (dir ? 0 : 2);
	k.addr = dir ? ip.saddr : ip.daddr;
	k.port = dir ? ports[0] : ports[1];
	k.proto = ip.protocol;
	switch (ip.protocol) {
	case IPPROTO_TCP:
		csum = l4 + offsetof(struct tcphdr, check);
		break;
	case IPPROTO_UDP:
		csum = l4 + offsetof(struct udphdr, check);
		flags |= BPF_F_MARK_MANGLED_0;
		break;
	default:
		return TC_ACT_OK;
	}
	t = bpf_map_lookup_elem(&nat4, &k);
	if (!t) {
		k.port = 0;
		t = bpf_map_lookup_elem(&nat4, &k);
		if (!t)
			return TC_ACT_OK;
	}
	if (t->addr[0] != k.addr) {
		if (bpf_l4_csum_replace(skb, csum, k.addr, t->addr[0], flags | 4))
			return fail(skb, 1, k.addr, t->addr[0]);
		if (bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), k.addr, t->addr[0], 4))
			return fail(skb, 2, k.addr, t->addr[0]);
		if (bpf_skb_store_bytes(skb, addr_off, &t->addr[0], 4, 0))
			return fail(skb, 3, addr_off, 0);
	}
	if (t->port && t->port != (dir ? ports[0] : ports[1])) {
		if (bpf_l4_csum_replace(skb, csum, dir ? ports[0] : ports[1], t->port, 2))
			return fail(skb, 4, ports[0], t->port);
		if (bpf_skb_store_bytes(skb, port_off, &t->port, 2, 0))
			return fail(skb, 5, port_off, 0);
	}
	if (t->ifindex)
		return bpf_redirect(t->ifindex, t->flags & 1);
	return TC_ACT_OK;
}

inline_ int one_way6(struct __sk_buff *skb, u8 dir)
{
	u32 off = ETH_HLEN + sizeof(struct ipv6hdr), addr_off, csum;
	struct key6 k = { .dir = dir };
	struct to *t, copy;
	struct ipv6hdr ip6;
	__be16 ports[2] = {};
	u8 next;
	s64 diff;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip6, sizeof(ip6)))
		return TC_ACT_OK;
	next = ip6.nexthdr;
#pragma clang loop unroll(full)
	for (int i = 0; i < 6; i++) {
		u8 opt[2];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_AH)
			break;
		if (bpf_skb_load_bytes(skb, off, opt, 2))
			return fail(skb, 6, off, next);
		off += next == IPPROTO_AH ? (opt[1] + 2) * 4 : (opt[1] + 1) * 8;
		next = opt[0];
	}
	if (next != IPPROTO_TCP && next != IPPROTO_UDP)
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, off, ports, sizeof(ports)))
		return TC_ACT_OK;
	addr_off = ETH_HLEN + (dir ? offsetof(struct ipv6hdr, saddr) : offsetof(struct ipv6hdr, daddr));
	csum = off + (next == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	if (dir)
		__builtin_memcpy(k.addr, &ip6.saddr, 16);
	else
		__builtin_memcpy(k.addr, &ip6.daddr, 16);
	k.port = dir ? ports[0] : ports[1];
	k.proto = next;
	t = bpf_map_lookup_elem(&affinity6, &k);
	if (!t) {
		t = bpf_map_lookup_elem(&nat6, &k);
		if (!t)
			return TC_ACT_OK;
		copy = *t;
		bpf_map_update_elem(&affinity6, &k, &copy, BPF_ANY);
	} else {
		copy = *t;
	}
	diff = bpf_csum_diff((__be32 *)k.addr, 16, (__be32 *)copy.addr, 16, 0);
	if (diff < 0)
		return fail(skb, 7, diff, 0);
	if (bpf_skb_store_bytes(skb, addr_off, copy.addr, 16, 0))
		return fail(skb, 8, addr_off, 0);
	if (bpf_l4_csum_replace(skb, csum, 0, diff, BPF_F_PSEUDO_HDR))
		return fail(skb, 9, csum, diff);
	if (copy.port) {
		if (bpf_l4_csum_replace(skb, csum, dir ? ports[0] : ports[1], copy.port, 2))
			return fail(skb, 10, csum, copy.port);
		if (bpf_skb_store_bytes(skb, off + (dir ? 0 : 2), &copy.port, 2, 0))
			return fail(skb, 11, off, copy.port);
	}
	return copy.ifindex ? bpf_redirect(copy.ifindex, 0) : TC_ACT_OK;
}

SEC("tc")
int big_nat(struct __sk_buff *skb)
{
	int r;

	switch (skb->protocol) {
	case bpf_htons(ETH_P_IP):
		r = one_way4(skb, 0);
		if (r != TC_ACT_OK)
			return r;
		return one_way4(skb, 1);
	case bpf_htons(ETH_P_IPV6):
		r = one_way6(skb, 0);
		if (r != TC_ACT_OK)
			return r;
		return one_way6(skb, 1);
	}
	return TC_ACT_OK;
}

/* XTEA over four blocks, the rounds unrolled. */
SEC("tc")
int big_cipher(struct __sk_buff *skb)
{
	u32 v[8], k[4];

	if (bpf_skb_load_bytes(skb, 54, v, sizeof(v)))
		return TC_ACT_OK;
#pragma clang loop unroll(full)
	for (u32 i = 0; i < 4; i++) {
		u32 slot = i, *p = bpf_map_lookup_elem(&cipher_key, &slot);

		if (!p)
			return TC_ACT_SHOT;
		k[i] = *p;
	}
#pragma clang loop unroll(full)
	for (int b = 0; b < 8; b += 2) {
		u32 x = v[b], y = v[b + 1], sum = 0;

#pragma clang loop unroll(full)
		for (int i = 0; i < 32; i++) {
			x += ((y << 4 ^ y >> 5) + y) ^ (sum + k[sum & 3]);
			sum += 0x9e3779b9;
			y += ((x << 4 ^ x >> 5) + x) ^ (sum + k[sum >> 11 & 3]);
		}
		v[b] = x;
		v[b + 1] = y;
	}
	bpf_skb_store_bytes(skb, 54, v, sizeof(v), BPF_F_RECOMPUTE_CSUM);
	return TC_ACT_OK;
}

/* The same cipher with loops, the key on the stack indexed by a scalar. */
SEC("tc")
int loop_cipher(struct __sk_buff *skb)
{
	u32 k[4] = { 1, 2, 3, 4 }, x, y, sum = 0;
	u32 v[2];

	if (bpf_skb_load_bytes(skb, 54, v, sizeof(v)))
		return TC_ACT_OK;
	k[skb->hash & 3] ^= skb->mark;
	x = v[0];
	y = v[1];
#pragma clang loop unroll(disable)
	for (int i = 0; i < 32; i++) {
		x += ((y << 4 ^ y >> 5) + y) ^ (sum + k[sum & 3]);
		sum += 0x9e3779b9;
		y += ((x << 4 ^ x >> 5) + x) ^ (sum + k[sum >> 11 & 3]);
	}
	v[0] = x;
	v[1] = y;
	bpf_skb_store_bytes(skb, 54, v, sizeof(v), 0);
	return TC_ACT_OK;
}

/* Sixteen bytes sorted by an unrolled network; the median decides. */
SEC("tc")
int big_sort(struct __sk_buff *skb)
{
	u8 v[16];

	if (bpf_skb_load_bytes(skb, 40, v, sizeof(v)))
		return TC_ACT_OK;
#pragma clang loop unroll(full)
	for (int p = 1; p < 16; p <<= 1) {
#pragma clang loop unroll(full)
		for (int k = p; k >= 1; k >>= 1) {
#pragma clang loop unroll(full)
			for (int j = k % p; j + k < 16; j += 2 * k) {
#pragma clang loop unroll(full)
				for (int i = 0; i < k; i++) {
					int a = i + j, b = i + j + k;

					if (b < 16 && a / (p * 2) == b / (p * 2)) {
						u32 lt = (u32)(v[a] - v[b]) >> 31, x = v[a], y = v[b];

						v[a] = (x & -lt) | (y & (lt - 1));
						v[b] = (y & -lt) | (x & (lt - 1));
					}
				}
			}
		}
	}
	skb->priority = v[8];
	return v[15] - v[0] > 250 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Insertion sort on the stack: nested loops, the inner one with a bound from the outer. */
SEC("tc")
int loop_sort(struct __sk_buff *skb)
{
	u8 v[8];

	if (bpf_skb_load_bytes(skb, 40, v, sizeof(v)))
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 7; i++) {
#pragma clang loop unroll(disable)
		for (int j = 0; j < 7; j++) {
			u8 a = v[j], b = v[j + 1];
			u8 min = b ^ ((a ^ b) & -(a < b)), max = a ^ b ^ min;

			v[j] = min;
			v[j + 1] = max;
		}
	}
	skb->priority = v[4];
	return TC_ACT_OK;
}
