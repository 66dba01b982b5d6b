// Tricks with bits: counts, reversal, Gray code, Morton order, next permutation, parallel prefix, saturation.
// in: "\x01\x02\x03\x04\x05\x06\x07\x08\xf0\xe0\xd0\xc0\xb0\xa0\x90\x80"
#include "prelude.h"

INLINE u64 reverse64(u64 x)
{
	x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
	x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
	x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
	return __builtin_bswap64(x);
}

INLINE u64 spread(u32 v)
{
	u64 x = v;
	x = (x | x << 16) & 0x0000ffff0000ffff;
	x = (x | x << 8) & 0x00ff00ff00ff00ff;
	x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
	x = (x | x << 2) & 0x3333333333333333;
	return (x | x << 1) & 0x5555555555555555;
}

INLINE u64 gather(u64 x, u64 mask)
{
	u64 r = 0;
	for (u32 bit = 0; mask; mask &= mask - 1, bit++)
		r |= (x >> __builtin_ctzll(mask) & 1) << bit;
	return r;
}

NOINLINE i8 saturate(i32 x) { return (i8)(x > 127 ? 127 : x < -128 ? -128 : x); }

PROGRAM(bit_tricks)
{
	u64 h = 0;
	for (u64 i = 0; i + 16 <= len; i += 8) {
		u64 x = LOAD64(mem + i), y = LOAD64(mem + i + 8);
		FOLD(h, reverse64(x));
		FOLD(h, spread((u32)x) | spread((u32)y) << 1);
		FOLD(h, gather(x, y));
		FOLD(h, x ^ x >> 1);
		FOLD(h, __builtin_popcountll(x) + __builtin_popcount((u32)y));
		FOLD(h, x ? __builtin_clzll(x) : 64);
		FOLD(h, (u32)y ? __builtin_ctz((u32)y) : 32);
		FOLD(h, __builtin_parityll(x ^ y));
		FOLD(h, (x & y) + ((x ^ y) >> 1));
		u64 low = x & -x, next = x + low;
		FOLD(h, x ? next | ((x ^ next) >> 2) >> __builtin_ctzll(x) : 0);
		for (int k = 0; k < 8; k++)
			mem[i + (u32)k] = (u8)saturate((i8)(x >> 8 * k) + (i8)(y >> 8 * k));
	}
	return h;
}
