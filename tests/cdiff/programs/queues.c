// A ring buffer, a binary heap of pairs, a bitmap allocator, a token bucket, a deque by indexes: commands are bytes.
// in: "\x01\x02\x83\x04\x85\x06\x07\x88\x89\x0a\x0b\x8c\xff\xfe\x00\x80"
// in: "pushpopPUSHPOP\x80\x81\x82\x83"
#include "prelude.h"

static struct { u32 head, tail, lost; u16 items[16]; } ring;

PROGRAM(ring_buffer)
{
	u64 h = 0;
	for (u64 i = 0; i < len; i++) {
		if (mem[i] & 0x80) {
			if (ring.head == ring.tail)
				continue;
			FOLD(h, ring.items[ring.tail++ % 16]);
		} else if (ring.head - ring.tail == 16) {
			ring.lost++;
		} else {
			ring.items[ring.head++ % 16] = (u16)(mem[i] * 257u + i);
		}
	}
	return h ^ (u64)ring.lost << 40 ^ (ring.head - ring.tail);
}

struct pair { i32 priority; u32 value; };
static struct { u32 n; struct pair items[32]; } heap;

NOINLINE void heap_push(struct pair p)
{
	u32 i = heap.n++;
	while (i > 0 && heap.items[(i - 1) / 2].priority > p.priority) {
		heap.items[i] = heap.items[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap.items[i] = p;
}

NOINLINE void heap_pop(struct pair *out)
{
	*out = heap.items[0];
	struct pair last = heap.items[--heap.n];
	u32 i = 0, child;
	while ((child = 2 * i + 1) < heap.n) {
		if (child + 1 < heap.n && heap.items[child + 1].priority < heap.items[child].priority)
			child++;
		if (heap.items[child].priority >= last.priority)
			break;
		heap.items[i] = heap.items[child];
		i = child;
	}
	heap.items[i] = last;
}

PROGRAM(priority_queue)
{
	u64 h = 0;
	struct pair p;
	heap.n = 0;
	for (u64 i = 0; i < len; i++) {
		if (heap.n < 32 && (mem[i] & 3) != 0)
			heap_push((struct pair){(i8)mem[i], (u32)i});
		else if (heap.n) {
			heap_pop(&p);
			FOLD(h, p.priority);
		}
	}
	while (heap.n) {
		heap_pop(&p);
		FOLD(h, p.value);
	}
	return h;
}

static u64 bitmap[2];

PROGRAM(allocator)
{
	u64 h = 0;
	for (u64 i = 0; i < len; i++) {
		u32 n = mem[i] & 0x7f;
		if (mem[i] & 0x80) {
			bitmap[n / 64] &= ~(1ull << n % 64);
			continue;
		}
		u32 w = ~bitmap[0] ? 0 : 1;
		if (!~bitmap[w])
			continue;
		u32 bit = (u32)__builtin_ctzll(~bitmap[w]);
		bitmap[w] |= 1ull << bit;
		FOLD(h, w * 64 + bit);
	}
	return h ^ bitmap[0] ^ rotl64(bitmap[1], 7);
}

static struct { u64 tokens, last; u32 passed, dropped; } bucket = {.tokens = 1000};

PROGRAM(token_bucket)
{
	u64 now = bucket.last;
	for (u64 i = 0; i + 2 <= len; i += 2) {
		now += (u64)mem[i] * 1000003 % 4096;
		u64 tokens = bucket.tokens + (now - bucket.last) * 3 / 7, cost = 40 + mem[i + 1] * 6u;
		bucket.last = now;
		bucket.tokens = tokens > 1500 ? 1500 : tokens;
		if (bucket.tokens >= cost) {
			bucket.tokens -= cost;
			bucket.passed++;
			mem[i + 1] = 1;
		} else {
			bucket.dropped++;
			mem[i + 1] = 0;
		}
	}
	return (u64)bucket.passed << 32 | bucket.dropped;
}

struct link { u8 next, prev; };

PROGRAM(list_reverse)
{
	struct link *l = (struct link *)mem;
	u64 n = len / 2 < 64 ? len / 2 : 64, h = 0;
	if (!n)
		return 0;
	for (u64 i = 0; i < n; i++)
		l[i].next %= n;
	u8 at = 0, before = 0xff;
	for (u64 turns = 0; turns < n && at != 0xff; turns++) {
		u8 next = l[at].next;
		l[at].next = before == 0xff ? at : before;
		before = at;
		at = next == at ? 0xff : next;
		FOLD(h, before);
	}
	return h;
}
