// A table of functions in data.
#include "bpf.h"
__attribute__((noinline)) static int one(void) { return 1; }
__attribute__((noinline)) static int two(void) { return 2; }
int (*volatile const table[])(void) = {one, two};

SEC("kprobe/do_exit") int f(void *ctx)
{
	return table[ctx != 0]();
}
