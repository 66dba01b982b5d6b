// TLS (RFC 8446, 6066): finds the server's name in a ClientHello and hashes it.
// in: "\x16\x03\x01\x00\x45\x01\x00\x00\x41\x03\x03________________________________\x00\x00\x02\x13\x01\x01\x00\x00\x16\x00\x2b\x00\x02\x03\x04\x00\x00\x00\x0c\x00\x0a\x00\x00\x07foo.bar"
// in: "\x17\x03\x03\x00\x05hello"
#include "prelude.h"

struct cursor { const u8 *p; u64 at, len; bool bad; };

INLINE u64 take(struct cursor *c, u32 bytes)
{
	u64 v = 0;
	if (c->bad || c->len - c->at < bytes) {
		c->bad = 1;
		return 0;
	}
	for (u32 i = 0; i < bytes; i++)
		v = v << 8 | c->p[c->at++];
	return v;
}

NOINLINE void skip(struct cursor *c, u64 n)
{
	if (c->bad || n > c->len - c->at)
		c->bad = 1;
	else
		c->at += n;
}

PROGRAM(tls)
{
	struct cursor c = {mem, 0, len, 0};
	u64 h = 5381;
	if (take(&c, 1) != 22)
		return 1;
	skip(&c, 4);
	if (take(&c, 1) != 1)
		return 2;
	skip(&c, 3 + 2 + 32);
	skip(&c, take(&c, 1));
	skip(&c, take(&c, 2));
	skip(&c, take(&c, 1));
	u64 end = take(&c, 2);
	end += c.at;
	while (!c.bad && c.at < end) {
		u64 kind = take(&c, 2), n = take(&c, 2);
		if (kind != 0) {
			skip(&c, n);
			continue;
		}
		skip(&c, 3);
		n = take(&c, 2);
		if (c.bad || n > c.len - c.at)
			return 3;
		for (u64 i = 0; i < n; i++)
			h = h * 33 ^ mem[c.at + i];
		return h;
	}
	return c.bad ? 4 : 5;
}
