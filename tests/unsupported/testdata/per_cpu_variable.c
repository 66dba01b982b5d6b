// A variable of the kernel.
#include "bpf.h"
extern const int bpf_prog_active __ksym;
static void *(*const bpf_this_cpu_ptr)(const void *percpu_ptr) = (void *)154;

SEC("kprobe/do_exit") int f(void *ctx)
{
	return *(int *)bpf_this_cpu_ptr(&bpf_prog_active);
}
