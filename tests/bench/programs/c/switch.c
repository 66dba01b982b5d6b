/* Interprets 2048 bytes as the code of a small accumulator machine. */
#include "bench.h"

SEC("mem/2048")
u64 switch_(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 a = 1, b = 2;

	for (u32 i = 0; i < SIZE; i++) {
		switch (p[i] & 15) {
		case 0: a += b; break;
		case 1: a -= b; break;
		case 2: a ^= b; break;
		case 3: a |= b; break;
		case 4: a &= ~b; break;
		case 5: a <<= 1; break;
		case 6: a >>= 1; break;
		case 7: a *= b | 1; break;
		case 8: b += a; break;
		case 9: b = p[i]; break;
		case 10: b ^= a; break;
		case 11: b = ~b; break;
		case 12: a += p[i]; break;
		case 13: b -= i; break;
		case 14: a ^= a >> 5; break;
		case 15: b += i; break;
		}
	}
	return a ^ b;
}
