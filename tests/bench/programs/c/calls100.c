/* 100 calls of a function that is not inlined, in a straight line. */
#include "bench.h"

static NOINLINE u64 mix(u64 x, u64 y)
{
	return (x ^ y) + 5;
}

#define TEN(x) x x x x x x x x x x

SEC("mem/2048")
u64 calls100(void *mem, u64 len)
{
	u64 x = *(u64 *)mem;

	TEN(TEN(x = mix(x, len);))
	return x;
}
