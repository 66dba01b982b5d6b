// Memory shared with user space.
#include "bpf.h"
#define __arena __attribute__((address_space(1)))
struct { __uint(type, 33); __uint(map_flags, 1 << 10); __uint(max_entries, 1); } memory SEC(".maps");
int __arena counter SEC(".addr_space.1");

SEC("kprobe/do_exit") int f(void *ctx)
{
	__asm__ volatile("" ::"r"(&memory));
	counter++;
	return 0;
}
