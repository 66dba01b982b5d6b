// Fixed-point numbers: square roots, a sine by CORDIC in Q16, a moving average, linear interpolation in a table.
// in: "\x00\x00\x01\x00\x00\x80\x00\x00\xff\xff\xff\x7f\x00\x00\x00\x80\x10\x32\x54\x76"
#include "prelude.h"

static const i32 angles[16] = {51472, 30386, 16055, 8150, 4091, 2047, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2};

NOINLINE u32 root(u64 x)
{
	u64 r = 0;
	for (u64 bit = 1ull << 62; bit; bit >>= 2) {
		if (x >= r + bit) {
			x -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
	}
	return (u32)r;
}

NOINLINE i32 sine(i32 z)
{
	i32 x = 39797, y = 0;
	for (int i = 0; i < 16; i++) {
		i32 dx = y >> i, dy = x >> i, up = z >= 0;
		x = up ? x - dx : x + dx;
		y = up ? y + dy : y - dy;
		z = up ? z - angles[i] : z + angles[i];
	}
	return y;
}

NOINLINE i32 lookup(i32 x)
{
	static const i16 curve[9] = {0, 1000, -2000, 3000, 3001, 2500, -32768, 32767, 5};
	u32 i = (u32)x >> 13 & 7, part = (u32)x & 0x1fff;
	return curve[i] + (i32)(((i64)curve[i + 1] - curve[i]) * (i64)part >> 13);
}

PROGRAM(fixed_point)
{
	u64 h = 0;
	i64 average = 0;
	for (u64 i = 0; i + 4 <= len; i += 4) {
		i32 v = (i32)LOAD32(mem + i);
		average += ((i64)v - average) >> 3;
		FOLD(h, root((u64)(u32)v << 16));
		FOLD(h, sine(smod32(v, 102944)));
		FOLD(h, lookup(v));
		FOLD(h, average);
		STORE32(mem + i, (u32)sine((i32)(v & 0xffff)));
	}
	return h;
}
