// SipHash-2-4, with the first 16 bytes as the key.
// in: "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
#include "prelude.h"

#define ROUND(a, b, c, d) do { \
	a += b; b = rotl64(b, 13) ^ a; a = rotl64(a, 32); \
	c += d; d = rotl64(d, 16) ^ c; \
	a += d; d = rotl64(d, 21) ^ a; \
	c += b; b = rotl64(b, 17) ^ c; c = rotl64(c, 32); \
} while (0)

PROGRAM(siphash)
{
	if (len < 16)
		return 0;
	u64 k0 = LOAD64(mem), k1 = LOAD64(mem + 8), n = len - 16, last = n << 56;
	u64 a = k0 ^ 0x736f6d6570736575, b = k1 ^ 0x646f72616e646f6d, c = k0 ^ 0x6c7967656e657261, d = k1 ^ 0x7465646279746573;
	const u8 *p = mem + 16;
	for (; n >= 8; n -= 8, p += 8) {
		u64 m = LOAD64(p);
		d ^= m;
		ROUND(a, b, c, d);
		ROUND(a, b, c, d);
		a ^= m;
	}
	switch (n) {
	case 7: last |= (u64)p[6] << 48; /* fallthrough */
	case 6: last |= (u64)p[5] << 40; /* fallthrough */
	case 5: last |= (u64)p[4] << 32; /* fallthrough */
	case 4: last |= (u64)p[3] << 24; /* fallthrough */
	case 3: last |= (u64)p[2] << 16; /* fallthrough */
	case 2: last |= (u64)p[1] << 8; /* fallthrough */
	case 1: last |= p[0];
	}
	d ^= last;
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	a ^= last;
	c ^= 0xff;
	for (int i = 0; i < 4; i++)
		ROUND(a, b, c, d);
	return a ^ b ^ c ^ d;
}
