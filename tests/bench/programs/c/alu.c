/* A long chain of adds, shifts and exclusive ors: xorshift with a multiplication. */
#include "bench.h"

SEC("mem/2048")
u64 alu(void *mem, u64 len)
{
	u64 x = *(u64 *)mem | 1, sum = 0;

	for (u32 i = 0; i < 10000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += x * 0x2545f4914f6cdd1d;
		sum ^= i;
	}
	return sum;
}
