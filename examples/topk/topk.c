/* Sorts records in place, most hits first, and gives the key of the third.
 * The memory is an array of records; what is left over at the end is ignored. */
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

SEC("mem")
u64 topk(void *mem, u64 len)
{
	struct record *r = mem;
	u64 n = len / sizeof *r;

	for (u64 i = 1; i < n; i++) {
		struct record x = r[i];
		u64 j = i;

		for (; j > 0 && before(&x, &r[j - 1]); j--)
			r[j] = r[j - 1];
		r[j] = x;
	}
	return n > 2 ? r[2].key : 0;
}
