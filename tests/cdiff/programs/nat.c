// Ethernet and IPv4: VLAN tags, a rewritten address with its checksums updated (RFC 1624), ARP answered in place.
// in: "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00\x45\x00\x00\x28\x12\x34\x40\x00\x40\x06\x14\x9a\x0a\x00\x00\x01\x0a\x00\x00\x02\xc0\x00\x01\xbb\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xfa\xf0\x12\x34\x00\x00"
// in: "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x02\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x02\x0a\x00\x00\x02\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x01"
// in: "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x81\x00\x00\x2a\x81\x00\x20\x07\x08\x00\x46\x00\x00\x20\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x01\x01\x01\x00\x00\x35\x00\x35\x00\x08\x00\x00"
#include "prelude.h"

struct ethernet { u8 dst[6], src[6]; u16 type; } __attribute__((packed));
struct arp { u16 hw, proto; u8 hlen, plen; u16 op; u8 sha[6]; u32 spa; u8 tha[6]; u32 tpa; } __attribute__((packed));
struct ip4 { u8 ihl : 4, version : 4, tos; u16 total, id, frag; u8 ttl, proto; u16 check; u32 src, dst; } __attribute__((packed));

static struct { u64 arp, tcp, udp, other, short_; } counters;

NOINLINE u16 fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

NOINLINE u16 checksum(const u8 *p, u32 n)
{
	u64 sum = 0;
	for (u32 i = 0; i + 1 < n; i += 2)
		sum += BE16(p + i);
	return (u16)~fold(sum);
}

INLINE u16 update(u16 check, u32 from, u32 to)
{
	u64 sum = (u16)~check;
	sum += (u16)~from + (u16)~(from >> 16);
	sum += (u16)to + (to >> 16);
	return (u16)~fold(sum);
}

NOINLINE u64 answer(struct ethernet *e, struct arp *a)
{
	if (a->op != 0x0100 || a->proto != 0x0008)
		return 2;
	memcpy(a->tha, a->sha, 6);
	memcpy(e->dst, a->sha, 6);
	memset(a->sha, 0x42, 6);
	memset(e->src, 0x42, 6);
	u32 t = a->tpa;
	a->tpa = a->spa;
	a->spa = t;
	a->op = 0x0200;
	counters.arp++;
	return 3;
}

NOINLINE u64 rewrite(struct ip4 *ip, u64 left)
{
	u32 header = ip->ihl * 4u, to = 0x0100a8c0, from = ip->src;
	if (ip->version != 4 || header < 20 || header > left)
		return 1;
	u16 valid = checksum((u8 *)ip, header);
	ip->check = update(ip->check, from, to);
	ip->src = to;
	u8 *l4 = (u8 *)ip + header;
	left -= header;
	switch (ip->proto) {
	case 6:
		if (left < 20)
			break;
		STORE16(l4 + 16, update(LOAD16(l4 + 16), from, to));
		counters.tcp++;
		return (u64)valid << 32 | (u32)BE16(l4) << 16 | BE16(l4 + 2);
	case 17:
		if (left < 8)
			break;
		if (LOAD16(l4 + 6))
			STORE16(l4 + 6, update(LOAD16(l4 + 6), from, to));
		counters.udp++;
		return (u64)valid << 32 | 1u << 31 | BE16(l4 + 2);
	default:
		counters.other++;
		return (u64)valid << 32 | ip->proto;
	}
	counters.short_++;
	return 4;
}

PROGRAM(nat)
{
	u64 at = sizeof(struct ethernet), vlan = 0;
	if (len < at)
		return 0;
	struct ethernet *e = (struct ethernet *)mem;
	u16 type = e->type;
	for (int i = 0; i < 2 && (type == 0x0081 || type == 0xa888) && at + 4 <= len; i++, at += 4) {
		vlan = vlan << 12 | (BE16(mem + at) & 0xfff);
		type = LOAD16(mem + at + 2);
	}
	if (type == 0x0608 && len - at >= sizeof(struct arp))
		return answer(e, (struct arp *)(mem + at));
	if (type == 0x0008 && len - at >= sizeof(struct ip4))
		return rewrite((struct ip4 *)(mem + at), len - at) ^ vlan << 40;
	return counters.tcp + counters.udp * 3 + counters.arp * 5 + counters.other * 7 + counters.short_ * 11;
}
