package cheader

// predefined are the structures that the preamble declares.
var predefined = []string{"bpf_spin_lock", "bpf_timer", "bpf_dynptr", "bpf_iter_num"}

// preamble is what every header begins with: types, macros and constants by the
// names of the kernel's and libbpf's headers (include/uapi/linux/bpf.h, Linux 6.18).
const preamble = `
typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u32 __wsum;
typedef __u16 __sum16;

#ifndef NULL
#define NULL ((void *)0)
#endif

/* Sections of programs and of maps. */
#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#undef __noinline
#define __noinline __attribute__((noinline))
#undef __weak
#define __weak __attribute__((weak))
#undef __hidden
#define __hidden __attribute__((visibility("hidden")))
#undef __noreturn
#define __noreturn __attribute__((noreturn))
#undef __packed
#define __packed __attribute__((packed))

/* The attributes of a map in section .maps. */
#define __uint(name, val) int (*name)[val]
#define __ulong(name, val) enum { __bpfc_paste(__bpfc_unique, __COUNTER__) = val } name
#define __type(name, val) __typeof__(val) *name
#define __array(name, val) __typeof__(val) *name[]
#define __bpfc_paste2(a, b) a##b
#define __bpfc_paste(a, b) __bpfc_paste2(a, b)

/* Numbers in the order of the network, which is not that of BPF here. */
#ifndef bpf_htons
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_cpu_to_be64(x) __builtin_bswap64(x)
#define bpf_be64_to_cpu(x) __builtin_bswap64(x)
#endif

/* What the compiler must not see through. */
#ifndef barrier
#define barrier() __asm__ volatile("" ::: "memory")
#endif
#ifndef barrier_var
#define barrier_var(var) __asm__ volatile("" : "+r"(var))
#endif

/* Loops that end by themselves: while (can_loop) …; cond_break; in a body; bpf_for (i, 0, n) …; bpf_repeat (n) … */
#define can_loop ({ __label__ out, on; _Bool more = 1; __asm__ goto volatile("may_goto %l[out]" : : : : out); goto on; out: more = 0; on: more; })
#define cond_break if (can_loop) { } else break
#define bpf_for(i, first, end) \
	for (struct bpf_iter_num ___it __attribute__((cleanup(bpf_iter_num_destroy))), \
	     *___new __attribute__((unused)) = (bpf_iter_num_new(&___it, (first), (end)), NULL); \
	     ({ int *___n = bpf_iter_num_next(&___it); ___n && ((i) = *___n, (i) >= (int)(first) && (i) < (int)(end)); }); )
#define bpf_repeat(n) \
	for (struct bpf_iter_num ___it __attribute__((cleanup(bpf_iter_num_destroy))), \
	     *___new __attribute__((unused)) = (bpf_iter_num_new(&___it, 0, (n)), NULL); \
	     bpf_iter_num_next(&___it); )

/* A line for the trace, with up to three numbers. */
#define bpf_printk(text, ...) ({ static const char ___text[] = text; bpf_trace_printk(___text, sizeof(___text), ##__VA_ARGS__); })

/* A pointer in a structure that is laid out for 64 bits everywhere. */
#define __bpf_md_ptr(type, name) union { type name; __u64 :64; } __attribute__((aligned(8)))

/* Fields of map values and variables on the stack that helpers alone may touch. */
struct bpf_spin_lock { __u32 val; };
struct bpf_timer { __u64 __opaque[2]; } __attribute__((aligned(8)));
struct bpf_dynptr { __u64 __opaque[2]; } __attribute__((aligned(8)));
struct bpf_iter_num { __u64 __opaque[1]; } __attribute__((aligned(8)));

/* Flags of updates of maps. */
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2, BPF_F_LOCK = 4 };

/* Flags of maps (map_flags). */
enum {
	BPF_F_NO_PREALLOC = 1U << 0,
	BPF_F_NO_COMMON_LRU = 1U << 1,
	BPF_F_NUMA_NODE = 1U << 2,
	BPF_F_RDONLY = 1U << 3,
	BPF_F_WRONLY = 1U << 4,
	BPF_F_STACK_BUILD_ID = 1U << 5,
	BPF_F_ZERO_SEED = 1U << 6,
	BPF_F_RDONLY_PROG = 1U << 7,
	BPF_F_WRONLY_PROG = 1U << 8,
	BPF_F_CLONE = 1U << 9,
	BPF_F_MMAPABLE = 1U << 10,
	BPF_F_PRESERVE_ELEMS = 1U << 11,
	BPF_F_INNER_MAP = 1U << 12,
};

/* How a map in section .maps is pinned; bpfc pins none. */
enum libbpf_pin_type { LIBBPF_PIN_NONE, LIBBPF_PIN_BY_NAME };

/* Flags of helpers. */
enum {
	BPF_F_RECOMPUTE_CSUM = 1ULL << 0,
	BPF_F_INVALIDATE_HASH = 1ULL << 1,
	BPF_F_HDR_FIELD_MASK = 0xfULL,
	BPF_F_PSEUDO_HDR = 1ULL << 4,
	BPF_F_MARK_MANGLED_0 = 1ULL << 5,
	BPF_F_MARK_ENFORCE = 1ULL << 6,
	BPF_F_INGRESS = 1ULL << 0,
	BPF_F_BROADCAST = 1ULL << 3,
	BPF_F_EXCLUDE_INGRESS = 1ULL << 4,
	BPF_F_TUNINFO_IPV6 = 1ULL << 0,
	BPF_F_ZERO_CSUM_TX = 1ULL << 1,
	BPF_F_DONT_FRAGMENT = 1ULL << 2,
	BPF_F_SEQ_NUMBER = 1ULL << 3,
	BPF_F_SKIP_FIELD_MASK = 0xffULL,
	BPF_F_USER_STACK = 1ULL << 8,
	BPF_F_FAST_STACK_CMP = 1ULL << 9,
	BPF_F_REUSE_STACKID = 1ULL << 10,
	BPF_F_USER_BUILD_ID = 1ULL << 11,
	BPF_F_INDEX_MASK = 0xffffffffULL,
	BPF_F_CURRENT_CPU = BPF_F_INDEX_MASK,
	BPF_F_CTXLEN_MASK = 0xfffffULL << 32,
	BPF_F_CURRENT_NETNS = -1LL,
	BPF_F_ADJ_ROOM_FIXED_GSO = 1ULL << 0,
	BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 = 1ULL << 1,
	BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 = 1ULL << 2,
	BPF_F_ADJ_ROOM_ENCAP_L4_GRE = 1ULL << 3,
	BPF_F_ADJ_ROOM_ENCAP_L4_UDP = 1ULL << 4,
	BPF_F_ADJ_ROOM_NO_CSUM_RESET = 1ULL << 5,
	BPF_ADJ_ROOM_NET = 0,
	BPF_ADJ_ROOM_MAC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1ULL << 0,
	BPF_SK_STORAGE_GET_F_CREATE = BPF_LOCAL_STORAGE_GET_F_CREATE,
	BPF_FIB_LOOKUP_DIRECT = 1U << 0,
	BPF_FIB_LOOKUP_OUTPUT = 1U << 1,
	BPF_FIB_LOOKUP_SKIP_NEIGH = 1U << 2,
	BPF_FIB_LOOKUP_TBID = 1U << 3,
	BPF_FIB_LOOKUP_SRC = 1U << 4,
	BPF_RB_NO_WAKEUP = 1ULL << 0,
	BPF_RB_FORCE_WAKEUP = 1ULL << 1,
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
	BPF_RB_CONS_POS = 2,
	BPF_RB_PROD_POS = 3,
};
`

// records are the structures that helpers read or write as plain memory and that no set describes
// (include/uapi/linux/bpf.h and btf.h, Linux 6.18).
var records = map[string]string{
	"bpf_sock_tuple": `struct bpf_sock_tuple {
	union {
		struct { __be32 saddr; __be32 daddr; __be16 sport; __be16 dport; } ipv4;
		struct { __be32 saddr[4]; __be32 daddr[4]; __be16 sport; __be16 dport; } ipv6;
	};
};`,
	"bpf_tunnel_key": `struct bpf_tunnel_key {
	__u32 tunnel_id;
	union { __u32 remote_ipv4; __u32 remote_ipv6[4]; };
	__u8 tunnel_tos;
	__u8 tunnel_ttl;
	union { __u16 tunnel_ext; __be16 tunnel_flags; };
	__u32 tunnel_label;
	union { __u32 local_ipv4; __u32 local_ipv6[4]; };
};`,
	"bpf_xfrm_state": `struct bpf_xfrm_state {
	__u32 reqid;
	__u32 spi;
	__u16 family;
	__u16 ext;
	union { __u32 remote_ipv4; __u32 remote_ipv6[4]; };
};`,
	"bpf_fib_lookup": `struct bpf_fib_lookup {
	__u8 family;
	__u8 l4_protocol;
	__be16 sport;
	__be16 dport;
	union { __u16 tot_len; __u16 mtu_result; };
	__u32 ifindex;
	union { __u8 tos; __be32 flowinfo; __u32 rt_metric; };
	union { __be32 ipv4_src; __u32 ipv6_src[4]; };
	union { __be32 ipv4_dst; __u32 ipv6_dst[4]; };
	union { struct { __be16 h_vlan_proto; __be16 h_vlan_TCI; }; __u32 tbid; };
	union { struct { __u32 mark; }; struct { __u8 smac[6]; __u8 dmac[6]; }; };
};`,
	"bpf_redir_neigh": `struct bpf_redir_neigh {
	__u32 nh_family;
	union { __be32 ipv4_nh; __u32 ipv6_nh[4]; };
};`,
	"bpf_pidns_info": `struct bpf_pidns_info {
	__u32 pid;
	__u32 tgid;
};`,
	"bpf_perf_event_value": `struct bpf_perf_event_value {
	__u64 counter;
	__u64 enabled;
	__u64 running;
};`,
	"btf_ptr": `struct btf_ptr {
	void *ptr;
	__u32 type_id;
	__u32 flags;
};`,
}
