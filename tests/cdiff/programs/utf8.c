// UTF-8 (RFC 3629): validation by ranges, and a count of characters and the sum of their code points.
// in: "plain ascii"
// in: "h\u00e9llo w\u00f6rld \u65e5\u672c\u8a9e \U0001f600 end"
// in: "overlong \xc0\xaf and surrogate \xed\xa0\x80 and \xf4\x90\x80\x80"
#include "prelude.h"

NOINLINE i32 decode(const u8 *p, u64 left, u32 *point)
{
	u8 c = p[0];
	u32 n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
	if (n == 0 || n > left)
		return -1;
	*point = n == 1 ? c : c & (0x7fu >> n);
	for (u32 i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -(i32)i - 1;
		*point = *point << 6 | (p[i] & 0x3f);
	}
	if (n == 3 && (*point < 0x800 || (*point >= 0xd800 && *point < 0xe000)))
		return -10;
	if (n == 4 && (*point < 0x10000 || *point > 0x10ffff))
		return -11;
	return (i32)n;
}

PROGRAM(utf8)
{
	u64 at = 0, chars = 0, sum = 0, bad = 0;
	while (at < len) {
		u32 point = 0;
		i32 n = decode(mem + at, len - at, &point);
		if (n < 0) {
			bad = bad * 31 + (u64)-(i64)n + at;
			mem[at++] = '?';
			continue;
		}
		chars++;
		sum += point;
		at += (u32)n;
	}
	return chars ^ sum << 16 ^ bad << 40;
}
