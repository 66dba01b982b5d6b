/* Searches a text for a word. The first byte of the memory is the length n of
 * the word, the next n bytes are the word, the rest is the text. Gives the
 * position of the first match in the text, or all ones. */
#include "../bpf/barrier.h"
#include "../bpf/mem.h"

#define NONE (~0ull)

SEC("mem/1")
u64 find(void *mem, u64 len)
{
	const u8 *p = mem;
	u64 n = p[0], text = 1 + n;

	for (u64 at = text; at <= len; at++) {
		for (u64 i = 0;; i++) {
			if (i >= n)
				return at - text;
			u64 t = at + i, w = 1 + i;
			barrier_var(t);
			barrier_var(w);
			if (w >= len || t >= len)
				return NONE;
			if (p[t] != p[w])
				break;
		}
	}
	return NONE;
}
