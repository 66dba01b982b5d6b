// A thousand lookups a run, with keys that follow one another without a pattern; the same loop without a lookup.
#include <linux/bpf.h>
#define SEC(x) __attribute__((section(x), used))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name
typedef unsigned int u32;
typedef unsigned long long u64;
static void *(*bpf_map_lookup_elem)(void *, const void *) = (void *)1;

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 16384); __type(key, u32); __type(value, u64); } array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16384); __type(key, u64); __type(value, u64); } hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 16384); __type(key, u32); __type(value, u64); } percpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16384); __type(key, u64); __type(value, u64); } lru SEC(".maps");

struct route { u32 length, address; };
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 16384); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct route); __type(value, u64); } lpm SEC(".maps");

#define BENCH(name, key_type, map, LOOKUP)                                   \
	SEC("xdp") int name(struct xdp_md *ctx)                              \
	{                                                                    \
		u64 sum = 0, x = 88172645463325252ull;                       \
		for (int i = 0; i < 1000; i++) {                             \
			x ^= x << 13; x ^= x >> 7; x ^= x << 17;             \
			key_type key = x % 10000;                            \
			LOOKUP                                               \
		}                                                            \
		return sum;                                                  \
	}
#define LOOK(map) u64 *v = bpf_map_lookup_elem(&map, &key); if (v) sum += *v;
BENCH(none, u32, array, sum += *(volatile u32 *)&key;)
BENCH(in_array, u32, array, LOOK(array))
BENCH(in_percpu, u32, percpu, LOOK(percpu))
BENCH(in_hash, u64, hash, LOOK(hash))
BENCH(in_lru, u64, lru, LOOK(lru))
BENCH(in_lpm, u64, lpm, struct route to; to.length = 32; to.address = __builtin_bswap32(key << 8 | 7); u64 *v = bpf_map_lookup_elem(&lpm, &to); if (v) sum += *v;)
char _license[] SEC("license") = "GPL";
