//go:build ignore

/* Counts dropped packets by the place that drops them: the first example of a
 * tracing filter, of 2014, with the tables that those had. */
#include "tracefilter.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u64);
	__type(value, u64);
} drops SEC(".maps");

enum { DROPS }; /* tables are numbered in the order of their declaration */

SEC("events/skb/kfree_skb") int dropmon(struct bpf_context *ctx)
{
	u64 place = ctx->arg2, first = 1;
	u64 *count = bpf_table_lookup(ctx, DROPS, &place);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_table_update(ctx, DROPS, &place, &first);
	return 0;
}
