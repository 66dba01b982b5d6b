// A scanner of JSON: tokens, nesting by a stack of bits, numbers with signs and fractions.
// in: "{\"a\": [1, -2.50, 3e2], \"b\": {\"c\": \"x\\\"y\\u0041\"}, \"t\": true, \"n\": null}"
// in: "[[[[]]]]"
// in: "{\"broken\": [1, 2}"
#include "prelude.h"

struct scan { u64 at, h; u64 stack; u32 depth, tokens; };

NOINLINE bool word(const u8 *mem, u64 len, u64 at, const char *w)
{
	for (u32 i = 0; i < 5 && w[i]; i++)
		if (at + i >= len || mem[at + i] != (u8)w[i])
			return 0;
	return 1;
}

NOINLINE i32 string(struct scan *s, const u8 *mem, u64 len)
{
	for (s->at++; s->at < len; s->at++) {
		u8 c = mem[s->at];
		if (c == '"')
			return 0;
		if (c == '\\' && ++s->at >= len)
			return -1;
		FOLD(s->h, mem[s->at]);
	}
	return -1;
}

NOINLINE void number(struct scan *s, const u8 *mem, u64 len)
{
	i64 v = 0;
	u32 digits = 0;
	bool negative = mem[s->at] == '-', fraction = 0;
	for (s->at += negative; s->at < len; s->at++) {
		u8 c = mem[s->at];
		if (c == '.' || c == 'e' || c == '+' || c == '-') {
			fraction = 1;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		if (digits < 18)
			v = v * 10 + (c - '0'), digits++;
	}
	s->at--;
	FOLD(s->h, negative ? -v : v);
	FOLD(s->h, digits << 1 | fraction);
}

PROGRAM(json)
{
	struct scan s = {0};
	for (; s.at < len; s.at++) {
		u8 c = mem[s.at];
		s.tokens++;
		switch (c) {
		case ' ': case '\t': case '\n': case '\r':
			s.tokens--;
			break;
		case '{': case '[':
			if (s.depth == 64)
				return 1;
			s.stack = s.stack << 1 | (c == '{');
			s.depth++;
			break;
		case '}': case ']':
			if (!s.depth || (s.stack & 1) != (c == '}'))
				return 2ull << 32 | s.at;
			s.stack >>= 1;
			s.depth--;
			break;
		case ',': case ':':
			break;
		case '"':
			if (string(&s, mem, len) < 0)
				return 3;
			break;
		case 't': case 'n':
			if (!word(mem, len, s.at, c == 't' ? "true" : "null"))
				return 4;
			s.at += 3;
			break;
		case 'f':
			if (!word(mem, len, s.at, "false"))
				return 5;
			s.at += 4;
			break;
		default:
			if (c != '-' && (c < '0' || c > '9'))
				return 6ull << 32 | s.at;
			number(&s, mem, len);
		}
		FOLD(s.h, c);
	}
	return s.depth ? 7 : s.h ^ s.tokens;
}
