/* Reverses the order of the words of a text in place, and gives the CRC-32 of
 * the result. memcpy and memset are called by name: the object leaves them
 * undefined, and the front end supplies them. */
#include "../bpf/mem.h"

void *memcpy(void *to, const void *from, __SIZE_TYPE__ n);
void *memset(void *at, int byte, __SIZE_TYPE__ n);

#define MAX 256 /* a power of two, for the mask in word */

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

/* The word from start to end goes as far from the beginning as its end is from len. */
static __noinline int word(u8 *copy, const u8 *text, u64 len, u64 start, u64 end)
{
	u64 to = len - end;

	for (u64 i = start; i < end && i < len; i++)
		copy[to++ & (MAX - 1)] = text[i];
	return 0;
}

SEC("mem")
u64 reverse(void *mem, u64 len)
{
	u8 *text = mem, copy[MAX];
	u64 start = 0;

	if (len > MAX)
		return 0;
	memset(copy, ' ', MAX);
	for (u64 i = 0; i < len; i++)
		if (text[i] == ' ') {
			word(copy, text, len, start, i);
			start = i + 1;
		}
	word(copy, text, len, start, len);
	/* Byte by byte: a constant length is easy to prove. */
	for (u64 i = 0; i < len; i++)
		memcpy(text + i, copy + i, 1);
	return crc32(text, len);
}
