/* Compares two strings of 500 bytes that differ in the last, eight times. */
#include "bench.h"

static inline int compare(const u8 *a, const u8 *b)
{
	u32 i = 0;

	while (i < 511 && a[i] && a[i] == b[i])
		i++;
	return a[i] - b[i];
}

SEC("mem/2048")
u64 strcmp_(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 sum = 0;

	for (u32 turn = 0; turn < 8; turn++) {
		sum = sum * 3 + compare(p + TEXT_A, p + TEXT_B);
		barrier();
	}
	return sum;
}
