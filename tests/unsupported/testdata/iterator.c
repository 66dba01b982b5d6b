// An iterator over the kernel's tasks.
#include "bpf.h"
struct bpf_iter_task { __u64 opaque[3]; } __attribute__((aligned(8)));
struct task_struct;
extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task, unsigned int flags) __ksym;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym;

SEC("kprobe/do_exit") int f(void *ctx)
{
	struct bpf_iter_task it;
	int n = 0;
	bpf_iter_task_new(&it, 0, 0);
	while (bpf_iter_task_next(&it))
		n++;
	bpf_iter_task_destroy(&it);
	return n;
}
