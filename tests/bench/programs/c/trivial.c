/* Entry and return. */
#include "bench.h"

SEC("mem/2048")
u64 trivial(void *mem, u64 len)
{
	return len;
}
