/* Walks over lists in packets: options, records, segments, attributes; each loop is bounded by a count and by the end of the data. */
#include "corpus.h"

#define NO_UNROLL _Pragma("clang loop unroll(disable)")

PERCPU(kinds, u64, 256);

inline_ void kind(u32 k)
{
	u64 *n = bpf_map_lookup_elem(&kinds, &k);

	if (n)
		*n += 1;
}

/* Router advertisements: options in units of eight bytes. */
SEC("xdp")
int walk_nd_options(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);

	if (!take(&c, 14 + 40 + 16))
		return XDP_PASS;
	NO_UNROLL
	for (int i = 0; i < 6; i++) {
		u8 *opt = take(&c, 8);

		if (!opt || !opt[1])
			break;
		if (opt[0] == 3)
			return XDP_DROP;
		c.pos += (opt[1] - 1) * 8;
	}
	return XDP_PASS;
}

/* LLDP: a type of seven bits and a length of nine. */
SEC("xdp")
int walk_lldp(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	struct ethhdr *eth = take(&c, sizeof(*eth));

	if (!eth || eth->h_proto != bpf_htons(0x88cc))
		return XDP_PASS;
	NO_UNROLL
	for (int i = 0; i < 16; i++) {
		u8 *t = take(&c, 2);
		u32 len;

		if (!t || !(t[0] >> 1))
			break;
		kind(t[0] >> 1);
		len = (t[0] & 1) << 8 | t[1];
		c.pos += len;
	}
	return XDP_PASS;
}

/* BGP path attributes: the length has one or two bytes by a flag. */
SEC("xdp")
int walk_attributes(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);

	if (!take(&c, 14 + 20 + 20 + 23))
		return XDP_PASS;
	NO_UNROLL
	for (int i = 0; i < 6; i++) {
		u8 *a = take(&c, 4);

		if (!a)
			break;
		if (a[1] == 16)
			return XDP_DROP;
		c.pos += a[0] & 0x10 ? (a[2] & 3) << 8 | a[3] : a[2];
	}
	return XDP_PASS;
}

/* Segments of a routing header: sixteen bytes each, as many as the header says. */
SEC("xdp")
int walk_segments(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	u8 *h, n;
	u32 x = 0;

	if (!take(&c, 14 + 40))
		return XDP_PASS;
	h = take(&c, 8);
	if (!h || h[2] != 4)
		return XDP_PASS;
	n = h[4];
	if (n > 7)
		return XDP_DROP;
	NO_UNROLL
	for (u32 i = 0; i < 8; i++) {
		u32 *seg = c.pos, last = n;

		hide(last);
		if (i > last)
			break;
		hide(seg);
		if ((void *)(seg + 4) > c.end)
			return XDP_DROP;
		x ^= seg[0] ^ seg[3];
		c.pos = seg + 4;
	}
	return x ? XDP_PASS : XDP_DROP;
}

/* Sources of an IGMP report: groups, each with a list of sources. */
SEC("xdp")
int walk_igmp(struct xdp_md *ctx)
{
	struct cursor c = cursor_of(ctx);
	u8 *h;
	u32 groups;

	if (!take(&c, 14 + 24))
		return XDP_PASS;
	h = take(&c, 8);
	if (!h || h[0] != 0x22)
		return XDP_PASS;
	groups = h[7];
	NO_UNROLL
	for (u32 i = 0; i < 4 && i < groups; i++) {
		u8 *g = take(&c, 8);

		if (!g)
			return XDP_DROP;
		NO_UNROLL
		for (u32 j = 0; j < 3 && j < g[3]; j++)
			if (!take(&c, 4))
				return XDP_DROP;
	}
	return XDP_PASS;
}

/* Names of NetBIOS: two letters for a byte. */
SEC("xdp")
int walk_netbios(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data + 55, name[16];

	if ((void *)(p + 32) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	NO_UNROLL
	for (int i = 0; i < 16; i++)
		name[i] = (p[2 * i] - 'A') << 4 | ((p[2 * i + 1] - 'A') & 15);
	return name[15] == 0x20 ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int walk_radius(struct __sk_buff *skb)
{
	u32 off = 42 + 20;

	NO_UNROLL
	for (int i = 0; i < 20; i++) {
		u8 a[2];

		if (bpf_skb_load_bytes(skb, off, a, 2) || a[1] < 2)
			break;
		kind(a[0]);
		off += a[1];
	}
	return TC_ACT_OK;
}

/* Messages of a diameter connection: the length has three bytes. */
SEC("tc")
int walk_diameter(struct __sk_buff *skb)
{
	u32 off = 54;

	NO_UNROLL
	for (int i = 0; i < 8; i++) {
		u32 head;
		u32 len;

		if (bpf_skb_load_bytes(skb, off, &head, 4))
			break;
		len = bpf_ntohl(head) & 0xffffff;
		if (len < 20 || bpf_ntohl(head) >> 24 != 1)
			return TC_ACT_SHOT;
		off += (len + 3) & ~3U;
	}
	return TC_ACT_OK;
}

/* An ASN.1 integer of any length up to eight. */
SEC("tc")
int walk_asn1(struct __sk_buff *skb)
{
	u8 buf[10];
	u64 v = 0;

	if (bpf_skb_load_bytes(skb, 44, buf, sizeof(buf)) || buf[0] != 2 || buf[1] > 8)
		return TC_ACT_OK;
	NO_UNROLL
	for (u32 i = 0; i < 8; i++) {
		u32 len = buf[1], at = i;

		hide(at);
		if (at >= len)
			break;
		v = v << 8 | buf[2 + (at & 7)];
	}
	return v == 1 ? TC_ACT_SHOT : TC_ACT_OK;
}

/* Hexadecimal text to a number. */
SEC("tc")
int walk_hex(struct __sk_buff *skb)
{
	u8 buf[8];
	u32 v = 0;

	if (bpf_skb_load_bytes(skb, 54, buf, sizeof(buf)))
		return TC_ACT_OK;
	NO_UNROLL
	for (int i = 0; i < 8; i++) {
		u8 c = buf[i];

		v = v << 4 | ((c & 15) + (c >> 6) * 9);
	}
	skb->mark = v;
	return TC_ACT_OK;
}

SEC("socket")
int walk_csum(struct __sk_buff *skb)
{
	u16 w[30];
	u32 sum = 0, n;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, w, sizeof(w)))
		return 0;
	n = (w[0] & 15) * 2;
	NO_UNROLL
	for (u32 i = 0; i < 30; i++) {
		if (i >= n)
			break;
		sum += w[i];
	}
	return fold(sum) ? 0 : skb->len;
}

SEC("socket")
int walk_longest_run(struct __sk_buff *skb)
{
	u64 bits;
	u32 best = 0;

	if (bpf_skb_load_bytes(skb, 40, &bits, sizeof(bits)))
		return 0;
	NO_UNROLL
	while (bits && best < 64) {
		bits &= bits << 1;
		best++;
	}
	return best > 20 ? skb->len : 0;
}

SEC("cgroup_skb/egress")
int walk_options(struct __sk_buff *skb)
{
	u32 off = 20;

	NO_UNROLL
	for (int i = 0; i < 10; i++) {
		u8 opt[2];

		if (bpf_skb_load_bytes(skb, off, opt, 2) || opt[0] == 0)
			break;
		if (opt[0] == 148)
			return 0;
		off += opt[0] == 1 ? 1 : opt[1];
	}
	return 1;
}

SEC("lwt_in")
int walk_hop_by_hop(struct __sk_buff *skb)
{
	u32 off = 42;

	NO_UNROLL
	for (int i = 0; i < 8; i++) {
		u8 tlv[2];

		if (bpf_skb_load_bytes(skb, off, tlv, 2))
			return BPF_DROP;
		if (tlv[0] == 5)
			return BPF_OK;
		if (tlv[0] >> 6 == 1)
			return BPF_DROP;
		off += tlv[0] ? tlv[1] + 2 : 1;
	}
	return BPF_OK;
}
