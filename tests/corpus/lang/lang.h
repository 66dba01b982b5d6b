// What every program of this directory needs.
#ifndef CORPUS_LANG_H
#define CORPUS_LANG_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define LICENSE(text) char _license[] SEC("license") = text
#define INLINE static __always_inline
#define OUTLINE static __attribute__((noinline))
#define ROLLED _Pragma("clang loop unroll(disable) vectorize(disable)")

#define MAP(name, kind, k, v, n)                                               \
	struct {                                                               \
		__uint(type, kind);                                            \
		__uint(max_entries, n);                                        \
		__type(key, k);                                                \
		__type(value, v);                                              \
	} name SEC(".maps")

#define ARRAY(name, v, n) MAP(name, BPF_MAP_TYPE_ARRAY, __u32, v, n)
#define HASH(name, k, v, n) MAP(name, BPF_MAP_TYPE_HASH, k, v, n)
#define PERCPU(name, v, n) MAP(name, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, v, n)

// Hides a value from the compiler, so that the code for it stays.
#define hide(x) asm volatile("" : "+r"(x))

// The first n bytes of the packet, or a null pointer.
INLINE void *head(struct xdp_md *ctx, __u64 n)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + n > end ? 0 : data;
}

#endif
