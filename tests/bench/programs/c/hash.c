/* Hashes 2048 bytes in words of 32 bits with rotations. */
#include "bench.h"

static inline u32 rol(u32 x, u32 n) { return x << n | x >> (32 - n); }

SEC("mem/2048")
u64 hash(void *mem, u64 len)
{
	const u32 *p = mem;
	u32 a = 0x9e3779b9, b = 0x85ebca6b, c = 0xc2b2ae35;

	for (u32 i = 0; i + 3 <= SIZE / 4; i += 3) {
		a += p[i];
		b += p[i + 1];
		c += p[i + 2];
		a -= c; a ^= rol(c, 4); c += b;
		b -= a; b ^= rol(a, 6); a += c;
		c -= b; c ^= rol(b, 8); b += a;
		a -= c; a ^= rol(c, 16); c += b;
	}
	return (u64)a << 32 ^ (u64)b << 16 ^ c;
}
