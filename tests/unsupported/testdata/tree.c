// A red-black tree in a map value.
#include "bpf.h"
struct bpf_spin_lock { __u32 val; };
struct bpf_rb_root { __u64 a, b; } __attribute__((aligned(8)));
struct bpf_rb_node { __u64 a, b, c, d; } __attribute__((aligned(8)));
struct item { struct bpf_rb_node node; __u64 n; };
struct value { struct bpf_spin_lock lock; struct bpf_rb_root root __contains(item, node); };
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
ARRAY(values, struct value);
struct item *unused;

SEC("kprobe/do_exit") int f(void *ctx)
{
	__u32 key = 0;
	struct value *v = bpf_map_lookup_elem(&values, &key);
	return v && bpf_rbtree_first(&v->root);
}
