/* The Internet checksum of 2048 bytes, 16 bits at a time. */
#include "bench.h"

SEC("mem/2048")
u64 checksum(void *mem, u64 len)
{
	const u16 *p = mem;
	u64 sum = 0;

	for (u32 i = 0; i < SIZE / 2; i++)
		sum += p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}
