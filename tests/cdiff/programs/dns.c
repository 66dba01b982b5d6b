// DNS (RFC 1035): reads the name of the question with compression pointers, in lower case.
// in: "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03WWW\x07Example\x03com\x00\x00\x01\x00\x01"
// in: "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\xc0\x14\x00\x01\x00\x01xx\x01a\x02bc\xc0\x1a\x00\x00\x01z\x00\x00\x00"
// in: "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"
#include "prelude.h"

NOINLINE i32 read_name(const u8 *mem, u64 len, u64 at, u8 *name)
{
	u32 n = 0, jumps = 0;
	while (at < len) {
		u8 c = mem[at];
		if (c == 0) {
			name[n] = 0;
			return (i32)n;
		}
		if (c >= 0xc0) {
			if (at + 1 >= len || ++jumps > 5)
				return -1;
			at = (u64)(c & 0x3f) << 8 | mem[at + 1];
			continue;
		}
		if (c > 63 || at + 1 + c > len || n + c + 1 > 100)
			return -2;
		for (u32 i = 0; i < c; i++) {
			u8 x = mem[at + 1 + i];
			name[n++] = x >= 'A' && x <= 'Z' ? x | 0x20 : x;
		}
		name[n++] = '.';
		at += 1 + c;
	}
	return -3;
}

PROGRAM(dns)
{
	u8 name[104] = {0};
	u64 h = 0;
	if (len < 12 || BE16(mem + 4) != 1)
		return 0;
	i32 n = read_name(mem, len, 12, name);
	if (n < 0)
		return (u64)n;
	for (i32 i = 0; i < n; i++)
		FOLD(h, name[i]);
	mem[2] |= 0x80;
	return h;
}
