// An object that the program allocates.
#include "bpf.h"
extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
struct item { __u64 n; };

SEC("kprobe/do_exit") int f(void *ctx)
{
	struct item *i = bpf_obj_new_impl(__builtin_btf_type_id(*(struct item *)0, 0), 0);
	if (i)
		bpf_obj_drop_impl(i, 0);
	return 0;
}
