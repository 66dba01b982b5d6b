// A linked list in a map value.
#include "bpf.h"
struct bpf_spin_lock { __u32 val; };
struct bpf_list_head { __u64 a, b; } __attribute__((aligned(8)));
struct bpf_list_node { __u64 a, b, c; } __attribute__((aligned(8)));
struct item { struct bpf_list_node node; __u64 n; };
struct value { struct bpf_spin_lock lock; struct bpf_list_head head __contains(item, node); };
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
ARRAY(values, struct value);
struct item *unused;

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	return v && bpf_list_pop_front(&v->head);
}
