// Data with an address in a section that is none of data.
#include "bpf.h"
static int counter SEC("somewhere");
int *volatile pointer = &counter;

SEC("kprobe/do_exit") int f(void *ctx)
{
	return *pointer;
}
