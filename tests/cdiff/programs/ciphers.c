// ChaCha20 (RFC 8439) over the memory, RC4, XTEA both ways, one block of AES-128 with a computed S-box.
// in: "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
// in: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
#include "prelude.h"

#define QUARTER(a, b, c, d) do { \
	a += b; d = rotl32(d ^ a, 16); c += d; b = rotl32(b ^ c, 12); \
	a += b; d = rotl32(d ^ a, 8); c += d; b = rotl32(b ^ c, 7); \
} while (0)

NOINLINE void chacha(u32 *x, const u32 *s)
{
	for (int i = 0; i < 16; i++)
		x[i] = s[i];
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 4; j++)
			QUARTER(x[j], x[j + 4], x[j + 8], x[j + 12]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (int i = 0; i < 16; i++)
		x[i] += s[i];
}

PROGRAM(chacha20)
{
	u32 s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];
	for (u32 i = 4; i < 12; i++)
		s[i] = i * 0x01010101u;
	s[12] = 1;
	s[13] = (u32)len;
	for (u64 at = 0; at < len; at += 64, s[12]++) {
		chacha(x, s);
		for (u32 i = 0; i < 64 && at + i < len; i++)
			mem[at + i] ^= (u8)(x[i / 4] >> 8 * (i % 4));
	}
	return s[12];
}

PROGRAM(rc4)
{
	static u8 s[256];
	u8 i, j = 0;
	static const char key[] = "Secret";
	for (u32 k = 0; k < 256; k++)
		s[k] = (u8)k;
	for (u32 k = 0; k < 256; k++) {
		j = (u8)(j + s[k] + (u8)key[k % (sizeof key - 1)]);
		u8 t = s[k]; s[k] = s[j]; s[j] = t;
	}
	i = j = 0;
	for (u64 k = 0; k < len; k++) {
		i++;
		j = (u8)(j + s[i]);
		u8 t = s[i]; s[i] = s[j]; s[j] = t;
		mem[k] ^= s[(u8)(s[i] + s[j])];
	}
	return j;
}

PROGRAM(xtea)
{
	static const u32 key[4] = {0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f};
	u64 differ = 0;
	for (u64 at = 0; at + 8 <= len; at += 8) {
		u32 a = BE32(mem + at), b = BE32(mem + at + 4), sum = 0, x, y;
		for (int i = 0; i < 32; i++) {
			a += ((b << 4 ^ b >> 5) + b) ^ (sum + key[sum & 3]);
			sum += 0x9e3779b9;
			b += ((a << 4 ^ a >> 5) + a) ^ (sum + key[sum >> 11 & 3]);
		}
		x = a, y = b;
		for (int i = 0; i < 32; i++) {
			y -= ((x << 4 ^ x >> 5) + x) ^ (sum + key[sum >> 11 & 3]);
			sum -= 0x9e3779b9;
			x -= ((y << 4 ^ y >> 5) + y) ^ (sum + key[sum & 3]);
		}
		differ += x != BE32(mem + at) || y != BE32(mem + at + 4);
		STORE32(mem + at, __builtin_bswap32(a));
		STORE32(mem + at + 4, __builtin_bswap32(b));
	}
	return differ;
}

static u8 box[256];

NOINLINE void fill_box(void)
{
	u8 p = 1, q = 1;
	do {
		p = (u8)(p ^ p << 1 ^ (p & 0x80 ? 0x1b : 0));
		q ^= (u8)(q << 1);
		q ^= (u8)(q << 2);
		q ^= (u8)(q << 4);
		if (q & 0x80)
			q ^= 0x09;
		u32 r = q * 0x101u;
		box[p] = (u8)(q ^ r >> 7 ^ r >> 6 ^ r >> 5 ^ r >> 4 ^ 0x63);
	} while (p != 1);
	box[0] = 0x63;
}

INLINE u8 twice(u8 x) { return (u8)(x << 1 ^ (x >> 7) * 0x1b); }

NOINLINE void aes_round(u8 *s, const u8 *key, bool last)
{
	u8 t[16];
	for (u32 i = 0; i < 16; i++)
		t[i] = box[s[(i + 4 * (i % 4)) % 16]];
	for (u32 c = 0; c < 16; c += 4) {
		u8 all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];
		for (u32 r = 0; r < 4; r++) {
			u8 v = t[c + r];
			if (!last)
				v ^= all ^ twice(v ^ t[c + (r + 1) % 4]);
			s[c + r] = v ^ key[c + r];
		}
	}
}

PROGRAM(aes128)
{
	u8 key[16], rcon = 1;
	if (len < 32)
		return 0;
	if (!box[0])
		fill_box();
	memcpy(key, mem + 16, 16);
	for (u32 i = 0; i < 16; i++)
		mem[i] ^= key[i];
	for (u32 round = 1; round <= 10; round++) {
		u8 first[4] = {box[key[13]] ^ rcon, box[key[14]], box[key[15]], box[key[12]]};
		for (u32 i = 0; i < 16; i++)
			key[i] ^= i < 4 ? first[i] : key[i - 4];
		rcon = twice(rcon);
		aes_round(mem, key, round == 10);
	}
	return LOAD64(mem);
}
