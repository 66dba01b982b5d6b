/* TLS and QUIC: the server name of a client hello, variable-length integers, connection IDs. */
#include "corpus.h"

struct sni {
	u8 len;
	char name[63];
};

HASH(blocked, struct sni, u32, 1024);
PERCPU(work, struct sni, 1);
HASH(cids, u64, u32, 8192);

inline_ int payload(struct xdp_md *ctx, u8 proto, struct cursor *c)
{
	struct ethhdr *eth;
	struct iphdr *ip;

	*c = cursor_of(ctx);
	eth = take(c, sizeof(*eth));
	if (!eth || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	ip = take(c, sizeof(*ip));
	if (!ip || ip->ihl != 5 || ip->protocol != proto)
		return -1;
	if (proto == IPPROTO_TCP) {
		struct tcphdr *tcp = take(c, sizeof(*tcp));

		if (!tcp || tcp->dest != bpf_htons(443) || tcp->doff < 5)
			return -1;
		c->pos += tcp->doff * 4 - sizeof(*tcp);
	} else {
		struct udphdr *udp = take(c, sizeof(*udp));

		if (!udp || udp->dest != bpf_htons(443))
			return -1;
	}
	return 0;
}

inline_ int be16_at(struct cursor *c)
{
	u8 *p = take(c, 2);

	return p ? p[0] << 8 | p[1] : -1;
}

/* Steps over the fixed and the variable fields of a client hello up to the extensions. */
inline_ int to_extensions(struct cursor *c)
{
	u8 *rec = take(c, 5), *hs, *p;
	int n;

	if (!rec || rec[0] != 22)
		return -1;
	hs = take(c, 4 + 2 + 32);
	if (!hs || hs[0] != 1)
		return -1;
	p = take(c, 1);
	if (!p || *p > 32)
		return -1;
	c->pos += *p;
	n = be16_at(c);
	if (n < 0 || n > 512)
		return -1;
	c->pos += n;
	p = take(c, 1);
	if (!p || *p > 16)
		return -1;
	c->pos += *p;
	return be16_at(c);
}

SEC("xdp")
int tls_sni(struct xdp_md *ctx)
{
	struct cursor c;
	struct sni *k;
	u32 zero = 0;
	u8 *name;
	int len;

	if (payload(ctx, IPPROTO_TCP, &c) || to_extensions(&c) < 0)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		int type = be16_at(&c), size = be16_at(&c);

		if (type < 0 || size < 0)
			return XDP_PASS;
		if (type == 0)
			goto found;
		if (size > 1024)
			return XDP_PASS;
		c.pos += size;
	}
	return XDP_PASS;
found:
	if (!take(&c, 3))
		return XDP_PASS;
	len = be16_at(&c);
	if (len < 1 || len > 63)
		return XDP_PASS;
	k = bpf_map_lookup_elem(&work, &zero);
	if (!k)
		return XDP_PASS;
	__builtin_memset(k, 0, sizeof(*k));
	name = c.pos;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 63; i++) {
		if (i >= len || (void *)(name + i + 1) > c.end)
			break;
		k->name[i] = name[i];
	}
	k->len = len;
	return bpf_map_lookup_elem(&blocked, k) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int tls_versions(struct xdp_md *ctx)
{
	struct cursor c;
	u8 *rec;

	if (payload(ctx, IPPROTO_TCP, &c))
		return XDP_PASS;
	rec = take(&c, 11);
	if (!rec)
		return XDP_PASS;
	switch (rec[0]) {
	case 20:
	case 21:
	case 23:
		return rec[1] == 3 ? XDP_PASS : XDP_DROP;
	case 22:
		if (rec[5] == 1 && (rec[9] != 3 || rec[10] < 3))
			return XDP_DROP;
		return XDP_PASS;
	case 24:
		return rec[5] == 1 && (rec[6] << 8 | rec[7]) > (rec[3] << 8 | rec[4]) ? XDP_DROP : XDP_PASS;
	}
	return XDP_PASS;
}

/* The variable-length integer of QUIC: two bits say how many bytes follow. */
inline_ u64 varint(struct cursor *c)
{
	u8 *p = take(c, 1);
	u64 v;
	int n;

	if (!p)
		return ~0ULL;
	v = *p & 0x3f;
	n = (1 << (*p >> 6)) - 1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 7; i++) {
		if (i >= n)
			break;
		p = take(c, 1);
		if (!p)
			return ~0ULL;
		v = v << 8 | *p;
	}
	return v;
}

SEC("xdp")
int quic_initial(struct xdp_md *ctx)
{
	struct cursor c;
	u64 token, length;
	u8 *p, dcid;

	if (payload(ctx, IPPROTO_UDP, &c))
		return XDP_PASS;
	p = take(&c, 6);
	if (!p || (p[0] & 0xf0) != 0xc0)
		return XDP_PASS;
	dcid = p[5];
	if (dcid < 8 || dcid > 20)
		return XDP_DROP;
	c.pos += dcid;
	p = take(&c, 1);
	if (!p || *p > 20)
		return XDP_DROP;
	c.pos += *p;
	token = varint(&c);
	if (token > 256)
		return XDP_DROP;
	c.pos += token;
	length = varint(&c);
	if (length == ~0ULL)
		return XDP_DROP;
	return length + 100 < 1200 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int quic_route(struct xdp_md *ctx)
{
	struct cursor c;
	u32 *worker;
	u64 cid = 0;
	u8 *p;

	if (payload(ctx, IPPROTO_UDP, &c))
		return XDP_PASS;
	p = take(&c, 9);
	if (!p || p[0] & 0x80)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 1; i < 9; i++)
		cid = cid << 8 | p[i];
	worker = bpf_map_lookup_elem(&cids, &cid);
	if (!worker)
		return XDP_PASS;
	return *worker == 1 ? XDP_TX : XDP_PASS;
}
