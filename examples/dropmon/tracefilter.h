/* What dropmon needs of the tracing filters of 2014, in C of today. `bpfc plugin
 * header tracing` prints the whole set. */
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

enum { BPF_MAP_TYPE_HASH = 1 };

struct bpf_context {
	u64 arg1, arg2, arg3, arg4, arg5, arg6, ret;
};

/* They had no number yet: they are called by their names. */
extern void *bpf_table_lookup(struct bpf_context *ctx, int table, const void *key);
extern int bpf_table_update(struct bpf_context *ctx, int table, const void *key, const void *value);
