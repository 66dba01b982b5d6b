/* XDP programs in the style of the first kernel samples: section names with suffixes, loads by hand. */
/* bpftool-type: xdp */
#include "corpus.h"

PERCPU(rxcnt, u64, 256);
HASH(vip2tnl, u32, u64, 256);
FDMAP(tx_port, BPF_MAP_TYPE_DEVMAP, 100);
MAPF(blacklist, BPF_MAP_TYPE_PERCPU_HASH, u32, u64, 10000, BPF_F_NO_PREALLOC);
MAPF(port_blacklist, BPF_MAP_TYPE_PERCPU_ARRAY, u32, u32, 65536, 0);

inline_ int parse_ipv4(void *data, u64 nh_off, void *data_end)
{
	struct iphdr *iph = data + nh_off;

	if ((void *)(iph + 1) > data_end)
		return 0;
	return iph->protocol;
}

inline_ int parse_ipv6(void *data, u64 nh_off, void *data_end)
{
	struct ipv6hdr *ip6h = data + nh_off;

	if ((void *)(ip6h + 1) > data_end)
		return 0;
	return ip6h->nexthdr;
}

SEC("xdp1")
int old_drop(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	u64 nh_off = sizeof(*eth);
	u32 ipproto;
	u16 h_proto;
	u64 *value;

	if (data + nh_off > data_end)
		return XDP_DROP;
	h_proto = eth->h_proto;
	if (is_vlan(h_proto)) {
		struct vlan_hdr *vhdr = data + nh_off;

		nh_off += sizeof(*vhdr);
		if (data + nh_off > data_end)
			return XDP_DROP;
		h_proto = vhdr->proto;
	}
	if (is_vlan(h_proto)) {
		struct vlan_hdr *vhdr = data + nh_off;

		nh_off += sizeof(*vhdr);
		if (data + nh_off > data_end)
			return XDP_DROP;
		h_proto = vhdr->proto;
	}
	if (h_proto == bpf_htons(ETH_P_IP))
		ipproto = parse_ipv4(data, nh_off, data_end);
	else if (h_proto == bpf_htons(ETH_P_IPV6))
		ipproto = parse_ipv6(data, nh_off, data_end);
	else
		ipproto = 0;
	value = bpf_map_lookup_elem(&rxcnt, &ipproto);
	if (value)
		*value += 1;
	return XDP_DROP;
}

SEC("xdp_redirect")
int old_redirect(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	u16 *p = (void *)(long)ctx->data, dst[3];

	if ((void *)(p + 7) > data_end)
		return XDP_DROP;
	dst[0] = p[0];
	dst[1] = p[1];
	dst[2] = p[2];
	p[0] = p[3];
	p[1] = p[4];
	p[2] = p[5];
	p[3] = dst[0];
	p[4] = dst[1];
	p[5] = dst[2];
	return bpf_redirect_map(&tx_port, 0, 0);
}

SEC("xdp_prog")
int old_ddos(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	struct iphdr *iph;
	u32 ip_src, dport, fproto, *filter;
	u64 *value;

	if (data + sizeof(*eth) > data_end)
		return XDP_ABORTED;
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	iph = data + sizeof(*eth);
	if ((void *)(iph + 1) > data_end)
		return XDP_ABORTED;
	ip_src = iph->saddr;
	value = bpf_map_lookup_elem(&blacklist, &ip_src);
	if (value) {
		*value += 1;
		return XDP_DROP;
	}
	if (iph->protocol == IPPROTO_UDP) {
		struct udphdr *udph = (void *)(iph + 1);

		if ((void *)(udph + 1) > data_end)
			return XDP_ABORTED;
		dport = bpf_ntohs(udph->dest);
		fproto = 1;
	} else if (iph->protocol == IPPROTO_TCP) {
		struct tcphdr *tcph = (void *)(iph + 1);

		if ((void *)(tcph + 1) > data_end)
			return XDP_ABORTED;
		dport = bpf_ntohs(tcph->dest);
		fproto = 2;
	} else {
		return XDP_PASS;
	}
	filter = bpf_map_lookup_elem(&port_blacklist, &dport);
	return filter && *filter & fproto ? XDP_DROP : XDP_PASS;
}

SEC("xdp_tx_iptunnel")
int old_tunnel(struct xdp_md *ctx)
{
	struct ethhdr *new_eth, *old_eth;
	struct iphdr *iph;
	void *data, *end;
	u32 key, csum = 0;
	u64 *tnl;
	u16 *w, len;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	iph = data + sizeof(*old_eth);
	if ((void *)(iph + 1) > end)
		return XDP_PASS;
	key = iph->daddr;
	len = bpf_ntohs(iph->tot_len);
	tnl = bpf_map_lookup_elem(&vip2tnl, &key);
	if (!tnl)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(ctx, 0 - (int)sizeof(*iph)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	new_eth = data;
	iph = data + sizeof(*new_eth);
	old_eth = data + sizeof(*iph);
	if ((void *)(new_eth + 1) > end || (void *)(old_eth + 1) > end || (void *)(iph + 1) > end)
		return XDP_DROP;
	__builtin_memcpy(new_eth->h_source, old_eth->h_dest, 6);
	__builtin_memcpy(new_eth->h_dest, old_eth->h_source, 6);
	new_eth->h_proto = bpf_htons(ETH_P_IP);
	iph->version = 4;
	iph->ihl = 5;
	iph->frag_off = 0;
	iph->protocol = IPPROTO_IPIP;
	iph->check = 0;
	iph->tos = 0;
	iph->id = 0;
	iph->tot_len = bpf_htons(len + sizeof(*iph));
	iph->daddr = *tnl;
	iph->saddr = *tnl >> 32;
	iph->ttl = 8;
	w = (u16 *)iph;
#pragma clang loop unroll(full)
	for (unsigned int i = 0; i < sizeof(*iph) >> 1; i++)
		csum += *w++;
	iph->check = ~((csum & 0xffff) + (csum >> 16));
	return XDP_TX;
}

SEC("xdp_trace")
int old_trace(struct xdp_md *ctx)
{
	char fmt[] = "packet of %d bytes on %d\n";
	u32 cpu = bpf_get_smp_processor_id();

	bpf_trace_printk(fmt, sizeof(fmt), (u32)(ctx->data_end - ctx->data), cpu);
	return XDP_PASS;
}
