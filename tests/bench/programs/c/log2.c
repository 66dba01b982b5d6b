/* Sum of the integer logarithms of 256 numbers, by halving. */
#include "bench.h"

static inline u32 log2_of(u64 x)
{
	u32 r = 0;

	if (x >> 32) { x >>= 32; r += 32; }
	if (x >> 16) { x >>= 16; r += 16; }
	if (x >> 8) { x >>= 8; r += 8; }
	if (x >> 4) { x >>= 4; r += 4; }
	if (x >> 2) { x >>= 2; r += 2; }
	return r + (x >> 1 != 0);
}

SEC("mem/2048")
u64 log2_sum(void *mem, u64 len)
{
	const u64 *p = mem;
	u64 sum = 0;

	for (u32 turn = 0; turn < 8; turn++)
		for (u32 i = 0; i < SIZE / 8; i++)
			sum += log2_of(p[i] >> (turn * 8));
	return sum;
}
