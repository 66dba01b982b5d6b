/* 100 calls of helper 5, the identity function, in a straight line. */
#include "bench.h"

#ifdef __bpf__
static u64 (*const helper5)(u64) = (void *)5;
#else
u64 helper5(u64 x); /* in native.c, another unit: a real call */
#endif

#define TEN(x) x x x x x x x x x x

SEC("mem/2048")
u64 helpers100(void *mem, u64 len)
{
	u64 x = *(u64 *)mem;

	TEN(TEN(x = helper5(x + 3) ^ len;))
	return x;
}
