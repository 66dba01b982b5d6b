// Statistics: histogram and percentiles, variance by integers, a Bloom filter, reservoir sampling, HyperLogLog's registers, random numbers.
// in: "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"
// in: "mississippi river"
#include "prelude.h"

static u32 histogram[256];
static volatile u64 total;

PROGRAM(percentiles)
{
	u64 h = 0, seen = 0;
	for (u64 i = 0; i < len; i++) {
		ATOMIC_ADD(&histogram[mem[i]], 1);
		ATOMIC_ADD(&total, mem[i] | 1);
	}
	u64 n = 0;
	for (u32 i = 0; i < 256; i++)
		n += histogram[i];
	for (u32 i = 0; i < 256; i++) {
		u64 before = seen;
		seen += histogram[i];
		for (u32 p = 1; p < 4; p++)
			if (before * 4 < n * p && seen * 4 >= n * p)
				h = h << 8 | i;
	}
	return h ^ total << 24;
}

PROGRAM(variance)
{
	i64 sum = 0, squares = 0, n = (i64)len;
	if (!n)
		return 0;
	for (i64 i = 0; i < n; i++) {
		i64 v = (i8)mem[i];
		sum += v;
		squares += v * v;
	}
	i64 mean = sdiv64(sum * 1000, n);
	return (u64)(sdiv64(squares * 1000000, n) - mean * mean) ^ (u64)mean << 48;
}

static u64 bloom[8];

PROGRAM(bloom_filter)
{
	u64 known = 0;
	memset(bloom, 0, sizeof bloom);
	for (u64 i = 0; i + 3 <= len; i++) {
		u64 k = ((u64)mem[i] << 16 | mem[i + 1] << 8 | mem[i + 2]) * 0xff51afd7ed558ccdull;
		bool all = 1;
		for (u32 j = 0; j < 3; j++, k = rotl64(k, 21)) {
			u32 bit = k >> 55;
			all &= bloom[bit / 64] >> bit % 64 & 1;
			bloom[bit / 64] |= 1ull << bit % 64;
		}
		known += all;
	}
	return known;
}

static u64 state[4] = {1, 2, 3, 4};

NOINLINE u64 xoshiro(void)
{
	u64 r = rotl64(state[1] * 5, 7) * 9, t = state[1] << 17;
	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= t;
	state[3] = rotl64(state[3], 45);
	return r;
}

PROGRAM(reservoir)
{
	u8 kept[8] = {0};
	for (u64 i = 0; i < len; i++) {
		u64 j = i < 8 ? i : xoshiro() % (i + 1);
		if (j < 8)
			kept[j] = mem[i];
	}
	return LOAD64(kept);
}

PROGRAM(shuffle)
{
	for (u64 i = len; i > 1; i--) {
		u64 j = (u64)(u32)xoshiro() * i >> 32;
		u8 t = mem[i - 1];
		mem[i - 1] = mem[j];
		mem[j] = t;
	}
	return state[0];
}

PROGRAM(hyperloglog)
{
	u8 registers[16] = {0};
	u64 sum = 0;
	for (u64 i = 0; i + 2 <= len; i++) {
		u64 h = LOAD16(mem + i) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
		h *= 0xbf58476d1ce4e5b9ull;
		u8 rank = (u8)(__builtin_clzll(h << 4 | 8) + 1);
		if (registers[h >> 60] < rank)
			registers[h >> 60] = rank;
	}
	for (u32 i = 0; i < 16; i++)
		sum += 1ull << (63 - registers[i]);
	return sum;
}

static u32 twister[32];

PROGRAM(mersenne)
{
	u64 h = 0;
	twister[0] = len ? mem[0] : 5489;
	for (u32 i = 1; i < 32; i++)
		twister[i] = 1812433253u * (twister[i - 1] ^ twister[i - 1] >> 30) + i;
	for (u32 i = 0; i < 64; i++) {
		u32 y = (twister[i % 32] & 0x80000000u) | (twister[(i + 1) % 32] & 0x7fffffffu);
		twister[i % 32] = twister[(i + 13) % 32] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
		y = twister[i % 32];
		y ^= y >> 11;
		y ^= y << 7 & 0x9d2c5680u;
		y ^= y << 15 & 0xefc60000u;
		FOLD(h, y ^ y >> 18);
	}
	return h;
}
