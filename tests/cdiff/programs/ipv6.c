// IPv6 (RFC 8200): walks the extension headers to the transport header.
// in: "\x60\x00\x00\x00\x00\x20\x00\x40\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x2b\x00\x01\x04\x00\x00\x00\x00\x06\x00\x00\x01\x00\x00\x00\x00\x00\x50\x01\xbb\x00\x00\x00\x00"
// in: "\x60\x00\x00\x00\x00\x08\x11\x40\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x35\x14\xe9\x00\x08\x00\x00"
#include "prelude.h"

struct ip6 { u32 vtf; u16 payload; u8 next, hops; u64 src[2], dst[2]; };

NOINLINE i32 skip(const u8 *p, u64 left, u8 *next)
{
	u32 n;
	switch (*next) {
	case 0: case 43: case 60:
		if (left < 8)
			return -1;
		n = ((u32)p[1] + 1) * 8;
		break;
	case 44:
		if (left < 8)
			return -1;
		n = 8;
		if (BE16(p + 2) & 0xfff8)
			return -2;
		break;
	case 51:
		if (left < 8)
			return -1;
		n = ((u32)p[1] + 2) * 4;
		break;
	default:
		return 0;
	}
	*next = p[0];
	return n > left ? -3 : (i32)n;
}

PROGRAM(ipv6)
{
	if (len < sizeof(struct ip6) || mem[0] >> 4 != 6)
		return 1;
	struct ip6 *ip = (struct ip6 *)mem;
	u64 at = sizeof *ip, h = ip->src[0] ^ ip->dst[1];
	u8 next = ip->next;
	for (int i = 0; i < 8; i++) {
		i32 n = skip(mem + at, len - at, &next);
		if (n < 0)
			return (u64)(i64)n;
		if (n == 0)
			break;
		at += (u32)n;
		FOLD(h, next);
	}
	if ((next == 6 || next == 17) && len - at >= 4)
		FOLD(h, (u32)BE16(mem + at) << 16 | BE16(mem + at + 2));
	if (ip->hops)
		ip->hops--;
	return h ^ next;
}
