/* FNV-1a, 64 bits, over all of the memory. */
#include "../bpf/mem.h"

SEC("mem")
u64 fnv(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 h = 0xcbf29ce484222325;

	for (u64 i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}
