/* Searches a text for a word. The first byte of the memory is the length n of
 * the word, the next n bytes are the word, the rest is the text. Gives the
 * position of the first match in the text, or all ones. */
#include "../bpf/mem.h"

#define NONE (~0ull)

SEC("mem/1")
u64 find(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 n = p[0];

	if (1 + n > len)
		return NONE;
	const u8 *word = p + 1, *text = word + n;
	u64 size = len - 1 - n;

	for (u64 at = 0; at + n <= size; at++) {
		u64 i = 0;
		while (i < n && text[at + i] == word[i])
			i++;
		if (i == n)
			return at;
	}
	return NONE;
}
