// Work on text: numbers read and written, glob patterns, Levenshtein's distance, Roman numerals, case, Caesar, words.
// in: "a*b?c:aXXbYc"
// in: "-9223372036854775808:1994"
// in: "kitten:sitting"
// in: "*:*"
#include "prelude.h"

NOINLINE u64 colon(const u8 *mem, u64 len)
{
	for (u64 i = 0; i < len; i++)
		if (mem[i] == ':')
			return i;
	return len;
}

PROGRAM(glob)
{
	u64 m = colon(mem, len), p = 0, s = m + 1, star = ~0ull, back = 0, steps = 0;
	while (s < len) {
		steps++;
		if (p < m && (mem[p] == '?' || (mem[p] == mem[s] && mem[p] != '*'))) {
			p++, s++;
		} else if (p < m && mem[p] == '*') {
			star = p++;
			back = s;
		} else if (star != ~0ull) {
			p = star + 1;
			s = ++back;
		} else {
			return steps << 1;
		}
	}
	while (p < m && mem[p] == '*')
		p++;
	return steps << 1 | (p == m);
}

PROGRAM(levenshtein)
{
	u8 row[48];
	u64 m = colon(mem, len), n = len > m ? len - m - 1 : 0;
	if (m >= 40 || n >= 40)
		return ~0ull;
	for (u32 j = 0; j <= n; j++)
		row[j] = (u8)j;
	for (u32 i = 1; i <= m; i++) {
		u8 corner = row[0];
		row[0] = (u8)i;
		for (u32 j = 1; j <= n; j++) {
			u8 change = corner + (mem[i - 1] != mem[m + j]), best = change;
			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

NOINLINE u64 print_decimal(u8 *out, u64 room, u64 v)
{
	u8 digits[20];
	u64 n = 0;
	do
		digits[n++] = (u8)('0' + v % 10);
	while (v /= 10);
	for (u64 i = 0; i < n && i < room; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

PROGRAM(numbers)
{
	u64 v = 0, i = 0;
	bool negative = len > 0 && mem[0] == '-';
	for (i = negative; i < len && mem[i] >= '0' && mem[i] <= '9'; i++) {
		u64 next = v * 10 + (mem[i] - '0');
		if (v > 0x1999999999999999ull || next < v * 10)
			return ~0ull;
		v = next;
	}
	u64 n = print_decimal(mem, len, negative ? v ^ 0x5555 : v / 3);
	return (negative ? -v : v) ^ n << 56;
}

PROGRAM(roman)
{
	static const struct { char s[3]; u16 v; } parts[] = {
		{"M", 1000}, {"CM", 900}, {"D", 500}, {"CD", 400}, {"C", 100}, {"XC", 90}, {"L", 50},
		{"XL", 40}, {"X", 10}, {"IX", 9}, {"V", 5}, {"IV", 4}, {"I", 1},
	};
	u64 out = 0, sum = 0;
	u32 v = len >= 2 ? LOAD16(mem) % 4000 : 1994;
	for (u32 i = 0; i < sizeof parts / sizeof *parts; i++)
		for (; v >= parts[i].v; v -= parts[i].v)
			for (u32 k = 0; k < 3 && parts[i].s[k]; k++, out++) {
				sum = sum * 31 + (u8)parts[i].s[k];
				if (out < len)
					mem[out] = (u8)parts[i].s[k];
			}
	return sum;
}

PROGRAM(words)
{
	u64 count = 0, longest = 0, run = 0, palindromes = 0;
	for (u64 i = 0; i <= len; i++) {
		u8 c = i < len ? mem[i] | 32 : ' ';
		if (c >= 'a' && c <= 'z') {
			run++;
			mem[i] = (u8)((c - 'a' + 13u) % 26 + 'A');
			continue;
		}
		if (run) {
			u64 a = i - run, b = i - 1;
			while (a < b && mem[a] == mem[b])
				a++, b--;
			palindromes += a >= b;
			count++;
			longest = run > longest ? run : longest;
		}
		run = 0;
	}
	return count << 32 | longest << 16 | palindromes;
}
