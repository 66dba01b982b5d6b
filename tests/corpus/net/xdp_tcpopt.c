/* TCP options: three ways to walk them, and clamping of the maximum segment size. */
#include "corpus.h"

struct seen {
	u16 mss;
	u8 wscale;
	u8 sack;
	u32 tsval;
};

LRU(peers, __be32, struct seen, 8192);

struct view {
	struct iphdr *ip;
	struct tcphdr *tcp;
	void *end;
};

inline_ int tcp_of(struct xdp_md *ctx, struct view *v)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));
	struct iphdr *ip = take(&c, sizeof(*ip));

	if (!eth || !ip || eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	if (ip->protocol != IPPROTO_TCP || ip->ihl != 5)
		return -1;
	v->ip = ip;
	v->tcp = take(&c, sizeof(*v->tcp));
	v->end = c.end;
	return v->tcp ? 0 : -1;
}

/* Direct packet access at a position that grows by a byte read from the packet. */
SEC("xdp")
int xdp_opt_pointer(struct xdp_md *ctx)
{
	struct seen s = {};
	struct view v;
	u8 *p, *stop;

	if (tcp_of(ctx, &v) || !v.tcp->syn)
		return XDP_PASS;
	p = (u8 *)(v.tcp + 1);
	stop = (u8 *)v.tcp + v.tcp->doff * 4;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 6; i++) {
		u8 kind, len;

		if (p >= stop || (void *)(p + 1) > v.end)
			break;
		kind = p[0];
		if (kind == 0)
			break;
		if (kind == 1) {
			p++;
			continue;
		}
		if ((void *)(p + 2) > v.end)
			break;
		len = p[1];
		if (len < 2)
			break;
		if (kind == 2 && len == 4) {
			if ((void *)(p + 4) > v.end)
				break;
			s.mss = p[2] << 8 | p[3];
		} else if (kind == 3 && len == 3) {
			if ((void *)(p + 3) > v.end)
				break;
			s.wscale = p[2];
		} else if (kind == 4) {
			s.sack = 1;
		} else if (kind == 8 && len == 10) {
			if ((void *)(p + 10) > v.end)
				break;
			s.tsval = *(u32 *)(p + 2);
		}
		p += len;
	}
	bpf_map_update_elem(&peers, &v.ip->saddr, &s, BPF_ANY);
	return XDP_PASS;
}

/* The same with an offset that is masked: no pointer survives a round. */
SEC("xdp")
int xdp_opt_offset(struct xdp_md *ctx)
{
	struct view v;
	u32 off = 0, size;
	u16 mss = 536;

	if (tcp_of(ctx, &v) || !v.tcp->syn)
		return XDP_PASS;
	size = v.tcp->doff * 4;
	if (size < 20)
		return XDP_DROP;
	size -= 20;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 8; i++) {
		u8 *p = (u8 *)(v.tcp + 1) + (off & 63);

		if (off >= size || (void *)(p + 4) > v.end)
			break;
		if (*p == 1) {
			off++;
			continue;
		}
		if (*p == 0 || p[1] < 2)
			break;
		if (*p == 2) {
			mss = p[2] << 8 | p[3];
			break;
		}
		off += p[1];
	}
	return mss < 88 ? XDP_DROP : XDP_PASS;
}

inline_ int step(u8 **p, void *end, u16 *mss)
{
	u8 *q = *p;

	if ((void *)(q + 4) > end || *q == 0)
		return 1;
	if (*q == 1) {
		*p = q + 1;
		return 0;
	}
	if (q[1] < 2)
		return 1;
	if (*q == 2)
		*mss = q[2] << 8 | q[3];
	*p = q + q[1];
	return 0;
}

SEC("xdp")
int xdp_opt_unrolled(struct xdp_md *ctx)
{
	struct view v;
	u16 mss = 0;
	u8 *p;

	if (tcp_of(ctx, &v) || !v.tcp->syn)
		return XDP_PASS;
	p = (u8 *)(v.tcp + 1);
#pragma unroll
	for (int i = 0; i < 6; i++)
		if (step(&p, v.end, &mss))
			break;
	return mss && mss < 216 ? XDP_DROP : XDP_PASS;
}

/* Lowers the announced segment size and repairs the checksum, odd and even positions alike. */
SEC("xdp")
int xdp_mss_clamp(struct xdp_md *ctx)
{
	const u16 limit = 1360;
	struct view v;
	u8 *p;

	if (tcp_of(ctx, &v) || !v.tcp->syn)
		return XDP_PASS;
	p = (u8 *)(v.tcp + 1);
#pragma clang loop unroll(disable)
	for (int i = 0; i < 7; i++) {
		u16 old;
		u32 sum;

		if ((void *)(p + 4) > v.end)
			break;
		if (p[0] == 0)
			break;
		if (p[0] == 1) {
			p++;
			continue;
		}
		if (p[1] < 2)
			break;
		if (p[0] != 2 || p[1] != 4) {
			p += p[1];
			continue;
		}
		old = p[2] << 8 | p[3];
		if (old <= limit)
			break;
		p[2] = limit >> 8;
		p[3] = limit & 0xff;
		sum = (u16)~v.tcp->check + (u16)~bpf_htons(old) + bpf_htons(limit);
		v.tcp->check = fold(sum);
		break;
	}
	return XDP_PASS;
}

/* Verdict by the combination of flags: a table in code. */
SEC("xdp")
int xdp_flag_check(struct xdp_md *ctx)
{
	struct view v;
	u8 flags;

	if (tcp_of(ctx, &v))
		return XDP_PASS;
	flags = ((u8 *)v.tcp)[13];
	switch (flags & 0x3f) {
	case 0x00: /* null scan */
	case 0x29: /* Christmas tree */
	case 0x03: /* SYN and FIN */
	case 0x06: /* SYN and RST */
	case 0x3f:
		return XDP_DROP;
	case 0x02:
		return v.tcp->window == 0 ? XDP_DROP : XDP_PASS;
	case 0x01:
		return v.tcp->ack_seq ? XDP_DROP : XDP_PASS;
	default:
		return XDP_PASS;
	}
}
