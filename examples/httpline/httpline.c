/* Reads the first line of an HTTP request with a state machine, each state a
 * function of its own:
 *
 *     method SP path SP "HTTP/1." digit CR LF
 *
 * Gives (method length << 32 | path length << 8 | minor version), 0 if it is malformed. */
#include "../bpf/mem.h"

enum state { METHOD, PATH, VERSION, LF, DONE, BAD };

struct line {
	u32 method, path, version, minor;
};

static __noinline u32 in_method(struct line *l, u8 c)
{
	if (c == ' ')
		return l->method ? PATH : BAD;
	if (c < 'A' || c > 'Z')
		return BAD;
	l->method++;
	return METHOD;
}

static __noinline u32 in_path(struct line *l, u8 c)
{
	if (c == ' ')
		return l->path ? VERSION : BAD;
	if (c <= ' ' || c == 0x7f || (!l->path && c != '/'))
		return BAD;
	l->path++;
	return PATH;
}

static const char version[8] = "HTTP/1.";

static __noinline u32 in_version(struct line *l, u8 c)
{
	u32 at = l->version++;

	if (at < 7)
		return c == version[at & 7] ? VERSION : BAD;
	if (at == 7 && c >= '0' && c <= '9') {
		l->minor = c - '0';
		return VERSION;
	}
	return at == 8 && c == '\r' ? LF : BAD;
}

static __noinline u32 step(struct line *l, u32 state, u8 c)
{
	switch (state) {
	case METHOD:
		return in_method(l, c);
	case PATH:
		return in_path(l, c);
	case VERSION:
		return in_version(l, c);
	case LF:
		return c == '\n' ? DONE : BAD;
	}
	return BAD;
}

SEC("mem")
u64 httpline(void *mem, u64 len)
{
	const u8 *p = mem;
	struct line l = {};
	u32 state = METHOD;

	for (u64 i = 0; i < len && state < DONE; i++)
		state = step(&l, state, p[i]);
	if (state != DONE)
		return 0;
	return (u64)l.method << 32 | l.path << 8 | l.minor;
}
