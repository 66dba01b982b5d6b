// The sieve of Eratosthenes in bits of .bss, and a test of Miller and Rabin against it.
// in: "\x10\x27"
// in: "\x00"
#include "prelude.h"

#define LIMIT 4096
static u64 composite[LIMIT / 64];

NOINLINE u32 power(u32 b, u32 e, u32 m)
{
	u64 r = 1, x = b % m;
	for (; e; e >>= 1, x = x * x % m)
		if (e & 1)
			r = r * x % m;
	return (u32)r;
}

NOINLINE bool probable(u32 n)
{
	static const u8 bases[] = {2, 3, 5, 7};
	if (n < 2)
		return 0;
	for (u32 i = 0; i < sizeof bases; i++)
		if (n % bases[i] == 0)
			return n == bases[i];
	u32 d = n - 1, s = 0;
	while (!(d & 1))
		d >>= 1, s++;
	for (u32 i = 0; i < sizeof bases; i++) {
		u32 x = power(bases[i], d, n);
		if (x == 1 || x == n - 1)
			continue;
		u32 k = 1;
		for (; k < s; k++) {
			x = (u32)((u64)x * x % n);
			if (x == n - 1)
				break;
		}
		if (k >= s)
			return 0;
	}
	return 1;
}

PROGRAM(primes)
{
	u32 limit = len >= 2 ? LOAD16(mem) % LIMIT : LIMIT, count = 0, disagree = 0, last = 0;
	memset(composite, 0, sizeof composite);
	for (u32 p = 2; p < limit; p++) {
		bool prime = !(composite[p / 64] >> p % 64 & 1);
		if (prime != probable(p))
			disagree++;
		if (!prime)
			continue;
		count++;
		last = p;
		for (u32 q = p * p; q < limit; q += p)
			composite[q / 64] |= 1ull << q % 64;
	}
	return (u64)disagree << 48 | (u64)last << 24 | count;
}
