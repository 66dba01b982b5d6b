// Coding and decoding: base64, hex, varint, UTF-8, LZ, run lengths, DNS names.
#include "lang.h"

struct io {
	__u8 in[256];
	__u8 out[512];
	__u32 n;
};

ARRAY(ios, struct io, 1);

INLINE struct io *get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ios, &zero);
}

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

SEC("raw_tp/sys_enter")
int base64(void *ctx)
{
	struct io *io = get();
	__u32 i, o = 0;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 48; i += 3) {
		__u32 v = io->in[i] << 16 | io->in[i + 1] << 8 | io->in[i + 2];

		io->out[o++ & 511] = alphabet[v >> 18];
		io->out[o++ & 511] = alphabet[v >> 12 & 63];
		io->out[o++ & 511] = alphabet[v >> 6 & 63];
		io->out[o++ & 511] = alphabet[v & 63];
	}
	io->n = o;
	return 0;
}

SEC("raw_tp/sys_enter")
int unbase64(void *ctx)
{
	struct io *io = get();
	__u32 i, acc = 0, bits = 0, o = 0;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 32; i++) {
		__u8 c = io->in[i];
		__u32 v;

		if (c >= 'A' && c <= 'Z')
			v = c - 'A';
		else if (c >= 'a' && c <= 'z')
			v = c - 'a' + 26;
		else if (c >= '0' && c <= '9')
			v = c - '0' + 52;
		else if (c == '+' || c == '/')
			v = 62 + (c == '/');
		else
			break;
		acc = acc << 6 | v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (o < sizeof(io->out))
				io->out[o++] = acc >> bits;
		}
	}
	io->n = o;
	return 0;
}

SEC("raw_tp/sys_enter")
int hex(void *ctx)
{
	struct io *io = get();
	__u32 i;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 256; i++) {
		__u8 h = io->in[i] >> 4, l = io->in[i] & 15;

		io->out[2 * i] = h < 10 ? '0' + h : 'a' + h - 10;
		io->out[2 * i + 1] = l < 10 ? '0' + l : 'a' + l - 10;
	}
	return 0;
}

SEC("raw_tp/sys_enter")
int varint(void *ctx)
{
	struct io *io = get();
	__u64 v = 0;
	__u32 i, shift = 0;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 10; i++) {
		__u8 b = io->in[i];

		v |= (__u64)(b & 127) << (shift & 63);
		shift += 7;
		if (!(b & 128))
			break;
	}
	*(__u64 *)io->out = v;
	return 0;
}

// A series of varints: the position moves by what was read.
SEC("raw_tp/sys_enter")
int varints(void *ctx)
{
	struct io *io = get();
	__u32 pos = 0, i, j;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 8; i++) {
		__u32 v = 0;

ROLLED
		for (j = 0; j < 4; j++) {
			__u8 b = io->in[pos & 255];

			pos++;
			v = v << 7 | (b & 127);
			if (b < 128)
				break;
		}
		*(__u32 *)&io->out[i * 4] = v;
	}
	return 0;
}

SEC("raw_tp/sys_enter")
int utf8(void *ctx)
{
	struct io *io = get();
	__u32 i, need = 0;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 64; i++) {
		__u8 c = io->in[i];

		if (need) {
			if ((c & 0xc0) != 0x80)
				return 1;
			need--;
		} else if (c >= 0xf0 && c < 0xf5) {
			need = 3;
		} else if (c >= 0xe0 && c < 0xf0) {
			need = 2;
		} else if (c >= 0xc2 && c < 0xe0) {
			need = 1;
		} else if (c >= 0x80) {
			return 1;
		}
	}
	io->n = need;
	return 0;
}

SEC("raw_tp/sys_enter")
int lz(void *ctx)
{
	struct io *io = get();
	__u32 i = 0, o = 0, step, k;

	if (!io)
		return 0;
ROLLED
	for (step = 0; step < 4; step++) {
		__u8 t = io->in[i++ & 255], back, len;

		if (t < 128) {
			io->out[o++ & 511] = t;
			continue;
		}
		back = io->in[i++ & 255];
		len = (t & 7) + 1;
ROLLED
		for (k = 0; k < 8; k++) {
			if (k >= len)
				break;
			io->out[o & 511] = io->out[(o - back) & 511];
			o++;
		}
	}
	io->n = o;
	return 0;
}

SEC("raw_tp/sys_enter")
int run_lengths(void *ctx)
{
	struct io *io = get();
	__u32 i, o = 0, run = 1;

	if (!io)
		return 0;
ROLLED
	for (i = 1; i < 14; i++) {
		if (io->in[i] == io->in[i - 1]) {
			run++;
			continue;
		}
		io->out[o & 511] = run;
		io->out[(o + 1) & 511] = io->in[i - 1];
		o += 2;
		run = 1;
	}
	return 0;
}

// Labels of a DNS name in a packet, dots put between them.
SEC("xdp")
int dns(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data + 54, *end = (void *)(long)ctx->data_end;
	struct io *io = get();
	__u32 i, left = 0;

	if (!io)
		return XDP_PASS;
ROLLED
	for (i = 0; i < 64; i++) {
		__u8 c;

		if (p + 1 > end)
			return XDP_PASS;
		c = *p++;
		if (left) {
			io->out[i] = c;
			left--;
			continue;
		}
		if (!c)
			break;
		left = c & 63;
		io->out[i] = '.';
	}
	return XDP_PASS;
}

// A bit reader.
SEC("raw_tp/sys_enter")
int bits(void *ctx)
{
	struct io *io = get();
	__u32 pos = 0, i, j;

	if (!io)
		return 0;
ROLLED
	for (i = 0; i < 16; i++) {
		__u32 width = (i & 7) + 1, v = 0;

ROLLED
		for (j = 0; j < width; j++, pos++)
			v = v << 1 | (io->in[(pos >> 3) & 255] >> (7 - (pos & 7)) & 1);
		io->out[i] = v;
	}
	return 0;
}

LICENSE("GPL");
