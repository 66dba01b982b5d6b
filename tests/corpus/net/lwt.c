/* Light-weight tunnels: input, output, transmit and local segment routing. */
#include "corpus.h"

struct gre_base {
	__be16 flags;
	__be16 proto;
};

struct srh {
	u8 nexthdr;
	u8 hdrlen;
	u8 type;
	u8 segments_left;
	u8 first_segment;
	u8 flags;
	u16 tag;
};

struct srh_tlv {
	u8 type;
	u8 len;
};

ARRAY(counts, u64, 16);

inline_ void count(u32 slot)
{
	u64 *n = bpf_map_lookup_elem(&counts, &slot);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("lwt_in")
int lwt_in_filter(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;

	if ((void *)(ip + 1) > end)
		return BPF_DROP;
	count(ip->version);
	if (ip->version == 4 && ip->ttl < 2)
		return BPF_DROP;
	return BPF_OK;
}

SEC("lwt_out")
int lwt_out_count(struct __sk_buff *skb)
{
	struct ipv6hdr ip6;

	if (skb->protocol != bpf_htons(ETH_P_IPV6))
		return BPF_OK;
	if (bpf_skb_load_bytes(skb, 0, &ip6, sizeof(ip6)))
		return BPF_DROP;
	count(ip6.nexthdr & 15);
	return ip6.hop_limit ? BPF_OK : BPF_DROP;
}

SEC("lwt_xmit")
int lwt_xmit_gre(struct __sk_buff *skb)
{
	struct {
		struct iphdr ip;
		struct gre_base gre;
	} h = {};

	h.ip.ihl = 5;
	h.ip.version = 4;
	h.ip.ttl = 0x40;
	h.ip.protocol = IPPROTO_GRE;
	h.ip.tot_len = bpf_htons(skb->len + sizeof(h));
	h.ip.saddr = bpf_htonl(0xc0a80101);
	h.ip.daddr = bpf_htonl(0xc0a80102);
	h.gre.proto = skb->protocol;
	return bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_IP, &h, sizeof(h)) ? BPF_DROP : BPF_LWT_REROUTE;
}

SEC("lwt_xmit")
int lwt_xmit_mac(struct __sk_buff *skb)
{
	struct ethhdr *eth;

	if (bpf_skb_change_head(skb, ETH_HLEN, 0))
		return BPF_DROP;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return BPF_DROP;
	__builtin_memset(eth->h_dest, 0xff, 6);
	__builtin_memset(eth->h_source, 0x02, 6);
	eth->h_proto = skb->protocol;
	return bpf_redirect(skb->mark, 0);
}

/* Direct writes of the transport ports, the offset from the header. */
SEC("lwt_xmit")
int lwt_xmit_write(struct __sk_buff *skb)
{
	void *data, *end;
	struct udphdr *udp;
	struct iphdr *ip;

	if (bpf_skb_pull_data(skb, 0))
		return BPF_DROP;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = data;
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->protocol != IPPROTO_UDP)
		return BPF_OK;
	udp = data + (ip->ihl & 15) * 4;
	if ((void *)(udp + 1) > end)
		return BPF_DROP;
	udp->check = 0;
	udp->dest = bpf_htons(4242);
	skb->priority = 3;
	return BPF_OK;
}

SEC("lwt_in")
int lwt_in_seg6(struct __sk_buff *skb)
{
	struct {
		struct srh h;
		u32 seg[8];
	} s = {};

	s.h.hdrlen = 4;
	s.h.type = 4;
	s.h.segments_left = s.h.first_segment = 1;
	s.seg[0] = bpf_htonl(0xfd000000);
	s.seg[3] = bpf_htonl(1);
	s.seg[4] = bpf_htonl(0xfd000000);
	s.seg[7] = bpf_htonl(2);
	if (skb->protocol != bpf_htons(ETH_P_IPV6))
		return BPF_OK;
	return bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_SEG6, &s, sizeof(s)) ? BPF_DROP : BPF_REDIRECT;
}

inline_ struct srh *srh_of(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data;
	struct srh *s = data + sizeof(*ip6);

	if ((void *)(s + 1) > end)
		return 0;
	return ip6->nexthdr == IPPROTO_ROUTING && s->type == 4 ? s : 0;
}

SEC("lwt_seg6local")
int seg6_tag(struct __sk_buff *skb)
{
	struct srh *s = srh_of(skb);
	u16 tag = bpf_htons(2442);

	if (!s || s->tag != bpf_htons(1))
		return BPF_DROP;
	if (bpf_lwt_seg6_store_bytes(skb, sizeof(struct ipv6hdr) + offsetof(struct srh, tag), &tag, 2))
		return BPF_DROP;
	return BPF_OK;
}

/* Looks for a TLV behind the segments, in a loop of variable offset, by loads into the stack. */
SEC("lwt_seg6local")
int seg6_find_tlv(struct __sk_buff *skb)
{
	struct srh *s = srh_of(skb);
	u32 off, stop;

	if (!s)
		return BPF_DROP;
	off = sizeof(struct ipv6hdr) + sizeof(*s) + (s->first_segment + 1) * 16;
	stop = sizeof(struct ipv6hdr) + (s->hdrlen + 1) * 8;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 10; i++) {
		struct srh_tlv tlv;

		if (off >= stop)
			break;
		if (bpf_skb_load_bytes(skb, off, &tlv, sizeof(tlv)))
			return BPF_DROP;
		if (tlv.type == 124) {
			u8 value[8];

			if (tlv.len < sizeof(value) || bpf_skb_load_bytes(skb, off + 2, value, sizeof(value)))
				return BPF_DROP;
			count(value[0] & 15);
			return BPF_OK;
		}
		off += tlv.type == 0 ? 1 : tlv.len + 2;
	}
	return BPF_OK;
}

SEC("lwt_seg6local")
int seg6_end_x(struct __sk_buff *skb)
{
	u32 addr[4] = { bpf_htonl(0xfd000000), 0, 0, bpf_htonl(0x99) };
	int table = 117;

	if (!srh_of(skb))
		return BPF_DROP;
	if (skb->mark)
		return bpf_lwt_seg6_action(skb, 9, &table, sizeof(table)) ? BPF_DROP : BPF_REDIRECT;
	if (bpf_lwt_seg6_adjust_srh(skb, 40, 8))
		return BPF_DROP;
	return bpf_lwt_seg6_action(skb, 2, addr, sizeof(addr)) ? BPF_DROP : BPF_REDIRECT;
}
