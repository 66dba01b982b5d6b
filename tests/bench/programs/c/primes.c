/* Counts the primes below 2000 by trial division, 32 bits. */
#include "bench.h"

SEC("mem/2048")
u64 primes(void *mem, u64 len)
{
	u64 count = 0;

	for (u32 n = 2; n < 2000; n++) {
		u32 d = 2;
		while (d * d <= n && n % d)
			d++;
		count += d * d > n;
	}
	return count;
}
