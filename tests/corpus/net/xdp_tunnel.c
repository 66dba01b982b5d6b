/* Decapsulation at XDP: VXLAN, Geneve with options, GRE with its flags, IP in IP. */
#include "corpus.h"

struct gre_base {
	__be16 flags;
	__be16 proto;
};

struct vxlan_hdr {
	__be32 flags;
	__be32 vni;
};

struct geneve_hdr {
	u8 ver_len;
	u8 flags;
	__be16 proto;
	__be32 vni;
};

HASH(vnis, u32, u32, 1024);
PERCPU(decapped, u64, 8);

inline_ void count(u32 slot)
{
	u64 *n = bpf_map_lookup_elem(&decapped, &slot);

	if (n)
		*n += 1;
}

inline_ struct iphdr *outer4(struct cursor *c, u8 proto)
{
	struct ethhdr *eth = take(c, sizeof(*eth));
	struct iphdr *ip = take(c, sizeof(*ip));

	if (!eth || !ip || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	return ip->ihl == 5 && ip->protocol == proto ? ip : 0;
}

/* Removes len bytes after the Ethernet header and sets the type. */
inline_ int strip(struct xdp_md *ctx, int len, __be16 type)
{
	struct ethhdr *eth = (void *)(long)ctx->data, copy;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	copy = *eth;
	copy.h_proto = type;
	if (bpf_xdp_adjust_head(ctx, len))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*eth = copy;
	return XDP_PASS;
}

SEC("xdp")
int decap_ipip(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);

	if (outer4(&c, IPPROTO_IPIP)) {
		count(0);
		return strip(ctx, sizeof(struct iphdr), bpf_htons(ETH_P_IP));
	}
	c = cursor_of(ctx);
	if (outer4(&c, IPPROTO_IPV6)) {
		count(1);
		return strip(ctx, sizeof(struct iphdr), bpf_htons(ETH_P_IPV6));
	}
	return XDP_PASS;
}

SEC("xdp")
int decap_vxlan(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct vxlan_hdr *vx;
	struct udphdr *udp;
	u32 vni, *port;

	if (!outer4(&c, IPPROTO_UDP))
		return XDP_PASS;
	udp = take(&c, sizeof(*udp));
	vx = take(&c, sizeof(*vx));
	if (!udp || !vx || udp->dest != bpf_htons(4789) || !(vx->flags & bpf_htonl(0x08000000)))
		return XDP_PASS;
	vni = bpf_ntohl(vx->vni) >> 8;
	port = bpf_map_lookup_elem(&vnis, &vni);
	if (!port)
		return XDP_DROP;
	count(2);
	if (bpf_xdp_adjust_head(ctx, ETH_HLEN + sizeof(struct iphdr) + sizeof(*udp) + sizeof(*vx)))
		return XDP_DROP;
	return bpf_redirect(*port, 0);
}

/* Geneve options in a loop: a critical unknown one drops the packet. */
SEC("xdp")
int decap_geneve(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct geneve_hdr *g;
	struct udphdr *udp;
	u32 left;

	if (!outer4(&c, IPPROTO_UDP))
		return XDP_PASS;
	udp = take(&c, sizeof(*udp));
	g = take(&c, sizeof(*g));
	if (!udp || !g || udp->dest != bpf_htons(6081) || g->proto != bpf_htons(0x6558))
		return XDP_PASS;
	left = (g->ver_len & 0x3f) * 4;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8 && left; i++) {
		struct {
			__be16 class;
			u8 type;
			u8 len;
		} *opt = take(&c, 4);
		u32 size;

		if (!opt)
			return XDP_DROP;
		size = 4 + (opt->len & 31) * 4;
		if (size > left)
			return XDP_DROP;
		if (opt->type & 0x80 && opt->class != bpf_htons(0x103))
			return XDP_DROP;
		left -= size;
		c.pos += size - 4;
	}
	count(3);
	return left ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int decap_gre(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct gre_base *gre;
	u32 len = sizeof(struct iphdr) + sizeof(*gre);
	__be16 type;

	if (!outer4(&c, IPPROTO_GRE))
		return XDP_PASS;
	gre = take(&c, sizeof(*gre));
	if (!gre)
		return XDP_DROP;
	if (gre->flags & bpf_htons(0x4007))
		return XDP_PASS;
	if (gre->flags & bpf_htons(0x8000))
		len += 4;
	if (gre->flags & bpf_htons(0x2000)) {
		u32 *key = (void *)(gre + 1) + (gre->flags & bpf_htons(0x8000) ? 4 : 0);

		if ((void *)(key + 1) > c.end)
			return XDP_DROP;
		if (*key != bpf_htonl(7))
			return XDP_DROP;
		len += 4;
	}
	if (gre->flags & bpf_htons(0x1000))
		len += 4;
	type = gre->proto;
	count(4);
	return strip(ctx, len, type);
}

SEC("xdp")
int encap_vxlan(struct xdp_md *ctx)
{
	struct {
		struct ethhdr eth;
		struct iphdr ip;
		struct udphdr udp;
		struct vxlan_hdr vx;
	} __attribute__((packed)) *h;
	u32 len = ctx->data_end - ctx->data;
	u16 *w;
	u32 sum = 0;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*h)))
		return XDP_DROP;
	h = (void *)(long)ctx->data;
	if ((void *)(h + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memset(h, 0, sizeof(*h));
	h->eth.h_dest[0] = 2;
	h->eth.h_source[0] = 2;
	h->eth.h_source[5] = 1;
	h->eth.h_proto = bpf_htons(ETH_P_IP);
	h->ip.version = 4;
	h->ip.ihl = 5;
	h->ip.ttl = 64;
	h->ip.protocol = IPPROTO_UDP;
	h->ip.tot_len = bpf_htons(len + sizeof(*h) - ETH_HLEN);
	h->ip.saddr = bpf_htonl(0x0a000001);
	h->ip.daddr = bpf_htonl(0x0a000002);
	w = (u16 *)&h->ip;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += w[i];
	h->ip.check = fold(sum);
	h->udp.source = bpf_htons(49152 + ctx->rx_queue_index % 1024);
	h->udp.dest = bpf_htons(4789);
	h->udp.len = bpf_htons(len + sizeof(h->udp) + sizeof(h->vx));
	h->vx.flags = bpf_htonl(0x08000000);
	h->vx.vni = bpf_htonl(42 << 8);
	return XDP_TX;
}
