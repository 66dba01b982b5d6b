// A block of LZ4 is decoded into .bss; what came out is hashed and copied back as far as there is room.
// in: "\x45abcd\x04\x00\x50hello"
// in: "\x1fa\x01\x00\x05\x50world"
// in: "\xf0\x01abcdefghijklmnop"
#include "prelude.h"

static u8 out[512];

NOINLINE u64 extend(const u8 *mem, u64 len, u64 *at, u64 n)
{
	if (n == 15)
		while (*at < len) {
			u8 b = mem[(*at)++];
			n += b;
			if (b != 255)
				break;
		}
	return n;
}

PROGRAM(lz4)
{
	u64 at = 0, o = 0, h = 0, status = 0;
	while (at < len) {
		u8 token = mem[at++];
		u64 literals = extend(mem, len, &at, token >> 4);
		if (literals > len - at || literals > sizeof out - o) {
			status = 1;
			break;
		}
		memcpy(out + o, mem + at, literals);
		at += literals;
		o += literals;
		if (len - at < 2)
			break;
		u32 distance = LOAD16(mem + at);
		at += 2;
		u64 match = extend(mem, len, &at, token & 15) + 4;
		if (distance == 0 || distance > o || match > sizeof out - o) {
			status = 2;
			break;
		}
		for (u64 i = 0; i < match; i++, o++)
			out[o] = out[o - distance];
	}
	for (u64 i = 0; i < o; i++)
		FOLD(h, out[i]);
	memcpy(mem, out, o < len ? o : len);
	return h ^ status;
}
