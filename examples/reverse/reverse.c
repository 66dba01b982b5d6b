/* Reverses the order of the words of a text in place, and gives the CRC-32 of
 * the result. memcpy and memset are called by name: the object leaves them
 * undefined, and the front end supplies them. */
#include "../bpf/mem.h"

void *memcpy(void *to, const void *from, __SIZE_TYPE__ n);
void *memset(void *at, int byte, __SIZE_TYPE__ n);

#define MAX 256

static __noinline u32 crc32(const u8 *p, u64 len)
{
	u32 c = ~0u;

	for (u64 i = 0; i < len; i++) {
		c ^= p[i];
		for (u32 bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

SEC("mem")
u64 reverse(void *mem, u64 len)
{
	u8 *text = mem, copy[MAX];

	if (len > MAX)
		return 0;
	memset(copy, ' ', len);
	u64 end = len, to = 0;
	while (end > 0) {
		u64 start = end;
		while (start > 0 && text[start - 1] != ' ')
			start--;
		memcpy(copy + to, text + start, end - start);
		to += end - start + 1;
		end = start > 0 ? start - 1 : 0;
	}
	memcpy(text, copy, len);
	return crc32(text, len);
}
