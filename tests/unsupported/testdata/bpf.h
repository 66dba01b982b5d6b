// What the programs here need of the kernel's and of libbpf's headers.
typedef unsigned int __u32;
typedef unsigned long long __u64;
#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __uptr __attribute__((btf_type_tag("uptr")))
#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
char LICENSE[] SEC("license") = "GPL";

#define ARRAY(name, value_type) \
	struct { __uint(type, 2); __type(key, __u32); __type(value, value_type); __uint(max_entries, 1); } name SEC(".maps")
