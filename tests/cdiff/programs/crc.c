// CRC-32 by bits and by a table that the first run fills, CRC-16/CCITT, CRC-8, Adler-32, Fletcher-16.
// in: "123456789"
// in: ""
#include "prelude.h"

static u32 table[256];
static u8 ready;

NOINLINE void fill(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;
		for (int k = 0; k < 8; k++)
			c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
		table[i] = c;
	}
	ready = 1;
}

PROGRAM(crc32_table)
{
	u32 c = ~0u;
	if (!ready)
		fill();
	for (u64 i = 0; i < len; i++)
		c = table[(u8)c ^ mem[i]] ^ c >> 8;
	return ~c;
}

PROGRAM(crc32_bits)
{
	u32 c = ~0u;
	for (u64 i = 0; i < len; i++) {
		c ^= mem[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (0xedb88320u & -(c & 1));
	}
	return ~c;
}

PROGRAM(small_sums)
{
	u16 c = 0xffff, f1 = 0, f2 = 0;
	u8 d = 0;
	u32 a = 1, b = 0;
	for (u64 i = 0; i < len; i++) {
		c ^= (u16)(mem[i] << 8);
		d ^= mem[i];
		for (int k = 0; k < 8; k++) {
			c = (u16)(c & 0x8000 ? c << 1 ^ 0x1021 : c << 1);
			d = (u8)(d & 0x80 ? d << 1 ^ 7 : d << 1);
		}
		a = (a + mem[i]) % 65521;
		b = (b + a) % 65521;
		f1 = (u16)((f1 + mem[i]) % 255);
		f2 = (u16)((f2 + f1) % 255);
	}
	return (u64)c << 48 ^ (u64)d << 40 ^ ((u64)b << 16 | a) ^ (u64)f2 << 12 ^ f1;
}
