// Variable-length integers: LEB128 and zigzag, read from the first half and written to the second; QUIC's form.
// in: "\x00\x01\x7f\x80\x01\xe5\x8e\x26\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01________________________________"
// in: "\xc2\x19\x7c\x5e\xff\x14\xe8\x8c\x9d\x7f\x3e\x7d\x7b\xbd\x25\x40\x25"
#include "prelude.h"

NOINLINE u32 leb128(const u8 *p, u64 left, u64 *v)
{
	*v = 0;
	for (u32 i = 0; i < 10 && i < left; i++) {
		*v |= (u64)(p[i] & 0x7f) << (7 * i);
		if (!(p[i] & 0x80))
			return i + 1;
	}
	return 0;
}

NOINLINE u32 put(u8 *p, u64 left, u64 v)
{
	u32 i = 0;
	for (; i < left; i++) {
		p[i] = (u8)(v & 0x7f);
		v >>= 7;
		if (!v)
			return i + 1;
		p[i] |= 0x80;
	}
	return 0;
}

PROGRAM(varint)
{
	u64 half = len / 2, in = 0, out = half, h = 0;
	while (in < half) {
		u64 v;
		u32 n = leb128(mem + in, half - in, &v);
		if (!n)
			break;
		in += n;
		i64 s = (i64)(v >> 1) ^ -(i64)(v & 1);
		FOLD(h, s);
		u32 m = put(mem + out, len - out, (u64)s << 1 ^ (u64)(s >> 63));
		if (!m)
			break;
		out += m;
	}
	return h;
}

PROGRAM(quic_varint)
{
	u64 h = 0, at = 0;
	while (at < len) {
		u32 n = 1u << (mem[at] >> 6);
		if (at + n > len)
			return ~h;
		u64 v = mem[at] & 0x3f;
		for (u32 i = 1; i < n; i++)
			v = v << 8 | mem[at + i];
		FOLD(h, v);
		at += n;
	}
	return h;
}
