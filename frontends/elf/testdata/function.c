/* The address of a function, passed to a helper. */
#include "fixture.h"

static u64 (*loop)(u32, void *, void *, u64) = (void *)181;

static u64 callback(u32 i, u64 *sum) { return (*sum += i) > 100; }
u64 exported(u32 i, u64 *sum) { return (*sum += i * 2) > 100; }

SEC("mem") u64 function(u8 *mem, u64 len)
{
	u64 sum = 0;

	loop(len, callback, &sum, 0);
	loop(len, exported, &sum, 0);
	return sum;
}
