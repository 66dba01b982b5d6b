// Knuth–Morris–Pratt: the pattern is what stands before the first ':' of the memory.
// in: "abc:xxabcabcabx abcabcabc"
// in: "aab:aaaaaaabaaaab"
// in: ":nothing to look for"
#include "prelude.h"

#define MAX_PATTERN 32

PROGRAM(search)
{
	u8 next[MAX_PATTERN];
	u64 m = 0, k = 0, count = 0, last = 0;

	while (m < len && m < MAX_PATTERN && mem[m] != ':')
		m++;
	if (m == 0 || m == MAX_PATTERN || m == len)
		return ~0ull;
	next[0] = 0;
	for (u64 i = 1; i < m; i++) {
		while (k > 0 && mem[i] != mem[k])
			k = next[k - 1];
		if (mem[i] == mem[k])
			k++;
		next[i] = (u8)k;
	}
	k = 0;
	for (u64 i = m + 1; i < len; i++) {
		while (k > 0 && (k == m || mem[i] != mem[k]))
			k = next[k - 1];
		if (mem[i] == mem[k])
			k++;
		if (k == m) {
			count++;
			last = i + 1 - m;
		}
	}
	return count << 32 | last;
}
