// A map in .maps, compiled without -g.
#include "bpf.h"
ARRAY(values, __u64);

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&values, &key) != 0;
}
