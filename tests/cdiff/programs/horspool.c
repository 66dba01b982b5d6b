// Boyer–Moore–Horspool with its table in .bss, for a fixed word.
// in: "GET /index.html?token=abc HTTP/1.1"
// in: "token token tokentoken=xtoken=y"
#include "prelude.h"

static u8 skip[256];
static const char word[] = "token=";
#define N (sizeof word - 1)

NOINLINE void prepare(void)
{
	memset(skip, N, sizeof skip);
	for (u32 i = 0; i + 1 < N; i++)
		skip[(u8)word[i]] = (u8)(N - 1 - i);
}

PROGRAM(horspool)
{
	u64 found = 0, at = 0;

	prepare();
	while (at + N <= len) {
		if (!memcmp(mem + at, word, N))
			found = found * 251 + at + 1;
		at += skip[mem[at + N - 1]];
	}
	return found;
}
