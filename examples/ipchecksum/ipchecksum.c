/* Internet checksum (RFC 1071) of an IPv4 header, as a number to be stored big-endian.
 * A header whose checksum field is right gives 0. */
#include "../bpf/mem.h"

SEC("mem/20")
u64 ipchecksum(void *mem, u64 len)
{
	u8 *p = mem;
	u64 size = (p[0] & 15) * 4;
	u32 sum = 0;

	if (size < 20)
		return ~0ull;
	for (u64 i = 0; i < size; i += 2) {
		if (i + 2 > len)
			return ~0ull;
		sum += p[i] << 8 | p[i + 1];
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}
