// A matcher of simple patterns (letters, ., *, +, ?, ^, $, classes) by simulation of all states at once.
// in: "^a.*b+c?$:axxbbb"
// in: "[0-9]+:abc 42"
// in: "x*:"
// in: "[^a-c]z:dzaz"
#include "prelude.h"

struct atom { u8 kind, lo, hi, repeat; };
enum { LITERAL, ANY, RANGE, NOT_RANGE };
static struct atom atoms[32];

NOINLINE i32 compile(const u8 *p, u64 n)
{
	u32 count = 0;
	for (u64 i = 0; i < n; i++) {
		struct atom a = {LITERAL, p[i], p[i], 0};
		if (count == 31)
			return -1;
		if (p[i] == '.') {
			a.kind = ANY;
		} else if (p[i] == '[') {
			u64 k = i + 1;
			a.kind = RANGE;
			if (k < n && p[k] == '^')
				a.kind = NOT_RANGE, k++;
			if (k + 3 >= n || p[k + 1] != '-' || p[k + 3] != ']')
				return -2;
			a.lo = p[k];
			a.hi = p[k + 2];
			i = k + 3;
		}
		if (i + 1 < n && (p[i + 1] == '*' || p[i + 1] == '+' || p[i + 1] == '?'))
			a.repeat = p[++i];
		atoms[count++] = a;
	}
	return (i32)count;
}

INLINE bool matches(const struct atom *a, u8 c)
{
	switch (a->kind) {
	case ANY: return 1;
	case NOT_RANGE: return c < a->lo || c > a->hi;
	}
	return c >= a->lo && c <= a->hi;
}

/* States that are reached without reading anything. */
NOINLINE u32 closure(u32 states, u32 count)
{
	for (u32 i = 0; i < count && i < 31; i++)
		if (states >> i & 1 && (atoms[i].repeat == '*' || atoms[i].repeat == '?'))
			states |= 2u << i;
	return states;
}

NOINLINE u32 advance(u32 states, u32 count, u8 c)
{
	u32 next = 0;
	for (u32 i = 0; i < count && i < 31; i++) {
		if (!(states >> i & 1) || !matches(&atoms[i], c))
			continue;
		next |= 2u << i;
		if (atoms[i].repeat == '*' || atoms[i].repeat == '+')
			next |= 1u << i;
	}
	return next;
}

PROGRAM(regex)
{
	u64 m = 0;
	while (m < len && mem[m] != ':')
		m++;
	u64 first = 0, last = m;
	bool begin = m > 0 && mem[0] == '^', end = m > begin && mem[m - 1] == '$';
	first += begin;
	last -= end;
	i32 count = compile(mem + first, last - first);
	if (count < 0)
		return (u64)(i64)count;
	u32 states = closure(1, (u32)count);
	u64 found = ~0ull;
	for (u64 i = m + 1; i <= len; i++) {
		bool stop = i >= len;
		if (states >> count & 1 && (!end || stop)) {
			found = i;
			break;
		}
		if (stop)
			break;
		states = advance(states, (u32)count, mem[i]);
		states = closure(begin ? states : states | 1, (u32)count);
	}
	return found << 32 ^ states;
}
