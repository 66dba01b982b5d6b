/* Address translation at tc: stores into the packet and checksum repair by helpers. */
#include "corpus.h"

#define L3 ETH_HLEN
#define IP_CSUM (L3 + offsetof(struct iphdr, check))
#define IP_SRC (L3 + offsetof(struct iphdr, saddr))
#define IP_DST (L3 + offsetof(struct iphdr, daddr))
#define L4 (L3 + sizeof(struct iphdr))
#define TCP_CSUM (L4 + offsetof(struct tcphdr, check))
#define UDP_CSUM (L4 + offsetof(struct udphdr, check))

struct endpoint {
	__be32 addr;
	__be16 port;
	u8 proto;
	u8 pad;
};

struct affinity {
	struct endpoint backend;
	u64 expires;
};

HASH(vip_to_backend, struct endpoint, struct endpoint, 1024);
HASH(backend_to_vip, struct endpoint, struct endpoint, 1024);
LRU(client_affinity, __be32, struct affinity, 4096);
ARRAY(dropped, u64, 4);

inline_ int csum_off(u8 proto)
{
	return proto == IPPROTO_TCP ? TCP_CSUM : UDP_CSUM;
}

inline_ int set_addr(struct __sk_buff *skb, u32 off, __be32 from, __be32 to, u8 proto)
{
	u64 flags = BPF_F_PSEUDO_HDR | 4;

	if (proto == IPPROTO_UDP)
		flags |= BPF_F_MARK_MANGLED_0;
	if (bpf_l4_csum_replace(skb, csum_off(proto), from, to, flags))
		return -1;
	if (bpf_l3_csum_replace(skb, IP_CSUM, from, to, 4))
		return -1;
	return bpf_skb_store_bytes(skb, off, &to, 4, 0);
}

inline_ int set_port(struct __sk_buff *skb, u32 off, __be16 from, __be16 to, u8 proto)
{
	if (bpf_l4_csum_replace(skb, csum_off(proto), from, to, 2))
		return -1;
	return bpf_skb_store_bytes(skb, off, &to, 2, 0);
}

inline_ int load(struct __sk_buff *skb, struct iphdr *ip, __be16 *ports)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct iphdr *h = data + L3;

	if (skb->protocol != bpf_htons(ETH_P_IP) || data + L4 + 4 > end)
		return -1;
	if (h->ihl != 5 || (h->frag_off & bpf_htons(IP_OFFSET)))
		return -1;
	if (h->protocol != IPPROTO_TCP && h->protocol != IPPROTO_UDP)
		return -1;
	*ip = *h;
	ports[0] = *(__be16 *)(data + L4);
	ports[1] = *(__be16 *)(data + L4 + 2);
	return 0;
}

SEC("tc")
int tc_dnat(struct __sk_buff *skb)
{
	struct endpoint k = {}, *b;
	__be16 ports[2];
	struct iphdr ip;

	if (load(skb, &ip, ports))
		return TC_ACT_OK;
	k.addr = ip.daddr;
	k.port = ports[1];
	k.proto = ip.protocol;
	b = bpf_map_lookup_elem(&vip_to_backend, &k);
	if (!b)
		return TC_ACT_OK;
	if (set_addr(skb, IP_DST, ip.daddr, b->addr, ip.protocol))
		return TC_ACT_SHOT;
	if (set_port(skb, L4 + 2, ports[1], b->port, ip.protocol))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

SEC("tc")
int tc_snat_reply(struct __sk_buff *skb)
{
	struct endpoint k = {}, *v;
	__be16 ports[2];
	struct iphdr ip;

	if (load(skb, &ip, ports))
		return TC_ACT_OK;
	k.addr = ip.saddr;
	k.port = ports[0];
	k.proto = ip.protocol;
	v = bpf_map_lookup_elem(&backend_to_vip, &k);
	if (!v)
		return TC_ACT_UNSPEC;
	if (set_addr(skb, IP_SRC, ip.saddr, v->addr, ip.protocol) || set_port(skb, L4, ports[0], v->port, ip.protocol)) {
		u32 zero = 0;
		u64 *n = bpf_map_lookup_elem(&dropped, &zero);

		if (n)
			(*n)++;
		return TC_ACT_SHOT;
	}
	return TC_ACT_OK;
}

SEC("tc")
int tc_affinity(struct __sk_buff *skb)
{
	u64 now = bpf_ktime_get_ns();
	struct endpoint k = {}, *b;
	struct affinity *a, fresh = {};
	__be16 ports[2];
	struct iphdr ip;

	if (load(skb, &ip, ports))
		return TC_ACT_OK;
	a = bpf_map_lookup_elem(&client_affinity, &ip.saddr);
	if (a && a->expires > now) {
		k = a->backend;
	} else {
		k.addr = ip.daddr;
		k.port = ports[1];
		k.proto = ip.protocol;
		b = bpf_map_lookup_elem(&vip_to_backend, &k);
		if (!b)
			return TC_ACT_OK;
		k = *b;
		fresh.backend = k;
		fresh.expires = now + 10ULL * 1000 * 1000 * 1000;
		bpf_map_update_elem(&client_affinity, &ip.saddr, &fresh, BPF_ANY);
	}
	if (set_addr(skb, IP_DST, ip.daddr, k.addr, ip.protocol))
		return TC_ACT_SHOT;
	return set_port(skb, L4 + 2, ports[1], k.port, ip.protocol) ? TC_ACT_SHOT : TC_ACT_OK;
}

/* A change of six bytes at once: bpf_csum_diff over buffers on the stack. */
SEC("tc")
int tc_csum_diff(struct __sk_buff *skb)
{
	__be32 from[3], to[3];
	__be16 ports[2];
	struct iphdr ip;
	s64 diff;

	if (load(skb, &ip, ports))
		return TC_ACT_OK;
	from[0] = ip.saddr;
	from[1] = ip.daddr;
	from[2] = ports[0] | (u32)ports[1] << 16;
	to[0] = bpf_htonl(0xc0000201);
	to[1] = bpf_htonl(0xc6336401);
	to[2] = ports[1] | (u32)ports[0] << 16;
	diff = bpf_csum_diff(from, sizeof(from), to, sizeof(to), 0);
	if (diff < 0)
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, IP_SRC, to, 12, BPF_F_RECOMPUTE_CSUM))
		return TC_ACT_SHOT;
	diff = bpf_csum_diff(from, 8, to, 8, 0);
	if (bpf_l3_csum_replace(skb, IP_CSUM, 0, diff, 0))
		return TC_ACT_SHOT;
	bpf_set_hash_invalid(skb);
	return TC_ACT_OK;
}

/* The type of service byte, the checksum with it. */
SEC("tc")
int tc_set_tos(struct __sk_buff *skb)
{
	u8 old, new;
	u32 off = L3 + 1;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, off, &old, 1))
		return TC_ACT_OK;
	switch (skb->priority & 7) {
	case 6:
		new = 0xb8;
		break;
	case 5:
		new = 0x88;
		break;
	case 1:
		new = 0x20;
		break;
	default:
		new = 0;
	}
	if (old == new)
		return TC_ACT_OK;
	bpf_l3_csum_replace(skb, IP_CSUM, bpf_htons(old), bpf_htons(new), 2);
	bpf_skb_store_bytes(skb, off, &new, sizeof(new), 0);
	return TC_ACT_OK;
}
