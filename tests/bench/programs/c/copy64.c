/* Copies 1024 bytes, 64 bits at a time, sixteen times. */
#include "bench.h"

SEC("mem/2048")
u64 copy64(void *mem, u64 len)
{
	u64 *from = mem, *to = from + SIZE / 16;

	for (u32 turn = 0; turn < 16; turn++) {
		for (u32 i = 0; i < SIZE / 16; i++) {
			to[i] = from[i];
			barrier();
		}
	}
	return to[0] ^ to[SIZE / 16 - 1];
}
