// Matrices of 4×4: products modulo 2^32, powers, a determinant over a prime field, a transpose in place.
// in: "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x11"
#include "prelude.h"

#define N 4
#define P 65521u

NOINLINE void multiply(u32 *c, const u32 *a, const u32 *b)
{
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			u32 s = 0;
			for (int k = 0; k < N; k++)
				s += a[i * N + k] * b[k * N + j];
			c[i * N + j] = s;
		}
}

NOINLINE u32 inverse(u32 a)
{
	u64 r = 1, x = a;
	for (u32 e = P - 2; e; e >>= 1, x = x * x % P)
		if (e & 1)
			r = r * x % P;
	return (u32)r;
}

NOINLINE u32 determinant(u32 *m)
{
	u64 det = 1;
	for (int c = 0; c < N; c++) {
		int p = c;
		while (p < N && m[p * N + c] == 0)
			p++;
		if (p == N)
			return 0;
		if (p != c) {
			for (int k = 0; k < N; k++) {
				u32 t = m[p * N + k];
				m[p * N + k] = m[c * N + k];
				m[c * N + k] = t;
			}
			det = P - det;
		}
		det = det * m[c * N + c] % P;
		u64 inv = inverse(m[c * N + c]);
		for (int r = c + 1; r < N; r++) {
			u64 f = m[r * N + c] * inv % P;
			for (int k = c; k < N; k++)
				m[r * N + k] = (u32)((m[r * N + k] + (P - f) * m[c * N + k]) % P);
		}
	}
	return (u32)det;
}

PROGRAM(matrix)
{
	u32 a[N * N], b[N * N], c[N * N];
	u64 h = 0;
	if (len < N * N)
		return 0;
	for (int i = 0; i < N * N; i++)
		a[i] = b[i] = mem[i];
	for (int i = 0; i < 5; i++) {
		multiply(c, a, b);
		memcpy(b, c, sizeof b);
	}
	for (int i = 0; i < N * N; i++) {
		FOLD(h, b[i]);
		b[i] = a[i] % P;
	}
	for (int i = 0; i < N; i++)
		for (int j = i + 1; j < N; j++) {
			u8 t = mem[i * N + j];
			mem[i * N + j] = mem[j * N + i];
			mem[j * N + i] = t;
		}
	return h ^ (u64)determinant(b) << 32;
}
