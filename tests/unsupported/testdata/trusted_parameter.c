// A global function with a parameter that leads to a kernel's structure.
#include "bpf.h"
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
struct task_struct { int pid; } __attribute__((preserve_access_index));
static struct task_struct *(*const bpf_get_current_task_btf)(void) = (void *)158;

__attribute__((noinline)) int g(struct task_struct *task __arg_trusted)
{
	return task != 0;
}

SEC("kprobe/do_exit") int f(void *ctx)
{
	return g(bpf_get_current_task_btf());
}
