// An exception.
#include "bpf.h"
extern void bpf_throw(__u64 cookie) __ksym;

SEC("kprobe/do_exit") int f(void *ctx)
{
	if (ctx == (void *)1)
		bpf_throw(0);
	return 0;
}
