// A variable in a section that is none of data.
#include "bpf.h"
int counter SEC("somewhere");

SEC("kprobe/do_exit") int f(void *ctx)
{
	return counter;
}
