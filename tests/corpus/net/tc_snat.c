/* Source address translation at tc: a port is searched, what was tried is remembered; errors that quote a packet. */
#include <stdbool.h>
#include "corpus.h"

struct t4 {
	u32 daddr, saddr;
	u16 dport, sport;
	u8 nh, flags;
} __attribute__((packed));
struct ent {
	u64 created;
	u64 needed;
	u64 p1, p2;
	u32 to;
	u16 port;
	u16 pad;
};

struct tgt {
	u32 addr;
	u16 min, max;
	bool from, remap;
};
LRU(snat, struct t4, struct ent, 65536);
inline_ u16 clamp(u16 start, u16 end, u16 v)
{
	return (v % (u16)(end - start)) + start;
}

inline_ int new_map(struct __sk_buff *ctx, struct t4 *ot, struct ent *os, struct tgt *tg)
{
	struct ent rs = {};
	struct t4 rt = {};
	u16 port;
	int ret;
	rs.to = ot->saddr;
	rs.port = ot->sport;
	rt.nh = ot->nh;
	rt.saddr = ot->daddr;
	rt.sport = ot->dport;
	rt.daddr = tg->addr;
	os->to = tg->addr;
	port = clamp(tg->min, tg->max, bpf_ntohs(ot->sport));
	rt.flags = 1;

#pragma unroll
	for (int retries = 0; retries < 32; retries++) {
		rt.dport = bpf_htons(port);
		ret = bpf_map_update_elem(&snat, &rt, &rs, BPF_NOEXIST);
		if (!ret) {
			os->port = rt.dport;
			os->created = bpf_ktime_get_ns();
			return bpf_map_update_elem(&snat, ot, os, 0) ? -160 : 0;
		}
		port = clamp(tg->min, tg->max, retries ? port + 1 : (u16)bpf_get_prandom_u32());
	}
	return -160;
}

inline_ int rewrite(struct __sk_buff *ctx, struct t4 *t, struct ent *s, u32 off, bool egress)
{
	u32 to = s->to;
	u32 sum = bpf_csum_diff(&t->saddr, 4, &to, 4, 0), sum4 = 0;
	u32 coff = 0;
	if (s->port != t->sport) {
		u16 p = s->port;
		if (t->nh == 6)
			coff = 16;
		else if (t->nh == 17)
			coff = 6;
		else if (t->nh == 1) {
			u32 from = t->sport, tov = s->port;
			if (bpf_skb_store_bytes(ctx, off + 4, &p, 2, 0) < 0)
				return -1;
			sum4 = bpf_csum_diff(&from, 4, &tov, 4, 0);
			coff = 2;
			bpf_l4_csum_replace(ctx, off + coff, 0, sum4, 0);
			goto l3;
		}
		if (bpf_skb_store_bytes(ctx, off, &p, 2, 0) < 0)
			return -141;
		bpf_l4_csum_replace(ctx, off + coff, t->sport, p, 2 | (t->nh == 17 ? BPF_F_MARK_MANGLED_0 : 0));
	}
l3:
	if (bpf_skb_store_bytes(ctx, ETH_HLEN + 12, &to, 4, 0) < 0)
		return -141;
	if (bpf_l3_csum_replace(ctx, ETH_HLEN + 10, 0, sum, 0) < 0)
		return -153;
	if (coff && bpf_l4_csum_replace(ctx, off + coff, 0, sum, BPF_F_PSEUDO_HDR) < 0)
		return -154;
	return 0;
}

SEC("tc") int egress(struct __sk_buff *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct {
		u16 sport, dport;
	} l4;
	struct {
		u8 type, code;
		u16 sum;
		u16 id, seq;
	} ic;
	if (data + ETH_HLEN + sizeof(*ip) > end)
		return 2;
	struct t4 t = {.nh = ip->protocol, .saddr = ip->saddr, .daddr = ip->daddr};
	u64 off = ((void *)ip - data) + ip->ihl * 4;
	struct tgt tg = {.addr = 0x0a000001, .min = 1024, .max = 65535};
	struct ent tmp, *s;
	int ret;
	switch (t.nh) {
	case 6:
	case 17:
		if (bpf_skb_load_bytes(ctx, off, &l4, 4) < 0)
			return 2;
		t.dport = l4.dport;
		t.sport = l4.sport;
		break;
	case 1:
		if (bpf_skb_load_bytes(ctx, off, &ic, sizeof(ic)) < 0)
			return 2;
		if (ic.type != 8)
			return 0;
		t.sport = ic.id;
		break;
	default:
		return 0;
	}
	s = bpf_map_lookup_elem(&snat, &t);
	if (!s) {
		__builtin_memset(&tmp, 0, sizeof(tmp));
		ret = new_map(ctx, &t, &tmp, &tg);
		if (ret < 0)
			return 2;
		s = &tmp;
	}
	return rewrite(ctx, &t, s, off, true) < 0 ? 2 : 0;
}

// embedded ICMP error: inner headers at variable offset
SEC("tc") int icmp_err(struct __sk_buff *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + 14;
	if ((void *)(ip + 1) > end)
		return 0;
	u32 off = 14 + ip->ihl * 4;
	off &= 0x7f;
	u8 *icmp = data + off;
	if (icmp + 8 + sizeof(struct iphdr) > (u8 *)end)
		return 0;
	struct iphdr *in = (void *)icmp + 8;
	if (in->version != 4)
		return 0;
	u32 ioff = off + 8 + (in->ihl & 15) * 4;
	u16 *ports = data + ioff;
	if ((void *)(ports + 2) > end)
		return 0;
	struct t4 t = {
		.nh = in->protocol, .saddr = in->daddr, .daddr = in->saddr, .dport = ports[0], .sport = ports[1]};
	struct ent *e = bpf_map_lookup_elem(&snat, &t);
	if (!e)
		return 0;
	ports[0] = e->port;
	in->saddr = e->to;
	return 0;
}
