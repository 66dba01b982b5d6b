// A map whose definition has a member that nobody knows.
#include "bpf.h"
struct { __uint(type, 2); __type(key, __u32); __type(value, __u64); __uint(max_entries, 1); __uint(colour, 3); } values SEC(".maps");

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&values, &key) != 0;
}
