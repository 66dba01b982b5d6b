// Longest prefix match of IPv4 in a binary trie whose nodes lie in .bss. Rules of six bytes, then addresses.
// in: "\x04\x0a\x00\x00\x00\x08\x01\x0a\x01\x00\x00\x10\x02\x0a\x01\x02\x00\x18\x03\x00\x00\x00\x00\x00\x09\x0a\x01\x02\x03\x0a\x01\x05\x01\x0a\xff\x00\x01\x08\x08\x08\x08"
// in: "\x02\xc0\xa8\x00\x00\x10\x07\xc0\xa8\x80\x00\x11\x08\xc0\xa8\x80\x01\xc0\xa8\x00\x01\x01\x02\x03\x04"
#include "prelude.h"

#define NODES 192
struct trie { u16 child[2]; u16 value; };
static struct trie nodes[NODES];
static u32 used;

NOINLINE bool insert(u32 prefix, u32 bits, u16 value)
{
	u32 n = 0;
	for (u32 i = 0; i < bits; i++) {
		u16 *next = &nodes[n].child[prefix >> (31 - i) & 1];
		if (!*next) {
			if (used == NODES)
				return 0;
			*next = (u16)used++;
		}
		n = *next;
	}
	nodes[n].value = value;
	return 1;
}

NOINLINE u16 lookup(u32 address)
{
	u16 best = 0, n = 0;
	for (i32 bit = 31; bit >= -1; bit--) {
		if (nodes[n].value)
			best = nodes[n].value;
		if (bit < 0 || !(n = nodes[n].child[address >> bit & 1]))
			break;
	}
	return best;
}

PROGRAM(trie)
{
	u64 at = 1, h = 0;
	memset(nodes, 0, sizeof nodes);
	used = 1;
	if (!len)
		return 0;
	for (u32 i = 0; i < mem[0] && at + 6 <= len; i++, at += 6)
		FOLD(h, insert(BE32(mem + at), mem[at + 4] % 33, (u16)(mem[at + 5] + 1)));
	for (; at + 4 <= len; at += 4)
		FOLD(h, lookup(BE32(mem + at)));
	return h + used;
}
