/* Sorts records in place, most hits first, and gives the key of the third.
 * The memory is an array of records; what is left over at the end is ignored. */
#include "../bpf/barrier.h"
#include "../bpf/mem.h"

struct record {
	u32 key, hits;
};

static __noinline int before(const struct record *a, const struct record *b)
{
	if (a->hits != b->hits)
		return a->hits > b->hits;
	return a->key < b->key;
}

#define SIZE sizeof(struct record)

SEC("mem")
u64 topk(void *mem, u64 len)
{
	u8 *p = mem;

	for (u64 n = 2 * SIZE; n <= len; n += SIZE) {
		/* The last record of the first n bytes moves up to its place. */
		for (u64 end = n; end >= 2 * SIZE; end -= SIZE) {
			barrier_var(end);
			if (end > len)
				break;
			struct record *b = (void *)(p + end - SIZE), *a = b - 1, x = *b;
			if (!before(b, a))
				break;
			*b = *a;
			*a = x;
		}
	}
	return len >= 3 * SIZE ? ((struct record *)mem)[2].key : 0;
}
