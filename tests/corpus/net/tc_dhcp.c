/* DHCP: options in a loop, a relay that adds option 82, a guard against rogue servers. */
#include "corpus.h"

struct dhcp {
	u8 op, htype, hlen, hops;
	__be32 xid;
	__be16 secs, flags;
	__be32 ciaddr, yiaddr, siaddr, giaddr;
	u8 chaddr[16];
	u8 sname[64];
	u8 file[128];
	__be32 magic;
};

struct lease {
	__be32 addr;
	u32 seconds;
	u64 seen;
	u8 type;
	u8 pad[7];
};

LRU(leases, u64, struct lease, 4096);
HASH(servers, __be32, u32, 16);

#define OPTIONS (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct udphdr) + sizeof(struct dhcp))

inline_ int is_dhcp(struct __sk_buff *skb, __be16 port, struct iphdr *ip)
{
	struct udphdr udp;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, ip, sizeof(*ip)) || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(*ip), &udp, sizeof(udp)))
		return 0;
	return udp.dest == port;
}

SEC("tc")
int dhcp_guard(struct __sk_buff *skb)
{
	struct iphdr ip;

	if (!is_dhcp(skb, bpf_htons(68), &ip))
		return TC_ACT_OK;
	return bpf_map_lookup_elem(&servers, &ip.saddr) ? TC_ACT_OK : TC_ACT_SHOT;
}

/* Reads the options one by one through the stack and remembers the lease. */
SEC("tc")
int dhcp_snoop(struct __sk_buff *skb)
{
	struct lease l = {};
	u32 off = OPTIONS;
	struct iphdr ip;
	u64 mac = 0;

	if (!is_dhcp(skb, bpf_htons(68), &ip))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + 28 + offsetof(struct dhcp, chaddr), &mac, 6))
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + 28 + offsetof(struct dhcp, yiaddr), &l.addr, 4))
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 24; i++) {
		u8 opt[2];

		if (bpf_skb_load_bytes(skb, off, opt, 2))
			break;
		if (opt[0] == 255)
			break;
		if (opt[0] == 0) {
			off++;
			continue;
		}
		if (opt[0] == 53 && opt[1] == 1)
			bpf_skb_load_bytes(skb, off + 2, &l.type, 1);
		else if (opt[0] == 51 && opt[1] == 4)
			bpf_skb_load_bytes(skb, off + 2, &l.seconds, 4);
		off += 2 + opt[1];
	}
	if (l.type != 5)
		return TC_ACT_OK;
	l.seconds = bpf_ntohl(l.seconds);
	l.seen = bpf_ktime_get_ns();
	bpf_map_update_elem(&leases, &mac, &l, BPF_ANY);
	return TC_ACT_OK;
}

/* Appends the circuit as option 82 in place of the end mark, and lengthens all headers. */
SEC("tc")
int dhcp_relay(struct __sk_buff *skb)
{
	u8 opt[7] = { 82, 4, 1, 2, 0, 0, 255 };
	u32 len = skb->len, off = OPTIONS;
	__be32 giaddr = bpf_htonl(0x0a000001);
	__be16 total, was;
	struct iphdr ip;
	u8 hops;

	if (!is_dhcp(skb, bpf_htons(67), &ip) || len > 1400 || len < OPTIONS)
		return TC_ACT_OK;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 24; i++) {
		u8 o[2] = {};

		if (bpf_skb_load_bytes(skb, off, o, 1))
			return TC_ACT_OK;
		if (o[0] == 255)
			break;
		if (o[0] == 82)
			return TC_ACT_SHOT;
		if (o[0] && bpf_skb_load_bytes(skb, off, o, 2))
			return TC_ACT_OK;
		off += o[0] ? 2 + o[1] : 1;
	}
	opt[4] = skb->ingress_ifindex >> 8;
	opt[5] = skb->ingress_ifindex;
	if (bpf_skb_change_tail(skb, len + 6, 0))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, off, opt, sizeof(opt), 0))
		return TC_ACT_SHOT;
	bpf_skb_store_bytes(skb, ETH_HLEN + 28 + offsetof(struct dhcp, giaddr), &giaddr, 4, 0);
	if (bpf_skb_load_bytes(skb, ETH_HLEN + 28 + offsetof(struct dhcp, hops), &hops, 1) || hops > 16)
		return TC_ACT_SHOT;
	hops++;
	bpf_skb_store_bytes(skb, ETH_HLEN + 28 + offsetof(struct dhcp, hops), &hops, 1, 0);
	was = ip.tot_len;
	total = bpf_htons(bpf_ntohs(was) + 6);
	bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), was, total, 2);
	bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, tot_len), &total, 2, 0);
	total = bpf_htons(bpf_ntohs(was) + 6 - sizeof(ip));
	bpf_skb_store_bytes(skb, ETH_HLEN + 24, &total, 2, 0);
	total = 0;
	bpf_skb_store_bytes(skb, ETH_HLEN + 26, &total, 2, 0);
	return TC_ACT_OK;
}
