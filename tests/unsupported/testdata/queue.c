// A work queue in a map value.
#include "bpf.h"
struct bpf_wq { __u64 a, b; } __attribute__((aligned(8)));
struct value { struct bpf_wq work; __u64 count; };
ARRAY(values, struct value);

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	if (v)
		v->count++;
	return 0;
}
