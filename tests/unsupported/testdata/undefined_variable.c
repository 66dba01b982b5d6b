// A variable that nothing defines.
#include "bpf.h"
extern int somewhere;

SEC("kprobe/do_exit") int f(void *ctx)
{
	return somewhere;
}
