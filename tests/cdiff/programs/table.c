// A hash table with open addressing, backward-shift deletion, counters and iteration; keys are words of the text.
// in: "to be or not to be that is the question -to +be"
// in: "a b c d e f g h i j k l m n o p q r s t u v w x y z -a -b -c a b"
#include "prelude.h"

#define SLOTS 32
struct slot { u64 key; u32 count; u32 first; };
static struct slot slots[SLOTS];

INLINE u32 home(u64 key) { return (u32)(key * 0x9e3779b97f4a7c15ull >> 59); }

NOINLINE struct slot *find(u64 key)
{
	for (u32 i = home(key), n = 0; n < SLOTS; n++, i = (i + 1) % SLOTS)
		if (slots[i].key == key || !slots[i].key)
			return &slots[i];
	return 0;
}

NOINLINE void erase(struct slot *s)
{
	u32 hole = (u32)(((u64)s - (u64)slots) / sizeof *s);
	for (u32 n = 1, i = (hole + 1) % SLOTS; n < SLOTS && slots[i].key; n++, i = (i + 1) % SLOTS) {
		if ((i - home(slots[i].key)) % SLOTS >= (i - hole) % SLOTS) {
			slots[hole] = slots[i];
			hole = i;
		}
	}
	slots[hole] = (struct slot){0};
}

PROGRAM(word_table)
{
	u64 h = 0, key = 0;
	u32 live = 0;
	memset(slots, 0, sizeof slots);
	for (u64 i = 0; i <= len; i++) {
		u8 c = i < len ? mem[i] : ' ';
		if (c != ' ') {
			key = key * 257 + c;
			continue;
		}
		u64 k = key;
		key = 0;
		if (!k)
			continue;
		struct slot *s = find(k);
		if (!s)
			continue;
		if (s->key && k % 5 == 0) {
			erase(s);
			live--;
		} else if (s->key) {
			s->count++;
		} else if (live < SLOTS - 4) {
			*s = (struct slot){k, 1, (u32)i};
			live++;
		}
	}
	for (u32 i = 0; i < SLOTS; i++) {
		FOLD(h, slots[i].key);
		FOLD(h, (u64)slots[i].count << 32 | slots[i].first);
	}
	return h;
}
