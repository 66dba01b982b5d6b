// Fields of bits as drivers have them: registers, a descriptor ring, BCD clocks, signed samples of 12 bits, CAN signals.
// in: "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x0f\xed\xcb\xa9\x87\x65\x43\x21\x00\x80\xff\x7f"
#include "prelude.h"

struct control { u32 enable : 1, mode : 3, divider : 12; i32 offset : 9; u32 spare : 7; };
struct descriptor { u64 address : 48, length : 14, last : 1, own : 1; };
struct __attribute__((packed)) sample { i16 left : 12; u16 flags : 3; i8 gain : 5; u32 time : 28; };
union word { u64 all; u32 half[2]; u16 quarter[4]; u8 byte[8]; i8 small[8]; struct descriptor d; };

static struct control shadow;
static struct descriptor ring[4];

NOINLINE u8 bcd(u8 v) { return (u8)((v >> 4) * 10 + (v & 15)); }

PROGRAM(registers)
{
	u64 h = 0;
	for (u64 i = 0; i + 8 <= len; i += 3) {
		union word w = {.all = LOAD64(mem + i)};
		struct control c;
		memcpy(&c, &w, sizeof c);
		if (c.enable)
			shadow = c;
		shadow.offset += c.offset;
		shadow.divider -= c.mode;
		FOLD(h, shadow.offset * c.offset);
		FOLD(h, shadow.divider);
		struct descriptor *d = &ring[i % 4];
		if (!d->own) {
			*d = w.d;
			d->own = 1;
		} else {
			d->length += w.quarter[1];
			d->address ^= w.d.address;
			d->own = d->last;
		}
		FOLD(h, d->address);
		FOLD(h, d->length << 2 | d->last << 1 | d->own);
		FOLD(h, w.small[3] * w.small[5] + (i16)w.quarter[2]);
		FOLD(h, bcd(w.byte[0]) * 3600 + bcd(w.byte[1]) * 60 + bcd(w.byte[2]));
	}
	return h;
}

PROGRAM(samples)
{
	i64 peak = 0, energy = 0;
	u64 h = 0;
	for (u64 i = 0; i + sizeof(struct sample) <= len; i += sizeof(struct sample)) {
		struct sample *s = (struct sample *)(mem + i);
		i32 v = s->left * (1 + s->gain);
		peak = v > peak ? v : -v > peak ? -v : peak;
		energy += (i64)v * v;
		s->flags ^= 5;
		s->gain = (i8)(s->gain >> 1);
		s->left = (i16)-s->left;
		FOLD(h, s->time);
	}
	return h ^ (u64)peak ^ (u64)energy << 20;
}

NOINLINE i64 signal(u64 frame, u32 start, u32 bits, bool sign)
{
	u64 v = frame >> start & (bits < 64 ? (1ull << bits) - 1 : ~0ull);
	return sign ? (i64)(v << (64 - bits)) >> (64 - bits) : (i64)v;
}

PROGRAM(can_bus)
{
	u64 h = 0;
	for (u64 i = 0; i + 8 <= len; i += 8) {
		u64 intel = LOAD64(mem + i), motorola = BE64(mem + i);
		for (u32 k = 0; k < 8; k++) {
			FOLD(h, signal(intel, 7 * k, k + 5, k & 1));
			FOLD(h, signal(motorola, 5 * k, 2 * k + 3, !(k & 1)));
		}
	}
	return h;
}
