// What every program of this directory needs: UAPI types, map macros, and the
// few kernel structures that the CO-RE programs walk. The structures name only
// the members that are read; the loader finds the true offsets.
#ifndef CORPUS_TRACE_H
#define CORPUS_TRACE_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <asm/ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#define TASK_COMM_LEN 16
#define LICENSE(text) char _license[] SEC("license") = text
#define INLINE static __always_inline
#define OUTLINE static __attribute__((noinline))

#define MAP(name, kind, k, v, n)                                               \
	struct {                                                               \
		__uint(type, kind);                                            \
		__uint(max_entries, n);                                        \
		__type(key, k);                                                \
		__type(value, v);                                              \
	} name SEC(".maps")

#define HASH(name, k, v, n) MAP(name, BPF_MAP_TYPE_HASH, k, v, n)
#define LRU(name, k, v, n) MAP(name, BPF_MAP_TYPE_LRU_HASH, k, v, n)
#define ARRAY(name, v, n) MAP(name, BPF_MAP_TYPE_ARRAY, __u32, v, n)
#define PERCPU(name, v, n) MAP(name, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, v, n)

#define PERF_EVENTS(name)                                                      \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                   \
		__uint(key_size, 4);                                           \
		__uint(value_size, 4);                                         \
	} name SEC(".maps")

#define RINGBUF(name, bytes)                                                   \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                            \
		__uint(max_entries, bytes);                                    \
	} name SEC(".maps")

#define STACKS(name, depth, n)                                                 \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_STACK_TRACE);                        \
		__uint(key_size, 4);                                           \
		__uint(value_size, (depth) * 8);                               \
		__uint(max_entries, n);                                        \
	} name SEC(".maps")

// log2 of v rounded down, without a loop; 0 for 0.
INLINE __u32 log2_u32(__u32 v)
{
	__u32 r, s;

	r = (v > 0xffff) << 4;
	v >>= r;
	s = (v > 0xff) << 3;
	v >>= s;
	r |= s;
	s = (v > 0xf) << 2;
	v >>= s;
	r |= s;
	s = (v > 0x3) << 1;
	v >>= s;
	return r | s | (v >> 1);
}

INLINE __u32 log2_u64(__u64 v)
{
	__u32 high = v >> 32;

	return high ? log2_u32(high) + 32 : log2_u32(v);
}

#endif
