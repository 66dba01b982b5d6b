// Base64 both ways (RFC 4648): the first half of the memory is the input, the rest the output.
// in: "Man is distinguished, not only by his reason\x00\x01\x02........................................................................"
// in: "QUJDREVGRw==...................."
// in: "TWFu_-TWFu......................"
#include "prelude.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

NOINLINE u32 encode(const u8 *in, u32 n, u8 *out, u32 room)
{
	u32 o = 0;
	for (u32 i = 0; i < n && o + 4 <= room; i += 3) {
		u32 left = n - i;
		u32 v = (u32)in[i] << 16 | (left > 1 ? (u32)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
		out[o++] = (u8)alphabet[v >> 18];
		out[o++] = (u8)alphabet[v >> 12 & 63];
		out[o++] = left > 1 ? (u8)alphabet[v >> 6 & 63] : '=';
		out[o++] = left > 2 ? (u8)alphabet[v & 63] : '=';
	}
	return o;
}

NOINLINE i32 digit(u8 c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	switch (c) {
	case '+': case '-':
		return 62;
	case '/': case '_':
		return 63;
	}
	return -1;
}

PROGRAM(base64_encode)
{
	u32 n = (u32)len / 3;
	return encode(mem, n, mem + n, (u32)len - n);
}

PROGRAM(base64_decode)
{
	u32 n = (u32)len / 2, o = 0, bits = 0, v = 0;
	u8 *out = mem + n;
	for (u32 i = 0; i < n; i++) {
		i32 d = digit(mem[i]);
		if (d < 0)
			break;
		v = v << 6 | (u32)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[o++] = (u8)(v >> bits);
		}
	}
	return (u64)o << 32 | (v & ((1u << bits) - 1));
}
