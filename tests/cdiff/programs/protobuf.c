// A walk over the wire form of protocol buffers, down into messages to a depth of four.
// in: "\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x25\x01\x02\x03\x04\x29\x01\x02\x03\x04\x05\x06\x07\x08"
// in: "\x0a\x0a\x0a\x08\x0a\x06\x0a\x04\x08\x01\x10\x02\x10\x05"
#include "prelude.h"

struct walk { const u8 *p; u64 at, end; u64 h; u32 fields, errors; };

NOINLINE u64 read_varint(struct walk *w)
{
	u64 v = 0;
	for (u32 shift = 0; shift < 64; shift += 7) {
		if (w->at >= w->end)
			break;
		u8 b = w->p[w->at++];
		v |= (u64)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	w->errors++;
	return v;
}

PROGRAM(protobuf)
{
	struct walk w = {.p = mem, .end = len};
	u64 ends[4];
	u32 depth = 0;
	while (!w.errors) {
		while (depth > 0 && w.at >= w.end) {
			w.end = ends[--depth];
			FOLD(w.h, 0xeeu);
		}
		if (w.at >= w.end)
			break;
		u64 key = read_varint(&w), v = 0;
		w.fields++;
		switch (key & 7) {
		case 0:
			v = read_varint(&w);
			break;
		case 1:
			if (w.end - w.at < 8) { w.errors++; break; }
			v = LOAD64(mem + w.at);
			w.at += 8;
			break;
		case 2:
			v = read_varint(&w);
			if (v > w.end - w.at) { w.errors++; break; }
			if (key >> 3 == 1 && depth < 4) {
				ends[depth++] = w.end;
				w.end = w.at + v;
			} else {
				for (u64 i = 0; i < v; i++)
					FOLD(w.h, mem[w.at + i]);
				w.at += v;
			}
			break;
		case 5:
			if (w.end - w.at < 4) { w.errors++; break; }
			v = LOAD32(mem + w.at);
			w.at += 4;
			break;
		default:
			w.errors++;
		}
		FOLD(w.h, key);
		FOLD(w.h, v);
	}
	return w.h ^ (u64)w.fields << 8 ^ w.errors;
}
