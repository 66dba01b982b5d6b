// A cache of eight keys with the least recently used one evicted: a doubly linked list in .bss.
// in: "abcabcdefghijabcaz"
// in: "aaaaaaaabbbbbbbb"
// in: "the quick brown fox jumps over the lazy dog"
#include "prelude.h"

#define SLOTS 8
struct node { i8 prev, next; u8 key, used; u32 hits; };
static struct node nodes[SLOTS];
static i8 head, tail;

NOINLINE void unlink_node(i8 n)
{
	struct node *x = &nodes[n & 7];
	if (x->prev >= 0)
		nodes[x->prev].next = x->next;
	else
		head = x->next;
	if (x->next >= 0)
		nodes[x->next].prev = x->prev;
	else
		tail = x->prev;
}

NOINLINE void push_front(i8 n)
{
	struct node *x = &nodes[n & 7];
	x->prev = -1;
	x->next = head;
	if (head >= 0)
		nodes[head].prev = n;
	head = n;
	if (tail < 0)
		tail = n;
}

NOINLINE i8 find(u8 key)
{
	for (i8 i = head, turns = 0; i >= 0 && turns < SLOTS; i = nodes[i].next, turns++)
		if (nodes[i].key == key)
			return i;
	return -1;
}

PROGRAM(lru)
{
	u64 h = 0;
	u32 misses = 0, count = 0;

	memset(nodes, 0, sizeof nodes);
	head = tail = -1;
	for (u64 i = 0; i < len; i++) {
		i8 n = find(mem[i]);
		if (n < 0) {
			misses++;
			if (count < SLOTS) {
				n = (i8)count++;
			} else {
				n = tail;
				unlink_node(n);
				FOLD(h, nodes[n].hits);
			}
			nodes[n].key = mem[i];
			nodes[n].hits = 0;
		} else {
			unlink_node(n);
		}
		nodes[n].hits++;
		push_front(n);
		mem[i] = (u8)n;
	}
	for (i8 i = head, turns = 0; i >= 0 && turns < SLOTS; i = nodes[i].next, turns++)
		FOLD(h, nodes[i].key);
	return h ^ misses;
}
