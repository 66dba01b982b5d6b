// HTTP/1.1: a request's method, path and headers by a state machine; the path is decoded in place.
// in: "GET /a%20b/c?x=1 HTTP/1.1\r\nHost: example.org\r\nContent-Length: 42\r\nConnection: keep-alive\r\n\r\nbody"
// in: "POST / HTTP/1.0\r\ncontent-length:  007 \r\n\r\n"
// in: "BREW /pot HTCPCP/1.0\r\n\r\n"
#include "prelude.h"

enum state { METHOD, PATH, VERSION, LF, NAME, VALUE, VALUE_LF, LAST_LF, BODY, ERROR };

static const struct { char name[8]; u8 n; u32 id; } methods[] = {
	{"GET", 3, 1}, {"POST", 4, 2}, {"PUT", 3, 3}, {"DELETE", 6, 4}, {"HEAD", 4, 5},
};

NOINLINE u32 method(const u8 *p, u64 n)
{
	for (u32 i = 0; i < sizeof methods / sizeof *methods; i++)
		if (methods[i].n == n && !memcmp(methods[i].name, p, n))
			return methods[i].id;
	return 0;
}

NOINLINE u8 hex(u8 c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 255;
}

PROGRAM(http)
{
	enum state s = METHOD;
	u64 mark = 0, length = 0, name = 0, h = 0, out = 0;
	u32 id = 0, headers = 0;
	for (u64 i = 0; i < len && s < BODY; i++) {
		u8 c = mem[i];
		switch (s) {
		case METHOD:
			if (c == ' ') {
				id = method(mem, i);
				s = id ? PATH : ERROR;
				out = mark = i + 1;
			}
			break;
		case PATH:
			if (c == ' ') {
				s = VERSION;
			} else if (c == '%' && i + 2 < len && hex(mem[i + 1]) < 16 && hex(mem[i + 2]) < 16) {
				mem[out] = (u8)(hex(mem[i + 1]) << 4 | hex(mem[i + 2]));
				i += 2;
				FOLD(h, mem[out++]);
			} else {
				mem[out++] = c;
				FOLD(h, c);
			}
			break;
		case VERSION:
			if (c == '\r')
				s = LF;
			break;
		case LF: case VALUE_LF:
			s = c == '\n' ? NAME : ERROR;
			name = 0;
			break;
		case NAME:
			if (c == '\r')
				s = LAST_LF;
			else if (c == ':')
				headers++, s = VALUE;
			else
				name = name * 131 + (c >= 'A' && c <= 'Z' ? c + 32 : c);
			break;
		case VALUE:
			if (c == '\r') {
				FOLD(h, name);
				s = VALUE_LF;
			} else if (c >= '0' && c <= '9') {
				length = length * 10 + (c - '0');
			}
			break;
		case LAST_LF:
			s = c == '\n' ? BODY : ERROR;
			break;
		default:
			break;
		}
	}
	return h ^ (u64)s << 60 ^ (u64)id << 56 ^ (u64)headers << 48 ^ length ^ (out - mark) << 32;
}
