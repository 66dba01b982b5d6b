// Compiled for a big-endian machine.
#include "bpf.h"

SEC("kprobe/do_exit") int f(void *ctx)
{
	return 0;
}
