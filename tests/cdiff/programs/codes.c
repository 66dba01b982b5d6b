// Codings of bytes: hex, run lengths, COBS, delta and zigzag, Huffman's with a fixed tree, Hamming(7,4), Luhn, base32, Manchester.
// in: "aaaaaabbbbbbbbbcd\x00\x00e\x00f........................................"
// in: "4539578763621486"
// in: "deadBEEFcafe00ff"
#include "prelude.h"

static u8 out[512];

NOINLINE u64 finish(u8 *mem, u64 len, u64 n)
{
	u64 h = n;
	for (u64 i = 0; i < n; i++)
		FOLD(h, out[i]);
	memmove(mem, out, n < len ? n : len);
	return h;
}

PROGRAM(hex)
{
	static const char digits[16] = "0123456789abcdef";
	u64 n = 0;
	for (u64 i = 0; i < len && n + 2 <= sizeof out; i++) {
		out[n++] = (u8)digits[mem[i] >> 4];
		out[n++] = (u8)digits[mem[i] & 15];
	}
	return finish(mem, len, n);
}

PROGRAM(run_lengths)
{
	u64 n = 0;
	for (u64 i = 0; i < len && n + 2 <= sizeof out;) {
		u64 run = 1;
		while (i + run < len && mem[i + run] == mem[i] && run < 255)
			run++;
		out[n++] = (u8)run;
		out[n++] = mem[i];
		i += run;
	}
	return finish(mem, len, n);
}

PROGRAM(cobs)
{
	u64 n = 1, mark = 0;
	if (len > 400)
		len = 400;
	out[0] = 1;
	for (u64 i = 0; i < len; i++) {
		if (mem[i])
			out[n++] = mem[i], out[mark]++;
		if (!mem[i] || out[mark] == 0xff) {
			mark = n;
			out[n++] = 1;
		}
	}
	return finish(mem, len, n);
}

PROGRAM(delta)
{
	i16 last = 0;
	u64 n = 0;
	for (u64 i = 0; i + 2 <= len && n + 3 <= sizeof out; i += 2) {
		i16 v = (i16)LOAD16(mem + i);
		i32 d = v - last;
		last = v;
		u32 z = (u32)d << 1 ^ (u32)(d >> 31);
		while (z >= 0x80) {
			out[n++] = (u8)(z | 0x80);
			z >>= 7;
		}
		out[n++] = (u8)z;
	}
	return finish(mem, len, n);
}

/* Inner nodes: two children; those from 100 on are letters. */
static const u8 tree[][2] = {{1, 2}, {'e' + 0, 3}, {4, 5}, {'t' + 0, 'a' + 0}, {'o' + 0, 6}, {7, 'n' + 0}, {'i' + 0, 's' + 0}, {'h' + 0, 'r' + 0}};

PROGRAM(huffman)
{
	u64 n = 0;
	u32 at = 0;
	for (u64 i = 0; i < 8 * len && n < sizeof out; i++) {
		u8 next = tree[at][mem[i / 8] >> (7 - i % 8) & 1];
		if (next >= 'a') {
			out[n++] = next;
			next = 0;
		}
		at = next;
	}
	return finish(mem, len, n);
}

NOINLINE u8 hamming(u8 v)
{
	u8 a = v & 1, b = v >> 1 & 1, c = v >> 2 & 1, d = v >> 3 & 1;
	return (u8)((a ^ b ^ d) | (a ^ c ^ d) << 1 | a << 2 | (b ^ c ^ d) << 3 | b << 4 | c << 5 | d << 6);
}

NOINLINE u8 correct(u8 w)
{
	u8 s = 0;
	for (u8 i = 0; i < 7; i++)
		if (w >> i & 1)
			s ^= i + 1;
	if (s)
		w ^= (u8)(1 << (s - 1));
	return (u8)((w >> 2 & 1) | (w >> 4 & 1) << 1 | (w >> 5 & 1) << 2 | (w >> 6 & 1) << 3);
}

PROGRAM(hamming_code)
{
	u64 wrong = 0;
	for (u64 i = 0; i < len; i++) {
		u8 w = hamming(mem[i] & 15) ^ (u8)(1 << (mem[i] >> 4) % 7);
		wrong += correct(w) != (mem[i] & 15);
		mem[i] = w;
	}
	return wrong;
}

PROGRAM(luhn)
{
	u32 sum = 0;
	for (u64 i = 0; i < len; i++) {
		u32 d = (u32)(mem[len - 1 - i] - '0');
		if (d > 9)
			return 1000;
		d <<= i & 1;
		sum += d > 9 ? d - 9 : d;
	}
	return sum % 10;
}

PROGRAM(base32)
{
	static const char digits[33] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	u64 n = 0, v = 0;
	u32 bits = 0;
	for (u64 i = 0; i < len && n + 8 <= sizeof out; i++) {
		v = v << 8 | mem[i];
		for (bits += 8; bits >= 5; bits -= 5)
			out[n++] = (u8)digits[v >> (bits - 5) & 31];
	}
	if (bits)
		out[n++] = (u8)digits[v << (5 - bits) & 31];
	return finish(mem, len, n);
}

PROGRAM(manchester)
{
	u64 h = 0;
	for (u64 i = 0; i < len; i++) {
		u16 w = 0;
		for (u32 b = 0; b < 8; b++)
			w |= (u16)((mem[i] >> b & 1 ? 2 : 1) << 2 * b);
		FOLD(h, w);
	}
	return h;
}
