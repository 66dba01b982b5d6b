// A work queue in a map value.
#include "bpf.h"
struct bpf_wq { __u64 a, b; } __attribute__((aligned(8)));
struct value { struct bpf_wq work; };
extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
ARRAY(values, struct value);

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	return v ? bpf_wq_init(&v->work, &values, 0) : 0;
}
