/* Socket filters of the classic kind: loads from the packet by LD_ABS and LD_IND. Everything is inlined. */
#include "corpus.h"

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

HASH(talkers, u32, u64, 4096);
ARRAY(by_proto, u64, 256);

/* tcpdump 'icmp' */
SEC("socket")
int abs_icmp(struct __sk_buff *skb)
{
	if (load_half(skb, 12) != ETH_P_IP)
		return 0;
	return load_byte(skb, 23) == IPPROTO_ICMP ? 0x40000 : 0;
}

/* tcpdump 'tcp dst port 80 or udp dst port 53' */
SEC("socket")
int abs_ports(struct __sk_buff *skb)
{
	u32 ihl, port;
	u8 proto;

	if (load_half(skb, 12) != ETH_P_IP)
		return 0;
	if (load_half(skb, 20) & IP_OFFSET)
		return 0;
	proto = load_byte(skb, 23);
	ihl = (load_byte(skb, 14) & 15) * 4;
	port = load_half(skb, 14 + ihl + 2);
	if (proto == IPPROTO_TCP)
		return port == 80 ? -1 : 0;
	if (proto == IPPROTO_UDP)
		return port == 53 ? -1 : 0;
	return 0;
}

SEC("socket")
int abs_count_proto(struct __sk_buff *skb)
{
	u32 key = load_byte(skb, ETH_HLEN + offsetof(struct iphdr, protocol));
	u64 *v;

	if (skb->pkt_type != PACKET_OUTGOING)
		return 0;
	v = bpf_map_lookup_elem(&by_proto, &key);
	if (v)
		__sync_fetch_and_add(v, skb->len);
	return 0;
}

/* The length of the IPv4 header, then the first word of the payload: "GET " or "POST". */
SEC("socket")
int abs_http(struct __sk_buff *skb)
{
	u64 ip = ETH_HLEN, tcp, body, word;

	if (load_byte(skb, ip + 9) != IPPROTO_TCP)
		return 0;
	tcp = ip + ((load_byte(skb, ip) & 15) << 2);
	body = tcp + ((load_byte(skb, tcp + 12) >> 4) << 2);
	word = load_word(skb, body);
	return word == 0x47455420 || word == 0x504f5354 ? -1 : 0;
}

SEC("socket")
int abs_talkers(struct __sk_buff *skb)
{
	u64 one = 1, *seen;
	u32 src;

	if (load_half(skb, 12) != ETH_P_IP)
		return 0;
	src = load_word(skb, 26);
	seen = bpf_map_lookup_elem(&talkers, &src);
	if (seen)
		__sync_fetch_and_add(seen, 1);
	else
		bpf_map_update_elem(&talkers, &src, &one, BPF_ANY);
	return seen && *seen > 1000 ? 96 : 0;
}

/* VLAN tags in the data, at most three, then IPv6 extension headers, at most four: a loop around LD_IND. */
SEC("socket")
int abs_v6_walk(struct __sk_buff *skb)
{
	u32 off = 12, proto = load_half(skb, 12);
	u8 next;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 3; i++) {
		if (proto != ETH_P_8021Q && proto != ETH_P_8021AD)
			break;
		off += 4;
		proto = load_half(skb, off);
	}
	if (proto != ETH_P_IPV6)
		return 0;
	off += 2;
	next = load_byte(skb, off + 6);
	off += 40;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 4; i++) {
		if (next != 0 && next != 43 && next != 60)
			break;
		next = load_byte(skb, off);
		off += (load_byte(skb, off + 1) + 1) * 8;
	}
	return next == IPPROTO_UDP ? off : 0;
}

/* Relative to the network header. */
SEC("socket")
int abs_net_off(struct __sk_buff *skb)
{
	u8 vhl = load_byte(skb, -0x100000ULL & 0xffffffff);

	return vhl >> 4 == 4 ? -1 : 0;
}
