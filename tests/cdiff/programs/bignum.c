// Numbers of 256 bits: product, square root's check, modular power by bits, greatest common divisors, Fibonacci.
// in: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x00\x00\x80\xff\x00\xff\x00\xff\x00\xff\x00"
// in: "\x01"
#include "prelude.h"

#define LIMBS 8

NOINLINE void load(u32 *out, const u8 *mem, u64 len, u64 at)
{
	for (u32 i = 0; i < LIMBS; i++)
		out[i] = at + 4 * i + 4 <= len ? LOAD32(mem + at + 4 * i) : i + 1;
}

PROGRAM(multiply256)
{
	static u32 a[LIMBS], b[LIMBS], r[2 * LIMBS];
	u64 h = 0;
	memset(r, 0, sizeof r);
	load(a, mem, len, 0);
	load(b, mem, len, 16);
	for (u32 i = 0; i < LIMBS; i++) {
		u64 carry = 0;
		for (u32 j = 0; j < LIMBS; j++) {
			carry += (u64)a[i] * b[j] + r[i + j];
			r[i + j] = (u32)carry;
			carry >>= 32;
		}
		r[i + LIMBS] = (u32)carry;
	}
	for (u32 i = 0; i < 2 * LIMBS; i++) {
		FOLD(h, r[i]);
		if (4 * i + 4 <= len)
			STORE32(mem + 4 * i, r[i]);
	}
	return h;
}

NOINLINE u64 high(u64 a, u64 b)
{
	u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
	u64 mid = ah * bl + (al * bl >> 32), mid2 = al * bh + (u32)mid;
	return ah * bh + (mid >> 32) + (mid2 >> 32);
}

NOINLINE u64 gcd(u64 a, u64 b)
{
	if (!a || !b)
		return a | b;
	u32 shift = (u32)__builtin_ctzll(a | b);
	a >>= __builtin_ctzll(a);
	while (b) {
		b >>= __builtin_ctzll(b);
		if (a > b) {
			u64 t = a; a = b; b = t;
		}
		b -= a;
	}
	return a << shift;
}

NOINLINE u64 euclid(u64 a, u64 b)
{
	while (b) {
		u64 t = a % b;
		a = b;
		b = t;
	}
	return a;
}

NOINLINE u64 multiply_mod(u64 a, u64 b, u64 m)
{
	u64 r = 0;
	for (a %= m; b; b >>= 1) {
		if (b & 1)
			r = r >= m - a ? r - (m - a) : r + a;
		a = a >= m - a ? a - (m - a) : a + a;
	}
	return r;
}

PROGRAM(big_arithmetic)
{
	u64 h = 0;
	for (u64 at = 0; at + 16 <= len; at += 8) {
		u64 a = LOAD64(mem + at), b = LOAD64(mem + at + 8);
		FOLD(h, high(a, b));
		FOLD(h, gcd(a, b));
		FOLD(h, gcd(a, b) == euclid(a, b));
		u64 m = (a ^ b) | 1ull << 62, p = 1;
		for (u32 bit = 0; bit < 16; bit++)
			p = multiply_mod(p, b >> bit & 1 ? a : p, m);
		FOLD(h, p);
		FOLD(h, (i64)sdiv64((i64)a, (i64)b));
		FOLD(h, (i64)smod64((i64)b, (i64)(a >> 40) - (1 << 20)));
	}
	return h;
}

PROGRAM(fibonacci)
{
	u64 a = 0, b = 1;
	u32 n = len ? mem[0] : 90;
	for (u32 bit = 1u << 7; bit; bit >>= 1) {
		u64 c = a * (2 * b - a), d = a * a + b * b;
		a = n & bit ? d : c;
		b = n & bit ? c + d : d;
	}
	return a;
}
