/* Parses eight frames (Ethernet, VLAN, IPv4 or IPv6, TCP or UDP) and mixes addresses and ports into a flow key. */
#include "bench.h"

static inline u32 be(const u8 *p) { return p[0] << 8 | p[1]; }
static inline u32 word(const u8 *p) { return *(const u32 *)p; }

static inline u64 flow(const u8 *at, const u8 *end)
{
	u32 type, protocol, key;

	if (at + 14 > end)
		return 1;
	type = be(at + 12);
	at += 14;
	if (type == 0x8100) {
		if (at + 4 > end)
			return 2;
		type = be(at + 2);
		at += 4;
	}
	if (type == 0x0800) {
		u32 size;

		if (at + 20 > end)
			return 3;
		size = (at[0] & 15) * 4;
		if (size < 20 || at[0] >> 4 != 4)
			return 4;
		protocol = at[9];
		key = word(at + 12) ^ word(at + 16);
		at += size;
	} else if (type == 0x86dd) {
		if (at + 40 > end)
			return 5;
		protocol = at[6];
		key = word(at + 8) ^ word(at + 20) ^ word(at + 24) ^ word(at + 36);
		at += 40;
	} else {
		return 6;
	}
	if (protocol != 6 && protocol != 17)
		return 7;
	if (at + 4 > end)
		return 8;
	return (u64)key << 32 | be(at) << 16 | be(at + 2);
}

SEC("mem/2048")
u64 packet(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 h = 0;

	for (u32 turn = 0; turn < 8; turn++) {
		for (u32 i = 0; i < PACKETS; i++)
			h = h * 31 + flow(p + i * PACKET, p + (i + 1) * PACKET);
		barrier();
	}
	return h;
}
