// MD5 and SHA-1 of one padded block, xxHash64 and MurmurHash3 of any length, FNV, djb2.
// in: "The quick brown fox jumps over the lazy dog"
// in: ""
#include "prelude.h"

static u8 padded[64];

NOINLINE void pad(const u8 *mem, u64 len, bool big)
{
	memset(padded, 0, sizeof padded);
	memcpy(padded, mem, len);
	padded[len] = 0x80;
	STORE64(padded + 56, big ? __builtin_bswap64(len * 8) : len * 8);
}

static const u8 turns[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
static const u32 sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

PROGRAM(md5)
{
	u32 a = 0x67452301, b = 0xefcdab89, c = 0x98badcfe, d = 0x10325476;
	pad(mem, len < 55 ? len : 55, 0);
	for (u32 i = 0; i < 64; i++) {
		u32 f, g;
		switch (i / 16) {
		case 0: f = (b & c) | (~b & d); g = i; break;
		case 1: f = (d & b) | (~d & c); g = 5 * i + 1; break;
		case 2: f = b ^ c ^ d; g = 3 * i + 5; break;
		default: f = c ^ (b | ~d); g = 7 * i;
		}
		f += a + sines[i] + LOAD32(padded + 4 * (g % 16));
		a = d; d = c; c = b;
		b += rotl32(f, turns[i / 16 * 4 + i % 4]);
	}
	return (u64)(b + 0xefcdab89) << 32 | (a + 0x67452301);
}

PROGRAM(sha1)
{
	static u32 w[80];
	u32 a = 0x67452301, b = 0xefcdab89, c = 0x98badcfe, d = 0x10325476, e = 0xc3d2e1f0;
	pad(mem, len < 55 ? len : 55, 1);
	for (u32 i = 0; i < 16; i++)
		w[i] = BE32(padded + 4 * i);
	for (u32 i = 16; i < 80; i++)
		w[i] = rotl32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (u32 i = 0; i < 80; i++) {
		u32 f = i < 20 ? ((b & c) | (~b & d)) + 0x5a827999 : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1 :
			i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc : (b ^ c ^ d) + 0xca62c1d6;
		u32 t = rotl32(a, 5) + f + e + w[i];
		e = d; d = c; c = rotl32(b, 30); b = a; a = t;
	}
	return (u64)(a + 0x67452301) << 32 | (e + 0xc3d2e1f0);
}

#define P1 0x9e3779b185ebca87ull
#define P2 0xc2b2ae3d27d4eb4full
#define P3 0x165667b19e3779f9ull
#define P4 0x85ebca77c2b2ae63ull
#define P5 0x27d4eb2f165667c5ull

INLINE u64 round64(u64 a, u64 v) { return rotl64(a + v * P2, 31) * P1; }

PROGRAM(xxhash64)
{
	u64 h = P5, at = 0;
	if (len >= 32) {
		u64 v[4] = {P1 + P2, P2, 0, -P1};
		for (; at + 32 <= len; at += 32)
			for (u32 i = 0; i < 4; i++)
				v[i] = round64(v[i], LOAD64(mem + at + 8 * i));
		h = rotl64(v[0], 1) + rotl64(v[1], 7) + rotl64(v[2], 12) + rotl64(v[3], 18);
		for (u32 i = 0; i < 4; i++)
			h = (h ^ round64(0, v[i])) * P1 + P4;
	}
	h += len;
	for (; at + 8 <= len; at += 8)
		h = rotl64(h ^ round64(0, LOAD64(mem + at)), 27) * P1 + P4;
	if (at + 4 <= len) {
		h = rotl64(h ^ LOAD32(mem + at) * P1, 23) * P2 + P3;
		at += 4;
	}
	for (; at < len; at++)
		h = rotl64(h ^ mem[at] * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}

PROGRAM(murmur3)
{
	u32 h = 0x9747b28c, k = 0;
	u64 blocks = len / 4;
	for (u64 i = 0; i < blocks; i++)
		h = rotl32(h ^ rotl32(LOAD32(mem + 4 * i) * 0xcc9e2d51u, 15) * 0x1b873593u, 13) * 5 + 0xe6546b64u;
	switch (len & 3) {
	case 3: k ^= (u32)mem[4 * blocks + 2] << 16; /* fallthrough */
	case 2: k ^= (u32)mem[4 * blocks + 1] << 8; /* fallthrough */
	case 1: h ^= rotl32((k ^ mem[4 * blocks]) * 0xcc9e2d51u, 15) * 0x1b873593u;
	}
	h ^= (u32)len;
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

PROGRAM(small_hashes)
{
	u64 fnv = 0xcbf29ce484222325;
	u32 djb = 5381, jenkins = 0;
	for (u64 i = 0; i < len; i++) {
		fnv = (fnv ^ mem[i]) * 0x100000001b3;
		djb = djb * 33 + mem[i];
		jenkins += mem[i];
		jenkins += jenkins << 10;
		jenkins ^= jenkins >> 6;
	}
	return fnv ^ (u64)djb << 32 ^ jenkins;
}
