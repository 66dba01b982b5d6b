/* Destination port of a TCP segment in an Ethernet frame; 0 if it is something else. */
#include "../bpf/mem.h"

struct eth {
	u8 dst[6], src[6];
	u16 type;
};

struct ipv4 {
	u8 version_ihl, tos;
	u16 total, id, fragment;
	u8 ttl, protocol;
	u16 checksum;
	u32 src, dst;
};

struct tcp {
	u16 src, dst;
	u32 seq, ack;
};

#define TYPE_IPV4 0x0800
#define PROTO_TCP 6

SEC("mem")
u64 tcpport(void *mem, u64 len)
{
	u8 *at = mem, *end = at + len;

	struct eth *eth = (void *)at;
	if (at + sizeof *eth > end || be16(eth->type) != TYPE_IPV4)
		return 0;
	at += sizeof *eth;

	struct ipv4 *ip = (void *)at;
	if (at + sizeof *ip > end || ip->version_ihl >> 4 != 4 || ip->protocol != PROTO_TCP)
		return 0;
	u32 words = ip->version_ihl & 15;
	if (words < 5 || be16(ip->fragment) & 0x1fff)
		return 0;
	at += words * 4;

	struct tcp *tcp = (void *)at;
	if (at + sizeof *tcp > end)
		return 0;
	return be16(tcp->dst);
}
