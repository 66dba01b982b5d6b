/* Functions that the object does not define. */
#include "fixture.h"

void *memcpy(void *, const void *, unsigned long);
void *memmove(void *, const void *, unsigned long);
void *memset(void *, int, unsigned long);
int memcmp(const void *, const void *, unsigned long);
u64 third_party(u64, u64);
u64 bpf_known(u64);

SEC("mem") u64 externs(u8 *mem, u64 len)
{
	u64 n = len / 2;

	memcpy(mem, mem + n, n);
	memmove(mem, mem + 1, n);
	memset(mem, 1, n);
	memcpy(mem, mem + n, n);
	return memcmp(mem, mem + n, n) + third_party(n, len) + bpf_known(n);
}
