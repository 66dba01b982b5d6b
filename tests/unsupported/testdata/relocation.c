// A field whose place depends on the kernel, without the types of a kernel.
#include "bpf.h"
struct task_struct { int pid; } __attribute__((preserve_access_index));
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;

SEC("kprobe/do_exit") int f(void *ctx)
{
	return bpf_get_current_task_btf()->pid;
}
