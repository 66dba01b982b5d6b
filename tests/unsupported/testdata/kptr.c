// A pointer to a kernel's object in a map value, and a load of it.
#include "bpf.h"
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct value { struct task_struct __kptr *task; };
ARRAY(values, struct value);

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	return v && v->task;
}
